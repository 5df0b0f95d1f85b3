//! Hello and Welcome: versions, namespace, time-outs, and which session it is.

use super::journal::Needs;
use super::{
    HIGHEST_CLAIMED_EPOCH, NameService, Output, Peer, Role, ServerEvent, Session, Sync, random_u128,
};
use crate::core::config::Timing;
use crate::core::election::Leader;
use crate::core::error::Refusal;
use crate::core::ids::{ConnectionId, Name, SessionId, SessionToken};
use crate::core::time::Moment;
use crate::core::wire::message::{Hello, Leading, ServerMessage, Welcome};
use crate::core::wire::{MAX_VERSION, MIN_VERSION};

/// What an operator must do about it.
pub(super) const OLD_COPY: &str = "the server runs on an old copy of its data directory, and clients have \
                        seen what came later: stop it, and start it on the latest copy, or on a \
                        new directory made by `leaderserver restore`";

impl NameService {
    pub(super) fn hello(&mut self, now: Moment, conn: ConnectionId, hello: Hello) {
        if let Err((code, reason)) = self.examine(&hello) {
            return self.refuse(conn, code, reason);
        }
        if self.is_ahead(&hello) {
            return self.stop_serving(conn, &hello);
        }
        // R13: whatever epoch somebody has seen, the next one is above it.
        self.last_epoch = self.last_epoch.max(hello.highest_epoch);
        let namespace = hello.namespace.clone().or_else(|| self.only_namespace.clone());
        let Some(namespace) = namespace else {
            return self.welcome_observer(conn, &hello);
        };
        match self.resumable(&hello, &namespace) {
            Ok(Some(session)) => self.resume(now, conn, session, &hello),
            Ok(None) => self.open(now, conn, namespace, &hello),
            Err((code, reason)) => self.refuse(conn, code, reason),
        }
    }

    /// R14: whether the client has seen what is not known here, though it is of this incarnation: a
    /// later revision or, as a grant takes none, a grant of its own.
    fn is_ahead(&self, hello: &Hello) -> bool {
        let granted = hello.leading.iter().map(|leading| leading.id.epoch).max();
        hello.seen.is_some_and(|(incarnation, revision)| {
            let later = revision > self.revision || granted > Some(self.last_epoch);
            incarnation == self.incarnation && later
        })
    }

    /// What is known here is an old copy of what was known elsewhere: nobody is served with it, and
    /// nobody is granted any more. Whoever asks for the status still gets it.
    fn stop_serving(&mut self, conn: ConnectionId, hello: &Hello) {
        self.stopping = true;
        if !std::mem::replace(&mut self.old_copy, true) {
            let (name, known) = (hello.name.clone(), self.revision);
            self.outputs.push_back(Output::Log(ServerEvent::OldCopy { name, known }));
        }
        let serving: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, connection)| matches!(connection.role, Role::Session(_)))
            .map(|(&conn, _)| conn)
            .collect();
        for conn in serving.into_iter().chain([conn]) {
            self.refuse(conn, Refusal::OldCopy, OLD_COPY);
        }
    }

    fn examine(&self, hello: &Hello) -> Result<(), (Refusal, String)> {
        if hello.min_version > MAX_VERSION || hello.max_version < MIN_VERSION {
            return Err((
                Refusal::Version,
                format!(
                    "the client speaks versions {} to {} of the wire, the server {MIN_VERSION} to \
                     {MAX_VERSION}: use releases of LeaderServer that have one in common",
                    hello.min_version, hello.max_version
                ),
            ));
        }
        if self.stopping && !self.old_copy {
            return Err((Refusal::Stopping, "the server is stopping".to_owned()));
        }
        if self.old_copy && hello.namespace.is_some() {
            return Err((Refusal::OldCopy, OLD_COPY.to_owned()));
        }
        if let (Some(served), Some(asked)) = (&self.only_namespace, &hello.namespace)
            && served != asked
        {
            return Err((
                Refusal::Namespace,
                format!(
                    "namespace '{asked}' is not served here, only '{served}': check \
                     high-availability.cluster-id, and that the endpoint is that of the same \
                     cluster"
                ),
            ));
        }
        if let Err(error) = hello.timing.check() {
            return Err((Refusal::Timing, error.to_string()));
        }
        if hello.highest_epoch > HIGHEST_CLAIMED_EPOCH.max(self.last_epoch) {
            return Err((
                Refusal::Protocol,
                format!("epoch {} can't have been granted by any server", hello.highest_epoch),
            ));
        }
        Ok(())
    }

    /// The session to go on with, if the client names one that lives.
    fn resumable(
        &self,
        hello: &Hello,
        namespace: &Name,
    ) -> Result<Option<SessionId>, (Refusal, String)> {
        let Some(resume) = &hello.resume else { return Ok(None) };
        let same_incarnation =
            hello.seen.is_some_and(|(incarnation, _)| incarnation == self.incarnation);
        let Some(session) = self.sessions.get(&resume.session).filter(|_| same_incarnation) else {
            return Ok(None);
        };
        if session.token != resume.token || session.namespace != *namespace {
            return Err((
                Refusal::Token,
                format!("session {} exists, but is not this client's", resume.session),
            ));
        }
        if resume.attempt <= session.attempt {
            return Err((
                Refusal::StaleAttempt,
                format!("attempt {} came after attempt {}", resume.attempt, session.attempt),
            ));
        }
        Ok(Some(resume.session))
    }

    fn welcome_observer(&mut self, conn: ConnectionId, hello: &Hello) {
        let connection = self.connections.get_mut(&conn).expect("it has just said hello");
        connection.role = Role::Observer;
        let welcome = self.welcome(conn, None, false, hello.timing);
        self.send(conn, ServerMessage::Welcome(Box::new(welcome)));
    }

    fn open(&mut self, now: Moment, conn: ConnectionId, namespace: Name, hello: &Hello) {
        let session_timeout = hello.timing.session_timeout.min(self.max_session_timeout);
        let disconnect_grace = hello.timing.disconnect_grace.min(session_timeout / 2);
        let timing = Timing { session_timeout, disconnect_grace };
        let id = self.next_session();
        let peer = self.connections[&conn].peer.clone();
        let local = peer == Peer::Local;
        if !timing.grace_is_safe() && !local {
            self.outputs.push_back(Output::Log(ServerEvent::UnsafeGrace {
                name: hello.name.clone(),
                grace_ms: disconnect_grace.as_millis() as u64,
            }));
        }
        let token = SessionToken(random_u128(&mut self.rng));
        let (name, of) = (hello.name.clone(), namespace.clone());
        let session = Session { local, ..Session::new(token, name, of, timing, now) };
        self.sessions.insert(id, session);
        self.namespaces.entry(namespace.clone()).or_default().sessions += 1;
        self.attach(now, conn, id, hello);
        let event = ServerEvent::SessionOpened {
            namespace,
            session: id,
            name: hello.name.clone(),
            peer: self.peer_of(conn),
        };
        self.outputs.push_back(Output::Log(event));
        self.welcome_session(conn, id, false, hello);
    }

    fn resume(&mut self, now: Moment, conn: ConnectionId, id: SessionId, hello: &Hello) {
        let session = self.session_mut(id);
        session.attempt = hello.resume.as_ref().map_or(session.attempt, |resume| resume.attempt);
        let older = session.conn.take();
        if let Some(older) = older {
            // From here on its end means nothing, and what it still says is thrown away (R6).
            self.finish(older);
        }
        self.attach(now, conn, id, hello);
        let event = ServerEvent::SessionResumed {
            session: id,
            name: hello.name.clone(),
            peer: self.peer_of(conn),
        };
        self.outputs.push_back(Output::Log(event));
        self.welcome_session(conn, id, true, hello);
        // It may be the one that elections without a leader have waited for.
        let elections: Vec<Name> = self.session(id).elections.iter().cloned().collect();
        let namespace = self.session(id).namespace.clone();
        for election in elections {
            self.say_step_down(&namespace, &election);
            self.grant_next(now, &namespace, &election);
        }
    }

    fn attach(&mut self, now: Moment, conn: ConnectionId, id: SessionId, hello: &Hello) {
        let connection = self.connections.get_mut(&conn).expect("it has just said hello");
        connection.role = Role::Session(id);
        let (direct, peer) = match (&connection.peer, &hello.addresses) {
            (Peer::Local, _) => (true, None),
            (Peer::Remote(here), Some(there)) => {
                let direct = here.local == there.peer && here.peer == there.local;
                (direct, Some(here.peer.clone()))
            }
            (Peer::Remote(here), None) => (false, Some(here.peer.clone())),
        };
        let session = self.session_mut(id);
        session.conn = Some(conn);
        session.direct = direct;
        session.peer = peer;
        session.sync = Some(Sync::default());
        self.renew(now, id);
    }

    fn welcome_session(&mut self, conn: ConnectionId, id: SessionId, resumed: bool, hello: &Hello) {
        let session = self.session(id);
        let mut welcome = self.welcome(conn, Some(id), resumed, session.timing);
        let namespace = &self.namespaces[&session.namespace];
        let mut needs = self.needs_session(id);
        let mut granted = Vec::new();
        for election in &session.elections {
            let leader = namespace.elections.get(election).and_then(|found| found.leader());
            let Some(Leader { id, candidacy, .. }) = leader.filter(|l| l.session == id) else {
                continue;
            };
            let recorded = self.needs_election(&session.namespace, election);
            let claimed = hello.leading.iter().any(|claim| claim.id == id);
            let election = election.clone();
            if recorded == Needs::Nothing || claimed {
                welcome.leading.push(Leading { election, id, candidacy, name: None });
            } else {
                // A grant that is not recorded yet follows when it is. All else goes on meanwhile.
                granted.push((recorded, ServerMessage::Granted { election, id, candidacy }));
            }
        }
        for claim in &hello.leading {
            needs = needs.max(self.needs_election(&session.namespace, &claim.election));
            let leader = namespace.elections.get(&claim.election).and_then(|e| e.leader());
            if let Some(leader) = leader.filter(|leader| leader.session != id) {
                welcome.superseded.push(Leading {
                    election: claim.election.clone(),
                    id: leader.id,
                    candidacy: leader.candidacy,
                    name: self.sessions.get(&leader.session).map(|s| s.name.clone()),
                });
            }
        }
        self.send_when(needs, conn, ServerMessage::Welcome(Box::new(welcome)));
        for (needs, message) in granted {
            self.send_when(needs, conn, message);
        }
    }

    fn welcome(
        &self,
        conn: ConnectionId,
        id: Option<SessionId>,
        resumed: bool,
        timing: Timing,
    ) -> Welcome {
        let session = id.map(|id| (id, self.session(id)));
        let addresses = match &self.connections[&conn].peer {
            Peer::Remote(addresses) => Some(addresses.clone()),
            Peer::Local => None,
        };
        Welcome {
            version: MAX_VERSION,
            incarnation: self.incarnation,
            session: session.map(|(id, session)| (id, session.token)),
            resumed,
            timing,
            direct: session.is_some_and(|(_, session)| session.direct),
            revision: self.revision_at(Needs::Nothing),
            namespace: session.map(|(_, session)| session.namespace.clone()),
            leading: Vec::new(),
            superseded: Vec::new(),
            addresses,
        }
    }
}
