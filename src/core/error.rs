//! The one error type. `ffi` gives each kind its number; the texts name the key, the value and the
//! remedy.

use std::time::Duration;

use super::store::StoreError;

/// Why a name service refuses a client or a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No common version of the wire.
    Version,
    /// The server does not serve that namespace.
    Namespace,
    /// The session exists, but the token is not its own.
    Token,
    /// The time-outs break a rule.
    Timing,
    /// The namespace holds its elections in the other mode (R17).
    Mode,
    /// A later attempt at resuming was taken already (R6).
    StaleAttempt,
    /// The server is stopping.
    Stopping,
    /// A limit was reached.
    Limit,
    /// A frame was malformed, too long, or not expected at this point.
    Protocol,
    /// The server runs on an old copy of its state (R14).
    OldCopy,
}

impl Refusal {
    /// Whether only somebody changing a configuration can help, so that the user must hear of it.
    pub fn is_misconfiguration(self) -> bool {
        use Refusal::*;
        matches!(self, Version | Namespace | Timing | Mode)
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument or option that can't be used.
    #[error("{key}: '{value}' can't be used: {remedy}")]
    InvalidArgument {
        /// The option or argument.
        key: String,
        /// What was given.
        value: String,
        /// What to give instead.
        remedy: String,
    },
    /// A contender is registered for the component.
    #[error("component '{0}' has a contender already: close its election first")]
    AlreadyRegistered(String),
    /// The client, server or handle was closed.
    #[error("{0} is closed")]
    Closed(&'static str),
    /// No answer in time.
    #[error(
        "no answer from the name service at {endpoint} within {after:?}: is it running, and can it be reached?"
    )]
    Unreachable {
        /// Where it was looked for.
        endpoint: String,
        /// How long.
        after: Duration,
    },
    /// The name service refused.
    #[error("refused by the name service: {reason}")]
    Refused {
        /// Why.
        code: Refusal,
        /// Its own words.
        reason: String,
    },
    /// The server can't listen.
    #[error("can't listen on {address}: {reason}")]
    AddressInUse {
        /// host:port.
        address: String,
        /// The system's words.
        reason: String,
    },
    /// The system refused something.
    #[error("{0}")]
    Io(String),
    /// The data directory can't be used.
    #[error("{0}")]
    Storage(String),
    /// Keys, certificates or the handshake.
    #[error("TLS: {0}")]
    Tls(String),
    /// Something of ours is broken: please report it.
    #[error("internal error: {0}")]
    Internal(String),
    /// Longer or more than the limit.
    #[error("{what} takes {size}, more than the limit of {limit}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How much.
        size: usize,
        /// How much at the most.
        limit: usize,
    },
    /// This build or this name service can't do that.
    #[error("{0}")]
    Unsupported(String),
    /// A write to the store was not applied, or is not known to be.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// An [`Error::InvalidArgument`].
    pub fn invalid(
        key: impl Into<String>,
        value: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Error::InvalidArgument { key: key.into(), value: value.into(), remedy: remedy.into() }
    }
}
