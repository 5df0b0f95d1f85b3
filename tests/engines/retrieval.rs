//! Retrievers (P6).

use bytes::Bytes;

use leaderserver::client::Confirmation;
use leaderserver::core::ids::MAX_ADDRESS;

use crate::engine::Engine;
use crate::process::{PATIENCE, Process};

/// "No leader" is told as such, and only once.
pub fn no_leader_is_told_first_of_all(engine: &dyn Engine) {
    let watcher = Process::start(&engine.endpoint(), "watcher");
    let leader = Process::start(&engine.endpoint(), "leader");
    let watching = watcher.watch("dispatcher");
    assert_eq!(watching.next(), None);
    let standing = leader.stand("dispatcher");
    let id = standing.granted();
    // Granted, but not confirmed: nobody can be reached.
    watcher.client.status(PATIENCE).unwrap();
    assert_eq!(watching.told(), None);
    standing.confirm(id, "address");
    assert_eq!(watching.next().expect("a leader").id, id);
}

/// The present value comes at once, for the second retriever of a component in a process, too.
pub fn a_late_watch_is_told_the_present_value(engine: &dyn Engine) {
    let watcher = Process::start(&engine.endpoint(), "watcher");
    let leader = Process::start(&engine.endpoint(), "leader");
    let standing = leader.stand("dispatcher");
    let id = standing.lead("address");
    let first = watcher.watch("dispatcher");
    assert_eq!(first.until("address").id, id);
    let second = watcher.watch("dispatcher");
    assert_eq!(second.next().expect("a leader").id, id);
    drop(first);
    let third = watcher.watch("dispatcher");
    assert_eq!(third.next().expect("a leader").id, id);
    assert_eq!(second.told(), None);
}

/// Intermediate values may be skipped, the last never is; [`crate::process::Watching`] checks that
/// none comes twice running or after a newer one.
pub fn the_last_of_many_changes_is_never_lost(engine: &dyn Engine) {
    let leader = Process::start(&engine.endpoint(), "leader");
    let watchers: Vec<Process> =
        (0..3).map(|i| Process::start(&engine.endpoint(), &format!("watcher-{i}"))).collect();
    let watching: Vec<_> = watchers.iter().map(|watcher| watcher.watch("dispatcher")).collect();
    let keeper = leader.stand("keeper");
    keeper.granted();
    for burst in 0..10 {
        let mut last = None;
        for number in 0..50 {
            let standing = leader.stand("dispatcher");
            standing.lead(&format!("{burst}/{number}"));
            standing.close();
        }
        let standing = leader.stand("dispatcher");
        let address = format!("{burst}/last");
        let id = standing.lead(&address);
        for watching in &watching {
            assert_eq!(watching.until(&address).id, id);
            last = Some(id);
        }
        assert!(standing.has(last.unwrap()));
        standing.close();
        watching.iter().for_each(|watching| watching.until_none());
    }
}

/// Any bytes up to the limit are an address; also over a connection that carries them in pieces.
pub fn long_and_odd_addresses_are_carried(engine: &dyn Engine) {
    let leader = Process::start(&engine.endpoint(), "leader");
    let watcher = Process::start(&engine.endpoint(), "watcher");
    let watching = watcher.watch("dispatcher");
    let all_bytes: Vec<u8> = (0..=255).collect();
    for address in [Vec::new(), all_bytes, vec![b'x'; MAX_ADDRESS]] {
        let standing = leader.stand("dispatcher");
        let id = standing.granted();
        let address = Bytes::from(address);
        let confirmed = standing.contender.confirm(id, address.clone());
        assert_eq!(confirmed, Confirmation::Confirmed);
        loop {
            if let Some(told) = watching.next() {
                assert_eq!(told.address, address);
                break;
            }
        }
        standing.close();
        watching.until_none();
    }
}

/// One retriever's end silences no other; after its own it is told nothing.
pub fn a_stopped_watch_silences_no_other(engine: &dyn Engine) {
    let watcher = Process::start(&engine.endpoint(), "watcher");
    let leader = Process::start(&engine.endpoint(), "leader");
    let (stopped, other) = (watcher.watch("dispatcher"), watcher.watch("dispatcher"));
    assert_eq!((stopped.next(), other.next()), (None, None));
    stopped.watch.close();
    stopped.watch.close();
    let standing = leader.stand("dispatcher");
    standing.lead("address");
    other.until("address");
    assert_eq!(stopped.told(), None);
    assert_eq!(stopped.watch.take(), None);
    // The last one's end and a new one's beginning.
    drop(other);
    watcher.watch("dispatcher").until("address");
}

/// R18: leader information vanishes with its epoch.
pub fn a_resignation_is_told(engine: &dyn Engine) {
    let watcher = Process::start(&engine.endpoint(), "watcher");
    let leader = Process::start(&engine.endpoint(), "leader");
    let watching: Vec<_> = (0..20).map(|i| watcher.watch(&format!("job-{i}"))).collect();
    let standing: Vec<_> = (0..20).map(|i| leader.stand(&format!("job-{i}"))).collect();
    for (standing, watching) in standing.iter().zip(&watching) {
        standing.lead("address");
        watching.until("address");
    }
    leader.client.close(PATIENCE);
    watching.iter().for_each(|watching| assert_eq!(watching.next(), None));
}
