//! P8: users who take their time delay themselves only.

use super::{blocked_for, leader_and_follower};
use crate::clock::{SEC, ms};
use crate::world::{Setup, World};

/// A contender that sits in its grant for a minute delays nobody else, and no heartbeat.
#[test]
fn p8_a_blocked_callback_delays_only_itself() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    let slow = world.contend_with(a, "dispatcher", blocked_for(60 * SEC));
    let quick = world.contend(a, "rest_server");
    let watch = world.watch_with(a, "rest_server", (60 * SEC, 60 * SEC));
    let other = world.watch(a, "rest_server");
    world.run_for(ms(50_000));
    assert_eq!((world.callbacks(a, slow), world.callbacks(a, quick)), (1, 1));
    assert!(world.leads(a, slow) && world.leads(a, quick), "heartbeats went on");
    assert!(world.told_address(a, other).is_some());
    assert_eq!(world.last_told(a, watch), None);
}

/// Whoever sits in its revoke keeps nobody from being granted, not even in its own process.
#[test]
fn p8_a_blocked_revoke_keeps_nobody_from_leading() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let slow = world.contend_with(a, "rest_server", blocked_for(60 * SEC));
    world.run_for(ms(100));
    world.operator_resigns("process", None);
    world.run_until("b leads", ms(100), |world| world.callbacks(b, of_b) == 1);
    world.run_for(ms(100));
    world.operator_resigns("process", None);
    world.run_until("a leads again", ms(100), |world| world.callbacks(a, of_a) == 3);
    assert_eq!(world.callbacks(a, slow), 1, "it is in its first grant still");
    world.run_for(ms(200_000));
    assert!(world.leads(a, slow));
    world.check_well();
}
