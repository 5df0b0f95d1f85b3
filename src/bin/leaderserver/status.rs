//! `leaderserver status`.

use std::io::{self, Write};
use std::time::Duration;

use leaderserver::core::wire::status::{ElectionStatus, NamespaceStatus, SessionStatus, Status};
use serde_json::Value;

use crate::args::StatusArgs;
use crate::connect;
use crate::output::{Failure, Table};
use crate::text::{duration, printable};

/// Shows the status once.
pub fn run(options: &StatusArgs) -> Result<(), Failure> {
    let namespace = options.connect.namespace.as_ref();
    let client = connect::open(&options.connect, namespace, "leaderserver status")?;
    let status = connect::status(&client, &options.connect);
    client.close(Duration::from_secs(1));
    let status = status?;
    let endpoint = options.connect.endpoint.to_string();
    let mut out = io::BufWriter::new(io::stdout().lock());
    if options.json {
        let mut object = serde_json::to_value(&status)?;
        object["endpoint"] = Value::String(endpoint);
        writeln!(out, "{object}")?;
    } else {
        write_status(&mut out, &endpoint, &status)?;
    }
    out.flush()?;
    Ok(())
}

fn write_status(out: &mut impl Write, endpoint: &str, status: &Status) -> io::Result<()> {
    let state = match status.durable {
        true => format!("durable ({} bytes on disk)", status.data_bytes),
        false => "in memory".to_owned(),
    };
    writeln!(out, "LeaderServer {} at {endpoint}", printable(&status.version))?;
    writeln!(out, "  up {}, {state}", duration(status.uptime_ms))?;
    writeln!(out, "  incarnation {}", printable(&status.incarnation))?;
    writeln!(out, "  revision {}, connections {}", status.revision, status.connections)?;
    if status.remote_grants_in_ms > 0 {
        let wait = duration(status.remote_grants_in_ms);
        writeln!(
            out,
            "  grants remote candidates in {wait} (an earlier server's clients may lead)"
        )?;
    }
    if !status.read_only.is_empty() {
        writeln!(out, "  TAKES NO WRITES: {}", printable(&status.read_only))?;
    }
    for warning in &status.warnings {
        writeln!(out, "  warning: {}", printable(warning))?;
    }
    if status.namespaces.is_empty() {
        writeln!(out, "\nno namespace is in use")?;
    }
    for namespace in &status.namespaces {
        write_namespace(out, namespace)?;
    }
    Ok(())
}

fn write_namespace(out: &mut impl Write, namespace: &NamespaceStatus) -> io::Result<()> {
    let name = printable(&namespace.namespace);
    match namespace.mode.as_str() {
        "" => writeln!(out, "\nnamespace {name}")?,
        mode => writeln!(out, "\nnamespace {name} (elections {})", printable(mode))?,
    }
    if namespace.store_keys > 0 {
        let (keys, bytes) = (namespace.store_keys, namespace.store_bytes);
        writeln!(out, "  store: {keys} keys, {bytes} bytes")?;
    }
    let tables = [elections(namespace), components(namespace), sessions(namespace)];
    if tables.iter().all(Table::is_empty) {
        writeln!(out, "  nobody stands, publishes or watches")?;
    }
    let filled = tables.iter().filter(|table| !table.is_empty());
    for (number, table) in filled.enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        table.write(out)?;
    }
    Ok(())
}

fn elections(namespace: &NamespaceStatus) -> Table {
    let mut table = Table::new(&["ELECTION", "EPOCH", "CANDIDATES IN LINE (* LEADS)"]);
    for election in &namespace.elections {
        let epoch = match election.epoch {
            0 => "no leader".to_owned(),
            epoch => epoch.to_string(),
        };
        table.row([printable(&election.election), epoch, line_of(election)]);
    }
    table
}

/// Candidates in order, by name and session.
fn line_of(election: &ElectionStatus) -> String {
    let shown = election.candidates.iter().map(|candidate| {
        let star = if candidate.leader { "*" } else { "" };
        format!("{star}{} (session {})", printable(&candidate.name), candidate.session)
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn components(namespace: &NamespaceStatus) -> Table {
    let mut table = Table::new(&["COMPONENT", "LEADER SESSION ID", "ADDRESS", "WATCHERS"]);
    for component in &namespace.components {
        let leader = match component.leader_session_id.as_str() {
            "" => "no leader".to_owned(),
            id => printable(id),
        };
        let address = printable(&component.address);
        table.row([
            printable(&component.component),
            leader,
            address,
            component.watchers.to_string(),
        ]);
    }
    table
}

fn sessions(namespace: &NamespaceStatus) -> Table {
    let mut table =
        Table::new(&["SESSION", "NAME", "FROM", "AGE", "EXPIRES IN", "TIME-OUT", "GRACE"]);
    for session in &namespace.sessions {
        let (expires, timeout, grace) = times_of(session);
        table.row([
            session.session.to_string(),
            printable(&session.name),
            origin_of(session),
            duration(session.age_ms),
            expires,
            timeout,
            grace,
        ]);
    }
    table
}

fn origin_of(session: &SessionStatus) -> String {
    if session.in_process {
        return "in process".to_owned();
    }
    let address = printable(&session.peer_address);
    match (session.connected, session.direct) {
        (false, _) => format!("{address} (disconnected)"),
        (true, false) => format!("{address} (not direct)"),
        (true, true) => address,
    }
}

/// Expiry, time-out and grace; a session in the server's own process has none of them.
fn times_of(session: &SessionStatus) -> (String, String, String) {
    let none = || "-".to_owned();
    if session.in_process {
        return (none(), none(), none());
    }
    let grace = if session.direct { duration(session.disconnect_grace_ms) } else { none() };
    (duration(session.expires_in_ms), duration(session.session_timeout_ms), grace)
}
