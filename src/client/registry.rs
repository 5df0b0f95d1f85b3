//! Contenders and retrievers of one client, behind one lock.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use tokio::sync::mpsc::UnboundedSender;

use super::events::EventQueue;
use super::leadership::{CellRef, DeadlineCell};
use super::task::Ask;
use crate::clock;
use crate::core::config::Mode;
use crate::core::contenders::{Callback, Command, Confirmed, Contenders, RegistrationId};
use crate::core::error::Error;
use crate::core::ids::{Epoch, LeaderInformation, LeaderSessionId, Name};
use crate::core::retrievers::Retriever;
use crate::core::session::Deadlines;
use crate::core::store::Fence;
use crate::core::time::Moment;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};

/// One watch of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct WatchId(u64);

/// What became of a confirmation. Never an error of the network: what is lost on the way is said
/// again on the next connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// Recorded: it is published as soon as the name service has it.
    Confirmed,
    /// Ignored: the contender does not lead under that id.
    NotLeader,
    /// Ignored: its election was closed.
    Closed,
    /// Refused: it has confirmed this id already.
    AlreadyConfirmed,
    /// Refused: the address is longer than the wire carries.
    TooLong,
}

pub(super) struct Registry {
    state: Mutex<State>,
    events: EventQueue,
    deadlines: &'static DeadlineCell,
    asks: UnboundedSender<Ask>,
    closed: AtomicBool,
    /// When events were fetched last, in nanoseconds of the clock.
    fetched: AtomicU64,
    stalled: AtomicBool,
}

struct State {
    contenders: Contenders,
    handles: HashMap<RegistrationId, (u64, CellRef)>,
    next_watch: u64,
    watches: HashMap<WatchId, Watching>,
    components: BTreeMap<Name, Watched>,
}

struct Watching {
    component: Name,
    cookie: u64,
    retriever: Retriever,
}

#[derive(Default)]
struct Watched {
    value: Option<Option<LeaderInformation>>,
    watches: BTreeSet<WatchId>,
}

impl Registry {
    pub(super) fn new(mode: Mode, asks: UnboundedSender<Ask>) -> Self {
        let state = State {
            contenders: Contenders::new(mode),
            handles: HashMap::new(),
            next_watch: 0,
            watches: HashMap::new(),
            components: BTreeMap::new(),
        };
        Registry {
            state: Mutex::new(state),
            events: EventQueue::default(),
            deadlines: DeadlineCell::allocate(),
            asks,
            closed: AtomicBool::new(false),
            fetched: AtomicU64::new(clock::now().as_nanos()),
            stalled: AtomicBool::new(false),
        }
    }

    pub(super) fn events(&self) -> &EventQueue {
        &self.events
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    // --- Contenders

    pub(super) fn register(
        &self,
        component: Name,
        cookie: u64,
    ) -> Result<(RegistrationId, CellRef), Error> {
        let mut state = self.state.lock();
        let (id, command) = state.contenders.register(component)?;
        let Some(cell) = CellRef::allocate(self.deadlines) else {
            let (_, commands) = state.contenders.close(id, false);
            self.say(command.into_iter().chain(commands));
            let limit = super::leadership::MAX_CELLS;
            return Err(Error::TooLarge { what: "contenders", size: limit + 1, limit });
        };
        state.handles.insert(id, (cookie, cell));
        // Under the lock, so that commands arrive in the order in which they were decided.
        self.say(command);
        cell.set(state.contenders.leadership(id));
        if state.contenders.is_ready(id) {
            self.events.push([cookie]);
        }
        Ok((id, cell))
    }

    pub(super) fn take(&self, id: RegistrationId) -> Option<Callback> {
        self.state.lock().contenders.take(id)
    }

    pub(super) fn done(&self, id: RegistrationId) {
        let mut state = self.state.lock();
        let commands = state.contenders.done(id);
        self.say(commands);
        if state.contenders.is_ready(id)
            && let Some(&(cookie, _)) = state.handles.get(&id)
        {
            self.events.push([cookie]);
        }
    }

    pub(super) fn close_contender(
        &self,
        id: RegistrationId,
        inside_callback: bool,
    ) -> Option<Callback> {
        let mut state = self.state.lock();
        if let Some((_, cell)) = state.handles.get(&id) {
            cell.set(None);
        }
        let (callback, commands) = state.contenders.close(id, inside_callback);
        self.say(commands);
        callback
    }

    pub(super) fn is_finished(&self, id: RegistrationId) -> bool {
        self.state.lock().contenders.is_finished(id)
    }

    /// The grant that a contender was told last and has not been told the end of.
    pub(super) fn told(&self, id: RegistrationId) -> Option<Fence> {
        self.state.lock().contenders.told_fence(id)
    }

    /// The handle is gone: whatever was due is not run by anybody any more.
    pub(super) fn forget_contender(&self, id: RegistrationId) {
        let mut state = self.state.lock();
        if let Some((_, cell)) = state.handles.remove(&id) {
            // Before the word that it has left.
            cell.set(None);
        }
        let commands = state.contenders.abandon(id);
        self.say(commands);
    }

    pub(super) fn confirm(
        &self,
        id: RegistrationId,
        session: LeaderSessionId,
        address: Bytes,
    ) -> Confirmation {
        let mut state = self.state.lock();
        match state.contenders.confirm(id, session, address) {
            Confirmed::Recorded(command) => {
                self.say([command]);
                Confirmation::Confirmed
            }
            Confirmed::NotLeader => Confirmation::NotLeader,
            Confirmed::Closed => Confirmation::Closed,
            Confirmed::Already => Confirmation::AlreadyConfirmed,
            Confirmed::TooLong => Confirmation::TooLong,
        }
    }

    // --- Watches

    pub(super) fn watch(&self, component: Name, cookie: u64) -> Result<WatchId, Error> {
        let mut state = self.state.lock();
        if self.is_closed() {
            return Err(Error::Closed("the client"));
        }
        state.next_watch += 1;
        let id = WatchId(state.next_watch);
        let watched = state.components.entry(component.clone()).or_default();
        let first = watched.watches.is_empty();
        watched.watches.insert(id);
        let known = watched.value.clone();
        let mut retriever = Retriever::default();
        if known.is_some_and(|value| retriever.handle_value(value)) {
            self.events.push([cookie]);
        }
        if first {
            let _ = self.asks.send(Ask::Watch(component.clone()));
        }
        state.watches.insert(id, Watching { component, cookie, retriever });
        Ok(id)
    }

    pub(super) fn take_value(&self, id: WatchId) -> Option<Option<LeaderInformation>> {
        self.state.lock().watches.get_mut(&id)?.retriever.take()
    }

    pub(super) fn close_watch(&self, id: WatchId) {
        let mut state = self.state.lock();
        let Some(Watching { component, .. }) = state.watches.remove(&id) else { return };
        let Some(watched) = state.components.get_mut(&component) else { return };
        watched.watches.remove(&id);
        if watched.watches.is_empty() {
            state.components.remove(&component);
            let _ = self.asks.send(Ask::Unwatch(component));
        }
    }

    // --- What the task brings

    pub(super) fn deadlines(&self, deadlines: Deadlines) {
        self.deadlines.set(deadlines);
    }

    pub(super) fn granted(&self, election: &Name, standing: u64, id: LeaderSessionId) {
        let mut state = self.state.lock();
        let affected = state.contenders.handle_granted(election, standing, id);
        self.tell(&state, &affected);
    }

    pub(super) fn revoked(&self, election: &Name, epoch: Epoch, reason: &str) {
        let mut state = self.state.lock();
        let affected = state.contenders.handle_revoked(election, epoch, reason);
        self.tell(&state, &affected);
    }

    /// Answers whether somebody is to hear of it who has not.
    pub(super) fn failed(&self, election: Option<&Name>, error: &Error) -> bool {
        let mut state = self.state.lock();
        let affected = state.contenders.handle_failed(election, error);
        self.tell(&state, &affected);
        !affected.is_empty()
    }

    pub(super) fn value(&self, component: &Name, value: Option<LeaderInformation>) {
        let mut state = self.state.lock();
        let Some(watched) = state.components.get_mut(component) else { return };
        watched.value = Some(value.clone());
        let ids: Vec<WatchId> = watched.watches.iter().copied().collect();
        for id in ids {
            let Some(watching) = state.watches.get_mut(&id) else { continue };
            if watching.retriever.handle_value(value.clone()) {
                self.events.push([watching.cookie]);
            }
        }
    }

    /// Brings the cells in line first, so that a contender finds has-leadership as it is told.
    fn tell(&self, state: &State, affected: &[RegistrationId]) {
        let ready = affected.iter().filter_map(|&id| {
            let &(cookie, cell) = state.handles.get(&id)?;
            cell.set(state.contenders.leadership(id));
            state.contenders.is_ready(id).then_some(cookie)
        });
        self.events.push(ready.collect::<Vec<_>>());
    }

    fn say(&self, commands: impl IntoIterator<Item = Command>) {
        for command in commands {
            // The task outlives the registry's open state; after close nobody cares.
            let _ = self.asks.send(Ask::Command(command));
        }
    }

    // --- The pulse (P9)

    /// Events were fetched. Answers whether they had not been for too long.
    pub(super) fn pulse(&self, now: Moment) -> bool {
        self.fetched.store(now.as_nanos(), Ordering::Release);
        self.stalled.load(Ordering::Acquire) && self.stalled.swap(false, Ordering::AcqRel)
    }

    pub(super) fn fetched_at(&self) -> Moment {
        Moment::from_nanos(self.fetched.load(Ordering::Acquire))
    }

    pub(super) fn set_stalled(&self) {
        self.stalled.store(true, Ordering::Release);
    }

    pub(super) fn contends(&self) -> bool {
        !self.state.lock().contenders.is_empty()
    }

    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.contenders.len(), state.watches.len())
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.deadlines.end();
        let mut state = self.state.lock();
        state.contenders.close_all();
        for (_, cell) in state.handles.values() {
            cell.set(None);
        }
        state.watches.clear();
        state.components.clear();
        drop(state);
        self.events.close();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Every contender holds this registry: none is left that points at the cell.
        self.deadlines.release();
    }
}
