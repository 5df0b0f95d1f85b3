//! `leaderserver serve`.

use std::io::Write;
use std::thread;
use std::time::Duration;

use leaderserver::core::config::{ServerConfig, split_host_port};
use leaderserver::core::error::Error;
use leaderserver::runtime;
use leaderserver::server::LeaderServer;

use crate::args::ServeArgs;
use crate::connect;
use crate::output::Failure;
use crate::signals::StopSignals;

/// Descriptors that are no client's: the listener, epoll, stdio, and some to spare.
const DESCRIPTORS_OF_OUR_OWN: u64 = 64;

/// Serves until told to stop.
pub fn run(options: &ServeArgs) -> Result<(), Failure> {
    // Before there are threads, so that none but this one gets them.
    let signals = StopSignals::keep()?;
    runtime::set_workers(thread::available_parallelism().map_or(1, usize::from));
    let config = config(options)?;
    let tls = connect::tls(&options.tls)?;
    let server = LeaderServer::start(config, tls).map_err(|error| match error {
        Error::AddressInUse { .. } => Failure::new(format!(
            "--listen: {error}: give an address of this machine and a port that is free"
        )),
        Error::Storage(reason) => Failure::new(format!("--data: {reason}")),
        error => error.into(),
    })?;
    announce(options, &server)?;
    let signal = signals.wait();
    log::info!("{signal}: stopping; once more stops at once");
    // Threads keep a signal as the one that made them did: this one is to take the next.
    signals.let_go();
    server.stop();
    Ok(())
}

fn config(options: &ServeArgs) -> Result<ServerConfig, Failure> {
    let timeout = options.max_session_timeout.as_millis().to_string();
    let connections = max_connections(options.max_connections.map(u64::from)).to_string();
    let cold = options.cold.to_string();
    let store_keys = options.max_store_keys.to_string();
    let store_bytes = options.max_store_bytes.to_string();
    let mut pairs = vec![
        ("listen", options.listen.as_str()),
        ("max-session-timeout", &timeout),
        ("max-connections", &connections),
        ("cold", &cold),
        ("max-store-keys", &store_keys),
        ("max-store-bytes", &store_bytes),
    ];
    let data = options
        .data
        .as_ref()
        .map(|data| data.to_str().ok_or_else(|| Failure::new("--data: give a path that is UTF-8")));
    if let Some(data) = data.transpose()? {
        pairs.push(("data", data));
    }
    if let Some(namespace) = &options.namespace {
        pairs.push(("namespace", namespace.as_str()));
    }
    // One set of checks for the command line, C and Java.
    ServerConfig::from_options(pairs).map_err(|error| Failure::new(format!("--{error}")))
}

/// As many connections as were asked for, or as the system lets us have.
fn max_connections(asked: Option<u64>) -> u64 {
    let have = raise_descriptor_limit().saturating_sub(DESCRIPTORS_OF_OUR_OWN).max(1);
    match asked {
        Some(asked) if asked > have => {
            log::warn!(
                "--max-connections: {asked} are not to be had, {have} are: raise `ulimit -n` to \
                 {} before starting",
                asked + DESCRIPTORS_OF_OUR_OWN
            );
            have
        }
        Some(asked) => asked,
        None => have.min(ServerConfig::default().max_connections as u64),
    }
}

/// Takes all the descriptors that the system lets us have; answers how many.
fn raise_descriptor_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointers are valid.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) != 0 {
            return 1024;
        }
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raised) == 0 {
            limit = raised;
        }
    }
    limit.rlim_cur
}

/// Says where it listens: whoever started it may wait for that line, and learns the port from it.
fn announce(options: &ServeArgs, server: &LeaderServer) -> Result<(), Failure> {
    let (host, _) = split_host_port(&options.listen).unwrap_or_default();
    let port = server.local_port().unwrap_or_default();
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host };
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on {bracketed}:{port}")?;
    out.flush()?;
    let waits = server.status()?.remote_grants_in_ms;
    if waits > 0 {
        log::info!(
            "remote candidates are granted from {} after the start on (--cold skips this)",
            crate::text::duration_of(Duration::from_millis(waits))
        );
    }
    Ok(())
}
