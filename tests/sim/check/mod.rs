//! What must hold, one invariant a file, and the world's own idea of what is true.

pub mod callbacks;
pub mod flapping;
pub mod linearizable;
pub mod liveness;
pub mod one_leader;
pub mod recorded;
pub mod restored;
pub mod retrieval;
pub mod service;
pub mod shown;
pub mod store;

use std::collections::BTreeMap;

use leaderserver::core::ids::{
    ConnectionId, Incarnation, LeaderInformation, LeaderSessionId, Name, SessionId,
};
use leaderserver::core::name_service::ConnectionEnd;
use leaderserver::core::time::Moment;
use leaderserver::core::wire::message::{ClientMessage, ServerMessage};

use crate::coverage::Coverage;
use service::SessionTruth;

/// What a bystander who sees everything knows.
#[derive(Default)]
pub struct Truth {
    /// Who was granted last, per namespace and election: in which era, under which
    /// epoch.
    pub last: BTreeMap<(Name, Name), one_leader::Grant>,
    /// In which era an id was granted.
    pub eras: BTreeMap<LeaderSessionId, u64>,
    pub incarnations: BTreeMap<u64, Incarnation>,
    /// The values of a component in the order in which the server told them.
    pub values: BTreeMap<(u64, Name, Name), Vec<Option<LeaderInformation>>>,
    /// Sessions, by era.
    pub sessions: BTreeMap<(u64, SessionId), SessionTruth>,
    /// Which session a connection carries.
    carried: BTreeMap<u64, (u64, SessionId)>,
    /// Leaderships that ended at the server: era and epoch.
    pub ended: BTreeMap<(u64, u64), String>,
    /// What is written to the store.
    pub writes: store::Writes,
    /// What users of shared keys did and saw.
    pub history: linearizable::History,
    /// Which life of a server was of which era.
    pub eras_of_lives: BTreeMap<u64, u64>,
    /// What clients asked.
    pub asked: shown::Asked,
    /// When a hello was read, by its connection; by the server's clock.
    hellos: BTreeMap<u64, Moment>,
    /// What has happened, and how often.
    pub seen: Coverage,
    /// How often somebody was granted.
    pub grants: u64,
    /// How often leader information was written.
    pub publishes: u64,
}

impl Truth {
    pub fn server_started(&mut self, era: u64, incarnation: Incarnation) {
        self.incarnations.insert(era, incarnation);
    }

    /// The server takes a message off a connection.
    pub fn server_received(&mut self, link: u64, message: &ClientMessage, now: Moment) {
        self.publishes += u64::from(matches!(message, ClientMessage::Publish { .. }));
        self.asked.received(link, message);
        if let ClientMessage::Hello(hello) = message {
            self.hellos.entry(link).or_insert(now);
            let era = self.eras_of_lives.last_key_value().map_or(0, |(_, era)| *era);
            let resumed = hello.resume.as_ref().map(|resume| (era, resume.session));
            if let Some(session) = resumed.and_then(|id| self.sessions.get_mut(&id)) {
                session.asked = now;
            }
        }
        let Some(session) = self.carried.get(&link).and_then(|id| self.sessions.get_mut(id)) else {
            return;
        };
        if session.link != link {
            return;
        }
        match message {
            ClientMessage::Heartbeat { .. } => session.renewed = now,
            ClientMessage::SyncEnd => session.answered = true,
            ClientMessage::Goodbye => session.goodbye = true,
            _ => {}
        }
    }

    /// Whether a connection carries a session, and its client knows that.
    pub fn carries(&self, link: u64) -> bool {
        let session = self.carried.get(&link).and_then(|id| self.sessions.get(id));
        session.is_some_and(|session| session.link == link && session.ended.is_none())
    }

    /// The session that a connection carries, or has carried.
    pub fn session_of(&self, link: u64) -> Option<SessionId> {
        self.carried.get(&link).map(|(_, session)| *session)
    }

    pub fn connection_ended(&mut self, link: u64, end: ConnectionEnd, now: Moment) {
        let Some(session) = self.carried.get(&link).and_then(|id| self.sessions.get_mut(id)) else {
            return;
        };
        if session.link == link {
            session.ended = Some((now, end));
        }
    }

    pub fn server_sent(
        &mut self,
        process: usize,
        namespace: &Name,
        (era, link, now): (u64, u64, Moment),
        message: &ServerMessage,
    ) {
        match message {
            ServerMessage::Welcome(welcome) => {
                let Some((id, _)) = welcome.session else { return };
                // It counts from the hello: the welcome may have waited for the disk.
                let renewed = self.hellos.get(&link).copied().unwrap_or(now);
                let mut session = SessionTruth::new(process, link, renewed, welcome);
                // It may have been resumed again while this one waited.
                let former = self.sessions.get(&(era, id)).map(|former| former.asked);
                session.asked = session.asked.max(former.unwrap_or_default());
                for leading in &welcome.leading {
                    self.eras.entry(leading.id).or_insert(era);
                }
                self.carried.insert(link, (era, id));
                self.sessions.insert((era, id), session);
            }
            ServerMessage::Granted { id, .. } => {
                self.eras.insert(*id, era);
            }
            ServerMessage::Value { component, leader, .. } => {
                let key = (era, namespace.clone(), component.clone());
                let values = self.values.entry(key).or_default();
                if values.last() != Some(leader) {
                    values.push(leader.clone());
                }
            }
            _ => {}
        }
    }
}

/// A heartbeat or, with number 0, the hello of a connection.
pub type Beat = (ConnectionId, u64);
