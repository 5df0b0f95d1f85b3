//! A disk that is full, or takes nothing for a while: writes are refused and nobody is granted, all
//! else goes on, and so do they once there is room.

use std::time::Duration;

use leaderserver::core::config::Mode;
use leaderserver::core::contenders::{Callback, RegistrationId};
use leaderserver::core::session::{Answer, RequestKind};
use leaderserver::core::store::{Fence, Query, StoreError};

use super::{durable, last_link};
use crate::clock::ms;
use crate::net::{Direction, Route};
use crate::promises::leader_and_follower;
use crate::store::{LONG, keys, outcome, wait_for_answer};
use crate::world::{Setup, World, name};

/// A leader that has written one key, and a disk that is full since then; the server knows.
fn full() -> (World, [(usize, RegistrationId); 2], Fence) {
    let (mut world, all) = leader_and_follower(durable());
    let [(a, of_a), _] = all;
    let fence = world.fence(a, of_a).expect("it leads");
    world.create(a, fence.clone(), "kept", LONG);
    wait_for_answer(&mut world, a, 1);
    world.fill_disk(true);
    world.create(a, fence.clone(), "first", LONG);
    let refused = |world: &World| !world.status().read_only.is_empty();
    world.run_until("it is full", ms(100), refused);
    (world, all, fence)
}

fn is_read_only(outcome: &Option<Result<(), StoreError>>) -> bool {
    matches!(outcome, Some(Err(StoreError::ReadOnly(reason))) if reason.contains("no room"))
}

/// The first one, of which it is not known yet that it can't be recorded, waits; the others are
/// refused at once, and have no effect, then or later.
#[test]
fn a_full_disk_refuses_writes() {
    let (mut world, [(a, _), _], fence) = full();
    for number in 2..5 {
        world.create(a, fence.clone(), &format!("k{number}"), LONG);
        world.run_for(ms(100));
        assert_eq!(world.processes[a].answers.len(), number);
        assert!(is_read_only(&outcome(&world, a)), "{:?}", outcome(&world, a));
    }
    // What only looks is no write.
    world.write(a, fence, vec![], LONG);
    wait_for_answer(&mut world, a, 5);
    assert_eq!(outcome(&world, a), Some(Ok(())));
    world.fill_disk(false);
    wait_for_answer(&mut world, a, 6);
    assert_eq!(outcome(&world, a), Some(Ok(())), "the first");
    assert_eq!(keys(&world), 2);
    world.run_for(ms(2000));
    world.check_well();
}

/// What is recorded is read, watched and led, as before.
#[test]
fn a_full_disk_leaves_what_is_recorded() {
    let (mut world, [(a, of_a), (b, of_b)], _) = full();
    for _ in 0..3 {
        world.run_for(ms(10_000));
        assert!(world.leads(a, of_a), "heartbeats go on");
    }
    let key = name("kept");
    world.request(b, RequestKind::Query(Query::Get { election: name("process"), key }), LONG);
    wait_for_answer(&mut world, b, 1);
    let Some((_, Ok(Answer::Page(page)))) = world.processes[b].answers.last() else {
        panic!("a page")
    };
    assert_eq!(page.entries.len(), 1);
    let watcher = world.process("watcher");
    let watch = world.watch(watcher, "dispatcher");
    world.run_for(ms(100));
    assert!(world.told_address(watcher, watch).is_some());
    // A session that is recorded is resumed, leader and all.
    for i in [a, b] {
        let link = last_link(&world, i);
        world.reset_at_client(link);
    }
    world.run_for(ms(15_000));
    assert_eq!((world.callbacks(a, of_a), world.callbacks(b, of_b)), (1, 0));
    assert!(world.leads(a, of_a));
    // The status says what is the matter, and who leads.
    let observer = world.process_by("observer", "", Route::Direct);
    world.request(observer, RequestKind::Status, LONG);
    wait_for_answer(&mut world, observer, 1);
    let Some((_, Ok(Answer::Status(status)))) = world.processes[observer].answers.last() else {
        panic!("the status")
    };
    assert!(status.read_only.contains("no room"), "{}", status.read_only);
    assert_ne!(status.namespaces[0].elections[0].leader_session, 0);
    world.fill_disk(false);
    world.run_for(ms(3000));
    assert!(world.status().read_only.is_empty());
    world.check_well();
}

/// P4: nobody is granted before there is room, and then at once.
#[test]
fn on_a_full_disk_nobody_is_granted() {
    let (mut world, [(a, of_a), (b, of_b)], _) = full();
    world.kill(a);
    let c = world.process_by("c", "/other", Route::Direct);
    let of_c = world.contend(c, "dispatcher");
    world.run_for(ms(30_000));
    assert!(!world.leads(b, of_b) && !world.leads(c, of_c));
    world.fill_disk(false);
    // It is tried again once a second.
    world.run_until("they lead", ms(1100), |w| w.leads(b, of_b) && w.leads(c, of_c));
    world.run_for(ms(10));
    assert!(matches!(world.told(b, of_b)[..], [Callback::Grant(_)]));
    assert_eq!(world.callbacks(a, of_a), 1);
    world.run_for(ms(1000));
    world.check_well();
}

/// Who only stands in an election whose leader has ended, which can't be recorded, is welcomed all the
/// same: it leads another, and watches, and its welcome says nothing of that end.
#[test]
fn on_a_full_disk_who_stands_is_welcomed() {
    let mut world = World::new(Setup { mode: Mode::PerComponent, ..durable() });
    let (a, b) = (world.process("a"), world.process("b"));
    world.contend(a, "dispatcher");
    world.run_for(ms(100));
    let ids = ["dispatcher", "rest_server"].map(|component| world.contend(b, component));
    world.run_for(ms(1000));
    world.fill_disk(true);
    world.kill(a);
    world.run_for(ms(2000));
    assert!(!world.status().read_only.is_empty());
    for _ in 0..3 {
        let link = last_link(&world, b);
        world.reset_at_client(link);
        world.run_for(ms(3000));
        assert!(world.processes[b].session.is_connected());
    }
    assert!(world.leads(b, ids[1]));
    assert_eq!(ids.map(|id| world.callbacks(b, id)), [0, 1]);
    world.fill_disk(false);
    world.run_for(ms(3000));
    assert_eq!(ids.map(|id| world.leads(b, id)), [true, true]);
    world.check_well();
}

/// R16: a retry of a write that was applied and could not be recorded is not said not to be applied.
/// It is, once there is room; or it never was, if the server is killed before.
#[test]
fn r16_a_retry_on_a_full_disk_is_not_refused() {
    for killed in [false, true] {
        let (mut world, [(a, _), _], _) = full();
        let link = last_link(&world, a);
        world.reset_at_client(link);
        world.run_for(ms(5000));
        assert_eq!(world.processes[a].answers.len(), 1, "neither done nor not done");
        if killed {
            world.disk().keeps = Some(false);
            world.kill_server(false);
        }
        world.fill_disk(false);
        if killed {
            world.start_server(false);
        }
        wait_for_answer(&mut world, a, 2);
        assert_eq!(outcome(&world, a), Some(Ok(())), "killed: {killed}");
        assert_eq!(keys(&world), 2);
        world.run_for(ms(2000));
        world.check_well();
    }
}

/// R16: a refusal had no effect. Who did not hear it, and asks again when there is room, is not told
/// that it was refused.
#[test]
fn r16_a_refusal_that_was_lost_is_judged_anew() {
    let (mut world, [(a, _), _], fence) = full();
    let link = last_link(&world, a);
    world.block(a, Direction::ToClient);
    world.create(a, fence, "second", LONG);
    world.run_for(ms(100));
    world.fill_disk(false);
    world.run_for(ms(2000));
    assert_eq!(keys(&world), 2, "it was refused");
    world.lose(link);
    world.heal(a);
    wait_for_answer(&mut world, a, 3);
    assert!(world.processes[a].answers.iter().all(|(_, result)| result.is_ok()));
    assert_eq!(keys(&world), 3);
    world.run_for(ms(2000));
    world.check_well();
}

/// A disk that has not finished a write for two seconds counts as one that takes none.
#[test]
fn a_stalled_disk_refuses_writes_after_a_while() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(durable());
    let fence = world.fence(a, of_a).expect("it leads");
    world.stall_disk();
    world.create(a, fence.clone(), "first", LONG);
    world.run_for(ms(1900));
    world.create(a, fence.clone(), "second", LONG);
    world.run_for(ms(50));
    assert!(world.processes[a].answers.is_empty(), "they wait");
    world.run_for(ms(100));
    world.create(a, fence, "third", LONG);
    wait_for_answer(&mut world, a, 1);
    assert!(matches!(outcome(&world, a), Some(Err(StoreError::ReadOnly(_)))));
    world.run_for(Duration::from_secs(30));
    assert!(world.leads(a, of_a));
    world.disk_goes_on();
    wait_for_answer(&mut world, a, 3);
    assert!(world.processes[a].answers[1..].iter().all(|(_, result)| result.is_ok()));
    assert_eq!(keys(&world), 2);
    assert!(world.status().read_only.is_empty());
    assert_eq!((world.callbacks(a, of_a), world.callbacks(b, of_b)), (1, 0));
    world.run_for(ms(1000));
    world.check_well();
}

/// It does not start where it can't say who it is, and does so as soon as there is room.
#[test]
fn a_full_disk_starts_no_server() {
    let mut world = World::empty(durable());
    world.fill_disk(true);
    world.start_server(true);
    assert!(world.server.is_none());
    world.fill_disk(false);
    world.start_server(true);
    assert!(world.server.is_some());
}

/// Stopped while the disk takes nothing: it waits for a while, and then not any more. What it could
/// not record nobody has seen.
#[test]
fn a_server_stops_although_its_disk_is_stalled() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(durable());
    let fence = world.fence(a, of_a).expect("it leads");
    world.stall_disk();
    world.disk().keeps = Some(false);
    world.create(a, fence, "k", LONG);
    world.run_for(ms(100));
    world.stop_server();
    let took = world.run_until("it stops", ms(5100), |world| world.server.is_none());
    assert!(took > ms(4900), "{took:?}");
    world.disk_goes_on();
    world.start_server(false);
    wait_for_answer(&mut world, a, 1);
    assert_eq!(outcome(&world, a), Some(Ok(())), "by its retry");
    world.run_for(ms(1000));
    assert_eq!((world.callbacks(a, of_a), world.callbacks(b, of_b)), (1, 0));
    world.check_well();
}
