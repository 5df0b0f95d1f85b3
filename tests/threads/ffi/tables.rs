//! The handle table: closing meets use, closing and panics.

use std::cell::Cell;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Once;

use leaderserver::core::error::Error;
use loom::thread;

use super::handle::{Kind, Object, Table};
use crate::model;
use crate::sync::Arc;

pub(super) const PANIC: &str = "put in by the model";

/// What became of an object. Threads of a model are turns of one, so this sees them in the order in
/// which they ran, and orders nothing between them.
#[derive(Clone, Default)]
struct Fate(Rc<Seen>);

#[derive(Default)]
struct Seen {
    in_use: Cell<u32>,
    dropped: Cell<u32>,
    abandoned: Cell<u32>,
}

// SAFETY: all threads of a model are turns of one.
unsafe impl Send for Fate {}
// SAFETY: as above.
unsafe impl Sync for Fate {}

struct Thing {
    fate: Fate,
    /// What loom watches: used after its end is an error.
    value: loom::cell::UnsafeCell<u32>,
}

// SAFETY: loom finds every race on the value.
unsafe impl Sync for Thing {}

impl Thing {
    fn new(fate: &Fate) -> Self {
        Thing { fate: fate.clone(), value: loom::cell::UnsafeCell::new(5) }
    }

    fn read(&self) -> u32 {
        // SAFETY: only dropping writes, which loom holds against this.
        self.value.with(|value| unsafe { *value })
    }
}

impl Object for Thing {
    const KIND: Kind = Kind::Client;
    const NAME: &'static str = "thing";

    fn abandon(&self) {
        self.read();
        self.fate.0.abandoned.set(self.fate.0.abandoned.get() + 1);
    }
}

impl Drop for Thing {
    fn drop(&mut self) {
        assert_eq!(self.fate.0.in_use.get(), 0, "freed under a call that uses it");
        // SAFETY: nobody reads it any more, which loom checks.
        self.value.with_mut(|value| unsafe { *value = 0 });
        self.fate.0.dropped.set(self.fate.0.dropped.get() + 1);
    }
}

/// Uses it for longer than a moment.
fn use_it(table: &Table<Thing>, handle: u64) -> Option<u32> {
    let used = table.call(handle, |thing| {
        let in_use = &thing.fate.0.in_use;
        in_use.set(in_use.get() + 1);
        let read = thing.read();
        thread::yield_now();
        assert_eq!(thing.read(), read);
        in_use.set(in_use.get() - 1);
        Ok(read)
    });
    used.expect("it does not panic")
}

/// Panics put in are not news.
pub(super) fn quietly() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let payload = info.payload();
            let text = payload.downcast_ref::<String>().map(String::as_str);
            if text.or(payload.downcast_ref().copied()) != Some(PANIC) {
                before(info);
            }
        }));
    });
}

/// Two use it and two close it. Whoever uses it has all of it until it is done; one close takes it
/// out; it ends once.
#[test]
fn a_close_frees_nothing_that_is_used() {
    model(|| {
        let fate = Fate::default();
        let table = Arc::new(Table::new());
        let handle = table.insert(Thing::new(&fate));
        let user = {
            let table = Arc::clone(&table);
            thread::spawn(move || {
                let used = use_it(&table, handle);
                assert!(matches!(used, None | Some(5)), "{used:?}");
            })
        };
        let closer = {
            let table = Arc::clone(&table);
            thread::spawn(move || table.remove(handle))
        };
        let closed = table.remove(handle);
        assert_eq!(use_it(&table, handle), None, "used after it was closed");
        assert_ne!(closer.join().unwrap(), closed, "one of two closes takes it out");
        user.join().unwrap();
        assert_eq!((fate.0.dropped.get(), table.len()), (1, 0));
    });
}

/// Handles that come and go meet each other: each names its own object and none comes again.
#[test]
fn a_handle_names_one_object_for_ever() {
    model(|| {
        let table = Arc::new(Table::new());
        let (first, second) = (Fate::default(), Fate::default());
        let other = {
            let (table, fate) = (Arc::clone(&table), first.clone());
            thread::spawn(move || {
                let handle = table.insert(Thing::new(&fate));
                assert!(table.remove(handle));
                handle
            })
        };
        let own = table.insert(Thing::new(&second));
        let same = |thing: &Thing| Ok(Rc::ptr_eq(&thing.fate.0, &second.0));
        assert_eq!(table.call(own, same), Ok(Some(true)));
        let removed = other.join().unwrap();
        assert_ne!(own, removed);
        assert_eq!(use_it(&table, removed), None);
        assert_eq!(table.call(own, same), Ok(Some(true)));
        assert_eq!((first.0.dropped.get(), second.0.dropped.get()), (1, 0));
    });
}

/// Two calls panic and a third works: the object is abandoned once, before any call that panicked
/// has returned; whoever knows of the panic is refused.
#[test]
fn a_panic_abandons_once() {
    quietly();
    model(|| {
        let fate = Fate::default();
        let table = Arc::new(Table::new());
        let handle = table.insert(Thing::new(&fate));
        let panicking = {
            let table = Arc::clone(&table);
            thread::spawn(move || {
                let failed: Result<Option<()>, Error> = table.call(handle, |_| panic!("{PANIC}"));
                assert!(failed.is_err());
            })
        };
        let failed: Result<Option<()>, Error> = table.call(handle, |_| panic!("{PANIC}"));
        assert!(matches!(failed, Err(Error::Internal(text)) if text.contains(PANIC)));
        assert!(table.has_failed(handle));
        assert!(table.call(handle, |thing| Ok(thing.read())).is_err(), "used after its panic");
        panicking.join().unwrap();
        assert_eq!(fate.0.abandoned.get(), 1);
        let other = {
            let table = Arc::clone(&table);
            thread::spawn(move || table.remove_failed(handle))
        };
        assert_ne!(table.remove_failed(handle), other.join().unwrap());
        assert_eq!(fate.0.dropped.get(), 1);
    });
}
