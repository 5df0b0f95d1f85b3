//! The fenced store when the name service does not answer: replies lost, restarts, nobody there.

use std::time::Duration;

use bytes::Bytes;

use leaderserver::core::error::Error;
use leaderserver::core::store::StoreError;

use crate::engine::{MAX_SESSION_TIMEOUT, Remote};
use crate::process::{PATIENCE, Process};

const SHORT: Duration = Duration::from_millis(300);

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Lesson 14 (FLINK-22494, FLINK-24543): the replies of writes are lost with their connection; the
/// retries do not find their own first attempts.
pub fn a_write_whose_reply_is_lost_is_applied_once(engine: &Remote) {
    let process = Process::start(&engine.far_endpoint(), "process");
    let standing = process.stand("dispatcher");
    standing.granted();
    let store = standing.contender.store().unwrap();
    for round in 0..20 {
        let key = format!("k{round}");
        let proxy = engine.proxy();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| store.create(&key, bytes("v"), PATIENCE));
            for _ in 0..3 {
                proxy.cut_once();
                std::thread::sleep(Duration::from_millis(round % 4));
            }
            let version = writer.join().unwrap().unwrap();
            assert_eq!(store.get(&key, PATIENCE).unwrap().unwrap().version, version);
        });
    }
    assert!(standing.told().is_none(), "no revoke");
}

/// R16: "not applied" is said only of what was never sent.
pub fn unsent_and_unanswered_are_told_apart(engine: &Remote) {
    let process = Process::start(&engine.far_endpoint(), "process");
    let standing = process.stand("dispatcher");
    standing.granted();
    let store = standing.contender.store().unwrap();
    engine.proxy().silence();
    let sent = store.create("sent", bytes("v"), SHORT);
    let Err(Error::Store(StoreError::UnknownOutcome(text))) = sent else { panic!("{sent:?}") };
    assert!(text.contains(&engine.far_endpoint()), "{text}");
    let read = store.get("sent", SHORT);
    assert!(matches!(read, Err(Error::Unreachable { .. })), "{read:?}");
    engine.proxy().mend();

    let other = Process::start("leader://127.0.0.1:1", "other");
    let epochs = [("process", store.fences()[0].epoch)];
    let unsent = other.client.store("process", &epochs).unwrap().check(SHORT);
    let Err(Error::Store(StoreError::NotApplied(text))) = unsent else { panic!("{unsent:?}") };
    assert!(text.contains("leader://127.0.0.1:1"), "{text}");
}

/// R13: what was decided under a former incarnation is refused by the next.
pub fn another_incarnation_takes_no_former_epoch(engine: &Remote) {
    let process = Process::start(&crate::engine::Engine::endpoint(engine), "process");
    let standing = process.stand("dispatcher");
    standing.granted();
    let store = standing.contender.store().unwrap();
    store.create("k", bytes("v"), PATIENCE).unwrap();
    engine.stop();
    engine.start_again(true, MAX_SESSION_TIMEOUT, None);
    standing.revoked();
    standing.granted();
    for _ in 0..2 {
        let error = store.create("k", bytes("v"), PATIENCE);
        assert!(matches!(error, Err(Error::Store(StoreError::Incarnation))), "{error:?}");
    }
    standing.contender.store().unwrap().create("k", bytes("v"), PATIENCE).unwrap();
}
