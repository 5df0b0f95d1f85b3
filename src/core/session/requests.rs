//! Requests that need an answer: sent again on each connection, until it comes or time is over.

use std::time::Duration;

use super::{Output, Request, RequestKind, Session};
use crate::core::error::Error;
use crate::core::time::Moment;
use crate::core::wire::message::ClientMessage;
use crate::core::wire::status::Status;

impl Session {
    /// Asks something; the answer comes as [`Output::Answer`] with the number returned, at the
    /// latest after `timeout`.
    pub fn handle_request(&mut self, now: Moment, kind: RequestKind, timeout: Duration) -> u64 {
        self.next_request += 1;
        let id = self.next_request;
        let request = Request { kind, give_up_at: now + timeout, after: timeout };
        let message = message_of(id, &request);
        self.requests.insert(id, request);
        self.send(message);
        self.settle(now);
        id
    }

    pub(super) fn say_requests(&mut self) {
        let messages: Vec<ClientMessage> =
            self.requests.iter().map(|(id, request)| message_of(*id, request)).collect();
        for message in messages {
            self.send(message);
        }
    }

    pub(super) fn answered(&mut self, request: u64, result: Result<Box<Status>, Error>) {
        if self.requests.remove(&request).is_some() {
            self.outputs.push_back(Output::Answer { request, result });
        }
    }

    /// Ends all requests with an error that only somebody can mend.
    pub(super) fn fail_requests(&mut self, error: &Error) {
        for request in std::mem::take(&mut self.requests).into_keys() {
            self.outputs.push_back(Output::Answer { request, result: Err(error.clone()) });
        }
    }

    pub(super) fn give_up_requests(&mut self, now: Moment) {
        let over: Vec<(u64, Duration)> = self
            .requests
            .iter()
            .filter(|(_, request)| request.give_up_at <= now)
            .map(|(id, request)| (*id, request.after))
            .collect();
        for (request, after) in over {
            // The shell knows the endpoint and puts it in.
            let error = Error::Unreachable { endpoint: String::new(), after };
            self.answered(request, Err(error));
        }
    }
}

fn message_of(id: u64, request: &Request) -> ClientMessage {
    match &request.kind {
        RequestKind::Status => ClientMessage::Status { request: id },
        RequestKind::Resign { election, target } => ClientMessage::Resign {
            request: id,
            election: election.clone(),
            target: target.clone(),
        },
    }
}
