//! A client's process: what the shell does around the session machine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use leaderserver::core::config::Mode;
use leaderserver::core::contenders::{Command, Contenders, RegistrationId};
use leaderserver::core::error::Error;
use leaderserver::core::ids::{ConnectionId, Epoch, LeaderInformation, Name};
use leaderserver::core::name_service::Peer;
use leaderserver::core::session::{
    Answer, ConnectFailure, Deadlines, Output, RequestKind, Session, Settings,
};
use leaderserver::core::time::Moment;
use leaderserver::core::wire::message::{ClientMessage, ServerMessage};
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
    links: BTreeMap<ConnectionId, u64>,
    scheduled: bool,
    generation: u64,
    timer: Option<u64>,
    /// When its machine was last told something: what it wants to do now is of that moment.
    pub driven: Moment,
    /// The task was interrupted while it carried out what its machine wants, in answer to this.
    busy: Option<Cause>,
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
    fn schedule(&mut self, i: usize) {
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

    /// Carries out what a test made the machine want.
    pub fn carry_out_of(&mut self, i: usize) {
        self.carry_out_all(i, Cause::Other);
    }

    fn carry_out_all(&mut self, i: usize, cause: Cause) {
        while let Some(output) = self.processes[i].session.poll_output() {
            self.carry_out_one(i, output, cause);
        }
    }

    /// Answers whether it came to an end. Between any two things that the task does, other threads
    /// may do something: its users go on, and the contenders are behind a lock that is held for one
    /// of them only.
    fn carry_out(&mut self, i: usize, cause: Cause) -> bool {
        loop {
            if self.setup.preempt > 0 && self.once_in(self.setup.preempt) {
                self.processes[i].busy = Some(cause);
                let wait = self.pick(self.setup.preempt_for);
                self.after(wait, Event::GoOn { process: i });
                return false;
            }
            let Some(output) = self.processes[i].session.poll_output() else { return true };
            self.carry_out_one(i, output, cause);
        }
    }

    /// The task goes on where it was interrupted.
    pub(crate) fn go_on(&mut self, i: usize) {
        if self.postpone(i, Event::GoOn { process: i }) {
            return;
        }
        let Some(cause) = self.processes[i].busy.take() else { return };
        self.count("the task is interrupted between its machine and its users");
        if self.carry_out(i, cause) {
            self.processes[i].watchdog.settled();
            self.turn(i, Cause::Other);
            self.schedule(i);
        }
    }

    fn carry_out_one(&mut self, i: usize, output: Output, cause: Cause) {
        let now = self.now;
        self.trace.note(now, "does", [i as u64, 0], || format!("p{i} {output:?}"));
        let process = &mut self.processes[i];
        let moment = process.clock.at(now);
        match output {
            Output::Connect { conn } => {
                process.watchdog.attempt = Some(conn);
                process.connects += 1;
                self.connect(i, conn);
            }
            Output::Send { conn, message } => {
                self.check_said(i, &message);
                let process = &mut self.processes[i];
                if let ClientMessage::SteppedDown { epoch, .. } = &message
                    && !process.led.contains(epoch)
                {
                    self.truth.seen.count("a grant is given back, for the lease is over");
                }
                if let Some(&link) = process.links.get(&conn) {
                    process.watchdog.sent(process.driven, conn, &message);
                    self.send_to_server(link, message);
                }
            }
            Output::Close { conn } => {
                process.watchdog.attempt.take_if(|attempt| *attempt == conn);
                if let Some(link) = process.links.remove(&conn) {
                    self.close_by_client(link);
                }
            }
            Output::CheckOpen { conn } => {
                let link = process.links.get(&conn).and_then(|link| self.net.links.get(link));
                if link.is_some_and(|link| link.client_open) {
                    process.watchdog.looked(moment, conn);
                    process.session.handle_open(moment, conn, moment);
                }
            }
            Output::Deadlines(deadlines) => {
                let until = |deadlines: Deadlines| deadlines.lease.min(deadlines.link);
                let was_over = until(process.deadlines) <= moment;
                let leads = process.users.keys().any(|&id| process.contenders.told(id).is_some());
                process.deadlines = deadlines;
                if was_over && leads && until(deadlines) > moment {
                    self.truth.seen.count("has-leadership ends and comes back without a revoke");
                }
                self.check_leader(i);
            }
            Output::Granted { election, standing, id } => {
                self.spring(When::Granting, i);
                let process = &mut self.processes[i];
                process.led.insert(id.epoch);
                let affected = process.contenders.handle_granted(&election, standing, id);
                if affected.is_empty() {
                    self.count("a grant meets a leave between the task and its contenders");
                }
                self.tell(i, &affected);
                self.check_leader(i);
            }
            Output::Revoked { election, epoch, reason } => {
                self.spring(When::Revoking, i);
                self.check_revocation(i, &election, epoch, &reason);
                self.count_revocation(&reason);
                let process = &mut self.processes[i];
                let affected = process.contenders.handle_revoked(&election, epoch, &reason);
                self.tell(i, &affected);
                self.check_leader(i);
            }
            Output::Failed { election, error } => {
                let affected = process.contenders.handle_failed(election.as_ref(), &error);
                self.tell(i, &affected);
            }
            Output::Value { component, leader } => {
                self.check_value(i, leader.is_some(), cause);
                self.value(i, &component, leader);
            }
            Output::Answer { request, result } => {
                process.answers.push((request, result.clone()));
                let era = process.answered_in;
                self.truth.history.returned(i, request, era, &result);
                self.count_answer(&result);
                self.check_answer(i, request, &result);
            }
            Output::Log(..) => {}
        }
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
