//! What an event's cookie stands for: per client, its contenders and watches with the user data
//! they were opened with.

use std::collections::HashMap;
use std::ffi::c_void;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use super::answer::Failure;
use super::callbacks::Callbacks;
use super::constants::*;
use super::read;
use super::types::{ls_finalizer, ls_leader_session_id};
use crate::core::contenders::Callback;
use crate::core::error::Error;
use crate::core::ids::LeaderSessionId;
use crate::ffi::{objects, panic, status};

type Map<V> = HashMap<u64, V, BuildHasherDefault<DefaultHasher>>;

static CLIENTS: RwLock<Map<Arc<Registrations>>> =
    RwLock::new(HashMap::with_hasher(BuildHasherDefault::new()));

/// Client and cookie of each contender and watch.
static HANDLES: RwLock<Map<(u64, u64)>> =
    RwLock::new(HashMap::with_hasher(BuildHasherDefault::new()));

/// A pointer that is only handed back, with what is to be called when it is used no more.
///
/// Whoever may hand it back holds it, so that its drop is that moment. It must not be dropped under
/// a lock, for the finalizer may call anything.
pub(super) struct UserData {
    pointer: *mut c_void,
    finalizer: ls_finalizer,
}

// SAFETY: never followed here; the header says that callbacks and finalizers run on other threads.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

impl UserData {
    pub(super) fn new(pointer: *mut c_void, finalizer: ls_finalizer) -> Self {
        UserData { pointer, finalizer }
    }

    pub(super) fn pointer(&self) -> *mut c_void {
        self.pointer
    }

    /// For a call that failed: the pointer remains its caller's.
    pub(super) fn give_back(mut self) {
        self.finalizer = None;
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(finalizer) = self.finalizer.take() {
            // SAFETY: the header says what it must be.
            unsafe { finalizer(self.pointer) };
        }
    }
}

/// What is registered at one client.
pub(super) struct Registrations {
    client: u64,
    state: Mutex<State>,
    callbacks: Mutex<Option<Arc<Callbacks>>>,
}

#[derive(Default)]
struct State {
    last_cookie: u64,
    by_cookie: Map<Arc<Registration>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Contender,
    Watch,
}

/// A contender or a watch.
pub(super) struct Registration {
    pub(super) handle: u64,
    what: What,
    pub(super) user: UserData,
    schedule: Mutex<Schedule>,
}

/// Whether a thread sees to it, so that no two run callbacks of one registration.
#[derive(Default)]
struct Schedule {
    running: bool,
    again: bool,
}

/// What an event tells.
pub(super) struct News {
    pub(super) kind: i32,
    pub(super) status: i32,
    pub(super) id: ls_leader_session_id,
    pub(super) text: Bytes,
}

impl News {
    fn new(kind: i32, text: impl Into<Bytes>) -> Self {
        let id = ls_leader_session_id { epoch: 0, low: 0 };
        News { kind, status: LS_OK, id, text: text.into() }
    }

    fn of_id(kind: i32, id: LeaderSessionId, text: Bytes) -> Self {
        let id = ls_leader_session_id { epoch: id.epoch.0, low: id.low };
        News { kind, status: LS_OK, id, text }
    }

    pub(super) fn of_callback(callback: Callback) -> Self {
        match callback {
            Callback::Grant(id) => News::of_id(LS_EVENT_GRANT, id, Bytes::new()),
            Callback::Revoke(reason) => News::new(LS_EVENT_REVOKE, reason),
            Callback::Failed(error) => {
                let status = status::code(&error);
                News { status, ..News::new(LS_EVENT_FAILED, error.to_string()) }
            }
        }
    }
}

impl Registration {
    /// Begins the next event, if one is due; then [`Registration::done`].
    pub(super) fn take(&self) -> Option<News> {
        let taken = match self.what {
            What::Contender => {
                objects::contender_take(self.handle).map(|taken| taken.map(News::of_callback))
            }
            What::Watch => objects::watch_take(self.handle).map(|taken| {
                let leader = taken?;
                Some(match leader {
                    Some(leader) => News::of_id(LS_EVENT_LEADER, leader.id, leader.address),
                    None => News::new(LS_EVENT_NO_LEADER, Bytes::new()),
                })
            }),
        };
        taken.unwrap_or_else(|error| {
            log::error!("events of a handle are lost: {error}");
            None
        })
    }

    /// The event was handed over, or its callback has returned.
    pub(super) fn done(&self) {
        if self.what == What::Contender
            && let Err(error) = objects::contender_done(self.handle)
        {
            log::error!("a handle has failed: {error}");
        }
    }

    pub(super) fn exists(&self) -> bool {
        match self.what {
            What::Contender => objects::contender_exists(self.handle),
            What::Watch => objects::watch_exists(self.handle),
        }
    }

    /// Answers whether somebody is to see to it; else whoever does so looks again.
    pub(super) fn begin(&self) -> bool {
        let mut schedule = self.schedule.lock();
        schedule.again = schedule.running;
        !std::mem::replace(&mut schedule.running, true)
    }

    /// Answers whether to look again.
    pub(super) fn end(&self) -> bool {
        let mut schedule = self.schedule.lock();
        schedule.running = std::mem::take(&mut schedule.again);
        schedule.running
    }
}

/// Begins to keep what is registered at a client.
pub(super) fn add(client: u64) {
    let state = Mutex::new(State::default());
    let registrations = Registrations { client, state, callbacks: Mutex::new(None) };
    CLIENTS.write().insert(client, Arc::new(registrations));
}

/// What is registered at a client.
pub(super) fn of(client: u64) -> Result<Arc<Registrations>, Failure> {
    CLIENTS.read().get(&client).cloned().ok_or_else(|| read::closed("the client"))
}

/// The client is closed.
pub(super) fn remove(client: u64) {
    let Some(registrations) = CLIENTS.write().remove(&client) else { return };
    let gone = {
        let mut state = registrations.state.lock();
        HANDLES.write().retain(|_, (of, _)| *of != client);
        std::mem::take(&mut state.by_cookie)
    };
    drop(gone);
}

/// Where a contender or watch is registered.
pub(super) fn find(handle: u64) -> Option<(Arc<Registrations>, Arc<Registration>)> {
    let (client, cookie) = *HANDLES.read().get(&handle)?;
    let registrations = of(client).ok()?;
    let registration = registrations.by_cookie(cookie)?;
    Some((registrations, registration))
}

/// How many contenders and watches are kept. For tests that look for what is left over.
pub(super) fn count() -> usize {
    HANDLES.read().len()
}

impl Registrations {
    pub(super) fn client(&self) -> u64 {
        self.client
    }

    /// Opens a contender or watch with a cookie of its own. The user data is the library's from
    /// when that has succeeded.
    pub(super) fn open(
        &self,
        what: What,
        user: UserData,
        open: impl FnOnce(u64) -> Result<u64, Error>,
    ) -> Result<u64, Failure> {
        // An event that comes at once waits here until it is known whose it is.
        let mut state = self.state.lock();
        let cookie = state.last_cookie + 1;
        let handle = match panic::guard(|| open(cookie)) {
            Ok(handle) => handle,
            Err(error) => {
                user.give_back();
                return Err(error.into());
            }
        };
        state.last_cookie = cookie;
        let schedule = Mutex::default();
        let registration = Arc::new(Registration { handle, what, user, schedule });
        state.by_cookie.insert(cookie, registration);
        HANDLES.write().insert(handle, (self.client, cookie));
        Ok(handle)
    }

    pub(super) fn by_cookie(&self, cookie: u64) -> Option<Arc<Registration>> {
        self.state.lock().by_cookie.get(&cookie).cloned()
    }

    /// Forgets a contender or watch if it is gone.
    pub(super) fn retire(&self, registration: &Registration) {
        if registration.exists() {
            return;
        }
        let gone = {
            let mut state = self.state.lock();
            let known = HANDLES.write().remove(&registration.handle);
            known.and_then(|(_, cookie)| state.by_cookie.remove(&cookie))
        };
        drop(gone);
    }

    pub(super) fn callbacks(&self) -> Option<Arc<Callbacks>> {
        self.callbacks.lock().clone()
    }

    /// Sets and starts the callbacks, once. Where that fails the user data remains its caller's.
    pub(super) fn start(self: &Arc<Self>, callbacks: Arc<Callbacks>) -> Result<(), Failure> {
        let mut place = self.callbacks.lock();
        let started = match &*place {
            Some(_) => Err(Failure::new(LS_HAS_CALLBACK, "the client has a callback")),
            None => callbacks
                .start(Arc::clone(self))
                .map_err(|error| Failure::new(LS_IO, format!("no thread for callbacks: {error}"))),
        };
        match started {
            Ok(()) => *place = Some(callbacks),
            Err(_) => callbacks.give_back(),
        }
        started
    }
}
