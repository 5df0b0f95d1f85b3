//! What the name service itself must keep: R1 and R4 (no session ends early), P4 (nobody waits
//! without need), R18 (information goes with its epoch).

use leaderserver::core::config::Timing;
use leaderserver::core::ids::SessionId;
use leaderserver::core::name_service::{ConnectionEnd, Ended, ServerEvent};
use leaderserver::core::time::Moment;
use leaderserver::core::wire::message::Welcome;

use super::one_leader::Grant;
use crate::ambush::When;
use crate::clock::ms;
use crate::world::World;

/// What a bystander at the server knows of a session; by the server's clock.
#[derive(Clone, Debug)]
pub struct SessionTruth {
    pub process: usize,
    /// The connection that carries it.
    pub link: u64,
    pub timing: Timing,
    pub direct: bool,
    pub renewed: Moment,
    /// When somebody asked to resume it; the welcome may wait for the disk.
    pub asked: Moment,
    /// The client has shown that it has read the welcome.
    pub answered: bool,
    pub ended: Option<(Moment, ConnectionEnd)>,
    pub goodbye: bool,
}

impl SessionTruth {
    pub fn new(process: usize, link: u64, now: Moment, welcome: &Welcome) -> Self {
        SessionTruth {
            process,
            link,
            timing: welcome.timing,
            direct: welcome.direct,
            renewed: now,
            asked: now,
            answered: false,
            ended: None,
            goodbye: false,
        }
    }

    /// After a restart of its server: nobody is connected, and it counts as renewed (R10).
    pub fn begin_again(&mut self, now: Moment) {
        self.link = 0;
        self.direct = false;
        self.renewed = now;
        self.answered = false;
        self.ended = None;
        self.goodbye = false;
    }

    /// When it ends, if nothing comes any more.
    pub fn ends_by(&self) -> Moment {
        let timed_out = self.renewed.max(self.asked) + self.timing.session_timeout;
        match self.ended {
            Some((at, ConnectionEnd::Peer)) if self.direct && self.answered && self.asked <= at => {
                timed_out.min(at + self.timing.disconnect_grace)
            }
            _ => timed_out,
        }
    }

    /// Why the session may not have ended yet, if so.
    fn too_early(&self, now: Moment, why: Ended) -> Option<&'static str> {
        let timed_out = now >= self.renewed + self.timing.session_timeout;
        match (why, self.ended) {
            (Ended::TimedOut, _) if !timed_out => Some("before its time-out"),
            (Ended::Disconnected, Some((at, ConnectionEnd::Peer))) => {
                let grace_over = now >= at + self.timing.disconnect_grace;
                if !timed_out && !self.direct {
                    Some("by grace, but it was not direct")
                } else if !timed_out && !self.answered {
                    Some("by grace, but the client had not answered the welcome")
                } else if !timed_out && !grace_over {
                    Some("before its grace")
                } else {
                    None
                }
            }
            (Ended::Disconnected, _) if !timed_out => Some("by grace without a FIN or RST"),
            _ => None,
        }
    }
}

impl World {
    pub(crate) fn server_event(&mut self, event: &ServerEvent) {
        let era = self.era;
        self.count_event(event);
        match event {
            // In a durable world it was granted when it was recorded.
            ServerEvent::Granted { namespace, election, epoch, session, .. }
                if self.disk.is_some() =>
            {
                self.check_event(namespace, election, *epoch);
                if let Some(truth) = self.truth.sessions.get(&(era, *session)) {
                    self.spring(When::Granted, truth.process);
                }
            }
            ServerEvent::Granted { namespace, election, epoch, session, .. } => {
                let process = self.session_truth(*session).process;
                self.say("granted", [process as u64, epoch.0], || format!("p{process} {epoch}"));
                let grant = Grant { era, epoch: epoch.0, process };
                self.check_granted(namespace, election, grant);
                self.spring(When::Granted, process);
            }
            ServerEvent::LeadershipEnded { epoch, why, .. } => {
                self.truth.ended.insert((era, epoch.0), why.to_string());
            }
            ServerEvent::SessionEnded { session, why, .. } => {
                let server = self.server.as_ref().expect("it has just said something");
                let now = server.clock.at(self.now);
                let Some(truth) = self.truth.sessions.get(&(era, *session)) else {
                    // Its welcome was never sent.
                    return;
                };
                let local = self.processes[truth.process].route == crate::net::Route::Local;
                if let Some(early) = truth.too_early(now, *why) {
                    self.fail("R1, R4", &format!("session {session} ended {early}: {truth:?}"));
                }
                if *why == Ended::Goodbye && !truth.goodbye && !local {
                    self.fail("R1", &format!("session {session} never said goodbye"));
                }
            }
            ServerEvent::OldCopy { .. } if !self.setup.old_copies => {
                self.fail("R14", &format!("nobody has made a copy: {event}"));
            }
            _ => {}
        }
    }

    pub(crate) fn session_truth(&self, session: SessionId) -> &SessionTruth {
        &self.truth.sessions[&(self.era, session)]
    }

    /// Looks at the whole state of the server.
    pub(crate) fn check_server(&self) {
        self.check_sessions_end();
        let Some(server) = &self.server else { return };
        let now = server.clock.at(self.now);
        // What is due, but not yet called for, is not late.
        let due = server.service.poll_timeout().is_some_and(|moment| moment <= now + ms(1));
        let status = self.status();
        // Then nobody is granted, and a server that stops grants nothing any more.
        let grants = status.read_only.is_empty() && !server.stopping;
        for namespace in &status.namespaces {
            let unled =
                namespace.elections.iter().filter(|e| e.leader_session == 0 && grants && !due);
            for election in unled {
                let waits = election.candidates.iter().find(|candidate| {
                    let session =
                        namespace.sessions.iter().find(|s| s.session == candidate.session);
                    session.is_some_and(|session| {
                        session.connected && (session.in_process || status.remote_grants_in_ms == 0)
                    })
                });
                if let Some(waits) = waits {
                    let election = &election.election;
                    self.fail("P4", &format!("nobody leads '{election}', but {waits:?} could"));
                }
            }
            for component in namespace.components.iter().filter(|c| !c.election.is_empty()) {
                let election =
                    namespace.elections.iter().find(|e| e.election == component.election);
                let epoch = election.map_or(0, |election| election.epoch);
                let shown = component.leader_session_id.replace('-', "");
                if !shown.starts_with(&format!("{epoch:016x}")) {
                    self.fail("R18", &format!("{component:?} outlives its epoch: now {epoch}"));
                }
            }
        }
    }
}
