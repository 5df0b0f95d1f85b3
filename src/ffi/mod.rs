//! The boundary: what other languages call.
//!
//! | module | what it is |
//! |---|---|
//! | [`handle`] | numbers instead of pointers, and the tables behind them |
//! | [`objects`] | what can be done with a handle, the same for every language |
//! | [`options`] | names and values, keys and certificates, as they come in |
//! | [`status`] | the numbers of the error kinds |
//! | [`panic`](mod@panic) | no panic leaves an export |
//! | [`log`](mod@log) | log records wait here until they are fetched |
//! | [`c`] | the functions of `leaderserver.h` |
//! | [`jni`] | the natives of `io.leaderserver.Natives` |
//!
//! Whoever embeds the library fetches events and log records; callbacks, which C has too, are threads
//! that fetch them. `unsafe` is needed here only for what the other language hands over.

pub mod c;
pub mod handle;
pub mod jni;
pub mod log;
pub mod objects;
pub mod options;
pub mod panic;
pub mod status;
