//! R14: servers on copies of a data directory, and on restored backups.

use leaderserver::core::contenders::Callback;
use leaderserver::core::ids::{Epoch, Incarnation};
use leaderserver::core::records::{self, StoredRecord};
use leaderserver::core::store::StoreError;

use super::durable;
use crate::clock::ms;
use crate::promises::leader_and_follower;
use crate::store::{LONG, keys, outcome, wait_for_answer};
use crate::world::{Setup, World};

/// The server is killed, and started on these records.
fn start_on(world: &mut World, records: Vec<StoredRecord>) {
    world.kill_server(false);
    world.disk().replace(records);
    world.start_server(false);
}

fn with_copies() -> Setup {
    Setup { old_copies: true, ..durable() }
}

/// Somebody has seen what came after the copy was made: it serves nobody, grants nothing, and says
/// so. Whoever leads can't resume, and gives up.
#[test]
fn r14_an_old_copy_serves_nobody() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(with_copies());
    let watcher = world.process("watcher");
    let watch = world.watch(watcher, "dispatcher");
    world.run_for(ms(100));
    let copy = world.disk().records();
    world.operator_resigns("process", None);
    world.run_until("b leads", ms(1000), |world| world.leads(b, of_b));
    world.run_for(ms(100));
    start_on(&mut world, copy);
    world.run_for(ms(500));
    assert!(world.status().read_only.contains("old copy"), "{}", world.status().read_only);
    let grants = world.truth.grants;
    world.run_for(ms(60_000));
    assert!(!world.leads(a, of_a) && !world.leads(b, of_b));
    assert_eq!(world.truth.grants, grants);
    assert_eq!(world.last_told(watcher, watch), Some(None), "it is not told what was before");
}

/// Nobody watches; the leader has only written.
#[test]
fn r14_who_has_only_written_has_seen_it() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(with_copies());
    let copy = world.disk().records();
    let fence = world.fence(a, of_a).expect("it leads");
    world.create(a, fence, "k", LONG);
    wait_for_answer(&mut world, a, 1);
    start_on(&mut world, copy);
    world.run_for(ms(3000));
    assert!(world.status().read_only.contains("old copy"));
    world.run_for(ms(20_000));
    assert!(!world.leads(a, of_a) && !world.leads(b, of_b));
}

/// The copy is as old as a grant: the leader names it.
#[test]
fn r14_who_leads_since_then_has_seen_it() {
    let setup = with_copies();
    let mut world = World::new(setup);
    let a = world.process("a");
    world.watch(a, "dispatcher");
    world.run_for(ms(100));
    let copy = world.disk().records();
    let of_a = world.contend(a, "dispatcher");
    world.run_until("a leads", ms(100), |world| world.leads(a, of_a));
    start_on(&mut world, copy);
    world.run_for(ms(1000));
    assert!(world.status().read_only.contains("old copy"));
}

/// The right copy again, soon enough: all goes on as if nothing had been.
#[test]
fn r14_back_on_the_latest_copy() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(with_copies());
    let copy = world.disk().records();
    let fence = world.fence(a, of_a).expect("it leads");
    world.create(a, fence, "k", LONG);
    wait_for_answer(&mut world, a, 1);
    let latest = world.disk().records();
    start_on(&mut world, copy);
    world.run_for(ms(400));
    assert!(world.status().read_only.contains("old copy"));
    start_on(&mut world, latest);
    world.run_for(ms(10_000));
    assert_eq!((world.callbacks(a, of_a), world.callbacks(b, of_b)), (1, 0));
    assert_eq!(keys(&world), 1);
    world.check_well();
}

/// A restored backup is another incarnation: without sessions, without leaders, with the store. It
/// grants only when nobody of before can lead any more (R12), and writes of before are refused (R13).
#[test]
fn r14_a_restored_backup_is_a_new_incarnation() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(durable());
    let watch = world.watch(b, "dispatcher");
    let fence = world.fence(a, of_a).expect("it leads");
    world.create(a, fence.clone(), "kept", LONG);
    wait_for_answer(&mut world, a, 1);
    let backup = world.disk().records();
    world.create(a, fence.clone(), "later", LONG);
    wait_for_answer(&mut world, a, 2);
    let led = world.leadership(a, of_a).expect("it leads");
    let incarnation = world.status().incarnation;
    let anew = records::begin_anew(backup, Incarnation(77), Epoch(5)).expect("a backup");
    start_on(&mut world, anew);
    assert_ne!(world.status().incarnation, incarnation);
    assert!(world.status().namespaces.iter().all(|n| n.sessions.is_empty()));
    assert_eq!(keys(&world), 1, "what was written before the backup");
    world.run_for(ms(3000));
    world.create(a, fence, "void", LONG);
    wait_for_answer(&mut world, a, 3);
    let Some(Callback::Revoke(reason)) = world.told(a, of_a).pop() else { panic!("a revoke") };
    assert!(reason.contains("incarnation"), "{reason}");
    assert_eq!(world.last_told(b, watch), Some(None));
    assert_eq!(outcome(&world, a), Some(Err(StoreError::Incarnation)));
    world.run_for(ms(20_000));
    assert!(!world.leads(a, of_a) && !world.leads(b, of_b));
    let led_now = |world: &World| world.leadership(a, of_a).or_else(|| world.leadership(b, of_b));
    world.run_until("somebody leads", ms(10_000), |world| led_now(world).is_some());
    assert!(led_now(&world).expect("just seen").epoch > led.epoch, "above what they have seen");
    world.run_for(ms(1000));
    assert!(world.told_address(b, watch).is_some());
    world.check_well();
}

/// A write that was on its way to the former incarnation: whether that one applied it is not known.
#[test]
fn r13_what_was_sent_to_the_former_incarnation_is_unknown() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(durable());
    let fence = world.fence(a, of_a).expect("it leads");
    let backup = world.disk().records();
    world.stall_disk();
    world.create(a, fence, "k", LONG);
    world.run_until("it is applied", ms(100), |world| keys(world) == 1);
    let anew = records::begin_anew(backup, Incarnation(77), Epoch(5)).expect("a backup");
    world.disk_goes_on();
    start_on(&mut world, anew);
    wait_for_answer(&mut world, a, 1);
    assert!(matches!(outcome(&world, a), Some(Err(StoreError::UnknownOutcome(_)))));
}
