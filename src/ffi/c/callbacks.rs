//! Threads that run the callbacks of a client: one fetches events and runs no code of others, so
//! that a callback that blocks delays its own contender or watch only (P8); the others run the
//! callbacks, and there are as many as run at a time.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::buffers::Lent;
use super::registrations::{News, Registration, Registrations, UserData};
use super::types::{ls_event, ls_event_callback};
use crate::ffi::{objects, panic};
use crate::runtime;

/// How many callbacks of a client run at the most; what comes beyond waits.
const MAX_WORKERS: usize = 256;

/// How long a thread waits for work, unless it is the last.
const IDLE: Duration = Duration::from_secs(5);

/// How many cookies are fetched at a time.
const BATCH: usize = 64;

thread_local! {
    /// The contender or watch whose callback runs on this thread; 0: none.
    static RUNNING: Cell<u64> = const { Cell::new(0) };
}

/// Whether the calling thread is inside a callback of this contender or watch.
pub(super) fn is_inside(handle: u64) -> bool {
    RUNNING.with(|running| running.get() == handle)
}

/// The callback of a client, and what waits for it.
pub(super) struct Callbacks {
    callback: ls_event_callback,
    user: UserData,
    pool: Mutex<Pool>,
    filled: Condvar,
}

#[derive(Default)]
struct Pool {
    queue: VecDeque<Arc<Registration>>,
    workers: usize,
    idle: usize,
    /// The system had no thread for what waits.
    short: bool,
    closed: bool,
}

impl Callbacks {
    pub(super) fn new(callback: ls_event_callback, user: UserData) -> Arc<Self> {
        Arc::new(Callbacks { callback, user, pool: Mutex::default(), filled: Condvar::new() })
    }

    /// For a call that failed: the user data remains its caller's. There is no other reference.
    pub(super) fn give_back(self: Arc<Self>) {
        if let Some(callbacks) = Arc::into_inner(self) {
            callbacks.user.give_back();
        }
    }

    /// Starts the thread that fetches.
    pub(super) fn start(self: &Arc<Self>, of: Arc<Registrations>) -> std::io::Result<()> {
        let callbacks = Arc::clone(self);
        runtime::spawn_thread(move || {
            // A panic is logged where it is caught; the client is closed by whoever owns it.
            let _ = panic::catch(|| callbacks.fetch(&of));
            let mut pool = callbacks.pool.lock();
            pool.closed = true;
            let dropped = std::mem::take(&mut pool.queue);
            drop(pool);
            drop(dropped);
            callbacks.filled.notify_all();
        })
    }

    fn fetch(self: &Arc<Self>, of: &Arc<Registrations>) {
        let mut cookies = [0; BATCH];
        let wait = Duration::from_secs(1);
        while let Ok(Some(count)) = objects::client_poll(of.client(), &mut cookies, wait) {
            for registration in cookies[..count].iter().filter_map(|&cookie| of.by_cookie(cookie)) {
                if registration.begin() {
                    self.push(of, registration);
                }
            }
            if self.pool.lock().short {
                self.hire(of);
            }
        }
    }

    fn push(self: &Arc<Self>, of: &Arc<Registrations>, registration: Arc<Registration>) {
        let mut pool = self.pool.lock();
        pool.queue.push_back(registration);
        if pool.queue.len() <= pool.idle {
            self.filled.notify_one();
            return;
        }
        drop(pool);
        self.hire(of);
    }

    /// Starts a thread if more waits than threads do. Where the system has none, what waits is seen
    /// to by the threads there are, and this is tried again.
    fn hire(self: &Arc<Self>, of: &Arc<Registrations>) {
        let mut pool = self.pool.lock();
        let was_short = std::mem::take(&mut pool.short);
        if pool.queue.len() <= pool.idle || pool.workers == MAX_WORKERS {
            return;
        }
        pool.workers += 1;
        drop(pool);
        let (callbacks, of) = (Arc::clone(self), Arc::clone(of));
        if let Err(error) = runtime::spawn_thread(move || callbacks.work(&of)) {
            let mut pool = self.pool.lock();
            pool.workers -= 1;
            pool.short = true;
            drop(pool);
            if !was_short {
                log::error!("no thread for a callback, which waits for one: {error}");
            }
        }
    }

    fn work(&self, of: &Registrations) {
        while let Some(registration) = self.next() {
            loop {
                if let Some(news) = registration.take() {
                    self.run(&registration, &news);
                    registration.done();
                    of.retire(&registration);
                }
                if !registration.end() {
                    break;
                }
            }
        }
    }

    /// Waits for work; none: the thread is to end.
    fn next(&self) -> Option<Arc<Registration>> {
        let mut pool = self.pool.lock();
        loop {
            if let Some(registration) = pool.queue.pop_front() {
                return Some(registration);
            }
            if pool.closed {
                pool.workers -= 1;
                return None;
            }
            pool.idle += 1;
            let timed_out = self.filled.wait_for(&mut pool, IDLE).timed_out();
            pool.idle -= 1;
            if timed_out && pool.workers > 1 && pool.queue.is_empty() {
                pool.workers -= 1;
                return None;
            }
        }
    }

    /// Runs the callback, on the calling thread.
    pub(super) fn run(&self, registration: &Registration, news: &News) {
        let Some(callback) = self.callback else { return };
        let text = Lent::new(&news.text);
        let event = ls_event {
            size: size_of::<ls_event>(),
            kind: news.kind,
            status: news.status,
            handle: registration.handle,
            user_data: registration.user.pointer(),
            id: news.id,
            text: text.bytes(),
        };
        let outer = RUNNING.with(|running| running.replace(registration.handle));
        // SAFETY: the header says what it must be, and that the event is lent.
        unsafe { callback(self.user.pointer(), &event) };
        RUNNING.with(|running| running.set(outer));
    }
}
