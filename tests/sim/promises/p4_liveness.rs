//! P4: somebody leads, in time.

use leaderserver::core::contenders::Callback;

use super::leader_and_follower;
use crate::clock::ms;
use crate::world::{Setup, World};

#[test]
fn p4_after_a_resignation_at_once() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.close(a, of_a, false);
    let took = world.run_until("b leads", ms(1000), |world| world.leads(b, of_b));
    assert!(took < ms(10), "{took:?}");
    world.run_for(ms(100));
    world.check_well();
}

#[test]
fn p4_after_a_killed_process_within_the_grace() {
    let (mut world, [(a, _), (b, of_b)]) = leader_and_follower(Setup::default());
    world.kill(a);
    let took = world.run_until("b leads", ms(2000), |world| world.leads(b, of_b));
    assert!(took > ms(999) && took < ms(1020), "{took:?}");
}

#[test]
fn p4_after_a_silent_process_within_the_time_out() {
    let (mut world, [(a, _), (b, of_b)]) = leader_and_follower(Setup::default());
    world.lose_host(a);
    let took = world.run_until("b leads", ms(11_000), |world| world.leads(b, of_b));
    assert!(took > ms(5000) && took < ms(10_020), "{took:?}");
}

/// Without durable state a server waits for the longest session that an earlier one may have had.
#[test]
fn p4_after_a_restart_of_the_server() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.kill_server(false);
    world.run_for(ms(500));
    world.start_server(false);
    let leads = |world: &World| world.leads(a, of_a) || world.leads(b, of_b);
    world.run_until("the former lease ends", ms(10_000), |world| !leads(world));
    let took = world.run_until("somebody leads", ms(31_000), leads);
    assert!(took > ms(19_000), "{took:?}");
    world.run_for(ms(100));
    world.check_well();
}

/// Nobody else is there: who has stepped down leads again, under another epoch.
#[test]
fn p4_a_lone_candidate_leads_again() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    let of_a = world.contend(a, "dispatcher");
    world.run_for(ms(500));
    world.operator_resigns("process", None);
    world.run_for(ms(500));
    let told = world.told(a, of_a);
    assert!(matches!(told[..], [Callback::Grant(_), Callback::Revoke(_), Callback::Grant(_)]));
    world.check_well();
}

/// Somebody who stands in line without a connection keeps nobody waiting.
#[test]
fn p4_a_silent_candidate_is_passed_over() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let c = world.process("c");
    let of_c = world.contend(c, "dispatcher");
    world.run_for(ms(1000));
    world.partition(b);
    let link = world.links_of(b)[0];
    world.cut_by_server(link);
    world.run_for(ms(100));
    world.close(a, of_a, false);
    world.run_until("c leads", ms(100), |world| world.leads(c, of_c));
    assert!(!world.leads(b, of_b));
}
