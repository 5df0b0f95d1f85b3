//! A clock that stands still until a thread of the model moves it, in place of `src/clock.rs`.

use std::cell::Cell;

use leaderserver::core::time::Moment;
use loom::sync::atomic::{AtomicU64, Ordering};

/// Where it stands when a model begins: no machine has just been switched on.
pub(crate) const BEGIN: u64 = 2;

thread_local! {
    // All threads of a model are turns of one: each model has a clock of its own.
    static NOW: Cell<u64> = const { Cell::new(0) };
    static READ: Cell<u64> = const { Cell::new(0) };
}

loom::lazy_static! {
    /// Says to loom that reading and moving meet, without ordering anything else by it.
    static ref TURN: AtomicU64 = AtomicU64::new(0);
}

pub(crate) fn now() -> Moment {
    TURN.load(Ordering::Relaxed);
    READ.set(NOW.get());
    Moment::from_nanos(NOW.get())
}

/// What it said last, to whomever.
pub(crate) fn last_read() -> u64 {
    READ.get()
}

pub(crate) fn move_to(nanos: u64) {
    TURN.store(nanos, Ordering::Relaxed);
    NOW.set(nanos);
}
