//! The rules that keep the promises, each by the schedule that it answers. R5 is what
//! [`crate::bites`] breaks, R16 is in [`crate::store`], too.

mod connections;
mod copies;
mod disks;
mod durable;
mod leadership;
mod restarts;
mod undurable;

use crate::clock::MS;
use crate::world::{Setup, World};

/// A world whose servers have a disk.
fn durable() -> Setup {
    Setup { disk: Some((MS / 10, MS / 5)), ..Setup::default() }
}

/// The connection that a process has made last.
fn last_link(world: &World, i: usize) -> u64 {
    *world.links_of(i).last().expect("it is connected")
}
