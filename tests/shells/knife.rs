//! Ends connections under their owners' hands.

use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::chance::Chance;

/// Ends a connection with an RST.
pub fn reset(stream: &TcpStream) {
    let nowhere = libc::sockaddr { sa_family: libc::AF_UNSPEC as _, sa_data: [0; 14] };
    let length = size_of::<libc::sockaddr>() as libc::socklen_t;
    // SAFETY: an open socket, and an address of this frame. On Linux this disconnects.
    unsafe { libc::connect(stream.as_raw_fd(), &raw const nowhere, length) };
}

/// Ends connections that clients of this process have opened to `server`, each with FIN or RST, one
/// time in `one_in`. Those of proxies come from the server's own address, and are left alone.
pub fn sever(server: SocketAddr, one_in: u64, chance: &mut Chance) {
    let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") else { return };
    let numbers = descriptors.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    for number in numbers.collect::<Vec<i32>>() {
        // SAFETY: a copy of its own, so that a number used again meanwhile does no harm.
        let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 0) };
        if copy < 0 {
            continue;
        }
        // SAFETY: open, and nobody else's. A descriptor of another kind answers with an error.
        let stream = TcpStream::from(unsafe { OwnedFd::from_raw_fd(copy) });
        let direct = stream.peer_addr().ok() == Some(server)
            && stream.local_addr().is_ok_and(|local| local.ip() != server.ip());
        if !direct || !chance.one_in(one_in) {
            continue;
        }
        if chance.one_in(2) {
            reset(&stream);
        } else {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
