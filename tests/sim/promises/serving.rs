//! P5 to P9: no flapping, retrieval, components, slow users, stalls.

use std::time::Duration;

use leaderserver::core::config::Mode;
use leaderserver::core::contenders::Callback;

use super::{blocked_for, leader_and_follower};
use crate::clock::{MS, SEC, ms};
use crate::net::Route;
use crate::world::{Setup, World};
// --- P5

/// The connection is reset under the leader: it resumes, and nobody hears of it.
#[test]
fn p5_a_lost_connection_is_not_a_lost_leadership() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let before = (world.leadership(a, of_a), world.published("dispatcher"));
    let watch = world.watch(b, "dispatcher");
    world.run_for(ms(100));
    for _ in 0..20 {
        let link = *world.links_of(a).last().expect("it is connected");
        world.reset_at_client(link);
        world.run_for(ms(50));
        assert!(world.leads(a, of_a));
        world.run_for(ms(1500));
    }
    assert_eq!((world.leadership(a, of_a), world.published("dispatcher")), before);
    assert_eq!(world.callbacks(a, of_a), 1);
    assert_eq!(world.callbacks(b, of_b), 0);
    assert_eq!(world.processes[b].watchers[&watch].told.len(), 1);
    world.check_well();
}

/// The same where the server closes: a slow reader, a limit.
#[test]
fn p5_a_cut_by_the_server_is_not_a_lost_leadership() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    let link = *world.links_of(a).last().expect("it is connected");
    world.cut_by_server(link);
    world.run_for(ms(5000));
    assert_eq!(world.callbacks(a, of_a), 1);
    assert!(world.leads(a, of_a));
}

/// A server that hangs for less than the lease costs nothing.
#[test]
fn p5_a_hanging_server_costs_no_leadership() {
    for seed in 1..20 {
        let setup = Setup { seed, loud: false, ..Setup::default() };
        let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(setup);
        world.pause_server(ms(5000));
        world.run_for(ms(20_000));
        assert_eq!((world.callbacks(a, of_a), world.callbacks(b, of_b)), (1, 0), "seed {seed}");
        world.check_well();
    }
}

/// A connection that has died unnoticed (its packets go nowhere) is replaced in time.
#[test]
fn p5_a_dead_connection_is_replaced_within_the_lease() {
    for seed in 1..20 {
        let setup = Setup { seed, loud: false, ..Setup::default() };
        let (mut world, [(a, of_a), _]) = leader_and_follower(setup);
        let wait = world.pick((0, 4000));
        world.run_for(ms(wait));
        let link = *world.links_of(a).last().expect("it is connected");
        world.lose(link);
        world.run_for(ms(20_000));
        assert_eq!(world.callbacks(a, of_a), 1, "seed {seed}");
        world.check_well();
    }
}

// --- P6

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

// --- P7

#[test]
fn p7_a_component_closes_alone() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    let dispatcher = world.contend(a, "dispatcher");
    let rest = world.contend(a, "rest_server");
    world.run_for(ms(100));
    assert_eq!(world.leadership(a, dispatcher), world.leadership(a, rest), "one grant, one id");
    world.close(a, rest, false);
    world.run_for(ms(100));
    assert_eq!(world.published("rest_server"), None);
    assert!(world.published("dispatcher").is_some());
    assert!(world.leads(a, dispatcher));
    assert_eq!(world.callbacks(a, dispatcher), 1);
    world.close(a, dispatcher, false);
    world.run_for(ms(100));
    assert_eq!(world.election("process"), None, "with the last it leaves");
    let again = world.contend(a, "dispatcher");
    world.run_for(ms(100));
    assert!(world.leads(a, again), "and with the first it joins");
}

/// A component registered while its process leads is granted with the same id.
#[test]
fn p7_a_late_component_gets_the_same_id() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    let late = world.contend(a, "rest_server");
    world.run_for(ms(10));
    assert_eq!(world.told(a, late), world.told(a, of_a));
}

#[test]
fn p7_per_component_every_component_has_an_election() {
    let setup = Setup { mode: Mode::PerComponent, ..Setup::default() };
    let mut world = World::new(setup);
    let (a, b) = (world.process("a"), world.process("b"));
    let of_a = world.contend(a, "dispatcher");
    world.run_for(ms(100));
    let of_b = world.contend(b, "rest_server");
    let second = world.contend(b, "dispatcher");
    world.run_for(ms(100));
    assert!(world.leads(a, of_a) && world.leads(b, of_b) && !world.leads(b, second));
    world.close(a, of_a, false);
    world.run_for(ms(100));
    assert!(world.leads(b, second));
    assert_ne!(world.leadership(b, of_b), world.leadership(b, second));
    assert_eq!(world.callbacks(b, of_b), 1);
    world.check_well();
}

/// Registered again while the old registration's revoke is still out: what the new one has
/// published is not withdrawn with the old one.
#[test]
fn p7_a_successor_keeps_what_it_has_published() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    world.contend(a, "rest_server");
    let old = world.contend_with(a, "dispatcher", blocked_for(5 * SEC));
    world.run_for(ms(100));
    world.close(a, old, false);
    let new = world.contend(a, "dispatcher");
    world.run_for(ms(20_000));
    assert!(world.processes[a].contenders.is_finished(old));
    assert!(world.leads(a, new));
    world.check_well();
}

// --- P8

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

// --- P9

/// A garbage collection pause does not stop heartbeats; a process that does not come for its
/// events for the stall time-out loses, and stands again when it comes.
#[test]
fn p9_a_stalled_process_loses_and_stands_again() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.set_fetching(a, false);
    world.run_for(ms(59_000));
    assert!(world.leads(a, of_a), "a long pause alone costs nothing");
    world.run_until("b leads", ms(1100), |world| world.leads(b, of_b));
    assert!(!world.leads(a, of_a));
    let election = world.election("process").expect("b stands in it");
    assert_eq!(election.candidates.len(), 1, "a has left");
    world.run_for(ms(30_000));
    world.set_fetching(a, true);
    world.run_for(ms(1000));
    assert!(matches!(world.told(a, of_a)[..], [Callback::Grant(_), Callback::Revoke(_)]));
    let election = world.election("process").expect("both stand in it");
    assert_eq!(election.candidates.len(), 2);
    world.check_well();
}

/// In the JobManager's own process no network fault revokes anything, and a frozen world neither.
#[test]
fn p5_contenders_in_the_servers_process_have_no_lease_to_lose() {
    let mut world = World::empty(Setup::default());
    world.start_server(false);
    let a = world.process_by("jobmanager", "/flink", Route::Local);
    let of_a = world.contend(a, "dispatcher");
    let task_manager = world.process("taskmanager");
    let watch = world.watch(task_manager, "dispatcher");
    let took = world.run_until("it leads", ms(100), |world| world.leads(a, of_a));
    assert!(took < ms(5), "R12: at once, {took:?}");
    world.run_for(ms(100));
    assert!(world.told_address(task_manager, watch).is_some());
    world.pause(a, Duration::from_secs(100));
    world.run_for(ms(120_000));
    assert!(world.leads(a, of_a));
    assert_eq!(world.callbacks(a, of_a), 1);
    world.partition(task_manager);
    world.run_for(Duration::from_nanos(100 * MS));
    world.heal(task_manager);
    world.run_for(ms(10_000));
    world.check_well();
}
