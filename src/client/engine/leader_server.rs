//! The engine for a LeaderServer over TCP, with or without TLS.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

use super::{Link, LinkEvent, LinkEvents, NameService};
use crate::core::config::Endpoint;
use crate::core::error::Error;
use crate::core::ids::ConnectionId;
use crate::core::name_service::Peer;
use crate::core::session::ConnectFailure;
use crate::core::wire::codec::{decode_server, encode_client};
use crate::core::wire::frame::FrameReader;
use crate::core::wire::message::{Addresses, ClientMessage};
use crate::net::{Channel, Ended, TlsStream, address_text};
use crate::runtime;
use crate::tls::TlsConfig;

/// How long one address may take to answer, before the next is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client says little, and what it wants grows only with what it is asked for: the session
/// machine, not a size, finds out that a name service doesn't read.
const MAX_UNREAD: usize = usize::MAX;

/// A LeaderServer somewhere.
#[derive(Clone)]
pub struct RemoteServer {
    host: String,
    port: u16,
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl RemoteServer {
    /// The LeaderServer at `host:port`. Names are resolved at each connection.
    ///
    /// # Errors
    /// [`Error::Tls`] for keys or certificates that can't be used.
    pub fn new(host: String, port: u16, tls: Option<TlsConfig>) -> Result<Self, Error> {
        let tls = tls.map(|tls| tls.client_config()).transpose()?;
        Ok(RemoteServer { host, port, tls })
    }

    /// Tries every address of the host in turn.
    async fn open(&self) -> Result<(Channel, Addresses), ConnectFailure> {
        let host = self.host.as_str();
        let mut failure = ConnectFailure { refused: Vec::new(), reason: String::new() };
        let found = match tokio::net::lookup_host((host, self.port)).await {
            Ok(found) => found,
            Err(error) => {
                failure.reason = format!("'{host}' can't be resolved: {error}");
                return Err(failure);
            }
        };
        failure.reason = format!("'{host}' has no address");
        for address in found {
            let reason =
                match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
                    Ok(Ok(socket)) => match self.channel(socket, address) {
                        Ok(opened) => return Ok(opened),
                        Err(reason) => reason,
                    },
                    Ok(Err(error)) => {
                        if error.kind() == ErrorKind::ConnectionRefused {
                            failure.refused.push(address_text(address));
                        }
                        error.to_string()
                    }
                    Err(_) => format!("no answer within {CONNECT_TIMEOUT:?}"),
                };
            failure.reason = format!("{address}: {reason}");
        }
        Err(failure)
    }

    fn channel(
        &self,
        socket: TcpStream,
        address: SocketAddr,
    ) -> Result<(Channel, Addresses), String> {
        let in_words = |error: std::io::Error| error.to_string();
        let local = socket.local_addr().map_err(in_words)?;
        let peer = socket.peer_addr().map_err(in_words)?;
        let addresses = Addresses { local: address_text(local), peer: address_text(peer) };
        let tls = match &self.tls {
            Some(config) => {
                // No name is checked: the two ends know each other by their trust stores.
                let name = ServerName::IpAddress(address.ip().into());
                let connection = rustls::ClientConnection::new(Arc::clone(config), name);
                Some(TlsStream::new(connection.map_err(|error| format!("TLS: {error}"))?))
            }
            None => None,
        };
        Ok((Channel::new(socket, tls, MAX_UNREAD).map_err(in_words)?, addresses))
    }
}

impl NameService for RemoteServer {
    fn endpoint(&self) -> String {
        Endpoint::LeaderServer { host: self.host.clone(), port: self.port }.to_string()
    }

    fn connect(&self, _conn: ConnectionId, events: LinkEvents) {
        let server = self.clone();
        runtime::handle().spawn(async move {
            match server.open().await {
                Ok((channel, addresses)) => carry(Arc::new(channel), addresses, &events).await,
                Err(failure) => {
                    events.report(LinkEvent::Failed(failure));
                }
            }
        });
    }
}

/// Carries a connection until it ends.
async fn carry(channel: Arc<Channel>, addresses: Addresses, events: &LinkEvents) {
    let link = RemoteLink { channel: Arc::clone(&channel) };
    if !events.report(LinkEvent::Connected(Peer::Remote(addresses), Box::new(link))) {
        return;
    }
    let on_frame = |frame: bytes::Bytes| {
        let size = frame.len();
        // Nobody listens any more: the link is gone, too, and has closed the connection.
        events.report(LinkEvent::Message(decode_server(frame)?));
        channel.processed(size);
        Ok(())
    };
    let ended = channel.run(FrameReader::for_answers(), on_frame).await;
    let reason = match &ended {
        Ended::Peer => "the name service closed the connection".to_owned(),
        Ended::Malformed(Error::Refused { reason, .. }) => reason.clone(),
        ended => ended.to_string(),
    };
    events.report(LinkEvent::Disconnected(reason));
    if !matches!(ended, Ended::Peer) {
        channel.part().await;
    }
}

struct RemoteLink {
    channel: Arc<Channel>,
}

impl Link for RemoteLink {
    fn send(&mut self, message: ClientMessage) {
        match encode_client(&message) {
            Ok(frame) => self.channel.send(frame),
            // What comes from users was checked before.
            Err(error) => log::error!("a message can't be sent: {error}"),
        }
    }

    fn is_open(&self) -> bool {
        self.channel.is_open()
    }
}

impl Drop for RemoteLink {
    fn drop(&mut self) {
        self.channel.close();
    }
}
