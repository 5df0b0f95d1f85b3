//! LeaderServer: a name service for leadership.
//!
//! | module | what it is |
//! |---|---|
//! | [`core`] | the pure machines: elections, sessions, contenders, wire |
//! | [`server`] | LeaderServer: the name service over TCP and within the process |
//! | [`client`] | LeaderClient: contend and watch, over any engine |
//! | [`net`], [`tls`] | connections that carry frames, and their encryption: what both ends share |
//! | [`clock`], [`runtime`], `sync` | the one clock, the one runtime, locks and atomics |
//! | [`ffi`] | the C ABI and JNI |
//!
//! `server` and `client` import `core`; `ffi` imports `client` and `server`; nothing imports `ffi`.

pub mod client;
pub mod clock;
pub mod core;
pub mod ffi;
pub mod net;
pub mod runtime;
pub mod server;
mod sync;
pub mod tls;
