//! What goes wrong with processes and paths.

use std::time::Duration;

use super::Walker;
use crate::ambush::{Act, When};
use crate::clock::{MS, SEC};
use crate::net::{Direction, Route};
use crate::process::Ask;

impl Walker {
    pub(super) fn lose_process(&mut self) {
        let Some(i) = self.somebody_remote() else { return };
        if self.pick(2) == 0 { self.world.lose_host(i) } else { self.world.kill(i) }
    }

    /// It is killed, or its host lost, and soon another has its name and does what it did.
    pub(super) fn start_again(&mut self) {
        let Some(i) = self.somebody_remote() else { return };
        self.lose_process_of(i);
        let pause = self.pick(self.session_timeout() / 2);
        if self.pick(1) == 0 {
            self.world.run_for(Duration::from_nanos(pause));
        }
        self.world.count("fault: a process is started again under the same name");
        let former = &self.world.processes[i];
        let (label, namespace) = (former.name.to_string(), former.namespace.to_string());
        let route = former.route;
        let contended: Vec<String> =
            former.users.values().map(|user| user.component.to_string()).collect();
        let watched: Vec<String> =
            former.watchers.values().map(|watcher| watcher.component.to_string()).collect();
        let i = self.world.process_by(&label, &namespace, route);
        for component in contended {
            // Some were registered again and again.
            let _ = self.world.try_contend(i, &component, Default::default());
        }
        for component in watched {
            self.world.watch(i, &component);
        }
    }

    fn lose_process_of(&mut self, i: usize) {
        if self.pick(2) == 0 { self.world.lose_host(i) } else { self.world.kill(i) }
    }

    fn some_pause(&mut self) -> Duration {
        let most = if self.pick(1) == 0 { self.session_timeout() * 3 / 2 } else { SEC / 2 };
        Duration::from_nanos(self.pick(most))
    }

    pub(super) fn pause_process(&mut self) {
        let Some(i) = self.somebody_remote() else { return };
        let pause = self.some_pause();
        if self.world.processes[i].paused {
            return;
        }
        if self.pick(3) == 0 {
            self.world.suspend(i, pause);
        } else {
            self.world.pause(i, pause);
        }
    }

    pub(super) fn collect_garbage(&mut self) {
        let Some(i) = self.somebody_awake() else { return };
        if self.world.processes[i].fetching {
            let pause = self.some_pause();
            self.world.collect_garbage(i, pause);
        }
    }

    /// Events are fetched no more, or again.
    pub(super) fn stall(&mut self) {
        if let Some(i) = self.somebody_awake() {
            let fetching = !self.world.processes[i].fetching;
            if !fetching {
                self.world.count("fault: events are not fetched");
            }
            self.world.set_fetching(i, fetching);
        }
    }

    pub(super) fn partition(&mut self) {
        let Some(i) = self.somebody_remote() else { return };
        match self.pick(3) {
            0 => self.world.partition(i),
            1 => self.world.block(i, Direction::ToClient),
            2 => {
                self.world.count("fault: connecting fails");
                let elsewhere = vec!["elsewhere:6130".to_owned()];
                let refused = if self.pick(1) == 0 { elsewhere } else { Vec::new() };
                self.world.net.failing.insert(i, refused);
            }
            _ => self.world.block(i, Direction::ToServer),
        }
    }

    /// The server is cut off from everybody, for a while or until they are healed one by one.
    pub(super) fn isolate(&mut self) {
        let remote = |i: &usize| self.world.processes[*i].route != Route::Local;
        let all: Vec<usize> = self.living().into_iter().filter(remote).collect();
        self.world.count("fault: nobody reaches the server");
        all.iter().for_each(|&i| self.world.partition(i));
        if self.pick(1) == 0 {
            let pause = self.some_pause();
            self.world.run_for(pause);
            all.iter().for_each(|&i| self.world.heal(i));
        }
    }

    pub(super) fn heal(&mut self) {
        for i in self.living() {
            if self.world.is_partitioned(i) || self.world.net.failing.contains_key(&i) {
                return self.world.heal(i);
            }
        }
    }

    pub(super) fn break_link(&mut self) {
        let Some(link) = self.somebodys_link() else { return };
        match self.pick(3) {
            0 => self.world.cut_by_server(link),
            1 => self.world.lose(link),
            _ => self.world.reset_at_client(link),
        }
    }

    /// Packets take longer from now on, or shorter.
    pub(super) fn slow_network(&mut self) {
        self.world.count("fault: the network is slow");
        let most = self.pick(self.session_timeout() / 4);
        let slow = most.max(MS);
        let delay = self.one_of(&[(MS / 10, MS), (MS, 20 * MS), (slow / 2, slow)]);
        self.world.setup.delay = delay.expect("there are some");
    }

    /// The client is moved away from its name service, or to it.
    pub(super) fn rebind(&mut self) {
        if let Some(i) = self.somebody_remote() {
            self.world.count("fault: the client is moved to another name service");
            self.world.ask(i, Ask::Bound(false));
            self.world.ask(i, Ask::Bound(true));
        }
    }

    /// Something happens at the next moment of a kind.
    pub(super) fn lay_ambush(&mut self) {
        let pause = self.some_pause();
        let when = self.one_of(&[
            When::Granting,
            When::Told,
            When::Revoking,
            When::Welcomed,
            When::Granted,
        ]);
        let act = self.one_of(&[
            Act::Close,
            Act::CloseAndRegister,
            Act::CloseAndRegister,
            Act::CloseClient,
            Act::Kill,
            Act::Pause(pause),
            Act::Suspend(pause),
            Act::Reset,
            Act::Partition,
            Act::KillServer,
            Act::PauseServer(pause),
            Act::Resign,
        ]);
        self.world.ambush = when.zip(act);
    }
}
