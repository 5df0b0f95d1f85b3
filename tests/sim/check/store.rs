//! P2: no write is applied under an epoch after a later one was granted. R16: applied once, told as
//! it was; what is said not to have been applied never is.
//!
//! Every write creates a key of its own, and some delete by prefix, so that one applied twice shows:
//! as `Exists` of a key that nobody else creates, or as a store that holds other keys than what was
//! applied makes. Shown to fail with the answers looked up after the epoch, with the answers
//! dropped at the end of a session, and with a grant that does not raise the fence.

use std::collections::{BTreeMap, BTreeSet};

use leaderserver::core::error::Error;
use leaderserver::core::ids::Name;
use leaderserver::core::session::Answer;
use leaderserver::core::store::{OperationKind, StoreError, Write, WriteId, Written};
use leaderserver::core::wire::message::ClientMessage;

use crate::world::World;

/// What a bystander knows of writes.
#[derive(Default)]
pub struct Writes {
    /// By the process and the number of its request, once the server has seen it.
    seen: BTreeMap<(usize, u64), WriteId>,
    /// By the connection and the number of the request.
    pending: BTreeMap<(u64, u64), Write>,
    /// In which life of the server, and the first answer.
    pub applied: BTreeMap<WriteId, (u64, Written)>,
    /// The client was told that it was not applied.
    void: BTreeSet<WriteId>,
    /// What the store must hold: by life and namespace, the elections and keys.
    keys: BTreeMap<(u64, Name), BTreeSet<(Name, Name)>>,
    /// How many answers came for writes that had been applied before.
    pub retried: u64,
    /// How many were refused as fenced.
    pub fenced: u64,
}

impl World {
    pub(crate) fn write_received(&mut self, link: u64, message: &ClientMessage) {
        let ClientMessage::Write { request, write } = message else { return };
        let Some(process) = self.net.links.get(&link).map(|link| link.process) else { return };
        let writes = &mut self.truth.writes;
        writes.pending.insert((link, *request), (**write).clone());
        writes.seen.insert((process, *request), write.id);
    }

    /// The server answers a write: what it says was done in this very step.
    pub(crate) fn check_written(
        &mut self,
        link: u64,
        request: u64,
        result: &Result<Written, StoreError>,
    ) {
        let life = self.lives;
        let Some(process) = self.net.links.get(&link).map(|link| link.process) else { return };
        let namespace = self.processes[process].namespace.clone();
        let write = self.truth.writes.pending.remove(&(link, request));
        let write = write.expect("an answer to a write that was received");
        let first = self.truth.writes.applied.get(&write.id).copied();
        match (result, first) {
            (Ok(written), Some((then, answered))) => {
                self.truth.writes.retried += 1;
                if (then, answered) != (life, *written) {
                    self.fail("R16", &format!("{written:?}, but first {answered:?}: {write:?}"));
                }
            }
            (Ok(written), None) => self.check_applied(&namespace, &write, *written),
            (Err(StoreError::UnknownOutcome(_)), _) => {}
            (Err(error), Some((then, _))) if then == life => {
                self.fail("R16", &format!("was applied, now {error}: {write:?}"));
            }
            (Err(StoreError::Exists { key, .. }), _) => {
                self.fail("R16", &format!("'{key}' is there, which only this creates: {write:?}"));
            }
            (Err(StoreError::Fenced { .. }), _) => self.truth.writes.fenced += 1,
            (Err(_), _) => {}
        }
    }

    fn check_applied(&mut self, namespace: &Name, write: &Write, written: Written) {
        let life = self.lives;
        if self.truth.incarnations.get(&life) != Some(&write.incarnation) {
            self.fail("R13", &format!("applied in another incarnation: {write:?}"));
        }
        if self.truth.writes.void.contains(&write.id) {
            self.fail("R16", &format!("applied after it was said not to be: {write:?}"));
        }
        for fence in &write.fences {
            let last = self.truth.last.get(&(namespace.clone(), fence.election.clone()));
            let holds = last.is_some_and(|g| g.life == life && g.epoch == fence.epoch.0);
            if !holds {
                self.fail("P2", &format!("granted last is {last:?}, but applied: {write:?}"));
            }
        }
        let keys = self.truth.writes.keys.entry((life, namespace.clone())).or_default();
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
            self.truth.writes.applied.insert(write.id, (life, written));
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
                if let Some((life, _)) = applied {
                    self.fail("R16", &format!("p{i} {request}: {error}, but applied in {life}"));
                }
                self.truth.writes.void.extend(seen);
            }
        }
    }

    /// The store holds what the writes that were applied make.
    pub(crate) fn check_store(&self) {
        for namespace in self.status().namespaces {
            let name = crate::world::name(&namespace.namespace);
            let keys = self.truth.writes.keys.get(&(self.lives, name)).map_or(0, BTreeSet::len);
            if namespace.store_keys != keys as u64 {
                let there = namespace.store_keys;
                self.fail("P2", &format!("{there} keys are there, {keys} should be"));
            }
        }
    }
}
