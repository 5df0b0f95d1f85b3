//! LeaderServer: the name service over TCP, TLS, and within the process.
//!
//! One task ([`owner`]) owns the [`crate::core::name_service::NameService`] machine; each connection
//! has one task ([`connection`]) that reads frames into the owner's inbox and writes what waits in
//! its outbox.

mod connection;
mod outbox;
mod owner;

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc as sync_mpsc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio_rustls::TlsAcceptor;

use crate::clock;
use crate::core::config::ServerConfig;
use crate::core::error::Error;
use crate::core::ids::{ConnectionId, Epoch};
use crate::core::name_service::NameService;
use crate::core::wire::message::{ClientMessage, ServerMessage};
use crate::core::wire::status::Status;
use crate::runtime;
use crate::tls::TlsConfig;

use owner::{Input, Owner};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;

/// Messages that wait for the owner; then connections are not read.
const INBOX: usize = 4096;

/// How long a stop may take before it is not waited for any more.
const STOP: Duration = Duration::from_secs(10);

/// A LeaderServer in this process. Clones are the same server; it stops with the last of them.
#[derive(Clone)]
pub struct LeaderServer {
    inner: Arc<Inner>,
}

struct Inner {
    address: Option<SocketAddr>,
    local: UnboundedSender<Input>,
    connections: Arc<AtomicU64>,
    stopped: AtomicBool,
}

/// A connection within the process.
pub struct LocalConnection {
    /// Towards the server. Dropping it ends the connection.
    pub to_server: LocalSender,
    /// From the server; its end is the end of the connection.
    pub from_server: UnboundedReceiver<ServerMessage>,
}

/// The sending half of a [`LocalConnection`].
pub struct LocalSender {
    conn: ConnectionId,
    inputs: UnboundedSender<Input>,
}

impl LeaderServer {
    /// Binds, where the configuration says so, and starts. Not to be called on the runtime: names
    /// are resolved in the calling thread.
    ///
    /// # Errors
    /// [`Error::AddressInUse`] naming host and port; [`Error::Tls`]; [`Error::InvalidArgument`] for
    /// a host that can't be resolved.
    pub fn start(config: ServerConfig, tls: Option<TlsConfig>) -> Result<LeaderServer, Error> {
        let tls = tls.map(|tls| tls.server_config()).transpose()?.map(TlsAcceptor::from);
        let _entered = runtime::handle().enter();
        let listener = config.listen.as_ref().map(|(host, port)| bind(host, *port)).transpose()?;
        let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let machine = NameService::new(
            &config,
            runtime::random_seed(),
            Epoch(clock::wall_micros()),
            clock::now(),
        );
        let (local, local_inbox) = mpsc::unbounded_channel();
        let (remote, remote_inbox) = mpsc::channel(INBOX);
        let connections = Arc::new(AtomicU64::new(0));
        let owner = Owner::new(machine, config.max_unread);
        let acceptor = listener.map(|listener| {
            let limits = connection::Limits {
                connections: config.max_connections,
                unread: config.max_unread,
            };
            connection::Acceptor::new(listener, tls, remote.clone(), Arc::clone(&connections), limits)
        });
        runtime::handle().spawn(owner.run(local_inbox, remote_inbox, acceptor));
        let stopped = AtomicBool::new(false);
        Ok(LeaderServer { inner: Arc::new(Inner { address, local, connections, stopped }) })
    }

    /// The address that was bound; none without a listener.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.inner.address
    }

    /// The port that was bound; none without a listener.
    pub fn local_port(&self) -> Option<u16> {
        self.inner.address.map(|address| address.port())
    }

    /// Opens a connection within the process.
    ///
    /// # Errors
    /// [`Error::Closed`] once it was stopped.
    pub fn connect_local(&self) -> Result<LocalConnection, Error> {
        let conn = ConnectionId(self.inner.connections.fetch_add(1, Ordering::Relaxed));
        let (to_client, from_server) = mpsc::unbounded_channel();
        let inputs = self.inner.local.clone();
        inputs
            .send(Input::LocalConnected(conn, to_client))
            .map_err(|_| Error::Closed("the server"))?;
        Ok(LocalConnection { to_server: LocalSender { conn, inputs }, from_server })
    }

    /// What the server says of itself.
    ///
    /// # Errors
    /// [`Error::Closed`] once it was stopped.
    pub fn status(&self) -> Result<Status, Error> {
        let (reply, answer) = sync_mpsc::sync_channel(1);
        let closed = |_| Error::Closed("the server");
        self.inner.local.send(Input::Status(reply)).map_err(|_| Error::Closed("the server"))?;
        answer.recv_timeout(STOP).map(|status| *status).map_err(closed)
    }

    /// Ends granting, then the listener, then the connections; returns when the port is free.
    /// Idempotent. Not to be called on the runtime.
    pub fn stop(&self) {
        if let Some(ended) = self.inner.begin_stop() {
            // A stop that hangs is a bug, but no reason to hang whoever closes us.
            let _ = ended.recv_timeout(STOP);
        }
    }

    /// As [`LeaderServer::stop`], without waiting.
    pub fn stop_in_background(&self) {
        self.inner.begin_stop();
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.inner.stopped.load(Ordering::Acquire)
    }
}

impl Inner {
    fn begin_stop(&self) -> Option<sync_mpsc::Receiver<()>> {
        self.stopped.store(true, Ordering::Release);
        let (reply, ended) = sync_mpsc::sync_channel(1);
        self.local.send(Input::Stop(reply)).ok().map(|()| ended)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.begin_stop();
    }
}

impl LocalSender {
    /// Sends. False once the server has stopped.
    pub fn send(&self, message: ClientMessage) -> bool {
        self.inputs.send(Input::Message(self.conn, message)).is_ok()
    }

    /// Whether the server has stopped.
    pub fn is_closed(&self) -> bool {
        self.inputs.is_closed()
    }
}

impl Drop for LocalSender {
    fn drop(&mut self) {
        let end = crate::core::name_service::ConnectionEnd::Other;
        // A server that has stopped knows already.
        let _ = self.inputs.send(Input::Disconnected(self.conn, end));
    }
}

/// Binds to the first address of the host that can be bound.
fn bind(host: &str, port: u16) -> Result<TcpListener, Error> {
    let mut failure = Error::invalid("listen", host, "give a host name or address of this machine");
    let Ok(addresses) = (host, port).to_socket_addrs() else { return Err(failure) };
    for address in addresses {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => {
                let address = address.to_string();
                failure = Error::AddressInUse { address, reason: error.to_string() };
            }
        }
    }
    Err(failure)
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket =
        if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
