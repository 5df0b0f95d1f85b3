//! The simulation: the pure machines of `core` in a virtual world.
//!
//! One server, several processes, a network, clocks that run apart, and users who take their
//! callbacks late: all of it in one thread, on virtual time, from one seed. The same seed gives the
//! same history. What the promises of the design say is checked after every step, so a test says
//! only what happens, and what it means beyond that.
//!
//! | file | what it is |
//! |---|---|
//! | [`world`] | the queue of events, and what a test calls |
//! | [`net`], [`server`], [`process`], [`outputs`], [`users`] | what the shells do |
//! | [`disk`] | what outlives a durable server |
//! | [`life`], [`lives`] | what befalls processes and servers |
//! | [`ambush`] | what befalls them at the worst moment |
//! | [`check`] | one invariant a file |
//! | [`walk`] | the random walk: `SEEDS=n` for more of it, `SEED=n` for one, with its trace |
//! | [`coverage`] | what a walk must come by, and how often it did |
//! | [`promises`], [`rules`], [`lessons`] | named schedules, a file per promise |
//! | [`machines`] | the machines by themselves, and what comes from who keeps to no rule |
//! | [`bites`] | what the checks catch when an assumption is broken |
//!
//! A seed that fails is run again with its trace, which is what the test prints.

mod ambush;
mod bites;
mod check;
mod clock;
mod coverage;
mod disk;
mod lessons;
mod life;
mod lives;
mod machines;
mod net;
mod outputs;
mod process;
mod promises;
mod rules;
mod server;
mod store;
mod trace;
mod users;
mod walk;
mod world;
