//! The promises, held against the history of a round. No check has a tolerance.

use std::collections::BTreeMap;

use bytes::Bytes;
use leaderserver::core::contenders::Callback;
use leaderserver::core::error::Error;
use leaderserver::core::ids::{Epoch, Revision};
use leaderserver::core::store::StoreError;

use crate::history::{Contending, Seen, Step, Watched, Writing};

/// What a store holds at the end, per election: key, version, value.
pub type Held = BTreeMap<String, Vec<(String, Revision, Bytes)>>;

/// The key that everybody counts up.
pub const COUNTER: &str = "counter";

/// Looks at all; the first that is broken is the error.
pub fn check(seen: &Seen, held: &Held, era: u64, durable: bool) -> Result<(), String> {
    if let Some(wrong) = seen.wrong.first() {
        return Err(wrong.clone());
    }
    one_leader(seen)?;
    seen.contenders.iter().try_for_each(callbacks)?;
    seen.watches.iter().try_for_each(|watched| retrieval(watched, seen))?;
    fencing(seen)?;
    store(seen, held, era, durable)
}

/// P1: once a later epoch was led under, no earlier one is any more. Epochs rise over the servers of
/// a round, too: one without memory begins above the clock on the wall.
fn one_leader(seen: &Seen) -> Result<(), String> {
    // In order of elections and epochs.
    for (key, led) in &seen.led {
        let earlier = seen.led.iter().take_while(|(before, _)| *before != key);
        for (before, earlier) in earlier.filter(|(before, _)| before.0 == key.0) {
            if before.1.epoch == key.1.epoch {
                return Err(format!("P1: one epoch, two leaders: {before:?} and {key:?}"));
            }
            if earlier.still >= led.by {
                let late = earlier.still - led.by;
                return Err(format!(
                    "P1: {before:?} of {} leads {late} ns after {key:?} of {} led",
                    earlier.process, led.process
                ));
            }
        }
    }
    Ok(())
}

/// P3: in turn, one at a time, with growing epochs; after a close nothing is taken but the one revoke
/// that a callback was in the way of.
fn callbacks(contending: &Contending) -> Result<(), String> {
    let Contending { whom, steps } = contending;
    let broken = |what: &str| Err(format!("P3: {whom}: {what}: {steps:?}"));
    let (mut running, mut leads, mut epoch) = (false, false, Epoch(0));
    let (mut closed, mut client_closed) = (false, false);
    let (mut taken_closed, mut taken_client_closed) = (false, false);
    for step in steps {
        match step {
            Step::Taking => (taken_closed, taken_client_closed) = (closed, client_closed),
            Step::Begun(_) if running => return broken("two callbacks at a time"),
            Step::Begun(_) if taken_client_closed => {
                return broken("told after its client's close");
            }
            Step::Begun(Callback::Grant(_)) if taken_closed => {
                return broken("granted after close");
            }
            Step::Begun(Callback::Grant(_)) if leads => return broken("granted while leading"),
            Step::Begun(Callback::Grant(id)) => {
                if id.epoch <= epoch {
                    return broken("an epoch that does not grow");
                }
                (running, leads, epoch) = (true, true, id.epoch);
            }
            Step::Begun(Callback::Revoke(_)) if !leads => return broken("revoked without a grant"),
            Step::Begun(Callback::Revoke(reason)) if reason.is_empty() => {
                return broken("a revoke without a reason");
            }
            Step::Begun(Callback::Revoke(_)) => (running, leads) = (true, false),
            Step::Begun(Callback::Failed(_)) => return broken("failed"),
            Step::Returned => running = false,
            Step::Closed => closed = true,
            Step::ClientClosed => client_closed = true,
        }
    }
    if closed && !client_closed && leads { broken("never revoked") } else { Ok(()) }
}

/// P6: never the same twice running, never an older after a newer, and only what somebody confirmed
/// before.
fn retrieval(watched: &Watched, seen: &Seen) -> Result<(), String> {
    let Watched { whom, told } = watched;
    let broken = |what: &str| Err(format!("P6: {whom}: {what}: {told:?}"));
    if told.windows(2).any(|two| two[0].1 == two[1].1) {
        return broken("told the same twice running");
    }
    let mut last = Epoch(0);
    for (at, value) in told.iter().filter_map(|(at, value)| Some((at, value.as_ref()?))) {
        if value.id.epoch < last {
            return broken("an older value after a newer");
        }
        last = value.id.epoch;
        let source =
            |c: &&crate::history::Confirming| c.id == value.id && c.address == value.address;
        if !seen.confirmed.iter().filter(source).any(|c| c.before < *at) {
            return broken("a value that nobody confirmed");
        }
    }
    Ok(())
}

/// P2 by the clock: who begins to write after a later epoch was led under is refused.
fn fencing(seen: &Seen) -> Result<(), String> {
    for write in seen.writes.iter().filter(|write| write.result.is_ok()) {
        let later = seen.led.iter().find(|((election, id), led)| {
            *election == write.election && id.epoch > write.epoch && led.by < write.before
        });
        if let Some(((_, id), _)) = later {
            return Err(format!("P2: applied after {} led: {write:?}", id.epoch));
        }
    }
    Ok(())
}

/// P2 by the store: in order of versions, epochs do not fall; R16: what was said to be applied is
/// there, once, and what was said not to be is not; counting loses nothing.
fn store(seen: &Seen, held: &Held, era: u64, durable: bool) -> Result<(), String> {
    // Of an earlier server without memory nothing is there.
    let of_now = |write: &&Writing| durable || (write.era == era && write.era_after == era);
    let writes: Vec<_> = seen.writes.iter().filter(of_now).collect();
    let mut ends: BTreeMap<&str, Vec<(Revision, Epoch)>> = BTreeMap::new();
    for write in &writes {
        let keys = held.get(&write.election).map_or(&[][..], Vec::as_slice);
        let there = keys.iter().find(|(key, _, _)| *key == write.key);
        let is_counter = write.key == COUNTER;
        match (&write.result, there) {
            (Ok(version), Some((_, found, _))) if is_counter || found == version => {
                ends.entry(&write.election).or_default().push((*version, write.epoch));
            }
            (Ok(_), found) => return Err(format!("R16: {write:?}, but there is {found:?}")),
            (Err(Error::Store(StoreError::UnknownOutcome(_))), Some((_, version, _))) => {
                if !is_counter {
                    ends.entry(&write.election).or_default().push((*version, write.epoch));
                }
            }
            (Err(Error::Store(StoreError::UnknownOutcome(_))), None) => {}
            (Err(error), Some(found)) if !is_counter => {
                return Err(format!("R16: {error}, but there is {found:?}: {write:?}"));
            }
            (Err(_), _) => {}
        }
    }
    for (election, mut ends) in ends {
        ends.sort();
        let falls = ends.windows(2).find(|two| two[0].1 > two[1].1 || two[0].0 == two[1].0);
        if let Some(two) = falls {
            return Err(format!("P2: '{election}' was written by an earlier epoch later: {two:?}"));
        }
        counter(election, &writes, held)?;
    }
    Ok(())
}

/// Each step up was made from the value before: the count is at least what was applied, and at the
/// most that and what is not known.
fn counter(election: &str, writes: &[&Writing], held: &Held) -> Result<(), String> {
    let steps = || writes.iter().filter(|w| w.election == election && w.key == COUNTER);
    let applied = steps().filter(|write| write.result.is_ok()).count() as u64;
    let is_unknown = |write: &&&Writing| {
        matches!(write.result, Err(Error::Store(StoreError::UnknownOutcome(_))))
    };
    let unknown = steps().filter(is_unknown).count() as u64;
    let found = held.get(election).and_then(|keys| keys.iter().find(|(key, ..)| key == COUNTER));
    let count = found.map_or(0, |(_, _, value)| count_of(value));
    if count < applied || count > applied + unknown {
        return Err(format!(
            "P2: '{election}' was counted to {count} in {applied} steps and {unknown} unknown"
        ));
    }
    Ok(())
}

/// What a counter's value says.
pub fn count_of(value: &[u8]) -> u64 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}
