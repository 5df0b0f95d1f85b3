//! LeaderServer: the name service over TCP and within the process.
//!
//! One task, the [`owner`], owns the machine of [`crate::core::name_service`]; connections send it
//! what they read, and it writes to them directly.

mod connection;
mod listener;
mod local;
mod owner;
mod recorder;
pub mod storage;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

use parking_lot::{Condvar, Mutex};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::clock;
use crate::core::config::ServerConfig;
use crate::core::error::Error;
use crate::core::ids::{ConnectionId, Epoch};
use crate::core::name_service::NameService;
use crate::core::wire::status::Status;
use crate::runtime;
use crate::tls::TlsConfig;

use connection::Acceptance;
use owner::{Input, Owner};
use recorder::Recorder;
use storage::{Storage, StorageError};

pub use local::{LocalConnection, LocalSender};

/// A name service. Clones are the same server; the last one's drop stops it.
///
/// All methods may be called from any thread. Those that wait do not do so on a thread of the
/// library's runtime, where waiting would be for ever.
#[derive(Clone)]
pub struct LeaderServer {
    inner: Arc<Inner>,
}

struct Inner {
    inbox: UnboundedSender<Input>,
    shared: Arc<Shared>,
    local_addr: Option<SocketAddr>,
}

/// What the handles, the owner and its connections share.
struct Shared {
    next_connection: AtomicU64,
    stopped: Mutex<bool>,
    has_stopped: Condvar,
}

impl Shared {
    fn new_connection(&self) -> ConnectionId {
        ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed))
    }
}

impl LeaderServer {
    /// Starts a server: binds, if `config.listen` says so, and serves. With `tls`, connections over
    /// the network must have certificates at both ends. Looks up a host name, which may take a
    /// while.
    ///
    /// # Errors
    /// [`Error::Storage`] for a data directory that can't be used; [`Error::AddressInUse`] naming
    /// host and port, also where the host is not one of this machine
    /// or the port is reserved; [`Error::Tls`] for keys that can't be used.
    pub fn start(config: ServerConfig, tls: Option<TlsConfig>) -> Result<LeaderServer, Error> {
        let tls = tls.map(|tls| tls.server_config()).transpose()?;
        let (machine, storage) = machine(&config)?;
        let listener = match &config.listen {
            Some((host, port)) => Some(listener::bind(host, *port)?),
            None => None,
        };
        let local_addr = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let (inbox, inputs) = unbounded_channel();
        let shared = Arc::new(Shared {
            next_connection: AtomicU64::new(1),
            stopped: Mutex::new(false),
            has_stopped: Condvar::new(),
        });
        let recorder = match storage {
            Some(storage) => Some(Recorder::start(storage, inbox.clone())?),
            None => None,
        };
        let mut owner = Owner::new(machine, recorder, inputs, Arc::clone(&shared));
        if let Some(listener) = listener {
            let acceptance = Acceptance {
                inbox: inbox.clone(),
                shared: Arc::clone(&shared),
                tls,
                max_connections: config.max_connections,
                max_unread: config.max_unread,
            };
            owner.listen(listener, acceptance);
        }
        runtime::handle().spawn(owner.run());
        Ok(LeaderServer { inner: Arc::new(Inner { inbox, shared, local_addr }) })
    }

    /// Where it listens; none if it doesn't.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.inner.local_addr
    }

    /// The port on which it listens; none if it doesn't.
    pub fn local_port(&self) -> Option<u16> {
        self.inner.local_addr.map(|address| address.port())
    }

    /// A connection within the process: no network, no time-outs.
    ///
    /// # Errors
    /// [`Error::Closed`] once the server stops.
    pub fn connect_local(&self) -> Result<LocalConnection, Error> {
        local::connect(&self.inner.inbox, self.inner.shared.new_connection())
    }

    /// The present status, of all namespaces. Waits for the owner's turn; not for a thread of the
    /// runtime.
    ///
    /// # Errors
    /// [`Error::Closed`] once the server stops.
    pub fn status(&self) -> Result<Status, Error> {
        let (reply, answer) = sync_channel(1);
        let asked = self.inner.inbox.send(Input::Status(reply));
        let answered =
            asked.ok().filter(|()| !runtime::is_worker()).and_then(|()| answer.recv().ok());
        answered.map(|status| *status).ok_or(Error::Closed("the server"))
    }

    /// Stops: grants nothing any more, then closes the listener, then the connections, giving each
    /// a second to take what was sent. Waits until that is done and the port is free, except on a
    /// thread of the library's runtime. Idempotent.
    pub fn stop(&self) {
        self.inner.request_stop();
        if runtime::is_worker() {
            return;
        }
        let mut stopped = self.inner.shared.stopped.lock();
        while !*stopped {
            self.inner.shared.has_stopped.wait(&mut stopped);
        }
    }

    /// As [`LeaderServer::stop`], without waiting for it.
    pub fn stop_in_background(&self) {
        self.inner.request_stop();
    }

    /// Whether it has stopped.
    pub fn is_stopped(&self) -> bool {
        *self.inner.shared.stopped.lock()
    }
}

/// The name service as it was left in the data directory, or one that begins anew.
fn machine(config: &ServerConfig) -> Result<(NameService, Option<Storage>), Error> {
    // R13: above every epoch of an earlier server, as far as its clock was right.
    let first_epoch = Epoch(clock::wall_micros());
    let seed = runtime::random_seed();
    let Some(directory) = &config.data else {
        return Ok((NameService::new(config, seed, first_epoch, clock::now()), None));
    };
    let unusable = |error: StorageError| Error::Storage(error.to_string());
    let (mut storage, records) = Storage::open(directory).map_err(unusable)?;
    let now = clock::now();
    let machine = NameService::restore(config, seed, first_epoch, now, records);
    let mut machine = machine.map_err(|error| {
        Error::Storage(format!(
            "{} can't be used: {error}; keep a copy of it, and restore a backup into an empty \
             directory",
            directory.display()
        ))
    })?;
    if let Some(batch) = machine.poll_commit(now) {
        // The first of a new directory says which incarnation it is, and what can't be written now
        // could not be later.
        recorder::commit(&mut storage, batch).map_err(Error::Storage)?;
        machine.handle_committed(now);
    }
    Ok((machine, Some(storage)))
}

impl std::fmt::Debug for LeaderServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.inner.local_addr {
            Some(address) => write!(f, "LeaderServer({address})"),
            None => f.write_str("LeaderServer(in process)"),
        }
    }
}

impl Inner {
    fn request_stop(&self) {
        // Not taken: it has stopped.
        let _ = self.inbox.send(Input::Stop);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.request_stop();
    }
}
