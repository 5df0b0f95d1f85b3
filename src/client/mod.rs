//! LeaderClient: contend and watch, over any engine. One per process and namespace.
//!
//! One task owns the session machine ([`task`]); handles send it messages. What contenders and
//! retrievers are told is decided by the machines in `core`, held in one small [`registry`] behind
//! a lock that is never held over user code or an await.

pub mod engine;
mod events;
mod handles;
pub mod leadership;
mod readiness;
mod registry;
mod store;
mod task;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::clock;
use crate::core::config::{ClientConfig, Endpoint};
use crate::core::error::Error;
use crate::core::ids::{Epoch, Name};
use crate::core::session::{Answer, RequestKind, Session, Settings};
use crate::core::store::StoreError;
use crate::core::wire::status::Status;
use crate::runtime;
use crate::server::LeaderServer;
use crate::tls::TlsConfig;

use engine::NameService;
use engine::embedded::Embedded;
use engine::leader_server::RemoteServer;
use registry::Registry;
use task::{Ask, ClientTask};

pub use events::Polled;
pub use handles::{Contender, Watch};
pub use registry::Confirmation;
pub use store::{Store, Transaction};
pub use task::ClientState;

/// The most that [`LeaderClient::poll`] waits in one call, so that calls show that the user lives.
const LONGEST_POLL: Duration = Duration::from_secs(1);

/// How much later than in time the task may answer before it is not waited for any more.
const HELD_UP: Duration = Duration::from_secs(1);

/// A client of a name service. Clones are the same client.
///
/// Whoever registers contenders must call [`LeaderClient::poll`] again and again: it is where
/// events come out, and its calls are the pulse of the stall time-out (P9). All methods may be
/// called from any thread, also from inside callbacks. The last clone's drop closes it.
#[derive(Clone)]
pub struct LeaderClient {
    inner: Arc<Inner>,
}

struct Inner {
    config: ClientConfig,
    /// The engine of the configured endpoint, if there is one.
    own_engine: Option<Arc<dyn NameService>>,
    shared: Arc<Shared>,
}

/// What the task and the handles share.
struct Shared {
    registry: Registry,
    asks: UnboundedSender<Ask>,
}

impl LeaderClient {
    /// Opens a client. Nothing is connected before somebody contends, watches or asks.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for time-outs that break a rule or an endpoint without namespace;
    /// [`Error::Tls`] for keys that can't be used.
    pub fn open(config: ClientConfig, tls: Option<TlsConfig>) -> Result<Self, Error> {
        config.timing.check()?;
        if config.namespace.is_none()
            && !matches!(config.endpoint, Some(Endpoint::LeaderServer { .. }))
        {
            return Err(Error::invalid("namespace", "", "name the namespace"));
        }
        let own_engine: Option<Arc<dyn NameService>> = match &config.endpoint {
            None => None,
            Some(Endpoint::Embedded(None)) => Some(Arc::new(Embedded::private()?)),
            Some(Endpoint::Embedded(Some(name))) => Some(Arc::new(Embedded::shared(name)?)),
            Some(Endpoint::LeaderServer { host, port }) => {
                Some(Arc::new(RemoteServer::new(host.clone(), *port, tls)?))
            }
        };
        let (asks, inbox) = tokio::sync::mpsc::unbounded_channel();
        let registry = Registry::new(config.mode, asks.clone());
        let shared = Arc::new(Shared { registry, asks });
        let settings = Settings {
            namespace: config.namespace.clone(),
            name: config.name.clone(),
            timing: config.timing,
            mode: config.mode,
            retrieval_timeout: config.retrieval_timeout,
        };
        let session = Session::new(settings, own_engine.is_some(), runtime::random_seed());
        let task = ClientTask::new(&config, session, own_engine.clone(), Arc::clone(&shared));
        runtime::handle().spawn(task.run(inbox));
        Ok(LeaderClient { inner: Arc::new(Inner { config, own_engine, shared }) })
    }

    /// Moves the client, with all its contenders and watches, to a server of this process. To them
    /// it is another name service.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn attach(&self, server: &LeaderServer) -> Result<(), Error> {
        let engine: Arc<dyn NameService> = Arc::new(Embedded::attached(server.clone()));
        self.inner.shared.ask(Ask::Engine(Some(engine)))
    }

    /// Undoes [`LeaderClient::attach`]: back to the configured endpoint, or to none. Returns when
    /// the server has been sent the farewell: stopped after that, it still tells its watchers.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn detach(&self) -> Result<(), Error> {
        self.inner.shared.ask(Ask::Engine(self.inner.own_engine.clone()))?;
        // The task takes one after the other: its answer comes after the farewell.
        let _ = self.state();
        Ok(())
    }

    /// Registers a contender for a component. `cookie` is what [`LeaderClient::poll`] answers when
    /// it has something to take. Does not wait.
    ///
    /// # Errors
    /// [`Error::AlreadyRegistered`], after which nothing has changed; [`Error::Closed`];
    /// [`Error::InvalidArgument`] for an empty or too long name.
    pub fn register(&self, component: &str, cookie: u64) -> Result<Contender, Error> {
        let component = Name::new("component", component)?;
        let (id, cell) = self.inner.shared.registry.register(component, cookie)?;
        Ok(Contender::new(Arc::clone(&self.inner.shared), id, cell))
    }

    /// Watches a component. `cookie` as in [`LeaderClient::register`].
    ///
    /// # Errors
    /// [`Error::Closed`]; [`Error::InvalidArgument`] for an empty or too long name.
    pub fn watch(&self, component: &str, cookie: u64) -> Result<Watch, Error> {
        let component = Name::new("component", component)?;
        let id = self.inner.shared.registry.watch(component, cookie)?;
        Ok(Watch::new(Arc::clone(&self.inner.shared), id))
    }

    /// Waits until some contender or watch has something to take, for `timeout` or a second at the
    /// most, and writes their cookies. What does not fit comes with the next call.
    pub fn poll(&self, cookies: &mut [u64], timeout: Duration) -> Polled {
        let registry = &self.inner.shared.registry;
        let stall = self.inner.config.stall_timeout.map_or(LONGEST_POLL, |stall| stall / 4);
        if registry.pulse(clock::now()) {
            // It had stalled: the candidates may stand again.
            let _ = self.inner.shared.asks.send(Ask::Pulse);
        }
        let polled = registry.events().poll(cookies, timeout.min(LONGEST_POLL).min(stall));
        registry.pulse(clock::now());
        polled
    }

    /// A descriptor that can be read while some contender or watch has something to take, so that an
    /// event loop can wait for it beside others. It is readable, too, when it is time to call
    /// [`LeaderClient::poll`] for the sake of the stall time-out, and for ever once the client is
    /// closed, which it outlives. Only `poll` makes it unreadable: there is nothing to be read.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no descriptor.
    pub fn event_descriptor(&self) -> Result<OwnedFd, Error> {
        let pulse = self.inner.config.stall_timeout.map(|stall| stall / 4);
        let descriptor = self.inner.shared.registry.events().descriptor(pulse);
        descriptor.map_err(|error| Error::Io(format!("no descriptor for events: {error}")))
    }

    /// Asks the name service for its status. Waits for `timeout` at the most.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::Refused`], [`Error::Closed`].
    pub fn status(&self, timeout: Duration) -> Result<Status, Error> {
        self.status_after(RequestKind::Status, timeout)
    }

    /// Asks the leader of an election to step down; with a target (a candidate's name or session),
    /// that one is next. With an epoch only its leader is asked, and nobody if it has ended: so it
    /// may be asked again. Answers the status from when it was asked.
    ///
    /// # Errors
    /// As [`LeaderClient::status`].
    pub fn resign(
        &self,
        election: &str,
        epoch: Option<Epoch>,
        target: Option<&str>,
        timeout: Duration,
    ) -> Result<Status, Error> {
        let election = Name::new("election", election)?;
        let target = target.map(|target| Name::new("target", target)).transpose()?;
        self.status_after(RequestKind::Resign { election, epoch, target }, timeout)
    }

    fn status_after(&self, kind: RequestKind, timeout: Duration) -> Result<Status, Error> {
        match self.inner.shared.request(kind, timeout)? {
            Answer::Status(status) => Ok(*status),
            other => Err(Error::Internal(format!("{other:?} is no status"))),
        }
    }

    /// Where the client stands; none once closed.
    pub fn state(&self) -> Option<ClientState> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.inner.shared.ask(Ask::State(reply)).ok()?;
        answer.recv_timeout(Duration::from_secs(1)).ok()
    }

    /// What it was opened with.
    pub fn config(&self) -> &ClientConfig {
        &self.inner.config
    }

    /// Closes the client: no contender leads from when this begins, nothing is told any more, and
    /// the session ends with a goodbye, which is waited for at most `timeout`. Idempotent.
    pub fn close(&self, timeout: Duration) {
        self.inner.shared.close(timeout);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close(Duration::ZERO);
    }
}

fn unanswered(timeout: Duration) -> StoreError {
    StoreError::UnknownOutcome(format!("the client itself was held up for more than {timeout:?}"))
}

impl Shared {
    fn ask(&self, ask: Ask) -> Result<(), Error> {
        if self.registry.is_closed() {
            return Err(Error::Closed("the client"));
        }
        self.asks.send(ask).map_err(|_| Error::Closed("the client"))
    }

    /// Asks, and waits for the answer.
    fn request(&self, kind: RequestKind, timeout: Duration) -> Result<Answer, Error> {
        let is_write = matches!(kind, RequestKind::Write { .. });
        let (reply, answer) = mpsc::sync_channel(1);
        self.ask(Ask::Request { kind, timeout, reply })?;
        // The machine answers in time itself; the rest is for one that is held up, or gone.
        match answer.recv_timeout(timeout + HELD_UP) {
            Ok(result) => result,
            // Asked after the close: the task has not looked at it.
            Err(RecvTimeoutError::Disconnected) if self.registry.is_closed() => {
                Err(Error::Closed("the client"))
            }
            // The process stood still, say, and the task with it, but not the name service.
            Err(_) if is_write => Err(unanswered(timeout).into()),
            Err(_) => {
                let endpoint = "its endpoint (the client itself was held up)".to_owned();
                Err(Error::Unreachable { endpoint, after: timeout })
            }
        }
    }

    fn close(&self, timeout: Duration) {
        self.registry.close();
        let (reply, answer) = mpsc::sync_channel(1);
        if self.asks.send(Ask::Close(reply, timeout)).is_ok() && !timeout.is_zero() {
            // Either end of the wait is fine: the goodbye was taken, or is not waited for any more.
            let _ = answer.recv_timeout(timeout);
        }
    }
}
