//! Newtypes for everything that has a name or a number.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::error::Error;

/// The longest name (namespace, election, component, label) in bytes.
pub const MAX_NAME: usize = 1024;

/// The longest address in bytes: 65 536 UTF-16 units take at most 196 608 in UTF-8.
pub const MAX_ADDRESS: usize = 256 * 1024;

/// The election that all components of a process share (`per-process`).
pub const PROCESS_ELECTION: &str = "process";

/// The fencing token: per election strictly increasing, never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// Counts the changes of a name service's state, within one incarnation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// One life of a name service's state. Epochs and revisions are ordered only within one (R13).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u128);

/// A client's liveness at the name service; unique within an incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// What a client shows to resume its session. Secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionToken(pub u128);

/// A connection, as one end numbers its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// A client, as it calls itself towards the store: at random, so that no two are the same. Outlives
/// sessions, and is known to nobody else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u128);

/// Which of a client's successive candidacies in an election a grant answers. Chosen by the client,
/// growing, so that a grant for a candidacy that has been left is known as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidacy(pub u64);

/// The 128-bit id that Flink gets as `UUID`: the epoch in the high half, random in the low half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaderSessionId {
    /// The epoch of the grant.
    pub epoch: Epoch,
    /// Random.
    pub low: u64,
}

/// A name: of a namespace, an election, a component, or a label. Not empty, at most
/// [`MAX_NAME`] bytes. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// What a leader publishes for a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderInformation {
    /// The leader session id under which the address is valid.
    pub id: LeaderSessionId,
    /// Any bytes.
    pub address: Bytes,
}

impl Name {
    /// Checks and wraps a name; `key` says in the error what it is the name of.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if it is empty or too long.
    pub fn new(key: &'static str, text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::invalid(key, text, "give a name that is not empty"));
        }
        if text.len() > MAX_NAME {
            let start: String = text.chars().take(32).collect();
            return Err(Error::invalid(
                key,
                format!("{start}… ({} bytes)", text.len()),
                format!("give a name of at most {MAX_NAME} bytes"),
            ));
        }
        Ok(Name(Arc::from(text)))
    }

    /// The name of the election that all components of a process share.
    pub fn process_election() -> Self {
        Name(Arc::from(PROCESS_ELECTION))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whoever knows it could fetch the client's answers.
impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({:08x}…)", self.0 >> 96)
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

/// The form of `java.util.UUID.toString`.
impl fmt::Display for LeaderSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (high, low) = (self.epoch.0, self.low);
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}
