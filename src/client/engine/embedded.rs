//! The engine for a LeaderServer in this process: no network, no lease to lose.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use once_cell::sync::Lazy;
use parking_lot::Mutex;

use super::{Link, LinkEvent, LinkEvents, NameService};
use crate::core::config::ServerConfig;
use crate::core::error::Error;
use crate::core::ids::{ConnectionId, Name};
use crate::core::name_service::Peer;
use crate::core::session::ConnectFailure;
use crate::core::wire::message::ClientMessage;
use crate::runtime;
use crate::server::{LeaderServer, LocalConnection};

/// The servers that are shared by name. They live as long as somebody uses them.
static SHARED: Lazy<Mutex<HashMap<Name, Weak<Owned>>>> = Lazy::new(Mutex::default);

/// A LeaderServer of this process.
pub struct Embedded {
    server: Server,
    endpoint: String,
    private: bool,
}

enum Server {
    Owned(Arc<Owned>),
    Attached(LeaderServer),
}

/// A server without a listener that ends with its last user.
struct Owned(LeaderServer);

impl Drop for Owned {
    fn drop(&mut self) {
        // Perhaps on the runtime itself, where nothing may wait.
        self.0.stop_in_background();
    }
}

impl Embedded {
    /// `embedded:`: a server for this client alone.
    ///
    /// # Errors
    /// As [`LeaderServer::start`].
    pub fn private() -> Result<Self, Error> {
        let server = Server::Owned(Arc::new(start()?));
        Ok(Embedded { server, endpoint: "embedded:".to_owned(), private: true })
    }

    /// `embedded:NAME`: the server of that name, started if nobody uses it now.
    ///
    /// # Errors
    /// As [`LeaderServer::start`].
    pub fn shared(name: &Name) -> Result<Self, Error> {
        let mut shared = SHARED.lock();
        shared.retain(|_, server| server.strong_count() > 0);
        let server = match shared.get(name).and_then(Weak::upgrade) {
            Some(server) => server,
            None => {
                let server = Arc::new(start()?);
                shared.insert(name.clone(), Arc::downgrade(&server));
                server
            }
        };
        let server = Server::Owned(server);
        Ok(Embedded { server, endpoint: format!("embedded:{name}"), private: false })
    }

    /// A server that somebody else in this process started and stops.
    pub fn attached(server: LeaderServer) -> Self {
        let endpoint = match server.local_port() {
            Some(port) => format!("the LeaderServer of this process (port {port})"),
            None => "the LeaderServer of this process".to_owned(),
        };
        Embedded { server: Server::Attached(server), endpoint, private: true }
    }

    fn server(&self) -> &LeaderServer {
        match &self.server {
            Server::Owned(owned) => &owned.0,
            Server::Attached(server) => server,
        }
    }
}

fn start() -> Result<Owned, Error> {
    LeaderServer::start(ServerConfig::default(), None).map(Owned)
}

impl NameService for Embedded {
    fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    fn is_private(&self) -> bool {
        self.private
    }

    fn connect(&self, _conn: ConnectionId, events: LinkEvents) {
        let LocalConnection { to_server, mut from_server } = match self.server().connect_local() {
            Ok(connection) => connection,
            Err(error) => {
                let failure = ConnectFailure { refused: Vec::new(), reason: error.to_string() };
                events.report(LinkEvent::Failed(failure));
                return;
            }
        };
        events.report(LinkEvent::Connected(Peer::Local, Box::new(LocalLink { to_server })));
        runtime::handle().spawn(async move {
            while let Some(message) = from_server.recv().await {
                if !events.report(LinkEvent::Message(message)) {
                    return;
                }
            }
            events.report(LinkEvent::Disconnected("the server of this process stopped".into()));
        });
    }
}

struct LocalLink {
    to_server: crate::server::LocalSender,
}

impl Link for LocalLink {
    fn send(&mut self, message: ClientMessage) {
        // A server that has stopped shows as the end of what it sends.
        let _ = self.to_server.send(message);
    }

    fn is_open(&self) -> bool {
        !self.to_server.is_closed()
    }
}
