//! The name service: sessions, elections, leader information and watches of all namespaces.

mod events;
mod handshake;
mod journal;
mod leadership;
mod replies;
mod restore;
mod sessions;
mod status;
mod store;
mod watches;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use journal::Journal;

pub use events::{Ended, ServerEvent};
pub use journal::DataStatus;
pub use store::FENCE_KEPT;

use super::config::{Mode, ServerConfig, Timing};
use super::election::Election;
use super::error::Refusal;
use super::ids::{
    ConnectionId, Epoch, Incarnation, LeaderInformation, Name, Revision, SessionId, SessionToken,
};
use super::store::{Store, StoreLimits};
use super::time::Moment;
use super::wire::message::{Addresses, ClientMessage, ServerMessage};

/// No client may push the epoch above this (R13): enough is left for as long as anybody asks.
const HIGHEST_CLAIMED_EPOCH: Epoch = Epoch(1 << 61);

/// How much one session may hold. Generous: a limit is for what goes wrong.
const MAX_PER_SESSION: usize = 200_000;

/// The machine behind a LeaderServer.
///
/// Drive it with `handle_*`, each with the present moment (which never goes back), and after each
/// call take all [`NameService::poll_output`] and carry them out in order, then be back by
/// [`NameService::poll_timeout`] with [`NameService::handle_timeout`]. Coming back late is safe:
/// sessions live longer, never shorter.
///
/// It keeps its side of P1 by ending a session no earlier than its whole time-out after the last
/// renewal *received*, or its whole grace after a disconnect of a direct peer was received (R1);
/// the client counts from earlier moments and stops earlier.
pub struct NameService {
    incarnation: Incarnation,
    only_namespace: Option<Name>,
    max_session_timeout: Duration,
    started: Moment,
    /// Remote candidates are granted from here on (R12).
    remote_from: Moment,
    stopping: bool,
    rng: ChaCha12Rng,
    last_epoch: Epoch,
    last_session: SessionId,
    revision: Revision,
    connections: BTreeMap<ConnectionId, Connection>,
    sessions: BTreeMap<SessionId, Session>,
    namespaces: BTreeMap<Name, Namespace>,
    /// By namespace. Outlive their namespace's last session, for the fences and the answers.
    stores: BTreeMap<Name, Store>,
    store_limits: StoreLimits,
    /// Fences, by namespace and election, that nobody stands behind and that fence no keys; since
    /// when, and in that order.
    idle_fences: BTreeMap<(Name, Name), Moment>,
    idle_since: BTreeSet<(Moment, (Name, Name))>,
    /// When to look for what the stores need not keep any more.
    sweep_at: Moment,
    /// None: nothing is durable.
    journal: Option<Journal>,
    /// A client has seen more of this state than is known here (R14).
    old_copy: bool,
    /// When to look at a session again; at most one entry per session, never later than its end.
    timers: BTreeSet<(Moment, SessionId)>,
    outputs: VecDeque<Output>,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Somebody in this process.
    Local,
    /// Somebody over the network, with the two ends as seen from here.
    Remote(Addresses),
}

/// How a connection ended (R1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// A FIN or RST of the peer was received.
    Peer,
    /// Anything else: a time-out, a write error, a bad frame, a limit, our own close.
    Other,
}

/// What the shell is to do, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send to one connection.
    Send {
        /// Where to.
        to: ConnectionId,
        /// What.
        message: ServerMessage,
    },
    /// Send the same to many.
    Broadcast {
        /// Where to.
        to: Vec<ConnectionId>,
        /// What.
        message: ServerMessage,
    },
    /// Close, once what was sent is written. Nothing that comes from it afterwards has an effect.
    Close {
        /// Which.
        conn: ConnectionId,
    },
    /// Something to log.
    Log(ServerEvent),
}

struct Connection {
    peer: Peer,
    role: Role,
    /// The batch of records that its welcome waits for.
    welcome: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Role {
    /// It has not said hello.
    New,
    /// It may ask for the status.
    Observer,
    /// It carries a session.
    Session(SessionId),
    /// It was refused, superseded or has said goodbye: its input is thrown away (R6).
    Done,
}

struct Session {
    token: SessionToken,
    name: Name,
    namespace: Name,
    timing: Timing,
    attempt: u64,
    conn: Option<ConnectionId>,
    /// In this process: ends with its connection and never by time.
    local: bool,
    direct: bool,
    peer: Option<String>,
    opened: Moment,
    /// Ends then, unless renewed.
    deadline: Moment,
    /// The moment of its entry in `timers`.
    timer: Moment,
    elections: BTreeSet<Name>,
    watches: BTreeSet<Name>,
    /// While the client says first what it wants: what it has named so far.
    sync: Option<Sync>,
    /// The last request to resign that was carried out.
    resigned: u64,
    /// It has stood in an election: it is known after a restart, too.
    recorded: bool,
}

impl Session {
    /// As it is before somebody is connected.
    fn new(
        token: SessionToken,
        name: Name,
        namespace: Name,
        timing: Timing,
        opened: Moment,
    ) -> Self {
        Session {
            token,
            name,
            namespace,
            timing,
            attempt: 0,
            conn: None,
            local: false,
            direct: false,
            peer: None,
            opened,
            deadline: Moment::NEVER,
            timer: Moment::NEVER,
            elections: BTreeSet::new(),
            watches: BTreeSet::new(),
            sync: None,
            resigned: 0,
            recorded: false,
        }
    }
}

#[derive(Default)]
struct Sync {
    elections: BTreeSet<Name>,
    components: BTreeSet<Name>,
    watches: BTreeSet<Name>,
}

#[derive(Default)]
struct Namespace {
    mode: Option<Mode>,
    elections: BTreeMap<Name, Election>,
    components: BTreeMap<Name, Component>,
    sessions: usize,
}

#[derive(Default)]
struct Component {
    published: Option<Published>,
    revision: Revision,
    watchers: BTreeSet<SessionId>,
}

struct Published {
    election: Name,
    leader: LeaderInformation,
}

impl NameService {
    /// A name service without durable state: nothing is known, a new incarnation begins.
    ///
    /// `first_epoch` comes from the wall clock (R13); `seed` from the system's randomness.
    pub fn new(config: &ServerConfig, seed: [u8; 32], first_epoch: Epoch, now: Moment) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        let incarnation = Incarnation(random_u128(&mut rng).max(1));
        let wait = if config.cold { Duration::ZERO } else { config.max_session_timeout };
        NameService {
            incarnation,
            only_namespace: config.namespace.clone(),
            max_session_timeout: config.max_session_timeout,
            started: now,
            remote_from: now + wait,
            stopping: false,
            rng,
            last_epoch: first_epoch,
            last_session: SessionId(0),
            revision: Revision(0),
            connections: BTreeMap::new(),
            sessions: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            stores: BTreeMap::new(),
            store_limits: config.store_limits,
            idle_fences: BTreeMap::new(),
            idle_since: BTreeSet::new(),
            sweep_at: Moment::NEVER,
            journal: None,
            old_copy: false,
            timers: BTreeSet::new(),
            outputs: VecDeque::new(),
        }
    }

    /// This life's id.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// A connection was accepted. The number must not have been used before.
    pub fn handle_connected(&mut self, _now: Moment, conn: ConnectionId, peer: Peer) {
        self.connections.insert(conn, Connection { peer, role: Role::New, welcome: 0 });
    }

    /// A message arrived. Never fails: what can't be used is answered with a refusal.
    pub fn handle_message(&mut self, now: Moment, conn: ConnectionId, message: ClientMessage) {
        let Some(connection) = self.connections.get(&conn) else { return };
        match (connection.role.clone(), message) {
            (Role::Done, _) => {}
            (Role::New, ClientMessage::Hello(hello)) => self.hello(now, conn, *hello),
            (Role::New, _) => self.refuse(conn, Refusal::Protocol, "the first frame must be Hello"),
            (_, ClientMessage::Status { request }) => self.answer_status(now, conn, request),
            (Role::Session(session), message) => self.session_message(now, session, message),
            (Role::Observer, ClientMessage::Goodbye) => self.finish(conn),
            (Role::Observer, ClientMessage::SyncEnd) => {}
            (Role::Observer, ClientMessage::Heartbeat { sequence }) => {
                self.send(conn, ServerMessage::HeartbeatAck { sequence });
            }
            (Role::Observer, ClientMessage::Resign { request, election, .. }) => {
                self.refuse_request(conn, request, Some(election));
            }
            (
                Role::Observer,
                ClientMessage::Query { request, .. } | ClientMessage::Write { request, .. },
            ) => self.refuse_request(conn, request, None),
            (Role::Observer, _) => self.refuse(
                conn,
                Refusal::Protocol,
                "an observer may only ask for the status: name a namespace",
            ),
        }
    }

    /// A connection ended, after all that was received from it has been handed in.
    pub fn handle_disconnected(&mut self, now: Moment, conn: ConnectionId, end: ConnectionEnd) {
        let Some(connection) = self.connections.remove(&conn) else { return };
        self.forget_connection(conn);
        if let Role::Session(session) = connection.role {
            self.session_disconnected(now, session, end);
        }
    }

    /// The moment of [`NameService::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Moment) {
        while let Some(&(moment, session)) = self.timers.first()
            && moment <= now
        {
            self.timers.pop_first();
            self.session_timer(now, session);
        }
        if self.remote_from != Moment::NEVER && self.remote_from <= now {
            self.settled();
            self.grant_everywhere(now);
        }
        self.sweep(now);
        self.look_at_disk(now);
    }

    /// The server stops: from here on nothing is granted (R3), and nobody new is welcome.
    pub fn handle_stopping(&mut self, _now: Moment) {
        self.stopping = true;
    }

    /// The leader of an election is asked to step down; with a target, that session is next (R8).
    ///
    /// Answers whether somebody leads and was asked.
    pub fn handle_resign(
        &mut self,
        namespace: &Name,
        election: &Name,
        target: Option<SessionId>,
        reason: &str,
    ) -> bool {
        self.ask_to_step_down(namespace, election, target, reason)
    }

    /// What the shell is to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`NameService::handle_timeout`] next.
    pub fn poll_timeout(&self) -> Option<Moment> {
        let timer = self.timers.first().map(|&(moment, _)| moment);
        let remote = (self.remote_from != Moment::NEVER).then_some(self.remote_from);
        let sweep = (self.sweep_at != Moment::NEVER).then_some(self.sweep_at);
        timer.into_iter().chain(remote).chain(sweep).chain(self.journal_timeout()).min()
    }

    fn session_message(&mut self, now: Moment, session: SessionId, message: ClientMessage) {
        match message {
            ClientMessage::Heartbeat { sequence } => self.heartbeat(now, session, sequence),
            ClientMessage::Join { election, mode, candidacy } => {
                self.join(now, session, election, mode, candidacy);
            }
            ClientMessage::Leave { election } => self.leave(now, session, &election),
            ClientMessage::SteppedDown { election, epoch } => {
                self.stepped_down(now, session, &election, epoch);
            }
            ClientMessage::Publish { election, epoch, component, address } => {
                self.publish(session, election, epoch, component, address);
            }
            ClientMessage::Withdraw { election, epoch, component } => {
                self.withdraw(session, &election, epoch, &component);
            }
            ClientMessage::Watch { component } => self.watch(session, component),
            ClientMessage::Unwatch { component } => self.unwatch(session, &component),
            ClientMessage::SyncEnd => self.sync_end(now, session),
            ClientMessage::Goodbye => self.goodbye(now, session),
            ClientMessage::Resign { request, election, epoch, target } => {
                self.resign_request(now, session, request, &election, epoch, target.as_ref());
            }
            ClientMessage::Query { request, query } => self.query(session, request, &query),
            ClientMessage::Write { request, write } => self.write(now, session, request, &write),
            ClientMessage::Hello(_) | ClientMessage::Status { .. } => {
                if let Some(conn) = self.session(session).conn {
                    self.refuse(conn, Refusal::Protocol, "hello was said already");
                }
            }
        }
    }

    fn session(&self, id: SessionId) -> &Session {
        self.sessions.get(&id).expect(LIVES)
    }

    fn session_mut(&mut self, id: SessionId) -> &mut Session {
        self.sessions.get_mut(&id).expect(LIVES)
    }

    fn namespace_mut(&mut self, session: SessionId) -> &mut Namespace {
        let name = &self.sessions.get(&session).expect(LIVES).namespace;
        self.namespaces.get_mut(name).expect("a session's namespace exists while it lives")
    }
}

/// Why a session that is looked up is there.
const LIVES: &str = "a connection's role names only living sessions";

fn random_u128(rng: &mut ChaCha12Rng) -> u128 {
    u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64())
}
