//! A name service that restarts, and one that refuses.

use std::time::{Duration, Instant};

use leaderserver::core::config::Timing;
use leaderserver::core::contenders::Callback;
use leaderserver::core::error::{Error, Refusal};

use crate::engine::{Engine, MAX_SESSION_TIMEOUT, Remote};
use crate::process::{PATIENCE, Process, eventually};

/// R13: without durable state a restart is the loss of everything: revoke, then grant, above all
/// that was (lessons 2, 10).
pub fn a_restarted_server_is_a_new_incarnation(remote: &Remote) {
    let leader = Process::start(&remote.endpoint(), "leader");
    let watcher = Process::start(&remote.endpoint(), "watcher");
    let watching = watcher.watch("dispatcher");
    let standing = leader.stand("dispatcher");
    let mut last = standing.lead("0");
    watching.until("0");
    for round in 1..5 {
        remote.stop();
        remote.start_again(true, MAX_SESSION_TIMEOUT, None);
        assert!(standing.revoked().contains("new incarnation"));
        let address = round.to_string();
        let id = standing.lead(&address);
        assert!(id.epoch > last.epoch);
        assert_eq!(watching.until(&address).id, id);
        last = id;
    }
}

/// R12: a start that is not cold grants to remote candidates only when an earlier server's clients
/// are sure to have given up.
pub fn a_warm_start_waits_before_it_grants(remote: &Remote) {
    let wait = Duration::from_millis(1_500);
    let timing = Timing { session_timeout: wait / 2, disconnect_grace: wait / 4 };
    let start =
        |name: &str| Process::start_with(&remote.endpoint(), name, |config| config.timing = timing);
    let leader = start("leader");
    let standing = leader.stand("dispatcher");
    standing.lead("before");
    remote.stop();
    let started = Instant::now();
    remote.start_again(false, wait, None);
    standing.revoked();
    let early = start("early");
    let status = early.client.status(PATIENCE).unwrap();
    let granted_early = standing.told();
    if started.elapsed() < wait {
        assert!(status.remote_grants_in_ms > 0 && granted_early.is_none());
    }
    // Retrieval and standing are served meanwhile.
    let watching = early.watch("dispatcher");
    assert_eq!(watching.next(), None);
    standing.lead("after");
    assert!(started.elapsed() >= wait, "granted after {:?}", started.elapsed());
    watching.until("after");
    assert_eq!(early.client.status(PATIENCE).unwrap().remote_grants_in_ms, 0);
}

/// R3: a server that refuses connections is down and can grant nothing: the lease alone counts.
pub fn a_server_that_is_down_costs_no_leadership_before_the_lease(remote: &Remote) {
    let grace = Duration::from_millis(200);
    let leader = Process::start_with(&remote.endpoint(), "leader", |config| {
        config.timing = Timing { session_timeout: Duration::from_secs(3), disconnect_grace: grace };
    });
    let standing = leader.stand("dispatcher");
    let id = standing.granted();
    remote.stop();
    eventually("the connection is lost", || {
        leader.client.state().is_some_and(|state| !state.connected)
    });
    let lost = Instant::now();
    let reason = standing.revoked();
    let led_for = lost.elapsed();
    assert!(led_for > 4 * grace, "revoked {led_for:?} after the loss: {reason}");
    assert!(reason.contains("lease expired"), "{reason}");
    assert!(!standing.has(id));
    remote.start_again(true, MAX_SESSION_TIMEOUT, None);
    standing.granted();
}

/// Lesson 38: who lost its leadership to another is told to whom, and at which epoch.
pub fn who_was_superseded_is_told_by_whom(remote: &Remote) {
    let far = Process::start_with(&remote.far_endpoint(), "far", |config| {
        config.timing.session_timeout = MAX_SESSION_TIMEOUT;
    });
    let near = Process::start(&remote.endpoint(), "near");
    let standing = far.stand("dispatcher");
    let id = standing.granted();
    let next = near.stand("dispatcher");
    remote.proxy().cut();
    remote.stop();
    // Said by an operator who is wrong: the former leader lives, and P1 is lost with it.
    remote.start_again(true, MAX_SESSION_TIMEOUT, None);
    let after = next.granted();
    assert!(after.epoch > id.epoch);
    remote.proxy().mend();
    let reason = standing.revoked();
    assert_eq!(reason, format!("superseded by near at epoch {}", after.epoch));
    next.close();
    standing.granted();
}

/// A misconfiguration is told, with what to mend; it is retried, for somebody may mend it.
pub fn another_namespace_is_refused(remote: &Remote) {
    remote.stop();
    remote.start_again(true, MAX_SESSION_TIMEOUT, Some("theirs"));
    let process = Process::start(&remote.endpoint(), "process");
    let standing = process.stand("dispatcher");
    let Callback::Failed(Error::Refused { code, reason }) = standing.next() else {
        panic!("not refused");
    };
    assert_eq!(code, Refusal::Namespace);
    for word in ["suite", "theirs", "high-availability.cluster-id"] {
        assert!(reason.contains(word), "'{word}' is not in: {reason}");
    }
    let asked = process.client.status(PATIENCE);
    assert!(matches!(asked, Err(Error::Refused { code: Refusal::Namespace, .. })));
    remote.stop();
    remote.start_again(true, MAX_SESSION_TIMEOUT, Some("suite"));
    standing.granted();
}
