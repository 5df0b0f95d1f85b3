//! What can be done with handles, on real clients.

use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use leaderserver::client::Confirmation;
use leaderserver::core::contenders::Callback;
use leaderserver::core::error::Error;
use leaderserver::core::ids::{Epoch, LeaderSessionId};
use leaderserver::ffi::objects;

use crate::{ONE_AT_A_TIME, garbage, pairs};

const SECOND: Duration = Duration::from_secs(1);

const ID: LeaderSessionId = LeaderSessionId { epoch: Epoch(7), low: 9 };

#[test]
fn garbage_handles_answer_closed() {
    let _alone = ONE_AT_A_TIME.lock();
    for handle in garbage() {
        assert_eq!(objects::server_port(handle), Ok(None));
        assert_eq!(objects::server_stop(handle), Ok(()));
        assert_eq!(objects::client_attach(handle, handle), Ok(()));
        assert_eq!(objects::client_detach(handle), Ok(()));
        assert_eq!(objects::client_poll(handle, &mut [0], SECOND), Ok(None));
        assert_eq!(objects::client_state(handle), Ok(None));
        assert_eq!(objects::client_status(handle, SECOND), Err(Error::Closed("the client")));
        assert_eq!(objects::client_close(handle, SECOND), Ok(()));
        assert_eq!(objects::contender_open(handle, "c", 1), Err(Error::Closed("the client")));
        assert_eq!(objects::contender_take(handle), Ok(None));
        assert_eq!(objects::contender_done(handle), Ok(()));
        assert_eq!(objects::contender_close(handle, true), Ok(None));
        let confirmed = objects::contender_confirm(handle, ID, Bytes::new());
        assert_eq!(confirmed, Ok(Confirmation::Closed));
        assert!(!objects::has_leadership(handle, ID));
        assert!(!objects::has_leadership(handle, LeaderSessionId { epoch: Epoch(0), low: 0 }));
        assert_eq!(objects::watch_open(handle, "c", 1), Err(Error::Closed("the client")));
        assert_eq!(objects::watch_take(handle), Ok(None));
        assert_eq!(objects::watch_close(handle), Ok(()));
    }
    assert_eq!(objects::counts(), [0; 4]);
}

#[test]
fn an_election_through_handles() {
    let _alone = ONE_AT_A_TIME.lock();
    let given = pairs(&[("endpoint", "embedded:"), ("namespace", "/n"), ("name", "n")]);
    let client = objects::client_open(given, None).expect("opened");
    let contender = objects::contender_open(client, "component", 1).expect("registered");
    let again = objects::contender_open(client, "component", 2);
    assert!(matches!(again, Err(Error::AlreadyRegistered(_))));

    poll_for(client, 1);
    let Ok(Some(Callback::Grant(id))) = objects::contender_take(contender) else {
        panic!("a grant was due")
    };
    assert!(objects::has_leadership(contender, id));
    assert!(!objects::has_leadership(contender, ID));
    let address = Bytes::from_static(b"here\0\xff");
    assert_eq!(
        objects::contender_confirm(contender, id, address.clone()),
        Ok(Confirmation::Confirmed)
    );
    assert_eq!(objects::contender_done(contender), Ok(()));
    let watch = objects::watch_open(client, "component", 3).expect("watched");
    let leader = loop {
        poll_for(client, 3);
        if let Some(Some(leader)) = objects::watch_take(watch).expect("no failure") {
            break leader;
        }
    };
    assert_eq!((leader.id, leader.address), (id, address));
    let state = objects::client_state(client).expect("no failure").expect("open");
    assert!(state.contains("\"connected\":true"), "{state}");
    let status = objects::client_status(client, 10 * SECOND).expect("an answer");
    assert!(status.contains("component"), "{status}");

    let revoke = objects::contender_close(contender, false);
    assert!(matches!(revoke, Ok(Some(Callback::Revoke(_)))), "{revoke:?}");
    assert!(!objects::has_leadership(contender, id));
    assert_eq!(objects::counts(), [1, 0, 1, 1], "the revoke runs still");
    assert_eq!(objects::contender_done(contender), Ok(()));
    assert_eq!(objects::counts(), [1, 0, 0, 1]);
    assert_eq!(objects::contender_close(contender, false), Ok(None));

    let next = objects::contender_open(client, "component", 4).expect("registered");
    assert_ne!(next, contender);
    poll_for(client, 4);
    let Ok(Some(Callback::Grant(id))) = objects::contender_take(next) else {
        panic!("a grant was due")
    };
    assert!(objects::has_leadership(next, id) && !objects::has_leadership(contender, id));
    assert_eq!(objects::contender_take(contender), Ok(None));

    assert_eq!(objects::client_close(client, SECOND), Ok(()));
    assert!(!objects::has_leadership(next, id));
    assert_eq!(objects::counts(), [0; 4], "contenders and watches go with their client");
    assert_eq!(objects::client_close(client, SECOND), Ok(()));
}

#[test]
fn a_close_during_a_callback_leaves_the_revoke_to_its_thread() {
    let _alone = ONE_AT_A_TIME.lock();
    let given = pairs(&[("endpoint", "embedded:"), ("namespace", "/n")]);
    let client = objects::client_open(given, None).expect("opened");
    let contender = objects::contender_open(client, "component", 1).expect("registered");
    poll_for(client, 1);
    assert!(matches!(objects::contender_take(contender), Ok(Some(Callback::Grant(_)))));
    assert_eq!(objects::contender_close(contender, false), Ok(None));
    assert_eq!(objects::contender_take(contender), Ok(None), "one at a time");
    assert_eq!(objects::contender_done(contender), Ok(()));
    assert!(matches!(objects::contender_take(contender), Ok(Some(Callback::Revoke(_)))));
    assert_eq!(objects::contender_done(contender), Ok(()));
    assert_eq!(objects::counts(), [1, 0, 0, 0]);
    assert_eq!(objects::contender_take(contender), Ok(None));
    assert_eq!(objects::client_close(client, SECOND), Ok(()));
}

#[test]
fn ten_thousand_contenders_and_watches_leave_nothing() {
    let _alone = ONE_AT_A_TIME.lock();
    let client = objects::client_open(pairs(&[("namespace", "/n")]), None).expect("opened");
    for round in 0..10_000 {
        let contender = objects::contender_open(client, "component", round).expect("registered");
        let watch = objects::watch_open(client, "component", round).expect("watched");
        assert_eq!(objects::contender_close(contender, false), Ok(None));
        assert_eq!(objects::watch_close(watch), Ok(()));
    }
    assert_eq!(objects::counts(), [1, 0, 0, 0]);
    assert_eq!(objects::client_close(client, SECOND), Ok(()));
    assert_eq!(objects::counts(), [0; 4]);
}

#[test]
fn closing_a_client_wakes_its_poll() {
    let _alone = ONE_AT_A_TIME.lock();
    let client = objects::client_open(pairs(&[("namespace", "/n")]), None).expect("opened");
    let poller = thread::spawn(move || {
        while objects::client_poll(client, &mut [0; 4], SECOND).expect("no failure").is_some() {}
    });
    assert_eq!(objects::client_close(client, SECOND), Ok(()));
    poller.join().expect("it ended");
    assert_eq!(objects::client_poll(client, &mut [0; 4], SECOND), Ok(None));
}

/// Polls until `cookie` comes; what comes before is not of interest.
pub fn poll_for(client: u64, cookie: u64) {
    let deadline = Instant::now() + 20 * SECOND;
    let mut cookies = [0; 8];
    loop {
        let count = objects::client_poll(client, &mut cookies, SECOND).expect("no failure");
        if cookies[..count.expect("open")].contains(&cookie) {
            return;
        }
        assert!(Instant::now() < deadline, "nothing for {cookie}");
    }
}
