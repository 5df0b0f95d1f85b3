//! A server that stood still hears what was said meanwhile before it finds anybody silent.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use leaderserver::core::wire::message::ClientMessage;

use super::raw::{Raw, timing};

/// A server in a process of its own.
struct Process(Child);

impl Process {
    fn signal(&self, signal: i32) {
        let pid = libc::pid_t::try_from(self.0.id()).expect("a process id");
        // SAFETY: a child that was not waited for yet, so that the id is still its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(libc::SIGKILL);
        let _ = self.0.wait();
    }
}

#[test]
fn heartbeats_that_came_while_the_server_stood_still_count() {
    let child = Command::new(env!("CARGO_BIN_EXE_leaderserver"))
        .args(["serve", "--listen", "127.0.0.1:0", "--cold"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program was built");
    let mut process = Process(child);
    let output = process.0.stdout.take().expect("it is piped");
    let line = BufReader::new(output).lines().next().expect("it says where").expect("in text");
    let port = line.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");

    let mut raw = Raw::connect_to(port);
    let mut hello = raw.hello("patient");
    hello.timing = timing(500, 200);
    raw.say_hello(hello);
    raw.join();
    let id = raw.granted();

    process.signal(libc::SIGSTOP);
    // Three time-outs pass: time itself is what is waited for.
    for sequence in 1..=15 {
        raw.send(&ClientMessage::Heartbeat { sequence });
        std::thread::sleep(Duration::from_millis(100));
    }
    process.signal(libc::SIGCONT);
    assert!(raw.answers(16), "its session and its connection live");
    raw.publish(id, "here".into());
    raw.send(&ClientMessage::Watch { component: super::raw::name("dispatcher") });
    assert!(raw.is_told("here"), "it still leads");
}
