//! The server process, and what the system says of it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// `leaderserver serve` on a free port. Ends when dropped.
pub struct ServerProcess {
    child: Child,
    address: String,
}

impl ServerProcess {
    pub fn start() -> Self {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_leaderserver"));
        serve.args(["serve", "--listen", "127.0.0.1:0", "--cold", "-qq"]);
        Self::spawn(serve.args(["--max-session-timeout", "1h"]))
    }

    /// As [`ServerProcess::start`], with its state in a directory.
    pub fn start_durable(data: &Path) -> Self {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_leaderserver"));
        serve.args(["serve", "--listen", "127.0.0.1:0", "--cold", "-qq", "--data"]).arg(data);
        Self::spawn(serve.args(["--max-session-timeout", "1h"]))
    }

    /// This program as the least that could answer.
    pub fn start_bare() -> Self {
        let this = std::env::current_exe().expect("Linux says so");
        Self::spawn(Command::new(this).arg("--as-bare-server"))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program was built");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("listening on ").expect("it serves").to_owned();
        ServerProcess { child, address }
    }

    /// As an operator stops it.
    pub fn stop(mut self) {
        // SAFETY: a signal to a child that was not waited for yet.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGTERM) };
        self.child.wait().expect("it is a child");
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn endpoint(&self) -> String {
        format!("leader://{}", self.address)
    }

    /// Resident memory in bytes.
    pub fn memory(&self) -> u64 {
        let status = self.read("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
        1024 * kilobytes.and_then(|text| text.parse::<u64>().ok()).expect("Linux says so")
    }

    /// User and system time so far.
    pub fn cpu(&self) -> Duration {
        let stat = self.read("stat");
        // The name in parentheses may hold spaces.
        let (_, fields) = stat.rsplit_once(')').expect("the format of proc(5)");
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().expect("a number of ticks"))
            .sum();
        // SAFETY: a question without pointers.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
        Duration::from_secs_f64(ticks as f64 / per_second)
    }

    fn read(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(path).expect("the server lives")
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes all descriptors that the system lets us have, for this process and those it starts.
pub fn raise_descriptor_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointers are valid.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raised) == 0 {
            limit = raised;
        }
    }
    limit.rlim_cur
}

/// Nanoseconds of a clock that all processes of the machine share.
pub fn shared_clock() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
