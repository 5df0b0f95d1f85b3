//! What the name service tells its log.

use std::fmt;

use crate::core::error::Refusal;
use crate::core::ids::{Epoch, Incarnation, Name, Revision, SessionId};

/// Why a leadership or a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The leader gave it up.
    SteppedDown,
    /// The candidate left the election.
    Left,
    /// The session said goodbye.
    Goodbye,
    /// Nothing was heard for the session time-out.
    TimedOut,
    /// The connection was closed by the peer and not resumed within the grace.
    Disconnected,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ended::SteppedDown => "it stepped down",
            Ended::Left => "it left the election",
            Ended::Goodbye => "it closed its session",
            Ended::TimedOut => "nothing was heard from it for its session time-out",
            Ended::Disconnected => "it disconnected and did not resume within the grace",
        })
    }
}

/// Something that the server logs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ServerEvent {
    /// Somebody leads.
    Granted { namespace: Name, election: Name, epoch: Epoch, session: SessionId, name: Name },
    /// Somebody leads no more.
    LeadershipEnded {
        namespace: Name,
        election: Name,
        epoch: Epoch,
        session: SessionId,
        name: Name,
        why: Ended,
    },
    /// A session began.
    SessionOpened { namespace: Name, session: SessionId, name: Name, peer: String },
    /// A session goes on over another connection.
    SessionResumed { session: SessionId, name: Name, peer: String },
    /// A session ended.
    SessionEnded { session: SessionId, name: Name, why: Ended },
    /// A connection or request was refused.
    Refused { peer: String, code: Refusal, reason: String },
    /// P1 does not cover a client that lives on without its connection (R4).
    UnsafeGrace { name: Name, grace_ms: u64 },
    /// The server goes on where it was before a restart.
    Restored { incarnation: Incarnation, sessions: usize, last_epoch: Epoch },
    /// What changes can't be recorded.
    NoWrites { reason: String },
    /// It can be again.
    WritesAgain,
    /// A client has seen more than is known here (R14).
    OldCopy { name: Name, known: Revision },
}

impl ServerEvent {
    /// How loud it is: leadership changes at info, refusals at warn, the rest at debug.
    pub fn level(&self) -> log::Level {
        match self {
            ServerEvent::Granted { .. } | ServerEvent::LeadershipEnded { .. } => log::Level::Info,
            ServerEvent::Restored { .. } | ServerEvent::WritesAgain => log::Level::Info,
            ServerEvent::NoWrites { .. } | ServerEvent::OldCopy { .. } => log::Level::Error,
            ServerEvent::Refused { code: Refusal::StaleAttempt | Refusal::Stopping, .. } => {
                log::Level::Debug
            }
            ServerEvent::Refused { .. } | ServerEvent::UnsafeGrace { .. } => log::Level::Warn,
            _ => log::Level::Debug,
        }
    }
}

impl fmt::Display for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerEvent::Granted { namespace, election, epoch, session, name } => write!(
                f,
                "{namespace}: {name} (session {session}) leads election '{election}' \
                 under epoch {epoch}"
            ),
            ServerEvent::LeadershipEnded { namespace, election, epoch, session, name, why } => {
                write!(
                    f,
                    "{namespace}: {name} (session {session}) leads election '{election}' no \
                     longer, epoch {epoch} has ended: {why}"
                )
            }
            ServerEvent::SessionOpened { namespace, session, name, peer } => {
                write!(f, "{namespace}: session {session} of {name} opened from {peer}")
            }
            ServerEvent::SessionResumed { session, name, peer } => {
                write!(f, "session {session} of {name} resumed from {peer}")
            }
            ServerEvent::SessionEnded { session, name, why } => {
                write!(f, "session {session} of {name} ended: {why}")
            }
            ServerEvent::Refused { peer, code, reason } => {
                write!(f, "refused {peer} ({code:?}): {reason}")
            }
            ServerEvent::UnsafeGrace { name, grace_ms } => write!(
                f,
                "{name} asks for disconnect-grace {grace_ms} ms: under 100 ms a process that \
                 lives on without its connection may lead beside its successor"
            ),
            ServerEvent::Restored { incarnation, sessions, last_epoch } => write!(
                f,
                "going on as incarnation {incarnation}, with {sessions} sessions, after epoch \
                 {last_epoch}"
            ),
            ServerEvent::NoWrites { reason } => write!(
                f,
                "writes are refused and nobody is granted, until what changes can be recorded: \
                 {reason}"
            ),
            ServerEvent::WritesAgain => write!(f, "what changes can be recorded again"),
            ServerEvent::OldCopy { name, known } => write!(
                f,
                "{name} has seen what came after revision {}, the last known here: the data \
                 directory is an old copy, nobody is served from it; start on the latest copy, or \
                 on a new directory made by `leaderserver restore`",
                known.0
            ),
        }
    }
}
