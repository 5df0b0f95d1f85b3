//! The program on a data directory, at a port of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use leaderserver::client::{Contender, LeaderClient, Polled};
use leaderserver::core::config::{ClientConfig, Endpoint, Mode};
use leaderserver::core::contenders::Callback;
use leaderserver::core::ids::{LeaderSessionId, Name};

pub const PATIENCE: Duration = Duration::from_secs(40);

/// A directory that is removed in the end, and a port.
pub struct Place {
    pub directory: PathBuf,
    port: u16,
}

impl Place {
    pub fn new(name: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("durable-{name}-{}-{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Place { directory, port }
    }

    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub fn endpoint(&self) -> String {
        format!("leader://127.0.0.1:{}", self.port)
    }

    /// Starts the program, and answers once it serves.
    pub fn serve(&self) -> Program {
        self.serve_on(&self.data())
    }

    pub fn serve_on(&self, data: &Path) -> Program {
        Self::start(&mut self.command(data))
    }

    pub fn command(&self, data: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leaderserver"));
        command
            .args(["serve", "--cold", "--listen", &format!("127.0.0.1:{}", self.port), "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn start(command: &mut Command) -> Program {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if !line.starts_with("listening on ") {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it does not serve: {said}");
        }
        // Nobody reads what it logs; it must not wait for that.
        let mut stderr = child.stderr.take().unwrap();
        thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Program { child }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !thread::panicking() {
            std::fs::remove_dir_all(&self.directory).unwrap();
        }
    }
}

pub struct Program {
    child: Child,
}

impl Program {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As an operator stops it.
    pub fn stop(mut self) {
        // SAFETY: a signal to a child that was not waited for yet.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, libc::SIGTERM) }, 0);
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client whose components have an election each.
pub fn client(endpoint: &str, name: &str) -> LeaderClient {
    client_with(endpoint, name, |_| {})
}

/// As [`client`], with other settings.
pub fn client_with(
    endpoint: &str,
    name: &str,
    change: impl FnOnce(&mut ClientConfig),
) -> LeaderClient {
    let mut config = ClientConfig {
        endpoint: Some(Endpoint::parse(endpoint).unwrap()),
        namespace: Some(Name::new("namespace", "/durable").unwrap()),
        name: Name::new("name", name).unwrap(),
        mode: Mode::PerComponent,
        ..ClientConfig::default()
    };
    change(&mut config);
    LeaderClient::open(config, None).unwrap()
}

/// The next callback, taken and done.
pub fn next(client: &LeaderClient, contender: &Contender, patience: Duration) -> Option<Callback> {
    let until = Instant::now() + patience;
    loop {
        if let Some(callback) = contender.take() {
            contender.done();
            return Some(callback);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || client.poll(&mut [0; 8], left) == Polled::Closed {
            return None;
        }
    }
}

/// Waits until it leads.
pub fn lead(client: &LeaderClient, contender: &Contender) -> LeaderSessionId {
    match next(client, contender, PATIENCE) {
        Some(Callback::Grant(id)) => id,
        other => panic!("not granted, but {other:?}"),
    }
}
