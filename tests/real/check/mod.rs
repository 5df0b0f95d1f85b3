//! What must hold of a history, one promise a file. Each says what it can't see, and is shown to
//! fail by a made-up history beside it.
//!
//! A process may be stopped between looking at the clock and acting, so that each thing has
//! happened somewhere between two times: a check objects only to what can't be explained by any
//! order within them.

pub mod callbacks;
pub mod one_leader;
pub mod retrieval;
pub mod snapshots;
pub mod store;

use std::collections::BTreeMap;

use crate::history::{Event, Operation};

/// All objections.
pub fn check(events: &[Event]) -> Vec<String> {
    let facts = Facts::of(events);
    let mut found = one_leader::check(events, &facts);
    found.extend(callbacks::check(events));
    found.extend(retrieval::check(events, &facts));
    found.extend(store::check(events, &facts));
    found.extend(snapshots::check(events, &facts));
    found
}

/// What the numbers in a history stand for.
#[derive(Default)]
pub struct Facts<'a> {
    /// The names of lives.
    names: BTreeMap<usize, &'a str>,
    /// Life and component of registrations.
    registrations: BTreeMap<u64, (usize, &'a str)>,
    operations: BTreeMap<u64, &'a Operation>,
}

impl<'a> Facts<'a> {
    fn of(events: &'a [Event]) -> Self {
        let mut facts = Facts::default();
        for event in events {
            match event {
                Event::Started { life, name } => {
                    facts.names.insert(*life, name);
                }
                Event::Contended { life, registration, component } => {
                    facts.registrations.insert(*registration, (*life, component));
                }
                Event::Asked { operation, what, .. } => {
                    facts.operations.insert(*operation, what);
                }
                _ => {}
            }
        }
        facts
    }

    /// With an election for each component, they have the same name.
    fn election(&self, registration: u64) -> &'a str {
        self.registrations[&registration].1
    }
}

impl Operation {
    /// The epoch, key and value of what writes.
    fn written(&self) -> Option<(u64, &str, &str)> {
        match self {
            Operation::Create { epoch, key, value, .. }
            | Operation::Replace { epoch, key, value, .. } => Some((*epoch, key, value)),
            _ => None,
        }
    }

    pub fn election(&self) -> &str {
        match self {
            Operation::Get { election, .. }
            | Operation::List { election }
            | Operation::Create { election, .. }
            | Operation::Replace { election, .. } => election,
        }
    }
}

/// The entries that a list has found: keys, versions and values.
pub fn listed(value: &str) -> impl Iterator<Item = (&str, u64, &str)> {
    value.split(',').filter_map(|entry| {
        let (key, rest) = entry.split_once('=')?;
        let (version, value) = rest.split_once('=')?;
        Some((key, version.parse().ok()?, value))
    })
}

/// Histories for tests of the checks.
#[cfg(test)]
pub mod made_up {
    use crate::history::{Event, Id, Operation, Span};

    /// Two processes that contend for `a`, under the registrations 1 and 2.
    pub fn two() -> Vec<Event> {
        let mut events = Vec::new();
        for number in [1, 2] {
            let (life, name) = (number as usize, format!("n{number}"));
            events.push(Event::Started { life, name });
            let component = "a".to_owned();
            events.push(Event::Contended { life, registration: number, component });
        }
        events
    }

    pub fn granted(registration: u64, epoch: u64, after: u64) -> Event {
        Event::Granted { registration, id: Id { epoch, low: epoch }, after }
    }

    pub fn leads(registration: u64, epoch: u64, before: u64) -> Event {
        Event::Read { registration, epoch, leads: true, span: span(before) }
    }

    /// Things take one nanosecond.
    pub fn span(before: u64) -> Span {
        Span { before, after: before + 1 }
    }

    pub fn replace(operation: u64, epoch: u64, version: u64) -> Event {
        let (election, key) = ("a".to_owned(), "k".to_owned());
        let value = format!("v{operation}");
        let what = Operation::Replace { election, epoch, key, version, value };
        Event::Asked { life: 1, operation, what }
    }

    pub fn done(operation: u64, before: u64, status: &str, version: u64, value: &str) -> Event {
        let (status, value) = (status.to_owned(), value.to_owned());
        Event::Done { operation, span: span(before), status, version, value }
    }
}
