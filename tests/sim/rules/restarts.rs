//! R12, R13 and R18: what is remembered, and for how long.

use std::time::Duration;

use leaderserver::core::contenders::Callback;
use leaderserver::core::ids::Epoch;

use super::last_link;
use crate::clock::ms;
use crate::net::{Direction, Route};
use crate::promises::leader_and_follower;
use crate::world::{Setup, World};
// --- R12

#[test]
fn r12_a_server_that_remembers_nothing_waits() {
    let mut world = World::empty(Setup::default());
    world.start_server(false);
    let a = world.process("a");
    let of_a = world.contend(a, "dispatcher");
    let took = world.run_until("a leads", ms(31_000), |world| world.leads(a, of_a));
    assert!(took > ms(29_900), "{took:?}");
}

/// Somebody in the server's own process waits for nobody.
#[test]
fn r12_who_is_in_the_servers_process_does_not_wait() {
    let mut world = World::empty(Setup::default());
    world.start_server(false);
    let remote = world.process("remote");
    let of_remote = world.contend(remote, "dispatcher");
    world.run_for(ms(100));
    let local = world.process_by("local", "/flink", Route::Local);
    let of_local = world.contend(local, "dispatcher");
    world.run_until("it leads", ms(100), |world| world.leads(local, of_local));
    assert!(!world.leads(remote, of_remote));
}

// --- R13

/// palantir/atlasdb#1292: the memory is lost, and the clock is an hour behind.
#[test]
fn r13_epochs_never_repeat_even_with_the_clock_set_back() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let led = world.leadership(a, of_a).expect("it leads");
    world.kill_server(false);
    world.start_server_with(false, Epoch(1_700_000_000_000 - 3_600_000));
    world.run_for(ms(60_000));
    let now = world.leadership(a, of_a).or_else(|| world.leadership(b, of_b));
    assert!(now.expect("somebody leads").epoch > led.epoch);
    world.check_well();
}

/// To a client a new incarnation is the loss of everything, and that is told.
#[test]
fn r13_a_new_incarnation_is_the_loss_of_everything() {
    let (mut world, [(a, of_a), (b, _)]) = leader_and_follower(Setup::default());
    let watch = world.watch(b, "dispatcher");
    world.run_for(ms(100));
    let before = world.told_address(b, watch).expect("it is published");
    world.kill_server(false);
    world.run_for(ms(100));
    world.start_server(false);
    world.run_for(ms(2000));
    assert_eq!(world.last_told(b, watch), Some(None));
    let Some(Callback::Revoke(reason)) = world.told(a, of_a).pop() else { panic!("a revoke") };
    assert!(reason.contains("incarnation"), "{reason}");
    world.run_for(ms(40_000));
    assert!(world.told_address(b, watch).is_some_and(|after| after != before));
    world.check_well();
}

// --- R18

/// In the very step in which the epoch ends.
#[test]
fn r18_information_goes_with_its_epoch() {
    let (mut world, [(a, _), (b, _)]) = leader_and_follower(Setup::default());
    let watch = world.watch(b, "dispatcher");
    world.run_for(ms(100));
    world.kill(a);
    world.run_until("nobody is published", ms(1100), |w| w.published("dispatcher").is_none());
    let election = world.election("process").expect("b stands in it");
    assert_ne!(election.leader_session, 0, "the next was granted in the same step");
    world.run_for(ms(1000));
    assert!(world.told_address(b, watch).is_some_and(|address| address.starts_with("b/")));
}

/// Without the name service a value is kept for a while, then it is no leader; back again, the
/// present value is told, also if it is the one from before.
#[test]
fn r18_a_value_is_kept_for_the_retrieval_time_out() {
    let setup = Setup { retrieval_timeout: Some(ms(4000)), ..Setup::default() };
    let (mut world, [(a, _), _]) = leader_and_follower(setup);
    let c = world.process("c");
    let watch = world.watch(c, "dispatcher");
    world.run_for(ms(1000));
    let before = world.told_address(c, watch);
    assert!(before.is_some());
    world.partition(c);
    let link = last_link(&world, c);
    world.reset_at_client(link);
    world.run_for(ms(3900));
    assert_eq!(world.told_address(c, watch), before);
    world.run_for(ms(200));
    assert_eq!(world.last_told(c, watch), Some(None));
    // Whoever begins to watch now is told what the others were told.
    let second = world.watch(c, "dispatcher");
    world.run_for(ms(100));
    assert_eq!(world.last_told(c, second), Some(None));
    world.heal(c);
    world.run_for(ms(5000));
    assert_eq!(world.told_address(c, watch), before);
    assert_eq!(world.processes[c].watchers[&watch].told.len(), 3);
    assert!(world.processes[a].alive);
    world.check_well();
}

/// The connection was silent, not lost, and the name service does not say again what it said: the
/// retriever that was told "no leader" asks anew.
#[test]
fn r18_a_silent_connection_that_speaks_again_is_asked_anew() {
    for seed in 1..30 {
        let retrieval_timeout = Some(ms(1000));
        let setup = Setup { seed, loud: false, retrieval_timeout, ..Setup::default() };
        let (mut world, _) = leader_and_follower(setup);
        let c = world.process("c");
        let watch = world.watch(c, "dispatcher");
        world.run_for(ms(1000));
        world.block(c, Direction::ToClient);
        let forgotten = |world: &World| world.last_told(c, watch) == Some(None);
        world.run_until("it forgets", ms(10_000), forgotten);
        world.heal(c);
        world.run_for(ms(10_000));
        assert!(world.told_address(c, watch).is_some(), "seed {seed}");
    }
}

/// In the JobManager mode values are kept for ever.
#[test]
fn r18_without_a_time_out_a_value_is_kept() {
    let setup = Setup { retrieval_timeout: None, ..Setup::default() };
    let (mut world, _) = leader_and_follower(setup);
    let c = world.process("c");
    let watch = world.watch(c, "dispatcher");
    world.run_for(ms(1000));
    world.kill_server(true);
    world.run_for(Duration::from_secs(1000));
    assert!(world.told_address(c, watch).is_some());
}
