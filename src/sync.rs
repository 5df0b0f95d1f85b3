//! What threads share memory with, in the modules whose schedules are tried one by one.
//!
//! `tests/threads` compiles those very files a second time, in a crate whose `sync` is made of
//! loom's types: so what is shipped is what is tried, and nothing of it is switched by a flag.
//! Whatever they share must come from here.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
pub(crate) use std::sync::{Arc, OnceLock};

pub(crate) use parking_lot::{Condvar, Mutex, RwLock};

/// So many of something that is made ahead; under loom there are fewer.
pub(crate) const fn so_many(number: usize) -> usize {
    number
}

/// A static that threads share; under loom each schedule has one of its own.
macro_rules! shared {
    ($($(#[$about:meta])* static $name:ident: $type:ty = $value:expr;)+) => {
        $($(#[$about])* static $name: $type = $value;)+
    };
}
pub(crate) use shared;
