//! Engines: the name services that a client can be bound to, one file each.
//!
//! An engine carries the words of [`crate::core::wire::message`] to its name service and back:
//! sessions, candidacy, publishing, watching. The session machine, the lease and the contenders are
//! the client's and the same for all; an engine decides nothing about them. Its duties:
//!
//! - `HeartbeatAck` only for what renewed the session at the name service after the heartbeat was
//!   sent; `Granted` only with an epoch above all earlier ones of the election.
//! - Messages of one connection in order; nothing after [`LinkEvent::Disconnected`].

pub mod embedded;
pub mod leader_server;

use tokio::sync::mpsc::UnboundedSender;

use crate::core::ids::ConnectionId;
use crate::core::name_service::Peer;
use crate::core::session::ConnectFailure;
use crate::core::wire::message::{ClientMessage, ServerMessage};

/// A name service to which connections can be opened.
pub trait NameService: Send + Sync + 'static {
    /// Where it is, for messages: `leader://host:port`.
    fn endpoint(&self) -> String;

    /// Whether it runs in this process and nobody else can lead there (P9).
    fn is_private(&self) -> bool {
        false
    }

    /// Opens a connection, in the background: everything that comes of it, success and failure,
    /// goes to `events`. Called on the runtime; must not block.
    fn connect(&self, conn: ConnectionId, events: LinkEvents);
}

/// Where an engine reports to: the client's task.
#[derive(Clone)]
pub struct LinkEvents {
    conn: ConnectionId,
    events: UnboundedSender<(ConnectionId, LinkEvent)>,
}

/// What happens on a connection.
pub enum LinkEvent {
    /// It is open; messages are sent through the link.
    Connected(Peer, Box<dyn Link>),
    /// It could not be opened.
    Failed(ConnectFailure),
    /// A message arrived.
    Message(ServerMessage),
    /// It has ended; why, in words.
    Disconnected(String),
}

/// The sending half of an open connection. Dropping it closes the connection, after what was sent
/// has been written, within a bounded time.
pub trait Link: Send {
    /// Sends. Never blocks; what can't be sent shows as [`LinkEvent::Disconnected`].
    fn send(&mut self, message: ClientMessage);

    /// Looks at the connection *now*: false once a FIN or RST was received (R2). Never blocks.
    fn is_open(&self) -> bool;
}

impl LinkEvents {
    pub(crate) fn new(
        conn: ConnectionId,
        events: UnboundedSender<(ConnectionId, LinkEvent)>,
    ) -> Self {
        LinkEvents { conn, events }
    }

    /// Reports. False when nobody listens any more: the connection is to be dropped.
    pub fn report(&self, event: LinkEvent) -> bool {
        self.events.send((self.conn, event)).is_ok()
    }

    /// Whether nobody listens any more.
    pub fn is_closed(&self) -> bool {
        self.events.is_closed()
    }
}
