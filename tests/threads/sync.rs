//! The counterpart of `src/sync.rs`: loom's types behind the faces of `parking_lot` and `std`.
//!
//! Loom's can't be made in a constant; those that must be for statics are made at their first use.
//! That is no race, for all threads of a model are turns of one.

use std::cell::{Cell, OnceCell};
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::time::Instant;

pub(crate) use std::sync::atomic::Ordering;

pub(crate) use loom::sync::Arc;

/// Few: loom looks at each of them in each schedule.
pub(crate) const fn so_many(number: usize) -> usize {
    if number < 2 { number } else { 2 }
}

macro_rules! shared {
    ($($(#[$about:meta])* static $name:ident: $type:ty = $value:expr;)+) => {
        loom::lazy_static! {
            $($(#[$about])* static ref $name: $type = $value;)+
        }
    };
}
pub(crate) use shared;

/// What is made at its first use.
struct Late<I, T> {
    initial: Cell<Option<I>>,
    made: OnceCell<T>,
}

// SAFETY: all threads of a model are turns of one, and none can be taken in the midst of making.
unsafe impl<I: Send, T: Send + Sync> Sync for Late<I, T> {}

impl<I, T> Late<I, T> {
    const fn new(initial: I) -> Self {
        Late { initial: Cell::new(Some(initial)), made: OnceCell::new() }
    }

    fn get(&self, make: impl FnOnce(I) -> T) -> &T {
        self.made.get_or_init(|| make(self.initial.take().expect("made once")))
    }
}

macro_rules! atomic {
    ($($name:ident of $type:ty: $($method:ident)+;)+) => {
        $(pub(crate) struct $name(loom::sync::atomic::$name);

        impl $name {
            pub(crate) fn new(initial: $type) -> Self {
                $name(loom::sync::atomic::$name::new(initial))
            }

            pub(crate) fn load(&self, order: Ordering) -> $type {
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $type, order: Ordering) {
                self.0.store(value, order);
            }

            $(pub(crate) fn $method(&self, value: $type, order: Ordering) -> $type {
                self.0.$method(value, order)
            })+
        }

        impl Default for $name {
            fn default() -> Self {
                $name::new(Default::default())
            }
        })+
    };
}

atomic! {
    AtomicBool of bool: swap;
    AtomicU32 of u32: fetch_add;
    AtomicU64 of u64: swap;
}

impl AtomicU64 {
    pub(crate) fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        update: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64> {
        self.0.fetch_update(set, fetch, update)
    }
}

pub(crate) struct AtomicPtr<T>(Late<*mut T, loom::sync::atomic::AtomicPtr<T>>);

// SAFETY: as those of std.
unsafe impl<T> Send for AtomicPtr<T> {}
// SAFETY: as those of std.
unsafe impl<T> Sync for AtomicPtr<T> {}

impl<T> AtomicPtr<T> {
    pub(crate) const fn new(initial: *mut T) -> Self {
        AtomicPtr(Late::new(initial))
    }

    fn get(&self) -> &loom::sync::atomic::AtomicPtr<T> {
        self.0.get(loom::sync::atomic::AtomicPtr::new)
    }

    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        self.get().load(order)
    }

    pub(crate) fn store(&self, value: *mut T, order: Ordering) {
        self.get().store(value, order);
    }
}

impl<T> Default for AtomicPtr<T> {
    fn default() -> Self {
        let made = AtomicPtr::new(ptr::null_mut());
        made.get();
        made
    }
}

/// As of `std`; what is set is leaked, so that it can be lent.
pub(crate) struct OnceLock<T: 'static>(Mutex<Option<&'static T>>);

impl<T> OnceLock<T> {
    pub(crate) const fn new() -> Self {
        OnceLock(Mutex::new(None))
    }

    pub(crate) fn get(&self) -> Option<&T> {
        *self.0.lock()
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let mut present = self.0.lock();
        if present.is_some() {
            return Err(value);
        }
        *present = Some(Box::leak(Box::new(value)));
        Ok(())
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if self.get().is_none() {
            let _ = self.set(make());
        }
        self.get().expect("set above")
    }
}

pub(crate) struct Mutex<T>(Late<T, loom::sync::Mutex<T>>);

// SAFETY: as those of parking_lot.
unsafe impl<T: Send> Sync for Mutex<T> {}

pub(crate) struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub(crate) const fn new(initial: T) -> Self {
        Mutex(Late::new(initial))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        let mutex = self.0.get(loom::sync::Mutex::new);
        // As parking_lot: a panic under it poisons nothing.
        MutexGuard(Some(mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())))
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("only a wait takes it")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("only a wait takes it")
    }
}

pub(crate) struct RwLock<T>(Late<T, loom::sync::RwLock<T>>);

// SAFETY: as those of parking_lot.
unsafe impl<T: Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    pub(crate) const fn new(initial: T) -> Self {
        RwLock(Late::new(initial))
    }

    fn get(&self) -> &loom::sync::RwLock<T> {
        self.0.get(loom::sync::RwLock::new)
    }

    pub(crate) fn read(&self) -> loom::sync::RwLockReadGuard<'_, T> {
        self.get().read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn write(&self) -> loom::sync::RwLockWriteGuard<'_, T> {
        self.get().write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Whoever waits is woken by a notification and by nothing else: one that is lost is a deadlock,
/// which loom reports.
pub(crate) struct Condvar(Late<(), loom::sync::Condvar>);

// SAFETY: as those of parking_lot.
unsafe impl Sync for Condvar {}

pub(crate) struct WaitTimeoutResult;

impl Condvar {
    fn get(&self) -> &loom::sync::Condvar {
        self.0.get(|()| loom::sync::Condvar::new())
    }

    pub(crate) fn wait_until<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        _deadline: Instant,
    ) -> WaitTimeoutResult {
        let waiting = guard.0.take().expect("only a wait takes it");
        let woken = self.get().wait(waiting).unwrap_or_else(|poisoned| poisoned.into_inner());
        guard.0 = Some(woken);
        WaitTimeoutResult
    }

    pub(crate) fn notify_one(&self) {
        self.get().notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.get().notify_all();
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Condvar(Late::new(()))
    }
}

impl WaitTimeoutResult {
    pub(crate) fn timed_out(&self) -> bool {
        false
    }
}
