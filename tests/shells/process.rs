//! One process of a round: a client, a thread that fetches its events and runs the callbacks, one
//! that writes to the store, and a user who opens and closes at the worst moments.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use leaderserver::client::{Contender, LeaderClient, Polled, Store, Watch};
use leaderserver::core::config::{ClientConfig, Endpoint, Mode, Timing};
use leaderserver::core::contenders::Callback;
use leaderserver::core::error::Error;
use leaderserver::core::ids::{LeaderInformation, LeaderSessionId, Name, Revision};
use leaderserver::core::store::StoreError;

use crate::chance::Chance;
use crate::check::{COUNTER, count_of};
use crate::history::{History, Step, Writing, now};

pub const COMPONENTS: [&str; 2] = ["dispatcher", "rest"];

/// How long a write may take.
const WRITE_TIMEOUT: Duration = Duration::from_millis(250);

/// How long a goodbye is waited for.
const GOODBYE: Duration = Duration::from_millis(200);

/// What all processes of a round share.
pub struct Round {
    pub history: History,
    pub mode: Mode,
    /// Who was granted what last, to be asked whether it leads.
    pub seats: Mutex<HashMap<(usize, String), Seat>>,
    pub era: AtomicU64,
    /// No more trouble from users.
    pub calm: AtomicBool,
    /// The end.
    pub over: AtomicBool,
}

#[derive(Clone)]
pub struct Seat {
    pub process: usize,
    pub election: String,
    pub contender: Arc<Contender>,
    pub id: LeaderSessionId,
}

/// How a process is set up.
#[derive(Clone)]
pub struct Setup {
    pub number: usize,
    pub at: SocketAddr,
    pub timing: Timing,
    pub stall_timeout: Option<Duration>,
    pub retrieval_timeout: Option<Duration>,
}

pub struct Process {
    pub setup: Setup,
    round: Arc<Round>,
    present: Mutex<Option<Life>>,
    written: AtomicU64,
    lives: AtomicU64,
    chance: Mutex<Chance>,
}

/// One client, from its opening to its close.
struct Life {
    client: LeaderClient,
    items: Arc<Items>,
    threads: Vec<JoinHandle<()>>,
}

struct Items {
    process: usize,
    next: AtomicU64,
    by_cookie: Mutex<HashMap<u64, Item>>,
    stalled: AtomicBool,
    stores: Mutex<Option<Sender<Store>>>,
    chance: Mutex<Chance>,
}

#[derive(Clone)]
enum Item {
    Contender(Arc<Standing>),
    Watch(Arc<Watching>),
}

struct Standing {
    component: &'static str,
    contender: Arc<Contender>,
    record: usize,
    last: Mutex<Option<LeaderSessionId>>,
}

pub struct Watching {
    pub component: &'static str,
    watch: Watch,
    record: usize,
    pub last: Mutex<Option<Option<LeaderInformation>>>,
}

impl Round {
    pub fn election(&self, component: &str) -> String {
        self.mode.election_of(&Name::new("component", component).unwrap()).to_string()
    }

    /// Asks everybody who may lead whether it does.
    pub fn look_at_leaders(&self) {
        let seats: Vec<Seat> = self.seats.lock().values().cloned().collect();
        for seat in seats {
            self.look_at(&seat);
        }
    }

    pub fn look_at(&self, seat: &Seat) -> bool {
        let before = now();
        let leads = seat.contender.has_leadership(seat.id);
        if leads {
            self.history.led(seat.process, &seat.election, seat.id, before);
        }
        leads
    }
}

impl Process {
    pub fn new(round: &Arc<Round>, setup: Setup, chance: Chance) -> Self {
        Process {
            setup,
            round: Arc::clone(round),
            present: Mutex::new(None),
            written: AtomicU64::new(0),
            lives: AtomicU64::new(0),
            chance: Mutex::new(chance),
        }
    }

    /// Opens a client with all contenders and watches, if there is none.
    pub fn open(self: &Arc<Self>) {
        let mut present = self.present.lock();
        if present.is_none() {
            *present = Some(self.life());
        }
        let life = present.as_ref().expect("opened above");
        for component in COMPONENTS {
            life.items.stand(&life.client, &self.round, component);
        }
    }

    fn life(self: &Arc<Self>) -> Life {
        let Setup { number, at, timing, stall_timeout, retrieval_timeout } = self.setup;
        let life = self.lives.fetch_add(1, Ordering::SeqCst);
        let config = ClientConfig {
            endpoint: Some(Endpoint::LeaderServer { host: at.ip().to_string(), port: at.port() }),
            namespace: Some(Name::new("namespace", "round").unwrap()),
            name: Name::new("name", &format!("p{number}-{life}")).unwrap(),
            timing,
            stall_timeout,
            retrieval_timeout,
            mode: self.round.mode,
            ..ClientConfig::default()
        };
        let client = LeaderClient::open(config, None).unwrap();
        let (stores, to_write) = channel();
        let items = Arc::new(Items {
            process: number,
            next: AtomicU64::new(1),
            by_cookie: Mutex::default(),
            stalled: AtomicBool::new(false),
            stores: Mutex::new(Some(stores)),
            chance: Mutex::new(self.chance.lock().fork()),
        });
        for component in COMPONENTS {
            items.watch(&client, &self.round, component);
        }
        let fetching = {
            let (items, client, round) =
                (Arc::clone(&items), client.clone(), Arc::clone(&self.round));
            thread::spawn(move || items.fetch(&client, &round))
        };
        let writing = {
            let process = Arc::clone(self);
            thread::spawn(move || process.write(&to_write))
        };
        Life { client, items, threads: vec![fetching, writing] }
    }

    /// Closes the client, as a process that ends in order.
    pub fn close(&self) {
        let Some(life) = self.present.lock().take() else { return };
        life.items.stalled.store(false, Ordering::SeqCst);
        life.client.close(GOODBYE);
        life.items.client_closed(&self.round);
        drop(life.items.stores.lock().take());
        for thread in life.threads {
            if thread.join().is_err() {
                self.round.history.wrong(format!("a thread of p{} panicked", self.setup.number));
            }
        }
    }

    /// Does something that users do.
    pub fn trouble(self: &Arc<Self>) {
        let (what, component, pause) = {
            let mut chance = self.chance.lock();
            (chance.below(10), *chance.pick(&COMPONENTS), chance.millis(300))
        };
        if what == 0 {
            self.close();
            thread::sleep(pause);
            return self.open();
        }
        let Some((client, items)) = self.life_of_now() else { return };
        match what {
            1..=4 => {
                items.close_contender(&self.round, component);
                thread::sleep(pause / 4);
                items.stand(&client, &self.round, component);
            }
            5 => {
                items.stalled.store(true, Ordering::SeqCst);
                thread::sleep(pause * 2);
                items.stalled.store(false, Ordering::SeqCst);
            }
            6 => items.watch(&client, &self.round, component),
            _ => thread::sleep(pause),
        }
    }

    fn life_of_now(&self) -> Option<(LeaderClient, Arc<Items>)> {
        let present = self.present.lock();
        present.as_ref().map(|life| (life.client.clone(), Arc::clone(&life.items)))
    }

    pub fn watches(&self) -> Vec<Arc<Watching>> {
        let Some((_, items)) = self.life_of_now() else { return Vec::new() };
        let items = items.by_cookie.lock();
        let watches = items.values().filter_map(|item| match item {
            Item::Watch(watching) => Some(Arc::clone(watching)),
            Item::Contender(_) => None,
        });
        watches.collect()
    }

    // --- Writing

    /// Writes under each epoch that comes, also when it is over, until refused.
    fn write(&self, stores: &Receiver<Store>) {
        let mut chance = self.chance.lock().fork();
        while let Ok(store) = stores.recv() {
            for _ in 0..chance.below(40) {
                if self.round.over.load(Ordering::SeqCst) || !self.write_once(&store, &mut chance) {
                    break;
                }
                thread::sleep(chance.millis(40));
            }
        }
    }

    /// Whether to go on under this epoch.
    fn write_once(&self, store: &Store, chance: &mut Chance) -> bool {
        let era = || self.round.era.load(Ordering::SeqCst);
        let (began, before) = (era(), now());
        let (key, result) = if chance.one_in(3) {
            (COUNTER.to_owned(), count_up(store))
        } else {
            let number = self.written.fetch_add(1, Ordering::SeqCst);
            let key = format!("p{}-{number}", self.setup.number);
            let result = store.create(&key, Bytes::from_static(b"x"), WRITE_TIMEOUT);
            (key, Some(result))
        };
        let Some(result) = result else { return true };
        let fence = store.fences()[0].clone();
        let goes_on = !matches!(result, Err(Error::Store(StoreError::Fenced { .. })));
        self.round.history.wrote(Writing {
            election: fence.election.to_string(),
            epoch: fence.epoch,
            key,
            before,
            era: began,
            era_after: era(),
            result,
        });
        goes_on
    }
}

/// Adds one to what is there; none if that could not be read.
fn count_up(store: &Store) -> Option<Result<Revision, Error>> {
    let found = store.get(COUNTER, WRITE_TIMEOUT).ok()?;
    let next = found.as_ref().map_or(0, |entry| count_of(&entry.value)) + 1;
    let value = Bytes::from(next.to_string());
    Some(match found {
        None => store.create(COUNTER, value, WRITE_TIMEOUT),
        Some(entry) => store.replace(COUNTER, entry.version, value, WRITE_TIMEOUT),
    })
}

impl Items {
    fn stand(&self, client: &LeaderClient, round: &Arc<Round>, component: &'static str) {
        let mut items = self.by_cookie.lock();
        let cookie = self.next.fetch_add(1, Ordering::SeqCst);
        let contender = match client.register(component, cookie) {
            Ok(contender) => Arc::new(contender),
            // It stands already, or the client was closed meanwhile.
            Err(Error::AlreadyRegistered(_) | Error::Closed(_)) => return,
            Err(error) => return round.history.wrong(format!("register: {error}")),
        };
        let record = round.history.contender(format!("p{} {component} {cookie}", self.process));
        let standing = Standing { component, contender, record, last: Mutex::new(None) };
        items.insert(cookie, Item::Contender(Arc::new(standing)));
    }

    fn watch(&self, client: &LeaderClient, round: &Arc<Round>, component: &'static str) {
        let mut items = self.by_cookie.lock();
        let cookie = self.next.fetch_add(1, Ordering::SeqCst);
        let Ok(watch) = client.watch(component, cookie) else { return };
        let record = round.history.watch(format!("p{} {component} {cookie}", self.process));
        let watching = Watching { component, watch, record, last: Mutex::new(None) };
        items.insert(cookie, Item::Watch(Arc::new(watching)));
    }

    fn close_contender(&self, round: &Arc<Round>, component: &str) {
        let standing = self.by_cookie.lock().values().find_map(|item| match item {
            Item::Contender(standing) if standing.component == component => {
                Some(Arc::clone(standing))
            }
            _ => None,
        });
        let Some(standing) = standing else { return };
        if let Some(callback) = standing.contender.close(false) {
            self.run(round, &standing, callback);
        }
        let last = *standing.last.lock();
        if last.is_some_and(|id| standing.contender.has_leadership(id)) {
            round.history.wrong(format!("P3: {} leads after its close", standing.component));
        }
        round.history.step(standing.record, Step::Closed);
        self.by_cookie.lock().retain(|_, item| match item {
            Item::Contender(other) => {
                !Arc::ptr_eq(other, &standing) || !standing.contender.is_finished()
            }
            Item::Watch(_) => true,
        });
    }

    fn client_closed(&self, round: &Arc<Round>) {
        for item in self.by_cookie.lock().values() {
            if let Item::Contender(standing) = item {
                let last = *standing.last.lock();
                if last.is_some_and(|id| standing.contender.has_leadership(id)) {
                    round.history.wrong(format!("P3: p{} leads after its close", self.process));
                }
                round.history.step(standing.record, Step::ClientClosed);
            }
        }
    }

    fn fetch(&self, client: &LeaderClient, round: &Arc<Round>) {
        let mut cookies = [0; 8];
        loop {
            if self.stalled.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(5));
                continue;
            }
            match client.poll(&mut cookies, Duration::from_secs(1)) {
                Polled::Closed => return,
                Polled::Ready(count) => {
                    cookies[..count].iter().for_each(|cookie| self.run_due(round, *cookie));
                }
            }
        }
    }

    fn run_due(&self, round: &Arc<Round>, cookie: u64) {
        let item = self.by_cookie.lock().get(&cookie).cloned();
        match item {
            Some(Item::Contender(standing)) => loop {
                round.history.step(standing.record, Step::Taking);
                let Some(callback) = standing.contender.take() else { return };
                self.run(round, &standing, callback);
            },
            Some(Item::Watch(watching)) => {
                if let Some(value) = watching.watch.take() {
                    round.history.told(watching.record, value.clone());
                    *watching.last.lock() = Some(value);
                }
            }
            // It was closed meanwhile.
            None => {}
        }
    }

    fn run(&self, round: &Arc<Round>, standing: &Standing, callback: Callback) {
        round.history.step(standing.record, Step::Begun(callback.clone()));
        match callback {
            Callback::Grant(id) => self.granted(round, standing, id),
            Callback::Revoke(_) => {
                let last = *standing.last.lock();
                if last.is_some_and(|id| standing.contender.has_leadership(id)) {
                    round.history.wrong(format!("P3: {} leads while revoked", standing.component));
                }
            }
            Callback::Failed(_) => {}
        }
        if !round.calm.load(Ordering::SeqCst) {
            let pause = self.chance.lock().millis(120);
            thread::sleep(pause);
        }
        round.history.step(standing.record, Step::Returned);
        standing.contender.done();
    }

    fn granted(&self, round: &Arc<Round>, standing: &Standing, id: LeaderSessionId) {
        *standing.last.lock() = Some(id);
        let seat = Seat {
            process: self.process,
            election: round.election(standing.component),
            contender: Arc::clone(&standing.contender),
            id,
        };
        round.seats.lock().insert((self.process, standing.component.to_owned()), seat.clone());
        if round.look_at(&seat) {
            // The moment at which an earlier leader must not be one any more.
            round.look_at_leaders();
        }
        let address = Bytes::from(format!("p{} {}", self.process, standing.component));
        round.history.confirming(id, address.clone());
        standing.contender.confirm(id, address);
        if let (Some(store), Some(stores)) = (standing.contender.store(), &*self.stores.lock()) {
            let _ = stores.send(store);
        }
    }
}
