//! One change, until the last of many watchers was told, each with its own connection.

use std::time::Duration;

use leaderserver::core::config::Timing;

use crate::Effort;
use crate::crowd::{self, COMPONENT, Duty};
use crate::peers::{Peer, close, confirm};
use crate::report::Report;
use crate::server::{ServerProcess, raise_descriptor_limit, shared_clock};

/// Descriptors of the server that are no watcher's.
const SPARE: u64 = 100;

pub fn one_change_to_all(report: &mut Report, effort: Effort) {
    let most = raise_descriptor_limit().saturating_sub(SPARE) as usize;
    let sizes: &[(usize, Option<f64>)] = if effort.quick {
        &[(100, None), (1_000, None)]
    } else {
        &[(100, None), (1_000, None), (5_000, Some(40.0)), (20_000, None)]
    };
    for &(wanted, aim) in sizes {
        let count = wanted.min(most);
        if count < wanted {
            report.note(&format!("`ulimit -n` allows {count} watchers instead of {wanted}"));
        }
        let mut samples = changes(count, effort.rounds(20, 5));
        report.percentiles(
            &format!("one change to the last of {count} watchers"),
            &mut samples,
            aim,
        );
    }
}

fn changes(count: usize, rounds: usize) -> Vec<Duration> {
    let server = ServerProcess::start();
    let leader = Peer::connect(&server.endpoint(), "leader", Timing::default());
    let keeper = leader.stand("keeper");
    leader.granted(&keeper);
    let mut crowd = crowd::start(server.address(), count, Duty::Watch);
    let mut samples = Vec::new();
    for round in 0..=rounds {
        let contender = leader.stand(COMPONENT);
        let id = leader.granted(&contender);
        let confirmed = shared_clock();
        confirm(&contender, id, "akka.tcp://flink@host:6123/user/rpc/dispatcher_0");
        let told = crowd::all_told(&mut crowd);
        let closed = shared_clock();
        close(&contender);
        let told_none = crowd::all_told(&mut crowd);
        if round > 0 {
            samples.push(Duration::from_nanos(told - confirmed));
            samples.push(Duration::from_nanos(told_none - closed));
        }
    }
    samples
}
