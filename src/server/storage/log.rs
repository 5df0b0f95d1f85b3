//! The log: every commit is one frame, written behind the last and synced.
//!
//! A log is a block that says where it begins, then frames, then zeros to its end: the room for
//! commits to come is written beforehand, for a sync of bytes overwritten in place needs no change of
//! the file's own data and takes half the time. A frame names its commit's number and carries a hash
//! over its bytes and the hash of the frame before: the chain. So a frame that is broken, missing, out
//! of another directory or of an earlier life of the file is known as such.
//!
//! A commit is written once the one before it is synced. So what is broken is either the last thing
//! written, never acknowledged, or damage; which one, the marker and the frames behind it tell
//! (`load`).

mod reader;
mod writer;

pub use reader::{Reader, Rest};
pub use writer::{Writer, clear, create, start};

use super::block::{BLOCK, Fields, Hash, halves, hash, whole};
use super::{Change, FORMAT};

/// The most bytes that one commit may have.
pub const LARGEST: usize = 256 << 20;

/// No commit has a greater number: a million a second would take as many years to come there.
pub const LAST_NUMBER: u64 = 1 << 62;

const HEAD: &[u8; 8] = b"ls log 1";
const FRAME: &[u8; 8] = b"ls frame";
/// letters, number, length, spare, chain before, chain.
const FRAME_HEAD: usize = 64;
const CHAIN_AT: usize = 48;
/// Frames begin at multiples of it.
const ALIGNED: u64 = 16;
/// Where the first frame begins.
pub const FIRST_FRAME: u64 = BLOCK as u64;
const DELETED: u32 = u32::MAX;

/// The head of a log in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Of which directory.
    pub instance: Hash,
    /// The number of its first frame.
    pub first: u64,
    /// The chain before that.
    pub before: Hash,
}

impl Head {
    fn numbers(&self) -> [u64; 6] {
        let [low, high] = halves(self.instance);
        let [before_low, before_high] = halves(self.before);
        [u64::from(FORMAT), low, high, self.first, before_low, before_high]
    }

    fn from(fields: &Fields) -> Head {
        Head { instance: whole(&fields[1..3]), first: fields[3], before: whole(&fields[4..6]) }
    }
}

/// The bytes of a frame, and the chain's new end.
fn frame(
    buffer: &mut Vec<u8>,
    instance: Hash,
    number: u64,
    before: Hash,
    changes: &[Change],
) -> Hash {
    buffer.clear();
    buffer.extend_from_slice(FRAME);
    buffer.extend_from_slice(&number.to_le_bytes());
    buffer.resize(FRAME_HEAD, 0);
    for change in changes {
        let length = change.value.as_ref().map_or(DELETED, |value| value.len() as u32);
        buffer.extend_from_slice(&(change.key.len() as u32).to_le_bytes());
        buffer.extend_from_slice(&length.to_le_bytes());
        buffer.extend_from_slice(&change.key);
        buffer.extend_from_slice(change.value.as_deref().unwrap_or_default());
    }
    let length = (buffer.len() - FRAME_HEAD) as u64;
    buffer.resize(buffer.len().next_multiple_of(ALIGNED as usize), 0);
    buffer[16..24].copy_from_slice(&length.to_le_bytes());
    buffer[32..CHAIN_AT].copy_from_slice(&before.to_le_bytes());
    let chain = chain(instance, buffer);
    buffer[CHAIN_AT..FRAME_HEAD].copy_from_slice(&chain.to_le_bytes());
    chain
}

/// Over all of a frame but the place of the hash itself, and over whose it is.
fn chain(instance: Hash, frame: &[u8]) -> Hash {
    let mut parts = [0; CHAIN_AT + 32];
    parts[..CHAIN_AT].copy_from_slice(&frame[..CHAIN_AT]);
    parts[CHAIN_AT..CHAIN_AT + 16].copy_from_slice(&instance.to_le_bytes());
    parts[CHAIN_AT + 16..].copy_from_slice(&hash(&frame[FRAME_HEAD..]).to_le_bytes());
    hash(&parts)
}

/// A key, and its new value unless it is deleted.
pub type Changed<'a> = (&'a [u8], Option<&'a [u8]>);

/// Copies of them.
pub fn owned(changes: Vec<Changed>) -> impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)> {
    changes.into_iter().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)))
}

/// The changes of a frame's body. None if it is malformed.
pub fn changes(mut body: &[u8]) -> Option<Vec<Changed<'_>>> {
    let mut found = Vec::new();
    while !body.is_empty() {
        let (lengths, rest) = body.split_at_checked(8)?;
        let key = u32::from_le_bytes(lengths[..4].try_into().ok()?) as usize;
        let value = u32::from_le_bytes(lengths[4..].try_into().ok()?);
        let (key, rest) = rest.split_at_checked(key)?;
        if value == DELETED {
            found.push((key, None));
            body = rest;
        } else {
            let (value, rest) = rest.split_at_checked(value as usize)?;
            found.push((key, Some(value)));
            body = rest;
        }
    }
    Some(found)
}
