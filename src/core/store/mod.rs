//! The fenced key-value store: metadata that only the leader writes (FLINK-10333).

mod answers;
mod error;
mod request;
mod transaction;

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use super::ids::{Epoch, Name, Revision};
use super::time::Moment;

pub use answers::{ANSWERS_KEPT, MAX_ANSWERS, RETRY_WITHIN, WriteId};
pub use error::StoreError;
pub use request::{
    Fence, MAX_FENCES, MAX_OPERATIONS, MAX_VALUE, MAX_WRITE, Operation, OperationKind, Page,
    PageEntry, Query, Write, Written,
};

use answers::Answers;

/// What a key costs beside its own bytes and those of its value: every key counts for something.
const ENTRY_OVERHEAD: usize = 64;

/// A page ends after this many bytes, at least one entry long: several of them may be on their way
/// to a client that is slow to read.
const PAGE_BYTES: usize = 256 * 1024;

/// The store of one namespace.
///
/// A key belongs to the election that fences it and is found under it: two elections may use the
/// same key for two things, and nothing of one can be written under the epoch of another.
///
/// Promises: [`Store::write`] applies a transaction whole or not at all, and only if every epoch it
/// names is the last that [`Store::granted`] was told of (P2); what was applied once is never
/// applied again under the same [`WriteId`] (R16). The owner calls `granted` in the same step in
/// which it grants.
#[derive(Debug, Default)]
pub struct Store {
    elections: BTreeMap<Name, Keyspace>,
    size: StoreSize,
    answers: Answers,
}

/// What one election fences.
#[derive(Debug, Default)]
struct Keyspace {
    /// Kept when nobody stands in the election any more: its last leader may still clean up.
    last_granted: Epoch,
    entries: BTreeMap<Name, Entry>,
}

/// A key's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The revision of the step that wrote it.
    pub version: Revision,
    /// Any bytes.
    pub value: Bytes,
}

/// How much a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreSize {
    /// How many keys.
    pub keys: u64,
    /// Bytes of keys and values, and some for each key.
    pub bytes: u64,
}

/// How much a store may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// How many keys.
    pub keys: u64,
    /// How many bytes, counted as in [`StoreSize`].
    pub bytes: u64,
}

impl Default for StoreLimits {
    fn default() -> Self {
        StoreLimits { keys: 100_000, bytes: 256 * 1024 * 1024 }
    }
}

/// A write that was applied, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The answer.
    pub written: Written,
    /// The election and key of each entry that this call changed; none for a retry.
    pub changed: Vec<(Name, Name)>,
}

impl Store {
    /// An election was granted under `epoch`: from here on no earlier one writes.
    pub fn granted(&mut self, election: &Name, epoch: Epoch) {
        match self.elections.get_mut(election) {
            Some(keys) => keys.last_granted = keys.last_granted.max(epoch),
            None => {
                let keys = Keyspace { last_granted: epoch, ..Keyspace::default() };
                self.elections.insert(election.clone(), keys);
            }
        }
    }

    /// The last epoch granted; none that is known of.
    pub fn last_granted(&self, election: &Name) -> Option<Epoch> {
        self.elections.get(election).map(|keys| keys.last_granted).filter(|last| *last > Epoch(0))
    }

    /// Forgets the fence of an election under which there are no keys. Safe at any time, for
    /// without a fence nothing can be written; but the last leader can't clean up any more.
    pub fn forget_fence(&mut self, election: &Name) {
        if self.elections.get(election).is_some_and(|keys| keys.entries.is_empty()) {
            self.elections.remove(election);
        }
    }

    /// An entry that was recorded.
    pub fn restore_entry(&mut self, election: &Name, key: &Name, entry: Entry) {
        self.set(election, key, Some(entry));
    }

    /// An answer that was recorded; kept from `now` on.
    pub fn restore_answer(&mut self, now: Moment, write: &WriteId, written: Written) {
        self.answers.restore(now, write, written);
    }

    /// What [`Store::write`] would answer to the retry of a write that was applied; none for what was
    /// not.
    ///
    /// # Errors
    /// [`StoreError::UnknownOutcome`] for a retry that can't be judged.
    pub fn find_answer(
        &mut self,
        now: Moment,
        write: &Write,
    ) -> Result<Option<Written>, StoreError> {
        self.answers.find(now, write)
    }

    /// The answer to a write, if it was applied and the answer is kept.
    pub fn answer(&self, write: &WriteId) -> Option<Written> {
        self.answers.get(write)
    }

    /// Takes the writes whose answers have come or gone since this was last asked.
    pub fn take_changed_answers(&mut self) -> Vec<WriteId> {
        self.answers.take_changed()
    }

    /// The elections that have a fence or keys.
    pub fn elections(&self) -> impl Iterator<Item = &Name> {
        self.elections.keys()
    }

    /// One key.
    pub fn get(&self, election: &Name, key: &Name) -> Option<&Entry> {
        self.elections.get(election)?.entries.get(key)
    }

    /// The answer to a query, as of `revision`.
    pub fn query(&self, query: &Query, revision: Revision) -> Page {
        match query {
            Query::Get { election, key } => {
                let found = self.get(election, key);
                let entries = found.map(|entry| PageEntry::new(key, entry, true));
                Page { revision, entries: entries.into_iter().collect(), more: false }
            }
            Query::List { election, prefix, after, values } => {
                self.list(election, prefix, after.as_ref(), *values, revision)
            }
        }
    }

    fn list(
        &self,
        election: &Name,
        prefix: &str,
        after: Option<&Name>,
        values: bool,
        revision: Revision,
    ) -> Page {
        let mut page = Page { revision, entries: Vec::new(), more: false };
        let Some(keys) = self.elections.get(election) else { return page };
        let from = match after {
            Some(after) if after.as_str() >= prefix => Bound::Excluded(after.as_str()),
            _ => Bound::Included(prefix),
        };
        let found = keys.entries.range::<str, _>((from, Bound::Unbounded));
        let mut bytes = 0;
        for (key, entry) in found.take_while(|(key, _)| key.as_str().starts_with(prefix)) {
            let size = key.as_str().len() + if values { entry.value.len() } else { 0 };
            bytes += ENTRY_OVERHEAD + size;
            if bytes > PAGE_BYTES && !page.entries.is_empty() {
                page.more = true;
                break;
            }
            page.entries.push(PageEntry::new(key, entry, values));
        }
        page
    }

    /// Applies a write, or answers what was answered before. `next` is the revision of this step,
    /// which counts if something is changed.
    ///
    /// # Errors
    /// Why it was not applied. [`StoreError::UnknownOutcome`] for a retry that can't be judged.
    pub fn write(
        &mut self,
        now: Moment,
        limits: StoreLimits,
        write: &Write,
        next: Revision,
    ) -> Result<Applied, StoreError> {
        // R16: before the epoch, for a retry of what was applied in time is answered as the first.
        if let Some(written) = self.answers.find(now, write)? {
            return Ok(Applied { written, changed: Vec::new() });
        }
        Write::check(&write.fences, &write.operations)?;
        self.check_fences(&write.fences)?;
        if !write.operations.is_empty() {
            self.answers.check_room(&write.id)?;
        }
        let applied = self.apply(limits, &write.operations, next)?;
        if !write.operations.is_empty() {
            // Also where nothing was there to be deleted: a retry is not fenced instead. A mere
            // check may be done again.
            self.answers.keep(now, &write.id, applied.written);
        }
        Ok(applied)
    }

    fn check_fences(&self, fences: &[Fence]) -> Result<(), StoreError> {
        for Fence { election, epoch } in fences {
            let last = self.last_granted(election).unwrap_or_default();
            if *epoch != last || last == Epoch(0) {
                let (election, epoch) = (election.clone(), *epoch);
                return Err(StoreError::Fenced { election, epoch, last });
            }
        }
        Ok(())
    }

    /// Forgets answers that are kept no longer.
    pub fn forget_answers(&mut self, now: Moment) {
        self.answers.forget(now);
    }

    /// Whether answers are kept.
    pub fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// How much it holds.
    pub fn size(&self) -> StoreSize {
        self.size
    }

    /// Whether it has no keys. Fences and answers may be left.
    pub fn has_no_keys(&self) -> bool {
        self.size.keys == 0
    }

    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.elections.is_empty() && self.answers.is_empty()
    }

    /// Whether there are keys that an election fences.
    pub fn has_keys_of(&self, election: &Name) -> bool {
        self.elections.get(election).is_some_and(|keys| !keys.entries.is_empty())
    }
}

fn cost(key: &Name, entry: &Entry) -> u64 {
    (key.as_str().len() + entry.value.len() + ENTRY_OVERHEAD) as u64
}
