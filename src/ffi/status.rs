//! The numbers of the error kinds: fixed for ever, never used again for something else. They are
//! those of `LeaderServerException` in Java and of the C header.

use crate::core::error::Error;

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
        Error::Tls(_) => TLS,
        Error::Internal(_) => INTERNAL,
        Error::TooLarge { .. } => TOO_LARGE,
        Error::Unsupported(_) => UNSUPPORTED,
    }
}
