//! Servers.

use super::answer::answer;
use super::read;
use super::types::{ls_error, ls_option, ls_server, ls_tls};
use crate::ffi::handle::Kind;
use crate::ffi::objects;

/// Starts a server in this process. It runs on the library's thread.
///
/// Options, of which none must be given (durations are whole milliseconds):
///
/// - `listen`: host:port; port 0 takes a free one. Without it only clients of this process reach
///   the server, by ls_client_attach().
/// - `data`: a directory in which its state outlives it. Without it the server forgets all.
/// - `namespace`: the only one served. Else any.
/// - `max-session-timeout`: the longest that is granted to a client. 30000.
/// - `cold`: "true" says that no clients of an earlier server live. Else one without `data`, or
///   with a new directory, makes nobody but clients of this process a leader before
///   `max-session-timeout` has passed.
/// - `max-connections` (50000), `max-unread` (bytes that wait for one slow client),
///   `max-store-keys` and `max-store-bytes` (per namespace).
/// - `tls-fingerprint`: with `tls`, the SHA-1 or SHA-256 of the only certificate that is accepted.
///
/// `tls` may be null. Waits for name resolution and, with `data`, for the disk.
///
/// LS_INVALID_ARGUMENT: the text names the option. LS_ADDRESS_IN_USE, LS_STORAGE, LS_TLS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_server_start(
    options: *const ls_option,
    option_count: usize,
    tls: *const ls_tls,
    server: *mut ls_server,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let server = read::output(server, "server")?;
            let (options, tls) = (read::options(options, option_count)?, read::tls(tls)?);
            *server = objects::server_start(options, tls)?;
            Ok(())
        })
    }
}

/// The port on which a server listens; 0 if it doesn't. Does not wait.
///
/// LS_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_server_port(
    server: ls_server,
    port: *mut u16,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let port = read::output(port, "port")?;
            let server = read::kind(server, Kind::Server, "server")?;
            let bound = objects::server_port(server)?;
            if !objects::server_exists(server) {
                return Err(read::closed("the server"));
            }
            *port = bound.unwrap_or(0);
            Ok(())
        })
    }
}

/// Stops a server: nobody is granted leadership any more, then connections end. Waits until its
/// port is free, a second or so for clients that don't read. Does nothing if it was stopped, and
/// nothing for 0.
///
/// LS_INTERNAL: it is stopped all the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_server_stop(server: ls_server, error: *mut ls_error) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let Some(server) = read::kind_to_close(server, Kind::Server, "server")? else {
                return Ok(());
            };
            Ok(objects::server_stop(server)?)
        })
    }
}
