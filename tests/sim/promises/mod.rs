//! The promises, each by its schedules. P1 is checked in every other test, too; P10 is in
//! [`crate::machines`], and P2 is the durable store's but for the client's share.

mod leading;
mod serving;

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
