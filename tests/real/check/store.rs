//! P2 and R16: no write is applied under an epoch after a later one was granted; what was
//! acknowledged is there, also after kill -9 of the server; what is said not to have been applied
//! never is, and nothing is applied twice.
//!
//! Each value is written once, versions tell the order of all writes, and every read says which
//! version it has read. So the history is linearizable if and only if versions and values belong
//! together, each write has replaced what it was to replace, and nothing that began after something
//! had ended comes before it in the order of versions: no search is needed.

use std::collections::BTreeMap;

use super::{Facts, listed, one_leader};
use crate::history::{Event, Operation, Span};

/// Something that shows at which version a key was, or a write that made it so.
struct Seen<'a> {
    election: &'a str,
    key: &'a str,
    version: u64,
    span: Span,
    /// The write that it is, if it is one.
    write: Option<u64>,
}

/// What is known of a write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Applied(u64),
    /// Never was, and never will be.
    Void,
    Unknown,
}

pub fn check(events: &[Event], facts: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    let outcomes = outcomes(events, facts);
    let applied = applied(events, facts, &outcomes, &mut found);
    let seen = seen(events, facts, &applied);
    in_order_of_time(&seen, &mut found);
    replaced_what_was_meant(&applied, facts, &mut found);
    fenced(events, facts, &applied, &mut found);
    found
}

fn outcomes(events: &[Event], facts: &Facts) -> BTreeMap<u64, Outcome> {
    let mut outcomes = BTreeMap::new();
    for event in events {
        match event {
            Event::Asked { operation, what, .. } if what.written().is_some() => {
                outcomes.insert(*operation, Outcome::Unknown);
            }
            Event::Done { operation, status, version, .. }
                if facts.operations[operation].written().is_some() =>
            {
                let outcome = match status.as_str() {
                    "LS_OK" => Outcome::Applied(*version),
                    "LS_FENCED" | "LS_EXISTS" | "LS_CHANGED" | "LS_NOT_FOUND"
                    | "LS_NOT_APPLIED" | "LS_LIMIT" => Outcome::Void,
                    _ => Outcome::Unknown,
                };
                outcomes.insert(*operation, outcome);
            }
            _ => {}
        }
    }
    outcomes
}

/// The writes that were applied, by version: those that say so, and those whose values were read.
fn applied(
    events: &[Event],
    facts: &Facts,
    outcomes: &BTreeMap<u64, Outcome>,
    found: &mut Vec<String>,
) -> BTreeMap<u64, u64> {
    let writers: BTreeMap<(&str, &str, &str), u64> = facts
        .operations
        .iter()
        .filter_map(|(number, what)| {
            let (_, key, value) = what.written()?;
            Some(((what.election(), key, value), *number))
        })
        .collect();
    let mut applied = BTreeMap::new();
    let mut versions: BTreeMap<u64, u64> = BTreeMap::new();
    let mut add = |version: u64, write: u64, found: &mut Vec<String>| {
        let other = *applied.entry(version).or_insert(write);
        let at = *versions.entry(write).or_insert(version);
        if other != write || at != version {
            found.push(format!("P2: write {write} is version {version}, and {at}; so is {other}"));
        }
    };
    for (write, outcome) in outcomes {
        if let Outcome::Applied(version) = outcome {
            add(*version, *write, found);
        }
    }
    for (election, key, version, value) in values(events, facts) {
        let writer = writers.get(&(election, key, value));
        match writer.map(|write| (*write, outcomes[write])) {
            None => found.push(format!("P2: {key} of {election} is '{value}', which none wrote")),
            Some((write, Outcome::Void)) => {
                found.push(format!("R16: write {write} was not applied, it is version {version}"));
            }
            Some((write, _)) => add(version, write, found),
        }
    }
    applied
}

/// All values that were read: election, key, version, value.
fn values<'a>(
    events: &'a [Event],
    facts: &Facts<'a>,
) -> impl Iterator<Item = (&'a str, &'a str, u64, &'a str)> {
    let read = events.iter().filter_map(|event| match event {
        Event::Done { operation, status, version, value, .. } if status == "LS_OK" => {
            Some((facts.operations[operation], *version, value))
        }
        _ => None,
    });
    read.flat_map(|(what, version, value)| match what {
        Operation::Get { election, key } => {
            vec![(election.as_str(), key.as_str(), version, value.as_str())]
        }
        Operation::List { election } => {
            listed(value).map(|(key, version, value)| (&**election, key, version, value)).collect()
        }
        _ => Vec::new(),
    })
}

/// All that shows a version, in no order.
fn seen<'a>(events: &'a [Event], facts: &Facts<'a>, applied: &BTreeMap<u64, u64>) -> Vec<Seen<'a>> {
    let versions: BTreeMap<u64, u64> = applied.iter().map(|(v, write)| (*write, *v)).collect();
    let mut seen = Vec::new();
    let mut ended = BTreeMap::new();
    for event in events {
        let Event::Done { operation, span, status, version, value } = event else { continue };
        ended.insert(*operation, (*span, status == "LS_OK"));
        let what = facts.operations[operation];
        let election = what.election();
        let mut saw = |key, version| {
            seen.push(Seen { election, key, version, span: *span, write: None });
        };
        match (what, status.as_str()) {
            (Operation::Get { key, .. }, "LS_OK") => saw(key, *version),
            (Operation::Get { key, .. }, "LS_NOT_FOUND") => saw(key, 0),
            (Operation::Create { key, .. }, "LS_EXISTS")
            | (Operation::Replace { key, .. }, "LS_CHANGED") => saw(key, *version),
            (Operation::List { .. }, "LS_OK") => {
                listed(value).for_each(|(key, version, _)| saw(key, version));
            }
            _ => {}
        }
    }
    for (write, version) in versions {
        let what = facts.operations[&write];
        let (_, key, _) = what.written().expect("only writes are applied");
        // Whoever got no answer, or an uncertain one, may have been late: only the begin counts.
        let span = match ended.get(&write) {
            Some((span, true)) => *span,
            Some((span, false)) => Span { before: span.before, after: u64::MAX },
            None => Span { before: 0, after: u64::MAX },
        };
        let election = what.election();
        seen.push(Seen { election, key, version, span, write: Some(write) });
    }
    seen
}

/// Nothing that began after something had ended has an earlier version of the key; nor, if it is a
/// write, of any key, for versions are numbers of the whole server.
fn in_order_of_time(seen: &[Seen], found: &mut Vec<String>) {
    let mut begins: Vec<&Seen> = seen.iter().collect();
    begins.sort_by_key(|one| one.span.before);
    let mut ends: Vec<&Seen> = seen.iter().collect();
    ends.sort_by_key(|one| one.span.after);
    let mut ends = ends.into_iter().peekable();
    let mut newest: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut newest_of_all = 0;
    for one in begins {
        while let Some(ended) = ends.next_if(|ended| ended.span.after < one.span.before) {
            let of = newest.entry((ended.election, ended.key)).or_default();
            *of = ended.version.max(*of);
            newest_of_all = ended.version.max(newest_of_all);
        }
        let (election, key, version) = (one.election, one.key, one.version);
        let before = newest.get(&(election, key)).copied().unwrap_or(0);
        if version < before {
            found.push(format!("P2: {key} of {election} is at {version} after it was at {before}"));
        } else if one.write.is_some() && version <= newest_of_all {
            found.push(format!("P2: a write of {key} is version {version} after {newest_of_all}"));
        }
    }
}

/// Between the version that a write was to replace and its own there is no other.
fn replaced_what_was_meant(applied: &BTreeMap<u64, u64>, facts: &Facts, found: &mut Vec<String>) {
    let mut present: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (version, write) in applied {
        let what = facts.operations[write];
        let (_, key, _) = what.written().expect("only writes are applied");
        let before = present.insert((what.election(), key), *version).unwrap_or(0);
        let meant = match what {
            Operation::Replace { version, .. } => *version,
            _ => 0,
        };
        if before > meant {
            found.push(format!("P2: write {write}, {what:?}, has replaced version {before}"));
        }
    }
}

/// Later versions have no earlier epochs, and no write begins after a later grant and is applied.
fn fenced(events: &[Event], facts: &Facts, applied: &BTreeMap<u64, u64>, found: &mut Vec<String>) {
    let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
    for (version, write) in applied {
        let what = facts.operations[write];
        let (epoch, ..) = what.written().expect("only writes are applied");
        let newest = newest.entry(what.election()).or_default();
        if epoch < *newest {
            found.push(format!("P2: version {version} under {epoch} after one under {newest}"));
        }
        *newest = epoch.max(*newest);
    }
    let granted = one_leader::granted_by(events, facts);
    for event in events {
        let Event::Done { operation, span, status, .. } = event else { continue };
        let what = facts.operations[operation];
        let Some((epoch, ..)) = what.written().filter(|_| status == "LS_OK") else { continue };
        let later = granted.get(what.election()).into_iter().flat_map(|of| of.range(epoch + 1..));
        if later.clone().any(|(_, at)| *at < span.before) {
            found.push(format!("P2: {event:?} is applied after a later grant than {epoch}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{done, granted, replace, two};
    use super::*;

    fn objections(more: Vec<Event>) -> Vec<String> {
        let mut events = two();
        events.push(get(99));
        events.push(get(98));
        events.extend(more);
        check(&events, &Facts::of(&events))
    }

    fn get(operation: u64) -> Event {
        let what = Operation::Get { election: "a".to_owned(), key: "k".to_owned() };
        Event::Asked { life: 1, operation, what }
    }

    fn holds(more: Vec<Event>) {
        let found = objections(more);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_write_after_a_later_grant_is_seen() {
        let write = |before| vec![replace(1, 5, 0), done(1, before, "LS_OK", 7, "")];
        let history = |before| [write(before), vec![granted(2, 6, 20)]].concat();
        holds(history(20));
        assert_eq!(objections(history(21)).len(), 1);
        // Nobody need have been told of the grant.
        let two = |first, second| {
            vec![
                replace(1, first, 0),
                replace(2, second, 7),
                done(1, 0, "LS_OK", 7, ""),
                done(2, 10, "LS_OK", 8, ""),
            ]
        };
        holds(two(5, 6));
        assert!(!objections(two(6, 5)).is_empty());
    }

    #[test]
    fn what_was_acknowledged_and_is_gone_is_seen() {
        let history = |read: Event| {
            let writes = [replace(1, 5, 0), replace(2, 5, 7)];
            let answers = [done(1, 0, "LS_OK", 7, ""), done(2, 10, "LS_OK", 8, ""), read];
            [&writes[..], &answers[..]].concat()
        };
        holds(history(done(99, 20, "LS_OK", 8, "v2")));
        holds(history(done(99, 10, "LS_OK", 7, "v1")));
        assert_eq!(objections(history(done(99, 20, "LS_OK", 7, "v1"))).len(), 1);
        assert_eq!(objections(history(done(99, 20, "LS_NOT_FOUND", 0, ""))).len(), 1);
        assert!(!objections(history(done(99, 20, "LS_OK", 8, "v1"))).is_empty());
        assert!(!objections(history(done(99, 20, "LS_OK", 9, "v9"))).is_empty());
    }

    #[test]
    fn what_was_refused_and_is_there_is_seen() {
        for (status, void) in [("LS_UNKNOWN_OUTCOME", false), ("LS_FENCED", true)] {
            let history =
                vec![replace(1, 5, 0), done(1, 0, status, 0, ""), done(99, 20, "LS_OK", 7, "v1")];
            assert_eq!(!objections(history).is_empty(), void, "{status}");
        }
    }

    #[test]
    fn what_is_applied_twice_is_seen() {
        let history = vec![
            replace(1, 5, 0),
            done(1, 0, "LS_OK", 7, ""),
            done(99, 20, "LS_OK", 7, "v1"),
            done(98, 30, "LS_OK", 8, "v1"),
        ];
        assert!(!objections(history).is_empty());
    }

    #[test]
    fn a_write_that_replaced_something_else_is_seen() {
        let history = vec![
            replace(1, 5, 0),
            replace(2, 5, 0),
            done(1, 0, "LS_OK", 7, ""),
            done(2, 10, "LS_OK", 8, ""),
        ];
        assert_eq!(objections(history).len(), 1);
    }
}
