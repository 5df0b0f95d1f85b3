//! P4: who is dead does not stay in the way, and when nothing is broken any more somebody leads in
//! time. Then everybody knows (P6), and nothing is left over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use leaderserver::core::contenders::{Callback, RegistrationId};
use leaderserver::core::ids::{LeaderSessionId, Name, SessionId};
use leaderserver::core::name_service::FENCE_KEPT;
use leaderserver::core::store::ANSWERS_KEPT;

use crate::clock::{MS, ms};
use crate::server::ServerProcess;
use crate::world::World;

/// A timer may be so late.
const TICK: Duration = ms(1);

/// The longest between two attempts to connect.
const LONGEST_PAUSE: Duration = ms(1000);

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
            self.collected(process);
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

    /// P4, from when nothing is broken any more: how long it may take until somebody leads. A
    /// silent leader's session ends within its time-out, and a server that remembers nothing waits
    /// for the longest that it accepts (R12); one tick, and whoever is to lead must have come back
    /// meanwhile.
    pub fn time_to_lead(&self) -> Duration {
        let remembers = self.disk.is_some() && self.status().remote_grants_in_ms == 0;
        let session = self.settled().session_timeout;
        let waits = if remembers { Duration::ZERO } else { self.setup.max_session_timeout };
        session.max(waits) + self.time_to_come_back() + TICK
    }

    /// How long a client takes at the most to be connected again: a heartbeat that is not answered,
    /// silence, an attempt that hangs, a pause, and one that does not.
    fn time_to_come_back(&self) -> Duration {
        let asked = self.setup.timing;
        let patience = (asked.session_timeout / 4).max(Duration::from_millis(500));
        asked.heartbeat() + asked.silence() + patience + LONGEST_PAUSE + ms(500)
    }

    /// How long all may take to be well once nothing is broken any more: somebody leads, and what
    /// was given up for dead has ended, too.
    pub fn time_to_mend(&self) -> Duration {
        let session = self.settled().session_timeout;
        self.setup.max_session_timeout + session * 2 + Duration::from_secs(8)
    }

    /// P4: from now on nothing is broken. In time somebody leads every election that somebody
    /// stands in, by the word of the name service and by its own.
    pub fn check_led_in_time(&mut self) {
        self.run_for(self.time_to_lead());
        for (namespace, election) in self.elections() {
            let leads = self.open().any(|(i, id)| {
                let process = &self.processes[i];
                let here = process.mode.election_of(&process.users[&id].component);
                process.namespace == namespace && here == election && self.leads(i, id)
            });
            if !leads && !self.is_being_closed(&namespace, &election) {
                let bound = self.time_to_lead();
                self.fail("P4", &format!("nobody leads '{election}' of {namespace} in {bound:?}"));
            }
            self.count("somebody leads within the time that P4 gives");
        }
    }

    /// Whether a contender is closed whose callback still runs: the resignation follows it (P3).
    fn is_being_closed(&self, namespace: &Name, election: &Name) -> bool {
        self.living().map(|i| &self.processes[i]).any(|process| {
            let mut closing = process.users.iter().filter(|(id, user)| {
                user.closed.is_some() && !process.contenders.is_finished(**id)
            });
            process.namespace == *namespace
                && closing.any(|(_, user)| process.mode.election_of(&user.component) == *election)
        })
    }

    /// P4, at every moment: a session without a sign of life ends by its time-out, and by its grace
    /// where its process was killed (R1), with no more than a tick in between.
    pub(crate) fn check_sessions_end(&self) {
        let runs = |server: &&ServerProcess| !server.paused && !server.stopping;
        let Some(server) = self.server.as_ref().filter(runs) else { return };
        let now = server.clock.at(self.now);
        if server.service.poll_timeout().is_some_and(|moment| moment <= now + TICK) {
            return;
        }
        for session in self.status().namespaces.iter().flat_map(|n| &n.sessions) {
            let id = SessionId(session.session);
            let Some(truth) = self.truth.sessions.get(&(self.era, id)) else { continue };
            if !session.in_process && truth.ends_by() + TICK < now {
                self.fail("P4", &format!("session {id} outlives itself: {truth:?}"));
            }
        }
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
