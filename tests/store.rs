//! The fenced store by itself: what a transaction may and may not do (P2), and what a retry gets
//! (R16).

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bytes::Bytes;

use leaderserver::core::ids::{ClientId, Epoch, Incarnation, Name, Revision};
use leaderserver::core::store::{
    ANSWERS_KEPT, Applied, Fence, MAX_ANSWERS, MAX_OPERATIONS, MAX_VALUE, Operation, OperationKind,
    Page, Query, RETRY_WITHIN, Store, StoreError, StoreLimits, Write, WriteId, Written,
};
use leaderserver::core::time::Moment;

fn name(text: &str) -> Name {
    Name::new("name", text).unwrap()
}

/// A store of which election "e" was granted under epoch 5, and "f" under epoch 7.
struct Desk {
    store: Store,
    limits: StoreLimits,
    now: Moment,
    revision: Revision,
    sequence: u64,
}

impl Desk {
    fn new() -> Self {
        let mut store = Store::default();
        store.granted(&name("e"), Epoch(5));
        store.granted(&name("f"), Epoch(7));
        let now = Moment::from_nanos(1_000_000_000_000);
        Desk { store, limits: StoreLimits::default(), now, revision: Revision(100), sequence: 0 }
    }

    /// A write under the present epoch of "e".
    fn write(&mut self, operations: Vec<OperationKind>) -> Write {
        self.write_under(&[("e", 5)], operations)
    }

    fn write_under(&mut self, fences: &[(&str, u64)], operations: Vec<OperationKind>) -> Write {
        self.sequence += 1;
        let fence = |&(election, epoch): &(&str, u64)| Fence {
            election: name(election),
            epoch: Epoch(epoch),
        };
        let fences: Vec<Fence> = fences.iter().map(fence).collect();
        let election = fences.first().map_or_else(|| name("e"), |fence| fence.election.clone());
        let of = |kind| Operation { election: election.clone(), kind };
        Write {
            id: WriteId { client: ClientId(1), sequence: self.sequence },
            had_below: self.sequence,
            age_ms: 0,
            incarnation: Incarnation(1),
            fences,
            operations: operations.into_iter().map(of).collect(),
        }
    }

    fn apply(&mut self, write: &Write) -> Result<Applied, StoreError> {
        let next = Revision(self.revision.0 + 1);
        let applied = self.store.write(self.now, self.limits, write, next)?;
        if !applied.changed.is_empty() {
            self.revision = next;
        }
        Ok(applied)
    }

    fn run(&mut self, operations: Vec<OperationKind>) -> Result<Written, StoreError> {
        let write = self.write(operations);
        self.apply(&write).map(|applied| applied.written)
    }

    fn value(&self, key: &str) -> Option<&[u8]> {
        self.store.get(&name("e"), &name(key)).map(|entry| &entry.value[..])
    }

    fn list(&self, prefix: &str, after: Option<&str>, values: bool) -> Page {
        let (election, prefix) = (name("e"), prefix.to_owned());
        let query = Query::List { election, prefix, after: after.map(name), values };
        self.store.query(&query, self.revision)
    }
}

fn create(key: &str, value: &'static str) -> OperationKind {
    OperationKind::Create { key: name(key), value: Bytes::from_static(value.as_bytes()) }
}

fn replace(key: &str, version: Revision, value: &'static str) -> OperationKind {
    OperationKind::Replace { key: name(key), version, value: Bytes::from_static(value.as_bytes()) }
}

fn delete(key: &str, version: Option<u64>) -> OperationKind {
    OperationKind::Delete { key: name(key), version: version.map(Revision) }
}

fn delete_prefix(prefix: &str) -> OperationKind {
    OperationKind::DeletePrefix { prefix: prefix.to_owned() }
}

// --- What operations do

#[test]
fn create_replace_delete() {
    let mut desk = Desk::new();
    let first = desk.run(vec![create("k", "one")]).unwrap();
    assert_eq!((first.revision, desk.value("k")), (Revision(101), Some(&b"one"[..])));
    let again = desk.run(vec![create("k", "two")]);
    assert_eq!(again, Err(StoreError::Exists { key: name("k"), version: first.revision }));
    let second = desk.run(vec![replace("k", first.revision, "two")]).unwrap();
    assert!(second.revision > first.revision);
    let late = desk.run(vec![replace("k", first.revision, "three")]);
    assert_eq!(late, Err(StoreError::Changed { key: name("k"), version: second.revision }));
    let late = desk.run(vec![delete("k", Some(first.revision.0))]);
    assert_eq!(late, Err(StoreError::Changed { key: name("k"), version: second.revision }));
    assert_eq!(desk.run(vec![delete("k", None)]).unwrap().deleted, 1);
    assert_eq!(desk.value("k"), None);
    let gone = StoreError::NotFound { key: name("k") };
    assert_eq!(desk.run(vec![delete("k", None)]), Err(gone.clone()));
    assert_eq!(desk.run(vec![replace("k", second.revision, "three")]), Err(gone));
    assert_eq!(desk.store.size(), Default::default());
}

#[test]
fn an_empty_value_is_a_value() {
    let mut desk = Desk::new();
    desk.run(vec![create("k", "")]).unwrap();
    assert_eq!(desk.value("k"), Some(&b""[..]));
}

#[test]
fn a_version_is_never_that_of_an_earlier_life_of_the_key() {
    let mut desk = Desk::new();
    let first = desk.run(vec![create("k", "one")]).unwrap();
    desk.run(vec![delete("k", None)]).unwrap();
    desk.run(vec![create("k", "two")]).unwrap();
    let late = desk.run(vec![replace("k", first.revision, "three")]);
    assert!(matches!(late, Err(StoreError::Changed { .. })));
}

#[test]
fn delete_by_prefix_takes_all_of_it_and_nothing_else() {
    let mut desk = Desk::new();
    let keys = ["a", "a/", "a/1", "a/2", "a/2/x", "a0", "b"];
    desk.run(keys.iter().map(|key| create(key, "v")).collect()).unwrap();
    assert_eq!(desk.run(vec![delete_prefix("a/")]).unwrap().deleted, 4);
    let left: Vec<_> = desk.list("", None, false).entries.into_iter().map(|e| e.key).collect();
    assert_eq!(left, ["a", "a0", "b"].map(name));
    let present = desk.revision;
    let nothing = desk.run(vec![delete_prefix("a/")]).unwrap();
    assert_eq!(nothing, Written { revision: present, deleted: 0 });
    assert_eq!(desk.run(vec![delete_prefix("")]).unwrap().deleted, 3);
    assert!(desk.store.has_no_keys());
}

/// Elections have keys of their own, also of the same name, and under a common prefix.
#[test]
fn a_key_belongs_to_its_election() {
    let mut desk = Desk::new();
    desk.run(vec![create("k", "of e")]).unwrap();
    let of_f = desk.write_under(&[("f", 7)], vec![create("k", "of f")]);
    desk.apply(&of_f).unwrap();
    assert_eq!(desk.value("k"), Some(&b"of e"[..]));
    assert_eq!(desk.run(vec![delete_prefix("")]).unwrap().deleted, 1);
    assert_eq!(desk.store.size().keys, 1);
}

#[test]
fn lists_come_in_order_and_in_pages() {
    let mut desk = Desk::new();
    let big = Bytes::from(vec![b'v'; 100_000]);
    for number in (0..10).rev() {
        let key = name(&format!("k/{number}"));
        desk.run(vec![OperationKind::Create { key, value: big.clone() }]).unwrap();
    }
    desk.run(vec![create("k", "before"), create("l", "after")]).unwrap();
    let names = desk.list("k/", None, false);
    assert_eq!((names.entries.len(), names.more), (10, false));
    assert!(names.entries.iter().all(|entry| entry.value.is_empty()));
    let (mut found, mut pages, mut after) = (Vec::new(), 0, None::<Name>);
    loop {
        let page = desk.list("k/", after.as_ref().map(Name::as_str), true);
        assert_eq!(page.revision, desk.revision);
        pages += 1;
        after = page.entries.last().map(|entry| entry.key.clone());
        found.extend(page.entries);
        if !page.more {
            break;
        }
    }
    assert_eq!((found.len(), pages), (10, 5));
    assert!(found.is_sorted_by(|a, b| a.key < b.key));
    assert!(desk.list("k/", Some("k/9"), true).entries.is_empty());
    assert_eq!(desk.list("k/", Some("a"), false).entries.len(), 10, "from before the prefix");
    assert!(desk.list("none", None, true).entries.is_empty());
}

#[test]
fn a_value_larger_than_a_page_is_a_page() {
    let mut desk = Desk::new();
    let value = Bytes::from(vec![7; MAX_VALUE]);
    for key in ["a", "b"] {
        let create = OperationKind::Create { key: name(key), value: value.clone() };
        desk.run(vec![create]).unwrap();
    }
    let page = desk.list("", None, true);
    assert_eq!((page.entries.len(), page.more), (1, true));
    assert_eq!(page.entries[0].value.len(), MAX_VALUE);
}

// --- All or nothing

#[test]
fn a_transaction_is_applied_whole_or_not_at_all() {
    let mut desk = Desk::new();
    let kept = desk.run(vec![create("kept", "v"), create("p/1", "v"), create("p/2", "v")]).unwrap();
    let (size, revision) = (desk.store.size(), desk.revision);
    let failing = [
        delete("none", None),
        create("kept", "again"),
        replace("kept", Revision(1), "x"),
        replace("new", Revision(1), "x"),
    ];
    for last in failing {
        let error = desk.run(vec![
            create("new", "v"),
            replace("kept", kept.revision, "changed"),
            delete_prefix("p/"),
            create("p/1", "again"),
            delete("p/1", None),
            last.clone(),
        ]);
        assert!(error.is_err(), "{last:?}");
        assert_eq!((desk.store.size(), desk.revision), (size, revision));
        assert_eq!(desk.value("kept"), Some(&b"v"[..]));
        assert_eq!(desk.value("new"), None);
        assert_eq!(desk.list("", None, true).entries.len(), 3);
        assert!(desk.list("", None, true).entries.iter().all(|e| e.version == kept.revision));
    }
}

/// Each sees what those before it in the same transaction did.
#[test]
fn operations_come_one_after_the_other() {
    let mut desk = Desk::new();
    let first = desk.run(vec![create("k", "one"), delete("k", None), create("k", "two")]).unwrap();
    assert_eq!((desk.value("k"), first.deleted), (Some(&b"two"[..]), 1));
    let write = desk.write(vec![delete_prefix("k"), create("k", "three")]);
    let applied = desk.apply(&write).unwrap();
    assert_eq!(applied.changed, [(name("e"), name("k"))], "named once");
}

// --- Fences (P2)

#[test]
fn only_the_last_granted_epoch_writes() {
    let mut desk = Desk::new();
    for epoch in [0, 4, 6] {
        let write = desk.write_under(&[("e", epoch)], vec![create("k", "v")]);
        let fenced =
            StoreError::Fenced { election: name("e"), epoch: Epoch(epoch), last: Epoch(5) };
        assert_eq!(desk.apply(&write), Err(fenced));
    }
    desk.run(vec![create("k", "v")]).unwrap();
    desk.store.granted(&name("e"), Epoch(9));
    assert!(matches!(desk.run(vec![delete("k", None)]), Err(StoreError::Fenced { .. })));
    desk.store.granted(&name("e"), Epoch(8));
    assert_eq!(desk.store.last_granted(&name("e")), Some(Epoch(9)), "never goes back");
}

/// Flink's `clearEntries` and `releaseAndTryRemove`, where nothing is there.
#[test]
fn the_fence_is_checked_where_nothing_is_there() {
    let mut desk = Desk::new();
    assert_eq!(desk.run(vec![]).unwrap().revision, desk.revision);
    for operations in [vec![], vec![delete_prefix("none")]] {
        let write = desk.write_under(&[("e", 4)], operations);
        assert!(matches!(desk.apply(&write), Err(StoreError::Fenced { .. })));
    }
    let write = desk.write_under(&[("e", 4)], vec![delete("none", None)]);
    assert!(matches!(desk.apply(&write), Err(StoreError::Fenced { .. })), "not: not found");
}

#[test]
fn every_fence_must_hold() {
    let mut desk = Desk::new();
    let write = desk.write_under(&[("e", 5), ("f", 6)], vec![create("k", "v")]);
    let fenced = StoreError::Fenced { election: name("f"), epoch: Epoch(6), last: Epoch(7) };
    assert_eq!(desk.apply(&write), Err(fenced));
    let mut both = desk.write_under(&[("e", 5), ("f", 7)], vec![create("k", "v")]);
    both.operations.push(Operation { election: name("f"), kind: create("k", "v") });
    assert_eq!(desk.apply(&both).unwrap().changed.len(), 2);
}

/// An election that nobody was ever granted, or whose fence is forgotten: nobody writes.
#[test]
fn without_a_grant_nobody_writes() {
    let mut desk = Desk::new();
    for epoch in [0, 1, u64::MAX] {
        let write = desk.write_under(&[("none", epoch)], vec![create("k", "v")]);
        let last = Epoch(0);
        let fenced = StoreError::Fenced { election: name("none"), epoch: Epoch(epoch), last };
        assert_eq!(desk.apply(&write), Err(fenced));
    }
    desk.store.forget_fence(&name("e"));
    assert!(matches!(desk.run(vec![]), Err(StoreError::Fenced { last: Epoch(0), .. })));
    let of_f = desk.write_under(&[("f", 7)], vec![create("k", "v")]);
    desk.apply(&of_f).unwrap();
    desk.store.forget_fence(&name("f"));
    assert_eq!(desk.store.last_granted(&name("f")), Some(Epoch(7)), "it has keys");
}

#[test]
fn what_is_no_transaction_is_refused() {
    let mut desk = Desk::new();
    let unfenced = desk.write_under(&[], vec![create("k", "v")]);
    assert!(matches!(desk.apply(&unfenced), Err(StoreError::Invalid(_))));
    let mut foreign = desk.write(vec![create("k", "v")]);
    foreign.operations[0].election = name("f");
    assert!(matches!(desk.apply(&foreign), Err(StoreError::Invalid(_))));
    let long = Bytes::from(vec![0; MAX_VALUE + 1]);
    let long = desk.run(vec![OperationKind::Create { key: name("k"), value: long }]);
    assert!(matches!(long, Err(StoreError::Limit(_))));
    let many = vec![delete_prefix("x"); MAX_OPERATIONS + 1];
    assert!(matches!(desk.run(many), Err(StoreError::Limit(_))));
    let half = Bytes::from(vec![0; MAX_VALUE * 3 / 4]);
    let large = ["a", "b"].map(|key| OperationKind::Create { key: name(key), value: half.clone() });
    assert!(matches!(desk.run(large.to_vec()), Err(StoreError::Limit(_))));
    assert!(desk.store.has_no_keys());
}

// --- Limits

#[test]
fn a_full_namespace_says_so_and_may_shrink() {
    let mut desk = Desk::new();
    desk.limits = StoreLimits { keys: 3, bytes: 10_000 };
    desk.run(vec![create("a", "v"), create("b", "v"), create("c", "v")]).unwrap();
    let Err(StoreError::Limit(text)) = desk.run(vec![create("d", "v")]) else { panic!() };
    assert!(text.contains("max-store-keys is 3"), "{text}");
    desk.run(vec![delete("a", None), create("d", "v")]).unwrap();
    let long = "v".repeat(9_900).leak();
    let Err(StoreError::Limit(text)) = desk.run(vec![replace("d", desk.revision, long)]) else {
        panic!()
    };
    assert!(text.contains("max-store-bytes is 10000"), "{text}");
    assert_eq!(desk.value("d"), Some(&b"v"[..]));
    desk.limits = StoreLimits { keys: 1, bytes: 10 };
    desk.run(vec![delete("b", None)]).unwrap();
    desk.run(vec![replace("d", Revision(desk.revision.0 - 1), "w")]).unwrap();
}

// --- Retries (R16)

/// Lesson 14, FLINK-22494 and FLINK-24543: a retry does not find its own first attempt.
#[test]
fn a_retry_gets_the_first_answer() {
    let mut desk = Desk::new();
    let mut write = desk.write(vec![create("k", "v")]);
    let first = desk.apply(&write).unwrap();
    write.age_ms = 1;
    let again = desk.apply(&write).unwrap();
    assert_eq!((again.written, again.changed.len()), (first.written, 0));
    desk.run(vec![]).unwrap();
    assert_eq!(desk.value("k"), Some(&b"v"[..]));
}

/// Also when the key was changed since, and when somebody else was granted since.
#[test]
fn a_retry_is_found_before_the_epoch_is_checked() {
    let mut desk = Desk::new();
    let mut write = desk.write(vec![create("k", "v")]);
    let first = desk.apply(&write).unwrap().written;
    desk.store.granted(&name("e"), Epoch(9));
    write.age_ms = 1;
    assert_eq!(desk.apply(&write).unwrap().written, first);
    let later = Write { had_below: 1, ..desk.write_under(&[("e", 9)], vec![delete("k", None)]) };
    desk.apply(&later).unwrap();
    assert_eq!(desk.apply(&write).unwrap().written, first);
    assert_eq!(desk.value("k"), None, "it was not applied again");
}

/// What was refused had no effect, and is judged anew.
#[test]
fn a_refused_write_may_be_tried_again() {
    let mut desk = Desk::new();
    let mut write = desk.write_under(&[("e", 9)], vec![create("k", "v")]);
    assert!(matches!(desk.apply(&write), Err(StoreError::Fenced { .. })));
    desk.store.granted(&name("e"), Epoch(9));
    write.age_ms = 1;
    desk.apply(&write).unwrap();
}

/// An answer is kept until the client says that it has it; what comes after that, out of order, is
/// not applied: something decided later may have been.
#[test]
fn had_answers_are_forgotten_and_late_copies_not_applied() {
    let mut desk = Desk::new();
    let late = desk.write(vec![create("late", "v")]);
    let mut first = desk.write(vec![create("a", "v")]);
    first.had_below = 1;
    desk.apply(&first).unwrap();
    let later = desk.write(vec![create("b", "v")]);
    assert_eq!(later.had_below, 3);
    desk.apply(&later).unwrap();
    for write in [&first, &late] {
        assert!(matches!(desk.apply(write), Err(StoreError::UnknownOutcome(_))));
    }
    assert_eq!(desk.value("late"), None);
}

#[test]
fn clients_do_not_share_answers() {
    let mut desk = Desk::new();
    let write = desk.write(vec![create("k", "v")]);
    desk.apply(&write).unwrap();
    let id = WriteId { client: ClientId(2), ..write.id };
    let other = Write { id, ..write };
    assert!(matches!(desk.apply(&other), Err(StoreError::Exists { .. })));
}

/// At least an hour; and what may have been forgotten is of unknown outcome, never judged anew.
#[test]
fn answers_outlive_every_retry_that_is_judged() {
    assert!(ANSWERS_KEPT > RETRY_WITHIN && RETRY_WITHIN >= Duration::from_secs(3600));
    let mut desk = Desk::new();
    let mut write = desk.write(vec![create("k", "v")]);
    let first = desk.apply(&write).unwrap().written;
    let began = desk.now;
    desk.now = began + ANSWERS_KEPT - Duration::from_millis(1);
    desk.store.forget_answers(desk.now);
    write.age_ms = RETRY_WITHIN.as_millis() as u64 * 2;
    assert_eq!(desk.apply(&write).unwrap().written, first, "still there");
    desk.now = desk.now + ANSWERS_KEPT;
    desk.store.forget_answers(desk.now);
    assert!(!desk.store.has_answers());
    assert!(matches!(desk.apply(&write), Err(StoreError::UnknownOutcome(_))));
    let unsent = desk.write(vec![create("l", "v")]);
    desk.apply(&unsent).unwrap();
}

#[test]
fn too_many_answers_are_a_limit() {
    let mut desk = Desk::new();
    for number in 0..MAX_ANSWERS {
        let mut write = desk.write(vec![create(&format!("k{number}"), "v")]);
        write.had_below = 1;
        desk.apply(&write).unwrap();
    }
    let mut write = desk.write(vec![create("k", "v")]);
    write.had_below = 1;
    assert!(matches!(desk.apply(&write), Err(StoreError::Limit(_))));
    write.had_below = 2;
    desk.apply(&write).unwrap();
}
