//! Connections over the network: who is let in, and the task of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Sender, UnboundedSender};

use super::Shared;
use super::owner::{Input, Outlet};
use crate::core::error::{Error, Refusal};
use crate::core::ids::ConnectionId;
use crate::core::name_service::{ConnectionEnd, Peer};
use crate::core::wire::codec::{decode_client, encode_server};
use crate::core::wire::frame::FrameReader;
use crate::core::wire::message::{Addresses, ServerMessage};
use crate::net::{Channel, Ended, TlsStream, address_text};
use crate::runtime;

/// Those over the limit are told so, but not more than this at a time.
const MAX_REFUSING: usize = 256;

/// What accepting connections needs.
pub(super) struct Acceptance {
    pub inbox: UnboundedSender<Input>,
    pub shared: Arc<Shared>,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    pub max_connections: usize,
    pub max_unread: usize,
}

/// The tasks of all connections. The owner waits for the end of them all.
#[derive(Clone)]
pub(super) struct Connections {
    pub serving: Arc<AtomicUsize>,
    pub refusing: Arc<AtomicUsize>,
    /// Nothing is ever sent: when all clones are dropped, all tasks have ended.
    pub alive: Sender<()>,
}

/// Counts a task for as long as it lives.
struct Counted {
    count: Arc<AtomicUsize>,
    _alive: Sender<()>,
}

impl Counted {
    fn new(count: &Arc<AtomicUsize>, limit: usize, alive: &Sender<()>) -> Option<Self> {
        if count.fetch_add(1, Ordering::Relaxed) >= limit {
            count.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Counted { count: Arc::clone(count), _alive: alive.clone() })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Acceptance {
    /// Takes in a connection, or refuses it.
    pub(super) fn accepted(&self, socket: TcpStream, connections: &Connections) {
        // What fails here is over already.
        let (Ok(local), Ok(peer)) = (socket.local_addr(), socket.peer_addr()) else { return };
        let addresses = Addresses { local: address_text(local), peer: address_text(peer) };
        let tls = match self.tls.clone().map(rustls::ServerConnection::new).transpose() {
            Ok(tls) => tls.map(TlsStream::new),
            Err(error) => return log::error!("can't begin TLS: {error}"),
        };
        let Ok(channel) = Channel::new(socket, tls, self.max_unread) else { return };
        let alive = &connections.alive;
        match Counted::new(&connections.serving, self.max_connections, alive) {
            Some(counted) => self.serve(Arc::new(channel), addresses, counted),
            None => {
                let limit = self.max_connections;
                log::warn!("refused {}: {limit} connections are open already", addresses.peer);
                if let Some(counted) = Counted::new(&connections.refusing, MAX_REFUSING, alive) {
                    let reason = format!("max-connections: {limit} are open already");
                    refuse(&channel, Refusal::Limit, reason);
                    runtime::handle().spawn(async move {
                        channel.part().await;
                        drop(counted);
                    });
                }
            }
        }
    }

    fn serve(&self, channel: Arc<Channel>, addresses: Addresses, counted: Counted) {
        let conn = self.shared.new_connection();
        let whose = addresses.peer.clone().into_boxed_str();
        let outlet = Outlet::Remote { channel: Arc::clone(&channel), greeted: false };
        let peer = Peer::Remote(addresses);
        if self.inbox.send(Input::Connected { conn, outlet, peer }).is_ok() {
            runtime::handle().spawn(serve(channel, conn, whose, self.inbox.clone(), counted));
        }
    }
}

/// The task of a connection.
async fn serve(
    channel: Arc<Channel>,
    conn: ConnectionId,
    whose: Box<str>,
    inbox: UnboundedSender<Input>,
    counted: Counted,
) {
    let on_frame = |frame: Bytes| {
        let size = frame.len();
        let message = decode_client(frame)?;
        // Not taken: the server has stopped, and closes the connection.
        let _ = inbox.send(Input::Message { conn, size, message });
        Ok(())
    };
    let ended = channel.run(FrameReader::default(), on_frame).await;
    // R1: only what was certainly received from the peer counts as its end.
    let end = match &ended {
        Ended::Peer => ConnectionEnd::Peer,
        Ended::Closed | Ended::Malformed(_) | Ended::Failed(_) => ConnectionEnd::Other,
    };
    let _ = inbox.send(Input::Disconnected { conn, end });
    match ended {
        Ended::Peer => return,
        Ended::Closed => {}
        Ended::Malformed(error) => {
            log::warn!("closed the connection from {whose}: {error}");
            let code = match &error {
                Error::Refused { code, .. } => *code,
                _ => Refusal::Protocol,
            };
            let reason = match error {
                Error::Refused { reason, .. } => reason,
                error => error.to_string(),
            };
            refuse(&channel, code, reason);
        }
        Ended::Failed(reason) => log::warn!("lost the connection from {whose}: {reason}"),
    }
    // Rare and short: not in the size of every task.
    Box::pin(channel.part()).await;
    drop(counted);
}

/// Says why a connection is going to be closed.
pub(super) fn refuse(channel: &Channel, code: Refusal, reason: String) {
    let frame = encode_server(&ServerMessage::Refused { code, reason });
    channel.send(frame.expect("a refusal fits into a frame"));
}
