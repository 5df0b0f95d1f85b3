//! P5: a lost connection is not a lost leadership.

use std::time::Duration;

use super::leader_and_follower;
use crate::clock::{MS, ms};
use crate::net::Route;
use crate::world::{Setup, World};

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
