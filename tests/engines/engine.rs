//! The name services that the suite runs over.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use leaderserver::client::LeaderClient;
use leaderserver::core::config::{ClientConfig, Endpoint, ServerConfig};
use leaderserver::core::ids::Name;
use leaderserver::server::LeaderServer;

use crate::proxy::Proxy;

/// A name service of its own, for one test.
pub trait Engine: Send + Sync {
    /// What a client gives as its endpoint.
    fn endpoint(&self) -> String;

    /// Whether what it knows outlives it.
    fn is_durable(&self) -> bool {
        false
    }
}

/// `embedded:NAME`.
pub struct Embedded {
    name: String,
    /// The server lives as long as somebody uses it.
    _user: LeaderClient,
}

impl Embedded {
    pub fn start() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("suite-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let config = ClientConfig {
            endpoint: Some(Endpoint::Embedded(Some(Name::new("name", &name).unwrap()))),
            namespace: Some(Name::new("namespace", "nobody").unwrap()),
            ..ClientConfig::default()
        };
        let _user = LeaderClient::open(config, None).unwrap();
        Embedded { name, _user }
    }
}

impl Engine for Embedded {
    fn endpoint(&self) -> String {
        format!("embedded:{}", self.name)
    }
}

/// `leader://`: a LeaderServer on a port of its own, and a proxy to it for faults.
pub struct Remote {
    port: u16,
    server: Mutex<Option<LeaderServer>>,
    proxy: Proxy,
    /// Where its state is, if that outlives it.
    data: Option<PathBuf>,
}

/// The longest session time-out that the suite's servers accept: what a warm start waits for.
pub const MAX_SESSION_TIMEOUT: Duration = Duration::from_secs(30);

impl Remote {
    pub fn start() -> Self {
        Self::start_on(None)
    }

    /// As [`Remote::start`], with state that outlives the server.
    pub fn start_durable() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("engines-{}-{number}", std::process::id());
        let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        Self::start_on(Some(data))
    }

    fn start_on(data: Option<PathBuf>) -> Self {
        let config =
            ServerConfig { data: data.clone(), ..config(0, true, MAX_SESSION_TIMEOUT, None) };
        let server = LeaderServer::start(config, None).unwrap();
        let port = server.local_port().unwrap();
        Remote { port, server: Mutex::new(Some(server)), proxy: Proxy::start(port), data }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What a client gives to have the proxy in between.
    pub fn far_endpoint(&self) -> String {
        format!("leader://127.0.0.1:{}", self.proxy.port())
    }

    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    pub fn stop(&self) {
        self.server.lock().take().unwrap().stop();
    }

    /// Another server on the same port.
    pub fn start_again(&self, cold: bool, max_session_timeout: Duration, namespace: Option<&str>) {
        let config = config(self.port, cold, max_session_timeout, namespace);
        let config = ServerConfig { data: self.data.clone(), ..config };
        *self.server.lock() = Some(LeaderServer::start(config, None).unwrap());
    }
}

impl Engine for Remote {
    fn endpoint(&self) -> String {
        format!("leader://127.0.0.1:{}", self.port)
    }

    fn is_durable(&self) -> bool {
        self.data.is_some()
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        if let Some(server) = self.server.lock().take() {
            server.stop();
        }
        if let Some(data) = self.data.as_ref().filter(|_| !std::thread::panicking()) {
            std::fs::remove_dir_all(data).unwrap();
        }
    }
}

fn config(
    port: u16,
    cold: bool,
    max_session_timeout: Duration,
    namespace: Option<&str>,
) -> ServerConfig {
    ServerConfig {
        listen: Some(("127.0.0.1".to_owned(), port)),
        namespace: namespace.map(|name| Name::new("namespace", name).unwrap()),
        max_session_timeout,
        cold,
        ..ServerConfig::default()
    }
}
