//! The pure core: machines that take `(now, input)` and hand out outputs.
//!
//! Nothing here has a clock, a thread, a socket, a lock or randomness of its own. `server` and
//! `client` carry inputs in and outputs out; a test reads the imports and holds this.

#![forbid(unsafe_code)]

pub mod config;
pub mod contenders;
pub mod election;
pub mod error;
pub mod ids;
pub mod name_service;
pub mod records;
pub mod retrievers;
pub mod session;
pub mod store;
pub mod time;
pub mod wire;
