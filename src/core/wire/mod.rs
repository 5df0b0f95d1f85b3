//! The wire: what client and name service say to each other, bounded and versioned.
//!
//! [`message`] has the words as types that are valid by construction; [`codec`] turns them into the
//! protobuf of `proto/leaderserver.proto` and back, and refuses what breaks a bound; [`frame`] cuts
//! a byte stream into frames.

pub mod codec;
pub mod frame;
#[allow(missing_docs, clippy::all)]
#[rustfmt::skip]
mod generated;
pub mod message;

/// The status of a name service, as it goes over the wire and into JSON.
pub mod status {
    pub use super::generated::{
        CandidateStatus, ComponentStatus, ElectionStatus, NamespaceStatus, SessionStatus, Status,
    };
}

/// The lowest version of the wire that this build speaks.
pub const MIN_VERSION: u32 = 1;

/// The highest version of the wire that this build speaks.
pub const MAX_VERSION: u32 = 1;

/// The longest frame in bytes, without its length: a value of the store, which may take 1 MiB, and
/// what goes with it (key, election, epochs).
pub const MAX_FRAME: usize = 1024 * 1024 + 64 * 1024;

/// The longest first frame: nothing large is taken from somebody who has not said hello.
pub const MAX_FIRST_FRAME: usize = 64 * 1024;
