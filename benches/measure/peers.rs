//! Clients of the measurements, in this process and in others.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;

use leaderserver::client::{Confirmation, Contender, LeaderClient, Polled, Watch};
use leaderserver::core::config::{ClientConfig, Endpoint, Timing};
use leaderserver::core::contenders::Callback;
use leaderserver::core::ids::{LeaderSessionId, Name};

pub const NAMESPACE: &str = "bench";

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A client with its own session.
pub struct Peer {
    pub client: LeaderClient,
    /// Keeps the session open between two candidacies.
    _kept: Option<Watch>,
}

impl Peer {
    /// One that is connected already, and stays so.
    pub fn connect(endpoint: &str, name: &str, timing: Timing) -> Self {
        let mut peer = Self::open(endpoint, name, timing);
        peer._kept = Some(peer.client.watch("kept", 0).unwrap());
        peer.settle();
        peer
    }

    /// One that connects when it is asked for something.
    pub fn open(endpoint: &str, name: &str, timing: Timing) -> Self {
        let config = ClientConfig {
            endpoint: Some(Endpoint::parse(endpoint).unwrap()),
            namespace: Some(Name::new("namespace", NAMESPACE).unwrap()),
            name: Name::new("name", name).unwrap(),
            timing,
            stall_timeout: None,
            ..ClientConfig::default()
        };
        Peer { client: LeaderClient::open(config, None).unwrap(), _kept: None }
    }

    /// An answer that comes back: what was said before it has arrived.
    pub fn settle(&self) {
        self.client.status(PATIENCE).unwrap();
    }

    pub fn stand(&self, component: &str) -> Contender {
        self.client.register(component, 1).unwrap()
    }

    /// Polls as users do, until the contender is granted.
    pub fn granted(&self, contender: &Contender) -> LeaderSessionId {
        let mut cookies = [0; 4];
        loop {
            let polled = self.client.poll(&mut cookies, Duration::from_secs(1));
            assert_ne!(polled, Polled::Closed);
            match contender.take() {
                Some(Callback::Grant(id)) => {
                    contender.done();
                    return id;
                }
                Some(other) => panic!("expected a grant: {other:?}"),
                None => {}
            }
        }
    }
}

/// Closes as users do.
pub fn close(contender: &Contender) {
    if contender.close(false).is_some() {
        contender.done();
    }
}

pub fn confirm(contender: &Contender, id: LeaderSessionId, address: &str) {
    let confirmed = contender.confirm(id, Bytes::copy_from_slice(address.as_bytes()));
    assert_eq!(confirmed, Confirmation::Confirmed);
}

/// Grace and time-out as they are given to another process.
pub fn timing(session_timeout_ms: u64, disconnect_grace_ms: u64) -> Timing {
    Timing {
        session_timeout: Duration::from_millis(session_timeout_ms),
        disconnect_grace: Duration::from_millis(disconnect_grace_ms),
    }
}

/// `--as-candidate ENDPOINT GRACE_MS`: leads until killed.
pub fn candidate(arguments: &[String]) {
    let grace: u64 = arguments[1].parse().unwrap();
    let peer = Peer::connect(&arguments[0], "candidate", timing(10_000, grace));
    let contender = peer.stand("dispatcher");
    let id = peer.granted(&contender);
    confirm(&contender, id, "candidate");
    peer.settle();
    println!("granted");
    loop {
        peer.client.poll(&mut [0], Duration::from_secs(1));
    }
}

/// This program again, in another process. Ends when dropped.
pub struct Other {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Other {
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Other { child, lines }
    }

    /// The next line that it says.
    pub fn line(&mut self) -> String {
        self.lines.next().expect("it runs on").unwrap()
    }

    /// As `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
