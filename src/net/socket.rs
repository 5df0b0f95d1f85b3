//! What is asked of a TCP socket beyond reading and writing.

use std::io::{self, ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Connections of machines that are gone end after two or three minutes, also those that carry no
/// session; that end counts as a time-out, not as the peer's.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
/// Connections that were opened together are not probed together.
const KEEPALIVE_SPREAD: u64 = 60;
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
const KEEPALIVE_TIMES: u32 = 4;

/// Sends at once, and finds out in the end that the other machine is gone.
pub(super) fn prepare(socket: &TcpStream) -> io::Result<()> {
    let spread = Duration::from_secs(socket.as_raw_fd() as u64 % KEEPALIVE_SPREAD);
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER + spread)
        .with_interval(KEEPALIVE_EVERY)
        .with_retries(KEEPALIVE_TIMES);
    socket.set_tcp_keepalive(&keepalive)
}

/// The reading half of a socket.
pub(super) struct Input<'a> {
    pub(super) socket: &'a TcpStream,
    /// Asks the system, whether or not the runtime knows of something to read.
    pub(super) now: bool,
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.now { read_now(self.socket, buffer) } else { read(self.socket, buffer) }
    }
}

fn read_now(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    (&*SockRef::from(socket)).read(buffer)
}

/// Reads what is there. A read that does not fill the buffer has emptied the socket: the next one
/// waits for news of it, where tokio's own would ask the system again.
fn read(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = None;
    let result = socket.try_io(Interest::READABLE, || {
        let size = read_now(socket, buffer)?;
        got = Some(size);
        // The end is not waited for: it stays.
        if size > 0 && size < buffer.len() { Err(ErrorKind::WouldBlock.into()) } else { Ok(size) }
    });
    got.map_or(result, Ok)
}

/// Whether neither a FIN nor an RST was received yet, nor the connection failed; also where input
/// that came before is still unread.
pub(super) fn is_open(socket: &TcpStream) -> bool {
    const OVER: libc::c_short = libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR | libc::POLLNVAL;
    let mut look = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLRDHUP, revents: 0 };
    // SAFETY: one pollfd, which outlives the call; the descriptor is open as long as `socket`.
    let found = unsafe { libc::poll(&raw mut look, 1, 0) };
    found >= 0 && look.revents & OVER == 0
}

/// Says that nothing more is sent.
pub(super) fn finish_sending(socket: &TcpStream) {
    // Fails only where the connection is over already.
    let _ = SockRef::from(socket).shutdown(std::net::Shutdown::Write);
}

/// Dropping the socket will throw away what the system holds for a peer that doesn't read.
pub(super) fn discard_unsent(socket: &TcpStream) {
    // Fails only where the connection is over already.
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}
