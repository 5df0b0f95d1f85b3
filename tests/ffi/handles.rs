//! Handles and tables.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;

use leaderserver::core::error::Error;
use leaderserver::ffi::handle::{Kind, Object, Parts, Table};

use crate::garbage;

#[derive(Default)]
struct Thing {
    abandoned: AtomicU32,
    number: u32,
}

struct Other;

impl Object for Thing {
    const KIND: Kind = Kind::Client;
    const NAME: &'static str = "thing";

    fn abandon(&self) {
        self.abandoned.fetch_add(1, Ordering::SeqCst);
        if self.number == 13 {
            panic!("even this");
        }
    }
}

impl Object for Other {
    const KIND: Kind = Kind::Server;
    const NAME: &'static str = "other";

    fn abandon(&self) {}
}

fn number_of(table: &Table<Thing>, handle: u64) -> Option<u32> {
    table.call(handle, |thing| Ok(thing.number)).expect("it never fails")
}

#[test]
fn a_handle_names_kind_generation_and_slot() {
    let parts = Parts { kind: 3, generation: u32::MAX, slot: 0xff_ffff };
    assert_eq!(parts.handle(), 0x03ff_ffff_ffff_ffff);
    assert_eq!(Parts::of(parts.handle()), parts);
    let parts = Parts { kind: 1, generation: 0, slot: 1 };
    assert_eq!(Parts::of(parts.handle()), parts);
    assert!((parts.handle() as i64) > 0, "positive in Java, too");
}

#[test]
fn garbage_and_other_kinds_are_not_found() {
    let (things, others) = (Table::new(), Table::new());
    let handle = things.insert(Thing { number: 5, ..Thing::default() });
    others.insert(Other);
    assert_eq!(number_of(&things, handle), Some(5));
    assert!(others.call(handle, |_| Ok(())).expect("not a failure").is_none());
    for handle in garbage() {
        assert_eq!(number_of(&things, handle), None);
        assert!(!things.remove(handle));
    }
}

#[test]
fn a_closed_handle_is_not_found_though_its_slot_is_used_again() {
    let table = Table::new();
    let first = table.insert_at(9, 0, Thing { number: 1, ..Thing::default() });
    assert!(table.remove(first));
    assert!(!table.remove(first), "closing is idempotent");
    let second = table.insert_at(9, 1, Thing { number: 2, ..Thing::default() });
    assert_eq!(number_of(&table, first), None);
    assert_eq!(number_of(&table, second), Some(2));
    assert_eq!(Parts::of(first).slot, Parts::of(second).slot);

    let table = Table::new();
    let mut before = 0;
    for number in 0..1000 {
        let handle = table.insert(Thing { number, ..Thing::default() });
        assert_ne!(handle, 0);
        assert_eq!(number_of(&table, before), None);
        assert!(table.remove(handle));
        before = handle;
    }
    assert!(table.is_empty());
}

#[test]
fn closing_does_not_free_what_another_thread_uses() {
    static TABLE: Table<Thing> = Table::new();
    let handle = TABLE.insert(Thing { number: 8, ..Thing::default() });
    let (inside, entered) = mpsc::channel();
    let (go_on, closed) = mpsc::channel();
    let user = thread::spawn(move || {
        TABLE.call(handle, |thing| {
            inside.send(()).expect("somebody waits");
            closed.recv().expect("somebody closes");
            Ok(thing.number)
        })
    });
    entered.recv().expect("it runs");
    assert!(TABLE.remove(handle));
    go_on.send(()).expect("it waits");
    assert_eq!(user.join().expect("no panic").expect("no failure"), Some(8));
    assert!(TABLE.is_empty());
}

#[test]
fn a_panic_fails_the_handle_and_nothing_else() {
    let table = Table::new();
    let [broken, whole] = [13, 14].map(|number| table.insert(Thing { number, ..Thing::default() }));
    let number = 6 * 7;
    let failure = table.call(broken, |_| -> Result<(), Error> { panic!("bug {number}") });
    assert_eq!(failure.expect_err("it panicked"), Error::Internal("bug 42".to_owned()));
    for _ in 0..2 {
        let failure = table.call(broken, |_| Ok(())).expect_err("it has failed");
        assert!(failure.to_string().contains("bug 42"), "{failure}");
    }
    assert_eq!(number_of(&table, whole), Some(14));
    assert!(table.has_failed(broken) && !table.has_failed(whole));
    assert!(table.remove_failed(broken) && !table.remove_failed(whole));
    assert!(table.call(broken, |_| Ok(())).expect("it is gone").is_none());
}

#[test]
fn a_failed_object_is_abandoned_once() {
    let table = Table::new();
    let handle = table.insert(Thing::default());
    let (observer, abandoned) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            let result = table.call(handle, |thing: &Thing| {
                for _ in 0..2 {
                    let _ = table.call(handle, |_| -> Result<(), Error> { panic!("again") });
                }
                observer.send(thing.abandoned.load(Ordering::SeqCst)).expect("somebody waits");
                Ok(())
            });
            assert!(result.is_ok(), "a call that has begun goes on");
        });
    });
    assert_eq!(abandoned.recv(), Ok(1));
}

#[test]
fn what_belongs_to_another_is_taken_out_with_it() {
    let table = Table::new();
    let handles = [1, 2, 1].map(|number| table.insert(Thing { number, ..Thing::default() }));
    table.remove_where(|thing| thing.number == 1);
    assert_eq!(handles.map(|handle| table.contains(handle)), [false, true, false]);
}
