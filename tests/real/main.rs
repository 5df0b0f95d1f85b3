//! Real processes: one durable `leaderserver serve`, agents in C and in Java, and the command line,
//! each in a network namespace of its own. Paths are cut, slow, or lose packets; processes are
//! stopped and killed; the disk is full. What the processes say is held against the same promises
//! as in the simulation.
//!
//! `make test-real` builds what is run and then this. `REAL_ROUNDS=2000 REAL_SEED=1 make test-real`
//! for more; a failure names the seed of its round, which has the same faults at the same times
//! again, though not the same history.

//!
//! | module | |
//! |---|---|
//! | `space`, `wire` | namespaces, a small disk, and the network between them |
//! | `agent`, `server`, `built` | the processes, what they are built of, and what they say |
//! | `cell`, `faults`, `rounds` | a set of processes, and rounds of faults from a seed |
//! | `history`, `check`, `view` | what was said, what must hold of it, and what it comes to |
//! | `scenarios`, `meeting` | single faults with what must follow |
//!
//! Shown to fail, by P1: with a lease of twice the session time-out; with no step down before the
//! grace is over; with a has-leadership that does not look at the clock; with a server that ends
//! sessions at half their time-out. By P2: without the fence; with answers given before they are
//! durable, which clients also notice by themselves (R14: an old copy, so nobody leads: P4). By
//! R16: with retries that are applied anew. By P6: with a value that is told again. Each within 60
//! rounds, but for the durable answers, which took 120.

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
