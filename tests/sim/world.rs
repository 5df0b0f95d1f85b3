//! The world: virtual time, its events, and what a test calls.

use std::collections::BTreeMap;
use std::time::Duration;

use leaderserver::core::config::{Mode, Timing};
use leaderserver::core::contenders::RegistrationId;
use leaderserver::core::ids::{ConnectionId, LeaderSessionId, Name};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::ambush::{Act, When};
use crate::check::Truth;
use crate::clock::{MS, nanos};
use crate::disk::Disk;
use crate::net::{Direction, Net};
use crate::process::Process;
use crate::server::ServerProcess;
use crate::trace::Trace;

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    pub seed: u64,
    /// Whether to print the trace.
    pub loud: bool,
    /// What clients ask for.
    pub timing: Timing,
    pub mode: Mode,
    pub max_session_timeout: Duration,
    pub retrieval_timeout: Option<Duration>,
    pub stall_timeout: Duration,
    /// How long a packet takes one way, from and to, in nanoseconds.
    pub delay: (u64, u64),
    /// How long a process that has something to do is kept waiting, in nanoseconds.
    pub latency: (u64, u64),
    /// Whether clocks start anywhere and run apart.
    pub drift: bool,
    /// Whether a process takes one input at a time, with a pause after each.
    pub one_at_a_time: bool,
    /// Once in how many times the client's task is interrupted between two things that its machine
    /// wants (0: never), and for how long, in nanoseconds.
    pub preempt: u64,
    pub preempt_for: (u64, u64),
    /// Its servers are durable: how long a commit takes, from and to, in nanoseconds.
    pub disk: Option<(u64, u64)>,
    /// Whether somebody may start a server on a copy.
    pub old_copies: bool,
}

impl Default for Setup {
    fn default() -> Self {
        let timing = Timing::default();
        Setup {
            seed: 1,
            loud: true,
            timing,
            mode: Mode::PerProcess,
            max_session_timeout: Duration::from_secs(30),
            retrieval_timeout: Some(timing.session_timeout),
            stall_timeout: Duration::from_secs(60),
            delay: (MS / 5, MS),
            latency: (1_000, MS / 10),
            drift: true,
            one_at_a_time: false,
            preempt: 0,
            preempt_for: (1_000, MS),
            disk: None,
            old_copies: false,
        }
    }
}

/// Something that will happen.
#[derive(Clone, Debug)]
pub enum Event {
    /// A SYN is sent.
    Connect {
        process: usize,
        conn: ConnectionId,
        tries: u32,
    },
    /// Packets may have arrived.
    Arrive {
        link: u64,
        to: Direction,
    },
    /// The server has something to do.
    RunServer,
    /// The server's timer, of the generation that was set last.
    ServerTimer {
        life: u64,
        generation: u64,
    },
    WakeServer,
    KillServer {
        life: u64,
    },
    /// It loses patience with its disk.
    StopServer {
        life: u64,
    },
    /// The disk has finished a batch.
    Disk {
        batch: u64,
    },
    DiskGoesOn,
    /// A client's task has something to do.
    Run {
        process: usize,
    },
    ProcessTimer {
        process: usize,
        generation: u64,
    },
    Wake {
        process: usize,
    },
    /// A client's task that was interrupted goes on.
    GoOn {
        process: usize,
    },
    /// The garbage is collected.
    Collected {
        process: usize,
    },
    /// What was to happen at the worst moment.
    Ambush {
        process: usize,
        act: Act,
    },
    /// Events have not been fetched for the stall time-out.
    Stall {
        process: usize,
        generation: u64,
    },
    /// A contender comes to take its callback.
    Take {
        process: usize,
        id: RegistrationId,
    },
    /// A contender's callback returns.
    Done {
        process: usize,
        id: RegistrationId,
    },
    /// A contender confirms.
    Confirm {
        process: usize,
        id: RegistrationId,
        session: LeaderSessionId,
    },
    /// A retriever comes to take its value.
    TakeValue {
        process: usize,
        watch: u64,
    },
}

/// One server, some processes, and what lies between.
pub struct World {
    pub setup: Setup,
    /// Nanoseconds since the world began.
    pub now: u64,
    pub rng: ChaCha8Rng,
    pub net: Net,
    pub server: Option<ServerProcess>,
    /// Where its state outlives it; none: it remembers nothing.
    pub disk: Option<Disk>,
    /// How many servers there were, and how many incarnations.
    pub lives: u64,
    pub era: u64,
    pub processes: Vec<Process>,
    pub truth: Truth,
    pub trace: Trace,
    /// What happens at the worst moment, once.
    pub ambush: Option<(When, Act)>,
    /// How many events there were.
    pub events: u64,
    next_event: u64,
    queue: BTreeMap<(u64, u64), Event>,
}

impl World {
    /// A world without server and processes.
    pub fn empty(setup: Setup) -> Self {
        World {
            now: 0,
            rng: ChaCha8Rng::seed_from_u64(setup.seed),
            net: Net::default(),
            server: None,
            disk: setup.disk.map(Disk::new),
            lives: 0,
            era: 0,
            processes: Vec::new(),
            truth: Truth::default(),
            trace: Trace::new(setup.loud),
            ambush: None,
            events: 0,
            next_event: 0,
            queue: BTreeMap::new(),
            setup,
        }
    }

    /// A world with a cold server, which grants at once.
    pub fn new(setup: Setup) -> Self {
        let mut world = World::empty(setup);
        world.start_server(true);
        world
    }

    // --- Time

    pub fn after(&mut self, nanos: u64, event: Event) {
        self.next_event += 1;
        self.queue.insert((self.now + nanos, self.next_event), event);
    }

    pub fn at(&mut self, instant: u64, event: Event) {
        self.after(instant.saturating_sub(self.now), event);
    }

    /// Lets everything happen that happens within `duration`.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_to(self.now + nanos(duration));
    }

    pub fn run_to(&mut self, until: u64) {
        while self.step(until) {}
        self.now = self.now.max(until);
    }

    /// Lets things happen until `done`, and answers how long that took; fails after `limit`.
    pub fn run_until(
        &mut self,
        what: &str,
        limit: Duration,
        done: impl Fn(&World) -> bool,
    ) -> Duration {
        let started = self.now;
        let until = started + nanos(limit);
        while !done(self) {
            if !self.step(until) {
                self.fail("in time", &format!("{what} did not happen within {limit:?}"));
            }
        }
        Duration::from_nanos(self.now - started)
    }

    fn step(&mut self, until: u64) -> bool {
        let Some(entry) = self.queue.first_entry() else { return false };
        let (instant, _) = *entry.key();
        if instant > until {
            return false;
        }
        let event = entry.remove();
        self.now = instant;
        self.events += 1;
        self.happen(event);
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Connect { process, conn, tries } => self.try_to_connect(process, conn, tries),
            Event::Arrive { link, to } => self.arrive(link, to),
            Event::RunServer => self.run_server(),
            Event::ServerTimer { life, generation } => self.server_timer(life, generation),
            Event::WakeServer => self.wake_server(),
            Event::KillServer { life } => self.killed_by_trap(life),
            Event::StopServer { life } => self.end_stopping(life),
            Event::Disk { batch } => self.disk_finishes(batch),
            Event::DiskGoesOn => self.disk_goes_on(),
            Event::Wake { process } => self.wake(process),
            Event::GoOn { process } => self.go_on(process),
            Event::Collected { process } => self.collected(process),
            Event::Ambush { process, act } => self.act(process, act),
            Event::Run { process } => self.run_process(process),
            Event::ProcessTimer { process, generation } => self.process_timer(process, generation),
            Event::Stall { process, generation } => self.stall_timer(process, generation),
            Event::Take { process, id } => self.take(process, id),
            Event::Done { process, id } => self.done(process, id),
            Event::Confirm { process, id, session } => self.confirm(process, id, session),
            Event::TakeValue { process, watch } => self.take_value(process, watch),
        }
    }

    // --- Chance

    /// A number from a range, both ends included.
    pub fn pick(&mut self, (from, to): (u64, u64)) -> u64 {
        from + self.rng.next_u64() % (to - from + 1)
    }

    /// True once in `of` times.
    pub fn once_in(&mut self, of: u64) -> bool {
        self.rng.next_u64().is_multiple_of(of)
    }

    pub fn delay(&mut self) -> u64 {
        self.pick(self.setup.delay)
    }

    pub fn latency(&mut self) -> u64 {
        self.pick(self.setup.latency)
    }

    /// What server and clients settle on (R4).
    pub fn settled(&self) -> Timing {
        let session_timeout = self.setup.timing.session_timeout.min(self.setup.max_session_timeout);
        let disconnect_grace = self.setup.timing.disconnect_grace.min(session_timeout / 2);
        Timing { session_timeout, disconnect_grace }
    }

    // --- What goes wrong

    /// A promise was broken.
    pub fn fail(&self, promise: &str, text: &str) -> ! {
        panic!(
            "{promise}: {text} (seed {}, at {:?})",
            self.setup.seed,
            Duration::from_nanos(self.now)
        );
    }

    /// Something has happened that a walk is to come by.
    pub fn count(&mut self, what: &'static str) {
        self.truth.seen.count(what);
    }

    /// Something worth reading in a trace.
    pub fn say(&mut self, kind: &'static str, numbers: [u64; 2], words: impl FnOnce() -> String) {
        self.trace.note(self.now, kind, numbers, words);
    }
}

/// The name of an election, component or namespace.
pub fn name(text: &str) -> Name {
    Name::new("name", text).expect("names in tests are short")
}
