//! A list is of one moment: there is a revision at which all its keys were at the versions it says,
//! and those that it lacks were not there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, listed};
use crate::history::{Event, Operation};

/// The versions of the keys of an election that are known.
type Versions<'a> = BTreeMap<&'a str, BTreeSet<u64>>;

pub fn check(events: &[Event], facts: &Facts) -> Vec<String> {
    let mut elections: BTreeMap<&str, Versions> = BTreeMap::new();
    let mut lists = Vec::new();
    for event in events {
        let Event::Done { operation, status, version, value, .. } = event else { continue };
        if status != "LS_OK" {
            continue;
        }
        let what = facts.operations[operation];
        let versions = elections.entry(what.election()).or_default();
        match what {
            Operation::List { election } => {
                let list: BTreeMap<&str, u64> = listed(value).map(|(k, v, _)| (k, v)).collect();
                for (key, version) in &list {
                    versions.entry(key).or_default().insert(*version);
                }
                lists.push((*operation, election.as_str(), list));
            }
            Operation::Get { key, .. }
            | Operation::Create { key, .. }
            | Operation::Replace { key, .. } => {
                versions.entry(key).or_default().insert(*version);
            }
        }
    }
    let mut found = Vec::new();
    for (operation, election, list) in lists {
        let latest = list.values().max().copied().unwrap_or(0);
        for (key, versions) in &elections[election] {
            let at = list.get(key).copied().unwrap_or(0);
            if let Some(next) = versions.range(at + 1..).next().filter(|next| **next <= latest) {
                found.push(format!(
                    "P2: list {operation} has version {latest}, and {key} at {at}, not at {next}"
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::made_up::done;
    use super::*;

    #[test]
    fn a_list_of_two_moments_is_seen() {
        let list = |number| {
            let what = Operation::List { election: "a".to_owned() };
            Event::Asked { life: 1, operation: number, what }
        };
        let objections = |listed: &str| {
            let events = [list(1), list(2), done(1, 0, "LS_OK", 0, listed)];
            let all = [&events[..], &[done(2, 0, "LS_OK", 0, "j=3=x,k=5=y")]].concat();
            check(&all, &Facts::of(&all)).len()
        };
        assert_eq!(objections("j=3=x,k=4=z"), 0);
        assert_eq!(objections("j=6=x,k=5=y"), 0);
        assert_eq!(objections("j=6=x,k=4=z"), 1);
        assert_eq!(objections("j=6=x"), 1);
    }
}
