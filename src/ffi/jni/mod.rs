//! The natives of `io.leaderserver.Natives`, whose documentation says what each does.
//!
//! Each converts its arguments, calls one function of [`objects`](super::objects), and converts
//! the answer; a test compares their signatures with the Java file. None calls into Java but to
//! make the exception it throws, none keeps a reference to an object, and no thread of ours is ever
//! attached to the JVM.
//!
//! Outputs are written only on success; a callback that was begun is answered even if there is no
//! memory for its text.

mod client;
mod contender;
mod convert;
mod log;
mod server;
mod store;
mod throw;
mod watch;

/// What `Natives.ABI_VERSION` must be.
pub const ABI_VERSION: i32 = 2;

/// `contenderTake`, `contenderClose`.
pub const NOTHING: i32 = 0;
/// `contenderTake`.
pub const GRANT: i32 = 1;
/// `contenderTake`, `contenderClose`.
pub const REVOKE: i32 = 2;
/// `contenderTake`.
pub const FAILED: i32 = 3;

/// `contenderConfirm`.
pub const CONFIRMED: i32 = 0;
/// `contenderConfirm`.
pub const NOT_LEADER: i32 = 1;
/// `contenderConfirm`.
pub const CLOSED: i32 = 2;
/// `contenderConfirm`.
pub const ALREADY_CONFIRMED: i32 = 3;
/// `contenderConfirm`.
pub const ADDRESS_TOO_LONG: i32 = 4;

/// `watchTake`.
pub const NO_CHANGE: i32 = 0;
/// `watchTake`.
pub const LEADER: i32 = 1;
/// `watchTake`.
pub const NO_LEADER: i32 = 2;
