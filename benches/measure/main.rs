//! Measures LeaderServer on this machine: `make bench`, or `cargo bench --bench measure -- WORDS`.
//!
//! With words, only the groups whose names contain one of them. `--quick` takes fewer rounds. Each
//! group prints its rows and leaves `target/bench/GROUP.json`. The server is always the
//! `leaderserver` program in a process of its own; figures mean something only where nothing else
//! runs, so the load of the machine is printed first, and the floor is measured in the same run.

#![allow(clippy::unwrap_used)]

mod bare;
mod crowd;
mod durable;
mod failover;
mod idle;
mod latency;
mod local;
mod peers;
mod recovery;
mod report;
mod server;
mod watchers;

use report::Report;

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Fewer rounds.
    pub quick: bool,
}

impl Effort {
    /// So many rounds, or fewer.
    pub fn rounds(self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

type Measure = fn(&mut Report, Effort);

const GROUPS: [(&str, Measure); 8] = [
    ("floor", latency::floor),
    ("grant", latency::grant_and_hand_over),
    ("failover", failover::kill_to_grant),
    ("watchers", watchers::one_change_to_all),
    ("idle", idle::memory_and_cpu),
    ("local", local::in_process),
    ("durable", durable::grants_and_writes),
    ("recovery", recovery::of_much),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((role, rest)) = arguments.split_first() {
        // This program again, as another process of the measurement.
        match role.as_str() {
            "--as-crowd" => return crowd::run(rest),
            "--as-bare-server" => return bare::run(),
            "--as-candidate" => return peers::candidate(rest),
            _ => {}
        }
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let words: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    server::raise_descriptor_limit();
    report::introduce(quick);
    for (group, measure) in GROUPS {
        if words.is_empty() || words.iter().any(|word| group.contains(word.as_str())) {
            let mut report = Report::new(group);
            measure(&mut report, Effort { quick });
            report.save(quick);
        }
    }
}
