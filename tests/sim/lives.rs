//! The server's lives: it starts, stops, stands still, and is killed.

use std::time::Duration;

use leaderserver::core::config::ServerConfig;
use leaderserver::core::ids::Epoch;
use leaderserver::core::name_service::NameService;
use rand_chacha::rand_core::RngCore;

use crate::clock::{Clock, SEC, nanos};
use crate::disk::Disk;
use crate::net::{Direction, Route};
use crate::process::Process;
use crate::server::ServerProcess;
use crate::world::{Event, World};

/// What a wall clock shows when the world begins, in milliseconds.
const WALL_CLOCK_MS: u64 = 1_700_000_000_000;

/// How long a stopping server waits for its disk.
const RECORD_PATIENCE: u64 = 5 * SEC;

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

    /// Starts a server: one that remembers nothing or, where there is a disk, what is on it.
    pub fn start_server(&mut self, cold: bool) {
        let wall = self.wall_clock();
        self.start_server_with(cold, Epoch(wall));
    }

    /// What a wall clock shows that nobody has set, in milliseconds.
    pub fn wall_clock(&self) -> u64 {
        WALL_CLOCK_MS + self.now / 1_000_000
    }

    /// Starts a server whose wall clock gives this epoch.
    pub fn start_server_with(&mut self, cold: bool, first_epoch: Epoch) {
        assert!(self.server.is_none(), "one server at a time");
        self.lives += 1;
        // Also where the disk is the same: moments mean nothing to another process.
        let clock = self.any_clock();
        let config = ServerConfig {
            max_session_timeout: self.setup.max_session_timeout,
            cold,
            ..ServerConfig::default()
        };
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let now = clock.at(self.now);
        let service = match &self.disk {
            None => NameService::new(&config, seed, first_epoch, now),
            Some(disk) => {
                let records = disk.records();
                NameService::restore(&config, seed, first_epoch, now, records)
                    .expect("what was recorded belongs together")
            }
        };
        let incarnation = service.incarnation();
        let goes_on = self.check_incarnation(incarnation);
        if !goes_on {
            self.era += 1;
        }
        self.say("server starts", [self.lives, u64::from(cold)], || {
            format!("cold {cold}, incarnation {incarnation}, goes on: {goes_on}")
        });
        self.server = Some(ServerProcess::new(service, clock));
        if self.disk.is_some() && !self.record_at_start() {
            // It says so and ends.
            self.count("a server does not start, for its disk takes nothing");
            self.say("server refuses to start", [0; 2], String::new);
            self.era -= u64::from(!goes_on);
            self.server = None;
            return;
        }
        self.count(match (goes_on, self.disk.is_some()) {
            (true, _) => "a server goes on with what its disk has",
            (false, true) => "a server begins with a new data directory",
            (false, false) => "a server begins that remembers nothing",
        });
        self.truth.server_started(self.era, incarnation);
        self.truth.eras_of_lives.insert(self.lives, self.era);
        if !goes_on && self.disk.as_ref().is_some_and(Disk::has_keys) {
            self.truth.history.inherited.insert(self.era);
        }
        if goes_on {
            self.sessions_go_on();
            self.check_restored();
        }
        self.drain_server();
        self.record();
        self.set_server_timer();
    }

    /// kill -9; with `host`, the power of its host fails, and nobody is told.
    pub fn kill_server(&mut self, host: bool) {
        self.count(if host {
            "fault: the server's host is lost"
        } else {
            "fault: the server is killed"
        });
        self.say("server killed", [u64::from(host), 0], || format!("with its host: {host}"));
        self.crash_disk();
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
        let local = |process: &Process| process.route == Route::Local;
        let here = (0..self.processes.len()).filter(|&i| local(&self.processes[i]));
        for process in here.collect::<Vec<_>>() {
            self.kill(process);
        }
    }

    pub(crate) fn killed_by_trap(&mut self, life: u64) {
        if self.lives == life && self.server.is_some() {
            let host = self.once_in(3);
            self.kill_server(host);
        }
    }

    /// Stops it as an operator does: first it ends granting, then it has all recorded, then it
    /// closes its listener. A durable one has stopped when it is gone.
    pub fn stop_server(&mut self) {
        self.count("fault: the server is stopped");
        self.say("server stops", [0; 2], String::new);
        self.run_server();
        let now = self.now;
        let server = self.server.as_mut().expect("a server runs");
        server.service.handle_stopping(server.clock.at(now));
        server.stopping = true;
        self.drain_server();
        self.after(RECORD_PATIENCE, Event::StopServer { life: self.lives });
        self.go_on_stopping(false);
    }

    /// Waits until all is recorded that was done so far; not for a disk that takes nothing.
    pub(crate) fn go_on_stopping(&mut self, failed: bool) {
        if !failed {
            self.record();
        }
        let server = self.server.as_ref().expect("it stops");
        if failed || server.service.is_recorded() {
            self.end_stopping(self.lives);
        }
    }

    pub(crate) fn end_stopping(&mut self, life: u64) {
        let stops = self.server.as_ref().is_some_and(|server| server.stopping);
        if self.lives != life || !stops {
            return;
        }
        self.say("server has stopped", [0; 2], String::new);
        // What is on its way is waited for, unless somebody loses patience.
        self.crash_disk();
        self.server = None;
        self.kernel_closes_server();
    }

    pub fn pause_server(&mut self, duration: Duration) {
        self.count("fault: the server is stopped for a while and goes on");
        self.pause_server_for(duration);
    }

    /// Its whole machine is suspended: what is sent to it comes some retransmission later.
    pub fn suspend_server(&mut self, duration: Duration) {
        self.count("fault: the server's machine is suspended");
        self.net.host_suspended = true;
        self.pause_server_for(duration);
    }

    fn pause_server_for(&mut self, duration: Duration) {
        self.say("server paused", [nanos(duration), 0], || format!("{duration:?}"));
        self.server.as_mut().expect("a server runs").paused = true;
        self.after(nanos(duration), Event::WakeServer);
    }

    pub(crate) fn wake_server(&mut self) {
        if std::mem::take(&mut self.net.host_suspended) {
            (0..self.processes.len()).for_each(|i| self.retransmit(i, Direction::ToServer));
        }
        let Some(server) = &mut self.server else { return };
        if !std::mem::take(&mut server.paused) {
            return;
        }
        let stopping = server.stopping;
        self.say("server wakes", [0; 2], String::new);
        if self.once_in(2) && !stopping {
            // The shell may come to its timer before it comes to its sockets.
            self.server_timeout();
        }
        self.run_server();
    }
}
