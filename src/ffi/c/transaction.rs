//! Transactions.

use std::ffi::c_char;

use parking_lot::Mutex;

use super::answer::{Failure, answer};
use super::read;
use super::store::{delete_kind, fence, put, read_value};
use super::types::{ls_client, ls_error, ls_transaction};
use crate::core::store::{Fence, MAX_FENCES, MAX_OPERATIONS, Operation, OperationKind, StoreError};
use crate::ffi::handle::{Kind, Object, Table};
use crate::ffi::objects;

static TRANSACTIONS: Table<Transaction> = Table::new();

/// What was put together so far.
struct Transaction {
    client: u64,
    changes: Mutex<Changes>,
}

#[derive(Clone, Default)]
struct Changes {
    fences: Vec<Fence>,
    operations: Vec<Operation>,
}

impl Object for Transaction {
    const KIND: Kind = Kind::Transaction;
    const NAME: &'static str = "transaction";

    fn abandon(&self) {}
}

/// How many there are. For tests that look for what is left over.
pub(super) fn count() -> usize {
    TRANSACTIONS.len()
}

/// Begins a transaction: changes that are applied all or none, in the order in which they are put
/// in. Sends nothing. Ends with ls_transaction_close().
///
/// LS_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_transaction_open(
    client: ls_client,
    transaction: *mut ls_transaction,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let place = read::output(transaction, "transaction")?;
            let client = read::kind(client, Kind::Client, "client")?;
            if !objects::client_exists(client) {
                return Err(read::closed("the client"));
            }
            let changes = Mutex::default();
            *place = TRANSACTIONS.insert(Transaction { client, changes });
            Ok(())
        })
    }
}

/// Adds an epoch under which the changes are decided: all of them must be the last granted. Each
/// election whose keys are changed needs one. Without any change the transaction only checks them.
///
/// LS_LIMIT: 64 at the most. LS_CLOSED, LS_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_transaction_fence(
    transaction: ls_transaction,
    election: *const c_char,
    election_length: usize,
    epoch: u64,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let election = read::name(election, election_length, "election")?;
            let fence = fence(election, epoch)?;
            change(transaction, |changes| {
                if changes.fences.len() == MAX_FENCES {
                    return Err(limit(format!("{MAX_FENCES} epochs at the most")));
                }
                changes.fences.push(fence);
                Ok(())
            })
        })
    }
}

/// Puts in what ls_store_create() does.
///
/// LS_LIMIT: 4096 changes, values of 1 MiB together. LS_CLOSED, LS_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_transaction_create(
    transaction: ls_transaction,
    election: *const c_char,
    election_length: usize,
    key: *const c_char,
    key_length: usize,
    value: *const c_char,
    value_length: usize,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let election = read::name(election, election_length, "election")?;
            let key = read::name(key, key_length, "key")?;
            let value = read_value(value, value_length)?;
            add(transaction, objects::operation(objects::CREATE, election, key, 0, value)?)
        })
    }
}

/// Puts in what ls_store_replace() does. Failures as of ls_transaction_create().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_transaction_replace(
    transaction: ls_transaction,
    election: *const c_char,
    election_length: usize,
    key: *const c_char,
    key_length: usize,
    at: u64,
    value: *const c_char,
    value_length: usize,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let election = read::name(election, election_length, "election")?;
            let key = read::name(key, key_length, "key")?;
            let value = read_value(value, value_length)?;
            add(transaction, objects::operation(objects::REPLACE, election, key, at, value)?)
        })
    }
}

/// Puts in what ls_store_delete() does. Failures as of ls_transaction_create().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_transaction_delete(
    transaction: ls_transaction,
    election: *const c_char,
    election_length: usize,
    key: *const c_char,
    key_length: usize,
    at: u64,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let election = read::name(election, election_length, "election")?;
            let key = read::name(key, key_length, "key")?;
            let value = bytes::Bytes::new();
            add(transaction, objects::operation(delete_kind(at), election, key, at, value)?)
        })
    }
}

/// Puts in what ls_store_delete_prefix() does. Failures as of ls_transaction_create().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_transaction_delete_prefix(
    transaction: ls_transaction,
    election: *const c_char,
    election_length: usize,
    prefix: *const c_char,
    prefix_length: usize,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let election = read::name(election, election_length, "election")?;
            let prefix = read::name(prefix, prefix_length, "prefix")?;
            let (kind, value) = (objects::DELETE_PREFIX, bytes::Bytes::new());
            add(transaction, objects::operation(kind, election, prefix, 0, value)?)
        })
    }
}

/// Applies a transaction, all of it or nothing. Writes the version of all that it set to `version`,
/// and how many keys its prefixes deleted to `deleted`; either may be null. Waits for the answer at
/// most `timeout_ms`. The transaction stays as it is: committed again, it is another write.
///
/// As ls_store_create(), with LS_EXISTS, LS_NOT_FOUND and LS_CHANGED for the first change that
/// can't be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_transaction_commit(
    transaction: ls_transaction,
    timeout_ms: u32,
    version: *mut u64,
    deleted: *mut u64,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let version = read::optional_output(version, "version")?;
            let deleted = read::optional_output(deleted, "deleted")?;
            let transaction = read::kind(transaction, Kind::Transaction, "transaction")?;
            let found =
                TRANSACTIONS.call(transaction, |t| Ok((t.client, t.changes.lock().clone())))?;
            let (client, changes) = found.ok_or_else(|| read::closed("the transaction"))?;
            let Changes { fences, operations } = changes;
            let timeout = read::timeout(timeout_ms);
            let written = objects::store_write(client, fences, operations, timeout)?;
            put(version, written.revision.0);
            put(deleted, written.deleted);
            Ok(())
        })
    }
}

/// Throws a transaction away; what was committed stays. Does nothing if it was closed, and nothing
/// for 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_transaction_close(
    transaction: ls_transaction,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let kind = Kind::Transaction;
            if let Some(transaction) = read::kind_to_close(transaction, kind, "transaction")? {
                TRANSACTIONS.remove(transaction);
            }
            Ok(())
        })
    }
}

fn add(transaction: u64, operation: Operation) -> Result<(), Failure> {
    change(transaction, |changes| {
        if changes.operations.len() == MAX_OPERATIONS {
            return Err(limit(format!("{MAX_OPERATIONS} changes at the most: divide it")));
        }
        let operations = changes.operations.iter().chain([&operation]);
        objects::check_values(operations.map(|operation| match &operation.kind {
            OperationKind::Create { value, .. } | OperationKind::Replace { value, .. } => {
                value.len()
            }
            OperationKind::Delete { .. } | OperationKind::DeletePrefix { .. } => 0,
        }))?;
        changes.operations.push(operation);
        Ok(())
    })
}

fn change(
    transaction: u64,
    change: impl FnOnce(&mut Changes) -> Result<(), crate::core::error::Error>,
) -> Result<(), Failure> {
    let transaction = read::kind(transaction, Kind::Transaction, "transaction")?;
    let changed = TRANSACTIONS.call(transaction, |t| change(&mut t.changes.lock()))?;
    changed.ok_or_else(|| read::closed("the transaction"))
}

fn limit(text: String) -> crate::core::error::Error {
    StoreError::Limit(format!("a transaction: {text}")).into()
}
