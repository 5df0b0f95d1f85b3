//! A durable server as its users have it: the built program on a directory, killed and started
//! again, and clients who must not notice.

#![allow(clippy::unwrap_used)]

mod full;
mod kills;
mod program;
mod restarts;
