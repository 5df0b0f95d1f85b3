//! The modules of `src/client` that threads share, and a client around them.

mod cells;
mod event_queue;
mod stand_in;
mod task;

#[path = "../../../src/client/events.rs"]
mod events;
#[path = "../../../src/client/handles.rs"]
mod handles;
#[path = "../../../src/client/leadership.rs"]
pub(crate) mod leadership;
#[path = "../../../src/client/readiness.rs"]
mod readiness;
#[path = "../../../src/client/registry.rs"]
mod registry;

pub(crate) use events::Polled;
pub(crate) use handles::{Contender, Watch};
pub(crate) use registry::Confirmation;
use stand_in::Shared;
pub(crate) use stand_in::{LeaderClient, Task};
