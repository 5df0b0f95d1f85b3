//! Contenders and retrievers, and the users behind them, glued to the machines as the client's
//! registry does it.

use std::time::Duration;

use bytes::Bytes;
use leaderserver::core::contenders::{Callback, Command, Confirmed, RegistrationId};
use leaderserver::core::error::Error;
use leaderserver::core::ids::{LeaderInformation, LeaderSessionId, Name};
use leaderserver::core::retrievers::Retriever;
use leaderserver::core::session::RequestKind;
use leaderserver::core::store::{Fence, Operation, OperationKind};

use crate::ambush::When;
use crate::check::{callbacks, retrieval};
use crate::clock::MS;
use crate::process::Ask;
use crate::world::{Event, World, name};

/// How a user behaves; times in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// How late it comes to take what is there.
    pub take: (u64, u64),
    /// How long its callbacks run.
    pub callback: (u64, u64),
    /// How long after the beginning of a grant it confirms; none: it does not.
    pub confirm: Option<(u64, u64)>,
}

impl Default for Manners {
    fn default() -> Self {
        let soon = (1_000, MS / 10);
        Manners { take: soon, callback: soon, confirm: Some(soon) }
    }
}

/// One registered contender.
pub struct Contender {
    pub component: Name,
    pub manners: Manners,
    /// What it was told, and when.
    pub told: Vec<(u64, Callback)>,
    /// What it has confirmed last.
    pub confirmed: Option<(LeaderSessionId, Bytes)>,
    pub running: u32,
    /// It knows that there is something to take.
    fetched: bool,
    pub closed: Option<callbacks::Closed>,
}

/// One retriever.
pub struct Watcher {
    pub component: Name,
    pub take: (u64, u64),
    retriever: Retriever,
    /// What it was told, and when.
    pub told: Vec<(u64, Option<LeaderInformation>)>,
    pub memory: retrieval::Memory,
    fetched: bool,
}

impl World {
    // --- Contenders

    /// A component contends, with a user who does all at once.
    pub fn contend(&mut self, i: usize, component: &str) -> RegistrationId {
        self.contend_with(i, component, Manners::default())
    }

    pub fn contend_with(&mut self, i: usize, component: &str, manners: Manners) -> RegistrationId {
        self.try_contend(i, component, manners).expect("it has no contender yet")
    }

    pub fn try_contend(
        &mut self,
        i: usize,
        component: &str,
        manners: Manners,
    ) -> Result<RegistrationId, Error> {
        let component = name(component);
        let (id, command) = self.processes[i].contenders.register(component.clone())?;
        self.say("registers", [i as u64, id.0], || format!("p{i} {id:?} {component}"));
        let contender = Contender {
            component,
            manners,
            told: Vec::new(),
            confirmed: None,
            running: 0,
            fetched: false,
            closed: None,
        };
        self.processes[i].users.insert(id, contender);
        self.command(i, command);
        self.tell(i, &[id]);
        self.check_leader(i);
        Ok(id)
    }

    /// Says to the task what the contenders' machine wants of it, in order.
    fn command(&mut self, i: usize, commands: impl IntoIterator<Item = Command>) {
        for command in commands {
            self.ask(i, Ask::Command(command));
        }
    }

    /// Those who are affected hear that there is something to take.
    pub(crate) fn tell(&mut self, i: usize, affected: &[RegistrationId]) {
        for &id in affected {
            let process = &mut self.processes[i];
            let Some(user) = process.users.get_mut(&id) else { continue };
            if process.contenders.is_ready(id) && !std::mem::replace(&mut user.fetched, true) {
                let take = user.manners.take;
                self.fetch(i, take, Event::Take { process: i, id });
            }
        }
    }

    /// Events reach their users only while they are fetched (P9).
    fn fetch(&mut self, i: usize, delay: (u64, u64), event: Event) {
        if !self.processes[i].fetching {
            return self.processes[i].unfetched.push(event);
        }
        let delay = self.pick(delay);
        self.after(delay, event);
    }

    pub(crate) fn take(&mut self, i: usize, id: RegistrationId) {
        if self.postpone_user(i, Event::Take { process: i, id }) {
            return;
        }
        let process = &mut self.processes[i];
        if let Some(user) = process.users.get_mut(&id) {
            user.fetched = false;
            if let Some(callback) = process.contenders.take(id) {
                self.run_callback(i, id, callback);
            }
        }
    }

    fn run_callback(&mut self, i: usize, id: RegistrationId, callback: Callback) {
        self.say("callback", [i as u64, id.0], || format!("p{i} {id:?} {callback:?}"));
        self.check_callback(i, id, &callback);
        let now = self.now;
        let user = self.processes[i].users.get_mut(&id).expect("it has taken it");
        user.told.push((now, callback.clone()));
        user.running += 1;
        let granted = matches!(callback, Callback::Grant(_));
        let Manners { callback: length, confirm, .. } = user.manners;
        let length = self.pick(length);
        self.after(length, Event::Done { process: i, id });
        if let (Callback::Grant(session), Some(confirm)) = (callback, confirm) {
            let wait = self.pick(confirm);
            self.after(wait, Event::Confirm { process: i, id, session });
        }
        if granted {
            self.spring(When::Told, i);
        }
    }

    pub(crate) fn done(&mut self, i: usize, id: RegistrationId) {
        if self.postpone_user(i, Event::Done { process: i, id }) {
            return;
        }
        let process = &mut self.processes[i];
        let Some(user) = process.users.get_mut(&id) else { return };
        user.running -= 1;
        let commands = process.contenders.done(id);
        self.command(i, commands);
        self.tell(i, &[id]);
    }

    pub(crate) fn confirm(&mut self, i: usize, id: RegistrationId, session: LeaderSessionId) {
        if !self.postpone_user(i, Event::Confirm { process: i, id, session }) {
            self.confirm_now(i, id, session);
        }
    }

    /// The user confirms, whether or not it leads under that id.
    pub fn confirm_now(
        &mut self,
        i: usize,
        id: RegistrationId,
        session: LeaderSessionId,
    ) -> Confirmed {
        let process = &mut self.processes[i];
        let Some(user) = process.users.get_mut(&id) else { return Confirmed::Closed };
        let text = format!("{}/{}#{}@{}", process.name, user.component, id.0, session.epoch);
        let address = Bytes::from(text);
        let confirmed = process.contenders.confirm(id, session, address.clone());
        if let Confirmed::Recorded(command) = &confirmed {
            user.confirmed = Some((session, address));
            let command = command.clone();
            self.command(i, [command]);
        }
        let recorded = matches!(confirmed, Confirmed::Recorded(_));
        if !recorded {
            self.count("a confirmation that comes too late, twice, or under no id of its own");
        }
        let words = || format!("p{i} {id:?} under {}: {recorded}", session.epoch);
        self.say("confirms", [i as u64, u64::from(recorded)], words);
        confirmed
    }

    /// A contender is closed; `inside`: from inside its callback, which runs.
    pub fn close(&mut self, i: usize, id: RegistrationId, inside: bool) {
        self.say("closes", [i as u64, id.0], || format!("p{i} {id:?} inside {inside}"));
        let process = &mut self.processes[i];
        let Some(user) = process.users.get_mut(&id) else { return };
        let elsewhere = user.running > 0 && !inside;
        if user.closed.is_none() {
            self.truth.seen.count(match (user.running > 0, inside) {
                (_, true) => "fault: closed from inside its own callback",
                (true, false) => "fault: closed while its callback runs elsewhere",
                _ => "fault: closed",
            });
        }
        let (callback, commands) = process.contenders.close(id, inside);
        user.closed.get_or_insert(callbacks::Closed::new(elsewhere));
        self.command(i, commands);
        if let Some(callback) = callback {
            self.run_callback(i, id, callback);
        }
        if let Some(closed) = self.processes[i].users.get_mut(&id).and_then(|u| u.closed.as_mut()) {
            closed.returned = true;
        }
        self.tell(i, &[id]);
    }

    /// The handle is dropped without a close: nobody will take anything any more.
    pub fn abandon(&mut self, i: usize, id: RegistrationId) {
        self.count("fault: a contender is dropped without a close");
        self.say("abandons", [i as u64, id.0], || format!("p{i} {id:?}"));
        self.processes[i].users.remove(&id);
        let commands = self.processes[i].contenders.abandon(id);
        self.command(i, commands);
    }

    /// Whether a contender leads at this instant, under which id.
    pub fn leadership(&self, i: usize, id: RegistrationId) -> Option<LeaderSessionId> {
        let process = &self.processes[i];
        let until = process.deadlines.lease.min(process.deadlines.link);
        if !process.alive || process.closed || process.clock.at(self.now) >= until {
            return None;
        }
        process.contenders.leadership(id)
    }

    pub fn leads(&self, i: usize, id: RegistrationId) -> bool {
        self.leadership(i, id).is_some()
    }

    /// What a contender was told so far.
    pub fn told(&self, i: usize, id: RegistrationId) -> Vec<Callback> {
        self.processes[i].users[&id].told.iter().map(|(_, callback)| callback.clone()).collect()
    }

    pub fn callbacks(&self, i: usize, id: RegistrationId) -> usize {
        self.processes[i].users.get(&id).map_or(0, |user| user.told.len())
    }

    /// The user closes the whole client.
    pub fn close_client(&mut self, i: usize) {
        self.count("fault: a client is closed");
        self.say("client closed", [i as u64, 0], || format!("p{i}"));
        let process = &mut self.processes[i];
        process.contenders.close_all();
        process.users.clear();
        process.watchers.clear();
        process.components.clear();
        self.ask(i, Ask::Close);
    }

    /// The client asks something of the name service.
    pub fn request(&mut self, i: usize, kind: RequestKind, timeout: Duration) {
        self.ask(i, Ask::Request(kind, timeout));
    }

    /// The client writes to the store under an epoch that it was granted at some time.
    pub fn write(&mut self, i: usize, fence: Fence, kinds: Vec<OperationKind>, timeout: Duration) {
        let election = fence.election.clone();
        let operation = |kind| Operation { election: election.clone(), kind };
        let operations = kinds.into_iter().map(operation).collect();
        self.request(i, RequestKind::Write { fences: vec![fence], operations }, timeout);
    }

    /// Creates a key.
    pub fn create(&mut self, i: usize, fence: Fence, key: &str, timeout: Duration) {
        let kind = OperationKind::Create { key: name(key), value: Bytes::from_static(b"value") };
        self.write(i, fence, vec![kind], timeout);
    }

    /// The grant that a contender was told last.
    pub fn fence(&self, i: usize, id: RegistrationId) -> Option<Fence> {
        self.processes[i].contenders.told_fence(id)
    }

    // --- Retrievers

    /// Somebody watches, and takes at once what there is.
    pub fn watch(&mut self, i: usize, component: &str) -> u64 {
        self.watch_with(i, component, Manners::default().take)
    }

    pub fn watch_with(&mut self, i: usize, component: &str, take: (u64, u64)) -> u64 {
        let component = name(component);
        let process = &mut self.processes[i];
        process.next_watch += 1;
        let id = process.next_watch;
        let watched = process.components.entry(component.clone()).or_default();
        let first = watched.watches.is_empty();
        watched.watches.push(id);
        let known = watched.value.clone();
        let mut retriever = Retriever::default();
        let ready = known.is_some_and(|value| retriever.handle_value(value));
        let watcher = Watcher {
            component: component.clone(),
            take,
            retriever,
            told: Vec::new(),
            memory: retrieval::Memory::default(),
            fetched: false,
        };
        process.watchers.insert(id, watcher);
        self.say("watches", [i as u64, id], || format!("p{i} watch {id} of {component}"));
        if first {
            self.ask(i, Ask::Watch(component));
        }
        if ready {
            self.tell_watcher(i, id);
        }
        id
    }

    pub fn unwatch(&mut self, i: usize, watch: u64) {
        self.say("unwatches", [i as u64, watch], || format!("p{i} watch {watch}"));
        let process = &mut self.processes[i];
        let Some(Watcher { component, .. }) = process.watchers.remove(&watch) else { return };
        let Some(watched) = process.components.get_mut(&component) else { return };
        watched.watches.retain(|id| *id != watch);
        if watched.watches.is_empty() {
            process.components.remove(&component);
            self.ask(i, Ask::Unwatch(component));
        }
    }

    /// The task brings a value.
    pub(crate) fn value(&mut self, i: usize, component: &Name, value: Option<LeaderInformation>) {
        let process = &mut self.processes[i];
        let Some(watched) = process.components.get_mut(component) else { return };
        watched.value = Some(value.clone());
        for id in watched.watches.clone() {
            let watcher = self.processes[i].watchers.get_mut(&id).expect("it is listed");
            if watcher.retriever.handle_value(value.clone()) {
                self.tell_watcher(i, id);
            }
        }
    }

    fn tell_watcher(&mut self, i: usize, watch: u64) {
        let watcher = self.processes[i].watchers.get_mut(&watch).expect("it is listed");
        if !std::mem::replace(&mut watcher.fetched, true) {
            let take = watcher.take;
            self.fetch(i, take, Event::TakeValue { process: i, watch });
        }
    }

    pub(crate) fn take_value(&mut self, i: usize, watch: u64) {
        if self.postpone_user(i, Event::TakeValue { process: i, watch }) {
            return;
        }
        let now = self.now;
        let Some(watcher) = self.processes[i].watchers.get_mut(&watch) else { return };
        watcher.fetched = false;
        if let Some(value) = watcher.retriever.take() {
            self.truth.seen.count(match &value {
                Some(_) => "a retriever is told of a leader",
                None => "a retriever is told that nobody leads",
            });
            watcher.told.push((now, value.clone()));
            let words = || format!("p{i} watch {watch}: {value:?}");
            self.trace.note(now, "is told", [i as u64, watch], words);
            self.check_told(i, watch, value.as_ref());
        }
    }

    /// What a retriever was told last; none: nothing yet.
    pub fn last_told(&self, i: usize, watch: u64) -> Option<Option<&LeaderInformation>> {
        self.processes[i].watchers[&watch].told.last().map(|(_, value)| value.as_ref())
    }

    /// The address that a retriever was told last.
    pub fn told_address(&self, i: usize, watch: u64) -> Option<String> {
        let leader = self.last_told(i, watch)??;
        Some(String::from_utf8_lossy(&leader.address).into_owned())
    }
}
