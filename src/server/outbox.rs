//! What waits to be written to one connection.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Frames on their way to one client, bounded. The owner puts them in and, over plain TCP, writes
/// them at once where nothing waits: no other task has to wake for that.
pub(super) struct Outbox {
    inner: Mutex<Inner>,
    changed: Notify,
    direct: Option<Arc<TcpStream>>,
    limit: usize,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Bytes>,
    bytes: usize,
    end: Option<End>,
    failure: Option<io::ErrorKind>,
}

/// How the owner ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// What waits is written first.
    Close,
    /// At once: the client does not read.
    Cut,
}

/// What the connection's task is to do next.
pub(super) enum Next {
    Write(Bytes),
    Wait,
    End(End),
}

impl Outbox {
    pub(super) fn new(direct: Option<Arc<TcpStream>>, limit: usize) -> Self {
        Outbox { inner: Mutex::default(), changed: Notify::new(), direct, limit }
    }

    /// Sends a frame. False if with it too much waits: the client is cut.
    pub(super) fn send(&self, mut frame: Bytes) -> bool {
        let mut inner = self.inner.lock();
        if inner.end.is_some() {
            return true;
        }
        if inner.waiting.is_empty()
            && let Some(stream) = &self.direct
        {
            match stream.try_write(&frame) {
                Ok(written) => frame.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // An error is told only once: the connection's task must hear of this one.
                Err(error) => inner.failure = Some(error.kind()),
            }
        }
        if frame.is_empty() {
            return true;
        }
        inner.bytes += frame.len();
        inner.waiting.push_back(frame);
        if inner.bytes > self.limit {
            inner.end = Some(End::Cut);
            inner.waiting = VecDeque::new();
        }
        let kept = inner.end.is_none();
        drop(inner);
        self.changed.notify_one();
        kept
    }

    pub(super) fn close(&self) {
        self.inner.lock().end.get_or_insert(End::Close);
        self.changed.notify_one();
    }

    pub(super) fn next(&self) -> Next {
        let inner = self.inner.lock();
        match (inner.waiting.front(), inner.end) {
            (_, Some(End::Cut)) => Next::End(End::Cut),
            (Some(frame), _) => Next::Write(frame.clone()),
            (None, Some(end)) => Next::End(end),
            (None, None) => Next::Wait,
        }
    }

    /// So many bytes of the first frame are written.
    pub(super) fn advance(&self, written: usize) {
        let mut inner = self.inner.lock();
        inner.bytes = inner.bytes.saturating_sub(written);
        if let Some(first) = inner.waiting.front_mut() {
            first.advance(written.min(first.len()));
            if first.is_empty() {
                inner.waiting.pop_front();
            }
        }
        if inner.waiting.is_empty() {
            // An idle connection keeps no queue.
            inner.waiting = VecDeque::new();
        }
    }

    /// Waits until there may be something to do.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether the owner has ended the connection.
    pub(super) fn is_ended(&self) -> bool {
        self.inner.lock().end.is_some()
    }

    /// Writes all that waits, until it is done or ended.
    pub(super) async fn write_to(&self, stream: &TcpStream) -> io::Result<End> {
        loop {
            match self.next() {
                Next::Wait => self.changed().await,
                Next::End(end) => return Ok(end),
                Next::Write(frame) => {
                    if let Some(failure) = self.inner.lock().failure {
                        return Err(failure.into());
                    }
                    stream.writable().await?;
                    match stream.try_write(&frame) {
                        Ok(written) => self.advance(written),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }
}
