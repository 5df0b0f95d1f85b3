//! Operations, all or none: each is done at once and remembers how to undo it.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::{
    Applied, Entry, Operation, OperationKind, Store, StoreError, StoreLimits, StoreSize, Written,
    cost,
};
use crate::core::ids::{Name, Revision};

/// What an entry was before.
struct Undo {
    election: Name,
    key: Name,
    before: Option<Entry>,
}

impl Store {
    /// The caller has checked the fences.
    pub(super) fn apply(
        &mut self,
        limits: StoreLimits,
        operations: &[Operation],
        next: Revision,
    ) -> Result<Applied, StoreError> {
        let before = self.size;
        let mut undo = Vec::new();
        let mut deleted = 0;
        let mut result = Ok(());
        for operation in operations {
            result = self.do_one(operation, next, &mut undo, &mut deleted);
            if result.is_err() {
                break;
            }
        }
        let result = result.and_then(|()| within(limits, before, self.size));
        if let Err(error) = result {
            for Undo { election, key, before } in undo.into_iter().rev() {
                self.set(&election, &key, before);
            }
            return Err(error);
        }
        // Where nothing changed, the step takes no revision.
        let revision = if undo.is_empty() { Revision(next.0 - 1) } else { next };
        // Several operations may be about one key.
        let changed: BTreeSet<(Name, Name)> =
            undo.into_iter().map(|undo| (undo.election, undo.key)).collect();
        let written = Written { revision, deleted };
        Ok(Applied { written, changed: changed.into_iter().collect() })
    }

    fn do_one(
        &mut self,
        operation: &Operation,
        next: Revision,
        undo: &mut Vec<Undo>,
        deleted: &mut u64,
    ) -> Result<(), StoreError> {
        let election = &operation.election;
        let mut put = |store: &mut Store, key: &Name, entry: Option<Entry>| {
            let before = store.set(election, key, entry);
            undo.push(Undo { election: election.clone(), key: key.clone(), before });
        };
        match &operation.kind {
            OperationKind::Create { key, value } => {
                if let Some(there) = self.get(election, key) {
                    check_is_former(key, there, next)?;
                    return Err(StoreError::Exists { key: key.clone(), version: there.version });
                }
                put(self, key, Some(Entry { version: next, value: value.clone() }));
            }
            OperationKind::Replace { key, version, value } => {
                self.check_version(election, key, Some(*version), next)?;
                put(self, key, Some(Entry { version: next, value: value.clone() }));
            }
            OperationKind::Delete { key, version } => {
                self.check_version(election, key, *version, next)?;
                put(self, key, None);
                *deleted += 1;
            }
            OperationKind::DeletePrefix { prefix } => {
                for key in self.keys_with(election, prefix) {
                    put(self, &key, None);
                    *deleted += 1;
                }
            }
        }
        Ok(())
    }

    fn check_version(
        &self,
        election: &Name,
        key: &Name,
        asked: Option<Revision>,
        next: Revision,
    ) -> Result<(), StoreError> {
        match self.get(election, key) {
            None => Err(StoreError::NotFound { key: key.clone() }),
            Some(there) if asked.is_some_and(|asked| asked != there.version) => {
                check_is_former(key, there, next)?;
                Err(StoreError::Changed { key: key.clone(), version: there.version })
            }
            Some(_) => Ok(()),
        }
    }

    fn keys_with(&self, election: &Name, prefix: &str) -> Vec<Name> {
        let Some(keys) = self.elections.get(election) else { return Vec::new() };
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let from = keys.entries.range::<str, _>(from);
        let found = from.take_while(|(key, _)| key.as_str().starts_with(prefix));
        found.map(|(key, _)| key.clone()).collect()
    }

    /// Sets or deletes an entry; answers what it was before.
    pub(super) fn set(
        &mut self,
        election: &Name,
        key: &Name,
        entry: Option<Entry>,
    ) -> Option<Entry> {
        let keys = self.elections.entry(election.clone()).or_default();
        if let Some(entry) = &entry {
            self.size.keys += 1;
            self.size.bytes += cost(key, entry);
        }
        let before = match entry {
            Some(entry) => keys.entries.insert(key.clone(), entry),
            None => keys.entries.remove(key),
        };
        if let Some(before) = &before {
            self.size.keys -= 1;
            self.size.bytes -= cost(key, before);
        }
        before
    }
}

/// What is in the way was there before this step. Of what the step itself has written no version may
/// be named: it is undone, and another step will have that revision.
fn check_is_former(key: &Name, there: &Entry, next: Revision) -> Result<(), StoreError> {
    if there.version == next {
        return Err(StoreError::Invalid(format!("it can't write '{key}' twice")));
    }
    Ok(())
}

/// A store over its limits may still shrink.
fn within(limits: StoreLimits, before: StoreSize, after: StoreSize) -> Result<(), StoreError> {
    if after.keys > limits.keys && after.keys > before.keys {
        return Err(StoreError::Limit(format!(
            "the namespace would hold {} keys, max-store-keys is {}",
            after.keys, limits.keys
        )));
    }
    if after.bytes > limits.bytes && after.bytes > before.bytes {
        return Err(StoreError::Limit(format!(
            "the namespace would hold {} bytes, max-store-bytes is {}",
            after.bytes, limits.bytes
        )));
    }
    Ok(())
}
