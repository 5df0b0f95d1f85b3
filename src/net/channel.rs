//! A connection that carries frames.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::tls::TlsStream;
use super::{Ended, socket};
use crate::core::error::{Error, Refusal};
use crate::core::wire::frame::FrameReader;

/// How long the other end has to take what was sent before a close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// How much may be read and not yet worked off: beyond that nothing is read.
const MAX_UNPROCESSED: usize = 256 * 1024;

/// What a frame takes beside its own bytes.
const FRAME_OVERHEAD: usize = 64;

/// What is read at once, into memory that all connections of a thread share.
const SCRATCH: usize = 64 * 1024;

/// How often one connection reads before others have their turn.
const READS_PER_TURN: usize = 4;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

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

/// Whether there is more to read.
enum Read {
    /// Not now.
    Dry,
    /// There may be.
    More,
    /// Too much is unprocessed.
    Paused,
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
        match self.read(reader, on_frame)? {
            Read::More | Read::Paused => Ok(()),
            Read::Dry => match &self.state.lock().write_error {
                None => Ok(()),
                Some(error) if error.kind() == ErrorKind::ConnectionReset => Err(Ended::Peer),
                Some(error) => Err(Ended::Failed(format!("it can't be written to: {error}"))),
            },
        }
    }

    fn read(
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
    fn receive(&self, mut take: impl FnMut(&[u8])) -> Result<usize, Received> {
        if !self.is_tls {
            return self.receive_raw(take);
        }
        BUFFER.with_borrow_mut(|scratch| {
            let mut state = self.state.lock();
            let tls = state.tls.as_mut().expect("a connection with TLS keeps it");
            let size = tls.receive(&self.socket, scratch, &mut take);
            // The handshake answers what it reads, and an alert says why it fails.
            if let Err(error) = self.flush(&mut state) {
                self.write_failed(&mut state, error);
            }
            size
        })
    }

    fn receive_raw(&self, mut take: impl FnMut(&[u8])) -> Result<usize, Received> {
        BUFFER.with_borrow_mut(|scratch| {
            let size = socket::read(&self.socket, scratch)?;
            take(&scratch[..size]);
            Ok(size)
        })
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

/// Why nothing was received.
#[derive(Debug)]
pub enum Received {
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

async fn ready(socket: &TcpStream, interest: Option<Interest>) -> io::Result<()> {
    match interest {
        Some(interest) => socket.ready(interest).await.map(|_| ()),
        None => std::future::pending().await,
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
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
