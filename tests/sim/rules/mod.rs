//! The rules that keep the promises, each by the schedule that it answers. R10, R11, R14 and R16
//! are the durable store's, R5 is what [`crate::bites`] breaks.

mod connections;
mod leadership;
mod restarts;

use crate::world::World;

/// The connection that a process has made last.
fn last_link(world: &World, i: usize) -> u64 {
    *world.links_of(i).last().expect("it is connected")
}
