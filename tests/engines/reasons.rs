//! Every revoke and every refusal says why (lesson 38).

use leaderserver::core::config::Mode;
use leaderserver::core::contenders::Callback;
use leaderserver::core::error::{Error, Refusal};

use crate::engine::Engine;
use crate::process::{PATIENCE, Process};

/// What a revoke can come of without a fault; [`crate::faults`] and [`crate::restarts`] have the
/// rest: the lease, another incarnation, a successor. [`crate::stalls`] has stalls.
pub fn revokes_name_their_reason(engine: &dyn Engine) {
    let process = Process::start(&engine.endpoint(), "process");
    let (a, b) = (process.stand("a"), process.stand("b"));
    a.granted();
    b.granted();
    process.client.resign("process", None, None, PATIENCE).unwrap();
    assert_eq!(a.revoked(), "an operator asked");
    assert_eq!(b.revoked(), "an operator asked");
    a.granted();
    a.close();
    assert_eq!(a.revoked(), "the election was closed");
}

/// R17: the mode of the first one counts; the other is told which key to mend, and only once.
pub fn another_mode_is_refused_naming_the_key(engine: &dyn Engine) {
    let first = Process::start(&engine.endpoint(), "first");
    let second = Process::start_with(&engine.endpoint(), "second", |config| {
        config.mode = Mode::PerComponent;
    });
    let standing = first.stand("dispatcher");
    let id = standing.granted();
    let refused = second.stand("dispatcher");
    let Callback::Failed(Error::Refused { code, reason }) = refused.next() else {
        panic!("not refused");
    };
    assert_eq!(code, Refusal::Mode);
    for word in ["high-availability.leader-server.election", "per-component", "per-process"] {
        assert!(reason.contains(word), "'{word}' is not in: {reason}");
    }
    assert!(standing.has(id));
    assert_eq!((standing.told(), refused.told()), (None, None));
    refused.close();
}
