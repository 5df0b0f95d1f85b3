//! Lessons 3 to 16: what made two lead, or let somebody write who should not. Lessons 1 and 14 are
//! in [`crate::store`], lesson 2 is in [`crate::rules`].

use bytes::Bytes;
use leaderserver::core::config::{Mode, Timing};
use leaderserver::core::session::RequestKind;
use leaderserver::core::store::{Operation, OperationKind, StoreError};

use crate::clock::{MS, ms};
use crate::net::Direction;
use crate::promises::leader_and_follower;
use crate::store::{LONG, keys, outcome, wait_for_answer};
use crate::world::{Setup, World, name};

/// fabric8, Flink on Kubernetes (15 s = 15 s): no margin between lease and renewal. Here whatever
/// passes the check leaves one: the server waits longer than the client leads, by more than clocks
/// that differ by 1 in 1000 take away.
#[test]
fn lesson_4_the_server_waits_longer_than_the_client_leads() {
    for session in [100, 101, 333, 1000, 9999, 10_000, 60_000, 3_600_000] {
        for grace in [0, 1, 99, 100, session / 10, session / 2] {
            let timing = Timing { session_timeout: ms(session), disconnect_grace: ms(grace) };
            if timing.check().is_err() {
                continue;
            }
            let drift = |lease: std::time::Duration| lease + lease / 999;
            assert!(drift(timing.lease()) < timing.session_timeout, "{timing:?}");
            assert!(timing.heartbeat() + timing.silence() < timing.lease(), "{timing:?}");
            if grace > 0 {
                assert!(drift(timing.link_lease()) < timing.disconnect_grace, "{timing:?}");
            }
        }
    }
}

/// CURATOR-696: two leaders after a reconnect. What a former session was granted is not this
/// session's.
#[test]
fn lesson_7_a_grant_belongs_to_its_session() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.partition(a);
    world.run_until("b leads", ms(11_000), |world| world.leads(b, of_b));
    world.heal(a);
    world.run_for(ms(10_000));
    assert!(!world.leads(a, of_a));
    assert_eq!(world.callbacks(a, of_a), 2);
    world.check_well();
}

/// CURATOR-645, CURATOR-644, CURATOR-504, FLINK-28078: contenders that come back together keep
/// resetting each other. Here one leads, and the others hear nothing.
#[test]
fn lesson_8_all_reconnect_together() {
    for seed in 1..=10_000 {
        let mut world = World::new(Setup { seed, loud: false, ..Setup::default() });
        let all: Vec<usize> = (0..12).map(|n| world.process(&format!("p{n}"))).collect();
        let ids: Vec<_> = all.iter().map(|&i| world.contend(i, "dispatcher")).collect();
        world.run_for(ms(1000));
        world.kill_server(seed % 2 == 0);
        world.run_for(ms(500));
        world.start_server(false);
        world.run_for(ms(45_000));
        let granted = all.iter().zip(&ids).filter(|&(&i, &id)| world.leads(i, id)).count();
        assert_eq!(granted, 1, "seed {seed}");
        assert_eq!(world.truth.grants, 2, "seed {seed}: one before, one after");
        world.check_well();
    }
}

/// CURATOR-498, CURATOR-620: a late completion overwrites newer state. The last contender closes
/// and another registers while a grant for the former candidacy is on its way: the newcomer holds
/// nothing that the name service has taken back.
#[test]
fn lesson_9_a_grant_that_meets_a_leave() {
    for seed in 1..200 {
        let latency = (1_000, 3 * MS);
        let mode = Mode::PerComponent;
        let setup = Setup { seed, loud: false, mode, latency, ..Setup::default() };
        let mut world = World::new(setup);
        let (a, b) = (world.process("a"), world.process("b"));
        world.contend(a, "rest_server");
        world.run_for(ms(100));
        let old = world.contend(a, "dispatcher");
        let wait = world.pick((0, 10));
        world.run_for(ms(wait));
        world.contend(b, "dispatcher");
        world.close(a, old, false);
        world.contend(a, "dispatcher");
        world.run_for(ms(5000));
        world.check_well();
    }
}

/// CURATOR-724: the server lost its data under living clients, which register again by themselves.
#[test]
fn lesson_10_clients_register_again() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let watch = world.watch(b, "dispatcher");
    for _ in 0..3 {
        world.kill_server(false);
        world.start_server(false);
        world.run_for(ms(45_000));
        assert!(world.leads(a, of_a) != world.leads(b, of_b));
        assert_eq!(world.told_address(b, watch), world.published("dispatcher"));
        world.check_well();
    }
}

/// etcd#12334, jetcd#833: a campaign outlives its lease. Losing the session ends it, and it is
/// entered anew, at the end of the line.
#[test]
fn lesson_11_a_campaign_ends_with_its_session() {
    let (mut world, [_, (b, _)]) = leader_and_follower(Setup::default());
    let c = world.process("c");
    world.contend(c, "dispatcher");
    world.run_for(ms(1000));
    world.partition(b);
    let two = |world: &World| world.election("process").is_some_and(|e| e.candidates.len() == 2);
    world.run_until("b's session ends", ms(11_000), two);
    world.heal(b);
    world.run_for(ms(10_000));
    let line = world.election("process").expect("three stand in it").candidates;
    let names: Vec<&str> = line.iter().map(|candidate| candidate.name.as_str()).collect();
    assert_eq!(names, ["a", "c", "b"]);
}

/// fabric8#2860, fabric8#5463, INT-4246: the leader is never told. All traffic from the server to
/// the client is dropped; the revoke comes from the client's own deadline, once.
#[test]
fn lesson_12_a_leader_that_hears_nothing_revokes_itself_once() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.block(a, Direction::ToClient);
    let took = world.run_until("a gives up", ms(10_000), |world| !world.leads(a, of_a));
    world.run_for(ms(1));
    assert_eq!(world.callbacks(a, of_a), 2, "told when it ended, after {took:?}");
    world.run_for(ms(30_000));
    assert_eq!(world.callbacks(a, of_a), 2);
    assert!(world.leads(b, of_b));
}

/// Flink's `UUID.randomUUID`: session ids without an order. Here the epoch is readable from the id,
/// so that of two grants everybody knows the later, and none is (0, 0).
#[test]
fn lesson_3_session_ids_have_an_order() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let mut ids = Vec::new();
    for _ in 0..20 {
        let id = world.leadership(a, of_a).or(world.leadership(b, of_b)).expect("somebody leads");
        assert_ne!((id.epoch.0, id.low), (0, 0));
        let shown = id.to_string().replace('-', "");
        assert!(shown.starts_with(&format!("{:016x}", id.epoch.0)), "{shown}");
        ids.push(shown);
        world.operator_resigns("process", None);
        world.run_for(ms(500));
    }
    assert!(ids.is_sorted_by(|one, next| one < next), "as text, too: {ids:?}");
}

/// The monotonic clock stops while a machine is suspended. The client's does not: after the jump it
/// leads no more, and revokes before it asks anybody anything.
#[test]
fn lesson_5_after_a_jump_it_revokes_first() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.suspend(a, ms(60_000));
    world.run_until("b leads", ms(11_000), |world| world.leads(b, of_b));
    world.run_until("a wakes", ms(60_000), |world| !world.processes[a].paused);
    assert!(!world.leads(a, of_a), "before any thread of it has run");
    let hellos = |world: &World| world.status().namespaces[0].sessions.len();
    assert_eq!(hellos(&world), 1);
    world.run_until("a is told", ms(1100), |world| world.callbacks(a, of_a) == 2);
    assert_eq!(hellos(&world), 1, "and asks only then");
    world.run_for(ms(10_000));
    assert_eq!(hellos(&world), 2);
    world.check_well();
}

/// fabric8: the renewing thread hangs and never revokes. Has-leadership compares the clock at the
/// call, and needs no thread that has noticed.
#[test]
fn lesson_6_a_task_that_hangs_does_not_lead_on() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.hang(a, ms(30_000));
    world.run_until("b leads", ms(11_000), |world| world.leads(b, of_b));
    assert!(!world.leads(a, of_a));
    assert_eq!(world.callbacks(a, of_a), 1, "nobody could tell it");
    world.run_for(ms(40_000));
    assert_eq!(world.callbacks(a, of_a), 2);
    world.check_well();
}

/// FLINK-10333, and Flink on Kubernetes to this day: checkpoint pointers written without a look at
/// the leadership. A write that names no epoch is none, and one that names another election's is
/// not that of the key.
#[test]
fn lesson_13_no_write_without_an_epoch() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    let fence = world.fence(a, of_a).expect("it leads");
    let kind = OperationKind::Create { key: name("k"), value: Bytes::from_static(b"v") };
    let unfenced = Operation { election: fence.election.clone(), kind: kind.clone() };
    let elsewhere = Operation { election: name("other"), kind };
    for (number, (fences, operation)) in
        [(vec![], unfenced), (vec![fence], elsewhere)].into_iter().enumerate()
    {
        let write = RequestKind::Write { fences, operations: vec![operation] };
        world.request(a, write, LONG);
        wait_for_answer(&mut world, a, number + 1);
        assert!(matches!(outcome(&world, a), Some(Err(StoreError::Invalid(_)))), "{number}");
    }
    assert_eq!(keys(&world), 0);
}

/// FLINK-10011, FLINK-10329: locks of a former owner blocked deletion, or brought jobs back. What a
/// leader wrote that is gone is its successor's at once.
#[test]
fn lesson_15_a_former_owner_holds_nothing() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let fence = world.fence(a, of_a).expect("it leads");
    for key in ["one", "two"] {
        world.create(a, fence.clone(), key, LONG);
    }
    wait_for_answer(&mut world, a, 2);
    world.lose_host(a);
    world.run_until("b leads", ms(11_000), |world| world.fence(b, of_b).is_some());
    let fence = world.fence(b, of_b).expect("it was told");
    let delete = OperationKind::Delete { key: name("one"), version: None };
    world.write(b, fence.clone(), vec![delete], LONG);
    wait_for_answer(&mut world, b, 1);
    assert_eq!(outcome(&world, b), Some(Ok(())));
    assert_eq!(keys(&world), 1);
    world.create(b, fence, "one", LONG);
    wait_for_answer(&mut world, b, 2);
    assert_eq!(outcome(&world, b), Some(Ok(())));
}

/// FLINK-25486: somebody who was not leader wiped everything. Cleaning up is fenced as any write.
#[test]
fn lesson_16_cleaning_up_is_fenced() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let decided = world.fence(a, of_a).expect("it leads");
    world.pause(a, ms(15_000));
    world.run_until("b leads", ms(11_000), |world| world.fence(b, of_b).is_some());
    let fence = world.fence(b, of_b).expect("it was told");
    world.create(b, fence, "k", LONG);
    wait_for_answer(&mut world, b, 1);
    let prefix = String::new();
    world.write(a, decided, vec![OperationKind::DeletePrefix { prefix }], LONG);
    wait_for_answer(&mut world, a, 1);
    assert!(matches!(outcome(&world, a), Some(Err(StoreError::Fenced { .. }))));
    assert_eq!(keys(&world), 1);
}
