//! From `kill -9` of the leading process to the next grant.

use std::time::Instant;

use leaderserver::core::config::Timing;

use crate::Effort;
use crate::peers::{Other, Peer, close};
use crate::report::{Report, millis, percentile};
use crate::server::ServerProcess;

pub fn kill_to_grant(report: &mut Report, effort: Effort) {
    let server = ServerProcess::start();
    let survivor = Peer::connect(&server.endpoint(), "survivor", Timing::default());
    for (grace_ms, rounds) in [(0, effort.rounds(40, 5)), (1_000, effort.rounds(8, 2))] {
        let grace = grace_ms.to_string();
        let mut samples: Vec<_> = (0..rounds)
            .map(|_| {
                let mut leader = Other::start(&["--as-candidate", &server.endpoint(), &grace]);
                assert_eq!(leader.line(), "granted");
                let contender = survivor.stand("dispatcher");
                survivor.settle();
                let killed = Instant::now();
                leader.kill();
                survivor.granted(&contender);
                let took = killed.elapsed();
                close(&contender);
                survivor.settle();
                took
            })
            .collect();
        let aim = grace_ms as f64 + 5.0;
        let name = format!("kill -9 to the next grant, grace {grace_ms} ms");
        let worst = millis(*samples.iter().max().expect("some rounds"));
        let median = percentile(&mut samples, 50);
        report.row(&format!("{name}, p50 of {rounds}"), median, "ms", Some(aim));
        report.row(&format!("{name}, worst"), worst, "ms", None);
    }
}
