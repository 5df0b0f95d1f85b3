//! What the name service says of itself.

use super::handshake::OLD_COPY;
use super::journal::Needs;
use super::{NameService, Namespace, Role, Session};
use crate::core::election::Election;
use crate::core::ids::{ConnectionId, Name, SessionId};
use crate::core::store::{Store, StoreSize};
use crate::core::time::Moment;
use crate::core::wire::message::ServerMessage;
use crate::core::wire::status::{
    CandidateStatus, ComponentStatus, ElectionStatus, NamespaceStatus, SessionStatus, Status,
};

impl NameService {
    /// The present status, of one namespace or of all.
    pub fn status(&self, now: Moment, only: Option<&Name>) -> Status {
        let namespaces = self
            .namespaces
            .iter()
            .filter(|(name, _)| only.is_none_or(|only| only == *name))
            .map(|(name, namespace)| self.namespace_status(now, name, namespace))
            .collect();
        let data = self.data_status();
        let waiting = match self.remote_from {
            Moment::NEVER => 0,
            from => from.since(now).as_millis() as u64,
        };
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            incarnation: self.incarnation.to_string(),
            revision: self.revision_at(self.status_needs()).0,
            uptime_ms: now.since(self.started).as_millis() as u64,
            durable: self.is_durable(),
            connections: self.connections.len() as u64,
            remote_grants_in_ms: waiting,
            namespaces,
            warnings: self.warnings(only).into_iter().chain(data.warning).collect(),
            data_bytes: data.bytes,
            read_only: match self.read_only() {
                _ if self.old_copy => OLD_COPY.to_owned(),
                reason => reason.unwrap_or_default().to_owned(),
            },
        }
    }

    /// What a status may show that is not recorded: everything, for it waits until it is; but where
    /// nothing can be recorded, nothing (R11).
    fn status_needs(&self) -> Needs {
        if self.read_only().is_some() { Needs::Nothing } else { Needs::Dirty }
    }

    pub(super) fn answer_status(&mut self, now: Moment, conn: ConnectionId, request: u64) {
        let only = match self.connections.get(&conn).map(|connection| &connection.role) {
            Some(Role::Session(id)) => Some(self.session(*id).namespace.clone()),
            Some(Role::Observer) => None,
            _ => return,
        };
        let needs = match self.read_only() {
            None => self.needs_everything(),
            // It would wait for as long as the disk is full. What is not recorded is left out.
            Some(_) => Needs::Nothing,
        };
        let status = Box::new(self.status(now, only.as_ref()));
        self.send_when(needs, conn, ServerMessage::Status { request, status });
    }

    fn warnings(&self, only: Option<&Name>) -> Vec<String> {
        self.sessions
            .iter()
            .filter(|(_, s)| !s.local && only.is_none_or(|only| *only == s.namespace))
            .filter(|(_, s)| !s.timing.grace_is_safe())
            .map(|(id, s)| {
                format!(
                    "session {id} of {} has a disconnect-grace of {} ms: under 100 ms a process \
                     that lives on without its connection may lead beside its successor",
                    s.name,
                    s.timing.disconnect_grace.as_millis()
                )
            })
            .collect()
    }

    fn namespace_status(&self, now: Moment, name: &Name, namespace: &Namespace) -> NamespaceStatus {
        let elections = namespace.elections.iter();
        let components = namespace.components.iter();
        let sessions = self.sessions.iter().filter(|(_, session)| session.namespace == *name);
        let size = self.stores.get(name).map_or(StoreSize::default(), Store::size);
        NamespaceStatus {
            namespace: name.to_string(),
            mode: namespace.mode.map_or("", |mode| mode.as_str()).to_owned(),
            elections: elections
                .map(|(of, e)| {
                    let hidden = self.needs_election(name, of) > self.status_needs();
                    self.election_status(of, e, hidden)
                })
                .collect(),
            components: components
                .map(|(id, component)| {
                    let hidden = self.needs_component(name, id) > self.status_needs();
                    let published = component.published.as_ref().filter(|_| !hidden);
                    let leader = published.map(|published| &published.leader);
                    ComponentStatus {
                        component: id.to_string(),
                        election: published.map_or(String::new(), |p| p.election.to_string()),
                        leader_session_id: leader.map_or(String::new(), |l| l.id.to_string()),
                        address: leader.map_or(String::new(), |leader| {
                            String::from_utf8_lossy(&leader.address).into_owned()
                        }),
                        revision: component.revision.0,
                        watchers: component.watchers.len() as u64,
                    }
                })
                .collect(),
            sessions: sessions.map(|(id, session)| session_status(now, *id, session)).collect(),
            store_keys: size.keys,
            store_bytes: size.bytes,
        }
    }

    fn election_status(&self, name: &Name, election: &Election, hidden: bool) -> ElectionStatus {
        let leader = election.leader().filter(|_| !hidden);
        ElectionStatus {
            election: name.to_string(),
            epoch: leader.map_or(0, |leader| leader.id.epoch.0),
            leader_session: leader.map_or(0, |leader| leader.session.0),
            candidates: election
                .candidates()
                .map(|candidate| CandidateStatus {
                    session: candidate.session.0,
                    name: self.session(candidate.session).name.to_string(),
                    leader: leader.is_some_and(|leader| leader.session == candidate.session),
                })
                .collect(),
        }
    }
}

fn session_status(now: Moment, id: SessionId, session: &Session) -> SessionStatus {
    SessionStatus {
        session: id.0,
        name: session.name.to_string(),
        peer_address: session.peer.clone().unwrap_or_default(),
        connected: session.conn.is_some(),
        in_process: session.local,
        direct: session.direct,
        age_ms: now.since(session.opened).as_millis() as u64,
        session_timeout_ms: session.timing.session_timeout.as_millis() as u64,
        disconnect_grace_ms: session.timing.disconnect_grace.as_millis() as u64,
        expires_in_ms: match session.deadline {
            Moment::NEVER => 0,
            deadline => deadline.since(now).as_millis() as u64,
        },
    }
}
