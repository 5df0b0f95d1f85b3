//! What users do: contend, close, confirm, watch, and start processes.

use leaderserver::core::contenders::Callback;
use leaderserver::core::ids::{Epoch, LeaderSessionId};
use leaderserver::core::session::RequestKind;
use rand_chacha::rand_core::RngCore;

use super::{MOST_PROCESSES, Walker};
use crate::clock::{MS, ms};
use crate::net::Route;
use crate::users::Manners;
use crate::world::name;

impl Walker {
    pub(super) fn contend(&mut self) {
        let whom = if self.in_job_manager {
            let local = |i: &usize| self.world.processes[*i].route == Route::Local;
            self.living().into_iter().find(local)
        } else {
            self.somebody()
        };
        let Some(i) = whom else { return };
        let component = self.component();
        let manners = self.manners();
        // One who contends for it already is refused, and nothing changes.
        let before = self.world.processes[i].contenders.len();
        if self.world.try_contend(i, &component, manners).is_err() {
            assert_eq!(self.world.processes[i].contenders.len(), before);
        }
    }

    fn manners(&mut self) -> Manners {
        let session_timeout = self.session_timeout();
        let mut some = |long: u64| match self.rng.next_u64() % 4 {
            0 => (0, long),
            1 => (0, 20 * MS),
            _ => (1_000, MS / 10),
        };
        let (take, callback) = (some(session_timeout), some(2 * session_timeout));
        let confirm = Some(some(session_timeout)).filter(|(_, most)| most % 8 != 1);
        if callback.1 > 20 * MS {
            self.world.count("fault: a user blocks its callback");
        }
        if confirm.is_some_and(|(_, most)| most > 20 * MS) {
            self.world.count("fault: a user confirms late");
        }
        Manners { take, callback, confirm }
    }

    pub(super) fn close_contender(&mut self) {
        let Some((i, id)) = self.some_contender() else { return };
        let running = self.world.processes[i].users[&id].running > 0;
        let inside = running && self.pick(1) == 0;
        self.world.close(i, id, inside);
        if self.pick(2) == 0 {
            // Registered again at once, while the old one's revoke may still be out.
            let component = self.world.processes[i].users[&id].component.to_string();
            let manners = self.manners();
            // Another may have done so before.
            let _ = self.world.try_contend(i, &component, manners);
        }
    }

    pub(super) fn abandon(&mut self) {
        if let Some((i, id)) = self.some_contender() {
            self.world.abandon(i, id);
        }
    }

    /// Confirms late, twice, or under an id of its own making.
    pub(super) fn confirm_something(&mut self) {
        let Some((i, id)) = self.some_contender() else { return };
        let grants: Vec<LeaderSessionId> = self
            .world
            .told(i, id)
            .into_iter()
            .filter_map(|callback| match callback {
                Callback::Grant(session) => Some(session),
                _ => None,
            })
            .collect();
        let made_up = LeaderSessionId { epoch: Epoch(self.pick(1 << 50)), low: 7 };
        let session = self.one_of(&grants).unwrap_or(made_up);
        self.world.confirm_now(i, id, session);
    }

    /// Comes for a callback without having been told that there is one.
    pub(super) fn take_something(&mut self) {
        if let Some((i, id)) = self.some_contender() {
            self.world.take(i, id);
        }
    }

    pub(super) fn watch(&mut self) {
        let Some(i) = self.somebody() else { return };
        let component = self.component();
        let take = self.manners().take;
        self.world.watch_with(i, &component, take);
    }

    pub(super) fn unwatch(&mut self) {
        let Some(i) = self.somebody() else { return };
        let watches: Vec<u64> = self.world.processes[i].watchers.keys().copied().collect();
        let Some(watch) = self.one_of(&watches) else { return };
        let component = self.world.processes[i].watchers[&watch].component.to_string();
        self.world.unwatch(i, watch);
        if self.pick(1) == 0 {
            self.world.watch(i, &component);
        }
    }

    pub(super) fn new_process(&mut self) {
        if self.living().len() >= MOST_PROCESSES {
            return;
        }
        let route = if self.pick(4) == 0 { Route::Proxy } else { Route::Direct };
        let namespace = if self.pick(7) == 0 { "/other" } else { "/flink" };
        let label = format!("p{}", self.world.processes.len());
        let i = self.world.process_by(&label, namespace, route);
        let component = self.component();
        if self.in_job_manager || self.pick(3) == 0 {
            self.world.watch(i, &component);
        } else {
            for _ in 0..self.many() {
                let (component, manners) = (self.component(), self.manners());
                // It may have been thought of before.
                let _ = self.world.try_contend(i, &component, manners);
            }
        }
    }

    /// How many at once.
    fn many(&mut self) -> u64 {
        let most = self.components.len() as u64;
        if most > 3 { 1 + self.pick(most) } else { 1 }
    }

    pub(super) fn close_client(&mut self) {
        let Some(i) = self.somebody_remote() else { return };
        if !self.world.processes[i].paused && !self.world.processes[i].collecting {
            self.world.close_client(i);
        }
    }

    pub(super) fn start_job_manager(&mut self) {
        let label = format!("j{}", self.world.processes.len());
        let i = self.world.process_by(&label, "/flink", Route::Local);
        for component in self.components.clone() {
            let manners = self.manners();
            self.world.contend_with(i, &component, manners);
        }
    }

    /// Somebody asks a leader to step down, or for the status.
    pub(super) fn operate(&mut self) {
        let component = self.component();
        let election = self.world.setup.mode.election_of(&name(&component));
        let target = self.somebody().map(|i| self.world.processes[i].name.clone());
        let target = target.filter(|_| self.pick(1) == 0);
        let Some(i) = self.somebody() else { return };
        let kind = if self.pick(3) == 0 {
            RequestKind::Status
        } else {
            RequestKind::Resign { election, epoch: None, target }
        };
        self.world.request(i, kind, ms(3000));
    }
}
