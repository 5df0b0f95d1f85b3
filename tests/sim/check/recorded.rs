//! What goes to the disk, batch by batch: R10 and R13 (numbers go on), P1 (who is granted, as soon
//! as that is durable), P2 and R16 (what is written, under which epoch, and once).

use std::collections::BTreeMap;

use leaderserver::core::config::ServerConfig;
use leaderserver::core::ids::{Epoch, Name};
use leaderserver::core::name_service::NameService;
use leaderserver::core::records::{ElectionRecord, Head, Record, RecordKey};
use leaderserver::core::store::{OperationKind, Write, WriteId, Written};
use leaderserver::core::time::Moment;

use super::one_leader::Grant;
use crate::world::World;

type Known = BTreeMap<RecordKey, Record>;

impl World {
    /// A batch has just become durable; `before` is what there was.
    pub(crate) fn check_recorded(&mut self, before: &Known) {
        let after = self.disk().known.clone();
        let Some(head) = head_of(&after) else { self.fail("R13", "a batch without a head") };
        if let Some(former) = head_of(before) {
            let grows = former.incarnation == head.incarnation
                && former.last_epoch <= head.last_epoch
                && former.sessions_below <= head.sessions_below
                && former.revision <= head.revision
                && former.settled <= head.settled;
            if !grows {
                self.fail("R13", &format!("after {former:?} comes {head:?}"));
            }
        }
        self.check_elections_recorded(before, &after);
        self.check_written_records(before, &after);
        if self.once_in(16) {
            let records = self.disk().records();
            let config = ServerConfig::default();
            let restored =
                NameService::restore(&config, [1; 32], Epoch(1), Moment::default(), records);
            if let Err(error) = restored {
                self.fail("R10", &format!("what was recorded can't be restored: {error}"));
            }
        }
    }

    fn check_elections_recorded(&mut self, before: &Known, after: &Known) {
        let era = self.era;
        let mut grants = Vec::new();
        for (key, record) in before {
            if let Some(leader) = election_of(record).and_then(|election| election.leader)
                && after.get(key).and_then(election_of).and_then(|e| e.leader) != Some(leader)
            {
                let ended = (era, leader.id.epoch.0);
                self.truth.ended.entry(ended).or_insert_with(|| "it is recorded".to_owned());
            }
        }
        for (key, record) in after {
            let (RecordKey::Election { namespace, election }, Some(found)) =
                (key, election_of(record))
            else {
                continue;
            };
            let former = before.get(key).and_then(election_of);
            if former.is_some_and(|former| former.last_granted > found.last_granted) {
                self.fail("P2", &format!("the fence of {key:?} falls: {former:?}, {found:?}"));
            }
            let new = found.leader.filter(|leader| former.and_then(|f| f.leader) != Some(*leader));
            if let Some(leader) = new {
                let process = self.session_truth(leader.session).process;
                let grant = Grant { era, epoch: leader.id.epoch.0, process };
                grants.push((namespace.clone(), election.clone(), grant));
            }
        }
        for (namespace, election, grant) in grants {
            let (process, epoch) = (grant.process as u64, grant.epoch);
            self.say("granted", [process, epoch], || format!("p{process} {epoch}"));
            self.check_granted(&namespace, &election, grant);
        }
    }

    fn check_written_records(&mut self, before: &Known, after: &Known) {
        let mut answers = Vec::new();
        for (key, record) in after.iter().filter(|(key, record)| before.get(key) != Some(record)) {
            match (key, record) {
                (RecordKey::Answer { namespace, write }, Record::Answer(written)) => {
                    answers.push((namespace.clone(), *write, *written));
                }
                (RecordKey::Entry { namespace, election, key }, Record::Entry(entry)) => {
                    let makes = |kind: &OperationKind| match kind {
                        OperationKind::Create { key: made, value }
                        | OperationKind::Replace { key: made, value, .. } => {
                            made == key && *value == entry.value
                        }
                        _ => false,
                    };
                    self.check_explained(namespace, (election, key), before, makes);
                }
                _ => {}
            }
        }
        for (key, record) in before.iter().filter(|(key, _)| !after.contains_key(key)) {
            match (key, record) {
                (RecordKey::Entry { namespace, election, key }, _) => {
                    let deletes = |kind: &OperationKind| match kind {
                        OperationKind::Delete { key: gone, .. } => gone == key,
                        OperationKind::DeletePrefix { prefix } => key.as_str().starts_with(prefix),
                        _ => false,
                    };
                    self.check_explained(namespace, (election, key), before, deletes);
                }
                (RecordKey::Answer { write, .. }, _) => {
                    self.check_released(*write);
                }
                _ => {}
            }
        }
        for (namespace, id, written) in answers {
            self.check_answer_recorded(&namespace, id, written, before, after);
        }
    }

    /// Somebody asked for that change, under the epoch that was the last granted, and was not told
    /// that it was not made.
    fn check_explained(
        &self,
        namespace: &Name,
        (election, key): (&Name, &Name),
        before: &Known,
        explains: impl Fn(&OperationKind) -> bool,
    ) {
        let writes = self.truth.writes.of(namespace).filter(|(_, write)| {
            let mut operations = write.operations.iter().filter(|o| o.election == *election);
            operations.any(|operation| explains(&operation.kind))
        });
        let mut why = "nobody asked for it";
        for (id, write) in writes {
            if self.truth.writes.is_void(id) {
                why = "whoever asked was told that it was not applied";
            } else if !holds(namespace, write, before) {
                why = "whoever asked was not the last who was granted";
            } else {
                return;
            }
        }
        self.fail("P2, R16", &format!("'{key}' of {namespace}, {election} has changed: {why}"));
    }

    fn check_answer_recorded(
        &mut self,
        namespace: &Name,
        id: WriteId,
        written: Written,
        before: &Known,
        after: &Known,
    ) {
        let writes = &self.truth.writes;
        let Some(write) = writes.of(namespace).find(|(other, _)| **other == id).map(|(_, w)| w)
        else {
            self.fail("R16", &format!("an answer to a write that nobody sent: {id:?}"))
        };
        let write = write.clone();
        if let Some(first) = writes.applied.get(&id) {
            self.fail("R16", &format!("applied again, first {first:?}: {write:?}"));
        }
        if writes.is_void(&id) {
            self.fail("R16", &format!("applied after it was said not to be: {write:?}"));
        }
        if head_of(after).map(|head| head.incarnation) != Some(write.incarnation) {
            self.fail("R13", &format!("applied in another incarnation: {write:?}"));
        }
        if !holds(namespace, &write, before) {
            self.fail("P2", &format!("applied, though another was granted: {write:?}"));
        }
        if let Some(undone) = undone(namespace, &write, written, after) {
            self.fail("P2", &format!("answered {written:?}, but {undone}: {write:?}"));
        }
        self.truth.writes.apply(self.now, id, self.era, written);
    }

    /// In durable worlds the store holds what the disk holds.
    pub(crate) fn check_store_recorded(&self) {
        let Some(disk) = &self.disk else { return };
        for namespace in self.status().namespaces {
            let entries = disk.known.keys().filter(|key| {
                matches!(key, RecordKey::Entry { namespace: of, .. }
                    if of.as_str() == namespace.namespace)
            });
            let recorded = entries.count() as u64;
            if namespace.store_keys != recorded {
                let there = namespace.store_keys;
                self.fail("P2", &format!("{there} keys are there, {recorded} are recorded"));
            }
        }
    }
}

fn head_of(known: &Known) -> Option<Head> {
    match known.get(&RecordKey::Head) {
        Some(Record::Head(head)) => Some(*head),
        _ => None,
    }
}

fn election_of(record: &Record) -> Option<ElectionRecord> {
    match record {
        Record::Election(election) => Some(*election),
        _ => None,
    }
}

/// Whoever writes was told its epoch, so that was durable before; and it was the last.
pub fn holds(namespace: &Name, write: &Write, before: &Known) -> bool {
    write.fences.iter().all(|fence| {
        let (namespace, election) = (namespace.clone(), fence.election.clone());
        let found = before.get(&RecordKey::Election { namespace, election });
        found.and_then(election_of).is_some_and(|found| found.last_granted == fence.epoch)
    })
}

/// What of a write that is said to be applied is not there.
fn undone(namespace: &Name, write: &Write, written: Written, after: &Known) -> Option<String> {
    let entries = || {
        after.iter().filter_map(|(key, record)| match (key, record) {
            (RecordKey::Entry { namespace: of, election, key }, Record::Entry(entry))
                if of == namespace =>
            {
                Some((election, key, entry))
            }
            _ => None,
        })
    };
    let makes = |kind: &OperationKind| {
        matches!(kind, OperationKind::Create { .. } | OperationKind::Replace { .. })
    };
    let changed = written.deleted > 0 || write.operations.iter().any(|o| makes(&o.kind));
    for operation in &write.operations {
        let left = entries().find(|(election, key, entry)| {
            let older = match changed {
                true => entry.version < written.revision,
                false => entry.version <= written.revision,
            };
            let meant = match &operation.kind {
                OperationKind::DeletePrefix { prefix } => key.as_str().starts_with(prefix),
                OperationKind::Create { key: meant, .. }
                | OperationKind::Replace { key: meant, .. }
                | OperationKind::Delete { key: meant, .. } => *key == meant,
            };
            **election == operation.election && meant && older
        });
        if let Some((_, key, entry)) = left {
            return Some(format!("'{key}' is there: {entry:?}"));
        }
    }
    let head = head_of(after)?;
    (written.revision > head.revision).then(|| format!("the revision is {:?}", head.revision))
}
