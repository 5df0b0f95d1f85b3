//! The stall time-out (P9, R9).

use std::time::Duration;

use crate::engine::Engine;
use crate::process::{PATIENCE, Process, eventually};

/// Who fetches no events gives up its leadership, stands in no election meanwhile, and stands again
/// when it fetches them.
pub fn a_process_that_fetches_no_events_loses_leadership(engine: &dyn Engine) {
    let stalling = Process::start_with(&engine.endpoint(), "stalling", |config| {
        config.stall_timeout = Some(Duration::from_millis(400));
    });
    let other = Process::start(&engine.endpoint(), "other");
    let standing = stalling.stand("dispatcher");
    let id = standing.lead("stalling");
    let next = other.stand("dispatcher");
    stalling.pause();
    let after = next.lead("other");
    assert!(after.epoch > id.epoch);
    assert!(!standing.has(id));
    // It leads nothing while it stalls, even if nobody else would.
    next.close();
    eventually("nobody stands", || {
        let status = other.client.status(PATIENCE).unwrap();
        status.namespaces[0].elections.is_empty()
    });
    stalling.go_on();
    assert!(standing.revoked().contains("fetched"));
    assert!(standing.granted().epoch > after.epoch);
}

/// Only fetching shows that the user's side lives: confirming or asking does not.
pub fn other_calls_are_no_pulse(engine: &dyn Engine) {
    let stalling = Process::start_with(&engine.endpoint(), "stalling", |config| {
        config.stall_timeout = Some(Duration::from_millis(400));
    });
    let standing = stalling.stand("dispatcher");
    let id = standing.granted();
    stalling.pause();
    eventually("the leadership is lost", || {
        let _ = (stalling.client.state(), standing.confirm(id, "address"));
        !standing.has(id)
    });
    stalling.go_on();
    standing.revoked();
    standing.granted();
}
