//! The server's process: what the shell does around [`NameService`].

use std::collections::{BTreeSet, VecDeque};

use leaderserver::core::ids::{ConnectionId, SessionId};
use leaderserver::core::name_service::{ConnectionEnd, NameService, Output, Peer};
use leaderserver::core::wire::message::{ClientMessage, ServerMessage};
use leaderserver::core::wire::status::{ElectionStatus, Status};

use crate::clock::Clock;
use crate::disk::Trap;
use crate::world::{Event, World, name};

/// A server that runs.
pub struct ServerProcess {
    pub service: NameService,
    pub clock: Clock,
    pub listening: bool,
    pub paused: bool,
    /// It stops, and waits for its disk.
    pub stopping: bool,
    /// The connections that it has closed: what is still said to them is not sent.
    closed: BTreeSet<u64>,
    /// The heartbeat that is to be answered now, and on which connection.
    unacked: Option<(u64, u64)>,
    inbox: VecDeque<Input>,
    scheduled: bool,
    generation: u64,
    timer: Option<u64>,
}

/// What reaches it, by the world's number of the connection.
pub enum Input {
    Connected(u64, Peer),
    Message(u64, ClientMessage),
    Ended(u64, ConnectionEnd),
    /// A batch is durable, or why it is not.
    Committed(u64, Result<(), String>),
}

impl ServerProcess {
    pub fn new(service: NameService, clock: Clock) -> Self {
        ServerProcess {
            service,
            clock,
            listening: true,
            paused: false,
            stopping: false,
            closed: BTreeSet::new(),
            unacked: None,
            inbox: VecDeque::new(),
            scheduled: false,
            generation: 0,
            timer: None,
        }
    }
}

impl World {
    pub(crate) fn server_input(&mut self, input: Input) {
        let latency = self.latency();
        let Some(server) = &mut self.server else { return };
        server.inbox.push_back(input);
        if !std::mem::replace(&mut server.scheduled, true) {
            self.after(latency, Event::RunServer);
        }
    }

    pub(crate) fn run_server(&mut self) {
        let Some(server) = &mut self.server else { return };
        if server.paused {
            return;
        }
        server.scheduled = false;
        let mut failed = false;
        let mut committed = false;
        while let Some(input) = self.server.as_mut().and_then(|server| server.inbox.pop_front()) {
            failed |= matches!(input, Input::Committed(_, Err(_)));
            committed |= matches!(input, Input::Committed(..));
            self.handle_server_input(input);
            self.drain_server();
            self.check_acked();
        }
        if self.server.as_ref().is_some_and(|server| server.stopping) {
            return self.go_on_stopping(failed);
        }
        self.server_timeout();
        self.record();
        if committed {
            self.trap(Trap::After);
        }
        self.sweep();
    }

    fn handle_server_input(&mut self, input: Input) {
        let (now, life) = (self.now, self.lives);
        let of_this_life = |link: u64| self.net.links.get(&link).is_none_or(|l| l.life == life);
        match input {
            Input::Connected(link, _) | Input::Message(link, _) | Input::Ended(link, _)
                if !of_this_life(link) =>
            {
                return;
            }
            Input::Committed(number, _) if !self.batch_is_over(number) => return,
            _ => {}
        }
        if let Input::Message(link, message) = &input {
            self.write_received(*link, message);
            self.expect_ack(*link, message);
        }
        let Some(server) = &mut self.server else { return };
        let moment = server.clock.at(now);
        match input {
            Input::Connected(link, peer) => {
                server.service.handle_connected(moment, ConnectionId(link), peer);
            }
            Input::Message(link, message) => {
                self.truth.server_received(link, &message, moment);
                let (kind, words) = ("server receives", || format!("{link} {message:?}"));
                self.trace.note(now, kind, [link, 0], words);
                server.service.handle_message(moment, ConnectionId(link), message);
            }
            Input::Ended(link, end) => {
                self.truth.connection_ended(link, end, moment);
                let (kind, words) = ("server sees end", || format!("{link} {end:?}"));
                self.trace.note(now, kind, [link, 0], words);
                server.service.handle_disconnected(moment, ConnectionId(link), end);
            }
            Input::Committed(_, Ok(())) => server.service.handle_committed(moment),
            Input::Committed(_, Err(reason)) => {
                server.service.handle_commit_failed(moment, &reason);
            }
        }
    }

    // --- Heartbeats are answered at once, however slow the disk (R11)

    /// A heartbeat on the connection that carries the session is to be answered in this very step.
    fn expect_ack(&mut self, link: u64, message: &ClientMessage) {
        let carries = self.truth.carries(link);
        let Some(server) = &mut self.server else { return };
        server.unacked = match message {
            ClientMessage::Heartbeat { sequence } if carries && !server.closed.contains(&link) => {
                Some((link, *sequence))
            }
            _ => None,
        };
    }

    fn check_acked(&mut self) {
        let unacked = self.server.as_mut().and_then(|server| server.unacked.take());
        if let Some((link, sequence)) = unacked {
            self.fail("R11", &format!("heartbeat {sequence} of {link} is not answered at once"));
        }
    }

    /// Carries out what the machine wants.
    pub(crate) fn drain_server(&mut self) {
        let mut changed = false;
        while let Some(output) = self.server.as_mut().and_then(|s| s.service.poll_output()) {
            match output {
                Output::Send { to, message } => self.server_sends(to, message),
                Output::Broadcast { to, message } => {
                    assert!(!to.is_empty(), "a message to nobody");
                    to.into_iter().for_each(|to| self.server_sends(to, message.clone()));
                }
                Output::Close { conn } => {
                    self.server.as_mut().expect("it closes").closed.insert(conn.0);
                    self.close_by_server(conn.0);
                }
                Output::Log(event) => {
                    changed = true;
                    self.say("server log", [0; 2], || event.to_string());
                    self.server_event(&event);
                }
            }
        }
        if changed || self.once_in(16) {
            self.check_server();
        }
    }

    fn server_sends(&mut self, to: ConnectionId, message: ServerMessage) {
        let era = self.era;
        let server = self.server.as_mut().expect("it sends");
        if server.closed.contains(&to.0) {
            return;
        }
        if let ServerMessage::HeartbeatAck { sequence } = &message {
            server.unacked.take_if(|unacked| *unacked == (to.0, *sequence));
        }
        let now = server.clock.at(self.now);
        let link = self.net.links.get(&to.0).map(|link| (link.process, link.server_open));
        if let Some((process, open)) = link {
            let namespace = self.processes[process].namespace.clone();
            if open {
                self.check_shown(&namespace, to.0, &message);
            }
            self.truth.server_sent(process, &namespace, (era, to.0, now), &message);
        }
        if let ServerMessage::Written { request, result } = &message
            && (result.is_ok() || link.is_some_and(|(_, open)| open))
        {
            // On a connection that is gone no refusal is heard, and the retry is judged anew.
            self.check_written(to.0, *request, result);
        }
        self.say("server sends", [to.0, 0], || format!("{} {message:?}", to.0));
        self.send_to_client(to.0, message);
    }

    // --- Its timer

    pub(crate) fn server_timeout(&mut self) {
        let now = self.now;
        for _ in 0..100 {
            let Some(server) = &mut self.server else { return };
            let moment = server.clock.at(now);
            if server.service.poll_timeout().is_none_or(|at| at > moment) {
                return self.set_server_timer();
            }
            server.service.handle_timeout(moment);
            self.drain_server();
            self.record();
        }
        self.fail("no spinning", "the name service wants to be called again and again");
    }

    pub(crate) fn set_server_timer(&mut self) {
        let life = self.lives;
        let Some(server) = &mut self.server else { return };
        let at = server.service.poll_timeout().map(|moment| server.clock.when(moment));
        if at == server.timer {
            return;
        }
        server.timer = at;
        server.generation += 1;
        let generation = server.generation;
        if let Some(at) = at {
            let late = self.latency();
            self.at(at + late, Event::ServerTimer { life, generation });
        }
    }

    pub(crate) fn server_timer(&mut self, life: u64, generation: u64) {
        let Some(server) = &mut self.server else { return };
        if self.lives == life && server.generation == generation && !server.paused {
            server.timer = None;
            if !server.stopping {
                self.server_timeout();
                self.record();
            }
        }
    }

    /// An operator at the server asks the leader to step down, for a target or for anybody.
    /// Answers whether somebody leads.
    pub fn operator_resigns(&mut self, election: &str, target: Option<SessionId>) -> bool {
        let server = self.server.as_mut().expect("a server runs");
        let (namespace, election) = (name("/flink"), name(election));
        let asked =
            server.service.handle_resign(&namespace, &election, target, "an operator asked");
        self.drain_server();
        self.record();
        asked
    }

    // --- Its state

    /// The present status, of all namespaces.
    pub fn status(&self) -> Status {
        let server = self.server.as_ref().expect("a server runs");
        server.service.status(server.clock.at(self.now), None)
    }

    /// Its revision; of a server that does not run, none.
    pub fn status_revision(&self) -> u64 {
        let server = self.server.as_ref();
        server.map_or(0, |server| server.service.status(server.clock.at(self.now), None).revision)
    }

    /// One election, as the server has it.
    pub fn election(&self, election: &str) -> Option<ElectionStatus> {
        let namespaces = self.status().namespaces.into_iter();
        namespaces.flat_map(|n| n.elections).find(|found| found.election == election)
    }

    /// What is published for a component.
    pub fn published(&self, component: &str) -> Option<String> {
        let namespaces = self.status().namespaces.into_iter();
        let mut components = namespaces.flat_map(|n| n.components);
        let found = components.find(|found| found.component == component)?;
        (!found.leader_session_id.is_empty()).then_some(found.address)
    }
}
