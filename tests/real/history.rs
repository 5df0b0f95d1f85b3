//! What has happened to a set of processes, in the order in which it was heard of, with the times
//! at which they said it was: nanoseconds of `CLOCK_BOOTTIME`, one clock for all.

use std::fmt::Write;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// A leadership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    pub epoch: u64,
    pub low: u64,
}

/// Who leads a component, as it was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    pub id: Id,
    pub address: String,
}

/// What was asked of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    Get { election: String, key: String },
    List { election: String },
    Create { election: String, epoch: u64, key: String, value: String },
    Replace { election: String, epoch: u64, key: String, version: u64, value: String },
}

/// When something was done: it was not before the one, and not after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub before: u64,
    pub after: u64,
}

/// Registrations, operations and lives of processes have numbers that are never used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A process began.
    Started {
        life: usize,
        name: String,
    },
    /// It was killed, or ended.
    Ended {
        life: usize,
    },
    /// A contender was to be registered.
    Contended {
        life: usize,
        registration: u64,
        component: String,
    },
    Granted {
        registration: u64,
        id: Id,
        after: u64,
    },
    Revoked {
        registration: u64,
        after: u64,
        reason: String,
    },
    Failed {
        registration: u64,
        reason: String,
    },
    Closed {
        registration: u64,
        span: Span,
    },
    Confirmed {
        registration: u64,
        epoch: u64,
        status: String,
    },
    /// What has-leadership answered.
    Read {
        registration: u64,
        epoch: u64,
        leads: bool,
        span: Span,
    },
    /// What a watch was told.
    Told {
        life: usize,
        component: String,
        leader: Option<Leader>,
        after: u64,
    },
    Asked {
        life: usize,
        operation: u64,
        what: Operation,
    },
    Done {
        operation: u64,
        span: Span,
        status: String,
        version: u64,
        value: String,
    },
    /// An operator had the leadership handed on: to this epoch, which had been granted by then.
    Handed {
        component: String,
        epoch: u64,
        after: u64,
    },
    /// Something was broken or mended.
    Fault(String),
}

/// Grows as it is heard of.
#[derive(Default)]
pub struct History {
    events: Mutex<Vec<(u64, Event)>>,
    more: Condvar,
}

/// The present moment.
pub fn now() -> u64 {
    read_clock(libc::CLOCK_BOOTTIME)
}

/// How long the machine has been suspended, by which the clock of Java differs.
pub fn suspended() -> i64 {
    let clocks = || {
        let (before, boot) = (read_clock(libc::CLOCK_MONOTONIC), now());
        (read_clock(libc::CLOCK_MONOTONIC) - before, boot as i64 - before as i64)
    };
    // Of several readings, the one that was interrupted least.
    (0..100).map(|_| clocks()).min().expect("there is one").1
}

fn read_clock(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it is written to while it lives.
    assert_eq!(unsafe { libc::clock_gettime(clock, &raw mut time) }, 0);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

impl History {
    pub fn add(&self, event: Event) {
        self.events.lock().expect("no one panics with it").push((now(), event));
        self.more.notify_all();
    }

    /// All of it.
    pub fn events(&self) -> Vec<Event> {
        self.after(0)
    }

    /// What was added after that many.
    pub fn after(&self, seen: usize) -> Vec<Event> {
        let events = self.events.lock().expect("no one panics with it");
        events[seen..].iter().map(|(_, event)| event.clone()).collect()
    }

    /// Waits until there is more than that many, or for so long.
    pub fn wait(&self, seen: usize, longest: Duration) {
        let until = Instant::now() + longest;
        let mut events = self.events.lock().expect("no one panics with it");
        while events.len() <= seen {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            events = self.more.wait_timeout(events, left).expect("no one panics with it").0;
        }
    }

    /// For people; times in milliseconds, from the first on.
    pub fn text(&self) -> String {
        let events = self.events.lock().expect("no one panics with it");
        let first = events.first().map_or(0, |(at, _)| *at);
        events.iter().fold(String::new(), |mut text, (at, event)| {
            let millis = (at - first) as f64 / 1e6;
            writeln!(text, "{millis:12.3} {event:?}").expect("a text takes everything");
            text
        })
    }
}
