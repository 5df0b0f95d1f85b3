//! Many components on one candidate (FLINK-26522): who is told what, and when.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::config::Mode;
use super::error::Error;
use super::ids::{Epoch, LeaderSessionId, MAX_ADDRESS, Name};
use super::store::Fence;

/// A contender's registration; never used twice in one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistrationId(pub u64);

/// All contenders of one client.
///
/// The machine holds, per contender, what it was *told* last and what is true *now*; the next
/// callback follows from the two. So grant and revoke alternate however late a contender comes to
/// take them, what came and went meanwhile is skipped, and nothing queues up (P3, P8).
///
/// Order of calls: [`Contenders::take`] begins a callback, [`Contenders::done`] ends it; one at a
/// time per contender, but [`Contenders::close`] may come at any moment, also from inside a
/// callback. Each call that changes something says which contenders are *ready*: they have
/// something to take. Commands are for the session machine, in order.
#[derive(Debug, Default)]
pub struct Contenders {
    mode: Mode,
    next: u64,
    last_standing: u64,
    candidates: BTreeMap<Name, Candidate>,
    registrations: BTreeMap<RegistrationId, Registration>,
    closed: bool,
}

/// What the session machine is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Stand in an election.
    Join {
        /// Which.
        election: Name,
        /// Which of the successive times; a grant names it (a grant for an earlier time may be on
        /// its way while the candidate has left and somebody else made it stand again).
        standing: u64,
    },
    /// Leave it.
    Leave {
        /// Which.
        election: Name,
    },
    /// Publish a component's address under the epoch in which its user decided it (R15).
    Publish {
        /// The election that fences the component.
        election: Name,
        /// The epoch.
        epoch: Epoch,
        /// The component.
        component: Name,
        /// Its address.
        address: Bytes,
    },
    /// Withdraw what was published.
    Withdraw {
        /// The election that fences the component.
        election: Name,
        /// The epoch it was published under.
        epoch: Epoch,
        /// The component.
        component: Name,
    },
}

/// A callback to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callback {
    /// It leads, under this id.
    Grant(LeaderSessionId),
    /// It leads no more; why, in words.
    Revoke(String),
    /// It can't take part: a misconfiguration.
    Failed(Error),
}

/// What became of a confirmation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// Recorded; the command publishes it.
    Recorded(Command),
    /// Ignored: it does not lead under that id.
    NotLeader,
    /// Ignored: its election was closed.
    Closed,
    /// Refused: it has confirmed this id already.
    Already,
    /// Refused: longer than [`MAX_ADDRESS`].
    TooLong,
}

#[derive(Debug, Default)]
struct Candidate {
    standing: u64,
    grant: Option<LeaderSessionId>,
    /// Why the last grant ended.
    reason: String,
    members: BTreeSet<RegistrationId>,
    /// Why the name service refuses this very candidate.
    failure: Option<Error>,
    /// Whose address is published, per component, under the present grant.
    publishers: BTreeMap<Name, RegistrationId>,
}

#[derive(Debug)]
struct Registration {
    component: Name,
    election: Name,
    told: Option<LeaderSessionId>,
    failure: Option<Error>,
    last_failure: Option<Error>,
    confirmed: Option<LeaderSessionId>,
    /// Callbacks that run: two while a close from inside one runs the revoke.
    running: u32,
    closed: bool,
}

impl Contenders {
    /// No contenders yet.
    pub fn new(mode: Mode) -> Self {
        Contenders { mode, ..Contenders::default() }
    }

    /// Registers a contender for a component. The command, if any, comes before every other.
    ///
    /// # Errors
    /// [`Error::AlreadyRegistered`] if one that is not closed is registered for it; nothing changes
    /// then. [`Error::Closed`] after [`Contenders::close_all`].
    pub fn register(
        &mut self,
        component: Name,
    ) -> Result<(RegistrationId, Option<Command>), Error> {
        if self.closed {
            return Err(Error::Closed("the client"));
        }
        let taken = |r: &Registration| r.component == component && !r.closed;
        let election = self.mode.election_of(&component);
        let candidate = self.candidates.get(&election);
        let members = candidate.into_iter().flat_map(|candidate| &candidate.members);
        if members.filter_map(|id| self.registrations.get(id)).any(taken) {
            return Err(Error::AlreadyRegistered(component.to_string()));
        }
        self.next += 1;
        let id = RegistrationId(self.next);
        let joins = candidate.is_none();
        let failure = candidate.and_then(|candidate| candidate.failure.clone());
        let candidate = self.candidates.entry(election.clone()).or_default();
        candidate.members.insert(id);
        if joins {
            self.last_standing += 1;
            candidate.standing = self.last_standing;
        }
        let standing = candidate.standing;
        let registration = Registration {
            component,
            election: election.clone(),
            told: None,
            last_failure: failure.clone(),
            failure,
            confirmed: None,
            running: 0,
            closed: false,
        };
        self.registrations.insert(id, registration);
        Ok((id, joins.then_some(Command::Join { election, standing })))
    }

    /// The candidate was granted. Answers who is affected.
    pub fn handle_granted(
        &mut self,
        election: &Name,
        standing: u64,
        id: LeaderSessionId,
    ) -> Vec<RegistrationId> {
        let candidate = self.candidates.get_mut(election);
        let Some(candidate) = candidate.filter(|c| c.standing == standing) else {
            return Vec::new();
        };
        candidate.grant = Some(id);
        candidate.failure = None;
        candidate.publishers.clear();
        candidate.members.iter().copied().collect()
    }

    /// The candidate leads no more. Answers who is affected.
    pub fn handle_revoked(
        &mut self,
        election: &Name,
        epoch: Epoch,
        reason: &str,
    ) -> Vec<RegistrationId> {
        let led = |candidate: &&mut Candidate| candidate.grant.is_some_and(|id| id.epoch == epoch);
        let Some(candidate) = self.candidates.get_mut(election).filter(led) else {
            return Vec::new();
        };
        candidate.grant = None;
        candidate.reason = reason.to_owned();
        candidate.publishers.clear();
        candidate.members.iter().copied().collect()
    }

    /// The name service refuses this client, or (with an election) this candidate. Answers who is
    /// to hear of it; the same error is told only once.
    pub fn handle_failed(&mut self, election: Option<&Name>, error: &Error) -> Vec<RegistrationId> {
        if let Some(candidate) = election.and_then(|name| self.candidates.get_mut(name)) {
            candidate.failure = Some(error.clone());
        }
        let affected = |r: &Registration| {
            let meant = election.is_none_or(|election| *election == r.election);
            meant && !r.closed && r.last_failure.as_ref() != Some(error)
        };
        let hit = self.registrations.iter_mut().filter(|(_, r)| affected(r));
        hit.map(|(id, registration)| {
            registration.failure = Some(error.clone());
            registration.last_failure = Some(error.clone());
            *id
        })
        .collect()
    }

    /// Whether the contender has something to take.
    pub fn is_ready(&self, id: RegistrationId) -> bool {
        self.registrations.get(&id).is_some_and(|r| r.running == 0 && self.is_due(r))
    }

    /// Begins the next callback, if one is due and none runs.
    pub fn take(&mut self, id: RegistrationId) -> Option<Callback> {
        let registration = self.registrations.get(&id)?;
        if registration.running > 0 || !self.is_due(registration) {
            return None;
        }
        let now = self.leadership(id);
        let reason = self.reason(registration);
        let registration = self.registrations.get_mut(&id)?;
        registration.running += 1;
        if let Some(error) = registration.failure.take() {
            return Some(Callback::Failed(error));
        }
        if registration.told.take().is_some() {
            return Some(Callback::Revoke(reason));
        }
        registration.told = now;
        now.map(Callback::Grant)
    }

    /// A callback returned. Answers what follows from a close that waited for it.
    pub fn done(&mut self, id: RegistrationId) -> Vec<Command> {
        let Some(registration) = self.registrations.get_mut(&id) else { return Vec::new() };
        registration.running = registration.running.saturating_sub(1);
        self.finish(id)
    }

    /// Closes a registration: from here on it has no leadership.
    ///
    /// With a callback answered, the caller runs it in its own thread and then says
    /// [`Contenders::done`]. Without one, none is due, or one runs on another thread, and the
    /// revoke follows there. The commands are what can be done at once.
    pub fn close(
        &mut self,
        id: RegistrationId,
        inside_callback: bool,
    ) -> (Option<Callback>, Vec<Command>) {
        let Some(registration) = self.registrations.get_mut(&id) else { return (None, Vec::new()) };
        if registration.closed {
            return (None, Vec::new());
        }
        registration.closed = true;
        registration.failure = None;
        let here = registration.running == 0 || inside_callback;
        if here && registration.told.take().is_some() {
            registration.running += 1;
            return (Some(Callback::Revoke("the election was closed".to_owned())), Vec::new());
        }
        (None, self.finish(id))
    }

    /// Whether a registration was closed and nothing of it is left to be run or taken.
    pub fn is_finished(&self, id: RegistrationId) -> bool {
        !self.registrations.contains_key(&id)
    }

    /// Nobody takes callbacks for this registration any more: closes it as if all had been run.
    pub fn abandon(&mut self, id: RegistrationId) -> Vec<Command> {
        let Some(registration) = self.registrations.get_mut(&id) else { return Vec::new() };
        registration.closed = true;
        registration.running = 0;
        registration.told = None;
        registration.failure = None;
        self.finish(id)
    }

    /// Closes all without a callback: nobody is told anything any more.
    pub fn close_all(&mut self) {
        self.closed = true;
        self.registrations.clear();
        self.candidates.clear();
    }

    /// Confirms. It counts as long as nothing was revoked, though has-leadership may be false for a
    /// moment (R2): the user is told nothing after which to say it again. Where the leadership is
    /// over, the session machine or the name service drops what is published under its epoch.
    pub fn confirm(
        &mut self,
        id: RegistrationId,
        session: LeaderSessionId,
        address: Bytes,
    ) -> Confirmed {
        let present = self.leadership(id);
        let Some(registration) = self.registrations.get_mut(&id) else { return Confirmed::Closed };
        if registration.closed {
            return Confirmed::Closed;
        }
        if present != Some(session) {
            return Confirmed::NotLeader;
        }
        if registration.confirmed == Some(session) {
            return Confirmed::Already;
        }
        if address.len() > MAX_ADDRESS {
            return Confirmed::TooLong;
        }
        registration.confirmed = Some(session);
        let election = registration.election.clone();
        let component = registration.component.clone();
        if let Some(candidate) = self.candidates.get_mut(&election) {
            candidate.publishers.insert(component.clone(), id);
        }
        Confirmed::Recorded(Command::Publish { election, epoch: session.epoch, component, address })
    }

    /// Under which id the contender leads now, told or not; none once closed.
    pub fn leadership(&self, id: RegistrationId) -> Option<LeaderSessionId> {
        let registration = self.registrations.get(&id).filter(|r| !r.closed)?;
        self.candidates.get(&registration.election)?.grant
    }

    /// The id that the contender was told last and has not been revoked: what its user's decisions
    /// rest on (R15).
    pub fn told(&self, id: RegistrationId) -> Option<LeaderSessionId> {
        self.registrations.get(&id)?.told
    }

    /// [`Contenders::told`], as what writes carry.
    pub fn told_fence(&self, id: RegistrationId) -> Option<Fence> {
        let registration = self.registrations.get(&id)?;
        let epoch = registration.told?.epoch;
        Some(Fence { election: registration.election.clone(), epoch })
    }

    /// How many contenders are registered and not closed.
    pub fn len(&self) -> usize {
        self.registrations.values().filter(|r| !r.closed).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn is_due(&self, registration: &Registration) -> bool {
        if registration.failure.is_some() {
            return true;
        }
        let grant = self.candidates.get(&registration.election).and_then(|c| c.grant);
        let now = grant.filter(|_| !registration.closed);
        registration.told != now
    }

    fn reason(&self, registration: &Registration) -> String {
        if registration.closed {
            return "the election was closed".to_owned();
        }
        // Also where leadership has come back meanwhile: why the last one ended.
        match self.candidates.get(&registration.election) {
            Some(candidate) if !candidate.reason.is_empty() => candidate.reason.clone(),
            _ => "leadership was lost and regained meanwhile".to_owned(),
        }
    }

    /// What a closed registration leaves to do once none of its callbacks runs or is due.
    fn finish(&mut self, id: RegistrationId) -> Vec<Command> {
        let Some(registration) = self.registrations.get(&id) else { return Vec::new() };
        if !registration.closed || registration.running > 0 || self.is_due(registration) {
            return Vec::new();
        }
        let registration = self.registrations.remove(&id).expect("looked up above");
        let Registration { component, election, .. } = registration;
        let Some(candidate) = self.candidates.get_mut(&election) else { return Vec::new() };
        candidate.members.remove(&id);
        if candidate.members.is_empty() {
            // Leaving withdraws all that was published (R18).
            self.candidates.remove(&election);
            return vec![Command::Leave { election }];
        }
        let its_own = candidate.publishers.get(&component) == Some(&id);
        match (candidate.grant, its_own) {
            (Some(grant), true) => {
                candidate.publishers.remove(&component);
                vec![Command::Withdraw { election, epoch: grant.epoch, component }]
            }
            _ => Vec::new(),
        }
    }
}
