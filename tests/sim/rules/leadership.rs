//! R7 to R9, R15, R17: stepping down, operators, stalls, whose epoch, which election.

use leaderserver::core::config::Mode;
use leaderserver::core::contenders::Callback;
use leaderserver::core::ids::SessionId;
use leaderserver::core::session::RequestKind;

use super::last_link;
use crate::clock::{SEC, ms};
use crate::net::Direction;
use crate::promises::leader_and_follower;
use crate::users::Manners;
use crate::world::{Setup, World, name};
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
    let kind =
        RequestKind::Resign { election: name("process"), epoch: None, target: Some(name("c")) };
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
    let kind = RequestKind::Resign { election: name("process"), epoch: None, target: None };
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
