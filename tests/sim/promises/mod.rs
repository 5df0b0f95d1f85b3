//! The promises, a file each, by named schedules; P10 is in [`crate::machines`]. What must hold at
//! every step of all tests, these and the walk, is in [`crate::check`].

mod p1_one_leader;
mod p2_fencing;
mod p3_grant_revoke_grant;
mod p4_liveness;
mod p5_no_flapping;
mod p6_retrieval;
mod p7_own_component;
mod p8_slow_users;
mod p9_stalls;

use leaderserver::core::contenders::RegistrationId;

use crate::clock::ms;
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
