//! The reading half of a channel.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read as _};
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::{Channel, FRAME_OVERHEAD, MAX_UNPROCESSED, READS_PER_TURN, is_transient};
use crate::core::error::{Error, Refusal};
use crate::core::wire::frame::FrameReader;
use crate::net::{Ended, socket};

/// What is read at once, into memory that all connections of a thread share.
const SCRATCH: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

/// Whether there is more to read.
pub(super) enum Read {
    /// Not now.
    Dry,
    /// There may be.
    More,
    /// Too much is unprocessed.
    Paused,
}

/// Why nothing was received.
#[derive(Debug)]
pub(in crate::net) enum Received {
    /// The system's word, or that there is nothing now.
    Io(io::Error),
    /// What came breaks TLS.
    Tls(String),
}

impl From<io::Error> for Received {
    fn from(error: io::Error) -> Self {
        Received::Io(error)
    }
}

impl Channel {
    pub(super) fn read(
        &self,
        reader: &mut FrameReader,
        on_frame: &mut impl FnMut(Bytes) -> Result<(), Error>,
    ) -> Result<Read, Ended> {
        // Those that a pause has left come first: the socket may have no news any more.
        let mut paused = self.take_frames(reader, on_frame)?;
        for _ in 0..READS_PER_TURN {
            if paused {
                return Ok(Read::Paused);
            }
            match self.receive(|input| reader.buffer().extend_from_slice(input)) {
                Ok(0) => return Err(self.judge_end()),
                Ok(_) => paused = self.take_frames(reader, on_frame)?,
                Err(Received::Io(error)) if is_transient(&error) => return Ok(Read::Dry),
                Err(Received::Io(error)) if error.kind() == ErrorKind::ConnectionReset => {
                    return Err(Ended::Peer);
                }
                Err(Received::Io(error)) => return Err(Ended::Failed(error.to_string())),
                Err(Received::Tls(reason)) => return Err(Ended::Malformed(Error::Tls(reason))),
            }
        }
        Ok(Read::More)
    }

    /// Hands out all whole frames that were read. Answers whether too much is unprocessed for that.
    fn take_frames(
        &self,
        reader: &mut FrameReader,
        on_frame: &mut impl FnMut(Bytes) -> Result<(), Error>,
    ) -> Result<bool, Ended> {
        loop {
            if self.unprocessed.load(Ordering::Acquire) > MAX_UNPROCESSED {
                return Ok(true);
            }
            let frame = reader.next_frame().map_err(|error| Ended::Malformed(explain(error)))?;
            let Some(frame) = frame else { return Ok(false) };
            self.unprocessed.fetch_add(frame.len() + FRAME_OVERHEAD, Ordering::AcqRel);
            on_frame(frame).map_err(Ended::Malformed)?;
        }
    }

    /// Nothing more can be read: by the peer's FIN, unless a write found out first that the
    /// connection is over. The system tells the cause only once, and from then on reads end like
    /// this whatever it was, a time-out included (R1).
    fn judge_end(&self) -> Ended {
        match &self.state.lock().write_error {
            None => Ended::Peer,
            // An RST; after a FIN it shows as a broken pipe.
            Some(error)
                if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) =>
            {
                Ended::Peer
            }
            Some(error) => Ended::Failed(error.to_string()),
        }
    }

    /// Reads once. Answers how much came over the network: nothing at the end. With TLS, that may
    /// be more or less than what `take` gets.
    pub(super) fn receive(&self, mut take: impl FnMut(&[u8])) -> Result<usize, Received> {
        if !self.is_tls {
            return self.receive_raw(take);
        }
        BUFFER.with_borrow_mut(|scratch| {
            let mut state = self.state.lock();
            let tls = state.tls.as_mut().expect("a connection with TLS keeps it");
            let size = tls.receive(self.input(), scratch, &mut take);
            // The handshake answers what it reads, and an alert says why it fails.
            if let Err(error) = self.flush(&mut state) {
                self.write_failed(&mut state, error);
            }
            size
        })
    }

    fn input(&self) -> socket::Input<'_> {
        socket::Input { socket: &self.socket, now: self.has_failed.load(Ordering::Acquire) }
    }

    pub(super) fn receive_raw(&self, mut take: impl FnMut(&[u8])) -> Result<usize, Received> {
        BUFFER.with_borrow_mut(|scratch| {
            let size = self.input().read(scratch)?;
            take(&scratch[..size]);
            Ok(size)
        })
    }
}

/// A length that is none shows what the other end speaks instead.
fn explain(error: Error) -> Error {
    let Error::TooLarge { size, .. } = &error else { return error };
    let start = (*size as u32).to_be_bytes();
    let speaks = match &start {
        [0x14..=0x17, 3, ..] => "TLS, which is off at this end",
        b"GET " | b"POST" | b"PUT " | b"HEAD" | b"OPTI" | b"HTTP" => "HTTP",
        _ => return error,
    };
    Error::Refused {
        code: Refusal::Protocol,
        reason: format!("the other end of the connection speaks {speaks}: check the port"),
    }
}
