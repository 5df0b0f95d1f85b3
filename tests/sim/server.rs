//! The server's process: what the shell does around [`NameService`].

use std::collections::VecDeque;
use std::time::Duration;

use leaderserver::core::config::ServerConfig;
use leaderserver::core::ids::{ConnectionId, Epoch, SessionId};
use leaderserver::core::name_service::{ConnectionEnd, NameService, Output, Peer};
use leaderserver::core::wire::message::{ClientMessage, ServerMessage};
use leaderserver::core::wire::status::{ElectionStatus, Status};
use rand_chacha::rand_core::RngCore;

use crate::clock::{Clock, SEC, nanos};
use crate::net::Route;
use crate::world::{Event, World, name};

/// A server that runs.
pub struct ServerProcess {
    pub service: NameService,
    pub clock: Clock,
    pub listening: bool,
    pub paused: bool,
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
}

/// What a wall clock shows when the world begins, in milliseconds.
const WALL_CLOCK_MS: u64 = 1_700_000_000_000;

impl World {
    /// A clock of somebody's own.
    pub(crate) fn any_clock(&mut self) -> Clock {
        if !self.setup.drift {
            return Clock::new(0, 0);
        }
        let most = Clock::MOST_PPM;
        let ppm = match self.rng.next_u64() % 4 {
            0 => -most,
            1 => most,
            _ => (self.rng.next_u64() % (2 * most as u64 + 1)) as i64 - most,
        };
        Clock::new(self.rng.next_u64() % (1_000_000 * SEC), ppm)
    }

    /// Starts a server that remembers nothing.
    pub fn start_server(&mut self, cold: bool) {
        let wall = WALL_CLOCK_MS + self.now / 1_000_000;
        self.start_server_with(cold, Epoch(wall));
    }

    /// Starts a server whose wall clock gives this epoch.
    pub fn start_server_with(&mut self, cold: bool, first_epoch: Epoch) {
        assert!(self.server.is_none(), "one server at a time");
        self.lives += 1;
        let clock = self.any_clock();
        let config = ServerConfig {
            max_session_timeout: self.setup.max_session_timeout,
            cold,
            ..ServerConfig::default()
        };
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let service = NameService::new(&config, seed, first_epoch, clock.at(self.now));
        self.truth.server_started(self.lives, service.incarnation());
        self.say("server starts", [self.lives, u64::from(cold)], || format!("cold {cold}"));
        self.server = Some(ServerProcess {
            service,
            clock,
            listening: true,
            paused: false,
            inbox: VecDeque::new(),
            scheduled: false,
            generation: 0,
            timer: None,
        });
        self.set_server_timer();
    }

    /// kill -9; with `host`, the power of its host fails, and nobody is told.
    pub fn kill_server(&mut self, host: bool) {
        self.say("server killed", [u64::from(host), 0], || format!("with its host: {host}"));
        self.server = None;
        if host {
            let open: Vec<u64> = self.net.links.keys().copied().collect();
            for link in open {
                let local = self.net.links[&link].route == Route::Local;
                if !local {
                    self.lose(link);
                }
            }
        }
        self.kernel_closes_server();
        let local = |process: &crate::process::Process| process.route == Route::Local;
        let here = (0..self.processes.len()).filter(|&i| local(&self.processes[i]));
        for process in here.collect::<Vec<_>>() {
            self.kill(process);
        }
    }

    /// Stops it as an operator does: first it ends granting, then it closes its listener.
    pub fn stop_server(&mut self) {
        self.say("server stops", [0; 2], String::new);
        self.run_server();
        let now = self.now;
        let server = self.server.as_mut().expect("a server runs");
        server.service.handle_stopping(server.clock.at(now));
        self.drain_server();
        self.server = None;
        self.kernel_closes_server();
    }

    pub fn pause_server(&mut self, duration: Duration) {
        self.say("server paused", [nanos(duration), 0], || format!("{duration:?}"));
        self.server.as_mut().expect("a server runs").paused = true;
        self.after(nanos(duration), Event::WakeServer);
    }

    pub(crate) fn wake_server(&mut self) {
        let Some(server) = &mut self.server else { return };
        if !std::mem::take(&mut server.paused) {
            return;
        }
        self.say("server wakes", [0; 2], String::new);
        if self.once_in(2) {
            // The shell may come to its timer before it comes to its sockets.
            self.server_timeout();
        }
        self.run_server();
    }

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
        while let Some(input) = self.server.as_mut().and_then(|server| server.inbox.pop_front()) {
            self.handle_server_input(input);
            self.drain_server();
        }
        self.server_timeout();
        self.sweep();
    }

    fn handle_server_input(&mut self, input: Input) {
        let (now, life) = (self.now, self.lives);
        if let Input::Message(link, message) = &input {
            self.write_received(*link, message);
        }
        let Some(server) = &mut self.server else { return };
        let moment = server.clock.at(now);
        let of_this_life = |link: u64| self.net.links.get(&link).is_none_or(|l| l.life == life);
        match input {
            Input::Connected(link, peer) if of_this_life(link) => {
                server.service.handle_connected(moment, ConnectionId(link), peer);
            }
            Input::Message(link, message) if of_this_life(link) => {
                self.truth.server_received(link, &message, moment);
                let (kind, words) = ("server receives", || format!("{link} {message:?}"));
                self.trace.note(now, kind, [link, 0], words);
                server.service.handle_message(moment, ConnectionId(link), message);
            }
            Input::Ended(link, end) if of_this_life(link) => {
                self.truth.connection_ended(link, end, moment);
                let (kind, words) = ("server sees end", || format!("{link} {end:?}"));
                self.trace.note(now, kind, [link, 0], words);
                server.service.handle_disconnected(moment, ConnectionId(link), end);
            }
            _ => {}
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
                Output::Close { conn } => self.close_by_server(conn.0),
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
        if let Some((process, life)) = self.net.links.get(&to.0).map(|l| (l.process, l.life)) {
            let namespace = self.processes[process].namespace.clone();
            let now = self.server.as_ref().expect("it sends").clock.at(self.now);
            self.truth.server_sent(process, &namespace, (life, to.0, now), &message);
        }
        if let ServerMessage::Written { request, result } = &message {
            self.check_written(to.0, *request, result);
        }
        self.say("server sends", [to.0, 0], || format!("{} {message:?}", to.0));
        self.send_to_client(to.0, message);
    }

    // --- Its timer

    fn server_timeout(&mut self) {
        let now = self.now;
        for _ in 0..100 {
            let Some(server) = &mut self.server else { return };
            let moment = server.clock.at(now);
            if server.service.poll_timeout().is_none_or(|at| at > moment) {
                return self.set_server_timer();
            }
            server.service.handle_timeout(moment);
            self.drain_server();
        }
        self.fail("no spinning", "the name service wants to be called again and again");
    }

    fn set_server_timer(&mut self) {
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
            self.server_timeout();
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
        asked
    }

    // --- Its state

    /// The present status, of all namespaces.
    pub fn status(&self) -> Status {
        let server = self.server.as_ref().expect("a server runs");
        server.service.status(server.clock.at(self.now), None)
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
