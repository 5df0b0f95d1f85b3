//! P1: one leader at a time, by the clocks of those who lead. Checked at every step of all other
//! tests, too ([`crate::check::one_leader`]).

use leaderserver::core::contenders::Callback;

use super::leader_and_follower;
use crate::clock::ms;
use crate::net::Direction;
use crate::world::Setup;

/// The leader's process is stopped past its session, and asks at once after it wakes.
#[test]
fn p1_a_paused_leader_does_not_lead_when_it_wakes() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.pause(a, ms(15_000));
    world.run_until("b leads", ms(11_000), |world| world.leads(b, of_b));
    world.run_for(ms(10_000));
    assert!(!world.leads(a, of_a));
    assert!(matches!(world.told(a, of_a)[..], [Callback::Grant(_), Callback::Revoke(_)]));
    world.check_well();
}

/// A leader that hears nothing gives up before another is granted, however the clocks run: the
/// check at every step holds it.
#[test]
fn p1_holds_with_clocks_that_run_apart() {
    for seed in 0..20 {
        let (mut world, [(a, _), _]) =
            leader_and_follower(Setup { seed, loud: false, ..Setup::default() });
        world.block(a, Direction::ToClient);
        world.run_for(ms(30_000));
        world.heal(a);
        world.run_for(ms(20_000));
        world.check_well();
    }
}
