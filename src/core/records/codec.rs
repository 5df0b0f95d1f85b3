//! Between records and the protobuf of `proto/records.proto`.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;

use super::generated as proto;
use super::{
    ComponentRecord, ElectionRecord, Head, Record, RecordError, RecordKey, SessionRecord, unusable,
};
use crate::core::config::{Mode, Timing};
use crate::core::election::Leader;
use crate::core::ids::{
    Candidacy, ClientId, Epoch, Incarnation, LeaderInformation, LeaderSessionId, MAX_ADDRESS, Name,
    Revision, SessionId, SessionToken,
};
use crate::core::store::{Entry, MAX_VALUE, WriteId, Written};

/// The bytes of a key; always the same for the same key.
pub fn encode_key(key: &RecordKey) -> Vec<u8> {
    use proto::key::Kind;
    let text = Name::to_string;
    let kind = match key {
        RecordKey::Head => Kind::Head(proto::HeadKey {}),
        RecordKey::Namespace(namespace) => {
            Kind::Namespace(proto::NamespaceKey { namespace: text(namespace) })
        }
        RecordKey::Session(session) => Kind::Session(proto::SessionKey { session: session.0 }),
        RecordKey::Election { namespace, election } => Kind::Election(proto::ElectionKey {
            namespace: text(namespace),
            election: text(election),
        }),
        RecordKey::Component { namespace, component } => Kind::Component(proto::ComponentKey {
            namespace: text(namespace),
            component: text(component),
        }),
        RecordKey::Entry { namespace, election, key } => Kind::Entry(proto::EntryKey {
            namespace: text(namespace),
            election: text(election),
            key: text(key),
        }),
        RecordKey::Answer { namespace, write } => Kind::Answer(proto::AnswerKey {
            namespace: text(namespace),
            client: Some(split(write.client.0)),
            sequence: write.sequence,
        }),
    };
    proto::Key { kind: Some(kind) }.encode_to_vec()
}

/// The bytes of a record.
pub fn encode_record(record: &Record) -> Vec<u8> {
    use proto::value::Kind;
    let kind = match record {
        Record::Head(head) => Kind::Head(proto::Head {
            incarnation: Some(split(head.incarnation.0)),
            last_epoch: head.last_epoch.0,
            sessions_below: head.sessions_below.0,
            revision: head.revision.0,
            settled: head.settled,
        }),
        Record::Namespace(mode) => {
            Kind::Namespace(proto::Namespace { per_component: *mode == Mode::PerComponent })
        }
        Record::Session(session) => Kind::Session(proto::Session {
            token: Some(split(session.token.0)),
            name: session.name.to_string(),
            namespace: session.namespace.to_string(),
            session_timeout_ms: millis(session.timing.session_timeout),
            disconnect_grace_ms: millis(session.timing.disconnect_grace),
            local: session.local,
        }),
        Record::Election(election) => Kind::Election(proto::Election {
            last_granted: election.last_granted.0,
            leader: election.leader.map(|leader| proto::Leader {
                session: leader.session.0,
                epoch: leader.id.epoch.0,
                low: leader.id.low,
                candidacy: leader.candidacy.0,
            }),
        }),
        Record::Component(component) => Kind::Component(proto::Component {
            election: component.election.to_string(),
            epoch: component.leader.id.epoch.0,
            low: component.leader.id.low,
            address: component.leader.address.clone(),
            revision: component.revision.0,
        }),
        Record::Entry(entry) => {
            Kind::Entry(proto::Entry { version: entry.version.0, value: entry.value.clone() })
        }
        Record::Answer(written) => {
            Kind::Answer(proto::Answer { revision: written.revision.0, deleted: written.deleted })
        }
    };
    proto::Value { kind: Some(kind) }.encode_to_vec()
}

/// The record of these bytes. A value of the store shares the bytes handed in.
///
/// # Errors
/// [`RecordError`] for everything that [`encode_key`] and [`encode_record`] do not make, but for
/// fields of the value that a newer server has added.
pub fn decode(key: &[u8], value: Bytes) -> Result<(RecordKey, Record), RecordError> {
    let malformed = |error: prost::DecodeError| unusable(error.to_string());
    let bytes = key;
    let key = proto::Key::decode(bytes).map_err(malformed)?.kind.ok_or_else(newer)?;
    let value = proto::Value::decode(value).map_err(malformed)?.kind.ok_or_else(newer)?;
    let key = decode_key(key)?;
    if encode_key(&key) != bytes {
        // It would stay for ever beside the one that is meant.
        return Err(unusable(format!("{key:?} is written in other bytes")));
    }
    let record = decode_value(value)?;
    let fits = matches!(
        (&key, &record),
        (RecordKey::Head, Record::Head(_))
            | (RecordKey::Namespace(_), Record::Namespace(_))
            | (RecordKey::Session(_), Record::Session(_))
            | (RecordKey::Election { .. }, Record::Election(_))
            | (RecordKey::Component { .. }, Record::Component(_))
            | (RecordKey::Entry { .. }, Record::Entry(_))
            | (RecordKey::Answer { .. }, Record::Answer(_))
    );
    if fits { Ok((key, record)) } else { Err(unusable(format!("under {key:?} is another kind"))) }
}

fn decode_key(kind: proto::key::Kind) -> Result<RecordKey, RecordError> {
    use proto::key::Kind;
    Ok(match kind {
        Kind::Head(_) => RecordKey::Head,
        Kind::Namespace(key) => RecordKey::Namespace(name(&key.namespace)?),
        Kind::Session(key) => RecordKey::Session(SessionId(key.session)),
        Kind::Election(key) => {
            RecordKey::Election { namespace: name(&key.namespace)?, election: name(&key.election)? }
        }
        Kind::Component(key) => RecordKey::Component {
            namespace: name(&key.namespace)?,
            component: name(&key.component)?,
        },
        Kind::Entry(key) => RecordKey::Entry {
            namespace: name(&key.namespace)?,
            election: name(&key.election)?,
            key: name(&key.key)?,
        },
        Kind::Answer(key) => RecordKey::Answer {
            namespace: name(&key.namespace)?,
            write: WriteId { client: ClientId(join(key.client)?), sequence: key.sequence },
        },
    })
}

fn decode_value(kind: proto::value::Kind) -> Result<Record, RecordError> {
    use proto::value::Kind;
    Ok(match kind {
        Kind::Head(head) => Record::Head(Head {
            incarnation: Incarnation(join(head.incarnation)?),
            last_epoch: Epoch(head.last_epoch),
            sessions_below: SessionId(head.sessions_below),
            revision: Revision(head.revision),
            settled: head.settled,
        }),
        Kind::Namespace(namespace) => Record::Namespace(match namespace.per_component {
            true => Mode::PerComponent,
            false => Mode::PerProcess,
        }),
        Kind::Session(session) => {
            let timing = Timing {
                session_timeout: Duration::from_millis(session.session_timeout_ms),
                disconnect_grace: Duration::from_millis(session.disconnect_grace_ms),
            };
            timing.check().map_err(|error| unusable(error.to_string()))?;
            Record::Session(SessionRecord {
                token: SessionToken(join(session.token)?),
                name: name(&session.name)?,
                namespace: name(&session.namespace)?,
                timing,
                local: session.local,
            })
        }
        Kind::Election(election) => Record::Election(ElectionRecord {
            last_granted: Epoch(election.last_granted),
            leader: election.leader.map(|leader| Leader {
                session: SessionId(leader.session),
                id: LeaderSessionId { epoch: Epoch(leader.epoch), low: leader.low },
                candidacy: Candidacy(leader.candidacy),
            }),
        }),
        Kind::Component(component) => {
            if component.address.len() > MAX_ADDRESS {
                return Err(unusable("an address is too long"));
            }
            let id = LeaderSessionId { epoch: Epoch(component.epoch), low: component.low };
            Record::Component(ComponentRecord {
                election: name(&component.election)?,
                leader: LeaderInformation { id, address: component.address },
                revision: Revision(component.revision),
            })
        }
        Kind::Entry(entry) => {
            if entry.value.len() > MAX_VALUE {
                return Err(unusable("a value is too long"));
            }
            Record::Entry(Entry { version: Revision(entry.version), value: entry.value })
        }
        Kind::Answer(answer) => {
            Record::Answer(Written { revision: Revision(answer.revision), deleted: answer.deleted })
        }
    })
}

fn newer() -> RecordError {
    unusable("it is of a kind that this release does not know: use a newer one")
}

fn name(text: &str) -> Result<Name, RecordError> {
    Name::new("name", text).map_err(|error| unusable(error.to_string()))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn split(number: u128) -> proto::Number128 {
    proto::Number128 { high: (number >> 64) as u64, low: number as u64 }
}

fn join(number: Option<proto::Number128>) -> Result<u128, RecordError> {
    let number = number.ok_or_else(|| unusable("a number is missing"))?;
    Ok(u128::from(number.high) << 64 | u128::from(number.low))
}
