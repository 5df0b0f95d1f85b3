//! R10 and R13: a server that goes on from its disk is the one it was: its incarnation, its
//! sessions, its leaders, what they published, and every key and answer of its store (P2).

use std::collections::BTreeSet;

use leaderserver::core::config::{ServerConfig, Timing};
use leaderserver::core::ids::{ConnectionId, Epoch, Incarnation, Name};
use leaderserver::core::name_service::{NameService, Output, Peer};
use leaderserver::core::records::{Record, RecordKey};
use leaderserver::core::store::{Query, Write};
use leaderserver::core::time::Moment;
use leaderserver::core::wire::message::{ClientMessage, Hello, ServerMessage};

use crate::world::{World, name};

impl World {
    /// Whether a server that starts goes on where another was.
    pub(crate) fn check_incarnation(&self, incarnation: Incarnation) -> bool {
        let head = self.disk.as_ref().and_then(|disk| disk.head());
        let anew = self.truth.incarnations.values().all(|former| *former != incarnation);
        match head {
            Some(head) if head.incarnation != incarnation => {
                self.fail("R13", &format!("{incarnation} goes on where {head:?} was"))
            }
            None if !anew => self.fail("R13", &format!("{incarnation} was there before")),
            _ => !anew,
        }
    }

    /// Holds a server that has just started against its disk.
    pub(crate) fn check_restored(&mut self) {
        let status = self.status();
        let disk = self.disk.as_ref().expect("it was restored from it");
        let head = disk.head().expect("it has one");
        let mut wrong = Vec::new();
        if (status.revision, status.incarnation.as_str())
            != (head.revision.0, head.incarnation.to_string().as_str())
        {
            wrong.push(format!("{head:?}"));
        }
        let mut sessions = BTreeSet::new();
        for (key, record) in &disk.known {
            let there = match (key, record) {
                (RecordKey::Session(id), Record::Session(session)) => {
                    sessions.insert(id.0);
                    status.namespaces.iter().flat_map(|n| &n.sessions).any(|found| {
                        let millis = |timing: Timing| {
                            let Timing { session_timeout, disconnect_grace } = timing;
                            (session_timeout.as_millis(), disconnect_grace.as_millis())
                        };
                        let timing = (found.session_timeout_ms, found.disconnect_grace_ms);
                        found.session == id.0
                            && !found.connected
                            && found.expires_in_ms == found.session_timeout_ms
                            && millis(session.timing) == (timing.0.into(), timing.1.into())
                    })
                }
                (RecordKey::Election { namespace, election }, Record::Election(record)) => {
                    let namespaces = &status.namespaces;
                    let found = namespaces
                        .iter()
                        .filter(|n| n.namespace == namespace.as_str())
                        .flat_map(|n| &n.elections)
                        .find(|found| found.election == election.as_str());
                    match (found, record.leader) {
                        (Some(found), Some(leader)) => {
                            let stands: Vec<u64> =
                                found.candidates.iter().map(|c| c.session).collect();
                            (found.epoch, found.leader_session, stands)
                                == (leader.id.epoch.0, leader.session.0, vec![leader.session.0])
                        }
                        (found, leader) => found.is_none() && leader.is_none(),
                    }
                }
                (RecordKey::Component { namespace, component }, Record::Component(record)) => {
                    let namespaces = &status.namespaces;
                    namespaces
                        .iter()
                        .filter(|n| n.namespace == namespace.as_str())
                        .flat_map(|n| &n.components)
                        .any(|found| {
                            found.component == component.as_str()
                                && found.leader_session_id == record.leader.id.to_string()
                                && found.address.as_bytes() == record.leader.address
                                && found.revision == record.revision.0
                        })
                }
                _ => true,
            };
            if !there {
                wrong.push(format!("{key:?}: {record:?}"));
            }
        }
        let found: BTreeSet<u64> =
            status.namespaces.iter().flat_map(|n| &n.sessions).map(|s| s.session).collect();
        if sessions != found {
            wrong.push(format!("sessions {sessions:?}"));
        }
        if !wrong.is_empty() {
            self.fail("R10", &format!("recorded is {wrong:?}, restored {status:?}"));
        }
        self.check_store_recorded();
        if self.once_in(4) {
            self.check_store_restored();
        }
    }

    /// Asks a server on the same records for all that it stores.
    fn check_store_restored(&self) {
        let disk = self.disk.as_ref().expect("looked at above");
        let config = ServerConfig::default();
        let now = Moment::default();
        let records = disk.records();
        let mut service = NameService::restore(&config, [3; 32], Epoch(1), now, records)
            .expect("it has just been restored");
        // What ends with the process that it was in.
        while service.poll_commit(now).is_some() {
            service.handle_committed(now);
        }
        let mut conn = 0;
        let mut ask = |namespace: &Name, message: ClientMessage| {
            conn += 1;
            service.handle_connected(now, ConnectionId(conn), Peer::Local);
            let hello = ClientMessage::Hello(Box::new(hello(namespace.clone())));
            for message in [hello, message] {
                service.handle_message(now, ConnectionId(conn), message);
            }
            while let Some(output) = service.poll_output() {
                if let Output::Send { to: ConnectionId(to), message } = output
                    && to == conn
                    && !matches!(message, ServerMessage::Welcome(_))
                {
                    return message;
                }
            }
            panic!("no answer from a server that has nothing to record");
        };
        for (key, record) in &disk.known {
            let (asked, right) = match (key, record) {
                (RecordKey::Entry { namespace, election, key }, Record::Entry(entry)) => {
                    let query = Query::Get { election: election.clone(), key: key.clone() };
                    let answer = ask(namespace, ClientMessage::Query { request: 1, query });
                    let right = matches!(&answer, ServerMessage::Entries { page, .. }
                        if page.entries.len() == 1
                            && page.entries[0].version == entry.version
                            && page.entries[0].value == entry.value);
                    (answer, right)
                }
                (RecordKey::Answer { namespace, write }, Record::Answer(written)) => {
                    let sent = self.truth.writes.of(namespace).find(|(id, _)| *id == write);
                    let sent = sent.expect("its answer was checked when it was recorded").1;
                    let write = Box::new(Write { age_ms: 1, had_below: 0, ..sent.clone() });
                    let answer = ask(namespace, ClientMessage::Write { request: 1, write });
                    let right = matches!(&answer, ServerMessage::Written { result: Ok(found), .. }
                        if found == written);
                    (answer, right)
                }
                _ => continue,
            };
            if !right {
                self.fail("P2", &format!("{key:?}: recorded is {record:?}, restored {asked:?}"));
            }
        }
    }

    /// What a bystander knows of sessions, after a restart: those that are recorded count as renewed,
    /// the others are over.
    pub(crate) fn sessions_go_on(&mut self) {
        let era = self.era;
        let server = self.server.as_ref().expect("it has just started");
        let now = server.clock.at(self.now);
        let known = &self.disk.as_ref().expect("it goes on from it").known;
        self.truth
            .sessions
            .retain(|(of, id), _| *of != era || known.contains_key(&RecordKey::Session(*id)));
        for session in self.truth.sessions.range_mut((era, leaderserver::core::ids::SessionId(0))..)
        {
            session.1.begin_again(now);
        }
    }
}

fn hello(namespace: Name) -> Hello {
    Hello {
        min_version: 1,
        max_version: 1,
        namespace: Some(namespace),
        name: name("bystander"),
        timing: Timing::default(),
        resume: None,
        seen: None,
        highest_epoch: Epoch(0),
        addresses: None,
        leading: Vec::new(),
    }
}
