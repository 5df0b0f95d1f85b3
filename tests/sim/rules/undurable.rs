//! R11: nothing that is not durable is seen. Each kind of word waits for the disk; heartbeats do not.
//!
//! In every test of a durable world all that is said is held against the disk; here it is seen that
//! it comes when the disk is through, and not before.

use leaderserver::core::contenders::Callback;
use leaderserver::core::session::{Answer, RequestKind};
use leaderserver::core::store::{OperationKind, Query};

use super::{durable, last_link};
use crate::clock::ms;
use crate::net::Route;
use crate::promises::leader_and_follower;
use crate::store::{LONG, keys, outcome, wait_for_answer};
use crate::world::{World, name};

/// Long enough for anything that does not wait for the disk, and short enough for it not to count as
/// one that takes nothing.
const A_WHILE: std::time::Duration = ms(1000);

#[test]
fn r11_a_grant_waits() {
    let mut world = World::new(durable());
    world.stall_disk();
    let a = world.process("a");
    let of_a = world.contend(a, "dispatcher");
    world.run_for(A_WHILE);
    assert_ne!(world.election("process").expect("a stands").leader_session, 0, "it is chosen");
    assert_eq!(world.callbacks(a, of_a), 0);
    world.disk_goes_on();
    world.run_until("a leads", ms(100), |world| world.leads(a, of_a));
}

/// Those who watch already, and those who begin to.
#[test]
fn r11_a_value_waits() {
    let mut world = World::new(durable());
    let watcher = world.process("watcher");
    let first = world.watch(watcher, "dispatcher");
    let a = world.process("a");
    world.run_for(ms(100));
    let of_a = world.contend(a, "dispatcher");
    world.run_until("a leads", ms(100), |world| world.leads(a, of_a));
    world.stall_disk();
    world.run_until("it is published", ms(100), |w| w.published("dispatcher").is_some());
    let late = world.process("late");
    let second = world.watch(late, "dispatcher");
    world.run_for(A_WHILE);
    assert_eq!(world.last_told(watcher, first), Some(None));
    assert_eq!(world.last_told(late, second), None, "not even that there is none");
    world.disk_goes_on();
    world.run_for(ms(100));
    assert!(world.told_address(watcher, first).is_some());
    assert!(world.told_address(late, second).is_some());
}

/// What is written is not read, and not said to be written.
#[test]
fn r11_answers_of_the_store_wait() {
    let (mut world, [(a, of_a), (b, _)]) = leader_and_follower(durable());
    let fence = world.fence(a, of_a).expect("it leads");
    world.create(a, fence.clone(), "there", LONG);
    wait_for_answer(&mut world, a, 1);
    world.stall_disk();
    world.create(a, fence.clone(), "k", LONG);
    world.run_until("it is applied", ms(100), |world| keys(world) == 2);
    let election = || name("process");
    let get = |key| RequestKind::Query(Query::Get { election: election(), key: name(key) });
    let prefix = String::new();
    let list = Query::List { election: election(), prefix, after: None, values: true };
    for kind in [get("k"), RequestKind::Query(list), get("there"), get("nothing")] {
        world.request(b, kind, LONG);
    }
    world.run_for(A_WHILE);
    assert_eq!(world.processes[a].answers.len(), 1);
    let entries = |world: &World| -> Vec<usize> {
        let answers = world.processes[b].answers.iter().map(|(_, answer)| match answer {
            Ok(Answer::Page(page)) => page.entries.len(),
            other => panic!("no page: {other:?}"),
        });
        answers.collect()
    };
    assert_eq!(entries(&world), [1, 0], "what is recorded, and what never was, is told at once");
    world.disk_goes_on();
    wait_for_answer(&mut world, b, 4);
    assert_eq!(entries(&world), [1, 0, 1, 2]);
    assert_eq!(outcome(&world, a), Some(Ok(())));
    // That a key is gone is not seen, either.
    world.stall_disk();
    let delete = OperationKind::Delete { key: name("k"), version: None };
    world.write(a, fence, vec![delete], LONG);
    world.run_until("it is applied", ms(100), |world| keys(world) == 1);
    world.request(b, get("k"), LONG);
    world.run_for(A_WHILE);
    assert_eq!(world.processes[b].answers.len(), 4);
    world.disk_goes_on();
    wait_for_answer(&mut world, b, 5);
}

/// A welcome says nothing of a grant that is not recorded, and does not wait for it.
#[test]
fn r11_a_welcome_names_what_is_recorded() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(durable());
    world.stall_disk();
    world.operator_resigns("process", None);
    world.run_until("a gives up", ms(100), |world| world.callbacks(a, of_a) == 2);
    world.run_for(ms(100));
    for _ in 0..2 {
        let link = last_link(&world, b);
        world.reset_at_client(link);
        world.run_for(ms(300));
        assert!(world.processes[b].session.is_connected());
        assert_eq!(world.callbacks(b, of_b), 0);
    }
    world.disk_goes_on();
    world.run_until("b leads", ms(100), |world| world.leads(b, of_b));
    world.run_for(ms(1000));
    world.check_well();
}

/// That another leads is not told, either, nor that nobody does.
#[test]
fn r11_the_end_of_a_leadership_waits() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(durable());
    let watch = world.watch(b, "dispatcher");
    world.run_for(ms(100));
    let before = world.told_address(b, watch);
    assert!(before.is_some());
    world.stall_disk();
    world.close(a, of_a, false);
    world.run_for(A_WHILE);
    assert_eq!(world.published("dispatcher"), None);
    assert_eq!(world.told_address(b, watch), before);
    assert_eq!(world.callbacks(b, of_b), 0);
    // All of it is lost with the server: nobody has seen it.
    world.disk().keeps = Some(false);
    world.kill_server(false);
    world.disk_goes_on();
    world.start_server(false);
    world.run_until("b leads", ms(11_000), |world| world.leads(b, of_b));
}

#[test]
fn r11_the_status_waits() {
    let mut world = World::new(durable());
    let observer = world.process_by("observer", "", Route::Direct);
    world.request(observer, RequestKind::Status, LONG);
    wait_for_answer(&mut world, observer, 1);
    world.stall_disk();
    let a = world.process("a");
    world.contend(a, "dispatcher");
    world.run_for(ms(100));
    world.request(observer, RequestKind::Status, LONG);
    world.run_for(A_WHILE);
    assert_eq!(world.processes[observer].answers.len(), 1);
    world.disk_goes_on();
    wait_for_answer(&mut world, observer, 2);
    let Some((_, Ok(Answer::Status(status)))) = world.processes[observer].answers.last() else {
        panic!("the status")
    };
    assert_ne!(status.namespaces[0].elections[0].leader_session, 0);
}

/// A slow disk ends no session: heartbeats are answered meanwhile, those of sessions, too, that have
/// something to be recorded.
#[test]
fn r11_a_slow_disk_ends_no_session() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(durable());
    let fence = world.fence(a, of_a).expect("it leads");
    world.stall_disk();
    world.create(a, fence, "k", LONG);
    for _ in 0..3 {
        world.run_for(ms(10_000));
        assert!(world.leads(a, of_a));
    }
    // A connection that was lost is resumed: what it leads is recorded.
    let link = last_link(&world, a);
    world.reset_at_client(link);
    world.run_for(ms(20_000));
    assert!(world.leads(a, of_a));
    assert_eq!((world.callbacks(a, of_a), world.callbacks(b, of_b)), (1, 0));
    world.disk_goes_on();
    wait_for_answer(&mut world, a, 1);
    assert_eq!(outcome(&world, a), Some(Ok(())));
    world.run_for(ms(2000));
    world.check_well();
}

/// A disk that is always slow: everything takes its time, and nothing is lost.
#[test]
fn r11_a_disk_that_takes_a_second() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(durable());
    world.disk().latency = (900_000_000, 1_100_000_000);
    let fence = world.fence(a, of_a).expect("it leads");
    for number in 0..20 {
        world.create(a, fence.clone(), &format!("k{number}"), LONG);
        world.run_for(ms(50));
    }
    let started = world.now;
    wait_for_answer(&mut world, a, 20);
    // All that came while one batch was on its way went with the next.
    assert!(world.now - started < 3_000_000_000);
    world.kill(a);
    world.run_until("b leads", ms(5000), |world| world.leads(b, of_b));
    world.run_for(ms(10));
    assert!(matches!(world.told(b, of_b)[..], [Callback::Grant(_)]));
    world.disk().latency = (100_000, 200_000);
    world.run_for(ms(3000));
    world.check_well();
}
