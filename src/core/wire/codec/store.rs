//! The store's messages to protobuf and back.

use bytes::Bytes;

use super::super::generated as proto;
use super::decode::{id128, missing};
use super::{encode, malformed, shorten};
use crate::core::error::Error;
use crate::core::ids::{ClientId, Epoch, Incarnation, MAX_NAME, Name, Revision};
use crate::core::store::{
    Fence, MAX_FENCES, MAX_OPERATIONS, MAX_VALUE, Operation, OperationKind, Page, PageEntry, Query,
    StoreError, Write, WriteId, Written,
};
use crate::core::wire::message::{ClientMessage, ServerMessage};

// --- Reads

pub(super) fn encode_query(request: u64, query: &Query) -> proto::client_frame::Body {
    use proto::client_frame::Body;
    match query {
        Query::Get { election, key } => {
            Body::Get(proto::Get { request, election: election.to_string(), key: key.to_string() })
        }
        Query::List { election, prefix, after, values } => Body::List(proto::List {
            request,
            election: election.to_string(),
            prefix: prefix.clone(),
            after: after.as_ref().map(Name::to_string).unwrap_or_default(),
            values: *values,
        }),
    }
}

pub(super) fn decode_get(get: &proto::Get) -> Result<ClientMessage, Error> {
    let query = Query::Get { election: Name::new("election", &get.election)?, key: key(&get.key)? };
    Ok(ClientMessage::Query { request: get.request, query })
}

pub(super) fn decode_list(list: proto::List) -> Result<ClientMessage, Error> {
    let query = Query::List {
        election: Name::new("election", &list.election)?,
        prefix: prefix(list.prefix)?,
        after: if list.after.is_empty() { None } else { Some(key(&list.after)?) },
        values: list.values,
    };
    Ok(ClientMessage::Query { request: list.request, query })
}

pub(super) fn encode_page(request: u64, page: &Page) -> proto::Entries {
    let entries = page.entries.iter().map(|entry| proto::Entry {
        key: entry.key.to_string(),
        version: entry.version.0,
        value: entry.value.clone(),
    });
    let (revision, more) = (page.revision.0, page.more);
    proto::Entries { request, revision, entries: entries.collect(), more }
}

pub(super) fn decode_page(entries: proto::Entries) -> Result<ServerMessage, Error> {
    let (request, revision, more) = (entries.request, Revision(entries.revision), entries.more);
    let decode = |entry: proto::Entry| {
        let (key, version) = (key(&entry.key)?, Revision(entry.version));
        Ok(PageEntry { key, version, value: value(&entry.value)? })
    };
    let entries = entries.entries.into_iter().map(decode).collect::<Result<_, Error>>()?;
    Ok(ServerMessage::Entries { request, page: Page { revision, entries, more } })
}

// --- Writes

pub(super) fn encode_write(request: u64, write: &Write) -> proto::Write {
    proto::Write {
        request,
        client: Some(encode::id128(write.id.client.0)),
        sequence: write.id.sequence,
        had_below: write.had_below,
        age_ms: write.age_ms,
        incarnation: Some(encode::id128(write.incarnation.0)),
        fences: write
            .fences
            .iter()
            .map(|fence| proto::Fence {
                election: fence.election.to_string(),
                epoch: fence.epoch.0,
            })
            .collect(),
        operations: write.operations.iter().map(encode_operation).collect(),
    }
}

fn encode_operation(operation: &Operation) -> proto::Operation {
    use proto::operation::Kind;
    let kind = match &operation.kind {
        OperationKind::Create { key, value } => {
            Kind::Create(proto::Create { key: key.to_string(), value: value.clone() })
        }
        OperationKind::Replace { key, version, value } => Kind::Replace(proto::Replace {
            key: key.to_string(),
            version: version.0,
            value: value.clone(),
        }),
        OperationKind::Delete { key, version } => Kind::Delete(proto::Delete {
            key: key.to_string(),
            version: version.map_or(0, |version| version.0),
        }),
        OperationKind::DeletePrefix { prefix } => {
            Kind::DeletePrefix(proto::DeletePrefix { prefix: prefix.clone() })
        }
    };
    proto::Operation { election: operation.election.to_string(), kind: Some(kind) }
}

pub(super) fn decode_write(write: proto::Write) -> Result<ClientMessage, Error> {
    if write.fences.len() > MAX_FENCES || write.operations.len() > MAX_OPERATIONS {
        return Err(malformed(format!(
            "a write has {MAX_FENCES} fences and {MAX_OPERATIONS} operations at the most"
        )));
    }
    if write.sequence == 0 || write.had_below > write.sequence {
        return Err(malformed("Write.sequence counts from 1 and from had_below"));
    }
    let decode_fence = |fence: proto::Fence| {
        let election = Name::new("election", &fence.election)?;
        Ok(Fence { election, epoch: Epoch(fence.epoch) })
    };
    let decoded = Write {
        id: WriteId {
            client: ClientId(id128(write.client, "Write.client")?),
            sequence: write.sequence,
        },
        had_below: write.had_below,
        age_ms: write.age_ms,
        incarnation: Incarnation(id128(write.incarnation, "Write.incarnation")?),
        fences: write.fences.into_iter().map(decode_fence).collect::<Result<_, Error>>()?,
        operations: write
            .operations
            .into_iter()
            .map(decode_operation)
            .collect::<Result<_, Error>>()?,
    };
    Ok(ClientMessage::Write { request: write.request, write: Box::new(decoded) })
}

fn decode_operation(operation: proto::Operation) -> Result<Operation, Error> {
    use proto::operation::Kind;
    let kind = match operation.kind.ok_or_else(|| missing("Operation.kind"))? {
        Kind::Create(create) => {
            OperationKind::Create { key: key(&create.key)?, value: value(&create.value)? }
        }
        Kind::Replace(replace) => OperationKind::Replace {
            key: key(&replace.key)?,
            version: Revision(replace.version),
            value: value(&replace.value)?,
        },
        Kind::Delete(delete) => OperationKind::Delete {
            key: key(&delete.key)?,
            version: (delete.version != 0).then_some(Revision(delete.version)),
        },
        Kind::DeletePrefix(delete) => {
            OperationKind::DeletePrefix { prefix: prefix(delete.prefix)? }
        }
    };
    Ok(Operation { election: Name::new("election", &operation.election)?, kind })
}

pub(super) fn encode_written(
    request: u64,
    result: &Result<Written, StoreError>,
) -> proto::server_frame::Body {
    use proto::server_frame::Body;
    match result {
        Ok(Written { revision, deleted }) => {
            Body::Written(proto::Written { request, revision: revision.0, deleted: *deleted })
        }
        Err(error) => Body::NotWritten(encode_error(request, error)),
    }
}

fn encode_error(request: u64, error: &StoreError) -> proto::NotWritten {
    use proto::NotWrittenReason as Reason;
    let reason = match error {
        StoreError::Fenced { .. } => Reason::Fenced,
        StoreError::Exists { .. } => Reason::Exists,
        StoreError::NotFound { .. } => Reason::NotFound,
        StoreError::Changed { .. } => Reason::Changed,
        StoreError::Limit(_) => Reason::Limit,
        StoreError::Incarnation => Reason::Incarnation,
        StoreError::ReadOnly(_) | StoreError::NotApplied(_) => Reason::ReadOnly,
        StoreError::Invalid(_) => Reason::Invalid,
        StoreError::UnknownOutcome(_) => Reason::UnknownOutcome,
    };
    let mut encoded =
        proto::NotWritten { request, reason: reason.into(), ..proto::NotWritten::default() };
    match error {
        StoreError::Fenced { election, epoch, last } => {
            encoded.election = election.to_string();
            encoded.epoch = epoch.0;
            encoded.last_granted = last.0;
        }
        StoreError::Exists { key, version } | StoreError::Changed { key, version } => {
            encoded.key = key.to_string();
            encoded.version = version.0;
        }
        StoreError::NotFound { key } => encoded.key = key.to_string(),
        StoreError::Limit(text)
        | StoreError::ReadOnly(text)
        | StoreError::NotApplied(text)
        | StoreError::Invalid(text)
        | StoreError::UnknownOutcome(text) => encoded.text = shorten(text.clone()),
        StoreError::Incarnation => {}
    }
    encoded
}

pub(super) fn decode_error(error: proto::NotWritten) -> Result<ServerMessage, Error> {
    use proto::NotWrittenReason as Reason;
    let version = Revision(error.version);
    let text = shorten(error.text);
    let decoded = match Reason::try_from(error.reason) {
        Ok(Reason::Fenced) => StoreError::Fenced {
            election: Name::new("election", &error.election)?,
            epoch: Epoch(error.epoch),
            last: Epoch(error.last_granted),
        },
        Ok(Reason::Exists) => StoreError::Exists { key: key(&error.key)?, version },
        Ok(Reason::NotFound) => StoreError::NotFound { key: key(&error.key)? },
        Ok(Reason::Changed) => StoreError::Changed { key: key(&error.key)?, version },
        Ok(Reason::Limit) => StoreError::Limit(text),
        Ok(Reason::Incarnation) => StoreError::Incarnation,
        Ok(Reason::ReadOnly) => StoreError::ReadOnly(text),
        Ok(Reason::Invalid) => StoreError::Invalid(text),
        Ok(Reason::UnknownOutcome) => StoreError::UnknownOutcome(text),
        // A reason that a later server has: whether it was applied is not for this build to say.
        Ok(Reason::Unspecified) | Err(_) => {
            StoreError::UnknownOutcome(format!("the answer is not understood: {text}"))
        }
    };
    Ok(ServerMessage::Written { request: error.request, result: Err(decoded) })
}

fn key(text: &str) -> Result<Name, Error> {
    Name::new("key", text)
}

fn prefix(text: String) -> Result<String, Error> {
    if text.len() > MAX_NAME {
        return Err(malformed(format!("a prefix is longer than {MAX_NAME} bytes")));
    }
    Ok(text)
}

/// A copy: a slice would keep all that was read with it.
fn value(value: &Bytes) -> Result<Bytes, Error> {
    if value.len() > MAX_VALUE {
        return Err(Error::TooLarge { what: "a value", size: value.len(), limit: MAX_VALUE });
    }
    Ok(Bytes::copy_from_slice(value))
}
