//! Signals: stop in good order at the first, at once at the second.

use std::io;
use std::mem::MaybeUninit;

/// SIGINT and SIGTERM, kept for [`StopSignals::wait`].
pub struct StopSignals {
    set: libc::sigset_t,
}

impl StopSignals {
    /// Keeps the signals from ending the process. To be called before any thread is started: only
    /// threads started afterwards keep them, too.
    pub fn keep() -> io::Result<Self> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigemptyset makes the set valid before anything reads it; the other calls get
        // valid pointers to it.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGINT);
            libc::sigaddset(set.as_mut_ptr(), libc::SIGTERM);
            let set = set.assume_init();
            match libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) {
                0 => Ok(StopSignals { set }),
                error => Err(io::Error::from_raw_os_error(error)),
            }
        }
    }

    /// Waits for the next of them.
    pub fn wait(&self) -> &'static str {
        let mut signal = 0;
        // SAFETY: both pointers are valid; the set is one that sigwait can wait for.
        unsafe { libc::sigwait(&self.set, &mut signal) };
        match signal {
            libc::SIGINT => "SIGINT",
            _ => "SIGTERM",
        }
    }

    /// From here on, the next of them ends the process at once.
    pub fn let_go(&self) {
        // SAFETY: the pointer is valid.
        unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &self.set, std::ptr::null_mut()) };
    }
}

/// Ends as a program does that knows nothing of SIGPIPE: quietly, with the status that shells know.
pub fn die_of_closed_pipe() -> ! {
    // SAFETY: a default action and a signal to oneself.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::raise(libc::SIGPIPE);
    }
    // Only where somebody blocks that signal.
    std::process::exit(128 + libc::SIGPIPE)
}
