//! The modules of `src/ffi` that threads share.

mod closing;
mod log_queue;
mod tables;

#[path = "../../../src/ffi/handle.rs"]
mod handle;
#[path = "../../../src/ffi/log.rs"]
mod log;
#[path = "../../../src/ffi/objects/mod.rs"]
mod objects;
#[path = "../../../src/ffi/options.rs"]
mod options;
#[path = "../../../src/ffi/panic.rs"]
mod panic;
