//! What befalls a process: it is killed, stopped for a while, or its user does not come.

use std::time::Duration;

use crate::clock::{SEC, nanos};
use crate::net::Direction;
use crate::process::{Ask, Cause};
use crate::world::{Event, World};

impl World {
    /// kill -9: the kernel closes what it had open.
    pub fn kill(&mut self, i: usize) {
        self.count("fault: a client's process is killed");
        self.say("killed", [i as u64, 0], || format!("p{i}"));
        self.kernel_closes(i);
        self.processes[i].alive = false;
    }

    /// The power of its host fails: nobody is told.
    pub fn lose_host(&mut self, i: usize) {
        self.count("fault: a client's host is lost");
        self.say("host lost", [i as u64, 0], || format!("p{i}"));
        self.links_of(i).into_iter().for_each(|link| self.lose(link));
        self.processes[i].alive = false;
    }

    /// SIGSTOP, and SIGCONT after a while.
    pub fn pause(&mut self, i: usize, duration: Duration) {
        self.count("fault: a client's process is stopped and goes on");
        self.pause_for(i, duration);
    }

    fn pause_for(&mut self, i: usize, duration: Duration) {
        self.say("paused", [i as u64, nanos(duration)], || format!("p{i} for {duration:?}"));
        self.processes[i].paused = true;
        self.after(nanos(duration), Event::Wake { process: i });
    }

    /// Its whole machine is suspended, and woken after a while: its clock has gone on, its timers
    /// have not, and what was sent to it comes some retransmission later.
    pub fn suspend(&mut self, i: usize, duration: Duration) {
        self.count("fault: a client's machine is suspended");
        self.processes[i].suspended = true;
        self.pause_for(i, duration);
    }

    /// The client's task hangs for a while; the rest of its process goes on.
    pub fn hang(&mut self, i: usize, duration: Duration) {
        self.say("hangs", [i as u64, nanos(duration)], || format!("p{i} for {duration:?}"));
        self.keep_busy(i);
        self.after(nanos(duration), Event::GoOn { process: i });
    }

    /// A garbage collection: the task goes on, the users do not.
    pub fn collect_garbage(&mut self, i: usize, duration: Duration) {
        self.count("fault: garbage collection");
        self.say("collects", [i as u64, nanos(duration)], || format!("p{i} for {duration:?}"));
        self.processes[i].collecting = true;
        self.set_fetching(i, false);
        self.after(nanos(duration), Event::Collected { process: i });
    }

    pub(crate) fn collected(&mut self, i: usize) {
        if self.postpone(i, Event::Collected { process: i }) {
            return;
        }
        if std::mem::take(&mut self.processes[i].collecting) {
            for event in std::mem::take(&mut self.processes[i].uncollected) {
                let wait = self.latency();
                self.after(wait, event);
            }
            self.set_fetching(i, true);
        }
    }

    /// Keeps what its users do for later where they can't do anything now.
    pub(crate) fn postpone_user(&mut self, i: usize, event: Event) -> bool {
        let process = &mut self.processes[i];
        if process.alive && !process.paused && process.collecting {
            process.uncollected.push(event);
            return true;
        }
        self.postpone(i, event)
    }

    pub(crate) fn wake(&mut self, i: usize) {
        if !std::mem::take(&mut self.processes[i].paused) {
            return;
        }
        let suspended = std::mem::take(&mut self.processes[i].suspended);
        if suspended {
            self.retransmit(i, Direction::ToClient);
        }
        self.say("wakes", [i as u64, 0], || format!("p{i}"));
        // What asks first asks before anything of the pause is looked at.
        self.check_leader(i);
        let mut postponed = std::mem::take(&mut self.processes[i].postponed);
        while !postponed.is_empty() {
            let next = self.pick((0, postponed.len() as u64 - 1)) as usize;
            let event = postponed.swap_remove(next);
            let mut wait = self.latency();
            if suspended && matches!(event, Event::ProcessTimer { .. }) {
                // Sleeps are cut to a second, but that second stood still.
                wait += self.pick((0, SEC));
            }
            self.after(wait, event);
        }
    }

    /// Keeps an event for later where the process can't do anything now.
    pub(crate) fn postpone(&mut self, i: usize, event: Event) -> bool {
        let process = &mut self.processes[i];
        if process.alive && process.paused {
            process.postponed.push(event);
        }
        process.paused || !process.alive
    }

    /// The user stops fetching events, or fetches again (P9).
    pub fn set_fetching(&mut self, i: usize, fetching: bool) {
        self.say("fetching", [i as u64, u64::from(fetching)], || format!("p{i}: {fetching}"));
        let timeout = nanos(self.setup.stall_timeout);
        let process = &mut self.processes[i];
        process.fetching = fetching;
        process.stall_generation += 1;
        if !fetching {
            let generation = process.stall_generation;
            return self.after(timeout, Event::Stall { process: i, generation });
        }
        let unfetched = std::mem::take(&mut process.unfetched);
        if std::mem::take(&mut process.stalled) {
            self.ask(i, Ask::Pulse);
        }
        for event in unfetched {
            self.after(0, event);
        }
    }

    pub(crate) fn stall_timer(&mut self, i: usize, generation: u64) {
        if self.postpone(i, Event::Stall { process: i, generation }) {
            return;
        }
        let now = self.now;
        if self.is_busy(i) {
            // The task looks when it is done.
            let wait = self.latency();
            return self.after(wait, Event::Stall { process: i, generation });
        }
        let process = &mut self.processes[i];
        if process.stall_generation != generation || process.closed {
            return;
        }
        process.stalled = true;
        process.driven = process.clock.at(now);
        process.session.handle_stalled(process.clock.at(now), true);
        self.turn(i, Cause::Other);
    }
}
