//! What a process has: a client, and a thread that fetches its events and runs the callbacks.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use leaderserver::client::{Confirmation, Contender, LeaderClient, Polled, Watch};
use leaderserver::core::config::{ClientConfig, Endpoint};
use leaderserver::core::contenders::Callback;
use leaderserver::core::error::Error;
use leaderserver::core::ids::{Epoch, LeaderInformation, LeaderSessionId, Name};

/// How long an event may take on a busy machine, before the test fails for want of it.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// A client and its thread.
pub struct Process {
    pub client: LeaderClient,
    items: Arc<Items>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Items {
    by_cookie: Mutex<(u64, HashMap<u64, Item>)>,
    paused: AtomicBool,
    go_on: (Mutex<()>, Condvar),
}

enum Item {
    Contender { contender: Weak<Contender>, told: Sender<Callback>, hold: bool },
    Watch { watch: Weak<Watch>, told: Sender<Option<LeaderInformation>> },
}

impl Process {
    /// A process called `name` in the namespace "suite".
    pub fn start(endpoint: &str, name: &str) -> Self {
        Self::start_with(endpoint, name, |_| {})
    }

    /// As [`Process::start`], with other settings.
    pub fn start_with(endpoint: &str, name: &str, change: impl FnOnce(&mut ClientConfig)) -> Self {
        let mut config = ClientConfig {
            endpoint: Some(Endpoint::parse(endpoint).unwrap()),
            namespace: Some(Name::new("namespace", "suite").unwrap()),
            name: Name::new("name", name).unwrap(),
            ..ClientConfig::default()
        };
        change(&mut config);
        Self::of(LeaderClient::open(config, None).unwrap())
    }

    /// A process around a client.
    pub fn of(client: LeaderClient) -> Self {
        let items = Arc::new(Items::default());
        let thread = {
            let (client, items) = (client.clone(), Arc::clone(&items));
            thread::spawn(move || items.fetch(&client))
        };
        Process { client, items, thread: Some(thread) }
    }

    /// A contender for a component.
    pub fn stand(&self, component: &str) -> Standing {
        self.try_stand(component, false).unwrap()
    }

    /// A contender whose callbacks return only when the test says [`Contender::done`].
    pub fn stand_and_hold(&self, component: &str) -> Standing {
        self.try_stand(component, true).unwrap()
    }

    pub fn try_stand(&self, component: &str, hold: bool) -> Result<Standing, Error> {
        let (sender, told) = channel();
        let mut items = self.items.by_cookie.lock();
        items.0 += 1;
        let cookie = items.0;
        let contender = Arc::new(self.client.register(component, cookie)?);
        let weak = Arc::downgrade(&contender);
        let item = Item::Contender { contender: weak, told: sender.clone(), hold };
        items.1.insert(cookie, item);
        let now = Cell::new((None, Epoch(0)));
        let registered = Registered { items: Arc::clone(&self.items), cookie };
        Ok(Standing { contender, told, teller: sender, now, _registered: registered })
    }

    /// A watch of a component.
    pub fn watch(&self, component: &str) -> Watching {
        let (sender, told) = channel();
        let mut items = self.items.by_cookie.lock();
        items.0 += 1;
        let cookie = items.0;
        let watch = Arc::new(self.client.watch(component, cookie).unwrap());
        items.1.insert(cookie, Item::Watch { watch: Arc::downgrade(&watch), told: sender });
        let registered = Registered { items: Arc::clone(&self.items), cookie };
        Watching { watch, told, last: Cell::new(None), _registered: registered }
    }

    /// Fetches no events any more, as a JVM that hangs.
    pub fn pause(&self) {
        self.items.paused.store(true, Ordering::SeqCst);
    }

    /// Fetches events again.
    pub fn go_on(&self) {
        self.items.paused.store(false, Ordering::SeqCst);
        let _guard = self.items.go_on.0.lock();
        self.items.go_on.1.notify_all();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.go_on();
        self.client.close(Duration::from_secs(5));
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

impl Items {
    fn fetch(&self, client: &LeaderClient) {
        let mut cookies = [0; 16];
        loop {
            while self.paused.load(Ordering::SeqCst) {
                let mut guard = self.go_on.0.lock();
                self.go_on.1.wait_for(&mut guard, Duration::from_millis(50));
            }
            match client.poll(&mut cookies, Duration::from_secs(1)) {
                Polled::Closed => return,
                Polled::Ready(count) => {
                    cookies[..count].iter().for_each(|cookie| self.run(*cookie));
                }
            }
        }
    }

    fn run(&self, cookie: u64) {
        let items = self.by_cookie.lock();
        match items.1.get(&cookie) {
            Some(Item::Contender { contender, told, hold }) => {
                let Some(contender) = contender.upgrade() else { return };
                let (told, hold) = (told.clone(), *hold);
                drop(items);
                run_callbacks(&contender, &told, hold);
            }
            Some(Item::Watch { watch, told }) => {
                let Some(watch) = watch.upgrade() else { return };
                if let Some(value) = watch.take() {
                    let _ = told.send(value);
                }
            }
            // It was dropped meanwhile.
            None => {}
        }
    }
}

/// Whose events are fetched; until dropped.
struct Registered {
    items: Arc<Items>,
    cookie: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.items.by_cookie.lock().1.remove(&self.cookie);
    }
}

fn run_callbacks(contender: &Contender, told: &Sender<Callback>, hold: bool) {
    while let Some(callback) = contender.take() {
        let _ = told.send(callback);
        if hold {
            return;
        }
        contender.done();
    }
}

/// A contender, and what it was told. Checks P3 as it is read: grant and revoke in turn, epochs
/// that rise.
pub struct Standing {
    pub contender: Arc<Contender>,
    told: Receiver<Callback>,
    teller: Sender<Callback>,
    now: Cell<(Option<LeaderSessionId>, Epoch)>,
    _registered: Registered,
}

impl Standing {
    /// The next callback.
    pub fn next(&self) -> Callback {
        self.next_within(PATIENCE).unwrap_or_else(|| panic!("nothing was told within {PATIENCE:?}"))
    }

    pub fn next_within(&self, patience: Duration) -> Option<Callback> {
        self.told.recv_timeout(patience).ok().inspect(|callback| self.judge(callback))
    }

    /// The next callback, if one was run already.
    pub fn told(&self) -> Option<Callback> {
        match self.told.try_recv() {
            Ok(callback) => {
                self.judge(&callback);
                Some(callback)
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        }
    }

    fn judge(&self, callback: &Callback) {
        let (leading, last) = self.now.get();
        match callback {
            Callback::Grant(id) => {
                assert_eq!(leading, None, "granted {id} while leading");
                assert!(id.epoch > last, "epoch {} after {last}", id.epoch);
                self.now.set((Some(*id), id.epoch));
            }
            Callback::Revoke(reason) => {
                assert!(leading.is_some(), "revoked without a grant: {reason}");
                assert!(!reason.is_empty(), "a revoke says why");
                self.now.set((None, last));
            }
            Callback::Failed(_) => {}
        }
    }

    /// Expects a grant.
    pub fn granted(&self) -> LeaderSessionId {
        match self.next() {
            Callback::Grant(id) => {
                assert_ne!((id.epoch.0, id.low), (0, 0));
                id
            }
            other => panic!("expected a grant: {other:?}"),
        }
    }

    /// Expects a revoke; answers why.
    pub fn revoked(&self) -> String {
        match self.next() {
            Callback::Revoke(reason) => reason,
            other => panic!("expected a revoke: {other:?}"),
        }
    }

    /// Expects a grant, and publishes.
    pub fn lead(&self, address: &str) -> LeaderSessionId {
        let id = self.granted();
        assert_eq!(self.confirm(id, address), Confirmation::Confirmed);
        id
    }

    pub fn confirm(&self, id: LeaderSessionId, address: &str) -> Confirmation {
        self.contender.confirm(id, Bytes::copy_from_slice(address.as_bytes()))
    }

    pub fn has(&self, id: LeaderSessionId) -> bool {
        self.contender.has_leadership(id)
    }

    /// Closes, and runs the callback that this may leave to the caller.
    pub fn close(&self) {
        if let Some(callback) = self.contender.close(false) {
            let _ = self.teller.send(callback);
            self.contender.done();
        }
    }

    /// Waits until nothing of it is left to be run.
    pub fn finished(&self) {
        eventually("the contender is finished", || self.contender.is_finished());
    }
}

/// A watch, and what it was told. Checks P6 as it is read: never the same twice running, never an
/// older value after a newer.
pub struct Watching {
    pub watch: Arc<Watch>,
    told: Receiver<Option<LeaderInformation>>,
    last: Cell<Option<Option<LeaderInformation>>>,
    _registered: Registered,
}

impl Watching {
    /// The next value.
    pub fn next(&self) -> Option<LeaderInformation> {
        let value = self.told.recv_timeout(PATIENCE).expect("no value came");
        self.judge(&value);
        value
    }

    /// The next value, if one was told already.
    pub fn told(&self) -> Option<Option<LeaderInformation>> {
        self.told.try_recv().ok().inspect(|value| self.judge(value))
    }

    /// Reads values up to one under this address.
    pub fn until(&self, address: &str) -> LeaderInformation {
        loop {
            match self.next() {
                Some(leader) if leader.address == address.as_bytes() => return leader,
                _ => {}
            }
        }
    }

    /// Reads values up to "no leader".
    pub fn until_none(&self) {
        while self.next().is_some() {}
    }

    /// Epochs are ordered only within an incarnation (R13).
    pub fn expect_another_incarnation(&self) {
        self.last.set(None);
    }

    fn judge(&self, value: &Option<LeaderInformation>) {
        let last = self.last.replace(Some(value.clone()));
        assert_ne!(last.as_ref(), Some(value), "told the same twice running");
        if let (Some(Some(last)), Some(value)) = (last, value) {
            assert!(value.id.epoch >= last.id.epoch, "an older value after a newer");
        }
    }
}

/// Waits for something that no event tells of.
pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "still not so after {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
