//! P3: grant and revoke in turn, each grant with a larger epoch, each revoke with a reason; nobody
//! leads who has closed.
//!
//! Whether something was told after a close had returned can't be seen from outside: what is told
//! on one thread may be printed after what another did later. The simulation sees it.

use std::collections::BTreeMap;

use crate::history::Event;

#[derive(Default)]
struct Contender {
    leads: bool,
    epoch: u64,
    closed: Option<u64>,
}

pub fn check(events: &[Event]) -> Vec<String> {
    let mut contenders: BTreeMap<u64, Contender> = BTreeMap::new();
    let mut found = Vec::new();
    for event in events {
        match event {
            Event::Granted { registration, id, .. } => {
                let of = contenders.entry(*registration).or_default();
                if of.leads || id.epoch <= of.epoch {
                    found.push(format!("P3: {event:?} after epoch {}, {}", of.epoch, of.leads));
                }
                (of.leads, of.epoch) = (true, id.epoch);
            }
            Event::Revoked { registration, reason, .. } => {
                let of = contenders.entry(*registration).or_default();
                if !of.leads || reason.is_empty() {
                    found.push(format!("P3: {event:?}, and it leads: {}", of.leads));
                }
                of.leads = false;
            }
            Event::Done { status, .. } if status == "LS_CLOSED" => {
                found.push(format!("nobody has closed the client: {event:?}"));
            }
            Event::Failed { .. } => found.push(format!("nothing here can fail: {event:?}")),
            Event::Confirmed { status, .. }
                if !["LS_OK", "LS_NOT_LEADER", "NOT_LEADER", "LS_CLOSED", "CLOSED"]
                    .contains(&status.as_str()) =>
            {
                found.push(format!("P3: {event:?}"))
            }
            Event::Closed { registration, span } => {
                contenders.entry(*registration).or_default().closed = Some(span.after);
            }
            _ => {}
        }
    }
    // What was read is said later than it was read.
    for event in events {
        if let Event::Read { registration, leads: true, span, .. } = event
            && let Some(closed) = contenders.get(registration).and_then(|of| of.closed)
            && span.before > closed
        {
            found.push(format!("P3: {event:?}, and it was closed at {closed}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{granted, leads, span};
    use super::*;

    fn revoked(reason: &str) -> Event {
        Event::Revoked { registration: 1, after: 0, reason: reason.to_owned() }
    }

    #[test]
    fn callbacks_out_of_turn_are_seen() {
        assert!(check(&[granted(1, 5, 0), revoked("why"), granted(1, 6, 0)]).is_empty());
        for wrong in [
            vec![granted(1, 5, 0), granted(1, 6, 0)],
            vec![granted(1, 5, 0), revoked("why"), granted(1, 5, 0)],
            vec![granted(1, 5, 0), revoked("")],
            vec![revoked("why")],
        ] {
            assert_eq!(check(&wrong).len(), 1, "{wrong:?}");
        }
    }

    #[test]
    fn who_leads_and_has_closed_is_seen() {
        let closed = Event::Closed { registration: 1, span: span(10) };
        assert!(check(&[leads(1, 5, 11), closed.clone()]).is_empty());
        assert_eq!(check(&[leads(1, 5, 12), closed]).len(), 1);
    }
}
