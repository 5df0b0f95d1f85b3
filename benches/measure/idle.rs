//! What idle sessions cost the server.

use std::thread;
use std::time::{Duration, Instant};

use leaderserver::core::config::Timing;

use crate::Effort;
use crate::crowd::{self, Duty};
use crate::report::Report;
use crate::server::ServerProcess;

const SESSIONS: usize = 5_000;

pub fn memory_and_cpu(report: &mut Report, effort: Effort) {
    let seconds = effort.rounds(30, 5) as u64;
    let server = ServerProcess::start();
    let before = server.memory();
    let crowd = crowd::start(server.address(), SESSIONS, Duty::Idle);
    let cpu = cpu_percent(&server, seconds);
    let each = server.memory().saturating_sub(before) as f64 / SESSIONS as f64 / 1024.0;
    let name = format!("server memory per idle session, of {SESSIONS}");
    report.row(&name, each, "kB", Some(4.0));
    let name = format!("server CPU with {SESSIONS} sessions, time-out 10 s, of one core");
    report.row(&name, cpu, "%", Some(0.5));
    drop((crowd, server));

    let bare = ServerProcess::start_bare();
    let _crowd = crowd::start(bare.address(), SESSIONS, Duty::Idle);
    let floor = cpu_percent(&bare, seconds / 3 + 1);
    report.row("  floor: one thread on one epoll, the same messages", floor, "%", None);
    let beats = SESSIONS as f64 / Timing::default().heartbeat().as_secs_f64();
    let each = |percent: f64| percent / 100.0 * 1e6 / beats;
    report.row("  that is, per heartbeat and its answer", each(cpu), "us", None);
    report.row("  and the floor's", each(floor), "us", None);
}

fn cpu_percent(server: &ServerProcess, seconds: u64) -> f64 {
    let (cpu, started) = (server.cpu(), Instant::now());
    thread::sleep(Duration::from_secs(seconds));
    100.0 * (server.cpu() - cpu).as_secs_f64() / started.elapsed().as_secs_f64()
}
