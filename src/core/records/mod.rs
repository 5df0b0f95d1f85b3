//! What a durable name service records, so that it goes on where it was after a restart.
//!
//! A [`Record`] is what is to be known under a [`RecordKey`]; the storage below knows both only as
//! bytes. Nothing here decides anything: [`super::name_service`] says what is recorded and when.

mod codec;
#[allow(missing_docs, clippy::all)]
#[rustfmt::skip]
mod generated;
mod restored;

use super::config::{Mode, Timing};
use super::election::Leader;
use super::ids::{Epoch, Incarnation, LeaderInformation, Name, Revision, SessionId, SessionToken};
use super::store::{Entry, WriteId, Written};

pub use codec::{decode, encode_key, encode_record};
pub use restored::begin_anew;

/// What a record is about. Ordered, so that all entries of an election stand together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum RecordKey {
    /// The numbers of the whole server; always there.
    Head,
    /// A namespace that has a mode.
    Namespace(Name),
    /// A session that has stood in an election.
    Session(SessionId),
    /// An election that was granted.
    Election { namespace: Name, election: Name },
    /// A component that has a leader.
    Component { namespace: Name, component: Name },
    /// A key of the store.
    Entry { namespace: Name, election: Name, key: Name },
    /// An answer to a write (R16).
    Answer { namespace: Name, write: WriteId },
}

/// What is known under a key.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Record {
    Head(Head),
    Namespace(Mode),
    Session(SessionRecord),
    Election(ElectionRecord),
    Component(ComponentRecord),
    Entry(Entry),
    Answer(Written),
}

/// The numbers that belong to nobody in particular.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The life of this state (R13).
    pub incarnation: Incarnation,
    /// The last epoch granted.
    pub last_epoch: Epoch,
    /// No session has a higher number.
    pub sessions_below: SessionId,
    /// The last revision.
    pub revision: Revision,
    /// Of servers from before this state no client can be left (R12).
    pub settled: bool,
}

/// A session.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRecord {
    /// That it is one's own.
    pub token: SessionToken,
    /// A label.
    pub name: Name,
    /// Where it belongs.
    pub namespace: Name,
    /// What was settled with it (R4).
    pub timing: Timing,
    /// It was in the server's own process.
    pub local: bool,
}

/// An election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElectionRecord {
    /// What fences the store (P2).
    pub last_granted: Epoch,
    /// Who leads.
    pub leader: Option<Leader>,
}

/// A component that has a leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentRecord {
    /// Under whose epoch it was published.
    pub election: Name,
    /// What.
    pub leader: LeaderInformation,
    /// When.
    pub revision: Revision,
}

/// A change of what is recorded, as the storage gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// A [`RecordKey`].
    pub key: Vec<u8>,
    /// A [`Record`]; none: there is nothing to be known any more.
    pub value: Option<Vec<u8>>,
}

/// A key and its record, as the storage keeps them.
pub type StoredRecord = (Vec<u8>, Vec<u8>);

/// A record can't be used: whatever keeps them has changed them, or a newer server wrote them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record can't be used: {0}")]
pub struct RecordError(pub String);

impl Change {
    /// That `key` has this value from now on.
    pub fn new(key: &RecordKey, record: Option<&Record>) -> Self {
        Change { key: encode_key(key), value: record.map(encode_record) }
    }
}

fn unusable(reason: impl Into<String>) -> RecordError {
    RecordError(reason.into())
}
