//! The durable storage through its public handle: real files, real processes that are killed, bytes
//! that are changed on purpose. Every random choice comes from a seed that is printed on failure.
//!
//! `STORAGE_KILLS=n` kills so many times, `STORAGE_TRIALS=n` damages so many times a scenario,
//! `STORAGE_SEED=n` starts elsewhere.

#![allow(clippy::unwrap_used)]

mod backups;
mod child;
mod damage;
mod full;
mod hostile;
mod kills;
mod model;
mod owner;
mod power;
