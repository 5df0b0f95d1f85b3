//! Binding and accepting.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::connection::{Acceptance, Connections};
use crate::core::error::Error;

/// All clients of a cluster may come back at once. The system cuts it to its own limit.
const BACKLOG: i32 = 4096;

/// Pauses after an accept that failed for want of descriptors or memory.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Binds to the first address of `host` that can be bound.
pub(super) fn bind(host: &str, port: u16) -> Result<StdListener, Error> {
    let failed = |error: io::Error| {
        let bare = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        Error::AddressInUse { address: format!("{bare}:{port}"), reason: error.to_string() }
    };
    let mut last = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs().map_err(failed)? {
        match bind_address(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

fn bind_address(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of an earlier server that are still being closed don't hold the port.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts until `stop` comes or is dropped. The listener is closed when this returns.
pub(super) async fn accept(
    listener: StdListener,
    acceptance: Acceptance,
    connections: Connections,
    mut stop: oneshot::Receiver<()>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return log::error!("can't accept connections: {error}"),
    };
    let mut pause = FIRST_PAUSE;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, _)) => {
                pause = FIRST_PAUSE;
                acceptance.accepted(socket, &connections);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                let level =
                    if pause < LONGEST_PAUSE { log::Level::Error } else { log::Level::Debug };
                log::log!(level, "can't accept connections, trying again: {error}");
                tokio::select! {
                    _ = &mut stop => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// It was over before it was accepted; the next may be well (`man 2 accept`, "Error handling").
fn is_of_one_connection(error: &io::Error) -> bool {
    use ErrorKind::*;
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionReset
            | ConnectionRefused
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | HostUnreachable
            | PermissionDenied
    )
}
