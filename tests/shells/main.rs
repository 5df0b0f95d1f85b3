//! The shells under many seeds of faults: the real server and clients, over real sockets, threads
//! and clocks, with the promises checked on what their users saw.
//!
//! Each round has a server (every other one durable), three or four processes, direct or through a
//! [`proxy`] each, and users who open, close, block and stall. The [`knife`] cuts direct connections,
//! so that the grace counts (R1); the server is restarted; then all is mended, and [`check`] looks at
//! the history. A seed gives the faults and when they are tried; threads and kernel do the rest, so
//! that it makes a round likely again, not certain.
//!
//! Turmoil does not fit: it brings its own sockets and clock and one thread for everything, where
//! the shells ask the kernel's sockets whether they are open (R2), tell an end that was received
//! from one of their own (R1), and read `CLOCK_BOOTTIME`; under it they would be other shells.
//!
//! Real time passes, but the safety checks need no tolerance: has-leadership was certainly true at
//! some instant between two readings of the clock, and the checks compare only what ended before
//! something else began. Liveness is waited for with patience for a busy machine.
//!
//! It bites: a server that grants at once after a start without memory (R12) is caught as P1 within
//! some twenty rounds. What needs a client cut off for longer than the grace while it still has its
//! lease (the 80 % rule, R2) it hardly reaches, for a client reconnects within the millisecond: that
//! is for the simulation and for network namespaces.
//!
//! `SHELL_ROUNDS=n` runs more rounds, `SHELL_SEED=n` one of them, `SHELL_AT_ONCE=n` so many at once.

#![allow(clippy::unwrap_used)]

mod chance;
mod check;
mod history;
mod knife;
mod process;
mod proxy;
mod round;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use round::Outcome;

/// Rounds of a plain `cargo test`.
const ROUNDS: u64 = 120;

/// Most of a round is waiting.
const AT_ONCE: u64 = 10;

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number, not '{value}'")))
}

/// P1, P2, P3, P4, P6 under faults of the network, restarts, and users at their worst.
#[test]
fn promises_hold_over_real_sockets_and_threads() {
    if let Some(seed) = number("SHELL_SEED") {
        println!("{seed}: {:?}", round::run(seed));
        return;
    }
    let rounds = number("SHELL_ROUNDS").unwrap_or(ROUNDS);
    let (next, began) = (AtomicU64::new(0), Instant::now());
    let (outcomes, broken) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..number("SHELL_AT_ONCE").unwrap_or(AT_ONCE) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= rounds || !broken.lock().is_empty() {
                        return;
                    }
                    match round::run(seed) {
                        Ok(outcome) => outcomes.lock().push(outcome),
                        Err(text) => broken.lock().push(format!("SHELL_SEED={seed}: {text}")),
                    }
                }
            });
        }
    });
    report(&outcomes.lock(), began.elapsed());
    let broken = broken.into_inner();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn report(outcomes: &[Outcome], took: Duration) {
    let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    println!(
        "{} rounds in {took:?}: {} leaderships, {} writes applied, {} faults, {} restarts",
        outcomes.len(),
        sum(|outcome| outcome.leaderships as u64),
        sum(|outcome| outcome.writes as u64),
        sum(|outcome| outcome.faults),
        sum(|outcome| outcome.restarts),
    );
    let mut slowest: Vec<_> =
        outcomes.iter().map(|outcome| (outcome.mended, outcome.seed)).collect();
    slowest.sort();
    slowest.reverse();
    slowest.truncate(5);
    println!("all was well again at the latest after (with the seed): {slowest:?}");
}
