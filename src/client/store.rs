//! The fenced store, as a client uses it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Contender, LeaderClient, Shared};
use crate::core::error::Error;
use crate::core::ids::{Epoch, Name, Revision};
use crate::core::session::{Answer, RequestKind};
use crate::core::store::{Fence, Operation, OperationKind, Page, PageEntry, Query, Write, Written};

/// The keys of one election, with the epochs under which they are written.
///
/// The epochs are those the user *decided* under, bound when this is made, and never replaced by
/// later ones (R15): once somebody else was granted, every write is refused as
/// [`Fenced`](crate::core::store::StoreError::Fenced). It outlives the contender that it was made
/// from: who has resigned may still clean up until somebody else is granted.
///
/// All methods may be called from any thread, and wait for at most `timeout`; not on a thread of
/// the library's runtime. What they have in common:
///
/// # Errors
/// [`Error::Store`]: why a write was not applied, or that its outcome is unknown.
/// [`Error::Unreachable`] for a read without an answer. [`Error::Refused`] and [`Error::Closed`]; a
/// write that was sent before either is of unknown outcome. [`Error::InvalidArgument`] for a key
/// that is empty or too long.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    election: Name,
    fences: Vec<Fence>,
}

impl LeaderClient {
    /// The keys of `election`, to be written under explicit epochs, all of which must hold; without
    /// any it can only be read.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a name that is empty or too long.
    pub fn store(&self, election: &str, epochs: &[(&str, Epoch)]) -> Result<Store, Error> {
        let fence = |&(election, epoch): &(&str, Epoch)| {
            Ok(Fence { election: Name::new("election", election)?, epoch })
        };
        let fences = epochs.iter().map(fence).collect::<Result<_, Error>>()?;
        let election = Name::new("election", election)?;
        Ok(Store { shared: Arc::clone(&self.inner.shared), election, fences })
    }

    /// What [`Transaction::commit`] does, with operations that were put together elsewhere.
    ///
    /// # Errors
    /// As [`Store`].
    pub fn write(
        &self,
        fences: Vec<Fence>,
        operations: Vec<Operation>,
        timeout: Duration,
    ) -> Result<Written, Error> {
        self.inner.shared.write(fences, operations, timeout)
    }
}

impl Shared {
    fn write(
        &self,
        fences: Vec<Fence>,
        operations: Vec<Operation>,
        timeout: Duration,
    ) -> Result<Written, Error> {
        // The name service would refuse it as well; but it might not fit into a frame.
        Write::check(&fences, &operations)?;
        for operation in &operations {
            // No key is at version 0, which stands for any on the wire.
            if let OperationKind::Delete { version: Some(Revision(0)), .. } = operation.kind {
                return Err(Error::invalid("version", "0", "give the one that was read, or none"));
            }
        }
        match self.request(RequestKind::Write { fences, operations }, timeout)? {
            Answer::Written(written) => Ok(written),
            other => Err(Error::Internal(format!("{other:?} answers no write"))),
        }
    }
}

impl Contender {
    /// The keys of this contender's election, to be written under the grant it was *told* last;
    /// none if it was told none, or of its end.
    pub fn store(&self) -> Option<Store> {
        let fence = self.shared.registry.told(self.id)?;
        let election = fence.election.clone();
        Some(Store { shared: Arc::clone(&self.shared), election, fences: vec![fence] })
    }
}

impl Store {
    /// The election whose keys these are.
    pub fn election(&self) -> &Name {
        &self.election
    }

    /// The epochs that writes carry.
    pub fn fences(&self) -> &[Fence] {
        &self.fences
    }

    /// One key.
    ///
    /// # Errors
    /// As [`Store`].
    pub fn get(&self, key: &str, timeout: Duration) -> Result<Option<PageEntry>, Error> {
        let query = Query::Get { election: self.election.clone(), key: Name::new("key", key)? };
        Ok(self.query(query, timeout)?.entries.pop())
    }

    /// The keys with a prefix, in order, with or without their values; an empty prefix: all. Each
    /// page of them is of one moment; many come in several pages.
    ///
    /// # Errors
    /// As [`Store`].
    pub fn list(
        &self,
        prefix: &str,
        values: bool,
        timeout: Duration,
    ) -> Result<Vec<PageEntry>, Error> {
        let until = Instant::now() + timeout;
        let mut found: Vec<PageEntry> = Vec::new();
        loop {
            let after = found.last().map(|entry| entry.key.clone());
            let left = until.saturating_duration_since(Instant::now());
            let page = self.page(prefix, after.as_ref(), values, left)?;
            found.extend(page.entries);
            if !page.more {
                return Ok(found);
            }
        }
    }

    /// A page of what [`Store::list`] answers: the keys after `after`, or from the first.
    ///
    /// # Errors
    /// As [`Store`].
    pub fn page(
        &self,
        prefix: &str,
        after: Option<&Name>,
        values: bool,
        timeout: Duration,
    ) -> Result<Page, Error> {
        if !prefix.is_empty() {
            Name::new("prefix", prefix)?;
        }
        let (election, prefix) = (self.election.clone(), prefix.to_owned());
        self.query(Query::List { election, prefix, after: after.cloned(), values }, timeout)
    }

    /// Creates a key that must not be there; answers its version.
    ///
    /// # Errors
    /// As [`Store`].
    pub fn create(&self, key: &str, value: Bytes, timeout: Duration) -> Result<Revision, Error> {
        Ok(self.transaction().create(key, value)?.commit(timeout)?.revision)
    }

    /// Replaces the value of a key that must be at `version`; answers its new version.
    ///
    /// # Errors
    /// As [`Store`].
    pub fn replace(
        &self,
        key: &str,
        version: Revision,
        value: Bytes,
        timeout: Duration,
    ) -> Result<Revision, Error> {
        Ok(self.transaction().replace(key, version, value)?.commit(timeout)?.revision)
    }

    /// Deletes a key that must be there, and at that version if one is named.
    ///
    /// # Errors
    /// As [`Store`].
    pub fn delete(
        &self,
        key: &str,
        version: Option<Revision>,
        timeout: Duration,
    ) -> Result<(), Error> {
        self.transaction().delete(key, version)?.commit(timeout).map(drop)
    }

    /// Deletes all keys with a prefix; an empty one: all. Answers how many there were.
    ///
    /// # Errors
    /// As [`Store`].
    pub fn delete_prefix(&self, prefix: &str, timeout: Duration) -> Result<u64, Error> {
        Ok(self.transaction().delete_prefix(prefix)?.commit(timeout)?.deleted)
    }

    /// Checks that the epochs are the last granted, and changes nothing.
    ///
    /// # Errors
    /// As [`Store`].
    pub fn check(&self, timeout: Duration) -> Result<(), Error> {
        self.transaction().commit(timeout).map(drop)
    }

    /// Several changes that are applied all or none.
    pub fn transaction(&self) -> Transaction<'_> {
        Transaction { store: self, election: self.election.clone(), operations: Vec::new() }
    }

    fn query(&self, query: Query, timeout: Duration) -> Result<Page, Error> {
        match self.shared.request(RequestKind::Query(query), timeout)? {
            Answer::Page(page) => Ok(page),
            other => Err(Error::Internal(format!("{other:?} answers no query"))),
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("election", &self.election)
            .field("fences", &self.fences)
            .finish_non_exhaustive()
    }
}

/// Changes to be applied all or none, in order.
#[derive(Clone, Debug)]
pub struct Transaction<'a> {
    store: &'a Store,
    election: Name,
    operations: Vec<Operation>,
}

impl Transaction<'_> {
    /// What follows is about the keys of another election, whose epoch must be among the store's.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`].
    pub fn of(mut self, election: &str) -> Result<Self, Error> {
        self.election = Name::new("election", election)?;
        Ok(self)
    }

    /// As [`Store::create`].
    ///
    /// # Errors
    /// [`Error::InvalidArgument`].
    pub fn create(self, key: &str, value: Bytes) -> Result<Self, Error> {
        let key = Name::new("key", key)?;
        Ok(self.with(OperationKind::Create { key, value }))
    }

    /// As [`Store::replace`].
    ///
    /// # Errors
    /// [`Error::InvalidArgument`].
    pub fn replace(self, key: &str, version: Revision, value: Bytes) -> Result<Self, Error> {
        let key = Name::new("key", key)?;
        Ok(self.with(OperationKind::Replace { key, version, value }))
    }

    /// As [`Store::delete`].
    ///
    /// # Errors
    /// [`Error::InvalidArgument`].
    pub fn delete(self, key: &str, version: Option<Revision>) -> Result<Self, Error> {
        let key = Name::new("key", key)?;
        Ok(self.with(OperationKind::Delete { key, version }))
    }

    /// As [`Store::delete_prefix`].
    ///
    /// # Errors
    /// [`Error::InvalidArgument`].
    pub fn delete_prefix(self, prefix: &str) -> Result<Self, Error> {
        if !prefix.is_empty() {
            Name::new("prefix", prefix)?;
        }
        Ok(self.with(OperationKind::DeletePrefix { prefix: prefix.to_owned() }))
    }

    /// Applies them, if all can be; without any, checks the epochs.
    ///
    /// # Errors
    /// As [`Store`].
    pub fn commit(self, timeout: Duration) -> Result<Written, Error> {
        self.store.shared.write(self.store.fences.clone(), self.operations, timeout)
    }

    fn with(mut self, kind: OperationKind) -> Self {
        self.operations.push(Operation { election: self.election.clone(), kind });
        self
    }
}
