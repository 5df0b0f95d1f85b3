//! A client's process: what the shell does around the session machine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use leaderserver::core::config::Mode;
use leaderserver::core::contenders::{Command, Contenders, RegistrationId};
use leaderserver::core::error::Error;
use leaderserver::core::ids::{ConnectionId, Epoch, LeaderInformation, Name};
use leaderserver::core::name_service::Peer;
use leaderserver::core::session::{
    Answer, ConnectFailure, Deadlines, RequestKind, Session, Settings,
};
use leaderserver::core::time::Moment;
use leaderserver::core::wire::message::ServerMessage;
use rand_chacha::rand_core::RngCore;

use crate::ambush::When;
use crate::check::flapping::Watchdog;
use crate::clock::Clock;
use crate::net::Route;
use crate::users::{Contender, Watcher};
use crate::world::{Event, World, name};

/// One process with one client.
pub struct Process {
    pub name: Name,
    pub namespace: Name,
    pub route: Route,
    pub mode: Mode,
    pub clock: Clock,
    pub alive: bool,
    pub paused: bool,
    /// With its whole machine: nothing reaches it, and its timers stand still.
    pub suspended: bool,
    /// Its JVM collects garbage: native threads go on, its users do nothing.
    pub collecting: bool,
    /// Closed by its user.
    pub closed: bool,
    pub session: Session,
    pub contenders: Contenders,
    pub deadlines: Deadlines,
    /// Those who have registered.
    pub users: BTreeMap<RegistrationId, Contender>,
    pub watchers: BTreeMap<u64, Watcher>,
    pub next_watch: u64,
    pub components: BTreeMap<Name, Watched>,
    pub watchdog: Watchdog,
    /// How often it has tried to connect.
    pub connects: u64,
    pub answers: Vec<(u64, Result<Answer, Error>)>,
    /// The era of the server that it has heard last.
    pub answered_in: u64,
    /// The epochs under which its session machine has led.
    pub led: BTreeSet<Epoch>,
    /// Whether its events are fetched (P9), and what waits for that.
    pub fetching: bool,
    pub unfetched: Vec<Event>,
    pub stall_generation: u64,
    pub stalled: bool,
    inbox: VecDeque<Input>,
    asks: VecDeque<Ask>,
    pub(crate) links: BTreeMap<ConnectionId, u64>,
    scheduled: bool,
    generation: u64,
    timer: Option<u64>,
    /// When its machine was last told something: what it wants to do now is of that moment.
    pub driven: Moment,
    /// The task was interrupted while it carried out what its machine wants, in answer to this.
    pub(crate) busy: Option<Cause>,
    pub postponed: Vec<Event>,
    /// What its users do once the garbage is collected.
    pub uncollected: Vec<Event>,
}

/// What is known of a component, for those who begin to watch it.
#[derive(Default)]
pub struct Watched {
    pub value: Option<Option<LeaderInformation>>,
    pub watches: Vec<u64>,
}

/// What its connections bring.
#[derive(Debug)]
pub enum Input {
    Connected(ConnectionId, u64, Peer),
    Failed(ConnectionId, ConnectFailure),
    Message(ConnectionId, ServerMessage),
    Ended(ConnectionId),
}

/// What its users ask of the task that owns the machine.
#[derive(Debug)]
pub enum Ask {
    Command(Command),
    Watch(Name),
    Unwatch(Name),
    Request(RequestKind, Duration),
    Bound(bool),
    Pulse,
    Close,
}

/// What the session machine was told when it said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A word of the name service on a component.
    Value,
    /// The name service welcomed it.
    Welcome,
    /// It was moved to another name service.
    Moved,
    Other,
}

impl World {
    /// A process with a direct way to the server.
    pub fn process(&mut self, label: &str) -> usize {
        self.process_by(label, "/flink", Route::Direct)
    }

    pub fn process_by(&mut self, label: &str, namespace: &str, route: Route) -> usize {
        let clock = self.any_clock();
        let settings = Settings {
            namespace: (!namespace.is_empty()).then(|| name(namespace)),
            name: name(label),
            timing: self.setup.timing,
            mode: self.setup.mode,
            retrieval_timeout: self.setup.retrieval_timeout,
        };
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        self.processes.push(Process {
            name: name(label),
            namespace: settings.namespace.clone().unwrap_or_else(|| name("none")),
            route,
            mode: self.setup.mode,
            clock,
            alive: true,
            paused: false,
            suspended: false,
            collecting: false,
            closed: false,
            session: Session::new(settings, true, seed),
            contenders: Contenders::new(self.setup.mode),
            deadlines: Deadlines::OVER,
            users: BTreeMap::new(),
            watchers: BTreeMap::new(),
            next_watch: 0,
            components: BTreeMap::new(),
            watchdog: Watchdog::default(),
            connects: 0,
            answers: Vec::new(),
            answered_in: 0,
            led: BTreeSet::new(),
            fetching: true,
            unfetched: Vec::new(),
            stall_generation: 0,
            stalled: false,
            inbox: VecDeque::new(),
            asks: VecDeque::new(),
            links: BTreeMap::new(),
            scheduled: false,
            generation: 0,
            timer: None,
            driven: Moment::default(),
            busy: None,
            postponed: Vec::new(),
            uncollected: Vec::new(),
        });
        self.processes.len() - 1
    }

    // --- The task

    pub(crate) fn process_input(&mut self, i: usize, input: Input) {
        self.processes[i].inbox.push_back(input);
        self.schedule(i);
    }

    pub(crate) fn ask(&mut self, i: usize, ask: Ask) {
        self.processes[i].asks.push_back(ask);
        self.schedule(i);
    }

    /// What its users want waits in a queue, as what its connections bring: they go on meanwhile.
    pub(crate) fn schedule(&mut self, i: usize) {
        let latency = self.latency();
        if !std::mem::replace(&mut self.processes[i].scheduled, true) {
            self.after(latency, Event::Run { process: i });
        }
    }

    pub(crate) fn run_process(&mut self, i: usize) {
        if self.postpone(i, Event::Run { process: i }) {
            return;
        }
        self.processes[i].scheduled = false;
        loop {
            let process = &mut self.processes[i];
            if process.closed || process.busy.is_some() {
                return;
            }
            let cause = if let Some(input) = process.inbox.pop_front() {
                self.link_event(i, input)
            } else if let Some(ask) = process.asks.pop_front() {
                self.answer_ask(i, ask)
            } else {
                break;
            };
            self.turn(i, cause);
            if self.setup.one_at_a_time {
                // Its users do something before it comes to the next.
                if !self.processes[i].closed && self.processes[i].busy.is_none() {
                    self.schedule(i);
                }
                break;
            }
        }
        self.set_timer(i);
    }

    fn link_event(&mut self, i: usize, input: Input) -> Cause {
        self.say("told", [i as u64, 0], || format!("p{i} {input:?}"));
        let now = self.now;
        let process = &mut self.processes[i];
        let moment = process.clock.at(now);
        process.driven = moment;
        match input {
            Input::Connected(conn, link, peer) => {
                process.links.insert(conn, link);
                process.session.handle_connected(moment, conn, peer);
            }
            Input::Failed(conn, failure) => {
                process.watchdog.failed(conn, &failure);
                process.session.handle_connect_failed(moment, conn, &failure);
            }
            Input::Message(conn, message) => {
                if let Some(link) = process.links.get(&conn) {
                    process.watchdog.received(conn, &message);
                    let life = self.net.links.get(link).map_or(0, |link| link.life);
                    process.answered_in =
                        self.truth.eras_of_lives.get(&life).copied().unwrap_or_default();
                }
                let cause = match &message {
                    ServerMessage::Value { .. } => Cause::Value,
                    ServerMessage::Welcome(_) => Cause::Welcome,
                    _ => Cause::Other,
                };
                if cause == Cause::Welcome {
                    self.spring(When::Welcomed, i);
                }
                let process = &mut self.processes[i];
                process.session.handle_message(moment, conn, message);
                return cause;
            }
            Input::Ended(conn) => {
                process.links.remove(&conn);
                process.watchdog.told(conn);
                process.session.handle_disconnected(moment, conn, "it was closed");
            }
        }
        Cause::Other
    }

    fn answer_ask(&mut self, i: usize, ask: Ask) -> Cause {
        self.say("asked", [i as u64, 0], || format!("p{i} {ask:?}"));
        let now = self.now;
        let process = &mut self.processes[i];
        let moment = process.clock.at(now);
        process.driven = moment;
        match ask {
            Ask::Command(command) => process.session.handle_command(moment, command),
            Ask::Watch(component) => process.session.handle_watch(moment, component),
            Ask::Unwatch(component) => process.session.handle_unwatch(moment, &component),
            Ask::Request(kind, timeout) => {
                let request = process.session.handle_request(moment, kind.clone(), timeout);
                self.truth.history.invoked(i, request, &process.namespace, &kind);
            }
            Ask::Bound(bound) => {
                process.watchdog.moved(moment);
                process.session.handle_endpoint_changed(moment, bound);
                return Cause::Moved;
            }
            Ask::Pulse => process.session.handle_stalled(moment, false),
            Ask::Close => {
                process.session.handle_close(moment);
                self.carry_out_all(i, Cause::Other);
                self.processes[i].closed = true;
                self.kernel_closes(i);
            }
        }
        Cause::Other
    }

    /// What the task does after every event.
    pub(crate) fn turn(&mut self, i: usize, cause: Cause) {
        for _ in 0..100 {
            let now = self.now;
            let process = &mut self.processes[i];
            if process.closed || process.busy.is_some() {
                return;
            }
            let moment = process.clock.at(now);
            if process.session.poll_timeout().is_some_and(|at| at <= moment) {
                process.driven = moment;
                process.session.handle_timeout(moment);
            }
            if !self.carry_out(i, cause) {
                return;
            }
            let process = &mut self.processes[i];
            process.watchdog.settled();
            if process.session.poll_timeout().is_none_or(|at| at > moment) {
                return self.set_timer(i);
            }
        }
        self.fail(
            "no spinning",
            &format!("the session of p{i} wants to be called again and again"),
        );
    }

    /// What a look at the socket would show from now on.
    pub(crate) fn broken(&mut self, i: usize, conn: ConnectionId) {
        let now = self.now;
        let process = &mut self.processes[i];
        process.watchdog.broken(process.clock.at(now), conn);
    }

    // --- Its timer

    fn set_timer(&mut self, i: usize) {
        let process = &mut self.processes[i];
        let at = process.session.poll_timeout().map(|moment| process.clock.when(moment));
        if at == process.timer {
            return;
        }
        process.timer = at;
        process.generation += 1;
        let generation = process.generation;
        if let Some(at) = at {
            let late = self.latency();
            self.at(at + late, Event::ProcessTimer { process: i, generation });
        }
    }

    pub(crate) fn process_timer(&mut self, i: usize, generation: u64) {
        if self.postpone(i, Event::ProcessTimer { process: i, generation }) {
            return;
        }
        let process = &mut self.processes[i];
        if process.generation == generation && !process.closed {
            process.timer = None;
            if process.busy.is_some() {
                // It comes to its timers when it is done.
                return;
            }
            // The loop looks into its inbox first.
            self.run_process(i);
            self.turn(i, Cause::Other);
        }
    }

    pub(crate) fn keep_busy(&mut self, i: usize) {
        self.processes[i].busy.get_or_insert(Cause::Other);
    }

    pub(crate) fn is_busy(&self, i: usize) -> bool {
        self.processes[i].busy.is_some()
    }

    // --- Its state

    /// What its clock shows.
    pub fn moment(&self, i: usize) -> Moment {
        self.processes[i].clock.at(self.now)
    }
}
