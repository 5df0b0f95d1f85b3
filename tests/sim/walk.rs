//! The random walk: everything that may happen, at any moment, from one seed.

use std::time::Duration;

use leaderserver::core::contenders::RegistrationId;
use leaderserver::core::records::StoredRecord;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::clock::{MS, nanos};
use crate::net::Route;
use crate::users::Manners;
use crate::world::World;

mod faults;
mod keys;
mod run;
mod servers;
mod setup;
mod stores;
mod users;

/// How many processes live at once, at the most.
const MOST_PROCESSES: usize = 5;

/// What is left of a walk.
struct Walked {
    world: World,
}

impl Walked {
    /// One seed, one history: equal ones have equal numbers.
    fn history(&self) -> (u64, u64) {
        (self.world.trace.hash(), self.world.trace.steps())
    }
}

fn walk(seed: u64, loud: bool) -> Walked {
    let mut walker = Walker::new(seed, loud);
    for _ in 0..walker.steps {
        let pause = walker.pause();
        walker.world.run_for(Duration::from_nanos(pause));
        walker.do_something();
    }
    walker.end_well();
    Walked { world: walker.world }
}

/// What decides; with a generator of its own, so that what happens in the world does not turn it.
struct Walker {
    world: World,
    rng: ChaCha8Rng,
    steps: u64,
    /// Things follow each other within milliseconds.
    churn: bool,
    /// What there is to contend for.
    components: Vec<String>,
    /// The contenders are in the server's process (`jobmanager:`), and nowhere else.
    in_job_manager: bool,
    /// How many keys were thought of.
    keys: u64,
    /// Who only asks for the status.
    observer: Option<usize>,
    /// A backup of the data directory.
    backup: Option<Vec<StoredRecord>>,
}

impl Walker {
    fn new(seed: u64, loud: bool) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(!seed);
        let in_job_manager = rng.next_u64() % 8 == 0;
        let setup = setup::any(seed, loud, &mut rng);
        // A new data directory may have had another before it (R12).
        let cold = setup.disk.is_none() || rng.next_u64() % 4 > 0;
        let churn = rng.next_u64() % 8 == 0;
        let long = rng.next_u64() % 32 == 0;
        let steps = if long { 300 + rng.next_u64() % 300 } else { 15 + rng.next_u64() % 61 };
        let components = setup::components(&mut rng);
        if loud {
            println!("{setup:?}, in the JobManager: {in_job_manager}, churn: {churn}");
        }
        let mut world = World::empty(setup);
        for (is, what) in [
            (in_job_manager, "world: the contenders are in the server's process"),
            (components.len() > 3, "world: many components"),
            (churn, "world: churn"),
            (long, "world: a long walk"),
        ] {
            if is {
                world.count(what);
            }
        }
        setup::count(&mut world);
        world.start_server(cold);
        let (keys, observer, backup) = (0, None, None);
        let mut walker =
            Walker { world, rng, steps, churn, components, in_job_manager, keys, observer, backup };
        if in_job_manager {
            walker.start_job_manager();
        }
        for _ in 0..2 + walker.pick(2) {
            walker.new_process();
        }
        walker
    }

    fn pick(&mut self, most: u64) -> u64 {
        self.rng.next_u64() % (most + 1)
    }

    fn one_of<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() {
            return None;
        }
        let place = self.pick(from.len() as u64 - 1) as usize;
        Some(from[place].clone())
    }

    fn component(&mut self) -> String {
        let place = self.pick(self.components.len() as u64 - 1) as usize;
        self.components[place].clone()
    }

    fn session_timeout(&self) -> u64 {
        nanos(self.world.setup.timing.session_timeout)
    }

    fn living(&self) -> Vec<usize> {
        let processes = &self.world.processes;
        let lives =
            |i: &usize| processes[*i].alive && !processes[*i].closed && self.observer != Some(*i);
        (0..processes.len()).filter(lives).collect()
    }

    /// A process that lives, if there is one.
    fn somebody(&mut self) -> Option<usize> {
        let living = self.living();
        self.one_of(&living)
    }

    fn somebody_remote(&mut self) -> Option<usize> {
        let remote = |i: &usize| self.world.processes[*i].route != Route::Local;
        let living: Vec<usize> = self.living().into_iter().filter(remote).collect();
        self.one_of(&living)
    }

    /// Somebody whose users can do something now.
    fn somebody_awake(&mut self) -> Option<usize> {
        let i = self.somebody()?;
        let process = &self.world.processes[i];
        (!process.paused && !process.collecting).then_some(i)
    }

    fn some_contender(&mut self) -> Option<(usize, RegistrationId)> {
        let i = self.somebody_awake()?;
        let ids: Vec<RegistrationId> = self.world.processes[i].users.keys().copied().collect();
        Some((i, self.one_of(&ids)?))
    }

    fn somebodys_link(&mut self) -> Option<u64> {
        let i = self.somebody_remote()?;
        let links = self.world.links_of(i);
        self.one_of(&links)
    }

    /// Before the next thing happens.
    fn pause(&mut self) -> u64 {
        let settled = self.world.setup.timing;
        match self.pick(if self.churn { 15 } else { 3 }) {
            0 => self.pick(20 * MS),
            1 => self.pick(nanos(settled.session_timeout) / 2),
            2 | 3 => self.pick(nanos(settled.disconnect_grace) + 50 * MS),
            _ => self.pick(3 * MS),
        }
    }

    // --- What happens

    fn do_something(&mut self) {
        let durable = self.world.disk.is_some();
        if self.world.server.is_none() && self.pick(if durable { 1 } else { 3 }) == 0 {
            return self.restart_server();
        }
        match self.pick(if durable { 169 } else { 151 }) {
            0..12 => self.contend(),
            12..20 => self.close_contender(),
            20..21 => self.abandon(),
            21..24 => self.confirm_something(),
            24..31 => self.watch(),
            31..34 => self.unwatch(),
            34..38 => self.new_process(),
            38..42 => self.lose_process(),
            42..44 => self.close_client(),
            44..48 => self.stop_server(),
            48..51 => self.pause_server(),
            51..59 => self.pause_process(),
            59..67 => self.partition(),
            67..75 => self.heal(),
            75..85 => self.break_link(),
            85..88 => self.stall(),
            88..90 => self.collect_garbage(),
            90..96 => self.operate(),
            96..98 => self.rebind(),
            98..100 => self.take_something(),
            100..116 => self.write(),
            116..120 => self.read(),
            120..132 => self.hot_key(),
            132..134 => self.observe(),
            134..137 => self.slow_network(),
            137..139 => self.isolate(),
            139..142 => self.start_again(),
            142..150 => self.lay_ambush(),
            152.. => self.trouble_with_disk(),
            _ => {}
        }
    }

    // --- The end

    fn end_well(&mut self) {
        self.world.ambush = None;
        self.world.mend_server();
        if self.world.server.is_none() {
            self.restart_server();
        }
        self.world.setup.delay = (MS / 5, MS);
        self.world.setup.latency = (1_000, MS / 10);
        self.world.setup.preempt_for = (1_000, MS / 10);
        self.world.mend();
        for process in &mut self.world.processes {
            process.users.values_mut().for_each(|user| user.manners = Manners::default());
        }
        self.world.check_led_in_time();
        // Whoever still sits in a callback comes out of it, and those behind it are told.
        let session = self.world.setup.timing.session_timeout;
        self.world.run_for(session * 4 + Duration::from_secs(1));
        self.world.check_well();
        self.world.check_linearizable();
        if self.pick(3) == 0 {
            self.world.check_nothing_left();
        }
    }
}
