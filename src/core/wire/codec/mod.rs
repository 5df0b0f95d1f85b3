//! Between the words of [`super::message`] and the protobuf of `proto/leaderserver.proto`.
//!
//! What comes from the network is untrusted: it becomes a message only after every bound was
//! checked, and an error says which one was broken. What goes out is valid by construction but for
//! sizes, which are checked here.

mod decode;
mod encode;
mod store;

use std::time::Duration;

use super::generated as proto;
use crate::core::config::Mode;
use crate::core::error::{Error, Refusal};

pub use decode::{decode_client, decode_server};
pub use encode::{encode_client, encode_server};

/// The longest text that is neither a name nor an address, in bytes: reasons, socket addresses.
const MAX_TEXT: usize = 1024;

/// The longest duration, a year: beyond that somebody meant another unit.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 3600);

fn malformed(reason: impl Into<String>) -> Error {
    Error::Refused { code: Refusal::Protocol, reason: reason.into() }
}

/// Cuts a text to [`MAX_TEXT`], between characters.
fn shorten(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|&end| text.is_char_boundary(end));
        text.truncate(end.unwrap_or(0));
    }
    text
}

impl From<Refusal> for proto::Refusal {
    fn from(code: Refusal) -> Self {
        match code {
            Refusal::Version => proto::Refusal::Version,
            Refusal::Namespace => proto::Refusal::Namespace,
            Refusal::Token => proto::Refusal::Token,
            Refusal::Timing => proto::Refusal::Timing,
            Refusal::Mode => proto::Refusal::Mode,
            Refusal::StaleAttempt => proto::Refusal::StaleAttempt,
            Refusal::Stopping => proto::Refusal::Stopping,
            Refusal::Limit => proto::Refusal::Limit,
            Refusal::Protocol => proto::Refusal::Protocol,
            Refusal::OldCopy => proto::Refusal::OldCopy,
        }
    }
}

/// A code that this build does not know comes from a newer server: its words say what it is.
fn refusal(code: i32) -> Refusal {
    match proto::Refusal::try_from(code) {
        Ok(proto::Refusal::Version) => Refusal::Version,
        Ok(proto::Refusal::Namespace) => Refusal::Namespace,
        Ok(proto::Refusal::Token) => Refusal::Token,
        Ok(proto::Refusal::Timing) => Refusal::Timing,
        Ok(proto::Refusal::Mode) => Refusal::Mode,
        Ok(proto::Refusal::StaleAttempt) => Refusal::StaleAttempt,
        Ok(proto::Refusal::Stopping) => Refusal::Stopping,
        Ok(proto::Refusal::Limit) => Refusal::Limit,
        Ok(proto::Refusal::OldCopy) => Refusal::OldCopy,
        Ok(proto::Refusal::Protocol | proto::Refusal::Unspecified) | Err(_) => Refusal::Protocol,
    }
}

impl From<Mode> for proto::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::PerProcess => proto::Mode::PerProcess,
            Mode::PerComponent => proto::Mode::PerComponent,
        }
    }
}

fn mode(code: i32) -> Result<Mode, Error> {
    match proto::Mode::try_from(code) {
        Ok(proto::Mode::PerProcess) => Ok(Mode::PerProcess),
        Ok(proto::Mode::PerComponent) => Ok(Mode::PerComponent),
        Ok(proto::Mode::Unspecified) | Err(_) => {
            Err(malformed(format!("mode {code} is neither per-process nor per-component")))
        }
    }
}
