//! Frames: four bytes of length, big-endian, then that many bytes.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{MAX_FIRST_FRAME, MAX_FRAME};
use crate::core::error::Error;

const HEADER: usize = 4;

/// Cuts a byte stream into frames.
///
/// Push what was read into [`FrameReader::buffer`], then call [`FrameReader::next_frame`] until it
/// answers `None`. After an error the stream has no meaning any more: close it.
#[derive(Debug)]
pub struct FrameReader {
    buffer: BytesMut,
    limit: usize,
}

impl Default for FrameReader {
    fn default() -> Self {
        FrameReader { buffer: BytesMut::new(), limit: MAX_FIRST_FRAME }
    }
}

impl FrameReader {
    /// For what a name service answers: it need not be known to be trusted with a long frame.
    pub fn for_answers() -> Self {
        FrameReader { buffer: BytesMut::new(), limit: MAX_FRAME }
    }

    /// Where to put what was read.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Keeps no memory while nothing is pending.
    pub fn release_if_empty(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    /// The next whole frame, without its length.
    ///
    /// # Errors
    /// [`Error::TooLarge`] as soon as a length over the limit is seen.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(header) = self.buffer.first_chunk::<HEADER>() else { return Ok(None) };
        let length = u32::from_be_bytes(*header) as usize;
        if length > self.limit {
            return Err(Error::TooLarge { what: "a frame", size: length, limit: self.limit });
        }
        if self.buffer.len() < HEADER + length {
            self.buffer.reserve(HEADER + length - self.buffer.len());
            return Ok(None);
        }
        self.limit = MAX_FRAME;
        self.buffer.advance(HEADER);
        let frame = self.buffer.split_to(length).freeze();
        self.release_if_empty();
        Ok(Some(frame))
    }
}

/// Puts the length before a message that `encode` writes.
///
/// # Errors
/// [`Error::TooLarge`] if it is longer than a frame may be.
pub fn write_frame(length: usize, encode: impl FnOnce(&mut BytesMut)) -> Result<Bytes, Error> {
    if length > MAX_FRAME {
        return Err(Error::TooLarge { what: "a frame", size: length, limit: MAX_FRAME });
    }
    let mut out = BytesMut::with_capacity(HEADER + length);
    out.put_u32(length as u32);
    encode(&mut out);
    debug_assert_eq!(out.len(), HEADER + length);
    Ok(out.freeze())
}
