//! P6: a watch is never told the same twice running, nor an older leader after a newer, and only
//! what a leader has published. (That the last value is told is seen when all is well again.)

use std::collections::BTreeMap;

use super::Facts;
use crate::agent::address;
use crate::history::{Event, Id, Leader};

pub fn check(events: &[Event], facts: &Facts) -> Vec<String> {
    let mut last: BTreeMap<(usize, &str), (Option<&Leader>, u64)> = BTreeMap::new();
    let mut granted: BTreeMap<Id, u64> = BTreeMap::new();
    let mut found = Vec::new();
    for event in events {
        match event {
            Event::Granted { registration, id, .. } => {
                granted.insert(*id, *registration);
            }
            Event::Told { life, component, leader, .. } => {
                let leader = leader.as_ref();
                let epoch = leader.map_or(0, |leader| leader.id.epoch);
                let newest = match last.get(&(*life, component.as_str())) {
                    Some((told, newest)) => {
                        if *told == leader || (epoch > 0 && epoch < *newest) {
                            found.push(format!("P6: {event:?} after {told:?}, epoch {newest}"));
                        }
                        epoch.max(*newest)
                    }
                    None => epoch,
                };
                last.insert((*life, component), (leader, newest));
                if leader.is_some_and(|leader| !is_published(leader, component, &granted, facts)) {
                    found.push(format!("P6: nobody has published {event:?}"));
                }
            }
            _ => {}
        }
    }
    found
}

fn is_published(
    leader: &Leader,
    component: &str,
    granted: &BTreeMap<Id, u64>,
    facts: &Facts,
) -> bool {
    let Some(registration) = granted.get(&leader.id) else { return false };
    let (life, of) = facts.registrations[registration];
    of == component && leader.address == address(facts.names[&life], *registration, leader.id)
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{granted, two};
    use super::*;

    fn told(epoch: u64, address: &str) -> Event {
        let id = Id { epoch, low: epoch };
        let leader = (epoch > 0).then(|| Leader { id, address: address.to_owned() });
        Event::Told { life: 9, component: "a".to_owned(), leader, after: 0 }
    }

    fn objections(more: Vec<Event>) -> usize {
        let mut events = two();
        events.extend([granted(1, 5, 0), granted(2, 6, 0)]);
        events.extend(more);
        check(&events, &Facts::of(&events)).len()
    }

    #[test]
    fn values_that_repeat_or_go_back_are_seen() {
        let (five, six) = (|| told(5, "n1/1/5"), || told(6, "n2/2/6"));
        let none = || told(0, "");
        assert_eq!(objections(vec![none(), five(), none(), five(), six(), none()]), 0);
        assert_eq!(objections(vec![five(), five()]), 1);
        assert_eq!(objections(vec![none(), none()]), 1);
        assert_eq!(objections(vec![six(), five()]), 1);
        assert_eq!(objections(vec![six(), none(), five()]), 1);
    }

    #[test]
    fn what_nobody_published_is_seen() {
        assert_eq!(objections(vec![told(6, "n1/1/6")]), 1);
        assert_eq!(objections(vec![told(7, "n2/2/7")]), 1);
    }
}
