//! P6: a retriever is told the present value, and then every later one or a newer.

use super::leader_and_follower;
use crate::clock::{SEC, ms};
use crate::world::{Setup, World};

#[test]
fn p6_the_present_value_comes_at_once() {
    let (mut world, [_, (b, _)]) = leader_and_follower(Setup::default());
    let watch = world.watch(b, "dispatcher");
    let known = |world: &World| world.told_address(b, watch).is_some();
    let took = world.run_until("it is told", ms(100), known);
    assert!(took < ms(10), "{took:?}");
    // A second watch of the same component needs no word of the name service.
    world.partition(b);
    let second = world.watch(b, "dispatcher");
    world.run_for(ms(1));
    assert_eq!(world.told_address(b, second), world.told_address(b, watch));
}

#[test]
fn p6_no_leader_is_told_as_such() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    let watch = world.watch(a, "dispatcher");
    world.run_for(ms(100));
    assert_eq!(world.last_told(a, watch), Some(None));
}

/// A slow retriever skips what came in between, and ends with the truth.
#[test]
fn p6_a_slow_retriever_skips_but_never_the_last() {
    let (mut world, [_, (b, _)]) = leader_and_follower(Setup::default());
    let watch = world.watch_with(b, "dispatcher", (3 * SEC, 3 * SEC));
    for _ in 0..20 {
        world.operator_resigns("process", None);
        world.run_for(ms(400));
    }
    world.run_for(ms(4000));
    let told = world.processes[b].watchers[&watch].told.len();
    assert!((2..=5).contains(&told), "{told}");
    world.check_well();
}

/// Changes that happen while a retriever is away reach it when it is back: no gap.
#[test]
fn p6_a_reconnect_leaves_no_gap() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let c = world.process("c");
    let watch = world.watch(c, "dispatcher");
    world.run_for(ms(100));
    world.partition(c);
    let link = world.links_of(c)[0];
    world.lose(link);
    world.close(a, of_a, false);
    world.run_until("b leads", ms(100), |world| world.leads(b, of_b));
    world.run_for(ms(100));
    world.heal(c);
    world.run_for(ms(10_000));
    assert_eq!(world.told_address(c, watch), world.published("dispatcher"));
    world.check_well();
}
