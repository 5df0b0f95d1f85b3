//! What the users of one round saw, stamped with the clock that also survives a suspension.
//!
//! A stamp is read before what it comes before, and after what it comes after; so whatever the
//! checks conclude from two stamps holds however long a thread was held up between them.

use std::collections::BTreeMap;

use bytes::Bytes;
use leaderserver::clock;
use leaderserver::core::contenders::Callback;
use leaderserver::core::error::Error;
use leaderserver::core::ids::{Epoch, LeaderInformation, LeaderSessionId, Revision};
use parking_lot::Mutex;

/// Nanoseconds of CLOCK_BOOTTIME.
pub type Stamp = u64;

pub fn now() -> Stamp {
    clock::now().as_nanos()
}

#[derive(Default)]
pub struct History(Mutex<Seen>);

#[derive(Default)]
pub struct Seen {
    /// By the election and the id, where has-leadership was read as true.
    pub led: BTreeMap<(String, LeaderSessionId), Led>,
    pub contenders: Vec<Contending>,
    pub watches: Vec<Watched>,
    pub confirmed: Vec<Confirming>,
    pub writes: Vec<Writing>,
    /// What a user found wrong on the spot.
    pub wrong: Vec<String>,
}

/// When a leadership held for certain.
#[derive(Clone, Copy, Debug)]
pub struct Led {
    pub process: usize,
    /// It was held by then: the first reading had ended.
    pub by: Stamp,
    /// It was held then or later: the last reading began.
    pub still: Stamp,
}

/// One registration and what happened to it, in order.
pub struct Contending {
    pub whom: String,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A thread is about to take a callback, if one is due.
    Taking,
    Begun(Callback),
    Returned,
    /// Its close has returned.
    Closed,
    /// Its client's close has returned.
    ClientClosed,
}

pub struct Watched {
    pub whom: String,
    pub told: Vec<(Stamp, Option<LeaderInformation>)>,
}

pub struct Confirming {
    pub before: Stamp,
    pub id: LeaderSessionId,
    pub address: Bytes,
}

/// A write, under the epoch in which it was decided.
#[derive(Debug)]
pub struct Writing {
    pub election: String,
    pub epoch: Epoch,
    pub key: String,
    pub before: Stamp,
    /// Which of the successive name services that share no memory.
    pub era: u64,
    /// And when the answer was there.
    pub era_after: u64,
    pub result: Result<Revision, Error>,
}

impl History {
    pub fn contender(&self, whom: String) -> usize {
        let mut seen = self.0.lock();
        seen.contenders.push(Contending { whom, steps: Vec::new() });
        seen.contenders.len() - 1
    }

    pub fn step(&self, contender: usize, step: Step) {
        self.0.lock().contenders[contender].steps.push(step);
    }

    pub fn watch(&self, whom: String) -> usize {
        let mut seen = self.0.lock();
        seen.watches.push(Watched { whom, told: Vec::new() });
        seen.watches.len() - 1
    }

    pub fn told(&self, watch: usize, value: Option<LeaderInformation>) {
        let stamp = now();
        self.0.lock().watches[watch].told.push((stamp, value));
    }

    pub fn confirming(&self, id: LeaderSessionId, address: Bytes) {
        let before = now();
        self.0.lock().confirmed.push(Confirming { before, id, address });
    }

    pub fn wrote(&self, write: Writing) {
        self.0.lock().writes.push(write);
    }

    pub fn wrong(&self, text: String) {
        self.0.lock().wrong.push(text);
    }

    /// Has-leadership was read as true, after `before`.
    pub fn led(&self, process: usize, election: &str, id: LeaderSessionId, before: Stamp) {
        let after = now();
        let led = Led { process, by: after, still: before };
        let mut seen = self.0.lock();
        let entry = seen.led.entry((election.to_owned(), id)).or_insert(led);
        if entry.process != process {
            let text = format!("P1: {id} leads '{election}' in {} and in {process}", entry.process);
            return seen.wrong.push(text);
        }
        entry.by = entry.by.min(after);
        entry.still = entry.still.max(before);
    }

    pub fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.0.lock())
    }
}
