//! TLS over a socket that never blocks.

use std::io::{self, Read, Write};

use tokio::net::TcpStream;

use super::channel::Received;
use crate::tls::describe;

/// As much as fits into one record.
const MAX_PLAINTEXT: usize = 16 * 1024;

/// One end of a TLS connection.
///
/// It takes plaintext only when all before it went to the socket, so that what is unsent waits in
/// one place, the outbox of the channel.
#[derive(Debug)]
pub struct TlsStream {
    connection: rustls::Connection,
}

impl TlsStream {
    /// Either end, before its handshake.
    pub fn new(connection: impl Into<rustls::Connection>) -> Self {
        TlsStream { connection: connection.into() }
    }

    /// Writes what is encrypted. Answers whether plaintext can be taken: everything was written,
    /// and the handshake is over.
    pub(super) fn flush(&mut self, socket: &TcpStream) -> io::Result<bool> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut Socket(socket))?;
        }
        Ok(!self.connection.is_handshaking())
    }

    /// Encrypts some of it, and answers how much.
    pub(super) fn encrypt(&mut self, plaintext: &[u8]) -> io::Result<usize> {
        let size = plaintext.len().min(MAX_PLAINTEXT);
        self.connection.writer().write(&plaintext[..size])
    }

    /// Reads once, and hands out what that completes. Answers how much came from the socket.
    pub(super) fn receive(
        &mut self,
        mut socket: impl Read,
        scratch: &mut [u8],
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, Received> {
        let size = self.connection.read_tls(&mut socket)?;
        let state =
            self.connection.process_new_packets().map_err(|e| Received::Tls(describe(&e)))?;
        let mut left = state.plaintext_bytes_to_read();
        while left > 0 {
            let got = self.connection.reader().read(scratch)?;
            take(&scratch[..got]);
            left -= got;
        }
        Ok(size)
    }

    pub(super) fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }
}

struct Socket<'a>(&'a TcpStream);

impl Write for Socket<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.try_write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
