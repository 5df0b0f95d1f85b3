//! A descriptor that shows whether there is something to take, for event loops.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

/// A timer of the kernel: one that has gone off can be read, until it is set anew. So one descriptor
/// says both that there is something and that it is time to ask (P9). It is never read.
pub(super) struct Readiness {
    timer: OwnedFd,
    pulse: Option<Duration>,
}

impl Readiness {
    pub(super) fn new(pulse: Option<Duration>) -> io::Result<Self> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: takes numbers only.
        let timer = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
        if timer < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: open, and nobody else's.
        let timer = unsafe { OwnedFd::from_raw_fd(timer) };
        Ok(Readiness { timer, pulse })
    }

    /// Another descriptor for the same: it outlives this one, and stays as it was last.
    pub(super) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.timer.try_clone()
    }

    /// Makes it readable at once, or not before the pulse.
    pub(super) fn show(&self, ready: bool) {
        let after = if ready { Some(Duration::from_nanos(1)) } else { self.pulse };
        // All zero stands still.
        let after = after.unwrap_or(Duration::ZERO);
        let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let value = libc::timespec {
            tv_sec: after.as_secs() as libc::time_t,
            tv_nsec: after.subsec_nanos() as libc::c_long,
        };
        let setting = libc::itimerspec { it_interval: never, it_value: value };
        // SAFETY: an open timer and a setting of this frame.
        let set =
            unsafe { libc::timerfd_settime(self.timer.as_raw_fd(), 0, &setting, ptr::null_mut()) };
        debug_assert_eq!(set, 0, "an open timer takes every time");
    }
}
