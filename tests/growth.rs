//! Nothing grows over 10 000 starts and stops (lesson 22, FLINK-33053): no descriptor, no thread,
//! no memory, neither in the client nor in the name service, which is in this process, too.
//!
//! A test binary of its own, so that it measures nobody else.

#![allow(clippy::unwrap_used)]

#[path = "engines/engine.rs"]
#[allow(dead_code)]
mod engine;
#[path = "engines/process.rs"]
#[allow(dead_code)]
mod process;
#[path = "engines/proxy.rs"]
#[allow(dead_code)]
mod proxy;

use engine::{Embedded, Engine, Remote};
use process::{PATIENCE, Process, eventually};

const ROUNDS: usize = 10_000;

/// Before the first measurement, so that allocators and tables have their size.
const WARM_UP: usize = 4_000;

#[test]
fn ten_thousand_starts_and_stops_leave_nothing() {
    // Pages of an allocator come and go, more of them where sockets do. A leak of 32 bytes a round,
    // tried with the cells of has-leadership, is over the first.
    nothing_grows(&Embedded::start(), 128);
    nothing_grows(&Remote::start(), 768);
}

fn nothing_grows(engine: &dyn Engine, slack_kb: u64) {
    let process = Process::start(&engine.endpoint(), "process");
    let observer = Process::start(&engine.endpoint(), "observer");
    let kept = observer.watch("kept");
    assert_eq!(kept.next(), None);
    start_and_stop(&process, WARM_UP);
    let (descriptors, threads, memory) = settled(&process, &observer);
    start_and_stop(&process, ROUNDS);
    let after = settled(&process, &observer);
    // A connection that was closed is still written to for a moment.
    eventually("descriptors and threads are as many as before", || {
        (count("/proc/self/fd"), count("/proc/self/task")) <= (descriptors, threads)
    });
    let grown = after.2.saturating_sub(memory);
    assert!(grown <= slack_kb, "{grown} kB more after {ROUNDS} rounds: {}", engine.endpoint());
}

/// In turn: with a session of its own, within one, with and without a value.
fn start_and_stop(process: &Process, rounds: usize) {
    for round in 0..rounds {
        let component = format!("component-{}", round % 7);
        let watching = process.watch(&component);
        let standing = process.stand(&component);
        if round % 4 != 0 {
            standing.lead("address");
            watching.until("address");
        }
        if round % 2 == 0 {
            standing.close();
        }
    }
}

/// Once nobody stands or watches any more.
fn settled(process: &Process, observer: &Process) -> (usize, usize, u64) {
    eventually("the client holds nothing", || {
        let state = process.client.state().unwrap();
        (state.contenders, state.watches, state.session) == (0, 0, 0)
    });
    eventually("the name service holds nothing", || {
        let status = observer.client.status(PATIENCE).unwrap();
        let namespace = &status.namespaces[0];
        let only_the_kept = namespace.components.iter().all(|c| c.component == "kept");
        namespace.elections.is_empty() && namespace.sessions.len() == 1 && only_the_kept
    });
    (count("/proc/self/fd"), count("/proc/self/task"), resident_kb())
}

fn count(folder: &str) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
