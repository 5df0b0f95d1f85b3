//! One round: a server, some processes, trouble that follows from a seed; then everything is mended,
//! somebody must lead and everybody know it, and the history is held against the promises.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use leaderserver::client::LeaderClient;
use leaderserver::core::config::{ClientConfig, Endpoint, Mode, ServerConfig, Timing};
use leaderserver::core::ids::Name;
use leaderserver::server::LeaderServer;

use crate::chance::Chance;
use crate::check::{self, Held};
use crate::history::now;
use crate::knife;
use crate::process::{COMPONENTS, Process, Round, Setup};
use crate::proxy::{Cut, Proxy};

/// How long anything may take on a busy machine before the round fails for want of it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What the server settles for: it waits so long before it grants after a start without memory.
const MAX_SESSION_TIMEOUT: Duration = Duration::from_millis(500);

/// What a round came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    pub seed: u64,
    pub leaderships: usize,
    pub writes: usize,
    pub faults: u64,
    pub restarts: u64,
    /// From when all was mended until all was well.
    pub mended: Duration,
}

struct Driver {
    round: Arc<Round>,
    chance: Chance,
    host: IpAddr,
    server: Option<LeaderServer>,
    address: SocketAddr,
    data: Option<PathBuf>,
    proxies: Vec<Proxy>,
    processes: Vec<Arc<Process>>,
    outcome: Outcome,
}

/// Runs the round of a seed.
pub fn run(seed: u64) -> Result<Outcome, String> {
    let mut driver = Driver::start(seed);
    let users = driver.start_users();
    driver.make_trouble();
    driver.mend(users);
    driver.finish()
}

/// An address of this machine that is nobody else's, so that ports are this round's.
fn host() -> IpAddr {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    let process = std::process::id();
    let [high, low] = (process as u16).to_be_bytes();
    // Of rounds that run at the same time there are never so many.
    Ipv4Addr::new(127, high | 0x80, low, 1 + (number % 250) as u8).into()
}

impl Driver {
    fn start(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let host = host();
        let data = chance.one_in(2).then(|| {
            let name = format!("shells-{}-{seed}", std::process::id());
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
        });
        let server = start_server((host, 0).into(), data.as_deref());
        let address = server.local_addr().unwrap();
        let mode = if chance.one_in(3) { Mode::PerComponent } else { Mode::PerProcess };
        let round = Arc::new(Round {
            history: Default::default(),
            mode,
            seats: Default::default(),
            era: AtomicU64::new(1),
            calm: false.into(),
            over: false.into(),
        });
        let mut proxies = Vec::new();
        let processes = (0..3 + chance.below(2) as usize).map(|number| {
            let at = if chance.one_in(3) {
                address
            } else {
                proxies.push(Proxy::start(host, address));
                proxies[proxies.len() - 1].address()
            };
            let setup = setup(number, at, &mut chance);
            Arc::new(Process::new(&round, setup, chance.fork()))
        });
        let processes = processes.collect();
        let outcome = Outcome { seed, ..Outcome::default() };
        let server = Some(server);
        Driver { round, chance, host, server, address, data, proxies, processes, outcome }
    }

    /// A thread for each process that makes trouble, and one that asks who leads.
    fn start_users(&self) -> Vec<thread::JoinHandle<()>> {
        let round = Arc::clone(&self.round);
        let looking = thread::spawn(move || {
            while !round.over.load(Ordering::SeqCst) {
                round.look_at_leaders();
                thread::sleep(Duration::from_millis(1));
            }
        });
        let users = self.processes.iter().map(|process| {
            let (process, round) = (Arc::clone(process), Arc::clone(&self.round));
            thread::spawn(move || {
                process.open();
                while !round.calm.load(Ordering::SeqCst) {
                    process.trouble();
                }
            })
        });
        // The one that looks is not waited for before the end.
        std::iter::once(looking).chain(users).collect()
    }

    fn make_trouble(&mut self) {
        let until = Instant::now() + Duration::from_millis(1_500 + self.chance.below(1_500));
        while Instant::now() < until {
            thread::sleep(self.chance.millis(200));
            self.outcome.faults += 1;
            match self.chance.below(12) {
                0 => self.restart(),
                1 => knife::sever(self.address, 2, &mut self.chance),
                2..=3 => self.cut_off_direct_clients(),
                _ => self.trouble_a_path(),
            }
        }
    }

    /// So that they can't resume within the grace, and somebody behind a proxy is granted.
    fn cut_off_direct_clients(&mut self) {
        let until = Instant::now() + self.chance.millis(500);
        while Instant::now() < until {
            knife::sever(self.address, 1, &mut self.chance);
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn trouble_a_path(&mut self) {
        if self.proxies.is_empty() {
            return;
        }
        let chance = &mut self.chance;
        let proxy = &self.proxies[chance.below(self.proxies.len() as u64) as usize];
        match chance.below(10) {
            0 => proxy.hold(true, true),
            1 => proxy.hold(true, false),
            2 => proxy.hold(false, true),
            3 => proxy.delay(chance.millis(60), chance.millis(60)),
            4 => proxy.refuse(true),
            5..=6 => proxy.cut(*chance.pick(&[Cut::Fin, Cut::Rst, Cut::HalfOpen])),
            _ => proxy.mend(),
        }
    }

    fn restart(&mut self) {
        self.server.take().expect("there is one between restarts").stop();
        thread::sleep(self.chance.millis(400));
        // What a server without memory had applied is gone from here on.
        self.round.era.fetch_add(1, Ordering::SeqCst);
        self.server = Some(start_server(self.address, self.data.as_deref()));
        self.outcome.restarts += 1;
    }

    fn mend(&mut self, threads: Vec<thread::JoinHandle<()>>) {
        self.round.calm.store(true, Ordering::SeqCst);
        self.proxies.iter().for_each(Proxy::mend);
        let mut threads = threads.into_iter();
        let looking = threads.next();
        let panicked = threads.filter_map(|thread| thread.join().err()).count();
        if panicked > 0 {
            self.round.history.wrong(format!("{panicked} users panicked"));
        }
        self.processes.iter().for_each(|process| process.open());
        let mended = Instant::now();
        while !self.is_well() && mended.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(2));
        }
        self.outcome.mended = mended.elapsed();
        self.round.over.store(true, Ordering::SeqCst);
        let _ = looking.map(thread::JoinHandle::join);
    }

    /// P4, P6: in each election one leads, and everybody was told of it and of nobody else.
    fn is_well(&self) -> bool {
        COMPONENTS.iter().all(|component| {
            let seats = self.round.seats.lock();
            let mine = seats.iter().filter(|((_, of), _)| of == component);
            let leading: Vec<_> = mine.filter(|(_, seat)| self.round.look_at(seat)).collect();
            let [(_, leader)] = leading[..] else { return false };
            let watches = self.processes.iter().flat_map(|process| process.watches());
            let mut watches = watches.filter(|watching| watching.component == *component);
            watches.all(|watching| {
                let last = watching.last.lock();
                let told = last.as_ref().and_then(|told| told.as_ref());
                told.is_some_and(|told| told.id == leader.id)
            })
        })
    }

    fn finish(mut self) -> Result<Outcome, String> {
        // With them whoever still writes.
        self.processes.iter().for_each(|process| process.close());
        let held = self.held();
        let is_well = self.outcome.mended < PATIENCE;
        let left = self.wait_for_goodbyes();
        if let Some(server) = self.server.take() {
            server.stop();
        }
        let era = self.round.era.load(Ordering::SeqCst);
        let checked = self.round.history.look(|seen| {
            self.outcome.leaderships = seen.led.len();
            self.outcome.writes = seen.writes.iter().filter(|write| write.result.is_ok()).count();
            check::check(seen, &held?, era, self.data.is_some())
        });
        checked?;
        if !is_well {
            return Err(format!(
                "P4: nobody leads, or not all know, {PATIENCE:?} after all is well"
            ));
        }
        left?;
        if let Some(data) = &self.data {
            std::fs::remove_dir_all(data).map_err(|error| error.to_string())?;
        }
        Ok(self.outcome)
    }

    fn held(&self) -> Result<Held, String> {
        let config = ClientConfig {
            endpoint: Some(Endpoint::LeaderServer {
                host: self.host.to_string(),
                port: self.address.port(),
            }),
            namespace: Some(Name::new("namespace", "round").unwrap()),
            mode: self.round.mode,
            ..ClientConfig::default()
        };
        let client = LeaderClient::open(config, None).map_err(|error| error.to_string())?;
        let mut held = Held::new();
        for component in COMPONENTS {
            let election = self.round.election(component);
            let store = client.store(&election, &[]).map_err(|error| error.to_string())?;
            let keys = store.list("", true, PATIENCE).map_err(|error| error.to_string())?;
            let keys = keys.into_iter().map(|e| (e.key.to_string(), e.version, e.value)).collect();
            held.insert(election, keys);
        }
        client.close(PATIENCE);
        Ok(held)
    }

    /// Whoever closes says goodbye: soon there is no session.
    fn wait_for_goodbyes(&self) -> Result<(), String> {
        let server = self.server.as_ref().expect("it runs");
        let closed = now();
        loop {
            let status = server.status().map_err(|error| error.to_string())?;
            let sessions = status.namespaces.iter().map(|n| n.sessions.len()).sum::<usize>();
            if sessions == 0 {
                return Ok(());
            }
            if u128::from(now() - closed) > PATIENCE.as_nanos() {
                return Err(format!("P4: {sessions} sessions are left"));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn setup(number: usize, at: SocketAddr, chance: &mut Chance) -> Setup {
    let grace = Duration::from_millis(100 + chance.below(60));
    let session_timeout = grace * 2 + Duration::from_millis(50 + chance.below(150));
    Setup {
        number,
        at,
        timing: Timing { session_timeout, disconnect_grace: grace },
        stall_timeout: chance.one_in(2).then_some(Duration::from_millis(400)),
        retrieval_timeout: chance.one_in(2).then_some(Duration::from_millis(200)),
    }
}

fn start_server(at: SocketAddr, data: Option<&Path>) -> LeaderServer {
    let config = ServerConfig {
        listen: Some((at.ip().to_string(), at.port())),
        max_session_timeout: MAX_SESSION_TIMEOUT,
        data: data.map(Path::to_owned),
        ..ServerConfig::default()
    };
    LeaderServer::start(config, None).unwrap()
}
