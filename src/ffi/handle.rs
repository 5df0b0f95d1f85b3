//! Handles: numbers that other languages hold in place of pointers.
//!
//! A handle is never 0 and names its object by kind, generation and slot. One that was closed, is
//! garbage, or belongs to another kind is simply not found. While a call uses an object, closing
//! its handle only takes it out of the table: the object lives until the last call has returned.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;

use super::panic;
use crate::core::error::Error;
use crate::sync::{Arc, OnceLock, RwLock};

const SLOT_BITS: u32 = 24;
const GENERATION_BITS: u32 = 32;

/// What a handle is of. The numbers are part of every handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A `LeaderClient`.
    Client = 1,
    /// A `LeaderServer`.
    Server = 2,
    /// A contender's registration.
    Contender = 3,
    /// A watch.
    Watch = 4,
    /// Bytes handed out to C.
    Bytes = 5,
    /// Entries of the store, handed out to C one after the other.
    List = 6,
    /// Changes put together in C.
    Transaction = 7,
}

/// What a handle is made of: kind (8 bits), generation (32), slot (24), from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// A [`Kind`], unless the handle is garbage.
    pub kind: u8,
    /// Which use of the slot.
    pub generation: u32,
    /// Below 2^24.
    pub slot: u32,
}

impl Parts {
    /// Takes a handle, or anything, apart.
    #[inline]
    pub fn of(handle: u64) -> Self {
        Parts {
            kind: (handle >> (SLOT_BITS + GENERATION_BITS)) as u8,
            generation: (handle >> SLOT_BITS) as u32,
            slot: handle as u32 & ((1 << SLOT_BITS) - 1),
        }
    }

    /// The handle.
    #[inline]
    pub fn handle(self) -> u64 {
        debug_assert!(self.slot < 1 << SLOT_BITS, "a slot has {SLOT_BITS} bits");
        u64::from(self.kind) << (SLOT_BITS + GENERATION_BITS)
            | u64::from(self.generation) << SLOT_BITS
            | u64::from(self.slot)
    }
}

/// What a [`Table`] holds.
pub trait Object: Send + Sync + 'static {
    /// The kind in its handles.
    const KIND: Kind;

    /// What messages call it.
    const NAME: &'static str;

    /// A panic came out of it and nobody will use it again: whatever it claims must end, above all
    /// leadership.
    fn abandon(&self);
}

/// The objects of one kind.
///
/// Locks are held for a look-up only, never while an object is used.
pub struct Table<T> {
    state: RwLock<State<T>>,
}

struct State<T> {
    entries: HashMap<u64, Arc<Entry<T>>, BuildHasherDefault<DefaultHasher>>,
    /// Counts the handles given out: its low bits are the slot, the rest is the generation. So a
    /// number comes again only after 2^56 others.
    given: u64,
}

struct Entry<T> {
    object: T,
    /// The text of the panic that ended its use.
    failure: OnceLock<String>,
}

impl<T: Object> Table<T> {
    /// An empty table.
    pub const fn new() -> Self {
        let entries = HashMap::with_hasher(BuildHasherDefault::new());
        Table { state: RwLock::new(State { entries, given: 0 }) }
    }

    /// Takes an object in and answers its handle.
    pub fn insert(&self, object: T) -> u64 {
        let mut state = self.state.write();
        state.given += 1;
        let slot = state.given as u32 & ((1 << SLOT_BITS) - 1);
        let generation = (state.given >> SLOT_BITS) as u32;
        state.put(Parts { kind: T::KIND as u8, generation, slot }, object)
    }

    /// Takes an object in whose slot (below 2^24) and generation are given out elsewhere. A table
    /// is filled by this or by [`Table::insert`], not by both.
    pub fn insert_at(&self, slot: u32, generation: u32, object: T) -> u64 {
        let parts = Parts { kind: T::KIND as u8, generation, slot };
        self.state.write().put(parts, object)
    }

    /// Runs `work` with the object; none if there is no such handle.
    ///
    /// # Errors
    /// What `work` answers. If it panics, or a call before has: [`Error::Internal`] with the text
    /// of the panic. The object is abandoned at the first panic.
    pub fn call<R>(
        &self,
        handle: u64,
        work: impl FnOnce(&T) -> Result<R, Error>,
    ) -> Result<Option<R>, Error> {
        let Some(entry) = self.get(handle) else { return Ok(None) };
        if let Some(text) = entry.failure.get() {
            let name = T::NAME;
            return Err(Error::Internal(format!("the {name} failed before, close it: {text}")));
        }
        let work = || {
            panic::may_be_injected(panic::Place::Object);
            work(&entry.object)
        };
        match panic::catch(work) {
            Ok(result) => result.map(Some),
            Err(text) => {
                let first = entry.failure.set(text.clone()).is_ok();
                if first && let Err(text) = panic::catch(|| entry.object.abandon()) {
                    log::error!("giving up a failed {} failed, too: {text}", T::NAME);
                }
                Err(Error::Internal(text))
            }
        }
    }

    /// Whether there is such a handle.
    pub fn contains(&self, handle: u64) -> bool {
        self.state.read().entries.contains_key(&handle)
    }

    /// Takes the handle out; the object ends when the last call that uses it has returned. Answers
    /// whether there was one.
    pub fn remove(&self, handle: u64) -> bool {
        // The object is dropped after the lock.
        let entry = self.state.write().entries.remove(&handle);
        entry.is_some()
    }

    /// Whether a panic has come out of the object.
    pub fn has_failed(&self, handle: u64) -> bool {
        self.get(handle).is_some_and(|entry| entry.failure.get().is_some())
    }

    /// As [`Table::remove`], if a panic has come out of the object.
    pub fn remove_failed(&self, handle: u64) -> bool {
        self.has_failed(handle) && self.remove(handle)
    }

    /// Takes out all of which `which` holds. It must not use this table.
    pub fn remove_where(&self, which: impl Fn(&T) -> bool) {
        let mut state = self.state.write();
        let removed = state.entries.extract_if(|_, entry| which(&entry.object));
        let removed: Vec<_> = removed.collect();
        drop(state);
        drop(removed);
    }

    /// How many handles there are.
    pub fn len(&self) -> usize {
        self.state.read().entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn get(&self, handle: u64) -> Option<Arc<Entry<T>>> {
        self.state.read().entries.get(&handle).cloned()
    }
}

impl<T: Object> Default for Table<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> State<T> {
    fn put(&mut self, parts: Parts, object: T) -> u64 {
        let entry = Entry { object, failure: OnceLock::new() };
        self.entries.insert(parts.handle(), Arc::new(entry));
        parts.handle()
    }
}
