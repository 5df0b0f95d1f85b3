//! The fenced store, through the handle of a client. Each function but the checks waits in the
//! calling thread for at most the time-out, and holds nothing meanwhile.
//!
//! | status | of a read | of a write |
//! |---|---|---|
//! | `FENCED` | | had no effect: an epoch is not the last granted, or of another incarnation |
//! | `EXISTS`, `CHANGED` | | had no effect: a key is there, at [`status::version`] |
//! | `NOT_FOUND` | | had no effect: a key is not there |
//! | `LIMIT` | | had no effect: too much for one write, or for the namespace |
//! | `NOT_APPLIED` | | had no effect: it was never sent, or no writes are taken at present |
//! | `UNKNOWN_OUTCOME` | | was sent and may have had its effect or not |
//! | `UNREACHABLE` | had no answer in time | |
//! | `CLOSED` | the client is closed | had no effect: the same |
//! | `REFUSED` | the name service refuses the client | had no effect: the same |
//! | `INVALID_ARGUMENT` | a name that can't be one | had no effect: the same, or no epoch |
//!
//! [`status::version`]: crate::ffi::status::version

use std::time::Duration;

use bytes::Bytes;

use super::CLIENTS;
use crate::client::LeaderClient;
use crate::core::error::Error;
use crate::core::ids::{Name, Revision};
use crate::core::store::{
    Fence, MAX_VALUE, MAX_WRITE, Operation, OperationKind, Page, PageEntry, StoreError, Written,
};

/// [`operation`]: the key must not be there.
pub const CREATE: i32 = 1;
/// [`operation`]: the key must be at that version.
pub const REPLACE: i32 = 2;
/// [`operation`]: the key must be there.
pub const DELETE: i32 = 3;
/// [`operation`]: the key must be there, at that version.
pub const DELETE_VERSION: i32 = 4;
/// [`operation`]: all keys with that prefix; there may be none.
pub const DELETE_PREFIX: i32 = 5;

/// In which election a component stands. Does not wait.
///
/// # Errors
/// [`Error::InvalidArgument`] for a name that can't be one; [`Error::Closed`], [`Error::Internal`].
pub fn client_election_of(client: u64, component: &str) -> Result<String, Error> {
    let component = Name::new("component", component)?;
    call(client, |client| Ok(client.config().mode.election_of(&component).to_string()))
}

/// One key, if it is there.
///
/// # Errors
/// As the module says.
pub fn store_get(
    client: u64,
    election: &str,
    key: &str,
    timeout: Duration,
) -> Result<Option<PageEntry>, Error> {
    call(client, |client| client.store(election, &[])?.get(key, timeout))
}

/// The first page of the keys with a prefix, of those behind `after` if that is given.
///
/// # Errors
/// As the module says.
pub fn store_page(
    client: u64,
    election: &str,
    prefix: &str,
    after: Option<&str>,
    values: bool,
    timeout: Duration,
) -> Result<Page, Error> {
    let after = after.map(|after| Name::new("after", after)).transpose()?;
    call(client, |client| {
        client.store(election, &[])?.page(prefix, after.as_ref(), values, timeout)
    })
}

/// Applies operations, all or none, in order; without any, checks the epochs.
///
/// # Errors
/// As the module says.
pub fn store_write(
    client: u64,
    fences: Vec<Fence>,
    operations: Vec<Operation>,
    timeout: Duration,
) -> Result<Written, Error> {
    call(client, |client| client.write(fences, operations, timeout))
}

/// An operation from its number. What its kind does not need is not looked at.
///
/// # Errors
/// [`Error::InvalidArgument`] for another number, or names that can't be names.
pub fn operation(
    kind: i32,
    election: &str,
    key: &str,
    version: u64,
    value: Bytes,
) -> Result<Operation, Error> {
    let election = Name::new("election", election)?;
    let name = || Name::new("key", key);
    let version = Revision(version);
    let kind = match kind {
        CREATE => OperationKind::Create { key: name()?, value },
        REPLACE => OperationKind::Replace { key: name()?, version, value },
        DELETE => OperationKind::Delete { key: name()?, version: None },
        DELETE_VERSION => OperationKind::Delete { key: name()?, version: Some(version) },
        DELETE_PREFIX => {
            if !key.is_empty() {
                Name::new("prefix", key)?;
            }
            OperationKind::DeletePrefix { prefix: key.to_owned() }
        }
        other => {
            let remedy = format!("give a number from {CREATE} to {DELETE_PREFIX}");
            return Err(Error::invalid("kind", other.to_string(), remedy));
        }
    };
    Ok(Operation { election, kind })
}

/// Checks the lengths of a write's values, so that none need be copied that can't be written.
///
/// # Errors
/// [`StoreError::Limit`].
pub fn check_values(lengths: impl IntoIterator<Item = usize>) -> Result<(), Error> {
    let mut total = 0_usize;
    for length in lengths {
        if length > MAX_VALUE {
            return Err(limit(format!(
                "a value of {length} bytes: {MAX_VALUE} at the most, put the rest into a file"
            )));
        }
        total = total.saturating_add(length);
    }
    if total > MAX_WRITE {
        return Err(limit(format!(
            "a transaction with values of {total} bytes: {MAX_WRITE} at the most, divide it"
        )));
    }
    Ok(())
}

fn limit(text: String) -> Error {
    StoreError::Limit(text).into()
}

fn call<T>(client: u64, work: impl FnOnce(&LeaderClient) -> Result<T, Error>) -> Result<T, Error> {
    CLIENTS.call(client, work)?.ok_or(Error::Closed("the client"))
}
