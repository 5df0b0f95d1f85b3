//! What a backup becomes when it is restored (R14).

use bytes::Bytes;

use super::{Record, RecordError, RecordKey, StoredRecord, codec, unusable};
use crate::core::ids::{Epoch, Incarnation};

/// Makes the records of a backup those of a new life: under a new incarnation, without sessions and
/// what they led and published, and as if nothing were known of earlier clients. Fences and the
/// store stay; no epoch is granted again that was granted before the backup, and none below
/// `first_epoch`, which comes from the wall clock (R13).
///
/// # Errors
/// [`RecordError`] for what is no record, and if there is no head.
pub fn begin_anew(
    records: Vec<StoredRecord>,
    incarnation: Incarnation,
    first_epoch: Epoch,
) -> Result<Vec<StoredRecord>, RecordError> {
    let mut anew = Vec::with_capacity(records.len());
    let mut found = false;
    for (key, value) in records {
        let (_, record) = codec::decode(&key, Bytes::from(value.clone()))?;
        let record = match record {
            Record::Session(_) | Record::Component(_) | Record::Answer(_) => continue,
            Record::Head(mut head) => {
                found = true;
                head.incarnation = incarnation;
                head.last_epoch = head.last_epoch.max(first_epoch);
                head.settled = false;
                Record::Head(head)
            }
            Record::Election(mut election) => {
                election.leader = None;
                Record::Election(election)
            }
            Record::Namespace(_) | Record::Entry(_) => {
                anew.push((key, value));
                continue;
            }
        };
        anew.push((key, codec::encode_record(&record)));
    }
    if !found {
        return Err(unusable(format!("{:?} is missing", RecordKey::Head)));
    }
    Ok(anew)
}
