//! The client's machine: its session at the name service, the lease, and what it stands for there.

mod elections;
mod links;
mod requests;
mod watches;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::config::{Mode, Timing};
use super::contenders::Command;
use super::error::Error;
use super::ids::{
    Candidacy, ClientId, ConnectionId, Epoch, Incarnation, LeaderInformation, LeaderSessionId,
    Name, Revision, SessionId, SessionToken,
};
use super::name_service::Peer;
use super::time::Moment;
use super::wire::message::ClientMessage;

pub use links::ConnectFailure;
use requests::Request;
pub use requests::{Answer, RequestKind};

/// The client's session machine, the same for every engine.
///
/// Drive it with `handle_*`, each with the present moment, and after each call take all
/// [`Session::poll_output`] and carry them out in order, then be back by [`Session::poll_timeout`]
/// with [`Session::handle_timeout`].
///
/// It keeps the client's side of P1: it counts the lease from when a renewal was *sent*, for a
/// little less than the server waits, and gives up leadership by its own clock. The shell hands the
/// [`Deadlines`] to whoever asks for has-leadership, so that no thread has to notice first.
///
/// It connects when somebody stands in an election, watches or asks something, and says goodbye
/// when nobody does any more. Until then it retries for ever.
pub struct Session {
    settings: Settings,
    rng: ChaCha8Rng,
    next_connection: u64,
    next_candidacy: u64,
    identity: Option<Identity>,
    /// Highest epoch ever seen (R13), and the revision of the incarnation seen last (R14).
    highest_epoch: Epoch,
    seen: Option<(Incarnation, Revision)>,
    link: Option<Link>,
    attempt: Option<Attempt>,
    outage: Option<Outage>,
    retries: u32,
    /// Connections in a row that ended right after their welcome.
    brief_links: u32,
    retry_at: Moment,
    lease_end: Moment,
    elections: BTreeMap<Name, Candidate>,
    watches: BTreeMap<Name, Watched>,
    requests: BTreeMap<u64, Request>,
    next_request: u64,
    /// Who this is to the store, over all sessions (R16).
    client: ClientId,
    /// The sequence of the last write.
    next_sequence: u64,
    /// The highest epoch granted to this client in incarnations that are over: what was decided
    /// under it is void.
    former_epoch: Epoch,
    /// The highest granted to it in the present one.
    granted_epoch: Epoch,
    stalled: bool,
    /// Whether there is a name service to connect to.
    bound: bool,
    /// Without the name service since then (R18).
    without_since: Option<Moment>,
    last_deadlines: Deadlines,
    outputs: VecDeque<Output>,
}

/// What the session is told once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespace; none for an observer.
    pub namespace: Option<Name>,
    /// A label for status and logs.
    pub name: Name,
    /// What is asked for.
    pub timing: Timing,
    /// How elections are shared.
    pub mode: Mode,
    /// How long a retriever without the name service keeps its value; none: for ever.
    pub retrieval_timeout: Option<Duration>,
}

/// Until when the client leads what it was granted; the earlier of the two counts (R2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// The end of the lease.
    pub lease: Moment,
    /// The last moment the connection was found open, and 80 % of the grace.
    pub link: Moment,
}

impl Deadlines {
    /// Nothing is led.
    pub const OVER: Deadlines =
        Deadlines { lease: Moment::from_nanos(0), link: Moment::from_nanos(0) };
}

/// What the shell is to do, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Open a connection to the name service; answer with [`Session::handle_connected`] or
    /// [`Session::handle_connect_failed`].
    Connect {
        /// Its number.
        conn: ConnectionId,
    },
    /// Send.
    Send {
        /// Where to.
        conn: ConnectionId,
        /// What.
        message: ClientMessage,
    },
    /// Close, after what was sent is written. What still comes from it means nothing.
    Close {
        /// Which.
        conn: ConnectionId,
    },
    /// Look whether the connection is open, and answer with [`Session::handle_open`] if so.
    CheckOpen {
        /// Which.
        conn: ConnectionId,
    },
    /// New deadlines.
    Deadlines(Deadlines),
    /// The candidate leads.
    Granted {
        /// Which election.
        election: Name,
        /// The standing of [`Command::Join`] that it answers.
        standing: u64,
        /// Under which id.
        id: LeaderSessionId,
    },
    /// The candidate leads no more.
    Revoked {
        /// Which election.
        election: Name,
        /// Under which epoch it did.
        epoch: Epoch,
        /// Why, in words.
        reason: String,
    },
    /// The name service refuses the client, or one candidate: only somebody can mend that.
    Failed {
        /// The candidate; none: all.
        election: Option<Name>,
        /// Why.
        error: Error,
    },
    /// The present value of a component.
    Value {
        /// Which.
        component: Name,
        /// None: no leader.
        leader: Option<LeaderInformation>,
    },
    /// The answer to a request.
    Answer {
        /// Which.
        request: u64,
        /// The answer.
        result: Result<Answer, Error>,
    },
    /// Something to log.
    Log(log::Level, String),
}

/// Who the client is to the name service.
#[derive(Clone, Copy)]
struct Identity {
    incarnation: Incarnation,
    session: SessionId,
    token: SessionToken,
    attempts: u64,
    timing: Timing,
}

/// The connection that carries the session.
struct Link {
    conn: ConnectionId,
    peer: Peer,
    direct: bool,
    timing: Timing,
    /// Last found open (R2).
    open_at: Moment,
    check_at: Moment,
    next_sequence: u64,
    /// Sent and not answered.
    unanswered: VecDeque<(u64, Moment)>,
    heartbeat_at: Moment,
    welcomed_at: Moment,
}

impl Link {
    /// Whether the grace may end the session, so that the client looks often (R2). Under the least
    /// safe grace there is no time to look (R4).
    fn is_looked_at(&self) -> bool {
        self.peer != Peer::Local && self.direct && self.timing.grace_is_safe()
    }
}

/// A connection on its way to carry the session.
struct Attempt {
    conn: ConnectionId,
    peer: Option<Peer>,
    hello_at: Moment,
    give_up_at: Moment,
}

/// The connection that carried the session has ended, and none has taken its place.
struct Outage {
    /// Last found open.
    open_at: Moment,
    peer: Peer,
    direct: bool,
    timing: Timing,
    /// The very server refuses connections: it is down and can grant nothing (R3).
    refused: bool,
}

#[derive(Default)]
struct Candidate {
    /// As the contenders count.
    standing: u64,
    candidacy: Candidacy,
    leading: Option<LeaderSessionId>,
    /// Never leads under this or an earlier epoch of the present incarnation again (R7).
    given_up: Epoch,
    /// What is published under the present epoch.
    components: BTreeMap<Name, bytes::Bytes>,
}

#[derive(Default)]
struct Watched {
    value: Option<Option<LeaderInformation>>,
    revision: Revision,
    /// To be asked for anew: until then what comes is not taken for the present value.
    forgotten: bool,
}

impl Session {
    /// A client that has nothing to do yet; not `bound`, it has no name service to connect to.
    pub fn new(settings: Settings, bound: bool, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha8Rng::from_seed(seed);
        let random = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
        let client = ClientId(random.max(1));
        Session {
            settings,
            rng,
            next_connection: 0,
            next_candidacy: 0,
            identity: None,
            highest_epoch: Epoch(0),
            seen: None,
            link: None,
            attempt: None,
            outage: None,
            retries: 0,
            brief_links: 0,
            retry_at: Moment::default(),
            lease_end: Moment::default(),
            elections: BTreeMap::new(),
            watches: BTreeMap::new(),
            requests: BTreeMap::new(),
            next_request: 0,
            client,
            next_sequence: 0,
            former_epoch: Epoch(0),
            granted_epoch: Epoch(0),
            stalled: false,
            bound,
            without_since: None,
            last_deadlines: Deadlines::OVER,
            outputs: VecDeque::new(),
        }
    }

    /// A command of the contenders.
    pub fn handle_command(&mut self, now: Moment, command: Command) {
        match command {
            Command::Join { election, standing } => self.join(election, standing),
            Command::Leave { election } => self.leave(&election),
            Command::Publish { election, epoch, component, address } => {
                self.publish(&election, epoch, component, address);
            }
            Command::Withdraw { election, epoch, component } => {
                self.withdraw(&election, epoch, component);
            }
        }
        self.settle(now);
    }

    /// The moment of [`Session::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.step_down_when_over(now);
        self.tend_link(now);
        self.tend_attempt(now);
        self.forget_values_when_over(now);
        self.give_up_requests(now);
        self.settle(now);
    }

    /// Ends the session with a goodbye. The machine is not to be used afterwards, but for its
    /// outputs.
    pub fn handle_close(&mut self, now: Moment) {
        self.elections.clear();
        self.watches.clear();
        self.fail_requests(&Error::Closed("the client"));
        self.settle(now);
    }

    /// From here on another name service is meant, or none: the session at the present one ends,
    /// and to contenders and retrievers the other is a new incarnation.
    pub fn handle_endpoint_changed(&mut self, now: Moment, bound: bool) {
        self.bound = bound;
        self.part(now, "the client was moved to another name service");
        // What was sent may lie unread there still, and the other may be the same under another
        // session: a second copy could be refused, and the first be applied after it (R16).
        self.fail_writes("the client was moved to another name service, it was sent to the former");
        self.forget_values();
        self.retry_at = now;
        self.retries = 0;
        self.settle(now);
    }

    /// What the shell is to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Session::handle_timeout`] next.
    pub fn poll_timeout(&self) -> Option<Moment> {
        let mut earliest = Moment::NEVER;
        let mut consider = |moment: Moment| earliest = earliest.min(moment);
        if let Some(link) = &self.link
            && link.peer != Peer::Local
        {
            consider(link.heartbeat_at);
            if self.attempt.is_none() {
                consider(self.silent_at(link).max(self.retry_at));
            }
            if self.leads() && link.is_looked_at() {
                consider(link.check_at);
            }
        }
        match &self.attempt {
            Some(attempt) => consider(attempt.give_up_at),
            None if self.link.is_none() && self.is_wanted() && self.bound => {
                consider(self.retry_at);
            }
            None => {}
        }
        if self.leads() {
            consider(self.leads_until());
        }
        consider(self.values_over_at());
        self.requests.values().for_each(|request| consider(request.give_up_at));
        (earliest != Moment::NEVER).then_some(earliest)
    }

    /// Whether the name service is connected and has welcomed this client.
    pub fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// The session at the name service, with what was settled for it.
    pub fn session(&self) -> Option<(SessionId, Timing)> {
        self.identity.map(|identity| (identity.session, identity.timing))
    }

    /// What the name service calls itself.
    pub fn incarnation(&self) -> Option<Incarnation> {
        self.seen.map(|(incarnation, _)| incarnation)
    }

    /// The elections stood in, with the id under which each is led.
    pub fn elections(&self) -> impl Iterator<Item = (&Name, Option<LeaderSessionId>)> {
        self.elections.iter().map(|(name, candidate)| (name, candidate.leading))
    }

    fn is_wanted(&self) -> bool {
        !self.elections.is_empty() || !self.watches.is_empty() || !self.requests.is_empty()
    }

    /// Connected, but without a session: it may only ask.
    fn is_observer(&self) -> bool {
        self.link.is_some() && self.identity.is_none()
    }

    fn may_connect(&self) -> bool {
        self.bound && self.attempt.is_none()
    }

    fn leads(&self) -> bool {
        self.elections.values().any(|candidate| candidate.leading.is_some())
    }

    /// What every input ends with: connect or part as is wanted, and publish the deadlines.
    fn settle(&mut self, now: Moment) {
        if !self.is_wanted() {
            self.part(now, "nothing is wanted of it");
        } else if self.may_connect() && self.link.is_none() && self.retry_at <= now {
            self.connect(now);
        }
        self.say_requests(now);
        let deadlines = if self.leads() { self.deadlines() } else { Deadlines::OVER };
        if deadlines != self.last_deadlines {
            self.last_deadlines = deadlines;
            // Before anything that the same input made: who hears of a grant finds it in force.
            self.outputs.push_front(Output::Deadlines(deadlines));
        }
    }

    fn send(&mut self, message: ClientMessage) {
        use ClientMessage::{Query, Resign, Status, Write};
        let asks = matches!(message, Status { .. } | Resign { .. } | Query { .. } | Write { .. });
        if self.is_observer() && !asks {
            // It would be refused, connection and all.
            return;
        }
        if let Some(link) = &self.link {
            self.outputs.push_back(Output::Send { conn: link.conn, message });
        }
    }

    fn log(&mut self, level: log::Level, text: impl Into<String>) {
        self.outputs.push_back(Output::Log(level, text.into()));
    }

    /// A pause before the next attempt: at once, then 25 ms doubling to 1 s, of which a random half
    /// is left out so that clients do not come all together.
    fn pause(&mut self) -> Duration {
        if self.retries == 0 {
            return Duration::ZERO;
        }
        let full =
            Duration::from_millis(25 << (self.retries - 1).min(6)).min(Duration::from_secs(1));
        full / 2 + full.mul_f64((self.rng.next_u32() % 1000) as f64 / 2000.0)
    }
}
