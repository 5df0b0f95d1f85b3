//! What the checks catch: the same worlds with an assumption of P1 broken on purpose (R5, R12), or
//! a shell or a disk that does not do its part. Each must fail, or the checks above prove nothing.
//!
//! Rules broken inside the machines are listed in `ARCHITECTURE.md` with what caught them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use leaderserver::core::ids::ConnectionId;
use leaderserver::core::name_service::ConnectionEnd;

use crate::clock::{Clock, MS, SEC, ms};
use crate::disk::Faithless;
use crate::net::Direction;
use crate::promises::leader_and_follower;
use crate::server;
use crate::world::{Setup, World};

/// The promise that the checks find broken, in one of some seeds.
fn broken(history: impl Fn(&mut World, [usize; 2])) -> String {
    broken_in(&Setup::default(), history)
}

fn broken_in(setup: &Setup, history: impl Fn(&mut World, [usize; 2])) -> String {
    for seed in 1..30 {
        let setup = Setup { seed, loud: false, ..setup.clone() };
        let (mut world, [(a, _), (b, _)]) = leader_and_follower(setup);
        let failed = catch_unwind(AssertUnwindSafe(|| history(&mut world, [a, b])));
        if let Err(panic) = failed {
            let text = panic.downcast_ref::<String>().expect("it says why");
            return text.split(':').next().unwrap_or_default().to_owned();
        }
    }
    "nothing".to_owned()
}

/// The other way round: with nothing broken, nothing is found.
#[test]
fn a_sound_world_passes() {
    let found = broken(|world, [a, _]| {
        world.block(a, Direction::ToClient);
        world.run_for(ms(15_000));
        world.heal(a);
        world.run_for(ms(15_000));
        world.check_well();
    });
    assert_eq!(found, "nothing");
}

/// A client's clock that runs 5 % slow: its lease outlives the server's patience.
#[test]
fn r5_clocks_beyond_the_bound_are_caught() {
    let found = broken(|world, [a, _]| {
        let now = world.now;
        let shown = world.moment(a).as_nanos();
        let slow = Clock::new(shown - now + now / 20, -50_000);
        world.processes[a].clock = slow;
        world.run_for(ms(10_000));
        world.partition(a);
        world.run_for(ms(15_000));
    });
    assert_eq!(found, "P1");
}

/// Somebody on the path forges a FIN: the server counts the grace, the client sees nothing.
#[test]
fn r5_a_forged_fin_is_caught() {
    let found = broken(|world, [a, _]| {
        let link = world.links_of(a)[0];
        world.server_input(server::Input::Ended(link, ConnectionEnd::Peer));
        world.run_for(ms(5000));
    });
    assert_eq!(found, "P1");
}

/// A guest whose hypervisor pauses it and its clock: then P2 alone protects, and it does.
#[test]
fn r5_a_clock_that_stands_still_is_caught() {
    let found = broken(|world, [a, _]| {
        let link = world.links_of(a)[0];
        world.lose(link);
        let shown = world.moment(a).as_nanos();
        world.pause(a, ms(15_000));
        world.run_for(ms(14_999));
        world.processes[a].clock = Clock::new(shown.saturating_sub(world.now), 0);
        world.run_for(ms(1000));
    });
    assert_eq!(found, "P1");
}

/// An operator starts the server cold although an earlier one has living clients.
#[test]
fn a_cold_start_with_living_clients_is_caught() {
    let found = broken(|world, [a, _]| {
        world.partition(a);
        world.kill_server(true);
        world.start_server(true);
        world.run_for(ms(15_000));
    });
    assert_eq!(found, "P1");
}

/// A shell that says that the connection is open without looking.
#[test]
fn a_shell_that_does_not_look_is_caught() {
    let found = broken(|world, [a, _]| {
        let link = world.links_of(a)[0];
        let conn = world.net.links[&link].conn;
        world.pause(a, ms(3000));
        world.reset_at_client(link);
        world.run_for(ms(2000));
        let now = world.moment(a);
        world.processes[a].session.handle_open(now, conn, now);
        world.carry_out_of(a);
        world.run_for(ms(5000));
    });
    assert_eq!(found, "P1");
}

// --- Durable servers

fn durable() -> Setup {
    Setup { disk: Some((MS / 10, MS / 5)), ..Setup::default() }
}

/// The leader steps down and the other is granted, again and again, with a kill in between.
fn change_hands(world: &mut World) {
    for _ in 0..5 {
        world.operator_resigns("process", None);
        world.run_for(ms(500));
        world.kill_server(false);
        world.start_server(false);
        world.run_for(ms(1500));
    }
    world.run_for(ms(20_000));
    world.check_well();
}

/// With a disk that does what it says nothing is found.
#[test]
fn a_sound_disk_passes() {
    assert_eq!(broken_in(&durable(), |world, _| change_hands(world)), "nothing");
}

/// A disk, or a shell before it, that says that a batch is durable which is not.
#[test]
fn a_disk_that_forgets_is_caught() {
    let found = broken_in(&durable(), |world, _| {
        world.disk().faithless = Some(Faithless::Forgets);
        change_hands(world);
    });
    assert_eq!(found, "R11");
}

/// A batch that is not all or nothing.
#[test]
fn a_torn_batch_is_caught() {
    let found = broken_in(&durable(), |world, _| {
        world.disk().faithless = Some(Faithless::Tears);
        change_hands(world);
    });
    assert_ne!(found, "nothing");
}

/// A shell that says so before the disk does.
#[test]
fn a_shell_that_does_not_wait_for_its_disk_is_caught() {
    let found = broken_in(&durable(), |world, _| {
        world.stall_disk();
        world.operator_resigns("process", None);
        world.run_for(ms(100));
        let now = world.now;
        let server = world.server.as_mut().expect("it runs");
        server.service.handle_committed(server.clock.at(now));
        world.drain_server();
    });
    assert_eq!(found, "R11");
}

/// Somebody starts a server on an old copy, and nobody has said that this may be.
#[test]
fn an_old_copy_is_caught() {
    let found = broken_in(&durable(), |world, [a, _]| {
        world.watch(a, "dispatcher");
        world.run_for(ms(100));
        let copy = world.disk().records();
        world.operator_resigns("process", None);
        world.run_for(ms(500));
        world.kill_server(false);
        world.disk().replace(copy);
        world.start_server(false);
        world.run_for(ms(3000));
    });
    assert_eq!(found, "R14");
}

/// Nobody has seen what came after the copy but a leader that is cut off: two servers on copies of
/// one directory are not supported, and this is why.
#[test]
fn an_old_copy_that_nobody_notices_is_caught() {
    let found = broken_in(&durable(), |world, [_, b]| {
        let copy = world.disk().records();
        world.operator_resigns("process", None);
        world.run_for(ms(500));
        world.partition(b);
        world.kill_server(false);
        world.disk().replace(copy);
        world.start_server(false);
        world.run_for(ms(3000));
    });
    assert_eq!(found, "P3");
}

/// The directory is lost, and the operator says that no client is left, though one is.
#[test]
fn a_cold_start_on_a_new_directory_is_caught() {
    let found = broken_in(&durable(), |world, [a, _]| {
        world.partition(a);
        world.kill_server(true);
        world.disk().replace(Vec::new());
        world.start_server(true);
        world.run_for(ms(15_000));
    });
    assert_eq!(found, "P1");
}

/// A shell that hands in a message of a connection after its end, and one of no connection, does
/// no harm.
#[test]
fn a_late_message_does_no_harm() {
    let found = broken(|world, [a, _]| {
        let now = world.now + SEC;
        world.run_to(now);
        let server = world.server.as_mut().expect("it runs");
        let moment = server.clock.at(now);
        server.service.handle_disconnected(moment, ConnectionId(99), ConnectionEnd::Peer);
        let link = world.links_of(a)[0];
        world.reset_at_client(link);
        world.run_for(ms(10_000));
        world.check_well();
    });
    assert_eq!(found, "nothing");
}
