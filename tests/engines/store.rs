//! The fenced store: metadata that only the leader writes (P2, R15, R16; FLINK-10333).

use std::sync::Arc;
use std::thread;

use bytes::Bytes;

use leaderserver::client::Store;
use leaderserver::core::error::{Error, Refusal};
use leaderserver::core::ids::{Epoch, Name, Revision};
use leaderserver::core::store::{MAX_VALUE, StoreError};

use crate::engine::Engine;
use crate::process::{PATIENCE, Process, Standing, eventually};

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn value(store: &Store, key: &str) -> Option<Bytes> {
    store.get(key, PATIENCE).unwrap().map(|entry| entry.value)
}

fn store_of(standing: &Standing) -> Store {
    standing.contender.store().expect("it was told of a grant")
}

fn store_error<T: std::fmt::Debug>(result: Result<T, Error>) -> StoreError {
    match result {
        Err(Error::Store(error)) => error,
        other => panic!("expected an error of the store: {other:?}"),
    }
}

/// Create, replace, delete, each with its version and its distinct error.
pub fn a_leader_writes_and_reads(engine: &dyn Engine) {
    let process = Process::start(&engine.endpoint(), "process");
    let standing = process.stand("dispatcher");
    assert!(standing.contender.store().is_none(), "nothing was told yet");
    standing.granted();
    let store = store_of(&standing);
    assert_eq!(value(&store, "jobs/1"), None);
    let first = store.create("jobs/1", bytes("one"), PATIENCE).unwrap();
    let there = StoreError::Exists { key: Name::new("key", "jobs/1").unwrap(), version: first };
    assert_eq!(store_error(store.create("jobs/1", bytes("two"), PATIENCE)), there);
    let second = store.replace("jobs/1", first, bytes("two"), PATIENCE).unwrap();
    assert!(second > first);
    let error = store_error(store.replace("jobs/1", first, bytes("three"), PATIENCE));
    assert!(matches!(error, StoreError::Changed { version, .. } if version == second), "{error}");
    let found = store.get("jobs/1", PATIENCE).unwrap().unwrap();
    assert_eq!((found.version, found.value), (second, bytes("two")));
    store.delete("jobs/1", Some(second), PATIENCE).unwrap();
    let error = store_error(store.delete("jobs/1", None, PATIENCE));
    assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
    assert!(store.get("", PATIENCE).is_err());
}

/// A value of a mebibyte arrives; a longer one is refused before it is sent.
pub fn large_values_are_carried(engine: &dyn Engine) {
    let process = Process::start(&engine.endpoint(), "process");
    let standing = process.stand("dispatcher");
    standing.granted();
    let store = store_of(&standing);
    let large: Bytes = (0..MAX_VALUE).map(|number| number as u8).collect();
    for number in 0..10 {
        store.create(&format!("large/{number}"), large.clone(), PATIENCE).unwrap();
    }
    let found = store.list("large/", true, PATIENCE).unwrap();
    assert_eq!(found.len(), 10);
    assert!(found.iter().all(|entry| entry.value == large));
    assert!(store.list("large/", false, PATIENCE).unwrap().iter().all(|e| e.value.is_empty()));
    let longer = Bytes::from(vec![0; MAX_VALUE + 1]);
    let error = store_error(store.create("longer", longer, PATIENCE));
    assert!(matches!(error, StoreError::Limit(_)), "{error}");
    // All at once: heartbeats still pass, and nobody is cut for what waits to be read.
    let store = Arc::new(store);
    let readers: Vec<_> = (0..10)
        .map(|number| {
            let (store, large) = (Arc::clone(&store), large.clone());
            thread::spawn(move || {
                for _ in 0..5 {
                    assert!(value(&store, &format!("large/{number}")) == Some(large.clone()));
                }
            })
        })
        .collect();
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    assert!(standing.told().is_none(), "no revoke");
}

/// Whole or not at all; and what a prefix covers goes in one step.
pub fn transactions_are_all_or_nothing(engine: &dyn Engine) {
    let process = Process::start(&engine.endpoint(), "process");
    let standing = process.stand("dispatcher");
    standing.granted();
    let store = store_of(&standing);
    let both = store.transaction().create("a/1", bytes("1")).unwrap();
    let written = both.create("a/2", bytes("2")).unwrap().commit(PATIENCE).unwrap();
    let found = store.list("a/", true, PATIENCE).unwrap();
    assert!(found.len() == 2 && found.iter().all(|entry| entry.version == written.revision));
    let failing = store.transaction().delete("a/1", None).unwrap();
    let failing = failing.delete("a/3", None).unwrap().create("b", bytes("")).unwrap();
    let error = store_error(failing.commit(PATIENCE));
    assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
    assert_eq!(store.list("", true, PATIENCE).unwrap(), found);
    assert_eq!(store.delete_prefix("a/", PATIENCE).unwrap(), 2);
    assert_eq!(store.delete_prefix("a/", PATIENCE).unwrap(), 0);
}

/// P2, lessons 13 and 16: a leader that resigned cleans up until somebody else is granted; from
/// then on none of its writes is applied, also where there is nothing to write.
pub fn a_former_leader_writes_until_the_next_is_granted(engine: &dyn Engine) {
    let a = Process::start(&engine.endpoint(), "a");
    let b = Process::start(&engine.endpoint(), "b");
    let of_a = a.stand("dispatcher");
    let granted = of_a.granted();
    let by_a = store_of(&of_a);
    by_a.create("k", bytes("a"), PATIENCE).unwrap();
    of_a.close();
    of_a.finished();
    by_a.create("l", bytes("a"), PATIENCE).unwrap();
    assert_eq!(by_a.delete_prefix("l", PATIENCE).unwrap(), 1);

    let of_b = b.stand("dispatcher");
    let next = of_b.granted();
    for error in [
        store_error(by_a.replace("k", Revision(1), bytes("late"), PATIENCE)),
        store_error(by_a.create("new", bytes("late"), PATIENCE)),
        store_error(by_a.delete_prefix("", PATIENCE)),
        store_error(by_a.delete_prefix("nothing", PATIENCE)),
        store_error(by_a.check(PATIENCE)),
    ] {
        let StoreError::Fenced { election, epoch, last } = &error else { panic!("{error}") };
        assert_eq!((election.as_str(), *epoch, *last), ("process", granted.epoch, next.epoch));
    }
    assert_eq!(value(&by_a, "k"), Some(bytes("a")), "reading is free");
    let by_b = store_of(&of_b);
    by_b.check(PATIENCE).unwrap();
    by_b.delete("k", None, PATIENCE).unwrap();
}

/// R15: a store keeps the epoch of the grant that was told when it was made.
pub fn a_store_never_picks_up_a_later_epoch(engine: &dyn Engine) {
    let process = Process::start(&engine.endpoint(), "process");
    let standing = process.stand("dispatcher");
    let first = standing.granted();
    let early = store_of(&standing);
    process.client.resign("process", None, None, PATIENCE).unwrap();
    standing.revoked();
    let second = standing.granted();
    let error = store_error(early.create("k", bytes("early"), PATIENCE));
    assert!(
        matches!(error, StoreError::Fenced { epoch, last, .. }
            if (epoch, last) == (first.epoch, second.epoch)),
        "{error}"
    );
    store_of(&standing).create("k", bytes("late"), PATIENCE).unwrap();
}

/// Explicit epochs, several of them, and none: then it is only to be read.
pub fn explicit_epochs_must_all_hold(engine: &dyn Engine) {
    let per_component = |name: &str| {
        Process::start_with(&engine.endpoint(), name, |config| {
            config.mode = leaderserver::core::config::Mode::PerComponent;
        })
    };
    let (a, other) = (per_component("a"), per_component("other"));
    let (job, dispatcher) = (a.stand("job"), a.stand("dispatcher"));
    let (of_job, of_dispatcher) = (job.granted().epoch, dispatcher.granted().epoch);
    let both = &other.client;
    let fences = [("dispatcher", of_dispatcher), ("job", of_job)];
    let store = both.store("dispatcher", &fences).unwrap();
    let transaction = store.transaction().create("k", bytes("d")).unwrap();
    let transaction = transaction.of("job").unwrap().create("k", bytes("j")).unwrap();
    transaction.commit(PATIENCE).unwrap();
    assert_eq!(value(&store_of(&job), "k"), Some(bytes("j")));
    let wrong = [("dispatcher", of_dispatcher), ("job", Epoch(of_job.0 + 1))];
    let store = both.store("dispatcher", &wrong).unwrap();
    let error = store_error(store.delete("k", None, PATIENCE));
    assert!(matches!(&error, StoreError::Fenced { election, .. } if election.as_str() == "job"));
    let reader = both.store("dispatcher", &[]).unwrap();
    assert_eq!(value(&reader, "k"), Some(bytes("d")));
    assert!(matches!(store_error(reader.check(PATIENCE)), StoreError::Invalid(_)));
    both.close(PATIENCE);
    assert!(matches!(reader.get("k", PATIENCE), Err(Error::Closed(_))));
}

/// Many threads, one client: every version is given to one of them.
pub fn writers_on_many_threads_do_not_lose_each_other(engine: &dyn Engine) {
    let process = Process::start(&engine.endpoint(), "process");
    let standing = process.stand("dispatcher");
    standing.granted();
    let store = Arc::new(store_of(&standing));
    store.create("counter", bytes("0"), PATIENCE).unwrap();
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            thread::spawn(move || (0..25).for_each(|_| count_up(&store)))
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_eq!(value(&store, "counter"), Some(bytes("200")));
}

fn count_up(store: &Store) {
    loop {
        let found = store.get("counter", PATIENCE).unwrap().unwrap();
        let number: u64 = std::str::from_utf8(&found.value).unwrap().parse().unwrap();
        let next = bytes(&(number + 1).to_string());
        match store.replace("counter", found.version, next, PATIENCE) {
            Ok(_) => return,
            Err(Error::Store(StoreError::Changed { .. })) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Keys outlive the sessions of their namespace, which the status shows; nothing crosses it.
pub fn keys_outlive_sessions_and_cross_no_namespace(engine: &dyn Engine) {
    let observer = Process::start_with(&engine.endpoint(), "other", |config| {
        config.namespace = Some(Name::new("namespace", "another").unwrap());
    });
    let epoch = {
        let process = Process::start(&engine.endpoint(), "process");
        let standing = process.stand("dispatcher");
        let epoch = standing.granted().epoch;
        store_of(&standing).create("k", bytes("value"), PATIENCE).unwrap();
        let status = process.client.status(PATIENCE).unwrap();
        assert_eq!(status.namespaces[0].store_keys, 1);
        assert!(status.namespaces[0].store_bytes >= 6);
        epoch
    };
    let foreign = observer.client.store("process", &[("process", epoch)]).unwrap();
    assert_eq!(value(&foreign, "k"), None);
    assert!(matches!(store_error(foreign.check(PATIENCE)), StoreError::Fenced { .. }));
    let later = Process::start(&engine.endpoint(), "later");
    let store = later.client.store("process", &[("process", epoch)]).unwrap();
    assert_eq!(value(&store, "k"), Some(bytes("value")));
    store.delete_prefix("", PATIENCE).unwrap();
    eventually("the namespace is in nobody's way any more", || {
        let status = later.client.status(PATIENCE).unwrap();
        status.namespaces.iter().all(|namespace| namespace.store_keys == 0)
    });
}

/// Who names no namespace is told so, and its connection lives on.
pub fn an_observer_is_told_to_name_a_namespace(engine: &dyn Engine) {
    if engine.endpoint().starts_with("embedded:") {
        // There, a client must name one.
        return;
    }
    let observer = Process::start_with(&engine.endpoint(), "observer", |config| {
        config.namespace = None;
    });
    let store = observer.client.store("process", &[("process", Epoch(1))]).unwrap();
    let refused = |error| matches!(error, Err(Error::Refused { code: Refusal::Namespace, .. }));
    assert!(refused(store.get("k", PATIENCE).map(drop)));
    assert!(refused(store.check(PATIENCE)));
    observer.client.status(PATIENCE).unwrap();
}
