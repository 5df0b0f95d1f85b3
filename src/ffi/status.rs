//! The numbers of the error kinds: fixed for ever, never used again for something else. They are
//! those of `LeaderServerException` in Java and of the C header.

use crate::core::error::Error;
use crate::core::store::StoreError;

/// Success.
pub const OK: i32 = 0;
/// An argument or option that can't be used.
pub const INVALID_ARGUMENT: i32 = 1;
/// A contender is registered for the component.
pub const ALREADY_REGISTERED: i32 = 2;
/// The client, server or handle was closed.
pub const CLOSED: i32 = 3;
/// No answer in time.
pub const UNREACHABLE: i32 = 4;
/// The name service refused.
pub const REFUSED: i32 = 5;
/// The server can't listen.
pub const ADDRESS_IN_USE: i32 = 6;
/// The system refused something.
pub const IO: i32 = 7;
/// Keys, certificates or the handshake.
pub const TLS: i32 = 8;
/// Something of ours is broken.
pub const INTERNAL: i32 = 9;
/// Longer or more than the limit.
pub const TOO_LARGE: i32 = 10;
/// This build or this name service can't do that.
pub const UNSUPPORTED: i32 = 11;
/// A write was decided under an epoch that is over.
pub const FENCED: i32 = 12;
/// A key that was to be created is there.
pub const EXISTS: i32 = 13;
/// A key that was to be replaced or deleted is not there.
pub const NOT_FOUND: i32 = 14;
/// A key is at another version.
pub const CHANGED: i32 = 15;
/// A limit was reached, of one write or of the name service: the write had no effect.
pub const LIMIT: i32 = 16;
/// A write was never sent, or its name service takes no writes: it had no effect.
pub const NOT_APPLIED: i32 = 17;
/// A write was sent, and may have been applied or not.
pub const UNKNOWN_OUTCOME: i32 = 18;

/// The data directory can't be used: damaged, in use, or written by a later release.
pub const STORAGE: i32 = 19;
// From 20 to 25: taken by the C functions, see `c/constants.rs`.

/// The number of an error's kind.
pub fn code(error: &Error) -> i32 {
    match error {
        Error::InvalidArgument { .. } => INVALID_ARGUMENT,
        Error::AlreadyRegistered(_) => ALREADY_REGISTERED,
        Error::Closed(_) => CLOSED,
        Error::Unreachable { .. } => UNREACHABLE,
        Error::Refused { .. } => REFUSED,
        Error::AddressInUse { .. } => ADDRESS_IN_USE,
        Error::Io(_) => IO,
        Error::Storage(_) => STORAGE,
        Error::Tls(_) => TLS,
        Error::Internal(_) => INTERNAL,
        Error::TooLarge { .. } => TOO_LARGE,
        Error::Unsupported(_) => UNSUPPORTED,
        Error::Store(error) => store_code(error),
    }
}

/// At which version the key is that an error with [`EXISTS`] or [`CHANGED`] is about; else 0.
pub fn version(error: &Error) -> u64 {
    match error {
        Error::Store(StoreError::Exists { version, .. } | StoreError::Changed { version, .. }) => {
            version.0
        }
        _ => 0,
    }
}

fn store_code(error: &StoreError) -> i32 {
    match error {
        // Of another incarnation: whoever led then leads no more.
        StoreError::Fenced { .. } | StoreError::Incarnation => FENCED,
        StoreError::Exists { .. } => EXISTS,
        StoreError::NotFound { .. } => NOT_FOUND,
        StoreError::Changed { .. } => CHANGED,
        StoreError::Limit(_) => LIMIT,
        StoreError::Invalid(_) => INVALID_ARGUMENT,
        StoreError::ReadOnly(_) | StoreError::NotApplied(_) => NOT_APPLIED,
        StoreError::UnknownOutcome(_) => UNKNOWN_OUTCOME,
    }
}
