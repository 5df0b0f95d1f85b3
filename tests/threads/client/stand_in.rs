//! A client without a task: what the name service brings is brought by the model, and what is asked
//! of it can be looked at.

use std::os::fd::OwnedFd;
use std::time::Duration;

use leaderserver::core::config::ClientConfig;
use leaderserver::core::contenders::Command;
use leaderserver::core::error::Error;
use leaderserver::core::ids::{Epoch, LeaderSessionId, Name};
use leaderserver::core::session::Deadlines;
use leaderserver::core::store::{Fence, Operation, Page, PageEntry, Written};
use leaderserver::tls::TlsConfig;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::registry::Registry;
use super::task::Ask;
use super::{Contender, Polled, Watch};
use crate::server::LeaderServer;
use crate::sync::{Arc, Mutex};

#[derive(Clone)]
pub(crate) struct LeaderClient {
    inner: Arc<Inner>,
}

struct Inner {
    config: ClientConfig,
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) registry: Registry,
    asked: Mutex<UnboundedReceiver<Ask>>,
}

loom::lazy_static! {
    /// What was opened last in a schedule.
    static ref OPENED: std::sync::Mutex<Option<Arc<Shared>>> = std::sync::Mutex::new(None);
}

/// What the task of a client has of it, to bring it news.
pub(crate) struct Task(Arc<Shared>);

impl Task {
    /// Of the client that was opened last.
    pub(crate) fn of_last() -> Self {
        let opened = OPENED.lock().unwrap();
        Task(Arc::clone(opened.as_ref().expect("one was opened")))
    }

    /// It has ended, too.
    pub(crate) fn end_last() {
        let ended = OPENED.lock().unwrap().take();
        drop(ended);
    }

    pub(crate) fn granted(&self, id: LeaderSessionId) {
        self.0.registry.granted(&Name::process_election(), 1, id);
    }

    pub(crate) fn revoked(&self, epoch: Epoch) {
        self.0.registry.revoked(&Name::process_election(), epoch, "by the model");
    }

    pub(crate) fn deadlines(&self, deadlines: Deadlines) {
        self.0.registry.deadlines(deadlines);
    }

    /// What was asked since this was called last.
    pub(crate) fn asked(&self) -> Vec<Command> {
        let mut asked = self.0.asked.lock();
        let commands = std::iter::from_fn(|| asked.try_recv().ok());
        commands.filter_map(|ask| if let Ask::Command(c) = ask { Some(c) } else { None }).collect()
    }
}

impl LeaderClient {
    pub(crate) fn open(config: ClientConfig, _tls: Option<TlsConfig>) -> Result<Self, Error> {
        let (asks, asked) = unbounded_channel();
        let registry = Registry::new(config.mode, asks);
        let shared = Arc::new(Shared { registry, asked: Mutex::new(asked) });
        *OPENED.lock().unwrap() = Some(Arc::clone(&shared));
        Ok(LeaderClient { inner: Arc::new(Inner { config, shared }) })
    }

    // --- As of the client

    pub(crate) fn register(&self, component: &str, cookie: u64) -> Result<Contender, Error> {
        let component = Name::new("component", component)?;
        let (id, cell) = self.inner.shared.registry.register(component, cookie)?;
        Ok(Contender::new(Arc::clone(&self.inner.shared), id, cell))
    }

    pub(crate) fn watch(&self, component: &str, cookie: u64) -> Result<Watch, Error> {
        let component = Name::new("component", component)?;
        let id = self.inner.shared.registry.watch(component, cookie)?;
        Ok(Watch::new(Arc::clone(&self.inner.shared), id))
    }

    pub(crate) fn poll(&self, cookies: &mut [u64], timeout: Duration) -> Polled {
        self.inner.shared.registry.events().poll(cookies, timeout)
    }

    pub(crate) fn close(&self, _timeout: Duration) {
        self.inner.shared.registry.close();
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.inner.config
    }

    pub(crate) fn event_descriptor(&self) -> Result<OwnedFd, Error> {
        let descriptor = self.inner.shared.registry.events().descriptor(None);
        descriptor.map_err(|error| Error::Io(error.to_string()))
    }

    // --- No part of the models

    pub(crate) fn attach(&self, _server: &LeaderServer) -> Result<(), Error> {
        Ok(())
    }

    pub(crate) fn detach(&self) -> Result<(), Error> {
        Ok(())
    }

    pub(crate) fn status(&self, _timeout: Duration) -> Result<(), Error> {
        Ok(())
    }

    pub(crate) fn state(&self) -> Option<()> {
        None
    }

    pub(crate) fn resign(
        &self,
        _election: &str,
        _epoch: Option<Epoch>,
        _target: Option<&str>,
        _timeout: Duration,
    ) -> Result<(), Error> {
        Ok(())
    }

    pub(crate) fn store(&self, _: &str, fences: &[Fence]) -> Result<Store, Error> {
        Ok(Store { fences: fences.to_vec() })
    }

    pub(crate) fn write(
        &self,
        _fences: Vec<Fence>,
        _operations: Vec<Operation>,
        _timeout: Duration,
    ) -> Result<Written, Error> {
        Err(Error::Closed("the client"))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.registry.close();
    }
}

pub(crate) struct Store {
    fences: Vec<Fence>,
}

impl Store {
    pub(crate) fn fences(&self) -> &[Fence] {
        &self.fences
    }

    pub(crate) fn get(&self, _: &str, _: Duration) -> Result<Option<PageEntry>, Error> {
        Ok(None)
    }

    pub(crate) fn page(
        &self,
        _: &str,
        _: Option<&Name>,
        _: bool,
        _: Duration,
    ) -> Result<Page, Error> {
        Err(Error::Closed("the client"))
    }
}

impl Contender {
    pub(crate) fn store(&self) -> Option<Store> {
        let fence = self.shared.registry.told(self.id)?;
        Some(Store { fences: vec![fence] })
    }
}
