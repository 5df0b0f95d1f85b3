//! What a store is asked.

use bytes::Bytes;

use super::{Entry, StoreError, WriteId};
use crate::core::ids::{Epoch, Incarnation, MAX_NAME, Name, Revision};

/// The longest value, in bytes.
pub const MAX_VALUE: usize = 1024 * 1024;

/// The most that the fences and operations of a write may take, counted as by [`Write::size`]: what
/// is within it fits into a frame.
pub const MAX_WRITE: usize = MAX_VALUE + 32 * 1024;

/// How many fences a write may name.
pub const MAX_FENCES: usize = 64;

/// How many operations a write may have.
pub const MAX_OPERATIONS: usize = 4096;

/// What an operation or fence takes on the wire beside its own bytes, at the most.
const FRAMING: usize = 48;

/// That an epoch is the last granted of its election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The election.
    pub election: Name,
    /// The epoch *under which the caller decided* (R15).
    pub epoch: Epoch,
}

/// A transaction: applied whole or not at all. Without operations it only checks the fences.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Tells a retry from another write.
    pub id: WriteId,
    /// The client has all answers to its writes of lower sequence, or does not wait for them.
    pub had_below: u64,
    /// How long ago it was sent first, in milliseconds; 0: it was never sent before.
    pub age_ms: u64,
    /// The incarnation in which the epochs were granted (R13).
    pub incarnation: Incarnation,
    /// All of them must hold.
    pub fences: Vec<Fence>,
    /// In order; each election must be among the fences.
    pub operations: Vec<Operation>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The election that fences the key.
    pub election: Name,
    /// What is to be done.
    pub kind: OperationKind,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum OperationKind {
    /// The key must not be there.
    Create { key: Name, value: Bytes },
    /// The key must be at that version.
    Replace { key: Name, version: Revision, value: Bytes },
    /// The key must be there, and at that version if one is named.
    Delete { key: Name, version: Option<Revision> },
    /// All keys with that prefix, if there are any; with an empty one, all of the election.
    DeletePrefix { prefix: String },
}

/// The answer to a write that was applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The version of what was created and replaced; where nothing changed, the present revision.
    pub revision: Revision,
    /// How many keys were deleted.
    pub deleted: u64,
}

/// A read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Query {
    /// One key.
    Get { election: Name, key: Name },
    /// A page of the keys with a prefix, in order, those after `after`; with or without values.
    List { election: Name, prefix: String, after: Option<Name>, values: bool },
}

/// The answer to a read: what was there at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The revision of that moment.
    pub revision: Revision,
    /// In the order of their keys.
    pub entries: Vec<PageEntry>,
    /// There are more, after the last of these.
    pub more: bool,
}

/// A key as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageEntry {
    /// The key.
    pub key: Name,
    /// Its version.
    pub version: Revision,
    /// Its value; empty where it was not asked for.
    pub value: Bytes,
}

impl PageEntry {
    pub(super) fn new(key: &Name, entry: &Entry, values: bool) -> Self {
        let value = if values { entry.value.clone() } else { Bytes::new() };
        PageEntry { key: key.clone(), version: entry.version, value }
    }
}

impl OperationKind {
    /// The bytes of key and value.
    fn size(&self) -> usize {
        match self {
            OperationKind::Create { key, value } | OperationKind::Replace { key, value, .. } => {
                key.as_str().len() + value.len()
            }
            OperationKind::Delete { key, .. } => key.as_str().len(),
            OperationKind::DeletePrefix { prefix } => prefix.len(),
        }
    }

    fn value(&self) -> Option<&Bytes> {
        match self {
            OperationKind::Create { value, .. } | OperationKind::Replace { value, .. } => {
                Some(value)
            }
            OperationKind::Delete { .. } | OperationKind::DeletePrefix { .. } => None,
        }
    }
}

impl Write {
    /// What fences and operations take on the wire, at the most.
    pub fn size_of(fences: &[Fence], operations: &[Operation]) -> usize {
        let fences = fences.iter().map(|fence| fence.election.as_str().len() + FRAMING);
        let operations = operations.iter();
        let operations = operations.map(|o| o.election.as_str().len() + o.kind.size() + FRAMING);
        fences.sum::<usize>() + operations.sum::<usize>()
    }

    /// Checks what does not depend on what is stored.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] or [`StoreError::Limit`], in words.
    pub fn check(fences: &[Fence], operations: &[Operation]) -> Result<(), StoreError> {
        if fences.is_empty() {
            return Err(StoreError::Invalid("it names no epoch".to_owned()));
        }
        if fences.len() > MAX_FENCES || operations.len() > MAX_OPERATIONS {
            return Err(StoreError::Limit(format!(
                "a transaction has {MAX_FENCES} epochs and {MAX_OPERATIONS} operations at the \
                 most: divide it"
            )));
        }
        for operation in operations {
            let election = &operation.election;
            if !fences.iter().any(|fence| fence.election == *election) {
                let reason = format!("it writes under election '{election}' but names no epoch");
                return Err(StoreError::Invalid(reason));
            }
            let size = operation.kind.value().map_or(0, Bytes::len);
            if size > MAX_VALUE {
                return Err(StoreError::Limit(format!(
                    "a value of {size} bytes: {MAX_VALUE} at the most, put the rest into a file"
                )));
            }
            if let OperationKind::DeletePrefix { prefix } = &operation.kind
                && prefix.len() > MAX_NAME
            {
                let reason = format!("a prefix is {MAX_NAME} bytes at the most");
                return Err(StoreError::Invalid(reason));
            }
        }
        let size = Write::size_of(fences, operations);
        if size > MAX_WRITE {
            return Err(StoreError::Limit(format!(
                "a transaction of {size} bytes: {MAX_WRITE} at the most, divide it"
            )));
        }
        Ok(())
    }
}
