//! The fenced store through handles.

use std::fs;
use std::thread;
use std::time::Duration;

use bytes::Bytes;

use leaderserver::core::contenders::Callback;
use leaderserver::core::error::Error;
use leaderserver::core::ids::{Epoch, MAX_NAME, Name, Revision};
use leaderserver::core::store::{Fence, MAX_VALUE, MAX_WRITE, Operation, OperationKind};
use leaderserver::ffi::{objects, status};

use crate::objects::poll_for;
use crate::{ONE_AT_A_TIME, garbage, pairs};

const PATIENCE: Duration = Duration::from_secs(30);

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> i32 {
    result.as_ref().map_or_else(status::code, |_| status::OK)
}

fn name(text: &str) -> Name {
    Name::new("name", text).expect("a name")
}

fn fence(epoch: u64) -> Vec<Fence> {
    vec![Fence { election: name("process"), epoch: Epoch(epoch) }]
}

fn create(key: &str, value: &'static [u8]) -> Operation {
    objects::operation(objects::CREATE, "process", key, 0, Bytes::from_static(value))
        .expect("an operation")
}

/// A client that leads, and its epoch.
fn leader() -> (u64, u64) {
    let given = pairs(&[("endpoint", "embedded:"), ("namespace", "/n")]);
    let client = objects::client_open(given, None).expect("opened");
    let contender = objects::contender_open(client, "component", 1).expect("registered");
    poll_for(client, 1);
    match objects::contender_take(contender) {
        Ok(Some(Callback::Grant(id))) => (client, id.epoch.0),
        other => panic!("a grant was due: {other:?}"),
    }
}

fn close(client: u64) {
    assert_eq!(objects::client_close(client, PATIENCE), Ok(()));
}

#[test]
fn garbage_handles_answer_closed() {
    let _alone = ONE_AT_A_TIME.lock();
    let server = objects::server_start(pairs(&[]), None).expect("started");
    for handle in garbage().into_iter().chain([server]) {
        assert_eq!(code(objects::client_election_of(handle, "c")), status::CLOSED);
        assert_eq!(code(objects::store_get(handle, "e", "k", PATIENCE)), status::CLOSED);
        let page = objects::store_page(handle, "e", "", None, true, PATIENCE);
        assert_eq!(code(page), status::CLOSED);
        let write = objects::store_write(handle, fence(1), vec![create("k", b"")], PATIENCE);
        assert_eq!(code(write), status::CLOSED);
    }
    assert_eq!(objects::server_stop(server), Ok(()));
}

#[test]
fn keys_through_handles() {
    let _alone = ONE_AT_A_TIME.lock();
    let (client, epoch) = leader();
    let write = |operations| objects::store_write(client, fence(epoch), operations, PATIENCE);
    let written = write(vec![create("a", b"1"), create("b", b""), create("c", b"3")]);
    let version = written.expect("applied").revision;
    let entry = objects::store_get(client, "process", "a", PATIENCE).expect("read").expect("there");
    assert_eq!((entry.version, entry.value), (version, Bytes::from_static(b"1")));
    assert_eq!(objects::store_get(client, "process", "x", PATIENCE), Ok(None));
    assert_eq!(objects::store_get(client, "other", "a", PATIENCE), Ok(None));
    let page = objects::store_page(client, "process", "", Some("a"), false, PATIENCE);
    let page = page.expect("read");
    let keys: Vec<&str> = page.entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["b", "c"]);
    assert!(!page.more);

    let there = write(vec![create("a", b"2")]).expect_err("it is there");
    assert_eq!((status::code(&there), status::version(&there)), (status::EXISTS, version.0));
    let wrong = |kind| objects::operation(kind, "process", "a", 7, Bytes::new()).expect("valid");
    let changed = write(vec![wrong(objects::REPLACE)]).expect_err("another version");
    assert_eq!((status::code(&changed), status::version(&changed)), (status::CHANGED, version.0));
    assert_eq!(code(write(vec![wrong(objects::DELETE_VERSION)])), status::CHANGED);
    // On the wire it would stand for any version.
    let zero = objects::operation(objects::DELETE_VERSION, "process", "a", 0, Bytes::new());
    assert_eq!(code(write(vec![zero.expect("valid")])), status::INVALID_ARGUMENT);
    assert_eq!(code(write(vec![wrong(objects::DELETE)])), status::OK);
    assert_eq!(code(write(vec![wrong(objects::DELETE)])), status::NOT_FOUND);
    assert_eq!(write(vec![wrong(objects::DELETE_PREFIX)]).expect("applied").deleted, 0);

    let fenced = |fences| objects::store_write(client, fences, Vec::new(), PATIENCE);
    assert_eq!(code(fenced(fence(epoch))), status::OK);
    assert_eq!(code(fenced(fence(epoch - 1))), status::FENCED);
    assert_eq!(code(fenced(fence(u64::MAX))), status::FENCED);
    assert_eq!(code(fenced(Vec::new())), status::INVALID_ARGUMENT);
    close(client);
    assert_eq!(code(fenced(fence(epoch))), status::CLOSED);
}

#[test]
fn who_closes_ends_the_waiting() {
    let _alone = ONE_AT_A_TIME.lock();
    // No name service is known: requests wait for one.
    let client = objects::client_open(pairs(&[("namespace", "/n")]), None).expect("opened");
    let asker = thread::Builder::new()
        .name("asker".to_owned())
        .spawn(move || code(objects::store_get(client, "process", "k", 1000 * PATIENCE)));
    let asker = asker.expect("a thread");
    // No event says that it waits for an answer.
    while !sleeps("asker") {
        thread::yield_now();
    }
    close(client);
    assert_eq!(asker.join().expect("no panic"), status::CLOSED);
}

/// Whether a thread of this process sleeps, by its name.
fn sleeps(thread: &str) -> bool {
    let sleeping = format!("({thread}) S ");
    let tasks = fs::read_dir("/proc/self/task").expect("every Linux has it");
    let stats = tasks.map(|task| task.expect("readable").path().join("stat"));
    // One that has ended meanwhile can't be read.
    stats.filter_map(|stat| fs::read_to_string(stat).ok()).any(|stat| stat.contains(&sleeping))
}

#[test]
fn the_election_of_a_component() {
    let _alone = ONE_AT_A_TIME.lock();
    for (mode, election) in [("per-process", "process"), ("per-component", "dispatcher")] {
        let given = pairs(&[("namespace", "/n"), ("election", mode)]);
        let client = objects::client_open(given, None).expect("opened");
        assert_eq!(objects::client_election_of(client, "dispatcher").as_deref(), Ok(election));
        assert_eq!(code(objects::client_election_of(client, "")), status::INVALID_ARGUMENT);
        close(client);
    }
}

#[test]
fn operations_have_fixed_numbers() {
    let value = Bytes::from_static(b"v");
    let operation = |kind| objects::operation(kind, "e", "k", 5, value.clone());
    let (key, version) = (name("k"), Revision(5));
    let kinds = [
        OperationKind::Create { key: key.clone(), value: value.clone() },
        OperationKind::Replace { key: key.clone(), version, value: value.clone() },
        OperationKind::Delete { key: key.clone(), version: None },
        OperationKind::Delete { key, version: Some(version) },
        OperationKind::DeletePrefix { prefix: "k".to_owned() },
    ];
    for (kind, number) in kinds.into_iter().zip(1..) {
        assert_eq!(operation(number), Ok(Operation { election: name("e"), kind }));
    }
    for garbage in [0, 6, -1, i32::MIN, i32::MAX] {
        assert_eq!(code(operation(garbage)), status::INVALID_ARGUMENT);
    }
}

#[test]
fn names_are_checked_as_they_come_in() {
    let long = "x".repeat(MAX_NAME + 1);
    for kind in 1..=5 {
        let operation = |election: &str, key: &str| {
            code(objects::operation(kind, election, key, 1, Bytes::new()))
        };
        assert_eq!(operation("e", &long[1..]), status::OK);
        assert_eq!(operation("e", &long), status::INVALID_ARGUMENT);
        assert_eq!(operation(&long, "k"), status::INVALID_ARGUMENT);
        assert_eq!(operation("", "k"), status::INVALID_ARGUMENT);
        let empty = if kind == objects::DELETE_PREFIX { 0 } else { status::INVALID_ARGUMENT };
        assert_eq!(operation("e", ""), empty);
    }
}

#[test]
fn values_are_measured_before_they_are_copied() {
    assert_eq!(code(objects::check_values([])), status::OK);
    assert_eq!(code(objects::check_values([MAX_VALUE, MAX_WRITE - MAX_VALUE])), status::OK);
    assert_eq!(code(objects::check_values([MAX_VALUE + 1])), status::LIMIT);
    assert_eq!(code(objects::check_values([MAX_VALUE, MAX_VALUE])), status::LIMIT);
    assert_eq!(code(objects::check_values([usize::MAX])), status::LIMIT);
    let text = objects::check_values([3 * MAX_VALUE]).expect_err("too long").to_string();
    assert!(text.contains("3145728 bytes"), "{text}");
}
