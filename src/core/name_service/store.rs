//! The store behind a session: fenced writes, reads, and what is kept of both.

use std::time::Duration;

use super::NameService;
use super::journal::Needs;
use crate::core::ids::{Epoch, Name, Revision, SessionId};
use crate::core::records::RecordKey;
use crate::core::store::{Page, Query, Store, StoreError, Write, Written};
use crate::core::time::Moment;
use crate::core::wire::message::ServerMessage;

/// How long the fence of an election that nobody stands in, and that has no keys, is kept: its last
/// leader may clean up for so long.
pub const FENCE_KEPT: Duration = Duration::from_secs(3600);

/// How many of them are kept at the most, of the whole server.
const MAX_IDLE_FENCES: usize = 100_000;

/// Between two looks at what is kept no longer.
const SWEEP: Duration = Duration::from_secs(600);

impl NameService {
    pub(super) fn query(&mut self, id: SessionId, request: u64, query: &Query) {
        let namespace = &self.session(id).namespace;
        let needs = self.needs_query(namespace, query);
        let revision = self.revision_at(needs);
        let page = match self.stores.get(namespace) {
            Some(store) => store.query(query, revision),
            None => Page { revision, ..Page::default() },
        };
        self.send_to_session_when(needs, id, ServerMessage::Entries { request, page });
    }

    pub(super) fn write(&mut self, now: Moment, id: SessionId, request: u64, write: &Write) {
        let mut result = self.apply(now, id, write);
        let needs = match result {
            // It shows nothing, and would wait for as long as there is no room.
            Err(StoreError::ReadOnly(_)) => Needs::Nothing,
            _ => self.needs_write(&self.session(id).namespace, write),
        };
        if write.operations.is_empty()
            && let Ok(written) = &mut result
        {
            // A mere check takes no revision of its own.
            written.revision = self.revision_at(needs);
        }
        self.send_to_session_when(needs, id, ServerMessage::Written { request, result });
    }

    fn apply(&mut self, now: Moment, id: SessionId, write: &Write) -> Result<Written, StoreError> {
        if write.incarnation != self.incarnation {
            // R13. Whether the former one applied it is not known here.
            return Err(match write.age_ms {
                0 => StoreError::Incarnation,
                _ => {
                    let reason = "it was sent to an incarnation of the name service that is over";
                    StoreError::UnknownOutcome(reason.to_owned())
                }
            });
        }
        let namespace = self.session(id).namespace.clone();
        let next = Revision(self.revision.0 + 1);
        let limits = self.store_limits;
        if let Some(reason) = self.read_only().filter(|_| !write.operations.is_empty()) {
            let reason = reason.to_owned();
            let store = self.stores.get_mut(&namespace);
            let had = store.map_or(Ok(None), |store| store.find_answer(now, write))?;
            return had.ok_or(StoreError::ReadOnly(reason));
        }
        let applied = match self.stores.get_mut(&namespace) {
            Some(store) => store.write(now, limits, write, next),
            // Where nobody was ever granted anything: it says why not.
            None => Store::default().write(now, limits, write, next),
        };
        self.mark_answers(&namespace);
        let applied = applied?;
        if !applied.changed.is_empty() {
            self.revision = next;
            self.mark(RecordKey::Head);
        }
        if !write.operations.is_empty() {
            self.sweep_later(now);
        }
        for (election, key) in applied.changed {
            self.note_idle(now, &namespace, &election);
            if self.is_durable() {
                self.mark(RecordKey::Entry { namespace: namespace.clone(), election, key });
            }
        }
        Ok(applied.written)
    }

    /// Which answers have come or gone.
    fn mark_answers(&mut self, namespace: &Name) {
        let store = self.stores.get_mut(namespace);
        for write in store.map(Store::take_changed_answers).unwrap_or_default() {
            self.mark(RecordKey::Answer { namespace: namespace.clone(), write });
        }
    }

    /// In the very step of the grant: no write under an earlier epoch comes after it (P2).
    pub(super) fn raise_fence(&mut self, namespace: &Name, election: &Name, epoch: Epoch) {
        self.stores.entry(namespace.clone()).or_default().granted(election, epoch);
    }

    // --- What is kept no longer

    /// If nobody stands in an election and it fences no keys, its fence need not be kept for ever.
    pub(super) fn note_idle(&mut self, now: Moment, namespace: &Name, election: &Name) {
        let stands = self.namespaces.get(namespace).and_then(|n| n.elections.get(election));
        let Some(store) = self.stores.get(namespace) else { return };
        if stands.is_some() || store.has_keys_of(election) {
            return;
        }
        let which = (namespace.clone(), election.clone());
        if let Some(since) = self.idle_fences.insert(which.clone(), now) {
            self.idle_since.remove(&(since, which.clone()));
        }
        self.idle_since.insert((now, which));
        self.sweep_later(now);
        if self.idle_since.len() > MAX_IDLE_FENCES
            && let Some((_, oldest)) = self.idle_since.first().cloned()
        {
            self.forget_fence(&oldest);
        }
    }

    /// Somebody stands in the election again.
    pub(super) fn no_longer_idle(&mut self, namespace: &Name, election: &Name) {
        let which = (namespace.clone(), election.clone());
        if let Some(since) = self.idle_fences.remove(&which) {
            self.idle_since.remove(&(since, which));
        }
    }

    fn forget_fence(&mut self, which: &(Name, Name)) {
        if let Some(since) = self.idle_fences.remove(which) {
            self.idle_since.remove(&(since, which.clone()));
        }
        if let Some(store) = self.stores.get_mut(&which.0) {
            store.forget_fence(&which.1);
            self.mark_election(&which.0, &which.1);
        }
    }

    pub(super) fn sweep_later(&mut self, now: Moment) {
        self.sweep_at = self.sweep_at.min(now + SWEEP);
    }

    pub(super) fn sweep(&mut self, now: Moment) {
        if now < self.sweep_at {
            return;
        }
        self.sweep_at = Moment::NEVER;
        while let Some((since, which)) = self.idle_since.first().cloned()
            && since + FENCE_KEPT <= now
        {
            self.forget_fence(&which);
        }
        self.stores.values_mut().for_each(|store| store.forget_answers(now));
        let namespaces: Vec<Name> = self.stores.keys().cloned().collect();
        namespaces.iter().for_each(|namespace| self.mark_answers(namespace));
        self.stores.retain(|_, store| !store.is_empty());
        let left = self.stores.values().any(|store| store.has_answers());
        if left || !self.idle_since.is_empty() {
            self.sweep_later(now);
        }
    }
}
