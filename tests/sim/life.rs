//! What befalls a process: it is killed, stopped for a while, or its user does not come.

use std::time::Duration;

use crate::clock::nanos;
use crate::process::{Ask, Cause};
use crate::world::{Event, World};

impl World {
    /// kill -9: the kernel closes what it had open.
    pub fn kill(&mut self, i: usize) {
        self.say("killed", [i as u64, 0], || format!("p{i}"));
        self.kernel_closes(i);
        self.processes[i].alive = false;
    }

    /// The power of its host fails: nobody is told.
    pub fn lose_host(&mut self, i: usize) {
        self.say("host lost", [i as u64, 0], || format!("p{i}"));
        self.links_of(i).into_iter().for_each(|link| self.lose(link));
        self.processes[i].alive = false;
    }

    /// SIGSTOP, and SIGCONT after a while.
    pub fn pause(&mut self, i: usize, duration: Duration) {
        self.say("paused", [i as u64, nanos(duration)], || format!("p{i} for {duration:?}"));
        self.processes[i].paused = true;
        self.after(nanos(duration), Event::Wake { process: i });
    }

    pub(crate) fn wake(&mut self, i: usize) {
        if !std::mem::take(&mut self.processes[i].paused) {
            return;
        }
        self.say("wakes", [i as u64, 0], || format!("p{i}"));
        // What asks first asks before anything of the pause is looked at.
        self.check_leader(i);
        let mut postponed = std::mem::take(&mut self.processes[i].postponed);
        while !postponed.is_empty() {
            let next = self.pick((0, postponed.len() as u64 - 1)) as usize;
            let event = postponed.swap_remove(next);
            let wait = self.latency();
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
        let process = &mut self.processes[i];
        if process.stall_generation != generation || process.closed {
            return;
        }
        process.stalled = true;
        process.session.handle_stalled(process.clock.at(now), true);
        self.turn(i, Cause::Other);
    }
}
