//! A name service with durable state: from what was recorded, or anew.

use bytes::Bytes;

use super::{
    Component, Ended, HIGHEST_CLAIMED_EPOCH, NameService, Output, Published, ServerEvent, Session,
};
use crate::core::config::ServerConfig;
use crate::core::ids::{Epoch, Incarnation, Name, Revision, SessionId};
use crate::core::records::{
    self, ComponentRecord, ElectionRecord, Head, Record, RecordError, RecordKey, SessionRecord,
    StoredRecord,
};
use crate::core::time::Moment;

use super::journal::Journal;

impl NameService {
    /// A name service with durable state. Without records it is a new one, as
    /// [`NameService::new`] makes it, which has its incarnation recorded first of all. Otherwise it
    /// goes on where the records end (R10): every session counts as renewed now and ends by its own
    /// time-out; only elections with a leader wait, for that leader.
    ///
    /// # Errors
    /// [`RecordError`] for records that don't belong together: one that names another that is not
    /// there, or a number that the head does not know of and that would be given again.
    pub fn restore(
        config: &ServerConfig,
        seed: [u8; 32],
        first_epoch: Epoch,
        now: Moment,
        records: impl IntoIterator<Item = StoredRecord>,
    ) -> Result<Self, RecordError> {
        let mut service = NameService::new(config, seed, first_epoch, now);
        let mut found = Found::default();
        for (key, value) in records {
            let (key, record) = records::decode(&key, Bytes::from(value))?;
            service.take(now, key, record, &mut found);
        }
        match found.head {
            None if found.anything => return Err(RecordError("the head is missing".to_owned())),
            None => {
                let head = Head {
                    incarnation: service.incarnation,
                    last_epoch: first_epoch,
                    sessions_below: SessionId(0),
                    revision: service.revision,
                    settled: config.cold,
                };
                service.journal = Some(Journal::new(&head));
                service.mark(RecordKey::Head);
            }
            Some(head) => service.go_on(now, config, &head, found)?,
        }
        service.reserve_sessions();
        Ok(service)
    }

    /// What does not depend on other records is put in its place, the rest is kept.
    fn take(&mut self, now: Moment, key: RecordKey, record: Record, found: &mut Found) {
        found.anything = true;
        match (key, record) {
            (RecordKey::Head, Record::Head(head)) => found.head = Some(head),
            (RecordKey::Namespace(name), Record::Namespace(mode)) => {
                self.namespaces.entry(name).or_default().mode = Some(mode);
            }
            (RecordKey::Session(id), Record::Session(session)) => {
                found.sessions.push((id, session));
            }
            (RecordKey::Election { namespace, election }, Record::Election(record)) => {
                found.elections.push((namespace, election, record));
            }
            (RecordKey::Component { namespace, component }, Record::Component(record)) => {
                found.revision = found.revision.max(record.revision);
                found.components.push((namespace, component, record));
            }
            (RecordKey::Entry { namespace, election, key }, Record::Entry(entry)) => {
                found.revision = found.revision.max(entry.version);
                self.stores.entry(namespace).or_default().restore_entry(&election, &key, entry);
            }
            (RecordKey::Answer { namespace, write }, Record::Answer(written)) => {
                found.revision = found.revision.max(written.revision);
                let store = self.stores.entry(namespace).or_default();
                store.restore_answer(now, &write, written);
                self.sweep_later(now);
            }
            _ => unreachable!("a key and its record are of one kind, or were not decoded"),
        }
    }

    fn go_on(
        &mut self,
        now: Moment,
        config: &ServerConfig,
        head: &Head,
        found: Found,
    ) -> Result<(), RecordError> {
        check_head(head, &found)?;
        self.incarnation = head.incarnation;
        self.last_epoch = head.last_epoch;
        self.last_session = head.sessions_below;
        self.revision = head.revision;
        self.journal = Some(Journal::new(head));
        if head.settled {
            self.remote_from = Moment::NEVER;
        } else if config.cold {
            self.settled();
        }
        for (id, session) in found.sessions {
            self.restore_session(now, id, session);
        }
        for (namespace, election, record) in found.elections {
            self.restore_election(&namespace, &election, record)?;
        }
        for (namespace, component, record) in found.components {
            self.restore_component(namespace, component, record)?;
        }
        for (namespace, store) in &self.stores {
            if let Some(election) = store.elections().find(|e| store.last_granted(e).is_none()) {
                return Err(RecordError(format!(
                    "{namespace} has keys under {election}, which was never granted"
                )));
            }
        }
        // With this process those that were in it have ended.
        let local: Vec<SessionId> =
            self.sessions.iter().filter(|(_, s)| s.local).map(|(&id, _)| id).collect();
        for id in local {
            self.end_session(now, id, Ended::Goodbye);
        }
        let fences: Vec<(Name, Name)> = self
            .stores
            .iter()
            .flat_map(|(name, store)| store.elections().map(|e| (name.clone(), e.clone())))
            .collect();
        for (namespace, election) in fences {
            self.note_idle(now, &namespace, &election);
        }
        let namespaces: Vec<Name> = self.namespaces.keys().cloned().collect();
        namespaces.iter().for_each(|name| self.forget_empty_namespace(name));
        let event = ServerEvent::Restored {
            incarnation: self.incarnation,
            sessions: self.sessions.len(),
            last_epoch: self.last_epoch,
        };
        self.outputs.push_back(Output::Log(event));
        Ok(())
    }

    fn restore_session(&mut self, now: Moment, id: SessionId, record: SessionRecord) {
        let SessionRecord { token, name, namespace, timing, local } = record;
        self.namespaces.entry(namespace.clone()).or_default().sessions += 1;
        let mut session = Session::new(token, name, namespace, timing, now);
        session.recorded = true;
        session.local = local;
        self.sessions.insert(id, session);
        self.renew(now, id);
    }

    fn restore_election(
        &mut self,
        namespace: &Name,
        election: &Name,
        record: ElectionRecord,
    ) -> Result<(), RecordError> {
        let ElectionRecord { last_granted, leader } = record;
        let known = Epoch(1)..=self.last_epoch;
        if !known.contains(&last_granted) || leader.is_some_and(|l| l.id.epoch != last_granted) {
            return Err(RecordError(format!(
                "{election} was granted last under epoch {last_granted}, which can't be: {leader:?} \
                 leads, and {} is the last epoch",
                self.last_epoch
            )));
        }
        let store = self.stores.entry(namespace.clone()).or_default();
        store.granted(election, last_granted);
        let Some(leader) = leader else { return Ok(()) };
        let session = self.sessions.get_mut(&leader.session);
        let Some(session) = session.filter(|session| session.namespace == *namespace) else {
            let session = leader.session;
            return Err(RecordError(format!("session {session} leads {election}, and is missing")));
        };
        session.elections.insert(election.clone());
        self.election_mut(namespace, election).restore(leader);
        Ok(())
    }

    fn restore_component(
        &mut self,
        namespace: Name,
        component: Name,
        record: ComponentRecord,
    ) -> Result<(), RecordError> {
        let ComponentRecord { election, leader, revision } = record;
        let found = self.namespaces.get_mut(&namespace);
        let led = found.as_ref().and_then(|n| n.elections.get(&election)?.leader());
        if led.is_none_or(|led| led.id != leader.id) {
            return Err(RecordError(format!("{component} has a leader who leads no election")));
        }
        if let Some(found) = found {
            let published = Some(Published { election, leader });
            let component_state = Component { published, revision, ..Component::default() };
            found.components.insert(component, component_state);
        }
        Ok(())
    }

    /// R12: the longest session time-out has passed since the state began.
    pub(super) fn settled(&mut self) {
        self.remote_from = Moment::NEVER;
        if let Some(journal) = &mut self.journal
            && !journal.settled
        {
            journal.settled = true;
            self.mark(RecordKey::Head);
        }
    }
}

/// Numbers are never given twice, and never run out.
fn check_head(head: &Head, found: &Found) -> Result<(), RecordError> {
    let Head { incarnation, last_epoch, sessions_below, revision, settled: _ } = *head;
    if incarnation == Incarnation(0) {
        return Err(RecordError("the head names no incarnation".to_owned()));
    }
    if last_epoch.0.max(sessions_below.0).max(revision.0) > HIGHEST {
        return Err(RecordError(format!("a number of the head can't be: {head:?}")));
    }
    if found.revision > revision {
        let (later, last) = (found.revision.0, revision.0);
        return Err(RecordError(format!(
            "something is of revision {later}, and {last} is the last revision"
        )));
    }
    let numbers = SessionId(1)..=sessions_below;
    if let Some((id, _)) = found.sessions.iter().find(|(id, _)| !numbers.contains(id)) {
        return Err(RecordError(format!(
            "session {id} is there, and no session is above {sessions_below}"
        )));
    }
    Ok(())
}

/// No number of the head is above this: not even the highest epoch that a client may name takes it
/// there, and as much again is left.
const HIGHEST: u64 = 2 * HIGHEST_CLAIMED_EPOCH.0;

/// What was found among the records and has to wait for the others.
#[derive(Default)]
struct Found {
    anything: bool,
    head: Option<Head>,
    /// The highest that anything is of.
    revision: Revision,
    sessions: Vec<(SessionId, SessionRecord)>,
    elections: Vec<(Name, Name, ElectionRecord)>,
    components: Vec<(Name, Name, ComponentRecord)>,
}
