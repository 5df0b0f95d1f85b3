//! What client and name service say to each other.

use std::time::Duration;

use bytes::Bytes;

use crate::core::config::{Mode, Timing};
use crate::core::error::Refusal;
use crate::core::ids::{
    Candidacy, Epoch, Incarnation, LeaderInformation, LeaderSessionId, Name, Revision, SessionId,
    SessionToken,
};
use crate::core::store::{Page, Query, StoreError, Write, Written};

use super::status::Status;

/// From a client to the name service. `proto/leaderserver.proto` says what each means.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum ClientMessage {
    Hello(Box<Hello>),
    Heartbeat { sequence: u64 },
    Join { election: Name, mode: Mode, candidacy: Candidacy },
    Leave { election: Name },
    SteppedDown { election: Name, epoch: Epoch },
    Publish { election: Name, epoch: Epoch, component: Name, address: Bytes },
    Withdraw { election: Name, epoch: Epoch, component: Name },
    Watch { component: Name },
    Unwatch { component: Name },
    SyncEnd,
    Goodbye,
    Status { request: u64 },
    Resign { request: u64, election: Name, epoch: Option<Epoch>, target: Option<Name> },
    Query { request: u64, query: Query },
    Write { request: u64, write: Box<Write> },
}

/// From the name service to a client.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum ServerMessage {
    Welcome(Box<Welcome>),
    Refused { code: Refusal, reason: String },
    HeartbeatAck { sequence: u64 },
    Granted { election: Name, id: LeaderSessionId, candidacy: Candidacy },
    StepDown { election: Name, epoch: Epoch, reason: String },
    Value { component: Name, revision: Revision, leader: Option<LeaderInformation> },
    Status { request: u64, status: Box<Status> },
    Failure { request: u64, election: Option<Name>, code: Refusal, reason: String },
    Entries { request: u64, page: Page },
    Written { request: u64, result: Result<Written, StoreError> },
}

/// The first message of a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    /// The lowest version the client speaks.
    pub min_version: u32,
    /// The highest.
    pub max_version: u32,
    /// None: an observer.
    pub namespace: Option<Name>,
    /// A label.
    pub name: Name,
    /// What is asked for.
    pub timing: Timing,
    /// The session to resume.
    pub resume: Option<Resume>,
    /// The last incarnation seen, and the highest revision seen of it.
    pub seen: Option<(Incarnation, Revision)>,
    /// The highest epoch ever seen (R13).
    pub highest_epoch: Epoch,
    /// The two ends of the connection as the client sees them; none within a process.
    pub addresses: Option<Addresses>,
    /// What the client believes it leads.
    pub leading: Vec<Leading>,
}

/// A session to resume (R6).
#[derive(Clone, Debug, PartialEq)]
pub struct Resume {
    /// Which.
    pub session: SessionId,
    /// That it is one's own.
    pub token: SessionToken,
    /// Growing; only a greater one is taken.
    pub attempt: u64,
}

/// One election and who leads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Leading {
    /// The election.
    pub election: Name,
    /// The leader session id; its epoch is what counts.
    pub id: LeaderSessionId,
    /// The candidacy that was granted.
    pub candidacy: Candidacy,
    /// The leader's label, where it is somebody else.
    pub name: Option<Name>,
}

/// The two ends of a connection, as one of them sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// One's own.
    pub local: String,
    /// The other's.
    pub peer: String,
}

/// The answer to [`Hello`].
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    /// The version settled.
    pub version: u32,
    /// The name service's incarnation.
    pub incarnation: Incarnation,
    /// The session; none for an observer.
    pub session: Option<(SessionId, SessionToken)>,
    /// It is the one that was to be resumed.
    pub resumed: bool,
    /// What was settled (R4).
    pub timing: Timing,
    /// Whether the grace applies (R1).
    pub direct: bool,
    /// The present revision.
    pub revision: Revision,
    /// The namespace, also where the client named none.
    pub namespace: Option<Name>,
    /// What the server has this session leading.
    pub leading: Vec<Leading>,
    /// Who leads what the client named, where it is somebody else.
    pub superseded: Vec<Leading>,
    /// The two ends as the server sees them.
    pub addresses: Option<Addresses>,
}

impl Welcome {
    /// Session time-out of the session.
    pub fn session_timeout(&self) -> Duration {
        self.timing.session_timeout
    }
}
