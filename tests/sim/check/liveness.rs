//! P4 and P6 when all is well again: somebody leads, everybody knows, and nothing is left over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use leaderserver::core::contenders::{Callback, RegistrationId};
use leaderserver::core::ids::{LeaderSessionId, Name};
use leaderserver::core::name_service::FENCE_KEPT;
use leaderserver::core::store::ANSWERS_KEPT;

use crate::clock::MS;
use crate::world::World;

impl World {
    /// Mends everything: server, paths, pauses, stalls.
    pub fn mend(&mut self) {
        self.net.host_down = false;
        self.mend_server();
        if self.server.is_none() {
            self.start_server(false);
        }
        self.wake_server();
        for process in 0..self.processes.len() {
            self.heal(process);
            self.wake(process);
            if !self.processes[process].fetching {
                self.set_fetching(process, true);
            }
        }
    }

    /// Mends its disk, and ends a server that stops.
    pub fn mend_server(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.trap = None;
            disk.latency = (MS / 50, MS / 2);
            self.fill_disk(false);
            self.disk_goes_on();
        }
        if self.server.as_ref().is_some_and(|server| server.stopping) {
            self.kill_server(false);
        }
    }

    /// How long all may take to be well once nothing is broken any more: the server's wait after
    /// its start (R12), a session that has to time out, and what finding that out takes.
    pub fn time_to_mend(&self) -> Duration {
        let session = self.settled().session_timeout;
        self.setup.max_session_timeout + session * 2 + Duration::from_secs(8)
    }

    /// Holds what everybody believes against what the server has.
    pub fn check_well(&self) {
        self.check_server();
        self.check_store();
        let status = self.status();
        let mut published: BTreeMap<(String, String), (String, String)> = BTreeMap::new();
        for namespace in &status.namespaces {
            for c in namespace.components.iter().filter(|c| !c.election.is_empty()) {
                let key = (namespace.namespace.clone(), c.component.clone());
                published.insert(key, (c.leader_session_id.clone(), c.address.clone()));
            }
        }
        for (namespace, election) in self.elections() {
            self.check_election(&namespace, &election);
        }
        self.check_published(&published);
        self.check_retrievers(&published);
    }

    /// Everybody who is alive and has not closed.
    fn living(&self) -> impl Iterator<Item = usize> + '_ {
        let lives = |i: &usize| self.processes[*i].alive && !self.processes[*i].closed;
        (0..self.processes.len()).filter(lives)
    }

    /// The open registrations of the living.
    fn open(&self) -> impl Iterator<Item = (usize, RegistrationId)> + '_ {
        self.living().flat_map(|i| {
            let open = self.processes[i].users.iter().filter(|(_, user)| user.closed.is_none());
            open.map(move |(id, _)| (i, *id))
        })
    }

    fn elections(&self) -> BTreeSet<(Name, Name)> {
        self.open()
            .map(|(i, id)| {
                let process = &self.processes[i];
                let election = process.mode.election_of(&process.users[&id].component);
                (process.namespace.clone(), election)
            })
            .collect()
    }

    fn check_election(&self, namespace: &Name, election: &Name) {
        let mut leader: Option<(usize, LeaderSessionId)> = None;
        for (i, id) in self.open() {
            let process = &self.processes[i];
            let user = &process.users[&id];
            let here = process.mode.election_of(&user.component);
            if process.namespace != *namespace || here != *election {
                continue;
            }
            let what = |why: &str| format!("{election}: p{i} {id:?} {why}");
            let told = user.told.iter().rfind(|(_, told)| !matches!(told, Callback::Failed(_)));
            match (self.leadership(i, id), told.map(|(_, told)| told)) {
                (Some(session), Some(Callback::Grant(told))) if session == *told => {
                    if leader.is_some_and(|leader| leader != (i, session)) {
                        self.fail("P1", &what("leads, too"));
                    }
                    leader = Some((i, session));
                }
                (Some(_), told) => self.fail("P4", &what(&format!("leads, but was told {told:?}"))),
                (None, Some(Callback::Grant(_))) => {
                    self.fail("P4", &what("believes that it leads"));
                }
                (None, _) => {}
            }
        }
        let status = self.status();
        let namespaces = status.namespaces.iter().filter(|n| n.namespace == namespace.as_str());
        let mut elections = namespaces.flat_map(|n| &n.elections);
        let found = elections.find(|e| e.election == election.as_str()).map(|e| e.epoch);
        let epoch = leader.map(|(_, session)| session.epoch.0);
        if epoch.is_none() || found != epoch {
            let text = format!("{election}: the server has epoch {found:?}, the leader {epoch:?}");
            self.fail("P4", &text);
        }
    }

    /// Published is what the leader's contenders confirmed, and nothing else (P7).
    fn check_published(&self, published: &BTreeMap<(String, String), (String, String)>) {
        let mut expected = BTreeMap::new();
        for (i, id) in self.open() {
            let process = &self.processes[i];
            let user = &process.users[&id];
            if let Some((session, address)) = &user.confirmed
                && self.leadership(i, id) == Some(*session)
            {
                let key = (process.namespace.to_string(), user.component.to_string());
                let address = String::from_utf8_lossy(address).into_owned();
                expected.insert(key, (session.to_string(), address));
            }
        }
        if expected != *published {
            self.fail("P7", &format!("published is {published:?}, confirmed {expected:?}"));
        }
    }

    fn check_retrievers(&self, published: &BTreeMap<(String, String), (String, String)>) {
        for i in self.living() {
            let process = &self.processes[i];
            for (watch, watcher) in &process.watchers {
                let key = (process.namespace.to_string(), watcher.component.to_string());
                let told = self.last_told(i, *watch).map(|told| {
                    told.map(|leader| {
                        let address = String::from_utf8_lossy(&leader.address).into_owned();
                        (leader.id.to_string(), address)
                    })
                });
                if told != Some(published.get(&key).cloned()) {
                    let text = format!("p{i} watch {watch} of {key:?} was told {told:?} last");
                    self.fail("P6", &format!("{text}, but the truth is {:?}", published.get(&key)));
                }
            }
        }
    }

    /// When everybody has closed, nothing is left (FLINK-33053).
    pub fn check_nothing_left(&mut self) {
        for i in self.living().collect::<Vec<_>>() {
            self.close_client(i);
        }
        // The sessions of the dead end by themselves; fences and answers are kept for a while.
        self.run_for(self.time_to_mend() + ANSWERS_KEPT + FENCE_KEPT);
        let status = self.status();
        // Those on which nothing was ever said are for the shell to cut.
        let open = |link: &&crate::net::Link| link.server_open && link.life == self.lives;
        let lost = self.net.links.values().filter(open).count() as u64;
        // Keys stay, and their namespaces with them.
        let empty = status.namespaces.iter().find(|namespace| namespace.store_keys == 0);
        let held =
            status.namespaces.iter().any(|n| !n.elections.is_empty() || !n.sessions.is_empty());
        if empty.is_some() || held || status.connections > lost {
            self.fail("lesson 22", &format!("something is left over: {status:?}"));
        }
        let server = self.server.as_ref().expect("asked for its status above");
        if let Some(moment) = server.service.poll_timeout() {
            self.fail("lesson 22", &format!("a timer is left over: {moment:?}"));
        }
    }
}
