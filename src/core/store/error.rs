//! Why a write was not applied, or is not known to be.

use crate::core::ids::{Epoch, Name, Revision};

/// What a write gets instead of being applied. But for [`StoreError::UnknownOutcome`] each says
/// that the write had, and will have, no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody was granted the election since, or the epoch was never granted (P2).
    #[error(
        "fenced: epoch {epoch} is not the last granted of election '{election}'{}",
        last_granted(*last)
    )]
    Fenced {
        /// The election.
        election: Name,
        /// The epoch under which the write was decided.
        epoch: Epoch,
        /// The last granted; 0: none that is known of.
        last: Epoch,
    },
    /// A key that was to be created is there.
    #[error("'{key}' exists already, at version {}", version.0)]
    Exists {
        /// The key.
        key: Name,
        /// Its present version.
        version: Revision,
    },
    /// A key that was to be replaced or deleted is not there.
    #[error("'{key}' is not there")]
    NotFound {
        /// The key.
        key: Name,
    },
    /// A key is at another version than the write was made for.
    #[error("'{key}' was changed: it is at version {} now", version.0)]
    Changed {
        /// The key.
        key: Name,
        /// Its present version.
        version: Revision,
    },
    /// The namespace would hold more than it may, or the client has too many answers to fetch.
    #[error("{0}")]
    Limit(String),
    /// The write names an incarnation of the name service that is over (R13).
    #[error("the name service has a new incarnation: what was decided under the former is void")]
    Incarnation,
    /// The name service can't write at present: its disk is full, say.
    #[error("not applied, the name service takes no writes at present: {0}")]
    ReadOnly(String),
    /// No transaction at all: it says so of itself.
    #[error("not applied, the transaction can't be used: {0}")]
    Invalid(String),
    /// It was never sent.
    #[error("not applied, it was never sent: {0}")]
    NotApplied(String),
    /// It was sent, and whether it was applied is not known (R16).
    #[error("the outcome is unknown: {0}")]
    UnknownOutcome(String),
}

fn last_granted(last: Epoch) -> String {
    match last {
        Epoch(0) => ", of which no grant is known".to_owned(),
        last => format!(", that is {last}"),
    }
}
