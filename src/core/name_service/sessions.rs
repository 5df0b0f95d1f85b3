//! Sessions: renewal, silence, disconnects, and their end.

use super::{ConnectionEnd, Ended, LIVES, NameService, Output, ServerEvent};
use crate::core::ids::{Name, SessionId};
use crate::core::records::RecordKey;
use crate::core::time::Moment;
use crate::core::wire::message::ServerMessage;

impl NameService {
    pub(super) fn heartbeat(&mut self, now: Moment, session: SessionId, sequence: u64) {
        self.renew(now, session);
        self.send_to_session(session, ServerMessage::HeartbeatAck { sequence });
    }

    /// The session lives for its whole time-out from now on.
    pub(super) fn renew(&mut self, now: Moment, id: SessionId) {
        let session = self.sessions.get_mut(&id).expect(LIVES);
        if session.local {
            return;
        }
        session.deadline = now + session.timing.session_timeout;
        if session.timer == Moment::NEVER {
            session.timer = session.deadline;
            self.timers.insert((session.timer, id));
        }
        // Else the entry fires earlier than the deadline, finds it moved, and is set again: a
        // heartbeat costs no work on the ordered set.
    }

    pub(super) fn session_timer(&mut self, now: Moment, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.deadline > now {
            session.timer = session.deadline;
            self.timers.insert((session.timer, id));
            return;
        }
        session.timer = Moment::NEVER;
        let why = if session.conn.is_none() && session.direct {
            Ended::Disconnected
        } else {
            Ended::TimedOut
        };
        self.end_session(now, id, why);
    }

    pub(super) fn session_disconnected(&mut self, now: Moment, id: SessionId, end: ConnectionEnd) {
        let session = self.sessions.get_mut(&id).expect(LIVES);
        session.conn = None;
        // Until the client has answered the welcome it may still lead over an older connection,
        // and have given up this one without knowing that its resume was taken.
        let answered = session.sync.take().is_none();
        if session.local {
            return self.end_session(now, id, Ended::Goodbye);
        }
        if end == ConnectionEnd::Peer && session.direct && answered {
            // R1. Nothing but a resume moves the end back again.
            let grace_ends = now + session.timing.disconnect_grace;
            if grace_ends < session.deadline {
                session.deadline = grace_ends;
                self.timers.remove(&(session.timer, id));
                session.timer = grace_ends;
                self.timers.insert((grace_ends, id));
            }
        } else {
            session.direct = false;
        }
    }

    pub(super) fn goodbye(&mut self, now: Moment, id: SessionId) {
        let conn = self.session_mut(id).conn.take();
        self.end_session(now, id, Ended::Goodbye);
        if let Some(conn) = conn {
            // By its being closed the client knows that all it said is recorded.
            self.finish_when(self.needs_everything(), conn);
        }
    }

    pub(super) fn end_session(&mut self, now: Moment, id: SessionId, why: Ended) {
        let elections: Vec<Name> = self.session(id).elections.iter().cloned().collect();
        let namespace = self.session(id).namespace.clone();
        // First out of every line, so that nothing is granted to it on the way.
        let mut ended = Vec::new();
        for election in elections {
            let found = self.election_mut(&namespace, &election);
            if let (_, Some(leader)) = found.leave(id) {
                ended.push((election.clone(), leader));
            }
            self.session_mut(id).elections.remove(&election);
            self.forget_empty_election(now, &namespace, &election);
        }
        for (election, leader) in &ended {
            self.leadership_ended(&namespace, election, *leader, why);
        }
        let conn = self.session(id).conn;
        self.forget_watches(id);
        let session = self.sessions.remove(&id).expect("looked up above");
        self.timers.remove(&(session.timer, id));
        if session.recorded {
            self.mark(RecordKey::Session(id));
        }
        self.outputs.push_back(Output::Log(ServerEvent::SessionEnded {
            session: id,
            name: session.name,
            why,
        }));
        if let Some(conn) = conn {
            // Silent until now: were it to speak again it must know that this is over.
            self.finish(conn);
        }
        for (election, _) in &ended {
            self.grant_next(now, &namespace, election);
        }
        self.release_namespace(&namespace);
    }

    fn release_namespace(&mut self, name: &Name) {
        let namespace = self.namespaces.get_mut(name).expect("its session has just ended");
        namespace.sessions -= 1;
        self.forget_empty_namespace(name);
    }

    pub(super) fn forget_empty_namespace(&mut self, name: &Name) {
        let sessions = self.namespaces.get(name).map_or(0, |namespace| namespace.sessions);
        let keys = self.stores.get(name).is_some_and(|store| !store.has_no_keys());
        if sessions == 0 && !keys {
            // Nobody stands, leads or watches: with epochs and revisions counted for the whole
            // server, nothing is lost with it. Keys are found under elections of its mode.
            let forgotten = self.namespaces.remove(name);
            if forgotten.is_some_and(|namespace| namespace.mode.is_some()) {
                self.mark(RecordKey::Namespace(name.clone()));
            }
        }
    }
}
