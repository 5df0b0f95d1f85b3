//! A connection that carries frames.

mod reading;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::tls::TlsStream;
use super::{Ended, socket};
use crate::core::error::Error;
use crate::core::wire::frame::FrameReader;
use reading::Read;
pub(super) use reading::Received;

/// How long the other end has to take what was sent before a close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// How much may be read and not yet worked off: beyond that nothing is read.
const MAX_UNPROCESSED: usize = 256 * 1024;

/// What a frame takes beside its own bytes.
const FRAME_OVERHEAD: usize = 64;

/// How often one connection reads before others have their turn.
const READS_PER_TURN: usize = 4;

/// One connection, shared by whoever sends on it and the one task that reads it.
///
/// [`Channel::send`] writes to the socket directly where it can; only what the socket does not take
/// waits in the outbox for the task, which is [`Channel::run`] and then, where something may still
/// be unsent, [`Channel::part`]. Idle, it holds no buffer.
#[derive(Debug)]
pub struct Channel {
    socket: TcpStream,
    is_tls: bool,
    max_unread: usize,
    state: Mutex<State>,
    /// A write has failed. The runtime need not have heard of it yet: reads ask the system.
    has_failed: AtomicBool,
    /// Wakes the task: there is something to flush, to close, or room to read again.
    wake: Notify,
    unprocessed: AtomicUsize,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    tls: Option<Box<TlsStream>>,
    /// What the socket has not taken, in order; the first may be the rest of a frame.
    outbox: VecDeque<Bytes>,
    unsent: usize,
    write_error: Option<io::Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// This end asked for the end: nothing more is sent or heard.
    Closing,
    /// More waits unread than may.
    Cut,
}

impl Channel {
    /// Takes over a connected socket. More than `max_unread` bytes waiting for an end that doesn't
    /// read end the connection.
    ///
    /// # Errors
    /// Of the system, where the connection is over already.
    pub fn new(
        socket: TcpStream,
        tls: Option<TlsStream>,
        max_unread: usize,
    ) -> io::Result<Channel> {
        socket::prepare(&socket)?;
        let is_tls = tls.is_some();
        let state = State {
            phase: Phase::Open,
            tls: tls.map(Box::new),
            outbox: VecDeque::new(),
            unsent: 0,
            write_error: None,
        };
        Ok(Channel {
            socket,
            is_tls,
            max_unread,
            state: Mutex::new(state),
            has_failed: AtomicBool::new(false),
            wake: Notify::new(),
            unprocessed: AtomicUsize::new(0),
        })
    }

    /// Sends a whole frame. Never blocks. Once the connection has ended, or was asked to, nothing
    /// happens.
    pub fn send(&self, mut frame: Bytes) {
        let mut state = self.state.lock();
        if state.phase != Phase::Open || state.write_error.is_some() {
            return;
        }
        if !self.is_tls && state.outbox.is_empty() {
            match self.socket.try_write(&frame) {
                Ok(written) if written == frame.len() => return,
                Ok(written) => frame.advance(written),
                Err(error) if is_transient(&error) => {}
                Err(error) => return self.write_failed(&mut state, error),
            }
        }
        state.unsent += frame.len();
        state.outbox.push_back(frame);
        if self.is_tls
            && let Err(error) = self.flush(&mut state)
        {
            return self.write_failed(&mut state, error);
        }
        if state.unsent > self.max_unread {
            state.phase = Phase::Cut;
            state.clear();
        }
        if state.has_unsent() || state.phase == Phase::Cut {
            self.wake.notify_one();
        }
    }

    /// Asks for the end: [`Channel::run`] answers [`Ended::Closed`].
    pub fn close(&self) {
        let mut state = self.state.lock();
        if state.phase == Phase::Open {
            state.phase = Phase::Closing;
            self.wake.notify_one();
        }
    }

    /// Whether the connection is open at this moment (R2).
    pub fn is_open(&self) -> bool {
        let state = self.state.lock();
        let open = state.phase == Phase::Open && state.write_error.is_none();
        open && socket::is_open(&self.socket)
    }

    /// A frame of that many bytes was worked off.
    pub fn processed(&self, size: usize) {
        let size = size + FRAME_OVERHEAD;
        let before = self.unprocessed.fetch_sub(size, Ordering::AcqRel);
        if before > MAX_UNPROCESSED && before - size <= MAX_UNPROCESSED {
            self.wake.notify_one();
        }
    }

    /// Reads and writes until the connection ends. `on_frame` is called with each frame, and every
    /// one is to be answered, sooner or later, with [`Channel::processed`] of its length.
    pub async fn run(
        &self,
        mut reader: FrameReader,
        mut on_frame: impl FnMut(Bytes) -> Result<(), Error>,
    ) -> Ended {
        loop {
            tokio::select! {
                biased;
                () = self.wake.notified() => {}
                ready = ready(&self.socket, self.interest()) => {
                    if let Err(error) = ready {
                        return Ended::Failed(error.to_string());
                    }
                }
            }
            if let Err(ended) = self.turn(&mut reader, &mut on_frame) {
                return ended;
            }
        }
    }

    /// What comes after [`Channel::run`]: gives the other end a moment to take what was sent, and
    /// throws away what it says. Closing at once would throw away what is on its way, too.
    pub async fn part(&self) {
        let phase = std::mem::replace(&mut self.state.lock().phase, Phase::Closing);
        if phase == Phase::Cut {
            return socket::discard_unsent(&self.socket);
        }
        // Whoever is not done by then is cut off.
        if tokio::time::timeout(CLOSE_PATIENCE, self.flush_and_drain()).await.is_err() {
            socket::discard_unsent(&self.socket);
        }
    }

    fn interest(&self) -> Option<Interest> {
        let writing = self.state.lock().has_unsent();
        let reading = self.unprocessed.load(Ordering::Acquire) <= MAX_UNPROCESSED;
        match (reading, writing) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        }
    }

    fn turn(
        &self,
        reader: &mut FrameReader,
        on_frame: &mut impl FnMut(Bytes) -> Result<(), Error>,
    ) -> Result<(), Ended> {
        {
            let mut state = self.state.lock();
            match state.phase {
                Phase::Open => {}
                Phase::Closing => return Err(Ended::Closed),
                Phase::Cut => {
                    let limit = self.max_unread;
                    let reason = format!("more than {limit} bytes wait for it, it does not read");
                    return Err(Ended::Failed(reason));
                }
            }
            if let Err(error) = self.flush(&mut state) {
                self.write_failed(&mut state, error);
            }
        }
        // What arrived before a failure is still heard, to the very end.
        let failed = self.has_failed.load(Ordering::Acquire);
        match self.read(reader, on_frame)? {
            Read::Paused => Ok(()),
            Read::More => {
                if failed {
                    self.wake.notify_one();
                }
                Ok(())
            }
            Read::Dry if !failed => Ok(()),
            Read::Dry => match &self.state.lock().write_error {
                Some(error) if error.kind() == ErrorKind::ConnectionReset => Err(Ended::Peer),
                Some(error) => Err(Ended::Failed(format!("it can't be written to: {error}"))),
                None => Ok(()),
            },
        }
    }

    /// Writes what the socket takes.
    fn flush(&self, state: &mut State) -> io::Result<()> {
        if state.write_error.is_some() {
            return Ok(());
        }
        loop {
            if let Some(tls) = &mut state.tls {
                match tls.flush(&self.socket) {
                    Ok(true) => {}
                    Ok(false) => return Ok(()),
                    Err(error) if is_transient(&error) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
            let Some(front) = state.outbox.front_mut() else { break };
            let written = match &mut state.tls {
                Some(tls) => tls.encrypt(front)?,
                None => match self.socket.try_write(front) {
                    Ok(written) => written,
                    Err(error) if is_transient(&error) => return Ok(()),
                    Err(error) => return Err(error),
                },
            };
            front.advance(written);
            let done = front.is_empty();
            state.unsent -= written;
            if done {
                state.outbox.pop_front();
            }
        }
        // An idle connection keeps no buffer.
        state.outbox = VecDeque::new();
        Ok(())
    }

    fn write_failed(&self, state: &mut State, error: io::Error) {
        state.clear();
        state.write_error.get_or_insert(error);
        self.has_failed.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    async fn flush_and_drain(&self) {
        let mut sending = true;
        loop {
            if sending {
                let mut state = self.state.lock();
                if self.flush(&mut state).is_err() || state.write_error.is_some() {
                    return;
                }
                if state.is_all_sent() {
                    sending = false;
                    socket::finish_sending(&self.socket);
                }
            }
            // A handshake that is not over goes on: what is to be sent comes after it.
            if self.discard(sending) {
                return;
            }
            let writing = sending && self.state.lock().has_unsent();
            let interest =
                if writing { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            if ready(&self.socket, Some(interest)).await.is_err() {
                return;
            }
        }
    }

    /// Throws away what came. Answers whether the connection is over.
    fn discard(&self, sending: bool) -> bool {
        for _ in 0..READS_PER_TURN {
            let received = if sending { self.receive(|_| {}) } else { self.receive_raw(|_| {}) };
            match received {
                Ok(0) => return true,
                Ok(_) => {}
                Err(Received::Io(error)) if is_transient(&error) => return false,
                Err(_) => return true,
            }
        }
        false
    }
}

impl State {
    /// Whether something waits for the socket.
    fn has_unsent(&self) -> bool {
        let waits = self.tls.as_ref().is_some_and(|tls| tls.wants_write());
        let handshaking = self.tls.as_ref().is_some_and(|tls| tls.is_handshaking());
        waits || (!self.outbox.is_empty() && !handshaking)
    }

    fn is_all_sent(&self) -> bool {
        self.outbox.is_empty() && !self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    fn clear(&mut self) {
        self.outbox = VecDeque::new();
        self.unsent = 0;
    }
}

async fn ready(socket: &TcpStream, interest: Option<Interest>) -> io::Result<()> {
    match interest {
        Some(interest) => socket.ready(interest).await.map(|_| ()),
        None => std::future::pending().await,
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
