//! The C functions. `include/leaderserver.h` is made from these files: their comments are written
//! for its reader, and what holds for all functions is said once, at its beginning
//! (`cbindgen.toml`).
//!
//! | module | what it is |
//! |---|---|
//! | `constants`, `types` | status numbers and structs |
//! | `library`, `server`, `client`, `contender`, `watch`, `events` | the functions |
//! | `store`, `transaction`, `log` | more of them |
//! | `answer`, `read`, `buffers` | from results to status numbers, from pointers to values |
//! | `registrations` | what an event's cookie stands for |
//! | `callbacks` | threads that run the callbacks of a client |
//! | `fork` | notices that the process was forked |
//!
//! All but pointers is [`objects`](super::objects), as in JNI. A function reads its arguments,
//! calls what does the work, and writes its outputs: these last, and only on success.

// The names are those of the header, and what a pointer must be is said at its beginning.
#![allow(non_camel_case_types, clippy::missing_safety_doc)]

mod answer;
mod buffers;
mod callbacks;
pub mod client;
pub mod constants;
pub mod contender;
pub mod events;
mod fork;
pub mod library;
pub mod log;
mod read;
mod registrations;
pub mod server;
pub mod store;
pub mod transaction;
pub mod types;
pub mod watch;

/// How much C was handed out and has not closed or freed: buffers, contenders and watches, lists,
/// transactions. For tests that look for what is left over.
pub fn counts() -> [usize; 4] {
    [buffers::count(), registrations::count(), store::count(), transaction::count()]
}
