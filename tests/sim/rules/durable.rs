//! R10, R12 and R13: a durable server goes on where it was.

use leaderserver::core::config::{Mode, Timing};
use leaderserver::core::contenders::Callback;
use leaderserver::core::ids::Epoch;
use leaderserver::core::store::StoreError;

use super::{durable, last_link};
use crate::clock::ms;
use crate::disk::Trap;
use crate::net::Direction;
use crate::promises::leader_and_follower;
use crate::store::{LONG, keys, outcome, wait_for_answer};
use crate::world::{Setup, World};

// --- R10

/// P5: killed at any moment, alone or with its host, and back within the lease: nobody hears of it.
#[test]
fn r10_a_restart_costs_no_leadership() {
    for seed in 1..60 {
        let setup = Setup { seed, loud: false, ..durable() };
        let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(setup);
        let watch = world.watch(b, "dispatcher");
        let wait = world.pick((0, 6000));
        world.run_for(ms(wait));
        let led = world.leadership(a, of_a);
        world.kill_server(seed % 2 == 0);
        let down = world.pick((0, 3000));
        world.run_for(ms(down));
        world.start_server(false);
        world.run_for(ms(20_000));
        assert_eq!((world.callbacks(a, of_a), world.callbacks(b, of_b)), (1, 0), "seed {seed}");
        assert_eq!(world.leadership(a, of_a), led, "the same epoch");
        assert_eq!(world.processes[b].watchers[&watch].told.len(), 1, "seed {seed}");
        world.check_well();
    }
}

/// The same where it is stopped in good order, twenty times.
#[test]
fn r10_twenty_restarts_cost_no_leadership() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(durable());
    for _ in 0..20 {
        world.stop_server();
        world.run_until("it has stopped", ms(1000), |world| world.server.is_none());
        world.run_for(ms(500));
        world.start_server(false);
        world.run_for(ms(1500));
    }
    assert_eq!((world.callbacks(a, of_a), world.callbacks(b, of_b)), (1, 0));
    world.check_well();
}

/// Leaders that died with the server: each session ends by its own time-out, counted anew.
#[test]
fn r10_a_session_ends_by_its_own_time_out() {
    let mut world = World::new(Setup { mode: Mode::PerComponent, ..durable() });
    let a = world.process("slow");
    world.contend(a, "dispatcher");
    world.setup.timing.session_timeout = ms(3000);
    let c = world.process("quick");
    world.contend(c, "rest_server");
    world.run_for(ms(1000));
    let b = world.process("next");
    let of_b = ["dispatcher", "rest_server"].map(|component| world.contend(b, component));
    world.run_for(ms(1000));
    world.kill_server(false);
    world.kill(a);
    world.kill(c);
    world.run_for(ms(2000));
    world.start_server(false);
    let quick = world.run_until("quick's follows", ms(3100), |w| w.leads(b, of_b[1]));
    assert!(quick > ms(2900), "{quick:?}");
    let slow = world.run_until("slow's follows", ms(7100), |w| w.leads(b, of_b[0]));
    assert!(quick + slow > ms(9900), "{:?}", quick + slow);
    world.run_for(ms(100));
    world.check_well();
}

/// Once it has resumed, the grace counts again.
#[test]
fn r10_who_has_resumed_ends_by_its_grace() {
    let (mut world, [(a, _), (b, of_b)]) = leader_and_follower(durable());
    world.kill_server(false);
    world.start_server(false);
    world.run_for(ms(2000));
    world.kill(a);
    let took = world.run_until("b leads", ms(1100), |world| world.leads(b, of_b));
    assert!(took > ms(990), "{took:?}");
}

/// A grace that had begun is forgotten: the leader may be alive, and refused by a server that is down
/// it counts on its lease (R3).
#[test]
fn r10_a_restart_ends_the_grace() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(durable());
    let link = last_link(&world, a);
    world.reset_at_client(link);
    world.run_for(ms(1));
    world.kill_server(false);
    world.run_for(ms(3000));
    assert!(world.leads(a, of_a), "the server is down, and grants nothing");
    world.start_server(false);
    world.run_for(ms(10_000));
    assert_eq!((world.callbacks(a, of_a), world.callbacks(b, of_b)), (1, 0));
    // And of a leader that is dead the full time-out.
    world.kill(a);
    world.run_for(ms(500));
    world.kill_server(false);
    world.start_server(false);
    let took = world.run_until("b leads", ms(10_100), |world| world.leads(b, of_b));
    assert!(took > ms(9900), "{took:?}");
}

/// Elections without a leader do not wait: the last one resigned, or there never was one.
#[test]
fn r10_only_elections_with_a_recorded_leader_wait() {
    let mut world = World::new(Setup { mode: Mode::PerComponent, ..durable() });
    let a = world.process("a");
    let [resigns, _] = ["dispatcher", "rest_server"].map(|component| world.contend(a, component));
    world.run_for(ms(1000));
    world.close(a, resigns, false);
    world.run_for(ms(100));
    world.kill_server(false);
    world.kill(a);
    world.start_server(false);
    let b = world.process("b");
    let components = ["dispatcher", "resource_manager", "rest_server"];
    let of_b = components.map(|component| world.contend(b, component));
    world.run_for(ms(100));
    assert_eq!(of_b.map(|id| world.leads(b, id)), [true, true, false]);
    world.run_until("a is over", ms(10_100), |world| world.leads(b, of_b[2]));
}

/// Who stepped down, and whose word was lost with the server, says so again: it is recorded as the
/// leader, and does not become that again. The line is not recorded: whoever is back first is next.
#[test]
fn r10_a_lost_resignation_is_said_again() {
    for seed in 1..30 {
        let setup = Setup { seed, loud: false, ..durable() };
        let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(setup);
        let led = world.leadership(a, of_a).expect("it leads");
        world.stall_disk();
        world.disk().keeps = Some(seed % 2 == 0);
        world.operator_resigns("process", None);
        world.run_until("a gives up", ms(100), |world| world.callbacks(a, of_a) == 2);
        let wait = world.pick((0, 20));
        world.run_for(ms(wait));
        world.kill_server(false);
        world.disk_goes_on();
        world.start_server(false);
        let leads = |w: &World| w.leadership(a, of_a).or_else(|| w.leadership(b, of_b));
        world.run_until("somebody leads", ms(3000), |world| leads(world).is_some());
        assert!(leads(&world).expect("just seen").epoch > led.epoch, "seed {seed}");
        world.run_for(ms(1000));
        world.check_well();
    }
}

// --- P2, R16

/// LESSONS 14, over a restart: the write is recorded, its answer lost with the server. The retry is
/// answered as the first would have been.
#[test]
fn r16_a_retry_after_a_restart_gets_the_first_answer() {
    for lost in [false, true] {
        let (mut world, [(a, of_a), _]) = leader_and_follower(durable());
        let fence = world.fence(a, of_a).expect("it leads");
        world.stall_disk();
        world.disk().keeps = Some(!lost);
        world.create(a, fence, "k", LONG);
        world.run_until("it is applied", ms(100), |world| keys(world) == 1);
        world.run_for(ms(100));
        assert_eq!(outcome(&world, a), None, "R11");
        world.kill_server(false);
        world.disk_goes_on();
        world.start_server(false);
        assert_eq!(keys(&world), u64::from(!lost), "as it was on the disk");
        wait_for_answer(&mut world, a, 1);
        assert_eq!(outcome(&world, a), Some(Ok(())), "lost: {lost}");
        assert_eq!(keys(&world), 1);
        world.run_for(ms(1000));
        world.check_well();
    }
}

/// P5 and P2 together: killed at every point of a commit while its leader writes, and soon back. Each
/// write is done once, and nobody hears of anything.
#[test]
fn p5_kills_at_any_point_of_a_commit_cost_nothing() {
    for seed in 1..60 {
        let setup = Setup { seed, loud: false, disk: Some((100_000, 5_000_000)), ..durable() };
        let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(setup);
        let fence = world.fence(a, of_a).expect("it leads");
        let mut written = 0;
        for round in 0..9 {
            world.disk().trap = Some([Trap::Before, Trap::Between, Trap::After][round % 3]);
            let before = written;
            while world.server.is_some() {
                written += 1;
                world.create(a, fence.clone(), &format!("k{written}"), LONG);
                let pause = world.pick((0, 30));
                world.run_for(ms(pause));
                assert!(written < before + 100, "seed {seed}: {round} it is not killed");
            }
            let down = world.pick((0, 700));
            world.run_for(ms(down));
            world.start_server(false);
            // With its host it takes the leader a while to find out.
            wait_for_answer(&mut world, a, written);
        }
        assert!(world.processes[a].answers.iter().all(|(_, answer)| answer.is_ok()), "seed {seed}");
        assert_eq!(keys(&world), written as u64, "seed {seed}");
        assert_eq!((world.callbacks(a, of_a), world.callbacks(b, of_b)), (1, 0), "seed {seed}");
        world.check_well();
    }
}

/// LESSONS 1, over a restart: the fence is recorded with the grant.
#[test]
fn p2_a_fence_outlives_its_server() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(durable());
    let decided = world.fence(a, of_a).expect("it leads");
    world.partition(a);
    world.create(a, decided, "k", LONG);
    world.run_until("b leads", ms(11_000), |world| world.leads(b, of_b));
    world.kill_server(true);
    world.start_server(false);
    world.heal(a);
    wait_for_answer(&mut world, a, 1);
    assert!(matches!(outcome(&world, a), Some(Err(StoreError::Fenced { .. }))));
    assert_eq!(keys(&world), 0);
}

// --- R12

/// A new data directory may have had another before it.
#[test]
fn r12_a_new_data_directory_waits() {
    let mut world = World::empty(durable());
    world.start_server(false);
    let a = world.process("a");
    let of_a = world.contend(a, "dispatcher");
    world.run_for(ms(20_000));
    // Not settled, it waits again from the beginning.
    world.kill_server(false);
    world.start_server(false);
    let took = world.run_until("a leads", ms(31_000), |world| world.leads(a, of_a));
    assert!(took > ms(29_900), "{took:?}");
    // Once settled, never again: somebody new, in an election of its own namespace.
    world.kill_server(false);
    world.start_server(false);
    let b = world.process_by("b", "/other", crate::net::Route::Direct);
    let of_b = world.contend(b, "dispatcher");
    world.run_until("b leads", ms(100), |world| world.leads(b, of_b));
}

/// `--cold` ends that wait, for good; of a leader that is recorded it takes nothing away.
#[test]
fn r12_a_cold_start_shortens_no_session() {
    let mut world = World::empty(durable());
    world.start_server(true);
    let a = world.process("a");
    let of_a = world.contend(a, "dispatcher");
    world.run_until("a leads", ms(100), |world| world.leads(a, of_a));
    let b = world.process("b");
    let of_b = world.contend(b, "dispatcher");
    world.run_for(ms(1000));
    world.kill_server(false);
    world.kill(a);
    world.start_server(true);
    let took = world.run_until("b leads", ms(10_100), |world| world.leads(b, of_b));
    assert!(took > ms(9900), "{took:?}");
    assert_eq!(world.status().remote_grants_in_ms, 0);
}

/// Nothing was settled when it was started first; the operator says so later.
#[test]
fn r12_a_cold_restart_settles() {
    let mut world = World::empty(durable());
    world.start_server(false);
    world.run_for(ms(1000));
    world.kill_server(false);
    world.start_server(true);
    world.kill_server(false);
    world.start_server(false);
    let a = world.process("a");
    let of_a = world.contend(a, "dispatcher");
    world.run_until("a leads", ms(100), |world| world.leads(a, of_a));
}

// --- R13

/// LESSONS 2 (palantir/atlasdb#1292): kill -9, and a restart with the clock an hour back. The same
/// incarnation goes on, and (incarnation, epoch) never repeats.
#[test]
fn lesson_2_epochs_go_on_with_the_clock_an_hour_back() {
    let (mut world, [(a, of_a), (b, of_b)]) = leader_and_follower(durable());
    let incarnation = world.status().incarnation;
    let mut last = world.leadership(a, of_a).expect("it leads").epoch;
    for _ in 0..5 {
        world.operator_resigns("process", None);
        world.run_for(ms(100));
        world.kill_server(false);
        world.start_server_with(false, Epoch(1_700_000_000_000 - 3_600_000));
        assert_eq!(world.status().incarnation, incarnation);
        world.run_for(ms(3000));
        world.operator_resigns("process", None);
        world.run_for(ms(1000));
        let now = world.leadership(a, of_a).or_else(|| world.leadership(b, of_b));
        let now = now.expect("somebody leads").epoch;
        assert!(now > last, "{now} after {last}");
        last = now;
    }
    for (i, id) in [(a, of_a), (b, of_b)] {
        let new = world
            .told(i, id)
            .into_iter()
            .any(|told| matches!(told, Callback::Revoke(reason) if reason.contains("incarnation")));
        assert!(!new, "to nobody it was a new incarnation");
    }
    world.check_well();
}

/// No number is given to two sessions, though those who never stood anywhere are not recorded.
#[test]
fn r13_no_session_has_anothers_number() {
    let mut world = World::new(durable());
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..20 {
        for number in 0..3 {
            let i = world.process(&format!("p{number}"));
            world.watch(i, "dispatcher");
            world.run_for(ms(20));
            let (session, _) = world.processes[i].session.session().expect("it is welcomed");
            assert!(seen.insert(session), "{session:?} again, in round {round}");
            world.lose_host(i);
        }
        world.kill_server(false);
        world.start_server(false);
    }
}

/// P6: a retriever is told nothing twice and nothing old, whichever server it asks.
#[test]
fn p6_retrieval_goes_on_over_restarts() {
    let timing = Timing { session_timeout: ms(3000), disconnect_grace: ms(300) };
    for seed in 1..30 {
        let setup = Setup { seed, loud: false, timing, ..durable() };
        let (mut world, [(a, _), (b, of_b)]) = leader_and_follower(setup);
        let c = world.process("c");
        let watch = world.watch(c, "dispatcher");
        world.run_for(ms(100));
        let before = world.told_address(c, watch).expect("a is published");
        world.block(c, Direction::ToClient);
        world.kill(a);
        world.run_until("b leads", ms(400), |world| world.leads(b, of_b));
        let wait = world.pick((0, 3));
        world.run_for(ms(wait));
        world.kill_server(seed % 3 == 0);
        world.start_server(false);
        world.heal(c);
        world.run_for(ms(10_000));
        let told = &world.processes[c].watchers[&watch].told;
        assert!(told.len() <= 3, "{told:?}");
        assert_ne!(world.told_address(c, watch), Some(before));
        world.check_well();
    }
}
