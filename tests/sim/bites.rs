//! What the checks catch: the same worlds with an assumption of P1 broken on purpose (R5, R12), or
//! a shell that does not do its part. Each must fail, or the checks above prove nothing.
//!
//! Rules broken inside the machines are listed in `ARCHITECTURE.md` with what caught them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use leaderserver::core::ids::ConnectionId;
use leaderserver::core::name_service::ConnectionEnd;

use crate::clock::{Clock, SEC, ms};
use crate::net::Direction;
use crate::promises::leader_and_follower;
use crate::server;
use crate::world::{Setup, World};

/// The promise that the checks find broken, in one of some seeds.
fn broken(history: impl Fn(&mut World, [usize; 2])) -> String {
    for seed in 1..30 {
        let setup = Setup { seed, loud: false, ..Setup::default() };
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
fn clocks_beyond_the_bound_are_caught() {
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
fn a_forged_fin_is_caught() {
    let found = broken(|world, [a, _]| {
        let link = world.links_of(a)[0];
        world.server_input(server::Input::Ended(link, ConnectionEnd::Peer));
        world.run_for(ms(5000));
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
