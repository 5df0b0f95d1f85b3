//! P3: grant and revoke take turns, and nothing starts after close.

use leaderserver::core::contenders::Callback;
use leaderserver::core::ids::Epoch;

use super::{blocked_for, leader_and_follower};
use crate::clock::{SEC, ms};
use crate::world::{Setup, World};

fn epoch_of(callback: &Callback) -> Option<Epoch> {
    match callback {
        Callback::Grant(session) => Some(session.epoch),
        _ => None,
    }
}

#[test]
fn p3_grant_and_revoke_take_turns_with_growing_epochs() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    for _ in 0..20 {
        world.operator_resigns("process", None);
        world.run_for(ms(500));
    }
    for (i, id) in [(a, of_a), (b, of_b)] {
        let told = world.told(i, id);
        assert!(told.len() >= 19, "{told:?}");
        let epochs: Vec<Epoch> = told.iter().filter_map(epoch_of).collect();
        assert!(epochs.is_sorted_by(|one, next| one < next));
    }
}

/// What came and went while a contender was busy is skipped; what it hears still takes turns.
#[test]
fn p3_a_late_contender_hears_no_queue_of_old_news() {
    let mut world = World::new(Setup::default());
    let (a, b) = (world.process("a"), world.process("b"));
    let of_a = world.contend_with(a, "dispatcher", blocked_for(10 * SEC));
    world.run_for(ms(100));
    world.contend(b, "dispatcher");
    world.run_for(ms(100));
    for _ in 0..10 {
        world.operator_resigns("process", None);
        world.run_for(ms(500));
    }
    world.run_for(ms(60_000));
    let told = world.told(a, of_a);
    assert!(told.len() <= 4, "{told:?}");
    assert!(matches!(told[..2], [Callback::Grant(_), Callback::Revoke(_)]));
    world.check_well();
}

#[test]
fn p3_close_revokes_in_the_callers_thread() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    world.close(a, of_a, false);
    // Before anything else happened.
    assert!(matches!(world.told(a, of_a)[..], [Callback::Grant(_), Callback::Revoke(_)]));
    assert!(!world.leads(a, of_a));
}

/// FLINK-20008, FLINK-32311, FLINK-34672: close waits for no callback. The one revoke follows on
/// the other thread, and the resignation after it.
#[test]
fn p3_close_does_not_wait_for_a_callback_on_another_thread() {
    let mut world = World::new(Setup::default());
    let (a, b) = (world.process("a"), world.process("b"));
    let of_a = world.contend_with(a, "dispatcher", blocked_for(5 * SEC));
    world.run_until("a is in its grant", ms(1000), |world| world.callbacks(a, of_a) == 1);
    let of_b = world.contend(b, "dispatcher");
    world.run_for(ms(1000));
    world.close(a, of_a, false);
    assert!(!world.leads(a, of_a), "from when close began");
    assert_eq!(world.callbacks(a, of_a), 1);
    world.run_for(ms(3000));
    assert_eq!(world.callbacks(a, of_a), 1, "its grant still runs");
    assert!(!world.leads(b, of_b), "nothing was resigned yet");
    world.run_for(ms(15_000));
    assert!(matches!(world.told(a, of_a)[..], [Callback::Grant(_), Callback::Revoke(_)]));
    assert!(world.leads(b, of_b));
    assert!(world.processes[a].contenders.is_finished(of_a));
}

#[test]
fn p3_close_from_inside_a_grant_revokes_there() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    let of_a = world.contend_with(a, "dispatcher", blocked_for(SEC));
    world.run_until("a is in its grant", ms(1000), |world| world.callbacks(a, of_a) == 1);
    world.close(a, of_a, true);
    assert!(matches!(world.told(a, of_a)[..], [Callback::Grant(_), Callback::Revoke(_)]));
    world.run_for(ms(5000));
    assert_eq!(world.callbacks(a, of_a), 2);
    assert_eq!(world.election("process"), None, "it has left");
}

#[test]
fn p3_nothing_starts_after_close() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.close(b, of_b, false);
    world.close(a, of_a, false);
    world.run_for(ms(30_000));
    assert_eq!(world.callbacks(a, of_a), 2);
    assert_eq!(world.callbacks(b, of_b), 0);
}

/// Closing the client tells nobody anything any more, and has-leadership is false at once.
#[test]
fn p3_a_closed_client_is_silent() {
    let (mut world, [(a, _), (b, of_b)]) = leader_and_follower(Setup::default());
    world.close_client(a);
    assert!(world.processes[a].contenders.is_empty());
    let took = world.run_until("b leads", ms(100), |world| world.leads(b, of_b));
    assert!(took < ms(10), "{took:?}");
}
