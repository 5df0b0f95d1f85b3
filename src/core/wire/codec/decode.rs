//! Frames to messages.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;

use super::super::generated as proto;
use super::super::message::{
    Addresses, ClientMessage, Hello, Leading, Resume, ServerMessage, Welcome,
};
use super::{MAX_DURATION, MAX_TEXT, malformed, mode, refusal, shorten, store};
use crate::core::config::Timing;
use crate::core::error::{Error, Refusal};
use crate::core::ids::{
    Candidacy, Epoch, Incarnation, LeaderInformation, LeaderSessionId, MAX_ADDRESS, Name, Revision,
    SessionId, SessionToken,
};
use crate::core::store::Written;

const UNKNOWN_BODY: &str =
    "the frame has no body that this version knows: is the other end of a later version?";

/// The message of a frame, which comes without its length.
///
/// # Errors
/// [`Error::Refused`] with [`Refusal::Protocol`] for what can't be used, or [`Refusal::Timing`];
/// [`Error::InvalidArgument`] for a name, and [`Error::TooLarge`] for an address or value, that
/// breaks its bounds.
pub fn decode_client(frame: Bytes) -> Result<ClientMessage, Error> {
    use proto::client_frame::Body;
    let body = parse::<proto::ClientFrame>(frame)?.body.ok_or_else(|| malformed(UNKNOWN_BODY))?;
    Ok(match body {
        Body::Hello(hello) => ClientMessage::Hello(Box::new(decode_hello(hello)?)),
        Body::Heartbeat(proto::Heartbeat { sequence }) => ClientMessage::Heartbeat { sequence },
        Body::Join(join) => ClientMessage::Join {
            election: Name::new("election", &join.election)?,
            mode: mode(join.mode)?,
            candidacy: Candidacy(join.candidacy),
        },
        Body::Leave(leave) => {
            ClientMessage::Leave { election: Name::new("election", &leave.election)? }
        }
        Body::SteppedDown(down) => ClientMessage::SteppedDown {
            election: Name::new("election", &down.election)?,
            epoch: Epoch(down.epoch),
        },
        Body::Publish(publish) => ClientMessage::Publish {
            election: Name::new("election", &publish.election)?,
            epoch: Epoch(publish.epoch),
            component: Name::new("component", &publish.component)?,
            address: address(&publish.address)?,
        },
        Body::Withdraw(withdraw) => ClientMessage::Withdraw {
            election: Name::new("election", &withdraw.election)?,
            epoch: Epoch(withdraw.epoch),
            component: Name::new("component", &withdraw.component)?,
        },
        Body::Watch(watch) => {
            ClientMessage::Watch { component: Name::new("component", &watch.component)? }
        }
        Body::Unwatch(unwatch) => {
            ClientMessage::Unwatch { component: Name::new("component", &unwatch.component)? }
        }
        Body::SyncEnd(proto::SyncEnd {}) => ClientMessage::SyncEnd,
        Body::Goodbye(proto::Goodbye {}) => ClientMessage::Goodbye,
        Body::Status(proto::StatusRequest { request }) => ClientMessage::Status { request },
        Body::Resign(resign) => ClientMessage::Resign {
            request: resign.request,
            election: Name::new("election", &resign.election)?,
            target: optional("target", &resign.target)?,
            epoch: Some(Epoch(resign.epoch)).filter(|epoch| epoch.0 > 0),
        },
        Body::Get(get) => store::decode_get(&get)?,
        Body::List(list) => store::decode_list(list)?,
        Body::Write(write) => store::decode_write(write)?,
    })
}

/// The message of a frame, which comes without its length.
///
/// # Errors
/// As [`decode_client`].
pub fn decode_server(frame: Bytes) -> Result<ServerMessage, Error> {
    use proto::server_frame::Body;
    let body = parse::<proto::ServerFrame>(frame)?.body.ok_or_else(|| malformed(UNKNOWN_BODY))?;
    Ok(match body {
        Body::Welcome(welcome) => ServerMessage::Welcome(Box::new(decode_welcome(welcome)?)),
        Body::Refused(refused) => {
            ServerMessage::Refused { code: refusal(refused.code), reason: shorten(refused.reason) }
        }
        Body::HeartbeatAck(proto::HeartbeatAck { sequence }) => {
            ServerMessage::HeartbeatAck { sequence }
        }
        Body::Granted(granted) => ServerMessage::Granted {
            election: Name::new("election", &granted.election)?,
            id: leader_session_id(granted.epoch, granted.id_low)?,
            candidacy: Candidacy(granted.candidacy),
        },
        Body::StepDown(down) => ServerMessage::StepDown {
            election: Name::new("election", &down.election)?,
            epoch: Epoch(down.epoch),
            reason: shorten(down.reason),
        },
        Body::Value(value) => ServerMessage::Value {
            component: Name::new("component", &value.component)?,
            revision: Revision(value.revision),
            leader: value.leader.map(decode_leader).transpose()?,
        },
        Body::Status(reply) => {
            let status = reply.status.ok_or_else(|| missing("StatusReply.status"))?;
            ServerMessage::Status { request: reply.request, status: Box::new(status) }
        }
        Body::Failure(failure) => ServerMessage::Failure {
            request: failure.request,
            election: optional("election", &failure.election)?,
            code: refusal(failure.code),
            reason: shorten(failure.reason),
        },
        Body::Entries(entries) => store::decode_page(entries)?,
        Body::Written(proto::Written { request, revision, deleted }) => {
            let written = Written { revision: Revision(revision), deleted };
            ServerMessage::Written { request, result: Ok(written) }
        }
        Body::NotWritten(error) => store::decode_error(error)?,
    })
}

fn decode_hello(hello: proto::Hello) -> Result<Hello, Error> {
    if hello.min_version > hello.max_version {
        let (min, max) = (hello.min_version, hello.max_version);
        return Err(malformed(format!("versions {min} to {max} are no range")));
    }
    let resume = match hello.resume {
        Some(proto::Resume { session: 0, .. }) => return Err(missing("Resume.session")),
        Some(resume) => Some(Resume {
            session: SessionId(resume.session),
            token: SessionToken(id128(resume.token, "Resume.token")?),
            attempt: resume.attempt,
        }),
        None => None,
    };
    let seen = match hello.incarnation {
        Some(_) => Some((
            Incarnation(id128(hello.incarnation, "Hello.incarnation")?),
            Revision(hello.revision),
        )),
        None => None,
    };
    Ok(Hello {
        min_version: hello.min_version,
        max_version: hello.max_version,
        namespace: optional("namespace", &hello.namespace)?,
        name: Name::new("name", &hello.name)?,
        timing: timing(hello.session_timeout_ms, hello.disconnect_grace_ms)?,
        resume,
        seen,
        highest_epoch: Epoch(hello.highest_epoch),
        addresses: addresses(hello.local_address, hello.peer_address)?,
        leading: hello.leading.iter().map(decode_leading).collect::<Result<_, _>>()?,
    })
}

fn decode_welcome(welcome: proto::Welcome) -> Result<Welcome, Error> {
    let timing = timing(welcome.session_timeout_ms, welcome.disconnect_grace_ms)?;
    let session = match welcome.session {
        0 => None,
        session => {
            // The client runs by these numbers.
            timing.check().map_err(|error| malformed(format!("in Welcome, {error}")))?;
            let token = SessionToken(id128(welcome.token, "Welcome.token")?);
            Some((SessionId(session), token))
        }
    };
    Ok(Welcome {
        version: welcome.version,
        incarnation: Incarnation(id128(welcome.incarnation, "Welcome.incarnation")?),
        session,
        resumed: welcome.resumed,
        timing,
        direct: welcome.direct,
        revision: Revision(welcome.revision),
        namespace: optional("namespace", &welcome.namespace)?,
        leading: welcome.leading.iter().map(decode_leading).collect::<Result<_, _>>()?,
        superseded: welcome.superseded.iter().map(decode_leading).collect::<Result<_, _>>()?,
        addresses: addresses(welcome.local_address, welcome.peer_address)?,
    })
}

fn decode_leading(leading: &proto::Leading) -> Result<Leading, Error> {
    Ok(Leading {
        election: Name::new("election", &leading.election)?,
        id: leader_session_id(leading.epoch, leading.id_low)?,
        candidacy: Candidacy(leading.candidacy),
        name: optional("name", &leading.name)?,
    })
}

fn decode_leader(leader: proto::LeaderInformation) -> Result<LeaderInformation, Error> {
    Ok(LeaderInformation {
        id: leader_session_id(leader.epoch, leader.id_low)?,
        address: address(&leader.address)?,
    })
}

fn parse<M: Message + Default>(frame: Bytes) -> Result<M, Error> {
    M::decode(frame).map_err(|error| malformed(format!("the frame is no message: {error}")))
}

pub(super) fn missing(field: &str) -> Error {
    malformed(format!("{field} is missing"))
}

fn optional(key: &'static str, name: &str) -> Result<Option<Name>, Error> {
    if name.is_empty() { Ok(None) } else { Name::new(key, name).map(Some) }
}

/// A copy: a slice would keep all that was read with it.
fn address(address: &Bytes) -> Result<Bytes, Error> {
    if address.len() > MAX_ADDRESS {
        let size = address.len();
        return Err(Error::TooLarge { what: "an address", size, limit: MAX_ADDRESS });
    }
    Ok(Bytes::copy_from_slice(address))
}

fn addresses(local: String, peer: String) -> Result<Option<Addresses>, Error> {
    if local.len() > MAX_TEXT || peer.len() > MAX_TEXT {
        return Err(malformed(format!("a socket address is longer than {MAX_TEXT} bytes")));
    }
    let known = !local.is_empty() && !peer.is_empty();
    Ok(known.then_some(Addresses { local, peer }))
}

fn timing(session_timeout_ms: u64, disconnect_grace_ms: u64) -> Result<Timing, Error> {
    let session_timeout = Duration::from_millis(session_timeout_ms);
    let disconnect_grace = Duration::from_millis(disconnect_grace_ms);
    if session_timeout > MAX_DURATION || disconnect_grace > MAX_DURATION {
        let reason = "session-timeout and disconnect-grace are a year at the most".to_owned();
        return Err(Error::Refused { code: Refusal::Timing, reason });
    }
    Ok(Timing { session_timeout, disconnect_grace })
}

/// Zero is what a client writes that has none, and no id of ours.
pub(super) fn id128(id: Option<proto::Id128>, field: &str) -> Result<u128, Error> {
    match id {
        Some(proto::Id128 { high, low }) if (high, low) != (0, 0) => {
            Ok(u128::from(high) << 64 | u128::from(low))
        }
        _ => Err(missing(field)),
    }
}

fn leader_session_id(epoch: u64, low: u64) -> Result<LeaderSessionId, Error> {
    match epoch {
        0 => Err(malformed("epoch 0 is granted to nobody")),
        epoch => Ok(LeaderSessionId { epoch: Epoch(epoch), low }),
    }
}
