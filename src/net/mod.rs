//! Connections that carry frames over TCP, with or without TLS: what server and client share.

mod channel;
mod socket;
mod tls;

use std::fmt;
use std::net::SocketAddr;

pub use channel::Channel;
pub use tls::TlsStream;

use crate::core::error::Error;

/// How a connection ended.
#[derive(Debug)]
pub enum Ended {
    /// A FIN or RST of the other end was received (R1). Never guessed: an end of which the cause
    /// is not known for certain is [`Ended::Failed`].
    Peer,
    /// This end asked for it.
    Closed,
    /// What came is no frame or no message; the connection is still there to say so.
    Malformed(Error),
    /// Anything else, in words.
    Failed(String),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Peer => f.write_str("the other end closed the connection"),
            Ended::Closed => f.write_str("this end closed the connection"),
            Ended::Malformed(error) => error.fmt(f),
            Ended::Failed(reason) => f.write_str(reason),
        }
    }
}

/// An address as both ends write it, so that they can be compared (R1): without the zone of IPv6,
/// which is each machine's own, and with IPv4 as IPv4 also on a socket for both.
pub fn address_text(address: SocketAddr) -> String {
    SocketAddr::new(address.ip().to_canonical(), address.port()).to_string()
}
