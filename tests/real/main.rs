//! Real processes: one durable `leaderserver serve`, agents in C and in Java, and the command line,
//! each in a network namespace of its own. Paths are cut, slow, or lose packets; processes are
//! stopped and killed; the disk is full. What the processes say is held against the same promises
//! as in the simulation.
//!
//! `make test-real` builds what is run and then this. `REAL_ROUNDS=2000 REAL_SEED=1 make test-real`
//! for more; a failure names the seed of its round, which has the same faults at the same times
//! again, though not the same history.

#![allow(clippy::unwrap_used)]

mod agent;
mod built;
mod cell;
mod check;
mod faults;
mod history;
mod meeting;
mod random;
mod rounds;
mod scenarios;
mod server;
mod space;
mod timing;
mod view;
mod wire;
