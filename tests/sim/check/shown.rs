//! R11: nothing that is not durable is seen. Whatever the server says is held against what is on its
//! disk at that very moment, by a bystander who reads the disk.
//!
//! What was superseded before it was recorded may be said: then the disk is further than what is
//! said, never behind it.

use std::collections::BTreeMap;

use leaderserver::core::error::Refusal;
use leaderserver::core::ids::{
    Epoch, LeaderInformation, LeaderSessionId, Name, Revision, SessionId,
};
use leaderserver::core::records::{ComponentRecord, ElectionRecord, Head, Record, RecordKey};
use leaderserver::core::store::{Entry, Page, Query, StoreError, Write};
use leaderserver::core::wire::message::{ClientMessage, Hello, Leading, ServerMessage, Welcome};
use leaderserver::core::wire::status::{NamespaceStatus, Status};

use crate::world::{World, name};

/// What clients asked, by their connection.
#[derive(Default)]
pub struct Asked {
    hellos: BTreeMap<u64, Hello>,
    queries: BTreeMap<(u64, u64), Query>,
}

impl Asked {
    pub fn received(&mut self, link: u64, message: &ClientMessage) {
        match message {
            ClientMessage::Hello(hello) => {
                self.hellos.entry(link).or_insert_with(|| (**hello).clone());
            }
            ClientMessage::Query { request, query } => {
                self.queries.insert((link, *request), query.clone());
            }
            _ => {}
        }
    }
}

/// Why it may not be said.
type Verdict = Result<(), String>;

/// What is on the disk, for the clients of one namespace.
struct Recorded<'a> {
    known: &'a BTreeMap<RecordKey, Record>,
    head: Head,
    namespace: Name,
}

impl World {
    /// The server is about to say this.
    pub(crate) fn check_shown(&self, namespace: &Name, link: u64, message: &ServerMessage) {
        let Some(disk) = &self.disk else { return };
        if matches!(message, ServerMessage::HeartbeatAck { .. } | ServerMessage::Refused { .. }) {
            return;
        }
        let Some(head) = disk.head() else {
            self.fail("R11", &format!("nothing is recorded, and it says {message:?}"))
        };
        let recorded = Recorded { known: &disk.known, head, namespace: namespace.clone() };
        let asked = &self.truth.asked;
        let verdict = match message {
            ServerMessage::Welcome(welcome) => recorded.welcome(welcome, asked.hellos.get(&link)),
            ServerMessage::Granted { election, id, .. } => {
                recorded.was_granted(election, *id, self.truth.session_of(link))
            }
            ServerMessage::StepDown { election, epoch, .. } => {
                let last = recorded.election(election).map(|found| found.last_granted);
                verdict(last >= Some(*epoch), || format!("granted last is {last:?}"))
            }
            ServerMessage::Value { component, revision, leader } => {
                recorded.value(component, *revision, leader.as_ref())
            }
            ServerMessage::Failure { code: Refusal::Mode, .. } => recorded.has_mode(),
            ServerMessage::Status { status, .. } => recorded.status(status),
            ServerMessage::Entries { request, page } => {
                match asked.queries.get(&(link, *request)) {
                    Some(query) => recorded.page(query, page),
                    None => Err("nobody asked".to_owned()),
                }
            }
            _ => Ok(()),
        };
        if let Err(why) = verdict {
            self.fail("R11", &format!("said to {link} of {namespace}: {message:?}, but {why}"));
        }
    }

    /// The server is about to say so in its log.
    pub(crate) fn check_event(&self, namespace: &Name, election: &Name, epoch: Epoch) {
        let Some(disk) = &self.disk else { return };
        let head = disk.head().expect("somebody was welcomed");
        let recorded = Recorded { known: &disk.known, head, namespace: namespace.clone() };
        let last = recorded.election(election).map(|found| found.last_granted);
        if last < Some(epoch) {
            self.fail("R11", &format!("it logs epoch {epoch} of {election}, recorded is {last:?}"));
        }
    }

    /// Why a write was refused is of the disk, too.
    pub(crate) fn check_refusal(
        &self,
        namespace: &Name,
        write: &Write,
        asked_at: Revision,
        error: &StoreError,
    ) {
        let Some(disk) = &self.disk else { return };
        let head = disk.head().expect("somebody was welcomed");
        let recorded = Recorded { known: &disk.known, head, namespace: namespace.clone() };
        // Those of the simulation are about one election.
        let of = write.operations.first().map(|operation| &operation.election);
        let of = of.unwrap_or(namespace);
        let verdict = match error {
            StoreError::Fenced { election, last, .. } => {
                let on_disk = recorded
                    .election(election)
                    .map_or_else(Default::default, |found| found.last_granted);
                verdict(on_disk >= *last, || format!("granted last is {on_disk}"))
            }
            StoreError::Exists { key, version } | StoreError::Changed { key, version } => {
                recorded.was_there(of, key, *version)
            }
            StoreError::NotFound { key } => {
                let old = |entry: &&Entry| entry.version <= asked_at;
                let there = recorded.entry(of, key).filter(old);
                verdict(there.is_none(), || format!("there is {there:?}"))
            }
            _ => Ok(()),
        };
        if let Err(why) = verdict {
            self.fail("R11", &format!("a write in {namespace} is refused: {error}, but {why}"));
        }
    }
}

impl Recorded<'_> {
    fn election(&self, election: &Name) -> Option<ElectionRecord> {
        let (namespace, election) = (self.namespace.clone(), election.clone());
        match self.known.get(&RecordKey::Election { namespace, election }) {
            Some(Record::Election(found)) => Some(*found),
            _ => None,
        }
    }

    fn component(&self, component: &Name) -> Option<&ComponentRecord> {
        let (namespace, component) = (self.namespace.clone(), component.clone());
        match self.known.get(&RecordKey::Component { namespace, component }) {
            Some(Record::Component(found)) => Some(found),
            _ => None,
        }
    }

    /// All entries of the namespace.
    fn entries(&self) -> impl Iterator<Item = (&Name, &Name, &Entry)> {
        self.known.iter().filter_map(|(key, record)| match (key, record) {
            (RecordKey::Entry { namespace, election, key }, Record::Entry(entry))
                if *namespace == self.namespace =>
            {
                Some((election, key, entry))
            }
            _ => None,
        })
    }

    fn entry(&self, election: &Name, key: &Name) -> Option<&Entry> {
        let (namespace, election) = (self.namespace.clone(), election.clone());
        match self.known.get(&RecordKey::Entry { namespace, election, key: key.clone() }) {
            Some(Record::Entry(entry)) => Some(entry),
            _ => None,
        }
    }

    fn has_mode(&self) -> Verdict {
        let key = RecordKey::Namespace(self.namespace.clone());
        verdict(self.known.contains_key(&key), || "no mode is recorded".to_owned())
    }

    fn revision(&self, shown: Revision) -> Verdict {
        let last = self.head.revision;
        verdict(shown <= last, || format!("{shown:?} is above {last:?}"))
    }

    fn welcome(&self, welcome: &Welcome, hello: Option<&Hello>) -> Verdict {
        let head = self.head;
        verdict(welcome.incarnation == head.incarnation, || format!("it is {head:?}"))?;
        self.revision(welcome.revision)?;
        let Some((id, _)) = welcome.session else { return Ok(()) };
        verdict(id <= head.sessions_below, || format!("sessions are below {head:?}"))?;
        for leading in &welcome.leading {
            let leader = self.election(&leading.election).and_then(|found| found.leader);
            let same = leader.is_some_and(|l| l.session == id && l.id == leading.id);
            verdict(same, || format!("{leading:?} is not recorded: {leader:?}"))?;
        }
        for leading in &welcome.superseded {
            self.was_granted(&leading.election, leading.id, None)?;
        }
        // That a leadership has ended is seen by its not being named.
        let Some(hello) = hello else { return Ok(()) };
        let former = hello.resume.as_ref().map(|resume| resume.session);
        let named = |claim: &Leading| welcome.leading.iter().any(|leading| leading.id == claim.id);
        for claim in hello.leading.iter().filter(|claim| !named(claim)) {
            let leader = self.election(&claim.election).and_then(|found| found.leader);
            let still = leader.filter(|l| l.id == claim.id && Some(l.session) == former);
            verdict(still.is_none(), || format!("{claim:?} is recorded"))?;
        }
        Ok(())
    }

    fn was_granted(
        &self,
        election: &Name,
        id: LeaderSessionId,
        session: Option<SessionId>,
    ) -> Verdict {
        let head = self.head;
        verdict(id.epoch <= head.last_epoch, || format!("the last epoch is {}", head.last_epoch))?;
        let Some(found) = self.election(election) else {
            return Err("no grant is recorded".to_owned());
        };
        let to_it = found.leader.is_none_or(|leader| {
            leader.id == id && session.is_none_or(|session| session == leader.session)
        });
        let right = found.last_granted > id.epoch || (found.last_granted == id.epoch && to_it);
        verdict(right, || format!("recorded is {found:?}"))
    }

    fn value(
        &self,
        component: &Name,
        revision: Revision,
        leader: Option<&LeaderInformation>,
    ) -> Verdict {
        self.revision(revision)?;
        let found = self.component(component);
        let right = match (found, leader) {
            (Some(found), Some(leader)) => {
                found.revision > revision || (found.revision == revision && found.leader == *leader)
            }
            // It has ended since.
            (None, Some(_)) => revision < self.head.revision,
            (Some(found), None) => found.revision > revision,
            (None, None) => true,
        };
        verdict(right, || format!("recorded is {found:?}, at {:?}", self.head.revision))
    }

    fn was_there(&self, election: &Name, key: &Name, version: Revision) -> Verdict {
        self.revision(version)?;
        let there = self.entry(election, key).map(|entry| entry.version);
        let right = match there {
            Some(there) => there >= version,
            // It was deleted since.
            None => version < self.head.revision,
        };
        verdict(right, || format!("recorded is {there:?}"))
    }

    fn page(&self, query: &Query, page: &Page) -> Verdict {
        self.revision(page.revision)?;
        let of = match query {
            Query::Get { election, .. } | Query::List { election, .. } => election,
        };
        for entry in &page.entries {
            verdict(entry.version <= page.revision, || format!("{entry:?} is of later"))?;
            self.was_there(of, &entry.key, entry.version)?;
        }
        let its_own = self.entries().filter(|(election, _, _)| *election == of);
        for (_, key, entry) in its_own.filter(|(_, key, _)| is_asked(query, page, key)) {
            let shown = page.entries.iter().find(|shown| shown.key == *key);
            let right = entry.version > page.revision
                || shown.is_some_and(|shown| {
                    let has_value = shown.value.is_empty() || shown.value == entry.value;
                    shown.version == entry.version && has_value
                });
            verdict(right, || format!("'{key}' is recorded: {entry:?}"))?;
        }
        Ok(())
    }

    fn status(&self, status: &Status) -> Verdict {
        let revision = Revision(status.revision);
        self.revision(revision)?;
        let incarnation = self.head.incarnation.to_string();
        verdict(status.incarnation == incarnation, || format!("it is {incarnation}"))?;
        for namespace in &status.namespaces {
            let its_own = Recorded {
                known: self.known,
                head: self.head,
                namespace: name(&namespace.namespace),
            };
            // Then what is not recorded is left out.
            its_own.namespace_status(namespace, revision, status.read_only.is_empty())?;
        }
        Ok(())
    }

    fn namespace_status(&self, of: &NamespaceStatus, at: Revision, complete: bool) -> Verdict {
        let sessions = || {
            self.known.values().filter_map(|record| match record {
                Record::Session(session) => Some(&session.namespace),
                _ => None,
            })
        };
        // With its last session a namespace forgets its mode.
        if complete && !of.mode.is_empty() && sessions().any(|there| *there == self.namespace) {
            self.has_mode()?;
        }
        for election in of.elections.iter().filter(|election| election.epoch != 0) {
            let last = self.election(&name(&election.election)).map(|found| found.last_granted.0);
            verdict(last >= Some(election.epoch), || {
                format!("{election:?}: recorded is {last:?}")
            })?;
        }
        for c in &of.components {
            let found = self.component(&name(&c.component));
            let right = match found {
                Some(found) if c.election.is_empty() => !complete || found.revision > at,
                Some(found) if found.revision.0 == c.revision => {
                    found.leader.id.to_string() == c.leader_session_id
                        && found.leader.address == c.address.as_bytes()
                }
                Some(found) => found.revision.0 > c.revision,
                None => c.election.is_empty() || c.revision < self.head.revision.0,
            };
            verdict(right, || format!("{c:?}: recorded is {found:?}"))?;
        }
        Ok(())
    }
}

/// Whether a page would have that key, if it were there.
fn is_asked(query: &Query, page: &Page, there: &Name) -> bool {
    match query {
        Query::Get { key, .. } => there == key,
        Query::List { prefix, after, .. } => {
            let last = page.entries.last().filter(|_| page.more).map(|entry| &entry.key);
            there.as_str().starts_with(prefix)
                && after.as_ref().is_none_or(|after| there > after)
                && last.is_none_or(|last| there <= last)
        }
    }
}

fn verdict(right: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if right { Ok(()) } else { Err(otherwise()) }
}
