//! P1, P3, P4, and the share of P2 that the client has.

use leaderserver::core::contenders::{Callback, Confirmed};
use leaderserver::core::ids::{Epoch, LeaderSessionId};

use super::{blocked_for, leader_and_follower};
use crate::clock::{SEC, ms};
use crate::net::Direction;
use crate::users::Manners;
use crate::world::{Setup, World};

fn epoch_of(callback: &Callback) -> Option<Epoch> {
    match callback {
        Callback::Grant(session) => Some(session.epoch),
        _ => None,
    }
}
// --- P1

/// The leader's process is stopped past its session, and asks at once after it wakes.
#[test]
fn p1_a_paused_leader_does_not_lead_when_it_wakes() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.pause(a, ms(15_000));
    world.run_until("b leads", ms(11_000), |world| world.leads(b, of_b));
    world.run_for(ms(10_000));
    assert!(!world.leads(a, of_a));
    assert!(matches!(world.told(a, of_a)[..], [Callback::Grant(_), Callback::Revoke(_)]));
    world.check_well();
}

/// A leader that hears nothing gives up before another is granted, however the clocks run: the
/// check at every step holds it.
#[test]
fn p1_holds_with_clocks_that_run_apart() {
    for seed in 0..20 {
        let (mut world, [(a, _), _]) =
            leader_and_follower(Setup { seed, loud: false, ..Setup::default() });
        world.block(a, Direction::ToClient);
        world.run_for(ms(30_000));
        world.heal(a);
        world.run_for(ms(20_000));
        world.check_well();
    }
}

// --- P3

#[test]
fn p3_grant_and_revoke_take_turns_with_growing_epochs() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    for _ in 0..20 {
        world.operator_resigns("process", None);
        world.run_for(ms(500));
    }
    for (i, id) in [(a, of_a), (b, of_b)] {
        let told = world.told(i, id);
        assert!(told.len() >= 19, "{told:?}");
        let epochs: Vec<Epoch> = told.iter().filter_map(epoch_of).collect();
        assert!(epochs.is_sorted_by(|one, next| one < next));
    }
}

/// What came and went while a contender was busy is skipped; what it hears still takes turns.
#[test]
fn p3_a_late_contender_hears_no_queue_of_old_news() {
    let mut world = World::new(Setup::default());
    let (a, b) = (world.process("a"), world.process("b"));
    let of_a = world.contend_with(a, "dispatcher", blocked_for(10 * SEC));
    world.run_for(ms(100));
    world.contend(b, "dispatcher");
    world.run_for(ms(100));
    for _ in 0..10 {
        world.operator_resigns("process", None);
        world.run_for(ms(500));
    }
    world.run_for(ms(60_000));
    let told = world.told(a, of_a);
    assert!(told.len() <= 4, "{told:?}");
    assert!(matches!(told[..2], [Callback::Grant(_), Callback::Revoke(_)]));
    world.check_well();
}

#[test]
fn p3_close_revokes_in_the_callers_thread() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    world.close(a, of_a, false);
    // Before anything else happened.
    assert!(matches!(world.told(a, of_a)[..], [Callback::Grant(_), Callback::Revoke(_)]));
    assert!(!world.leads(a, of_a));
}

/// FLINK-20008, FLINK-32311, FLINK-34672: close waits for no callback. The one revoke follows on
/// the other thread, and the resignation after it.
#[test]
fn p3_close_does_not_wait_for_a_callback_on_another_thread() {
    let mut world = World::new(Setup::default());
    let (a, b) = (world.process("a"), world.process("b"));
    let of_a = world.contend_with(a, "dispatcher", blocked_for(5 * SEC));
    world.run_until("a is in its grant", ms(1000), |world| world.callbacks(a, of_a) == 1);
    let of_b = world.contend(b, "dispatcher");
    world.run_for(ms(1000));
    world.close(a, of_a, false);
    assert!(!world.leads(a, of_a), "from when close began");
    assert_eq!(world.callbacks(a, of_a), 1);
    world.run_for(ms(3000));
    assert_eq!(world.callbacks(a, of_a), 1, "its grant still runs");
    assert!(!world.leads(b, of_b), "nothing was resigned yet");
    world.run_for(ms(15_000));
    assert!(matches!(world.told(a, of_a)[..], [Callback::Grant(_), Callback::Revoke(_)]));
    assert!(world.leads(b, of_b));
    assert!(world.processes[a].contenders.is_finished(of_a));
}

#[test]
fn p3_close_from_inside_a_grant_revokes_there() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    let of_a = world.contend_with(a, "dispatcher", blocked_for(SEC));
    world.run_until("a is in its grant", ms(1000), |world| world.callbacks(a, of_a) == 1);
    world.close(a, of_a, true);
    assert!(matches!(world.told(a, of_a)[..], [Callback::Grant(_), Callback::Revoke(_)]));
    world.run_for(ms(5000));
    assert_eq!(world.callbacks(a, of_a), 2);
    assert_eq!(world.election("process"), None, "it has left");
}

#[test]
fn p3_nothing_starts_after_close() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.close(b, of_b, false);
    world.close(a, of_a, false);
    world.run_for(ms(30_000));
    assert_eq!(world.callbacks(a, of_a), 2);
    assert_eq!(world.callbacks(b, of_b), 0);
}

/// Closing the client tells nobody anything any more, and has-leadership is false at once.
#[test]
fn p3_a_closed_client_is_silent() {
    let (mut world, [(a, _), (b, of_b)]) = leader_and_follower(Setup::default());
    world.close_client(a);
    assert!(world.processes[a].contenders.is_empty());
    let took = world.run_until("b leads", ms(100), |world| world.leads(b, of_b));
    assert!(took < ms(10), "{took:?}");
}

// --- P4

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

// --- P2: whose epoch (R15)

/// A confirmation counts for the id that it names, not for the present one.
#[test]
fn p2_a_late_confirmation_under_an_old_id_changes_nothing() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    let manners = Manners { confirm: None, ..Manners::default() };
    let of_a = world.contend_with(a, "dispatcher", manners);
    world.run_for(ms(100));
    let first = world.leadership(a, of_a).expect("it leads");
    world.operator_resigns("process", None);
    world.run_for(ms(100));
    let second = world.leadership(a, of_a).expect("it leads again");
    assert_eq!(world.confirm_now(a, of_a, first), Confirmed::NotLeader);
    let made_up = LeaderSessionId { epoch: second.epoch, low: !second.low };
    assert_eq!(world.confirm_now(a, of_a, made_up), Confirmed::NotLeader);
    assert!(matches!(world.confirm_now(a, of_a, second), Confirmed::Recorded(_)));
    assert_eq!(world.confirm_now(a, of_a, second), Confirmed::Already);
    world.run_for(ms(100));
    world.check_well();
}

/// R2: has-leadership may be false for a moment without a revoke, when the process was late to look.
/// A confirmation at that moment counts: the user hears of nothing after which to say it again, and
/// its component would lead without an address. Found with real processes, once in 4000 grants.
#[test]
fn r2_a_confirmation_counts_as_long_as_nothing_is_revoked() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    let manners = Manners { confirm: None, ..Manners::default() };
    let of_a = world.contend_with(a, "dispatcher", manners);
    world.run_for(ms(100));
    let id = world.leadership(a, of_a).expect("it leads");
    world.pause(a, ms(3000));
    world.run_for(ms(1200));
    assert!(!world.leads(a, of_a), "as seen by whoever asks first");
    assert!(matches!(world.confirm_now(a, of_a, id), Confirmed::Recorded(_)));
    world.run_for(ms(2000));
    assert!(world.leads(a, of_a));
    let status = world.status();
    let published = &status.namespaces[0].components;
    assert_eq!(published[0].leader_session_id, id.to_string(), "{published:?}");
    world.check_well();
}
