//! What walks must come by, and how often they did: a fault that never happens proves nothing, and
//! neither does a state that no fault leads to.

use std::collections::BTreeMap;

use leaderserver::core::error::{Error, Refusal};
use leaderserver::core::name_service::{Ended, ServerEvent};
use leaderserver::core::session::Answer;
use leaderserver::core::store::StoreError;

use crate::world::World;

/// All that is counted, in the order of the report. Over many seeds each must happen.
const EXPECTED: &[&str] = &[
    // What goes wrong between the two.
    "fault: the network is slow",
    "fault: a connection is reset under its client",
    "fault: the server cuts a connection",
    "fault: a connection is half-open, and neither end is told",
    "fault: nothing gets through to the server",
    "fault: nothing gets through to the client",
    "fault: nobody reaches the server",
    "fault: connecting fails",
    // What befalls clients.
    "fault: a client's process is killed",
    "fault: a client's host is lost",
    "fault: a client's process is stopped and goes on",
    "fault: a client's machine is suspended",
    "fault: a process is started again under the same name",
    "fault: garbage collection",
    "fault: events are not fetched",
    "fault: the client is moved to another name service",
    // What befalls servers.
    "fault: the server is killed",
    "fault: the server's host is lost",
    "fault: the server is stopped",
    "fault: the server is stopped for a while and goes on",
    "fault: the server's machine is suspended",
    "fault: the server's wall clock is set",
    "fault: the disk stands still",
    "fault: the disk is full",
    "fault: the disk is slow",
    "fault: the server is killed once a batch is handed over",
    "fault: the server is killed before it hears of a batch",
    "fault: the server is killed after it has said what waited",
    "fault: the data directory is lost",
    "fault: a backup is restored",
    // What users do.
    "fault: closed",
    "fault: closed from inside its own callback",
    "fault: closed while its callback runs elsewhere",
    "fault: a contender is dropped without a close",
    "fault: a client is closed",
    "fault: a user blocks its callback",
    "fault: a user confirms late",
    "ambush: before the contenders hear of a grant",
    "ambush: at the beginning of a grant",
    "ambush: before the contenders hear of a revoke",
    "ambush: before the machine sees a welcome",
    "ambush: when the name service has granted",
    // What the worlds are.
    "world: without durable state",
    "world: durable",
    "world: the contenders are in the server's process",
    "world: an election per component",
    "world: many components",
    "world: no grace",
    "world: a grace for which P1 is not promised",
    "world: sessions of 300 ms and less",
    "world: the server allows less than is asked for",
    "world: churn",
    "world: a long walk",
    // What comes of it.
    "a session is opened",
    "a session is resumed",
    "a session ends by its time-out",
    "a session ends by its grace",
    "a session ends by a goodbye",
    "a stale attempt is refused",
    "a stopping server refuses somebody",
    "connecting is refused, for nobody listens",
    "somebody is granted",
    "a leadership ends: stepped down",
    "a leadership ends: left",
    "a leadership ends with its session: goodbye",
    "a leadership ends with its session: time-out",
    "a leadership ends with its session: grace",
    "revoked: the lease expired",
    "revoked: not resumed within the grace",
    "revoked: an operator asked",
    "revoked: events were not fetched",
    "revoked: the name service has ended it",
    "revoked: a new incarnation",
    "revoked: the election was left",
    "has-leadership ends and comes back without a revoke",
    "a grant meets a leave between the task and its contenders",
    "the task is interrupted between its machine and its users",
    "a grant is given back, for the lease is over",
    "a confirmation that comes too late, twice, or under no id of its own",
    "a retriever is told of a leader",
    "a retriever is told that nobody leads",
    "a write is applied",
    "a write is answered again",
    "a write is fenced",
    "a write is refused, for nothing can be recorded",
    "a write is of unknown outcome",
    "a write was never sent",
    "a write belongs to another incarnation",
    "a write finds that another came before",
    "a history of a key is linearizable",
    "a key is written by several at once",
    "a batch fails",
    "nothing can be recorded",
    "it can be recorded again",
    "a crash leaves the batch that was on its way",
    "a crash loses the batch that was on its way",
    "a server goes on with what its disk has",
    "a server begins with a new data directory",
    "a server begins that remembers nothing",
    "a server does not start, for its disk takes nothing",
    "somebody leads within the time that P4 gives",
];

/// Numbers of things that have happened.
#[derive(Default)]
pub struct Coverage {
    counts: BTreeMap<&'static str, u64>,
}

impl Coverage {
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Adds another's.
    ///
    /// # Panics
    /// If something is counted that is not listed above.
    pub fn add(&mut self, other: &Coverage) {
        for (what, number) in &other.counts {
            assert!(EXPECTED.contains(what), "'{what}' is to be listed in coverage.rs");
            *self.counts.entry(what).or_default() += number;
        }
    }

    /// What never happened.
    pub fn missing(&self) -> Vec<&'static str> {
        EXPECTED.iter().copied().filter(|what| !self.counts.contains_key(what)).collect()
    }

    /// A line each.
    pub fn table(&self) -> String {
        let line = |what: &&str| {
            let number = self.counts.get(what).copied().unwrap_or_default();
            format!("{number:>14}  {what}\n")
        };
        EXPECTED.iter().map(line).collect()
    }
}

impl World {
    pub(crate) fn count_event(&mut self, event: &ServerEvent) {
        let what = match event {
            ServerEvent::Granted { .. } => "somebody is granted",
            ServerEvent::LeadershipEnded { why, .. } => match why {
                Ended::SteppedDown => "a leadership ends: stepped down",
                Ended::Left => "a leadership ends: left",
                Ended::Goodbye => "a leadership ends with its session: goodbye",
                Ended::TimedOut => "a leadership ends with its session: time-out",
                Ended::Disconnected => "a leadership ends with its session: grace",
            },
            ServerEvent::SessionOpened { .. } => "a session is opened",
            ServerEvent::SessionResumed { .. } => "a session is resumed",
            ServerEvent::SessionEnded { why: Ended::TimedOut, .. } => {
                "a session ends by its time-out"
            }
            ServerEvent::SessionEnded { why: Ended::Disconnected, .. } => {
                "a session ends by its grace"
            }
            ServerEvent::SessionEnded { why: Ended::Goodbye, .. } => "a session ends by a goodbye",
            ServerEvent::Refused { code: Refusal::StaleAttempt, .. } => {
                "a stale attempt is refused"
            }
            ServerEvent::Refused { code: Refusal::Stopping, .. } => {
                "a stopping server refuses somebody"
            }
            ServerEvent::NoWrites { .. } => "nothing can be recorded",
            ServerEvent::WritesAgain => "it can be recorded again",
            _ => return,
        };
        self.count(what);
    }

    pub(crate) fn count_revocation(&mut self, reason: &str) {
        let known = [
            ("lease expired", "revoked: the lease expired"),
            ("within the grace", "revoked: not resumed within the grace"),
            ("an operator", "revoked: an operator asked"),
            ("not fetched", "revoked: events were not fetched"),
            ("superseded by", "revoked: the name service has ended it"),
            ("has ended it", "revoked: the name service has ended it"),
            ("session ended", "revoked: the name service has ended it"),
            ("new incarnation", "revoked: a new incarnation"),
            ("was left", "revoked: the election was left"),
        ];
        if let Some((_, what)) = known.iter().find(|(words, _)| reason.contains(words)) {
            self.count(what);
        }
    }

    pub(crate) fn count_answer(&mut self, result: &Result<Answer, Error>) {
        let what = match result {
            Ok(Answer::Written(_)) => "a write is applied",
            Err(Error::Store(StoreError::Fenced { .. })) => "a write is fenced",
            Err(Error::Store(StoreError::ReadOnly(_))) => {
                "a write is refused, for nothing can be recorded"
            }
            Err(Error::Store(StoreError::UnknownOutcome(_))) => "a write is of unknown outcome",
            Err(Error::Store(StoreError::NotApplied(_))) => "a write was never sent",
            Err(Error::Store(StoreError::Incarnation)) => "a write belongs to another incarnation",
            Err(Error::Store(
                StoreError::Exists { .. }
                | StoreError::Changed { .. }
                | StoreError::NotFound { .. },
            )) => "a write finds that another came before",
            _ => return,
        };
        self.count(what);
    }
}
