//! P2: no write is applied under an epoch after a later one was granted. R16: applied once, told as
//! it was; what is said not to have been applied never is.
//!
//! Every write creates a key of its own (but for those of [`super::linearizable`]), and some delete
//! by prefix, so that one applied twice shows: as `Exists` of a key that nobody else creates, or as
//! a store that holds other keys than what was applied makes. Shown to fail with the answers looked
//! up after the epoch, with the answers dropped at the end of a session, and with a grant that does
//! not raise the fence.
use std::collections::{BTreeMap, BTreeSet};

use leaderserver::core::error::Error;
use leaderserver::core::ids::{ClientId, Name, Revision};
use leaderserver::core::records::{Record, RecordKey};
use leaderserver::core::session::Answer;
use leaderserver::core::store::{ANSWERS_KEPT, OperationKind, StoreError, Write, WriteId, Written};
use leaderserver::core::wire::message::ClientMessage;

use super::linearizable::SHARED;
use super::recorded::holds;
use crate::clock::nanos;
use crate::world::World;

/// What a bystander knows of writes.
#[derive(Default)]
pub struct Writes {
    /// By the process and the number of its request, once the server has seen it.
    seen: BTreeMap<(usize, u64), WriteId>,
    /// By the connection and the number of the request.
    pending: BTreeMap<(u64, u64), Pending>,
    /// All that the server has ever seen.
    received: BTreeMap<(Name, WriteId), Write>,
    /// Of lower sequences the client has said that it waits for no answer.
    had_below: BTreeMap<ClientId, u64>,
    /// In which era, and the first answer. In a durable world, once that is on the disk.
    pub applied: BTreeMap<WriteId, (u64, Written)>,
    /// When.
    applied_at: BTreeMap<WriteId, u64>,
    /// The client was told that it was not applied.
    void: BTreeSet<WriteId>,
    /// What the store must hold where it is not on a disk: by era and namespace, the elections and
    /// keys.
    keys: BTreeMap<(u64, Name), BTreeSet<(Name, Name)>>,
    /// How many answers came for writes that had been applied before.
    pub retried: u64,
    /// How many were refused as fenced, and because nothing can be recorded.
    pub fenced: u64,
    pub read_only: u64,
}

/// A write that is not answered.
#[derive(Clone)]
struct Pending {
    namespace: Name,
    write: Write,
    /// What was recorded when it came, and whether its epochs were those granted last.
    at: Revision,
    holds: bool,
}

impl Writes {
    /// All that were received for a namespace.
    pub fn of(&self, namespace: &Name) -> impl Iterator<Item = (&WriteId, &Write)> {
        let its_own = self.received.iter().filter(move |((of, _), _)| of == namespace);
        its_own.map(|((_, id), write)| (id, write))
    }

    /// Whether its client was told that it was not applied.
    pub fn is_void(&self, id: &WriteId) -> bool {
        self.void.contains(id)
    }

    /// It was applied.
    pub fn apply(&mut self, now: u64, id: WriteId, era: u64, written: Written) {
        self.applied.insert(id, (era, written));
        self.applied_at.insert(id, now);
    }
}

impl World {
    pub(crate) fn write_received(&mut self, link: u64, message: &ClientMessage) {
        let ClientMessage::Write { request, write } = message else { return };
        let Some(process) = self.net.links.get(&link).map(|link| link.process) else { return };
        let namespace = self.processes[process].namespace.clone();
        let head = self.disk.as_ref().and_then(|disk| disk.head());
        let at = head.map_or(Revision(0), |head| head.revision);
        let disk = self.disk.as_ref();
        let holds = disk.is_some_and(|disk| holds(&namespace, write, &disk.known));
        let writes = &mut self.truth.writes;
        let write = (**write).clone();
        writes.received.insert((namespace.clone(), write.id), write.clone());
        let had_below = writes.had_below.entry(write.id.client).or_default();
        *had_below = (*had_below).max(write.had_below);
        writes.seen.insert((process, *request), write.id);
        let eras = &self.truth.incarnations;
        let era = eras.iter().find(|(_, incarnation)| **incarnation == write.incarnation);
        self.truth.history.received(process, *request, era.map(|(era, _)| *era));
        let writes = &mut self.truth.writes;
        let pending = Pending { namespace, write, at, holds };
        writes.pending.insert((link, *request), pending);
    }

    /// The server answers a write: what it says was done before, on the disk if there is one, else
    /// in this very step.
    pub(crate) fn check_written(
        &mut self,
        link: u64,
        request: u64,
        result: &Result<Written, StoreError>,
    ) {
        let era = self.era;
        let pending = self.truth.writes.pending.remove(&(link, request));
        let Pending { namespace, write, at, holds } =
            pending.expect("an answer to a write that was received");
        let first = self.truth.writes.applied.get(&write.id).copied();
        if let Err(error) = result {
            self.check_refusal(&namespace, &write, at, error);
        }
        match (result, first) {
            (Ok(written), Some((then, answered))) => {
                // In a durable world it may be the first that is told.
                self.truth.writes.retried += 1;
                self.truth.seen.count("a write is answered again");
                if (then, answered) != (era, *written) {
                    self.fail("R16", &format!("{written:?}, but first {answered:?}: {write:?}"));
                }
                self.check_answer_on_disk(&namespace, write.id, *written);
            }
            // Applied, and not waited for any more, before it was recorded.
            (Ok(_), None) if self.disk.is_some() && self.may_be_released(write.id) => {}
            (Ok(_), None) if self.disk.is_some() && write.operations.is_empty() => {
                // As of when it came; another may have been granted since.
                if !holds {
                    self.fail("P2", &format!("another was granted, but it holds: {write:?}"));
                }
            }
            (Ok(_), None) if self.disk.is_some() => {
                self.fail("R11", &format!("{result:?}, but that is not recorded: {write:?}"));
            }
            (Ok(written), None) => self.check_applied(&namespace, &write, *written),
            (Err(StoreError::UnknownOutcome(_)), _) => {}
            (Err(error), Some((then, _))) if then == era => {
                self.fail("R16", &format!("was applied, now {error}: {write:?}"));
            }
            (Err(StoreError::Exists { key, .. }), _) if !key.as_str().starts_with(SHARED) => {
                self.fail("R16", &format!("'{key}' is there, which only this creates: {write:?}"));
            }
            (Err(StoreError::Fenced { .. }), _) => self.truth.writes.fenced += 1,
            (Err(StoreError::ReadOnly(_)), _) => self.truth.writes.read_only += 1,
            (Err(_), _) => {}
        }
    }

    /// What was answered is there after any crash, for as long as somebody may ask again.
    fn check_answer_on_disk(&self, namespace: &Name, write: WriteId, written: Written) {
        let Some(disk) = &self.disk else { return };
        let key = RecordKey::Answer { namespace: namespace.clone(), write };
        let recorded = disk.known.get(&key);
        if recorded != Some(&Record::Answer(written)) && !self.may_be_released(write) {
            self.fail("R11", &format!("{write:?}: {written:?}, but recorded is {recorded:?}"));
        }
    }

    /// An answer is kept no longer.
    pub(crate) fn check_released(&self, write: WriteId) {
        if !self.may_be_released(write) {
            self.fail("R16", &format!("the answer to {write:?} is forgotten"));
        }
    }

    fn may_be_released(&self, write: WriteId) -> bool {
        let writes = &self.truth.writes;
        let had = writes.had_below.get(&write.client).is_some_and(|had| *had > write.sequence);
        let since = writes.applied_at.get(&write).copied().unwrap_or_default();
        had || self.now >= since + nanos(ANSWERS_KEPT) * 99 / 100
    }

    fn check_applied(&mut self, namespace: &Name, write: &Write, written: Written) {
        let era = self.era;
        if self.truth.incarnations.get(&era) != Some(&write.incarnation) {
            self.fail("R13", &format!("applied in another incarnation: {write:?}"));
        }
        if self.truth.writes.void.contains(&write.id) {
            self.fail("R16", &format!("applied after it was said not to be: {write:?}"));
        }
        for fence in &write.fences {
            let last = self.truth.last.get(&(namespace.clone(), fence.election.clone()));
            let holds = last.is_some_and(|g| g.era == era && g.epoch == fence.epoch.0);
            if !holds {
                self.fail("P2", &format!("granted last is {last:?}, but applied: {write:?}"));
            }
        }
        let keys = self.truth.writes.keys.entry((era, namespace.clone())).or_default();
        for operation in &write.operations {
            let election = &operation.election;
            match &operation.kind {
                OperationKind::Create { key, .. } | OperationKind::Replace { key, .. } => {
                    keys.insert((election.clone(), key.clone()));
                }
                OperationKind::Delete { key, .. } => {
                    keys.remove(&(election.clone(), key.clone()));
                }
                OperationKind::DeletePrefix { prefix } => {
                    keys.retain(|(of, key)| of != election || !key.as_str().starts_with(prefix))
                }
            }
        }
        if !write.operations.is_empty() {
            self.truth.writes.apply(self.now, write.id, era, written);
        }
    }

    /// A client is told what became of its write.
    pub(crate) fn check_answer(&mut self, i: usize, request: u64, result: &Result<Answer, Error>) {
        let seen = self.truth.writes.seen.get(&(i, request)).copied();
        let applied = seen.and_then(|id| self.truth.writes.applied.get(&id)).copied();
        match result {
            Ok(Answer::Written(written)) => {
                let Some(id) = seen else {
                    self.fail("R16", &format!("p{i} {request}: answered, but never received"))
                };
                if applied.is_some_and(|(_, first)| first != *written) {
                    self.fail("R16", &format!("p{i} {id:?}: {written:?}, but {applied:?}"));
                }
            }
            Ok(_) | Err(Error::Store(StoreError::UnknownOutcome(_))) => {}
            Err(error) => {
                if let Some((era, _)) = applied {
                    self.fail("R16", &format!("p{i} {request}: {error}, but applied in {era}"));
                }
                self.truth.writes.void.extend(seen);
            }
        }
    }

    /// The store holds what the writes that were applied make.
    pub(crate) fn check_store(&self) {
        if self.disk.is_some() {
            return self.check_store_recorded();
        }
        for namespace in self.status().namespaces {
            let name = crate::world::name(&namespace.namespace);
            let keys = self.truth.writes.keys.get(&(self.era, name)).map_or(0, BTreeSet::len);
            if namespace.store_keys != keys as u64 {
                let there = namespace.store_keys;
                self.fail("P2", &format!("{there} keys are there, {keys} should be"));
            }
        }
    }
}
