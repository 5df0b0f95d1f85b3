//! What goes back over a connection: messages, refusals, its end.

use super::journal::Needs;
use super::{Connection, NameService, Output, Peer, Role, ServerEvent};
use crate::core::error::Refusal;
use crate::core::ids::{ConnectionId, Name, SessionId};
use crate::core::wire::message::ServerMessage;

impl NameService {
    /// Refuses a connection: says so, closes it, and hears nothing from it any more. Its session,
    /// if it has one, goes on without it.
    pub(super) fn refuse(&mut self, conn: ConnectionId, code: Refusal, reason: impl Into<String>) {
        let reason = reason.into();
        let peer = self.peer_of(conn);
        self.outputs.push_back(Output::Log(ServerEvent::Refused {
            peer,
            code,
            reason: reason.clone(),
        }));
        self.send(conn, ServerMessage::Refused { code, reason });
        if let Some(Connection { role: Role::Session(session), .. }) = self.connections.get(&conn)
            && let Some(session) = self.sessions.get_mut(session)
        {
            session.conn = None;
        }
        self.finish(conn);
    }

    /// For want of a namespace.
    pub(super) fn refuse_request(
        &mut self,
        conn: ConnectionId,
        request: u64,
        election: Option<Name>,
    ) {
        let reason = "an observer has no namespace: name the one that is meant".to_owned();
        let code = Refusal::Namespace;
        self.send(conn, ServerMessage::Failure { request, election, code, reason });
    }

    pub(super) fn finish(&mut self, conn: ConnectionId) {
        self.finish_when(Needs::Nothing, conn);
    }

    /// Hears nothing from a connection any more, and closes it once what `needs` says is recorded.
    pub(super) fn finish_when(&mut self, needs: Needs, conn: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.role = Role::Done;
            self.emit(needs, Output::Close { conn });
        }
    }

    pub(super) fn send(&mut self, to: ConnectionId, message: ServerMessage) {
        self.send_when(Needs::Nothing, to, message);
    }

    pub(super) fn send_to_session(&mut self, session: SessionId, message: ServerMessage) {
        self.send_to_session_when(Needs::Nothing, session, message);
    }

    /// Sends once what `needs` says is recorded, over the connection of this moment.
    pub(super) fn send_to_session_when(
        &mut self,
        needs: Needs,
        session: SessionId,
        message: ServerMessage,
    ) {
        if let Some(conn) = self.session(session).conn {
            self.send_when(needs, conn, message);
        }
    }

    pub(super) fn peer_of(&self, conn: ConnectionId) -> String {
        match self.connections.get(&conn).map(|connection| &connection.peer) {
            Some(Peer::Remote(addresses)) => addresses.peer.clone(),
            Some(Peer::Local) => "in process".to_owned(),
            None => "unknown".to_owned(),
        }
    }
}
