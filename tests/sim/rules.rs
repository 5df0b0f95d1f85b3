//! The rules that keep the promises, each by the schedule that it answers. R10, R11, R14 and R16
//! are the durable store's, R5 is what [`crate::bites`] breaks.

use std::time::Duration;

use leaderserver::core::config::{Mode, Timing};
use leaderserver::core::contenders::Callback;
use leaderserver::core::ids::{Epoch, SessionId};
use leaderserver::core::session::RequestKind;

use crate::clock::{SEC, ms};
use crate::net::{Direction, Route};
use crate::promises::leader_and_follower;
use crate::users::Manners;
use crate::world::{Setup, World, name};

fn last_link(world: &World, i: usize) -> u64 {
    *world.links_of(i).last().expect("it is connected")
}

// --- R1

/// Through a proxy an end of the connection says nothing of the process: the full time-out.
#[test]
fn r1_the_grace_is_for_direct_peers() {
    let mut world = World::new(Setup::default());
    let a = world.process_by("a", "/flink", Route::Proxy);
    let of_a = world.contend(a, "dispatcher");
    world.run_until("a leads", ms(1000), |world| world.leads(a, of_a));
    let b = world.process("b");
    let of_b = world.contend(b, "dispatcher");
    world.run_for(ms(1000));
    world.kill(a);
    let took = world.run_until("b leads", ms(10_100), |world| world.leads(b, of_b));
    assert!(took > ms(5000), "{took:?}");
}

/// An end that the server made itself leaves the session its full time-out.
#[test]
fn r1_the_grace_is_for_ends_that_the_peer_made() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.partition(a);
    let link = last_link(&world, a);
    world.cut_by_server(link);
    world.run_for(ms(5000));
    assert!(!world.leads(b, of_b));
    world.heal(a);
    world.run_for(ms(10_000));
    assert!(world.leads(a, of_a) != world.leads(b, of_b));
    world.check_well();
}

/// The client gives up a connection on which its resume was taken, without knowing that, and still
/// leads over the older one: the end of the newer starts no grace before the client has answered.
#[test]
fn r1_an_unanswered_resume_starts_no_grace() {
    let timing = Timing { session_timeout: ms(10_000), disconnect_grace: ms(100) };
    let (mut world, [(a, _), (b, of_b)]) =
        leader_and_follower(Setup { timing, ..Setup::default() });
    // Nothing comes back on the old connection, from right after a heartbeat.
    let link = last_link(&world, a);
    world.run_for(ms(2100));
    world.lose(link);
    let connects = |world: &World| world.links_of(a).len() > 1;
    world.run_until("it tries another", ms(10_000), connects);
    // The new connection is open, and its hello on the way: now the way back fails.
    world.run_for(ms(1));
    world.block(a, Direction::ToClient);
    world.run_until("it gives that up", ms(3000), |world| world.links_of(a).len() == 1);
    world.run_until("b leads in the end", ms(20_000), |world| world.leads(b, of_b));
}

// --- R2

/// Longer than the grace without a look at the connection: it does not lead, but nothing is
/// revoked, and with the next look it leads again.
#[test]
fn r2_the_second_deadline_moves_on_without_a_revoke() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    world.pause(a, ms(3000));
    world.run_for(ms(1200));
    assert!(!world.leads(a, of_a), "as seen by whoever asks first");
    world.run_for(ms(2000));
    assert!(world.leads(a, of_a));
    assert_eq!(world.callbacks(a, of_a), 1);
}

/// The connection ends while the process is stopped: another leads before it wakes, and it knows
/// as soon as it is asked.
#[test]
fn r2_a_connection_lost_during_a_pause() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.pause(a, ms(5000));
    let link = last_link(&world, a);
    world.reset_at_client(link);
    world.run_until("b leads", ms(1100), |world| world.leads(b, of_b));
    world.run_for(ms(10_000));
    assert!(matches!(world.told(a, of_a)[..], [Callback::Grant(_), Callback::Revoke(_)]));
}

/// Without its connection it leads for 80 % of the grace, and gives up before the server does.
#[test]
fn r2_without_a_connection_it_leads_for_most_of_the_grace() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let link = last_link(&world, a);
    world.block(a, Direction::ToClient);
    world.reset_at_client(link);
    let gone = world.run_until("a gives up", ms(1000), |world| !world.leads(a, of_a));
    assert!(gone > ms(500) && gone < ms(810), "{gone:?}");
    let took = world.run_until("b leads", ms(1000), |world| world.leads(b, of_b));
    assert!(gone + took > ms(990), "{:?}", gone + took);
}

// --- R3

/// The very server refuses: it is down and grants nothing, so the lease alone counts.
#[test]
fn r3_a_refusal_spares_the_leader_the_grace() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    world.kill_server(false);
    world.run_for(ms(5000));
    assert!(world.leads(a, of_a), "long after the grace");
    world.run_for(ms(5000));
    assert!(!world.leads(a, of_a), "the lease has ended");
}

/// Nobody answers at all: the server may well live behind a broken path.
#[test]
fn r3_silence_is_no_refusal() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    let link = last_link(&world, a);
    world.net.host_down = true;
    world.reset_at_client(link);
    world.run_for(ms(1000));
    assert!(!world.leads(a, of_a));
}

/// A connection can't be made for another reason, or somebody at another address refuses it: that
/// says nothing of the server.
#[test]
fn r3_only_the_very_servers_refusal_counts() {
    for refused in [Vec::new(), vec!["elsewhere:6130".to_owned()]] {
        let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
        let link = last_link(&world, a);
        world.net.failing.insert(a, refused);
        world.reset_at_client(link);
        world.run_for(ms(900));
        assert!(!world.leads(a, of_a));
        world.run_until("b leads", ms(200), |world| world.leads(b, of_b));
    }
}

/// Somebody else refuses: a proxy says nothing of the server behind it.
#[test]
fn r3_a_proxys_refusal_is_not_the_servers() {
    let mut world = World::new(Setup::default());
    let a = world.process_by("a", "/flink", Route::Proxy);
    let of_a = world.contend(a, "dispatcher");
    world.run_for(ms(1000));
    world.kill_server(false);
    world.run_for(ms(5000));
    assert!(world.leads(a, of_a), "not direct: the lease alone counted from the beginning");
}

/// An orderly stop ends granting before the listener closes.
#[test]
fn r3_a_stopping_server_grants_nothing() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.stop_server();
    world.run_for(ms(5000));
    assert!(world.leads(a, of_a));
    world.start_server(false);
    world.run_for(ms(60_000));
    assert!(world.leads(a, of_a) != world.leads(b, of_b));
    world.check_well();
}

// --- R4

/// The server's numbers hold at both ends.
#[test]
fn r4_the_servers_answer_settles_the_time_outs() {
    let setup = Setup { max_session_timeout: ms(3000), ..Setup::default() };
    let (mut world, [(a, _), (b, of_b)]) = leader_and_follower(setup);
    let (_, settled) = world.processes[a].session.session().expect("it is connected");
    assert_eq!(settled.session_timeout, ms(3000));
    assert_eq!(settled.disconnect_grace, ms(1000));
    world.block(a, Direction::ToClient);
    world.block(a, Direction::ToServer);
    world.run_until("b leads", ms(3100), |world| world.leads(b, of_b));
}

/// A server that allows much less than was asked for: a path that blocks does not hold a second
/// attempt longer than the session lasts.
#[test]
fn r4_patience_goes_by_what_was_settled() {
    let timing = Timing { session_timeout: ms(60_000), disconnect_grace: ms(1000) };
    let setup = Setup { timing, max_session_timeout: ms(5000), ..Setup::default() };
    for seed in 1..10 {
        let setup = Setup { seed, loud: false, ..setup.clone() };
        let (mut world, [(a, of_a), _]) = leader_and_follower(setup);
        let wait = world.pick((0, 2000));
        world.run_for(ms(wait));
        let link = last_link(&world, a);
        world.lose(link);
        world.run_until("it tries another", ms(4000), |world| world.links_of(a).len() > 1);
        let second = last_link(&world, a);
        world.lose(second);
        world.run_for(ms(10_000));
        assert_eq!(world.callbacks(a, of_a), 1, "seed {seed}");
    }
}

/// Under the least safe grace the status says so.
#[test]
fn r4_an_unsafe_grace_is_named() {
    let timing = Timing { session_timeout: ms(10_000), disconnect_grace: ms(99) };
    let (world, _) = leader_and_follower(Setup { timing, ..Setup::default() });
    let warnings = world.status().warnings;
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].contains("99 ms"), "{warnings:?}");
}

// --- R6

/// A silent connection is kept until a resume on another is answered: were it closed, the grace
/// would begin under a leader whose lease has not ended.
#[test]
fn r6_a_silent_connection_is_kept_until_another_is_answered() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    world.block(a, Direction::ToClient);
    world.run_for(ms(7000));
    assert!(!world.links_of(a).is_empty());
    assert!(world.leads(a, of_a));
    world.heal(a);
    world.run_for(ms(10_000));
    assert_eq!(world.links_of(a).len(), 1);
    assert_eq!(world.callbacks(a, of_a), 1);
}

/// The path is back just when another connection is tried: whichever of the two carries the
/// session in the end, the end of the older means nothing.
#[test]
fn r6_an_older_connections_end_means_nothing() {
    for seed in 1..40 {
        let setup = Setup { seed, loud: false, ..Setup::default() };
        let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(setup);
        world.block(a, Direction::ToClient);
        world.run_for(ms(3500 + seed * 100));
        world.heal(a);
        world.run_for(ms(20_000));
        assert_eq!(world.links_of(a).len(), 1, "seed {seed}");
        assert_eq!((world.callbacks(a, of_a), world.callbacks(b, of_b)), (1, 0), "seed {seed}");
        world.check_well();
    }
}

// --- R7

/// Its clock said that it leads no more, the server's did not: it says so first, goes to the end
/// of the line, and leads again only under another epoch.
#[test]
fn r7_who_stepped_down_goes_to_the_end_of_the_line() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let led = world.leadership(a, of_a).expect("it leads");
    // A connection the server keeps for dead, so that it waits for the whole time-out.
    world.block(a, Direction::ToClient);
    world.run_until("a gives up", ms(11_000), |world| world.callbacks(a, of_a) == 2);
    world.heal(a);
    world.run_until("b leads", ms(3000), |world| world.leads(b, of_b));
    world.operator_resigns("process", None);
    world.run_until("a leads again", ms(1000), |world| world.leads(a, of_a));
    assert!(world.leadership(a, of_a).expect("just seen").epoch > led.epoch);
}

/// A grant that is read when the lease is over is dropped, and said to be.
#[test]
fn r7_a_grant_read_too_late_is_dropped() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.pause(b, ms(9900));
    world.run_for(ms(3000));
    world.close(a, of_a, false);
    world.run_for(ms(6880));
    assert_eq!(world.callbacks(b, of_b), 0);
    world.run_for(ms(20_000));
    world.check_well();
    let granted = world.truth.grants;
    assert!(granted >= 2, "{granted}");
}

// --- R8

#[test]
fn r8_a_transfer_goes_to_its_target() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let c = world.process("c");
    let of_c = world.contend(c, "dispatcher");
    world.run_for(ms(1000));
    let kind = RequestKind::Resign { election: name("process"), target: Some(name("c")) };
    world.request(b, kind, ms(1000));
    world.run_until("c leads", ms(100), |world| world.leads(c, of_c));
    assert_eq!((world.callbacks(a, of_a), world.callbacks(b, of_b)), (2, 0));
    let Callback::Revoke(reason) = &world.told(a, of_a)[1] else { panic!("a revoke") };
    assert!(reason.contains("operator"), "{reason}");
    world.run_for(ms(100));
    world.check_well();
}

/// The target is gone by the time the leader has stepped down: the next in line.
#[test]
fn r8_if_the_target_is_gone_the_next_in_line_is_granted() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let c = world.process("c");
    let of_c = world.contend(c, "dispatcher");
    world.run_for(ms(1000));
    let (target, _) = world.processes[c].session.session().expect("it is connected");
    world.pause(a, ms(2500));
    world.operator_resigns("process", Some(target));
    world.run_for(ms(100));
    world.close(c, of_c, false);
    world.run_for(ms(2000));
    assert!(!world.leads(b, of_b), "another only after the leader said that it stepped down");
    world.run_until("b leads", ms(1000), |world| world.leads(b, of_b));
    assert!(!world.leads(a, of_a));
}

/// A transfer to who leads already takes nothing away from it.
#[test]
fn r8_a_transfer_to_the_leader_changes_nothing() {
    let (mut world, [(a, of_a), _]) = leader_and_follower(Setup::default());
    let (target, _) = world.processes[a].session.session().expect("it is connected");
    assert!(world.operator_resigns("process", Some(target)));
    world.run_for(ms(1000));
    assert_eq!(world.callbacks(a, of_a), 1);
    assert!(!world.operator_resigns("nobody stands here", Some(SessionId(1))));
}

/// The answer was lost with the connection: asked again, the request does not depose the next.
#[test]
fn r8_a_repeated_request_is_carried_out_once() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let c = world.process("c");
    world.watch(c, "dispatcher");
    world.run_for(ms(100));
    let link = last_link(&world, c);
    world.block(c, Direction::ToClient);
    let kind = RequestKind::Resign { election: name("process"), target: None };
    world.request(c, kind, ms(20_000));
    world.run_until("b leads", ms(100), |world| world.leads(b, of_b));
    world.reset_at_client(link);
    world.heal(c);
    world.run_until("it is answered", ms(10_000), |w| !w.processes[c].answers.is_empty());
    world.run_for(ms(1000));
    assert!(world.processes[c].answers[0].1.is_ok());
    assert!(world.leads(b, of_b), "who was granted then leads on");
    assert_eq!((world.callbacks(a, of_a), world.callbacks(b, of_b)), (2, 1));
}

// --- R9 is P9

/// It leaves the election while it is stalled, also where its connection is lost meanwhile.
#[test]
fn r9_a_stalled_candidate_stays_out_over_a_reconnect() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    world.close(b, of_b, false);
    world.set_fetching(a, false);
    world.run_for(ms(61_000));
    let link = last_link(&world, a);
    world.reset_at_client(link);
    world.contend(a, "rest_server");
    world.run_for(ms(10_000));
    assert_eq!(world.election("process"), None);
    world.set_fetching(a, true);
    world.run_until("a leads", ms(100), |world| world.leads(a, of_a));
    world.run_for(ms(100));
    world.check_well();
}

// --- R12

#[test]
fn r12_a_server_that_remembers_nothing_waits() {
    let mut world = World::empty(Setup::default());
    world.start_server(false);
    let a = world.process("a");
    let of_a = world.contend(a, "dispatcher");
    let took = world.run_until("a leads", ms(31_000), |world| world.leads(a, of_a));
    assert!(took > ms(29_900), "{took:?}");
}

/// Somebody in the server's own process waits for nobody.
#[test]
fn r12_who_is_in_the_servers_process_does_not_wait() {
    let mut world = World::empty(Setup::default());
    world.start_server(false);
    let remote = world.process("remote");
    let of_remote = world.contend(remote, "dispatcher");
    world.run_for(ms(100));
    let local = world.process_by("local", "/flink", Route::Local);
    let of_local = world.contend(local, "dispatcher");
    world.run_until("it leads", ms(100), |world| world.leads(local, of_local));
    assert!(!world.leads(remote, of_remote));
}

// --- R13

/// palantir/atlasdb#1292: the memory is lost, and the clock is an hour behind.
#[test]
fn r13_epochs_never_repeat_even_with_the_clock_set_back() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(Setup::default());
    let led = world.leadership(a, of_a).expect("it leads");
    world.kill_server(false);
    world.start_server_with(false, Epoch(1_700_000_000_000 - 3_600_000));
    world.run_for(ms(60_000));
    let now = world.leadership(a, of_a).or_else(|| world.leadership(b, of_b));
    assert!(now.expect("somebody leads").epoch > led.epoch);
    world.check_well();
}

/// To a client a new incarnation is the loss of everything, and that is told.
#[test]
fn r13_a_new_incarnation_is_the_loss_of_everything() {
    let (mut world, [(a, of_a), (b, _)]) = leader_and_follower(Setup::default());
    let watch = world.watch(b, "dispatcher");
    world.run_for(ms(100));
    let before = world.told_address(b, watch).expect("it is published");
    world.kill_server(false);
    world.run_for(ms(100));
    world.start_server(false);
    world.run_for(ms(2000));
    assert_eq!(world.last_told(b, watch), Some(None));
    let Some(Callback::Revoke(reason)) = world.told(a, of_a).pop() else { panic!("a revoke") };
    assert!(reason.contains("incarnation"), "{reason}");
    world.run_for(ms(40_000));
    assert!(world.told_address(b, watch).is_some_and(|after| after != before));
    world.check_well();
}

// --- R15

/// What a user's decisions rest on is what it was told last, and not what is true by now.
#[test]
fn r15_told_lags_behind_with_its_user() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    let late = Manners { take: (5 * SEC, 5 * SEC), ..Manners::default() };
    let of_a = world.contend_with(a, "dispatcher", late);
    let told = |world: &World| world.processes[a].contenders.told(of_a);
    world.run_for(ms(1000));
    let first = world.leadership(a, of_a).expect("it leads");
    assert_eq!(told(&world), None, "its user does not know yet");
    world.run_for(ms(5000));
    assert_eq!(told(&world), Some(first));
    world.operator_resigns("process", None);
    world.run_for(ms(1000));
    assert_ne!(world.leadership(a, of_a), Some(first));
    assert_eq!(told(&world), Some(first), "its user still decides under the first");
    world.run_for(ms(5000));
    assert_eq!(told(&world), None, "revoked, and not granted yet");
}

// --- R17

#[test]
fn r17_a_namespace_keeps_its_mode() {
    let (mut world, _) = leader_and_follower(Setup::default());
    world.setup.mode = Mode::PerComponent;
    let c = world.process("c");
    let of_c = world.contend(c, "dispatcher");
    world.run_for(ms(100));
    let [Callback::Failed(error)] = &world.told(c, of_c)[..] else { panic!("a failure") };
    let text = error.to_string();
    assert!(text.contains("high-availability.leader-server.election"), "{text}");
    assert!(text.contains("per-component") && text.contains("per-process"), "{text}");
    world.run_for(ms(10_000));
    assert_eq!(world.callbacks(c, of_c), 1, "it is told once");
}

/// A component that registers on a candidate that was refused hears of it, too.
#[test]
fn r17_a_later_component_hears_of_the_refusal() {
    let setup = Setup { mode: Mode::PerComponent, ..Setup::default() };
    let (mut world, _) = leader_and_follower(setup);
    world.setup.mode = Mode::PerProcess;
    let c = world.process("c");
    world.contend(c, "dispatcher");
    world.run_for(ms(1000));
    let later = world.contend(c, "rest_server");
    world.run_for(ms(1000));
    assert!(matches!(world.told(c, later)[..], [Callback::Failed(_)]));
}

// --- R18

/// In the very step in which the epoch ends.
#[test]
fn r18_information_goes_with_its_epoch() {
    let (mut world, [(a, _), (b, _)]) = leader_and_follower(Setup::default());
    let watch = world.watch(b, "dispatcher");
    world.run_for(ms(100));
    world.kill(a);
    world.run_until("nobody is published", ms(1100), |w| w.published("dispatcher").is_none());
    let election = world.election("process").expect("b stands in it");
    assert_ne!(election.leader_session, 0, "the next was granted in the same step");
    world.run_for(ms(1000));
    assert!(world.told_address(b, watch).is_some_and(|address| address.starts_with("b/")));
}

/// Without the name service a value is kept for a while, then it is no leader; back again, the
/// present value is told, also if it is the one from before.
#[test]
fn r18_a_value_is_kept_for_the_retrieval_time_out() {
    let setup = Setup { retrieval_timeout: Some(ms(4000)), ..Setup::default() };
    let (mut world, [(a, _), _]) = leader_and_follower(setup);
    let c = world.process("c");
    let watch = world.watch(c, "dispatcher");
    world.run_for(ms(1000));
    let before = world.told_address(c, watch);
    assert!(before.is_some());
    world.partition(c);
    let link = last_link(&world, c);
    world.reset_at_client(link);
    world.run_for(ms(3900));
    assert_eq!(world.told_address(c, watch), before);
    world.run_for(ms(200));
    assert_eq!(world.last_told(c, watch), Some(None));
    // Whoever begins to watch now is told what the others were told.
    let second = world.watch(c, "dispatcher");
    world.run_for(ms(100));
    assert_eq!(world.last_told(c, second), Some(None));
    world.heal(c);
    world.run_for(ms(5000));
    assert_eq!(world.told_address(c, watch), before);
    assert_eq!(world.processes[c].watchers[&watch].told.len(), 3);
    assert!(world.processes[a].alive);
    world.check_well();
}

/// The connection was silent, not lost, and the name service does not say again what it said: the
/// retriever that was told "no leader" asks anew.
#[test]
fn r18_a_silent_connection_that_speaks_again_is_asked_anew() {
    for seed in 1..30 {
        let retrieval_timeout = Some(ms(1000));
        let setup = Setup { seed, loud: false, retrieval_timeout, ..Setup::default() };
        let (mut world, _) = leader_and_follower(setup);
        let c = world.process("c");
        let watch = world.watch(c, "dispatcher");
        world.run_for(ms(1000));
        world.block(c, Direction::ToClient);
        let forgotten = |world: &World| world.last_told(c, watch) == Some(None);
        world.run_until("it forgets", ms(10_000), forgotten);
        world.heal(c);
        world.run_for(ms(10_000));
        assert!(world.told_address(c, watch).is_some(), "seed {seed}");
    }
}

/// In the JobManager mode values are kept for ever.
#[test]
fn r18_without_a_time_out_a_value_is_kept() {
    let setup = Setup { retrieval_timeout: None, ..Setup::default() };
    let (mut world, _) = leader_and_follower(setup);
    let c = world.process("c");
    let watch = world.watch(c, "dispatcher");
    world.run_for(ms(1000));
    world.kill_server(true);
    world.run_for(Duration::from_secs(1000));
    assert!(world.told_address(c, watch).is_some());
}
