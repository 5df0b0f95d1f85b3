//! Bytes that are handed out. What names their memory is a handle: freeing twice, or freeing
//! garbage, does nothing.

use std::ffi::c_char;

use super::types::ls_bytes;
use crate::ffi::handle::{Kind, Object, Table};

static BUFFERS: Table<Buffer> = Table::new();

/// With a zero byte at the end.
struct Buffer {
    bytes: Box<[u8]>,
}

impl Object for Buffer {
    const KIND: Kind = Kind::Bytes;
    const NAME: &'static str = "buffer";

    fn abandon(&self) {}
}

/// How many are handed out. For tests that look for what is left over.
pub(super) fn count() -> usize {
    BUFFERS.len()
}

/// A copy of `bytes`, the caller's until it is freed.
pub(super) fn hand_out(bytes: &[u8]) -> ls_bytes {
    if bytes.is_empty() {
        return empty();
    }
    let buffer = Buffer { bytes: ended(bytes) };
    let data = buffer.bytes.as_ptr().cast();
    ls_bytes { data, length: bytes.len(), owner: BUFFERS.insert(buffer) }
}

/// Nothing, which needs no freeing.
pub(super) fn empty() -> ls_bytes {
    ls_bytes { data: c"".as_ptr(), length: 0, owner: 0 }
}

/// Bytes lent for a callback: with the zero byte.
pub(super) struct Lent(Box<[u8]>);

impl Lent {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Lent(ended(bytes))
    }

    pub(super) fn bytes(&self) -> ls_bytes {
        let data = self.0.as_ptr().cast::<c_char>();
        ls_bytes { data, length: self.0.len() - 1, owner: 0 }
    }
}

/// Puts `new` into the place, and frees what was handed out there before.
///
/// # Safety
/// `place` can be read and written.
pub(super) unsafe fn replace(place: *mut ls_bytes, new: ls_bytes) {
    // SAFETY: as the caller says; any bits are a struct of this type.
    let old = unsafe { place.replace(new) };
    free(old.owner);
}

/// Frees by handle; does nothing for others.
pub(super) fn free(owner: u64) {
    BUFFERS.remove(owner);
}

fn ended(bytes: &[u8]) -> Box<[u8]> {
    let mut ended = Vec::with_capacity(bytes.len() + 1);
    ended.extend_from_slice(bytes);
    ended.push(0);
    ended.into_boxed_slice()
}
