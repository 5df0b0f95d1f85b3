//! Messages to frames.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;

use super::super::frame::write_frame;
use super::super::generated as proto;
use super::super::message::{Addresses, ClientMessage, Hello, Leading, ServerMessage, Welcome};
use super::super::{MAX_FIRST_FRAME, MAX_FRAME};
use super::{shorten, store};
use crate::core::error::Error;
use crate::core::ids::{LeaderInformation, MAX_ADDRESS, Name};

/// A whole frame, with its length.
///
/// # Errors
/// [`Error::TooLarge`].
pub fn encode_client(message: &ClientMessage) -> Result<Bytes, Error> {
    use proto::client_frame::Body;
    let body = match message {
        ClientMessage::Hello(hello) => Body::Hello(encode_hello(hello)),
        &ClientMessage::Heartbeat { sequence } => Body::Heartbeat(proto::Heartbeat { sequence }),
        ClientMessage::Join { election, mode, candidacy } => Body::Join(proto::Join {
            election: election.to_string(),
            mode: proto::Mode::from(*mode).into(),
            candidacy: candidacy.0,
        }),
        ClientMessage::Leave { election } => {
            Body::Leave(proto::Leave { election: election.to_string() })
        }
        ClientMessage::SteppedDown { election, epoch } => {
            Body::SteppedDown(proto::SteppedDown { election: election.to_string(), epoch: epoch.0 })
        }
        ClientMessage::Publish { election, epoch, component, address } => {
            Body::Publish(proto::Publish {
                election: election.to_string(),
                epoch: epoch.0,
                component: component.to_string(),
                address: bounded(address)?,
            })
        }
        ClientMessage::Withdraw { election, epoch, component } => Body::Withdraw(proto::Withdraw {
            election: election.to_string(),
            epoch: epoch.0,
            component: component.to_string(),
        }),
        ClientMessage::Watch { component } => {
            Body::Watch(proto::Watch { component: component.to_string() })
        }
        ClientMessage::Unwatch { component } => {
            Body::Unwatch(proto::Unwatch { component: component.to_string() })
        }
        ClientMessage::SyncEnd => Body::SyncEnd(proto::SyncEnd {}),
        ClientMessage::Goodbye => Body::Goodbye(proto::Goodbye {}),
        &ClientMessage::Status { request } => Body::Status(proto::StatusRequest { request }),
        ClientMessage::Resign { request, election, epoch, target } => {
            Body::Resign(proto::ResignRequest {
                request: *request,
                election: election.to_string(),
                target: text(target.as_ref()),
                epoch: epoch.map_or(0, |epoch| epoch.0),
            })
        }
        ClientMessage::Query { request, query } => store::encode_query(*request, query),
        ClientMessage::Write { request, write } => {
            Body::Write(store::encode_write(*request, write))
        }
    };
    frame(&proto::ClientFrame { body: Some(body) })
}

/// A whole frame, with its length.
///
/// # Errors
/// [`Error::TooLarge`].
pub fn encode_server(message: &ServerMessage) -> Result<Bytes, Error> {
    use proto::server_frame::Body;
    let body = match message {
        ServerMessage::Welcome(welcome) => Body::Welcome(encode_welcome(welcome)),
        ServerMessage::Refused { code, reason } => Body::Refused(proto::Refused {
            code: proto::Refusal::from(*code).into(),
            reason: shorten(reason.clone()),
        }),
        &ServerMessage::HeartbeatAck { sequence } => {
            Body::HeartbeatAck(proto::HeartbeatAck { sequence })
        }
        ServerMessage::Granted { election, id, candidacy } => Body::Granted(proto::Granted {
            election: election.to_string(),
            epoch: id.epoch.0,
            id_low: id.low,
            candidacy: candidacy.0,
        }),
        ServerMessage::StepDown { election, epoch, reason } => Body::StepDown(proto::StepDown {
            election: election.to_string(),
            epoch: epoch.0,
            reason: shorten(reason.clone()),
        }),
        ServerMessage::Value { component, revision, leader } => Body::Value(proto::Value {
            component: component.to_string(),
            revision: revision.0,
            leader: leader.as_ref().map(encode_leader).transpose()?,
        }),
        ServerMessage::Status { request, status } => {
            // Status may be large: what can't be sent is not copied.
            let size = status.encoded_len();
            if size > MAX_FRAME {
                return Err(Error::TooLarge { what: "a status", size, limit: MAX_FRAME });
            }
            let status = Some((**status).clone());
            Body::Status(proto::StatusReply { request: *request, status })
        }
        ServerMessage::Failure { request, election, code, reason } => {
            Body::Failure(proto::Failure {
                request: *request,
                election: text(election.as_ref()),
                code: proto::Refusal::from(*code).into(),
                reason: shorten(reason.clone()),
            })
        }
        ServerMessage::Entries { request, page } => {
            Body::Entries(store::encode_page(*request, page))
        }
        ServerMessage::Written { request, result } => store::encode_written(*request, result),
    };
    frame(&proto::ServerFrame { body: Some(body) })
}

fn encode_hello(hello: &Hello) -> proto::Hello {
    let (local_address, peer_address) = addresses(hello.addresses.as_ref());
    let mut encoded = proto::Hello {
        min_version: hello.min_version,
        max_version: hello.max_version,
        namespace: text(hello.namespace.as_ref()),
        name: hello.name.to_string(),
        session_timeout_ms: millis(hello.timing.session_timeout),
        disconnect_grace_ms: millis(hello.timing.disconnect_grace),
        resume: hello.resume.as_ref().map(|resume| proto::Resume {
            session: resume.session.0,
            token: Some(id128(resume.token.0)),
            attempt: resume.attempt,
        }),
        incarnation: hello.seen.map(|(incarnation, _)| id128(incarnation.0)),
        revision: hello.seen.map_or(0, |(_, revision)| revision.0),
        highest_epoch: hello.highest_epoch.0,
        local_address,
        peer_address,
        leading: hello.leading.iter().map(encode_leading).collect(),
    };
    // What the client believes it leads is only for words in the answer: rather some of it than a
    // first frame that is refused.
    const FRAMING: usize = 8;
    let mut over = (encoded.encoded_len() + FRAMING).saturating_sub(MAX_FIRST_FRAME);
    while over > 0
        && let Some(dropped) = encoded.leading.pop()
    {
        over = over.saturating_sub(dropped.encoded_len());
    }
    encoded
}

fn encode_welcome(welcome: &Welcome) -> proto::Welcome {
    let (local_address, peer_address) = addresses(welcome.addresses.as_ref());
    proto::Welcome {
        version: welcome.version,
        incarnation: Some(id128(welcome.incarnation.0)),
        session: welcome.session.map_or(0, |(session, _)| session.0),
        token: welcome.session.map(|(_, token)| id128(token.0)),
        resumed: welcome.resumed,
        session_timeout_ms: millis(welcome.timing.session_timeout),
        disconnect_grace_ms: millis(welcome.timing.disconnect_grace),
        direct: welcome.direct,
        revision: welcome.revision.0,
        namespace: text(welcome.namespace.as_ref()),
        leading: welcome.leading.iter().map(encode_leading).collect(),
        superseded: welcome.superseded.iter().map(encode_leading).collect(),
        local_address,
        peer_address,
    }
}

fn encode_leading(leading: &Leading) -> proto::Leading {
    proto::Leading {
        election: leading.election.to_string(),
        epoch: leading.id.epoch.0,
        id_low: leading.id.low,
        candidacy: leading.candidacy.0,
        name: text(leading.name.as_ref()),
    }
}

fn encode_leader(leader: &LeaderInformation) -> Result<proto::LeaderInformation, Error> {
    Ok(proto::LeaderInformation {
        epoch: leader.id.epoch.0,
        id_low: leader.id.low,
        address: bounded(&leader.address)?,
    })
}

fn frame(message: &impl Message) -> Result<Bytes, Error> {
    write_frame(message.encoded_len(), |out| {
        message.encode(out).expect("a growing buffer takes every message");
    })
}

fn bounded(address: &Bytes) -> Result<Bytes, Error> {
    if address.len() > MAX_ADDRESS {
        let size = address.len();
        return Err(Error::TooLarge { what: "an address", size, limit: MAX_ADDRESS });
    }
    Ok(address.clone())
}

fn text(name: Option<&Name>) -> String {
    name.map(Name::to_string).unwrap_or_default()
}

fn addresses(addresses: Option<&Addresses>) -> (String, String) {
    let both = addresses.map(|ends| (shorten(ends.local.clone()), shorten(ends.peer.clone())));
    both.unwrap_or_default()
}

pub(super) fn id128(number: u128) -> proto::Id128 {
    proto::Id128 { high: (number >> 64) as u64, low: number as u64 }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
