//! R1 to R6: connections, deadlines and what was settled.

use leaderserver::core::config::Timing;
use leaderserver::core::contenders::Callback;

use super::last_link;
use crate::clock::ms;
use crate::net::{Direction, Route};
use crate::promises::leader_and_follower;
use crate::world::{Setup, World};
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
