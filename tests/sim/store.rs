//! The fenced store under faults: each test a schedule in which a simpler rule applies a write that
//! it must not, applies it twice, or tells its writer something that is not so.

use std::time::Duration;

use bytes::Bytes;
use leaderserver::core::error::Error;
use leaderserver::core::ids::Revision;
use leaderserver::core::session::Answer;
use leaderserver::core::store::{Fence, OperationKind, StoreError};

use crate::clock::ms;
use crate::net::Direction;
use crate::promises::leader_and_follower;
use crate::world::{Setup, World, name};

pub const LONG: Duration = Duration::from_secs(60);

/// What became of the last write of a process.
pub fn outcome(world: &World, i: usize) -> Option<Result<(), StoreError>> {
    let (_, result) = world.processes[i].answers.last()?;
    Some(match result {
        Ok(Answer::Written(_)) => Ok(()),
        Err(Error::Store(error)) => Err(error.clone()),
        other => panic!("no answer to a write: {other:?}"),
    })
}

pub fn wait_for_answer(world: &mut World, i: usize, number: usize) {
    let answered = |world: &World| world.processes[i].answers.len() >= number;
    world.run_until("the answer", LONG, answered);
}

/// A write is applied, the reply lost with its connection, and nothing gets through from then on.
fn apply_without_reply(world: &mut World, i: usize, fence: Fence, timeout: Duration) {
    let link = *world.links_of(i).last().expect("it is connected");
    world.block(i, Direction::ToClient);
    world.create(i, fence, "k", timeout);
    world.run_until("it is applied", ms(100), |world| keys(world) == 1);
    world.lose(link);
    world.block(i, Direction::ToServer);
}

pub fn keys(world: &World) -> u64 {
    world.status().namespaces.iter().map(|namespace| namespace.store_keys).sum()
}

/// Lesson 1 (Jepsen, etcd 3.4.3): the leader is stopped between deciding and asking, another is
/// elected, the first wakes: its write is refused, and it has revoked before.
#[test]
fn lesson_1_a_paused_leader_wakes_and_writes() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let decided = world.fence(a, of_a).expect("it leads");
    world.create(a, decided, "k", LONG);
    world.pause(a, ms(15_000));
    world.run_until("b leads", ms(11_000), |world| world.fence(b, of_b).is_some());
    let fence = world.fence(b, of_b).expect("it was told");
    world.create(b, fence, "l", LONG);
    wait_for_answer(&mut world, b, 1);
    assert_eq!(outcome(&world, b), Some(Ok(())));
    wait_for_answer(&mut world, a, 1);
    assert!(matches!(outcome(&world, a), Some(Err(StoreError::Fenced { .. }))));
    assert!(!world.leads(a, of_a));
    assert_eq!(keys(&world), 1);
    world.run_for(ms(1000));
    world.check_well();
}

/// R16 (FLINK-22494, FLINK-24543): the write arrives, its reply does not. The retry over
/// another connection is answered as the first was.
#[test]
fn lesson_14_a_write_whose_reply_is_lost_is_applied_once() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    let fence = world.fence(a, of_a).expect("it leads");
    let link = *world.links_of(a).last().expect("it is connected");
    world.block(a, Direction::ToClient);
    world.create(a, fence, "k", LONG);
    world.run_until("it is applied", ms(100), |world| keys(world) == 1);
    assert_eq!(outcome(&world, a), None);
    world.reset_at_client(link);
    world.heal(a);
    wait_for_answer(&mut world, a, 1);
    assert_eq!(outcome(&world, a), Some(Ok(())));
    assert_eq!(world.truth.writes.retried, 1);
    world.check_well();
}

/// As above, but another is granted before the retry comes: it is answered all the same, for it was
/// applied in time. A write that was not applied in time is fenced.
#[test]
fn r16_a_retry_is_answered_although_another_leads() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let fence = world.fence(a, of_a).expect("it leads");
    apply_without_reply(&mut world, a, fence.clone(), LONG);
    world.run_until("b leads", ms(11_000), |world| world.leads(b, of_b));
    world.create(a, fence, "l", LONG);
    world.heal(a);
    wait_for_answer(&mut world, a, 2);
    assert_eq!(world.truth.writes.retried, 1);
    let results: Vec<_> = world.processes[a].answers.iter().map(|(_, r)| r.is_ok()).collect();
    assert_eq!(results, [true, false]);
    assert!(matches!(outcome(&world, a), Some(Err(StoreError::Fenced { .. }))));
    assert_eq!(keys(&world), 1);
    world.run_for(ms(1000));
    world.check_well();
}

/// The answer outlives the session of the writer.
#[test]
fn r16_answers_outlive_the_session() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    let fence = world.fence(a, of_a).expect("it leads");
    let (session, _) = world.processes[a].session.session().expect("it is connected");
    apply_without_reply(&mut world, a, fence, Duration::from_secs(600));
    world.run_for(ms(300_000));
    world.heal(a);
    wait_for_answer(&mut world, a, 1);
    assert_eq!(outcome(&world, a), Some(Ok(())));
    assert_ne!(world.processes[a].session.session().expect("a new one").0, session);
}

/// Time is over: what was sent is of unknown outcome, what was not was not applied, and a late copy
/// of it never is.
#[test]
fn r16_only_what_was_never_sent_is_said_not_to_be_applied() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    let fence = world.fence(a, of_a).expect("it leads");
    world.block(a, Direction::ToServer);
    world.create(a, fence.clone(), "sent", ms(500));
    world.run_for(ms(600));
    assert!(matches!(outcome(&world, a), Some(Err(StoreError::UnknownOutcome(_)))));
    let link = *world.links_of(a).last().expect("it is connected");
    world.net.host_down = true;
    world.reset_at_client(link);
    world.run_for(ms(100));
    world.create(a, fence, "unsent", ms(500));
    world.run_for(ms(600));
    assert!(matches!(outcome(&world, a), Some(Err(StoreError::NotApplied(_)))));
    world.net.host_down = false;
    world.heal(a);
    world.run_for(ms(15_000));
    world.check_well();
}

/// A write that was sent to an incarnation that is over was applied there or not: nobody knows. One
/// that was decided there and not sent is refused without being sent to the next (R13, R15).
#[test]
fn r13_writes_of_another_incarnation() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    let fence = world.fence(a, of_a).expect("it leads");
    world.block(a, Direction::ToClient);
    world.create(a, fence.clone(), "k", LONG);
    world.run_until("it is applied", ms(100), |world| keys(world) == 1);
    world.kill_server(true);
    world.start_server(true);
    world.heal(a);
    wait_for_answer(&mut world, a, 1);
    assert!(matches!(outcome(&world, a), Some(Err(StoreError::UnknownOutcome(_)))));
    world.create(a, fence, "k", LONG);
    wait_for_answer(&mut world, a, 2);
    assert_eq!(outcome(&world, a), Some(Err(StoreError::Incarnation)));
    assert_eq!(keys(&world), 0);
}

/// A transaction that is in its own way: no version is named that is undone with it, for the next
/// step will have that revision (seed 37 of the walk).
#[test]
fn r11_a_refused_transaction_names_no_version_of_its_own() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    let fence = world.fence(a, of_a).expect("it leads");
    let value = Bytes::from_static(b"v");
    let create = || OperationKind::Create { key: name("k"), value: value.clone() };
    let version = Revision(1);
    let replace = OperationKind::Replace { key: name("k"), version, value: value.clone() };
    let delete = OperationKind::Delete { key: name("k"), version: Some(version) };
    for (number, second) in [create(), replace, delete].into_iter().enumerate() {
        world.write(a, fence.clone(), vec![create(), second], LONG);
        wait_for_answer(&mut world, a, number + 1);
        assert!(matches!(outcome(&world, a), Some(Err(StoreError::Invalid(_)))), "{number}");
    }
    assert_eq!(keys(&world), 0);
}
