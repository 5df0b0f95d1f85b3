//! The promises, each by its schedules. P1 and P2's share of it are checked in every other test,
//! too; P10 is in `machines`.

use std::time::Duration;

use leaderserver::core::config::Mode;
use leaderserver::core::contenders::{Callback, Confirmed, RegistrationId};
use leaderserver::core::ids::{Epoch, LeaderSessionId};

use crate::clock::{MS, SEC, ms};
use crate::net::{Direction, Route};
use crate::users::Manners;
use crate::world::{Setup, World};

/// Two processes that contend for the same, the first of which leads and has published.
pub fn leader_and_follower(setup: Setup) -> (World, [(usize, RegistrationId); 2]) {
    let mut world = World::new(setup);
    let a = world.process("a");
    let of_a = world.contend(a, "dispatcher");
    world.run_until("a leads", ms(2000), |world| world.leads(a, of_a));
    world.run_until("a is published", ms(2000), |w| w.published("dispatcher").is_some());
    let b = world.process("b");
    let of_b = world.contend(b, "dispatcher");
    world.run_for(ms(2000));
    assert_eq!(world.callbacks(b, of_b), 0, "one who only waits hears nothing");
    (world, [(a, of_a), (b, of_b)])
}

fn blocked_for(length: u64) -> Manners {
    Manners { callback: (length, length), ..Manners::default() }
}

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

// --- R15's share of P2: whose epoch

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
