//! Connections: attempts, handshake, heartbeats, silence, outage.

use std::time::Duration;

use super::elections::superseded_by;
use super::{Answer, Attempt, Identity, Link, Outage, Output, Session};
use crate::core::error::{Error, Refusal};
use crate::core::ids::{ConnectionId, Name, Revision};
use crate::core::name_service::Peer;
use crate::core::store::{StoreError, Written};
use crate::core::time::Moment;
use crate::core::wire::message::{Addresses, ClientMessage, Hello, Resume, ServerMessage, Welcome};
use crate::core::wire::{MAX_VERSION, MIN_VERSION};

/// Why a connection could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectFailure {
    /// The addresses (as in [`Addresses::peer`]) that were reached and *refused*.
    pub refused: Vec<String>,
    /// In words, for the log.
    pub reason: String,
}

impl Session {
    /// A connection is open.
    pub fn handle_connected(&mut self, now: Moment, conn: ConnectionId, peer: Peer) {
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.conn == conn) else {
            // It was given up meanwhile.
            self.outputs.push_back(Output::Close { conn });
            return;
        };
        attempt.hello_at = now;
        attempt.peer = Some(peer.clone());
        let resume = self.identity.as_mut().map(|identity| {
            identity.attempts += 1;
            Resume { session: identity.session, token: identity.token, attempt: identity.attempts }
        });
        let addresses = match peer {
            Peer::Local => None,
            Peer::Remote(Addresses { local, peer }) => Some(Addresses { local, peer }),
        };
        let hello = Hello {
            min_version: MIN_VERSION,
            max_version: MAX_VERSION,
            namespace: self.settings.namespace.clone(),
            name: self.settings.name.clone(),
            timing: self.settings.timing,
            resume,
            seen: self.seen,
            highest_epoch: self.highest_epoch,
            addresses,
            leading: self.claims(),
        };
        let message = ClientMessage::Hello(Box::new(hello));
        self.outputs.push_back(Output::Send { conn, message });
    }

    /// A connection could not be opened.
    pub fn handle_connect_failed(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        failure: &ConnectFailure,
    ) {
        if self.attempt.as_ref().is_none_or(|attempt| attempt.conn != conn) {
            return;
        }
        if let Some(outage) = &mut self.outage
            && let Peer::Remote(Addresses { peer, .. }) = &outage.peer
            && outage.direct
            && failure.refused.contains(peer)
        {
            outage.refused = true;
        }
        self.attempt_failed(now, &failure.reason, log::Level::Warn);
        self.settle(now);
    }

    /// The connection was found open at `looked_at`, a moment before the look (R2).
    pub fn handle_open(&mut self, now: Moment, conn: ConnectionId, looked_at: Moment) {
        if let Some(link) = self.link.as_mut().filter(|link| link.conn == conn) {
            link.open_at = link.open_at.max(looked_at);
        }
        self.settle(now);
    }

    /// A connection ended.
    pub fn handle_disconnected(&mut self, now: Moment, conn: ConnectionId, reason: &str) {
        if self.attempt.as_ref().is_some_and(|attempt| attempt.conn == conn) {
            self.attempt_failed(now, reason, log::Level::Warn);
        } else if self.link.as_ref().is_some_and(|link| link.conn == conn) {
            self.link_lost(now, reason);
        }
        self.settle(now);
    }

    /// A message arrived.
    pub fn handle_message(&mut self, now: Moment, conn: ConnectionId, message: ServerMessage) {
        // The lease first: whatever comes is judged by the clock at which it is read.
        self.step_down_when_over(now);
        let on_link = self.link.as_ref().is_some_and(|link| link.conn == conn);
        let on_attempt = self.attempt.as_ref().is_some_and(|attempt| attempt.conn == conn);
        match message {
            ServerMessage::Welcome(welcome) if on_attempt => self.welcomed(now, *welcome),
            ServerMessage::Refused { code, reason } if on_attempt => {
                self.refused(now, conn, code, reason);
            }
            _ if !on_link => {}
            ServerMessage::HeartbeatAck { sequence } => self.heartbeat_answered(now, sequence),
            ServerMessage::Granted { election, id, candidacy } => {
                self.granted(now, &election, id, candidacy);
            }
            ServerMessage::StepDown { election, epoch, reason } => {
                self.asked_to_step_down(&election, epoch, &reason);
            }
            ServerMessage::Value { component, revision, leader } => {
                self.value(component, revision, leader);
            }
            ServerMessage::Status { request, status } => {
                self.answered(request, Ok(Answer::Status(status)));
            }
            ServerMessage::Entries { request, page } => {
                self.sees(page.revision);
                self.answered(request, Ok(Answer::Page(page)));
            }
            ServerMessage::Written { request, result } => {
                match &result {
                    Ok(Written { revision, .. })
                    | Err(
                        StoreError::Exists { version: revision, .. }
                        | StoreError::Changed { version: revision, .. },
                    ) => self.sees(*revision),
                    Err(_) => {}
                }
                self.answered(request, result.map(Answer::Written).map_err(Error::Store));
            }
            ServerMessage::Failure { request, election, code, reason } => {
                self.failed(request, election, code, reason);
            }
            ServerMessage::Refused { reason, .. } => self.log(log::Level::Warn, reason),
            ServerMessage::Welcome(_) => {}
        }
        self.settle(now);
    }

    /// Whatever of the name service's state is told counts as seen (R14).
    pub(super) fn sees(&mut self, revision: Revision) {
        if let Some((_, seen)) = &mut self.seen {
            *seen = (*seen).max(revision);
        }
    }

    pub(super) fn connect(&mut self, now: Moment) {
        self.next_connection += 1;
        let conn = ConnectionId(self.next_connection);
        let timing = self.identity.map_or(self.settings.timing, |identity| identity.timing);
        let mut patience = (timing.session_timeout / 4).max(MIN_PATIENCE);
        if self.leads() && self.outage.as_ref().is_some_and(|outage| outage.direct) {
            // One lost packet must not cost the whole grace: the system repeats it only later.
            let short = (timing.disconnect_grace / 4).max(LEAST_PATIENCE);
            patience = patience.min(short * (1 << self.retries.min(6)));
        }
        let give_up_at = now + patience;
        self.attempt = Some(Attempt { conn, peer: None, hello_at: now, give_up_at });
        self.outputs.push_back(Output::Connect { conn });
    }

    /// Heartbeats, looks at the connection, and a second connection beside a silent one (R6).
    pub(super) fn tend_link(&mut self, now: Moment) {
        let leads = self.leads();
        let silent_at = self.link.as_ref().map(|link| self.silent_at(link));
        let Some(link) = self.link.as_mut().filter(|link| link.peer != Peer::Local) else { return };
        let conn = link.conn;
        if link.heartbeat_at <= now {
            link.next_sequence += 1;
            let sequence = link.next_sequence;
            link.heartbeat_at = now + link.timing.heartbeat();
            link.unanswered.push_back((sequence, now));
            let message = ClientMessage::Heartbeat { sequence };
            self.outputs.push_back(Output::Send { conn, message });
        }
        let link = self.link.as_mut().expect("looked at above");
        if leads && link.is_looked_at() && link.check_at <= now {
            link.check_at = now + link.timing.link_check();
            self.outputs.push_back(Output::CheckOpen { conn });
        }
        let silent = silent_at.is_some_and(|moment| moment <= now);
        if silent && self.without_since.is_none() {
            let since = self.link.as_ref().and_then(|link| link.unanswered.front());
            self.without_since = Some(since.map_or(now, |&(_, sent)| sent));
            self.log(log::Level::Debug, "the name service is silent: trying another connection");
        }
        if silent && self.attempt.is_none() && self.retry_at <= now {
            self.connect(now);
        }
    }

    /// When the connection counts as silent.
    pub(super) fn silent_at(&self, link: &Link) -> Moment {
        match link.unanswered.front() {
            Some(&(_, sent)) => sent + link.timing.silence(),
            None => Moment::NEVER,
        }
    }

    pub(super) fn tend_attempt(&mut self, now: Moment) {
        let Some(attempt) = &self.attempt else { return };
        if attempt.give_up_at <= now {
            let conn = attempt.conn;
            self.outputs.push_back(Output::Close { conn });
            self.attempt_failed(now, "no answer in time", log::Level::Warn);
        }
    }

    /// The session is over as far as this client is concerned.
    pub(super) fn part(&mut self, now: Moment, reason: &str) {
        self.revoke_all(|_| reason.to_owned());
        if let Some(attempt) = self.attempt.take() {
            self.outputs.push_back(Output::Close { conn: attempt.conn });
        }
        if let Some(link) = self.link.take() {
            let conn = link.conn;
            self.outputs.push_back(Output::Send { conn, message: ClientMessage::Goodbye });
            self.outputs.push_back(Output::Close { conn });
        }
        if self.is_wanted() && self.without_since.is_none() {
            self.without_since = Some(now);
        }
        self.outage = None;
        self.identity = None;
        self.lease_end = Moment::default();
    }

    fn welcomed(&mut self, now: Moment, welcome: Welcome) {
        let attempt = self.attempt.take().expect("it was found to be the attempt's");
        let older = self.link.take();
        if let Some(older) = &older {
            self.outputs.push_back(Output::Close { conn: older.conn });
        }
        self.outage = None;
        self.without_since = None;
        self.retries = 0;
        let peer = attempt.peer.expect("a welcome answers a hello, which was said when connected");
        let local = peer == Peer::Local;
        let timing = welcome.timing;
        self.link = Some(Link {
            conn: attempt.conn,
            peer,
            direct: welcome.direct,
            timing,
            open_at: attempt.hello_at,
            check_at: now,
            next_sequence: 0,
            unanswered: Default::default(),
            // An observer has no session to keep.
            heartbeat_at: match welcome.session {
                Some(_) => attempt.hello_at + timing.heartbeat(),
                None => Moment::NEVER,
            },
            welcomed_at: now,
        });
        let lease_end = if local { Moment::NEVER } else { attempt.hello_at + timing.lease() };
        let same = self.identity.is_some_and(|identity| {
            welcome.resumed
                && identity.incarnation == welcome.incarnation
                && welcome.session.is_some_and(|(id, _)| id == identity.session)
        });
        if same {
            self.lease_end = self.lease_end.max(lease_end);
            self.reconcile(now, &welcome.leading, &welcome.superseded);
        } else {
            self.begin(&welcome);
            self.lease_end = lease_end;
        }
        let seen = self.seen.map_or(Revision(0), |(_, revision)| revision);
        self.seen = Some((welcome.incarnation, seen.max(welcome.revision)));
        let word = if same { "resumed" } else { "opened" };
        let id = welcome.session.map_or(0, |(id, _)| id.0);
        self.log(log::Level::Debug, format!("session {id} {word}"));
        self.say_everything();
    }

    /// A new session: everything of the former one is over.
    fn begin(&mut self, welcome: &Welcome) {
        let former = self.seen.map(|(incarnation, _)| incarnation);
        let another = former.is_some_and(|former| former != welcome.incarnation);
        self.revoke_all(|election| {
            superseded_by(election, &welcome.superseded).unwrap_or_else(|| {
                if another {
                    "the name service has a new incarnation".to_owned()
                } else {
                    "the session ended at the name service".to_owned()
                }
            })
        });
        if another {
            // Epochs and revisions of another incarnation say nothing here (R13).
            self.seen = None;
            self.former_epoch = self.former_epoch.max(std::mem::take(&mut self.granted_epoch));
            for candidate in self.elections.values_mut() {
                candidate.given_up = Default::default();
            }
            self.forget_values();
            former.into_iter().for_each(|former| self.fail_writes_to(former));
        }
        self.identity = welcome.session.map(|(session, token)| Identity {
            incarnation: welcome.incarnation,
            session,
            token,
            attempts: 0,
            timing: welcome.timing,
        });
    }

    fn refused(&mut self, now: Moment, conn: ConnectionId, code: Refusal, reason: String) {
        self.outputs.push_back(Output::Close { conn });
        if code == Refusal::Token {
            // Not our session any more, if it ever was.
            self.revoke_all(|_| "the name service does not know the session as ours".to_owned());
            self.identity = None;
        }
        if code.is_misconfiguration() {
            let error = Error::Refused { code, reason: reason.clone() };
            self.fail_requests(&error);
            self.outputs.push_back(Output::Failed { election: None, error });
        }
        let misconfigured = code.is_misconfiguration();
        // What only an operator can mend is an error.
        let level = if misconfigured { log::Level::Error } else { log::Level::Warn };
        self.attempt_failed(now, &format!("refused: {reason}"), level);
        if misconfigured {
            self.retry_at = self.retry_at.max(now + MISCONFIGURED_PAUSE);
        }
    }

    fn failed(&mut self, request: u64, election: Option<Name>, code: Refusal, reason: String) {
        let error = Error::Refused { code, reason: reason.clone() };
        if request != 0 {
            self.answered(request, Err(error));
        } else if code.is_misconfiguration() {
            self.outputs.push_back(Output::Failed { election, error });
        } else {
            self.log(log::Level::Warn, reason);
        }
    }

    fn heartbeat_answered(&mut self, now: Moment, sequence: u64) {
        let Some(link) = &mut self.link else { return };
        let mut sent = None;
        while let Some(&(number, at)) = link.unanswered.front()
            && number <= sequence
        {
            link.unanswered.pop_front();
            sent = (number == sequence).then_some(at);
        }
        if let Some(sent) = sent {
            let end = sent + link.timing.lease();
            self.lease_end = self.lease_end.max(end);
            // Still silent, it is so since what is oldest now.
            let oldest = link.unanswered.front().map(|&(_, sent)| sent);
            self.without_since = oldest.filter(|&sent| sent + link.timing.silence() <= now);
            if self.without_since.is_none() {
                self.retries = 0;
                self.say_watches(false);
            }
        }
    }

    fn attempt_failed(&mut self, now: Moment, reason: &str, loud: log::Level) {
        self.attempt = None;
        if self.link.is_none() {
            // Beside a link it is the link's silence that counts, and it may have ended.
            self.without_since.get_or_insert(now);
        }
        // The first failure is told at once, later ones ever more rarely.
        self.retries = self.retries.saturating_add(1);
        let level = if self.retries.is_power_of_two() { loud } else { log::Level::Debug };
        let times = self.retries;
        self.log(level, format!("can't reach the name service (attempt {times}): {reason}"));
        self.retry_at = now + self.pause();
    }

    fn link_lost(&mut self, now: Moment, reason: &str) {
        let link = self.link.take().expect("it was found to be the link's");
        let timing = link.timing;
        self.without_since.get_or_insert(now);
        self.outage = Some(Outage {
            open_at: link.open_at,
            peer: link.peer,
            direct: link.direct,
            timing,
            refused: false,
        });
        self.log(log::Level::Debug, format!("the connection ended: {reason}"));
        self.step_down_when_over(now);
        let brief = now.since(link.welcomed_at) < BRIEF;
        self.brief_links = if brief { self.brief_links.saturating_add(1) } else { 0 };
        self.retry_at = if self.brief_links > FREE_BRIEF_LINKS { now + BRIEF_PAUSE } else { now };
        if self.attempt.is_none() {
            self.retries = 0;
        }
    }
}

/// Between two attempts at a name service that refuses this client: that heals only by hand.
const MISCONFIGURED_PAUSE: Duration = Duration::from_secs(1);

const MIN_PATIENCE: Duration = Duration::from_millis(500);

/// The same while a leadership hangs on it.
const LEAST_PATIENCE: Duration = Duration::from_millis(100);

/// A connection that ends sooner than this after its welcome is a brief one. After some of them in a
/// row there is a pause before the next, so that two ends that disagree do not do so at full speed;
/// short enough for a resume within the grace.
const BRIEF: Duration = Duration::from_secs(1);
const FREE_BRIEF_LINKS: u32 = 3;
const BRIEF_PAUSE: Duration = Duration::from_millis(100);
