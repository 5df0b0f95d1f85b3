//! Clients.

use std::ffi::c_char;

use super::answer::answer;
use super::types::{ls_bytes, ls_client, ls_error, ls_option, ls_server, ls_tls};
use super::{buffers, read, registrations};
use crate::core::ids::Epoch;
use crate::ffi::handle::Kind;
use crate::ffi::objects;

/// Opens a client. Nothing is connected before it contends, watches or asks; connections that are
/// lost or can't be made are tried again for ever. Does not wait.
///
/// Options (durations are whole milliseconds):
///
/// - `endpoint`: the name service: `leader://host:port`, `jobmanager://host:port` (the server inside a
///   JobManager of Flink), `embedded:` (in this process, for this client alone) or `embedded:NAME`
///   (for all clients of this process that say NAME). Without it the client is unbound until
///   ls_client_attach().
/// - `namespace`: nothing crosses namespaces. To be given, but for a client of `leader://…` that
///   only asks for the status.
/// - `name`: a label for status and logs. "client".
/// - `session-timeout`: silence after which the name service takes the client for gone. 10000.
/// - `disconnect-grace`: how long a lost connection may be resumed before that; at most half of
///   session-timeout. 1000.
/// - `stall-timeout`: how long events may go unfetched before leadership is given up; 0: for ever.
///   60000.
/// - `stall-exempt`: "true" lifts that for a name service of this process alone. "false".
/// - `retrieval-timeout`: how long a watch without the name service keeps its value; -1: for ever.
///   As session-timeout.
/// - `operation-timeout`: how long what needs an answer waits. 30000. The functions of this header
///   have time-outs of their own.
/// - `election`: `per-process` (all contenders of a client lead together, in an election named
///   "process") or `per-component` (each has an election of its own, of the same name). All clients
///   of a namespace say the same. `per-process`.
/// - `tls-fingerprint`: with `tls`, the SHA-1 or SHA-256 of the only certificate that is accepted.
///
/// `tls` may be null.
///
/// LS_INVALID_ARGUMENT: the text names the option. LS_TLS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_client_open(
    options: *const ls_option,
    option_count: usize,
    tls: *const ls_tls,
    client: *mut ls_client,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let client = read::output(client, "client")?;
            let (options, tls) = (read::options(options, option_count)?, read::tls(tls)?);
            let opened = objects::client_open(options, tls)?;
            registrations::add(opened);
            *client = opened;
            Ok(())
        })
    }
}

/// Moves a client, with its contenders and watches, to a server of this process, which is then
/// reached without a network. Does not wait.
///
/// LS_CLOSED: one of them is closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_client_attach(
    client: ls_client,
    server: ls_server,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let client = read::kind(client, Kind::Client, "client")?;
            let server = read::kind(server, Kind::Server, "server")?;
            objects::client_attach(client, server)?;
            if !objects::server_exists(server) {
                return Err(read::closed("the server"));
            }
            is_open(client)
        })
    }
}

/// Undoes ls_client_attach(): back to the endpoint of the options, or to none. Waits until the
/// server has the farewell, a second at the most.
///
/// LS_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_client_detach(client: ls_client, error: *mut ls_error) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let client = read::kind(client, Kind::Client, "client")?;
            objects::client_detach(client)?;
            is_open(client)
        })
    }
}

fn is_open(client: u64) -> Result<(), super::answer::Failure> {
    if objects::client_exists(client) { Ok(()) } else { Err(read::closed("the client")) }
}

/// Writes where the client stands (connection, lease, counts), as JSON, to be freed with
/// ls_bytes_free(). Waits a second at the most.
///
/// LS_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_client_state(
    client: ls_client,
    state: *mut ls_bytes,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let place = read::output(state, "state")?;
            let client = read::kind(client, Kind::Client, "client")?;
            let state = objects::client_state(client)?;
            let state = state.ok_or_else(|| read::closed("the client"))?;
            place.write(buffers::hand_out(state.as_bytes()));
            Ok(())
        })
    }
}

/// Writes the status of the name service (namespaces, elections, candidates, sessions, the store),
/// as JSON, to be freed with ls_bytes_free(). Waits for the answer at most `timeout_ms`.
///
/// LS_UNREACHABLE, LS_REFUSED, LS_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_client_status(
    client: ls_client,
    timeout_ms: u32,
    status: *mut ls_bytes,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let place = read::output(status, "status")?;
            let client = read::kind(client, Kind::Client, "client")?;
            let status = objects::client_status(client, read::timeout(timeout_ms))?;
            place.write(buffers::hand_out(status.as_bytes()));
            Ok(())
        })
    }
}

/// Asks the leader of an election, which may be this client, to step down; it goes to the end of
/// the line, and hears of it by LS_EVENT_REVOKE. `epoch` names the leadership that is to end, so
/// that the request may be sent again; 0: whatever there is. `target`, a candidate's name, is next;
/// with length 0 whoever is first in line. Waits for at most `timeout_ms` until the request is
/// taken, not until it is followed.
///
/// LS_INVALID_ARGUMENT, LS_UNREACHABLE, LS_REFUSED, LS_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_client_resign(
    client: ls_client,
    election: *const c_char,
    election_length: usize,
    epoch: u64,
    target: *const c_char,
    target_length: usize,
    timeout_ms: u32,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let client = read::kind(client, Kind::Client, "client")?;
            let election = read::name(election, election_length, "election")?;
            let target = read::name(target, target_length, "target")?;
            let target = (!target.is_empty()).then_some(target);
            let epoch = (epoch != 0).then_some(Epoch(epoch));
            let timeout = read::timeout(timeout_ms);
            objects::client_resign(client, election, epoch, target, timeout)?;
            Ok(())
        })
    }
}

/// Closes a client, with its contenders and watches: from when this begins none of them leads.
/// There is no LS_EVENT_REVOKE for that. No callback is begun any more; those that are on their way
/// on other threads are not waited for, the finalizers say when they are over. The name service is
/// told, and that is waited for at most `timeout_ms`. Does nothing if it was closed, and nothing for
/// 0.
///
/// LS_INTERNAL: it is closed all the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_client_close(
    client: ls_client,
    timeout_ms: u32,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let Some(client) = read::kind_to_close(client, Kind::Client, "client")? else {
                return Ok(());
            };
            let closed = objects::client_close(client, read::timeout(timeout_ms));
            registrations::remove(client);
            Ok(closed?)
        })
    }
}
