//! Lessons 17 to 27, and 38: what kept everybody from leading, or told them too much or too late.
//! Lesson 25 is in [`crate::machines`].

use leaderserver::core::contenders::Callback;
use leaderserver::core::ids::Name;

use super::COMPONENTS;
use crate::clock::{SEC, ms};
use crate::net::{Direction, Route};
use crate::promises::leader_and_follower;
use crate::users::Manners;
use crate::world::{Setup, World, name};

/// FLINK-34007, fabric8#6020: leadership lost and never regained.
#[test]
fn lesson_17_a_thousand_losses_and_regains() {
    let mut world = World::new(Setup { loud: false, ..Setup::default() });
    let a = world.process("a");
    let of_a = world.contend(a, "dispatcher");
    for round in 0..1000 {
        world.run_until("a leads", ms(45_000), |world| world.leads(a, of_a));
        match round % 50 {
            10 => world.set_fetching(a, false),
            20 => world.partition(a),
            30 => world.pause(a, ms(12_000)),
            40 => {
                world.kill_server(false);
                world.start_server(false);
            }
            _ => {
                world.operator_resigns("process", None);
            }
        }
        world.run_until("it is lost", ms(61_000), |world| !world.leads(a, of_a));
        world.heal(a);
        world.set_fetching(a, true);
    }
    world.run_for(ms(45_000));
    world.check_well();
}

/// FLINK-40114: leader information erased while a confirmation was pending. FLINK-27848: rewritten
/// for ever. One write per component and grant, none by anybody else.
#[test]
fn lesson_18_one_write_per_component_and_grant() {
    let mut world = World::new(Setup::default());
    let (a, b) = (world.process("a"), world.process("b"));
    let late = Manners { confirm: Some((2 * SEC, 2 * SEC)), ..Manners::default() };
    for component in COMPONENTS {
        world.contend_with(a, component, late);
        world.run_for(ms(100));
        world.contend_with(b, component, late);
    }
    world.run_for(ms(10_000));
    assert_eq!(world.truth.publishes, COMPONENTS.len() as u64);
    world.operator_resigns("process", None);
    world.run_for(ms(10_000));
    assert_eq!(world.truth.publishes, 2 * COMPONENTS.len() as u64);
    world.check_well();
}

/// FLINK-30462: different session ids per component of one grant.
#[test]
fn lesson_19_one_grant_one_id() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    let ids: Vec<_> = COMPONENTS.iter().map(|component| world.contend(a, component)).collect();
    world.run_for(ms(1000));
    let told: Vec<_> = ids.iter().map(|&id| world.told(a, id)).collect();
    assert!(matches!(told[0][..], [Callback::Grant(_)]));
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    assert_eq!(world.truth.grants, 1);
}

/// FLINK-25847, FLINK-29234, FLINK-36451: deadlocks over nested locks. Two contenders that close
/// each other from inside their grants: both closes return at once, each revoke runs once.
#[test]
fn lesson_20_contenders_that_close_each_other() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    let slow = Manners { callback: (SEC, SEC), ..Manners::default() };
    let one = world.contend_with(a, "dispatcher", slow);
    let other = world.contend_with(a, "rest_server", slow);
    let both = |world: &World| world.callbacks(a, one) == 1 && world.callbacks(a, other) == 1;
    world.run_until("both are in their grants", ms(1000), both);
    world.close(a, other, false);
    world.close(a, one, false);
    world.run_for(ms(10_000));
    assert_eq!((world.callbacks(a, one), world.callbacks(a, other)), (2, 2));
    assert_eq!(world.election("process"), None);
}

/// FLINK-10052, FLINK-6174, FLINK-18677: all jobs restarted over a short disconnection. A partition
/// of 5 s, begun at any moment, gives no callback.
#[test]
fn lesson_21_five_seconds_apart_cost_nothing() {
    for seed in 1..100 {
        let setup = Setup { seed, loud: false, ..Setup::default() };
        let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(setup);
        let watch = world.watch(b, "dispatcher");
        let wait = world.pick((0, 8000));
        world.run_for(ms(wait));
        world.partition(a);
        world.partition(b);
        world.run_for(ms(5000));
        world.heal(a);
        world.heal(b);
        world.run_for(ms(20_000));
        let callbacks = (world.callbacks(a, of_a), world.callbacks(b, of_b));
        assert_eq!(callbacks, (1, 0), "seed {seed}, after {wait} ms");
        assert_eq!(world.processes[b].watchers[&watch].told.len(), 1, "seed {seed}");
        world.check_well();
    }
}

/// FLINK-33053: watches leaked. FLINK-22006: they were limited to some twenty jobs.
#[test]
fn lesson_22_ten_thousand_watches_leave_none() {
    let mut world = World::new(Setup { loud: false, ..Setup::default() });
    let a = world.process("a");
    let kept = world.watch(a, "dispatcher");
    for number in 0..10_000 {
        let watch = world.watch(a, &format!("job-{}", number % 500));
        if number % 3 == 0 {
            world.run_for(ms(1));
        }
        world.unwatch(a, watch);
    }
    world.run_for(ms(1000));
    let [namespace] = &world.status().namespaces[..] else { panic!("one namespace") };
    let names: Vec<&str> = namespace.components.iter().map(|c| c.component.as_str()).collect();
    assert_eq!(names, ["dispatcher"]);
    world.unwatch(a, kept);
    world.run_for(ms(1000));
    assert!(world.status().namespaces.is_empty(), "nothing is wanted: it has said goodbye");
    world.check_nothing_left();
}

/// The same for contenders, and for the processes themselves.
#[test]
fn lesson_22_contenders_and_processes_leave_nothing() {
    let mut world = World::new(Setup { loud: false, ..Setup::default() });
    for number in 0..200 {
        let a = world.process("a");
        let id = world.contend(a, COMPONENTS[number % COMPONENTS.len()]);
        world.watch(a, "dispatcher");
        world.run_for(ms(20));
        match number % 4 {
            0 => world.kill(a),
            1 => world.close_client(a),
            2 => {
                world.close(a, id, false);
                world.run_for(ms(10));
                world.close_client(a);
            }
            _ => {
                world.abandon(a, id);
                world.lose_host(a);
            }
        }
    }
    world.check_nothing_left();
}

/// FLINK-21497: "no leader" was taken for a leader.
#[test]
fn lesson_23_no_leader_is_no_leader() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.close(b, of_b, false);
    let watch = world.watch(b, "dispatcher");
    world.run_for(ms(100));
    world.close(a, of_a, false);
    world.run_for(ms(100));
    let told: Vec<bool> =
        world.processes[b].watchers[&watch].told.iter().map(|(_, value)| value.is_some()).collect();
    assert_eq!(told, [true, false]);
}

/// ZooKeeper's 60 s sessions, Consul's lock delay, client-go's wait for a whole lease on a cold
/// start: slow failover. Here a cold start and a hand-over take a round trip.
#[test]
fn lesson_24_a_cold_start_and_a_hand_over_are_at_once() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    let of_a = world.contend(a, "dispatcher");
    let took = world.run_until("a leads", ms(1000), |world| world.leads(a, of_a));
    assert!(took < ms(10), "{took:?}");
    let b = world.process("b");
    let of_b = world.contend(b, "dispatcher");
    world.run_for(ms(100));
    world.operator_resigns("process", None);
    let took = world.run_until("b leads", ms(1000), |world| world.leads(b, of_b));
    assert!(took < ms(10), "{took:?}");
}

/// FLINK-20417, FLINK-7021: the name service's trouble killed or hung its users. Here nothing is
/// thrown, it is tried again for ever, and never in a hot loop: not when nobody listens, and not
/// when a server welcomes and then cuts every connection.
#[test]
fn lesson_26_retries_are_paced() {
    let mut world = World::empty(Setup { loud: false, ..Setup::default() });
    let a = world.process("a");
    let of_a = world.contend(a, "dispatcher");
    world.run_for(ms(60_000));
    let refused = world.processes[a].connects;
    assert!((60..150).contains(&refused), "{refused} in a minute");
    world.start_server(true);
    world.run_until("it is back within a pause", ms(1100), |world| world.leads(a, of_a));
    let before = world.processes[a].connects;
    for _ in 0..10_000 {
        world.run_for(ms(1));
        if world.processes[a].session.is_connected() {
            world.links_of(a).into_iter().for_each(|link| world.cut_by_server(link));
        }
    }
    let brief = world.processes[a].connects - before;
    assert!(brief < 200, "{brief} in ten seconds");
    world.run_for(ms(30_000));
    world.check_well();
}

/// etcd#22123: a resignation forgot its state on error. The word that a leader has stepped down is
/// lost with its connection: it is said again, first of all, on the next.
#[test]
fn lesson_27_a_lost_resignation_is_said_again() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.operator_resigns("process", None);
    world.run_for(ms(1));
    world.block(a, Direction::ToServer);
    world.run_until("a has stepped down", ms(100), |world| world.callbacks(a, of_a) == 2);
    let link = *world.links_of(a).last().expect("it is connected");
    world.lose(link);
    world.heal(a);
    let took = world.run_until("b leads", ms(11_000), |world| world.leads(b, of_b));
    assert!(took < ms(10_000), "{took:?}");
    world.run_for(ms(1000));
    world.check_well();
}

/// FLINK-38870: errors without a reason. What a contender is told says what happened.
#[test]
fn lesson_38_every_revoke_carries_its_reason() {
    type Fault = fn(&mut World, usize);
    let faults: [(&str, Fault); 6] = [
        ("lease expired", |world, a| world.partition(a)),
        ("an operator asked", |world, _| {
            world.operator_resigns("process", None);
        }),
        ("within the grace", |world, a| {
            let link = *world.links_of(a).last().expect("it is connected");
            world.block(a, Direction::ToClient);
            world.reset_at_client(link);
        }),
        ("new incarnation", |world, _| {
            world.kill_server(false);
            world.start_server(false);
        }),
        ("not fetched", |world, a| {
            world.set_fetching(a, false);
            world.run_for(ms(61_000));
            world.set_fetching(a, true);
        }),
        ("the election was closed", |world, a| {
            let id = *world.processes[a].users.keys().next().expect("it has one");
            world.close(a, id, false);
        }),
    ];
    for (words, fault) in faults {
        let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
        fault(&mut world, a);
        world.run_for(ms(12_000));
        let Some(Callback::Revoke(reason)) = world.told(a, of_a).get(1).cloned() else {
            panic!("no revoke where it should say '{words}'")
        };
        assert!(reason.contains(words), "'{reason}' should say '{words}'");
    }
}

/// Nothing crosses a namespace: the same names elsewhere are others.
#[test]
fn namespaces_are_apart() {
    let mut world = World::new(Setup::default());
    let a = world.process_by("a", "/one", Route::Direct);
    let b = world.process_by("b", "/two", Route::Direct);
    let of_a = world.contend(a, "dispatcher");
    let watch = world.watch(b, "dispatcher");
    world.run_for(ms(1000));
    assert_eq!(world.last_told(b, watch), Some(None));
    let of_b = world.contend(b, "dispatcher");
    world.run_for(ms(1000));
    assert!(world.leads(a, of_a) && world.leads(b, of_b));
    let names: Vec<Name> =
        world.truth.last.keys().map(|(namespace, _)| namespace.clone()).collect();
    assert_eq!(names, [name("/one"), name("/two")]);
    world.check_well();
}
