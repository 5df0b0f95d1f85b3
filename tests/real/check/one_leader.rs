//! P1: no two candidates of an election lead at the same instant.
//!
//! Once anything has shown that an epoch was granted (its own grant, a watcher, has-leadership, a
//! write, the command line), nobody may lead under an earlier one: has-leadership that began to be
//! asked after that must not be true. What can't be seen is an overlap shorter than the time
//! between two looks.

use std::collections::BTreeMap;

use super::Facts;
use crate::history::Event;

/// By election and epoch, a time.
type Times<'a> = BTreeMap<&'a str, BTreeMap<u64, u64>>;

pub fn check(events: &[Event], facts: &Facts) -> Vec<String> {
    let mut found = one_each(events);
    let granted = granted_by(events, facts);
    for (election, led) in led_until(events, facts) {
        for (epoch, last) in led {
            let later = granted.get(election).into_iter().flat_map(|of| of.range(epoch + 1..));
            if let Some((by, at)) = later.min_by_key(|(_, at)| **at)
                && last > *at
            {
                let millis = (last - at) as f64 / 1e6;
                found.push(format!(
                    "P1: '{election}' is led under {epoch} {millis} ms after {by} was granted"
                ));
            }
        }
    }
    found
}

/// An epoch is granted once.
fn one_each(events: &[Event]) -> Vec<String> {
    let mut grants = BTreeMap::new();
    let mut found = Vec::new();
    for event in events {
        if let Event::Granted { registration, id, .. } = event
            && let Some(other) = grants.insert(id.epoch, (*registration, id.low))
        {
            found.push(format!("P1: {id:?} is granted to {registration}, and to {other:?}"));
        }
    }
    found
}

/// By when an epoch is known to have been granted.
pub fn granted_by<'a>(events: &'a [Event], facts: &Facts<'a>) -> Times<'a> {
    let mut times: Times = BTreeMap::new();
    for event in events {
        let (election, epoch, after) = match event {
            Event::Granted { registration, id, after } => {
                (facts.election(*registration), id.epoch, *after)
            }
            Event::Read { registration, epoch, leads: true, span } => {
                (facts.election(*registration), *epoch, span.after)
            }
            Event::Told { component, leader: Some(leader), after, .. } => {
                (component.as_str(), leader.id.epoch, *after)
            }
            Event::Handed { component, epoch, after } => (component.as_str(), *epoch, *after),
            Event::Done { operation, span, status, .. } if status == "LS_OK" => {
                let what = facts.operations[operation];
                let Some((epoch, ..)) = what.written() else { continue };
                (what.election(), epoch, span.after)
            }
            _ => continue,
        };
        let time = times.entry(election).or_default().entry(epoch).or_insert(after);
        *time = after.min(*time);
    }
    times
}

/// From when on an epoch was led under at the last look that said so.
fn led_until<'a>(events: &'a [Event], facts: &Facts<'a>) -> Times<'a> {
    let mut times: Times = BTreeMap::new();
    for event in events {
        if let Event::Read { registration, epoch, leads: true, span } = event {
            let election = times.entry(facts.election(*registration)).or_default();
            let time = election.entry(*epoch).or_insert(span.before);
            *time = span.before.max(*time);
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{granted, leads, two};
    use super::*;

    fn objections(more: Vec<Event>) -> usize {
        let events: Vec<Event> = two().into_iter().chain(more).collect();
        check(&events, &Facts::of(&events)).len()
    }

    #[test]
    fn a_leader_after_a_later_grant_is_seen() {
        assert_eq!(objections(vec![granted(1, 5, 10), leads(1, 5, 30), granted(2, 6, 40)]), 0);
        assert_eq!(objections(vec![granted(1, 5, 10), leads(1, 5, 30), granted(2, 6, 29)]), 1);
        assert_eq!(objections(vec![leads(1, 5, 30), leads(2, 6, 29)]), 0, "at the same moment");
        assert_eq!(objections(vec![leads(1, 5, 30), leads(2, 6, 28)]), 1);
    }

    #[test]
    fn an_epoch_for_two_is_seen() {
        assert_eq!(objections(vec![granted(1, 5, 10), granted(2, 5, 20)]), 1);
    }
}
