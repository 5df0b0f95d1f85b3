//! What idle sessions cost the server.

use std::thread;
use std::time::{Duration, Instant};

use crate::Effort;
use crate::crowd::{self, Duty};
use crate::report::Report;
use crate::server::ServerProcess;

const SESSIONS: usize = 5_000;

pub fn memory_and_cpu(report: &mut Report, effort: Effort) {
    let server = ServerProcess::start();
    let before = server.memory();
    let crowd = crowd::start(server.address(), SESSIONS, Duty::Idle);
    let each = |bytes: u64| bytes.saturating_sub(before) as f64 / SESSIONS as f64 / 1024.0;
    let name = format!("server memory per idle session, of {SESSIONS}");
    report.row(&name, each(server.memory()), "kB", Some(4.0));

    let (cpu, started) = (server.cpu(), Instant::now());
    thread::sleep(Duration::from_secs(effort.rounds(30, 5) as u64));
    let share = (server.cpu() - cpu).as_secs_f64() / started.elapsed().as_secs_f64();
    let name = format!("server CPU with {SESSIONS} sessions, time-out 10 s, of one core");
    report.row(&name, 100.0 * share, "%", Some(0.5));
    let heartbeats = SESSIONS as f64 / 4.0;
    report.row("  that is, per heartbeat and its answer", 1e6 * share / heartbeats, "us", None);
    report.row("server memory per session afterwards", each(server.memory()), "kB", None);
    drop(crowd);
}
