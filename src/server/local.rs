//! Connections within the process.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::owner::{Input, Outlet};
use crate::core::error::Error;
use crate::core::ids::ConnectionId;
use crate::core::name_service::{ConnectionEnd, Peer};
use crate::core::wire::message::{ClientMessage, ServerMessage};

/// Both halves of a connection within the process.
#[derive(Debug)]
pub struct LocalConnection {
    /// Towards the server.
    pub to_server: LocalSender,
    /// What the server says; ends when the server closes the connection or stops.
    pub from_server: UnboundedReceiver<ServerMessage>,
}

/// Sends to a server of this process. Its drop ends the connection.
pub struct LocalSender {
    conn: ConnectionId,
    inbox: UnboundedSender<Input>,
}

impl LocalSender {
    /// Sends. Never blocks.
    ///
    /// # Errors
    /// [`Error::Closed`] once the server has stopped.
    pub fn send(&self, message: ClientMessage) -> Result<(), Error> {
        let input = Input::Message { conn: self.conn, size: 0, message };
        self.inbox.send(input).map_err(|_| Error::Closed("the server"))
    }

    /// Whether the server has stopped.
    pub fn is_closed(&self) -> bool {
        self.inbox.is_closed()
    }
}

impl Drop for LocalSender {
    fn drop(&mut self) {
        let input = Input::Disconnected { conn: self.conn, end: ConnectionEnd::Peer };
        // Not taken: the server has stopped.
        let _ = self.inbox.send(input);
    }
}

impl std::fmt::Debug for LocalSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LocalSender").field(&self.conn).finish()
    }
}

pub(super) fn connect(
    inbox: &UnboundedSender<Input>,
    conn: ConnectionId,
) -> Result<LocalConnection, Error> {
    let (to_client, from_server) = unbounded_channel();
    let outlet = Outlet::Local(to_client);
    inbox
        .send(Input::Connected { conn, outlet, peer: Peer::Local })
        .map_err(|_| Error::Closed("the server"))?;
    let to_server = LocalSender { conn, inbox: inbox.clone() };
    Ok(LocalConnection { to_server, from_server })
}
