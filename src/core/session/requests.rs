//! Requests that need an answer: sent again on each connection, until it comes or time is over.

use std::time::Duration;

use super::{Output, Session};
use crate::core::error::Error;
use crate::core::ids::{ConnectionId, Epoch, Incarnation, Name};
use crate::core::store::{
    Fence, MAX_VALUE, Operation, Page, Query, StoreError, Write, WriteId, Written,
};
use crate::core::time::Moment;
use crate::core::wire::message::ClientMessage;
use crate::core::wire::status::Status;

/// How many bytes of reads and writes may be on their way at a time, both ways: heartbeats go over
/// the same connection, and the name service cuts who lets too much lie unread.
const WINDOW: usize = 4 * MAX_VALUE;

pub(super) struct Request {
    kind: RequestKind,
    pub(super) give_up_at: Moment,
    after: Duration,
    /// Of a write; 0 of others.
    sequence: u64,
    /// The connection on which it was sent last.
    sent_on: Option<ConnectionId>,
    /// When it was sent first, and to whom.
    first_sent: Option<(Moment, Incarnation)>,
}

/// Something that needs an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// The status of the name service.
    Status,
    /// The leader of an election is to step down.
    Resign {
        /// Which election.
        election: Name,
        /// The epoch that is to end; none: whichever is the present one.
        epoch: Option<Epoch>,
        /// Who is next.
        target: Option<Name>,
    },
    /// What the store holds.
    Query(Query),
    /// A transaction on the store.
    Write {
        /// The epochs under which the caller decided (R15).
        fences: Vec<Fence>,
        /// In order; none: the fences are checked.
        operations: Vec<Operation>,
    },
}

/// The answer to a request, by its kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To [`RequestKind::Status`] and [`RequestKind::Resign`].
    Status(Box<Status>),
    /// To [`RequestKind::Query`].
    Page(Page),
    /// To [`RequestKind::Write`].
    Written(Written),
}

impl Session {
    /// Asks something; the answer comes as [`Output::Answer`] with the number returned, at the
    /// latest after `timeout`.
    ///
    /// A write goes out under the epochs that it names, never under others (R15), as often as is
    /// needed and with one idempotency key (R16). Without an answer it ends as
    /// [`StoreError::UnknownOutcome`] if it was ever sent, else as [`StoreError::NotApplied`].
    pub fn handle_request(&mut self, now: Moment, kind: RequestKind, timeout: Duration) -> u64 {
        self.next_request += 1;
        let id = self.next_request;
        let mut sequence = 0;
        if let RequestKind::Write { .. } = kind {
            self.next_sequence += 1;
            sequence = self.next_sequence;
        }
        let give_up_at = now + timeout;
        let request =
            Request { kind, give_up_at, after: timeout, sequence, sent_on: None, first_sent: None };
        self.requests.insert(id, request);
        self.settle(now);
        id
    }

    /// Sends what was not sent on the present connection, in order, as much as may be on its way.
    pub(super) fn say_requests(&mut self, now: Moment) {
        let Some(conn) = self.link.as_ref().map(|link| link.conn) else { return };
        let sent = self.requests.values().filter(|request| request.sent_on == Some(conn));
        let mut on_their_way: usize = sent.map(|request| request.kind.weight()).sum();
        let unsent = self.requests.iter().filter(|(_, request)| request.sent_on != Some(conn));
        let unsent: Vec<u64> = unsent.map(|(id, _)| *id).collect();
        for id in unsent {
            let Some(request) = self.requests.get(&id) else { continue };
            let weight = request.kind.weight();
            if weight > 0 && on_their_way > 0 && on_their_way + weight > WINDOW {
                // Those behind it wait, too.
                on_their_way = WINDOW;
                continue;
            }
            if let Some(message) = self.message_of(now, id) {
                on_their_way += weight;
                self.send(message);
            }
        }
    }

    /// The message, for a request that is sent now; none if it was answered instead.
    fn message_of(&mut self, now: Moment, id: u64) -> Option<ClientMessage> {
        let conn = self.link.as_ref()?.conn;
        let incarnation = self.seen?.0;
        // Requests are in order, and so are the sequences of those that are writes.
        let had_below = self.requests.values().map(|r| r.sequence).find(|sequence| *sequence > 0);
        let request = self.requests.get_mut(&id)?;
        request.sent_on = Some(conn);
        let (since, sent_to) = *request.first_sent.get_or_insert((now, incarnation));
        Some(match &request.kind {
            RequestKind::Status => ClientMessage::Status { request: id },
            RequestKind::Resign { election, epoch, target } => ClientMessage::Resign {
                request: id,
                election: election.clone(),
                epoch: *epoch,
                target: target.clone(),
            },
            RequestKind::Query(query) => ClientMessage::Query { request: id, query: query.clone() },
            RequestKind::Write { fences, operations } => {
                if fences.iter().any(|fence| fence.epoch <= self.former_epoch) {
                    self.answered(id, Err(StoreError::Incarnation.into()));
                    return None;
                }
                // 0 is only for what was never sent.
                let age = u64::try_from(now.since(since).as_nanos().div_ceil(1_000_000));
                let write = Write {
                    id: WriteId { client: self.client, sequence: request.sequence },
                    had_below: had_below.unwrap_or(request.sequence),
                    age_ms: age.unwrap_or(u64::MAX),
                    incarnation: sent_to,
                    fences: fences.clone(),
                    operations: operations.clone(),
                };
                ClientMessage::Write { request: id, write: Box::new(write) }
            }
        })
    }

    pub(super) fn answered(&mut self, request: u64, result: Result<Answer, Error>) {
        if self.requests.remove(&request).is_some() {
            self.outputs.push_back(Output::Answer { request, result });
        }
    }

    /// Ends all requests with an error that only somebody can mend.
    pub(super) fn fail_requests(&mut self, error: &Error) {
        for (request, asked) in std::mem::take(&mut self.requests) {
            let error =
                if asked.is_sent_write() { unknown(&error.to_string()) } else { error.clone() };
            self.outputs.push_back(Output::Answer { request, result: Err(error) });
        }
    }

    /// What was sent to an incarnation that is over was applied there or not, and lost with it.
    pub(super) fn fail_writes_to(&mut self, former: Incarnation) {
        let lost = self.requests.iter().filter(|(_, request)| {
            request.is_sent_write() && request.first_sent.is_some_and(|(_, to)| to == former)
        });
        for request in lost.map(|(id, _)| *id).collect::<Vec<_>>() {
            let reason = "the name service has a new incarnation, it was sent to the former";
            self.answered(request, Err(unknown(reason)));
        }
    }

    /// What was sent may have been applied, and is not sent again.
    pub(super) fn fail_writes(&mut self, reason: &str) {
        let sent = self.requests.iter().filter(|(_, request)| request.is_sent_write());
        for request in sent.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.answered(request, Err(unknown(reason)));
        }
    }

    pub(super) fn give_up_requests(&mut self, now: Moment) {
        let over = self.requests.iter().filter(|(_, request)| request.give_up_at <= now);
        for id in over.map(|(id, _)| *id).collect::<Vec<_>>() {
            let Some(request) = self.requests.get(&id) else { continue };
            let after = request.after;
            // The shell knows the endpoint and puts it in.
            let error = match &request.kind {
                RequestKind::Write { .. } if request.is_sent_write() => {
                    unknown(&format!("no answer from the name service within {after:?}"))
                }
                RequestKind::Write { .. } => StoreError::NotApplied(format!(
                    "the name service could not be reached within {after:?}"
                ))
                .into(),
                _ => Error::Unreachable { endpoint: String::new(), after },
            };
            self.answered(id, Err(error));
        }
    }
}

impl Request {
    /// Whether it may have had an effect.
    fn is_sent_write(&self) -> bool {
        matches!(self.kind, RequestKind::Write { .. }) && self.first_sent.is_some()
    }
}

impl RequestKind {
    /// How many bytes it may put on the way, both ways.
    fn weight(&self) -> usize {
        match self {
            RequestKind::Status | RequestKind::Resign { .. } => 0,
            RequestKind::Query(_) => MAX_VALUE,
            RequestKind::Write { fences, operations } => Write::size_of(fences, operations),
        }
    }
}

fn unknown(reason: &str) -> Error {
    StoreError::UnknownOutcome(reason.to_owned()).into()
}
