//! [`Contenders`] alone.

use bytes::Bytes;
use leaderserver::core::config::Mode;
use leaderserver::core::contenders::{Callback, Command, Confirmed, Contenders};
use leaderserver::core::error::{Error, Refusal};
use leaderserver::core::ids::MAX_ADDRESS;

use super::ID;
use crate::world::name;
/// FLINK-CONTRACT: a second contender for a component is refused, and nothing changes.
#[test]
fn a_second_contender_changes_nothing() {
    let mut contenders = Contenders::new(Mode::PerProcess);
    let (first, command) = contenders.register(name("dispatcher")).expect("the first");
    assert_eq!(command, Some(Command::Join { election: name("process"), standing: 1 }));
    let second = contenders.register(name("dispatcher"));
    assert_eq!(second, Err(Error::AlreadyRegistered("dispatcher".to_owned())));
    assert_eq!(contenders.len(), 1);
    assert_eq!(contenders.handle_granted(&name("process"), 1, ID), [first]);
    assert_eq!(contenders.take(first), Some(Callback::Grant(ID)));
    assert_eq!(contenders.take(first), None, "one at a time");
    contenders.done(first);
    let (callback, _) = contenders.close(first, false);
    assert!(matches!(callback, Some(Callback::Revoke(_))));
    assert_eq!(contenders.close(first, false), (None, Vec::new()), "idempotent");
    assert_eq!(contenders.leadership(first), None);
    assert_eq!(contenders.done(first), [Command::Leave { election: name("process") }]);
    assert!(contenders.is_finished(first));
    assert_eq!(contenders.done(first), []);
}

#[test]
fn an_address_that_is_too_long_is_refused() {
    let mut contenders = Contenders::new(Mode::PerProcess);
    let (id, _) = contenders.register(name("dispatcher")).expect("the first");
    contenders.handle_granted(&name("process"), 1, ID);
    let long = Bytes::from(vec![b'x'; MAX_ADDRESS + 1]);
    assert_eq!(contenders.confirm(id, ID, long), Confirmed::TooLong);
    let longest = Bytes::from(vec![b'x'; MAX_ADDRESS]);
    assert!(matches!(contenders.confirm(id, ID, longest), Confirmed::Recorded(_)));
}

/// A misconfiguration is told once, and again only if it is another.
#[test]
fn a_failure_is_told_once() {
    let mut contenders = Contenders::new(Mode::PerProcess);
    let (id, _) = contenders.register(name("dispatcher")).expect("the first");
    let error = Error::Refused { code: Refusal::Namespace, reason: "not here".to_owned() };
    assert_eq!(contenders.handle_failed(None, &error), [id]);
    assert_eq!(contenders.handle_failed(None, &error), []);
    assert_eq!(contenders.take(id), Some(Callback::Failed(error.clone())));
    contenders.done(id);
    assert_eq!(contenders.handle_failed(None, &error), []);
    assert!(!contenders.is_ready(id));
}

/// LESSONS 9: a grant for a candidate that was left, on its way while somebody else made it stand
/// again, is not the newcomer's; nor does the end of that grant mean anything to it.
#[test]
fn a_grant_for_an_earlier_standing_is_nobodys() {
    let mut contenders = Contenders::new(Mode::PerProcess);
    let (first, _) = contenders.register(name("a")).expect("nobody is registered");
    contenders.close(first, false);
    let (second, command) = contenders.register(name("a")).expect("the first is closed");
    assert_eq!(command, Some(Command::Join { election: name("process"), standing: 2 }));
    assert!(contenders.handle_granted(&name("process"), 1, ID).is_empty());
    assert!(contenders.handle_revoked(&name("process"), ID.epoch, "left").is_empty());
    assert_eq!(contenders.take(second), None);
    assert_eq!(contenders.handle_granted(&name("process"), 2, ID), [second]);
    assert_eq!(contenders.take(second), Some(Callback::Grant(ID)));
}
