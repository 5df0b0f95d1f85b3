//! The random walk: everything that may happen, at any moment, from one seed.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use leaderserver::core::config::{Mode, Timing};
use leaderserver::core::contenders::{Callback, RegistrationId};
use leaderserver::core::ids::{Epoch, LeaderSessionId};
use leaderserver::core::records::StoredRecord;
use leaderserver::core::session::RequestKind;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::clock::{MS, SEC, ms, nanos};
use crate::net::{Direction, Route};
use crate::process::Ask;
use crate::users::Manners;
use crate::world::{Setup, World, name};

mod servers;
mod stores;

/// How many seeds are walked where `SEEDS` does not say.
const SEEDS: u64 = 3000;

const COMPONENTS: [&str; 3] = ["dispatcher", "resource_manager", "rest_server"];

/// How many processes live at once, at the most.
const MOST_PROCESSES: usize = 5;

#[test]
fn many_seeds() {
    let number = |key: &str| std::env::var(key).ok().map(|text| text.parse::<u64>().expect(key));
    if let Some(seed) = number("SEED") {
        walk(seed, true);
        return;
    }
    let from = number("FROM").unwrap_or(1);
    for seed in from..from + number("SEEDS").unwrap_or(SEEDS) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| walk(seed, false))) {
            println!("seed {seed} failed; again, with its trace (SEED={seed} does the same):");
            let again = catch_unwind(AssertUnwindSafe(|| walk(seed, true)));
            assert!(again.is_err(), "seed {seed} failed, but not again");
            resume_unwind(panic);
        }
    }
}

/// One seed, one history: what a replay rests on.
#[test]
fn a_seed_always_gives_the_same_history() {
    for seed in 1..40 {
        assert_eq!(walk(seed, false), walk(seed, false), "seed {seed}");
    }
}

/// Two different seeds give different histories: else the walk would walk one path.
#[test]
fn seeds_differ() {
    assert_ne!(walk(1, false), walk(2, false));
}

fn walk(seed: u64, loud: bool) -> (u64, u64) {
    let mut walker = Walker::new(seed, loud);
    let steps = 15 + walker.pick(60);
    for _ in 0..steps {
        let pause = match walker.pick(4) {
            0 => walker.pick(20 * MS),
            1 => walker.pick(nanos(walker.world.setup.timing.session_timeout) / 2),
            _ => walker.pick(nanos(walker.world.setup.timing.disconnect_grace) + 50 * MS),
        };
        walker.world.run_for(Duration::from_nanos(pause));
        walker.do_something();
    }
    walker.end_well();
    (walker.world.trace.hash(), walker.world.trace.steps())
}

/// What decides; with a generator of its own, so that what happens in the world does not turn it.
struct Walker {
    world: World,
    rng: ChaCha8Rng,
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
        let setup = any_setup(seed, loud, &mut rng);
        if loud {
            println!("{setup:?}, in the JobManager: {in_job_manager}");
        }
        // A new data directory may have had another before it (R12).
        let cold = setup.disk.is_none() || rng.next_u64() % 4 > 0;
        let mut world = World::empty(setup);
        world.start_server(cold);
        let mut walker =
            Walker { world, rng, in_job_manager, keys: 0, observer: None, backup: None };
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

    fn somebodys_link(&mut self) -> Option<u64> {
        let i = self.somebody_remote()?;
        let links = self.world.links_of(i);
        self.one_of(&links)
    }

    // --- What happens

    fn do_something(&mut self) {
        let durable = self.world.disk.is_some();
        if self.world.server.is_none() && self.pick(if durable { 1 } else { 3 }) == 0 {
            return self.restart_server();
        }
        match self.pick(if durable { 139 } else { 121 }) {
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
            48..50 => self.pause_server(),
            50..58 => self.pause_process(),
            58..66 => self.partition(),
            66..74 => self.heal(),
            74..84 => self.break_link(),
            84..88 => self.stall(),
            88..94 => self.operate(),
            94..96 => self.rebind(),
            96..98 => self.take_something(),
            100..116 => self.write(),
            116..120 => self.read(),
            120..122 => self.observe(),
            122.. => self.trouble_with_disk(),
            _ => {}
        }
    }

    fn contend(&mut self) {
        let whom = if self.in_job_manager {
            let local = |i: &usize| self.world.processes[*i].route == Route::Local;
            self.living().into_iter().find(local)
        } else {
            self.somebody()
        };
        let Some(i) = whom else { return };
        let component = self.one_of(&COMPONENTS).expect("there are some");
        let manners = self.manners();
        // One who contends for it already is refused, and nothing changes.
        let before = self.world.processes[i].contenders.len();
        if self.world.try_contend(i, component, manners).is_err() {
            assert_eq!(self.world.processes[i].contenders.len(), before);
        }
    }

    fn manners(&mut self) -> Manners {
        let session_timeout = self.session_timeout();
        let mut some = |long: u64| match self.rng.next_u64() % 4 {
            0 => (0, long),
            1 => (0, 20 * MS),
            _ => (1_000, MS / 10),
        };
        let (take, callback) = (some(session_timeout), some(2 * session_timeout));
        let confirm = Some(some(session_timeout)).filter(|(_, most)| most % 8 != 1);
        Manners { take, callback, confirm }
    }

    fn some_contender(&mut self) -> Option<(usize, RegistrationId)> {
        let i = self.somebody()?;
        let ids: Vec<RegistrationId> = self.world.processes[i].users.keys().copied().collect();
        Some((i, self.one_of(&ids)?))
    }

    fn close_contender(&mut self) {
        let Some((i, id)) = self.some_contender() else { return };
        if self.world.processes[i].paused {
            return;
        }
        let running = self.world.processes[i].users[&id].running > 0;
        let inside = running && self.pick(1) == 0;
        self.world.close(i, id, inside);
        if self.pick(2) == 0 {
            // Registered again at once, while the old one's revoke may still be out.
            let component = self.world.processes[i].users[&id].component.to_string();
            let manners = self.manners();
            // Another may have done so before.
            let _ = self.world.try_contend(i, &component, manners);
        }
    }

    fn abandon(&mut self) {
        if let Some((i, id)) = self.some_contender()
            && !self.world.processes[i].paused
        {
            self.world.abandon(i, id);
        }
    }

    /// Confirms late, twice, or under an id of its own making.
    fn confirm_something(&mut self) {
        let Some((i, id)) = self.some_contender() else { return };
        if self.world.processes[i].paused {
            return;
        }
        let grants: Vec<LeaderSessionId> = self
            .world
            .told(i, id)
            .into_iter()
            .filter_map(|callback| match callback {
                Callback::Grant(session) => Some(session),
                _ => None,
            })
            .collect();
        let made_up = LeaderSessionId { epoch: Epoch(self.pick(1 << 50)), low: 7 };
        let session = self.one_of(&grants).unwrap_or(made_up);
        self.world.confirm_now(i, id, session);
    }

    /// Comes for a callback without having been told that there is one.
    fn take_something(&mut self) {
        if let Some((i, id)) = self.some_contender() {
            self.world.take(i, id);
        }
    }

    fn watch(&mut self) {
        let Some(i) = self.somebody() else { return };
        let component = self.one_of(&COMPONENTS).expect("there are some");
        let take = self.manners().take;
        self.world.watch_with(i, component, take);
    }

    fn unwatch(&mut self) {
        let Some(i) = self.somebody() else { return };
        let watches: Vec<u64> = self.world.processes[i].watchers.keys().copied().collect();
        let Some(watch) = self.one_of(&watches) else { return };
        let component = self.world.processes[i].watchers[&watch].component.to_string();
        self.world.unwatch(i, watch);
        if self.pick(1) == 0 {
            self.world.watch(i, &component);
        }
    }

    fn new_process(&mut self) {
        if self.living().len() >= MOST_PROCESSES {
            return;
        }
        let route = if self.pick(4) == 0 { Route::Proxy } else { Route::Direct };
        let namespace = if self.pick(7) == 0 { "/other" } else { "/flink" };
        let label = format!("p{}", self.world.processes.len());
        let i = self.world.process_by(&label, namespace, route);
        let component = self.one_of(&COMPONENTS).expect("there are some");
        if self.in_job_manager || self.pick(3) == 0 {
            self.world.watch(i, component);
        } else {
            let manners = self.manners();
            self.world.contend_with(i, component, manners);
        }
    }

    fn lose_process(&mut self) {
        let Some(i) = self.somebody_remote() else { return };
        if self.pick(2) == 0 { self.world.lose_host(i) } else { self.world.kill(i) }
    }

    fn close_client(&mut self) {
        if let Some(i) = self.somebody_remote()
            && !self.world.processes[i].paused
        {
            self.world.close_client(i);
        }
    }

    fn start_job_manager(&mut self) {
        let label = format!("j{}", self.world.processes.len());
        let i = self.world.process_by(&label, "/flink", Route::Local);
        for component in COMPONENTS {
            let manners = self.manners();
            self.world.contend_with(i, component, manners);
        }
    }

    fn pause_process(&mut self) {
        let Some(i) = self.somebody_remote() else { return };
        let most = if self.pick(1) == 0 { self.session_timeout() * 3 / 2 } else { SEC / 2 };
        let pause = Duration::from_nanos(self.pick(most));
        if !self.world.processes[i].paused {
            self.world.pause(i, pause);
        }
    }

    fn partition(&mut self) {
        let Some(i) = self.somebody_remote() else { return };
        match self.pick(3) {
            0 => self.world.partition(i),
            1 => self.world.block(i, Direction::ToClient),
            2 => {
                let elsewhere = vec!["elsewhere:6130".to_owned()];
                let refused = if self.pick(1) == 0 { elsewhere } else { Vec::new() };
                self.world.net.failing.insert(i, refused);
            }
            _ => self.world.block(i, Direction::ToServer),
        }
    }

    fn heal(&mut self) {
        for i in self.living() {
            if self.world.is_partitioned(i) || self.world.net.failing.contains_key(&i) {
                return self.world.heal(i);
            }
        }
    }

    fn break_link(&mut self) {
        let Some(link) = self.somebodys_link() else { return };
        match self.pick(3) {
            0 => self.world.cut_by_server(link),
            1 => self.world.lose(link),
            _ => self.world.reset_at_client(link),
        }
    }

    fn stall(&mut self) {
        if let Some(i) = self.somebody()
            && !self.world.processes[i].paused
        {
            let fetching = !self.world.processes[i].fetching;
            self.world.set_fetching(i, fetching);
        }
    }

    /// An operator asks a leader to step down, here or over the wire.
    fn operate(&mut self) {
        let component = self.one_of(&COMPONENTS).expect("there are some");
        let election = self.world.setup.mode.election_of(&name(component));
        let target = self.somebody().map(|i| self.world.processes[i].name.clone());
        let target = target.filter(|_| self.pick(1) == 0);
        let Some(i) = self.somebody() else { return };
        let kind = if self.pick(3) == 0 {
            RequestKind::Status
        } else {
            RequestKind::Resign { election, epoch: None, target }
        };
        self.world.request(i, kind, ms(3000));
    }

    /// The client is moved away from its name service, or to it.
    fn rebind(&mut self) {
        if let Some(i) = self.somebody_remote() {
            self.world.ask(i, Ask::Bound(false));
            self.world.ask(i, Ask::Bound(true));
        }
    }

    // --- The end

    fn end_well(&mut self) {
        let session = self.world.setup.timing.session_timeout;
        self.world.mend_server();
        if self.world.server.is_none() {
            self.restart_server();
        }
        self.world.setup.delay = (MS / 5, MS);
        self.world.setup.latency = (1_000, MS / 10);
        self.world.mend();
        for process in &mut self.world.processes {
            process.users.values_mut().for_each(|user| user.manners = Manners::default());
        }
        let time = self.world.time_to_mend() + session * 4;
        self.world.run_for(time);
        self.world.check_well();
        if self.pick(3) == 0 {
            self.world.check_nothing_left();
        }
    }
}

fn any_setup(seed: u64, loud: bool, rng: &mut ChaCha8Rng) -> Setup {
    let mut pick = |from: &[u64]| from[(rng.next_u64() % from.len() as u64) as usize];
    let session = pick(&[300, 1_000, 1_000, 2_000, 3_000, 10_000]);
    let grace = pick(&[session / 2, session / 5, session / 10, 100, 100, 0]).min(session / 2);
    let timing = Timing { session_timeout: ms(session), disconnect_grace: ms(grace) };
    let delay = pick(&[1, 1, 5, 20, session / 50, session / 8]) * MS;
    let latency = pick(&[MS / 10, MS / 10, MS, 5 * MS, 60 * MS]);
    // A fast disk, a slow one, and one that takes as long as anything else.
    let disk = match pick(&[0, 0, 0, 1, 1, 2, 3]) {
        0 => None,
        1 => Some((MS / 50, MS / 2)),
        2 => Some((MS, 50 * MS)),
        _ => Some((MS, session / 2 * MS)),
    };
    let retrieval_timeout = match pick(&[0, 1, 1, 2, 3]) {
        0 => None,
        1 => Some(session),
        2 => Some(session / 4),
        _ => Some(session * 3),
    };
    Setup {
        seed,
        loud,
        timing,
        mode: if pick(&[0, 1]) == 0 { Mode::PerProcess } else { Mode::PerComponent },
        max_session_timeout: ms(pick(&[session, session, session * 2, session / 2])),
        retrieval_timeout: retrieval_timeout.map(ms),
        stall_timeout: ms(pick(&[session, session * 3])),
        delay: (delay / 10, delay),
        latency: (1_000, latency),
        drift: true,
        one_at_a_time: pick(&[0, 1]) == 1,
        disk,
        old_copies: false,
    }
}
