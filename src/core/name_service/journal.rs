//! What a durable name service has changed and not yet recorded, and what must not be seen before
//! it is (R11).
//!
//! Changes are noted by their keys. [`NameService::poll_commit`] takes all that were noted since it
//! was last asked and hands out their present values as one batch: the next batch takes whatever
//! comes while this one is on its way (group commit). An output that shows something which is noted
//! or on its way waits for it; everything else, heartbeats before all, goes out at once, however
//! long the disk takes.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{NameService, Output, ServerEvent};
use crate::core::ids::{ConnectionId, Name, Revision, SessionId};
use crate::core::records::{
    Change, ComponentRecord, ElectionRecord, Head, Record, RecordKey, SessionRecord,
};
use crate::core::store::{Operation, OperationKind, Query, Write};
use crate::core::time::Moment;
use crate::core::wire::message::ServerMessage;

/// How many numbers of sessions are set aside at a time: a session is opened without waiting for the
/// disk, and no number is given twice, though most sessions are never recorded.
const RESERVED: u64 = 1024;

/// A disk that takes longer than this is said to take no writes.
const STALLED: Duration = Duration::from_secs(2);

/// Between two attempts at what failed.
const AGAIN: Duration = Duration::from_secs(1);

/// Of a name service with durable state.
pub(super) struct Journal {
    dirty: BTreeSet<RecordKey>,
    /// What waits for what is dirty.
    waiting: Vec<Output>,
    in_flight: Option<InFlight>,
    /// How many batches were committed.
    committed: u64,
    /// The last revision that is recorded.
    durable: Revision,
    /// Sessions have numbers up to this, as the head says or will say, and as is recorded.
    sessions_below: SessionId,
    recorded_below: SessionId,
    /// Why nothing is recorded at present, and when it is tried again.
    failing: Option<(String, Moment)>,
    /// Whether the longest session time-out has passed since the state began (R12).
    pub(super) settled: bool,
    /// For the status.
    pub(super) data: DataStatus,
}

/// What whoever records says of where it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataStatus {
    /// What it takes, in bytes.
    pub bytes: u64,
    /// What an operator must know of.
    pub warning: Option<String>,
}

/// A batch on its way to the disk.
struct InFlight {
    keys: BTreeSet<RecordKey>,
    outputs: Vec<Output>,
    since: Moment,
    revision: Revision,
    sessions_below: SessionId,
}

/// What an output waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Needs {
    /// It shows nothing that is not recorded.
    Nothing,
    /// The batch on its way.
    InFlight,
    /// The batch after that.
    Dirty,
}

impl Journal {
    pub(super) fn new(head: &Head) -> Self {
        Journal {
            dirty: BTreeSet::new(),
            waiting: Vec::new(),
            in_flight: None,
            committed: 0,
            durable: head.revision,
            sessions_below: head.sessions_below,
            recorded_below: head.sessions_below,
            failing: None,
            settled: head.settled,
            data: DataStatus::default(),
        }
    }

    fn needs(&self, key: &RecordKey) -> Needs {
        if self.dirty.contains(key) {
            Needs::Dirty
        } else if self.in_flight.as_ref().is_some_and(|batch| batch.keys.contains(key)) {
            Needs::InFlight
        } else {
            Needs::Nothing
        }
    }

    /// Of the entries of an election whose keys have a prefix.
    fn needs_entries(&self, namespace: &Name, election: &Name, prefix: &str) -> Needs {
        // Names are not empty: this one is the first of all.
        let from = Name::new("key", if prefix.is_empty() { "\0" } else { prefix });
        let Ok(from) = from else { return Needs::Nothing };
        let from = RecordKey::Entry {
            namespace: namespace.clone(),
            election: election.clone(),
            key: from,
        };
        let found = |keys: &BTreeSet<RecordKey>| {
            keys.range(from.clone()..).next().is_some_and(|first| {
                matches!(first, RecordKey::Entry { namespace: n, election: e, key }
                    if n == namespace && e == election && key.as_str().starts_with(prefix))
            })
        };
        if found(&self.dirty) {
            Needs::Dirty
        } else if self.in_flight.as_ref().is_some_and(|batch| found(&batch.keys)) {
            Needs::InFlight
        } else {
            Needs::Nothing
        }
    }

    /// The number of the batch that is meant.
    fn batch(&self, needs: Needs) -> u64 {
        match needs {
            Needs::Nothing => 0,
            Needs::InFlight => self.committed + 1,
            Needs::Dirty => self.committed + 1 + u64::from(self.in_flight.is_some()),
        }
    }

    /// What waits for that batch waits for this. After a failure batches are fewer than was thought:
    /// whoever waited for a later one is content with what there is.
    fn until(&self, batch: u64) -> Needs {
        if batch <= self.committed {
            Needs::Nothing
        } else if self.in_flight.is_some() && (batch == self.committed + 1 || self.dirty.is_empty())
        {
            Needs::InFlight
        } else if self.dirty.is_empty() {
            Needs::Nothing
        } else {
            Needs::Dirty
        }
    }
}

// --- Towards the shell

impl NameService {
    /// What is to be recorded next, all of it or nothing, in one step that is durable when it is
    /// over; none while such a step is under way. The shell answers with
    /// [`NameService::handle_committed`] or [`NameService::handle_commit_failed`]. To be asked after
    /// each round of inputs. Always none without durable state.
    pub fn poll_commit(&mut self, now: Moment) -> Option<Vec<Change>> {
        let journal = self.journal.as_mut()?;
        if journal.in_flight.is_some() || journal.dirty.is_empty() {
            return None;
        }
        if journal.failing.as_ref().is_some_and(|(_, again)| *again > now) {
            return None;
        }
        let keys = std::mem::take(&mut journal.dirty);
        let mut outputs = std::mem::take(&mut journal.waiting);
        let sessions_below = journal.sessions_below;
        let mut changes = Vec::with_capacity(keys.len());
        for key in &keys {
            changes.push(Change::new(key, self.record(key).as_ref()));
            if let RecordKey::Component { namespace, component } = key {
                outputs.extend(self.told_to_watchers(namespace, component));
            }
        }
        let revision = self.revision;
        let batch = InFlight { keys, outputs, since: now, revision, sessions_below };
        self.journal.as_mut().expect("it is there").in_flight = Some(batch);
        Some(changes)
    }

    /// What [`NameService::poll_commit`] handed out is durable.
    pub fn handle_committed(&mut self, now: Moment) {
        let Some(journal) = &mut self.journal else { return };
        let Some(batch) = journal.in_flight.take() else { return };
        journal.committed += 1;
        journal.durable = batch.revision;
        journal.recorded_below = batch.sessions_below;
        self.outputs.extend(batch.outputs);
        if journal.failing.take().is_some() {
            self.outputs.push_back(Output::Log(ServerEvent::WritesAgain));
            self.grant_everywhere(now);
        }
    }

    /// What [`NameService::poll_commit`] handed out is not recorded. From here on writes are refused
    /// and nobody is granted, until an attempt succeeds; the rest goes on.
    pub fn handle_commit_failed(&mut self, now: Moment, reason: &str) {
        let Some(journal) = &mut self.journal else { return };
        let Some(batch) = journal.in_flight.take() else { return };
        // Watchers are told anew by the next batch, of whatever there is to be told by then.
        let is_kept = |output: &Output| !matches!(output, Output::Broadcast { .. });
        let later = std::mem::take(&mut journal.waiting);
        journal.waiting = batch.outputs.into_iter().filter(is_kept).chain(later).collect();
        journal.dirty.extend(batch.keys);
        // It and the one after it are one batch now: no welcome waits for another.
        let next = journal.committed + 1;
        for connection in self.connections.values_mut() {
            connection.welcome = connection.welcome.min(next);
        }
        self.fails(reason, now + AGAIN);
    }

    /// How the place is where it is recorded; shown by the status.
    pub fn handle_data_status(&mut self, data: DataStatus) {
        if let Some(journal) = &mut self.journal {
            journal.data = data;
        }
    }

    /// Whether all that was changed is recorded.
    pub fn is_recorded(&self) -> bool {
        self.journal.as_ref().is_none_or(|j| j.dirty.is_empty() && j.in_flight.is_none())
    }

    fn fails(&mut self, reason: &str, again: Moment) {
        let Some(journal) = &mut self.journal else { return };
        let known = journal.failing.replace((reason.to_owned(), again)).is_some();
        if !known {
            let reason = reason.to_owned();
            self.outputs.push_back(Output::Log(ServerEvent::NoWrites { reason }));
        }
    }

    pub(super) fn journal_timeout(&self) -> Option<Moment> {
        let journal = self.journal.as_ref()?;
        match (&journal.in_flight, &journal.failing) {
            (Some(batch), None) => Some(batch.since + STALLED),
            (None, Some((_, again))) => Some(*again),
            _ => None,
        }
    }

    pub(super) fn look_at_disk(&mut self, now: Moment) {
        let since = self.journal.as_ref().and_then(|j| j.in_flight.as_ref()).map(|b| b.since);
        if since.is_some_and(|since| since + STALLED <= now) && self.read_only().is_none() {
            self.fails(&format!("the disk has not finished a write for {STALLED:?}"), now);
        }
    }
}

// --- Towards the rest of the machine

impl NameService {
    /// Whether anything is recorded at all.
    pub(super) fn is_durable(&self) -> bool {
        self.journal.is_some()
    }

    pub(super) fn data_status(&self) -> DataStatus {
        self.journal.as_ref().map(|journal| journal.data.clone()).unwrap_or_default()
    }

    /// Why nothing can be recorded at present.
    pub(super) fn read_only(&self) -> Option<&str> {
        let failing = self.journal.as_ref()?.failing.as_ref()?;
        Some(&failing.0)
    }

    /// Something has changed under this key.
    pub(super) fn mark(&mut self, key: RecordKey) {
        if let Some(journal) = &mut self.journal {
            journal.dirty.insert(key);
        }
    }

    pub(super) fn mark_election(&mut self, namespace: &Name, election: &Name) {
        if self.is_durable() {
            self.mark(RecordKey::Election {
                namespace: namespace.clone(),
                election: election.clone(),
            });
        }
    }

    /// Hands out a new number for a session.
    pub(super) fn next_session(&mut self) -> SessionId {
        self.last_session = SessionId(self.last_session.0 + 1);
        let id = self.last_session;
        self.reserve_sessions();
        id
    }

    /// Sees to it that numbers are set aside.
    pub(super) fn reserve_sessions(&mut self) {
        let last = self.last_session.0;
        let Some(journal) = &mut self.journal else { return };
        if last + RESERVED / 2 > journal.sessions_below.0 {
            journal.sessions_below = SessionId(last + RESERVED);
            journal.dirty.insert(RecordKey::Head);
        }
    }

    /// Whether the number of this session is set aside.
    pub(super) fn needs_session(&self, id: SessionId) -> Needs {
        match &self.journal {
            Some(journal) if id > journal.recorded_below => journal.needs(&RecordKey::Head),
            _ => Needs::Nothing,
        }
    }

    pub(super) fn needs(&self, key: &RecordKey) -> Needs {
        self.journal.as_ref().map_or(Needs::Nothing, |journal| journal.needs(key))
    }

    pub(super) fn needs_election(&self, namespace: &Name, election: &Name) -> Needs {
        if !self.is_durable() {
            return Needs::Nothing;
        }
        self.needs(&RecordKey::Election {
            namespace: namespace.clone(),
            election: election.clone(),
        })
    }

    pub(super) fn needs_component(&self, namespace: &Name, component: &Name) -> Needs {
        if !self.is_durable() {
            return Needs::Nothing;
        }
        self.needs(&RecordKey::Component {
            namespace: namespace.clone(),
            component: component.clone(),
        })
    }

    pub(super) fn needs_query(&self, namespace: &Name, query: &Query) -> Needs {
        let Some(journal) = &self.journal else { return Needs::Nothing };
        match query {
            Query::Get { election, key } => journal.needs(&RecordKey::Entry {
                namespace: namespace.clone(),
                election: election.clone(),
                key: key.clone(),
            }),
            Query::List { election, prefix, .. } => {
                journal.needs_entries(namespace, election, prefix)
            }
        }
    }

    /// Of an answer to a write: the answer itself, and what it may say of fences and keys.
    pub(super) fn needs_write(&self, namespace: &Name, write: &Write) -> Needs {
        let Some(journal) = &self.journal else { return Needs::Nothing };
        let answer = RecordKey::Answer { namespace: namespace.clone(), write: write.id };
        let fences = write.fences.iter().map(|f| self.needs_election(namespace, &f.election));
        let keys = write.operations.iter().map(|Operation { election, kind }| match kind {
            OperationKind::Create { key, .. }
            | OperationKind::Replace { key, .. }
            | OperationKind::Delete { key, .. } => journal.needs(&RecordKey::Entry {
                namespace: namespace.clone(),
                election: election.clone(),
                key: key.clone(),
            }),
            OperationKind::DeletePrefix { prefix } => {
                journal.needs_entries(namespace, election, prefix)
            }
        });
        fences.chain(keys).max().unwrap_or(Needs::Nothing).max(journal.needs(&answer))
    }

    /// All that is not recorded yet.
    pub(super) fn needs_everything(&self) -> Needs {
        match &self.journal {
            Some(journal) if !journal.dirty.is_empty() => Needs::Dirty,
            Some(journal) if journal.in_flight.is_some() => Needs::InFlight,
            _ => Needs::Nothing,
        }
    }

    /// The last revision that may be shown by what waits for `needs` (R14).
    pub(super) fn revision_at(&self, needs: Needs) -> Revision {
        match (&self.journal, needs) {
            (None, _) | (_, Needs::Dirty) => self.revision,
            (Some(journal), Needs::InFlight) => {
                journal.in_flight.as_ref().map_or(journal.durable, |batch| batch.revision)
            }
            (Some(journal), Needs::Nothing) => journal.durable,
        }
    }

    /// Puts out something that shows what `needs` says.
    pub(super) fn emit(&mut self, needs: Needs, output: Output) {
        match (&mut self.journal, needs) {
            (Some(journal), Needs::Dirty) => journal.waiting.push(output),
            (Some(Journal { in_flight: Some(batch), .. }), Needs::InFlight) => {
                batch.outputs.push(output);
            }
            _ => self.outputs.push_back(output),
        }
    }

    /// A connection is gone: what waits for room to be said to it would pile up.
    pub(super) fn forget_connection(&mut self, conn: ConnectionId) {
        let Some(journal) = self.journal.as_mut().filter(|j| j.failing.is_some()) else { return };
        let to_others = |output: &Output| match output {
            Output::Send { to, .. } | Output::Close { conn: to } => *to != conn,
            Output::Broadcast { .. } | Output::Log(_) => true,
        };
        journal.waiting.retain(to_others);
        if let Some(batch) = &mut journal.in_flight {
            batch.outputs.retain(to_others);
        }
    }

    /// As [`NameService::emit`], to a connection. Nothing overtakes its welcome.
    pub(super) fn send_when(&mut self, needs: Needs, to: ConnectionId, message: ServerMessage) {
        let mut needs = needs;
        if let (Some(journal), Some(connection)) = (&self.journal, self.connections.get_mut(&to)) {
            if matches!(message, ServerMessage::Welcome(_)) {
                connection.welcome = journal.batch(needs);
            }
            needs = needs.max(journal.until(connection.welcome));
        }
        self.emit(needs, Output::Send { to, message });
    }

    // --- What is recorded

    fn record(&self, key: &RecordKey) -> Option<Record> {
        match key {
            RecordKey::Head => {
                let journal = self.journal.as_ref()?;
                Some(Record::Head(Head {
                    incarnation: self.incarnation,
                    last_epoch: self.last_epoch,
                    sessions_below: journal.sessions_below,
                    revision: self.revision,
                    settled: journal.settled,
                }))
            }
            RecordKey::Namespace(name) => self.namespaces.get(name)?.mode.map(Record::Namespace),
            RecordKey::Session(id) => {
                let session = self.sessions.get(id)?;
                Some(Record::Session(SessionRecord {
                    token: session.token,
                    name: session.name.clone(),
                    namespace: session.namespace.clone(),
                    timing: session.timing,
                    local: session.local,
                }))
            }
            RecordKey::Election { namespace, election } => {
                let found = self.namespaces.get(namespace).and_then(|n| n.elections.get(election));
                let leader = found.and_then(|found| found.leader());
                let store = self.stores.get(namespace);
                let last_granted = store.and_then(|store| store.last_granted(election))?;
                Some(Record::Election(ElectionRecord { last_granted, leader }))
            }
            RecordKey::Component { namespace, component } => {
                let found = self.namespaces.get(namespace)?.components.get(component)?;
                let published = found.published.as_ref()?;
                Some(Record::Component(ComponentRecord {
                    election: published.election.clone(),
                    leader: published.leader.clone(),
                    revision: found.revision,
                }))
            }
            RecordKey::Entry { namespace, election, key } => {
                self.stores.get(namespace)?.get(election, key).cloned().map(Record::Entry)
            }
            RecordKey::Answer { namespace, write } => {
                self.stores.get(namespace)?.answer(write).map(Record::Answer)
            }
        }
    }

    /// What the watchers of a component are told when its present value is recorded. There may have
    /// been others since they were last told: of several that are recorded together the last counts.
    fn told_to_watchers(&self, namespace: &Name, component: &Name) -> Option<Output> {
        let found = self.namespaces.get(namespace)?.components.get(component)?;
        let to: Vec<ConnectionId> =
            found.watchers.iter().filter_map(|&watcher| self.session(watcher).conn).collect();
        let leader = found.published.as_ref().map(|published| published.leader.clone());
        let (component, revision) = (component.clone(), found.revision);
        let message = ServerMessage::Value { component, revision, leader };
        (!to.is_empty()).then_some(Output::Broadcast { to, message })
    }
}
