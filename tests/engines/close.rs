//! Closing: from inside a callback, beside one, from many threads at a time.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use leaderserver::client::{Confirmation, Polled};
use leaderserver::core::contenders::Callback;
use leaderserver::core::error::Error;

use crate::engine::Engine;
use crate::process::{PATIENCE, Process, eventually};

/// P3: close inside one's own grant revokes there, in that thread; the resignation follows when
/// both have returned.
pub fn close_inside_a_callback_revokes_there(engine: &dyn Engine) {
    let a = Process::start(&engine.endpoint(), "a");
    let b = Process::start(&engine.endpoint(), "b");
    let standing = a.stand_and_hold("dispatcher");
    let id = standing.granted();
    let next = b.stand("dispatcher");
    let callback = standing.contender.close(true);
    assert!(matches!(callback, Some(Callback::Revoke(_))));
    assert!(!standing.has(id));
    assert_eq!(standing.contender.close(true), None);
    standing.contender.done();
    b.client.status(PATIENCE).unwrap();
    assert_eq!(next.told(), None, "resigned before the grant returned");
    standing.contender.done();
    assert!(standing.contender.is_finished());
    next.granted();
}

/// P3, FLINK-20008, 32311, 34672: close waits for no callback; the revoke comes when it returns,
/// and the resignation after that.
pub fn close_does_not_wait_for_a_callback(engine: &dyn Engine) {
    let a = Process::start(&engine.endpoint(), "a");
    let b = Process::start(&engine.endpoint(), "b");
    let standing = a.stand_and_hold("dispatcher");
    let id = standing.granted();
    let next = b.stand("dispatcher");
    assert_eq!(standing.contender.close(false), None);
    assert!(!standing.has(id));
    assert_eq!(standing.confirm(id, "late"), Confirmation::Closed);
    // It may be registered again although the callback still runs.
    let again = a.stand("dispatcher");
    again.granted();
    again.close();
    assert_eq!(standing.told(), None);
    standing.contender.done();
    standing.revoked();
    b.client.status(PATIENCE).unwrap();
    assert_eq!(next.told(), None, "resigned before the revoke returned");
    standing.contender.done();
    standing.finished();
    next.granted();
}

/// Whoever closes, and however many at a time, while a grant may be under way: one revoke at the
/// most, and only after a grant.
pub fn close_from_several_threads_revokes_once(engine: &dyn Engine) {
    const THREADS: usize = 4;
    let process = Process::start(&engine.endpoint(), "process");
    let keeper = process.stand("keeper");
    keeper.granted();
    for round in 0..150 {
        let standing = process.stand("dispatcher");
        if round % 2 == 0 {
            standing.granted();
        }
        let barrier = Barrier::new(THREADS);
        let revokes: usize = thread::scope(|scope| {
            let contender = &standing.contender;
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        match contender.close(false) {
                            Some(Callback::Revoke(_)) => {
                                contender.done();
                                1
                            }
                            None => 0,
                            other => panic!("close answered {other:?}"),
                        }
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        standing.finished();
        let mut told = Vec::new();
        while let Some(callback) = standing.next_within(Duration::ZERO) {
            told.push(callback);
        }
        let told_of_grant = round % 2 == 0 || matches!(told.first(), Some(Callback::Grant(_)));
        let revoked_there = told.iter().filter(|c| matches!(c, Callback::Revoke(_))).count();
        assert_eq!(revokes + revoked_there, usize::from(told_of_grant), "round {round}: {told:?}");
    }
}

/// FLINK-CONTRACT, election 15: from when close begins nothing leads; after it nothing is told.
pub fn a_closed_client_leads_and_tells_nothing(engine: &dyn Engine) {
    let a = Process::start(&engine.endpoint(), "a");
    let b = Process::start(&engine.endpoint(), "b");
    let watching = a.watch("dispatcher");
    let standing = a.stand("dispatcher");
    let id = standing.lead("a");
    watching.until("a");
    let next = b.stand("dispatcher");
    a.client.close(PATIENCE);
    assert!(!standing.has(id));
    next.lead("b");
    assert_eq!((standing.told(), watching.told()), (None, None));
    assert_eq!(standing.contender.take(), None);
    assert_eq!(standing.contender.close(false), None);
    assert!(standing.contender.is_finished());
    assert_eq!(watching.watch.take(), None);
    let closed = Err(Error::Closed("the client"));
    assert_eq!(a.client.status(PATIENCE).map(|_| ()), closed);
    assert_eq!(a.try_stand("rest", false).map(|_| ()), closed);
    assert_eq!(a.client.watch("rest", 1).map(|_| ()), closed);
    assert_eq!(a.client.poll(&mut [0], PATIENCE), Polled::Closed);
    assert!(a.client.state().is_none());
    a.client.close(PATIENCE);
}

/// Clients may be closed by many threads at a time, too, in the middle of everything.
pub fn clients_close_from_several_threads(engine: &dyn Engine) {
    let next = Process::start(&engine.endpoint(), "next");
    for round in 0..10 {
        let process = Process::start(&engine.endpoint(), &format!("process-{round}"));
        let standing: Vec<_> = (0..8).map(|i| process.stand(&format!("job-{i}"))).collect();
        let id = standing[0].granted();
        let client = &process.client;
        thread::scope(|scope| {
            for standing in &standing[..4] {
                let contender = &standing.contender;
                scope.spawn(|| {
                    if contender.close(false).is_some() {
                        contender.done();
                    }
                });
            }
            for _ in 0..4 {
                scope.spawn(|| client.close(PATIENCE));
            }
        });
        assert!(standing.iter().all(|standing| !standing.has(id)));
        let successor = next.stand("dispatcher");
        successor.granted();
        successor.close();
    }
}

/// A handle that is dropped without close resigns, too.
pub fn a_dropped_contender_gives_up(engine: &dyn Engine) {
    let a = Process::start(&engine.endpoint(), "a");
    let b = Process::start(&engine.endpoint(), "b");
    let watching = b.watch("dispatcher");
    let standing = a.stand("dispatcher");
    standing.lead("a");
    watching.until("a");
    let cell = standing.contender.cell();
    let next = b.stand("dispatcher");
    drop(standing);
    let id = next.lead("b");
    watching.until("b");
    assert!(!leaderserver::client::leadership::has_leadership(cell, id));
    eventually("nobody is registered", || {
        a.client.state().is_some_and(|state| state.contenders == 0)
    });
}
