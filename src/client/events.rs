//! The queue of those who have something to take.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::readiness::Readiness;
use crate::sync::{Condvar, Mutex};

/// Cookies of contenders and watches that have something to take, each at most once; so it is
/// bounded by what is registered.
#[derive(Default)]
pub(super) struct EventQueue {
    inner: Mutex<Inner>,
    filled: Condvar,
}

#[derive(Default)]
struct Inner {
    ready: VecDeque<u64>,
    queued: HashSet<u64>,
    closed: bool,
    /// For those who wait for a descriptor, if there are any.
    readiness: Option<Readiness>,
}

/// What [`EventQueue::poll`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// So many cookies; 0 when the time was over.
    Ready(usize),
    /// The client was closed.
    Closed,
}

impl EventQueue {
    pub(super) fn push(&self, cookies: impl IntoIterator<Item = u64>) {
        let mut inner = self.inner.lock();
        let mut pushed = false;
        for cookie in cookies {
            if !inner.closed && inner.queued.insert(cookie) {
                inner.ready.push_back(cookie);
                pushed = true;
            }
        }
        if pushed {
            inner.show();
            self.filled.notify_one();
        }
    }

    pub(super) fn poll(&self, cookies: &mut [u64], timeout: Duration) -> Polled {
        let deadline = Instant::now() + timeout;
        let mut inner = self.inner.lock();
        while inner.ready.is_empty() && !inner.closed {
            if self.filled.wait_until(&mut inner, deadline).timed_out() {
                break;
            }
        }
        if inner.closed {
            return Polled::Closed;
        }
        let count = cookies.len().min(inner.ready.len());
        for place in &mut cookies[..count] {
            let cookie = inner.ready.pop_front().expect("counted above");
            inner.queued.remove(&cookie);
            *place = cookie;
        }
        if !inner.ready.is_empty() {
            self.filled.notify_one();
        }
        inner.show();
        Polled::Ready(count)
    }

    pub(super) fn close(&self) {
        let mut inner = self.inner.lock();
        let readiness = inner.readiness.take();
        *inner = Inner { closed: true, readiness, ..Inner::default() };
        inner.show();
        self.filled.notify_all();
    }

    /// A descriptor of the caller's that can be read while there is something to take, for ever once
    /// closed, and when there was no poll for `pulse`.
    pub(super) fn descriptor(&self, pulse: Option<Duration>) -> io::Result<OwnedFd> {
        let mut inner = self.inner.lock();
        let readiness = match inner.readiness.take() {
            Some(readiness) => readiness,
            None => Readiness::new(pulse)?,
        };
        let descriptor = readiness.descriptor();
        inner.readiness = Some(readiness);
        inner.show();
        descriptor
    }
}

impl Inner {
    /// Brings the descriptor in line.
    fn show(&self) {
        if let Some(readiness) = &self.readiness {
            readiness.show(self.closed || !self.ready.is_empty());
        }
    }
}
