//! Contenders and their callbacks beside one another.

use std::time::Duration;

use leaderserver::core::contenders::Callback;
use leaderserver::core::error::Error;
use leaderserver::core::ids::MAX_NAME;

use crate::engine::Engine;
use crate::process::{PATIENCE, Process, eventually};

/// FLINK-CONTRACT, election 9: it is refused, and the first one stays what it was.
pub fn a_second_contender_is_refused_and_changes_nothing(engine: &dyn Engine) {
    let process = Process::start(&engine.endpoint(), "process");
    let first = process.stand("dispatcher");
    let id = first.granted();
    for _ in 0..3 {
        let refused = process.try_stand("dispatcher", false).err();
        assert_eq!(refused, Some(Error::AlreadyRegistered("dispatcher".to_owned())));
    }
    assert!(first.has(id));
    first.confirm(id, "first");
    assert_eq!(process.watch("dispatcher").until("first").id, id);
    assert_eq!(first.told(), None);
    first.close();
    process.stand("dispatcher").granted();
}

/// P8: while a callback runs on and on, other contenders are granted, retrievers are told, and the
/// session lives for many of its time-outs.
pub fn a_blocked_contender_delays_nobody(engine: &dyn Engine) {
    let timeout = Duration::from_millis(300);
    let process = Process::start_with(&engine.endpoint(), "process", |config| {
        config.timing.session_timeout = timeout;
        config.timing.disconnect_grace = timeout / 2;
    });
    let blocked = process.stand_and_hold("blocked");
    let id = blocked.granted();
    let other = process.stand("other");
    assert_eq!(other.lead("other"), id);
    let watcher = Process::start(&engine.endpoint(), "watcher");
    watcher.watch("other").until("other");

    eventually("the session is five time-outs old", || {
        let status = watcher.client.status(PATIENCE).unwrap();
        let sessions = &status.namespaces[0].sessions;
        let own = sessions.iter().find(|session| session.name == "process");
        own.expect("the session lives").age_ms >= 5 * timeout.as_millis() as u64
    });
    assert!(blocked.has(id) && other.has(id));
    assert_eq!((blocked.told(), other.told()), (None, None));
    blocked.contender.done();
}

/// P3 and P8: who takes its callbacks late is told what is true then, in turn, with nothing queued.
pub fn what_came_and_went_is_skipped(engine: &dyn Engine) {
    let a = Process::start(&engine.endpoint(), "a");
    let b = Process::start(&engine.endpoint(), "b");
    let blocked = a.stand_and_hold("dispatcher");
    let first = blocked.granted();
    let quick = a.stand("quick");
    quick.granted();
    for _ in 0..5 {
        b.client.resign("process", None, None, PATIENCE).unwrap();
        quick.revoked();
        quick.granted();
    }
    let last = {
        b.client.resign("process", None, None, PATIENCE).unwrap();
        quick.revoked();
        quick.granted()
    };
    assert_eq!(blocked.told(), None);
    assert!(!blocked.has(first) && blocked.has(last));
    blocked.contender.done();
    blocked.revoked();
    blocked.contender.done();
    assert_eq!(blocked.next(), Callback::Grant(last));
    blocked.contender.done();
}

/// P10: names at the edge are served, beyond it refused.
pub fn names_are_checked(engine: &dyn Engine) {
    let process = Process::start(&engine.endpoint(), "process");
    for name in ["", &"x".repeat(MAX_NAME + 1)] {
        let refused = process.try_stand(name, false).err();
        assert!(
            matches!(refused, Some(Error::InvalidArgument { ref key, .. }) if key == "component")
        );
        assert!(process.client.watch(name, 1).is_err());
        assert!(process.client.resign(name, None, None, PATIENCE).is_err());
    }
    for name in ["x".repeat(MAX_NAME), "ü/\u{0}\n \u{1f980}".to_owned()] {
        let watching = process.watch(&name);
        let standing = process.stand(&name);
        let id = standing.lead("address");
        assert_eq!(watching.until("address").id, id);
        standing.close();
    }
}
