//! Events: fetched, or by callback.

use std::ffi::c_void;
use std::os::fd::IntoRawFd;
use std::time::{Duration, Instant};

use super::answer::{Failure, answer};
use super::callbacks::Callbacks;
use super::constants::{LS_FOREVER, LS_HAS_CALLBACK, LS_TIMEOUT};
use super::registrations::{News, Registration, Registrations, UserData};
use super::types::{ls_client, ls_error, ls_event, ls_event_callback, ls_finalizer};
use super::{buffers, read, registrations};
use crate::ffi::handle::Kind;
use crate::ffi::objects;

/// The longest wait in one piece.
const STEP: Duration = Duration::from_secs(1);

/// Takes the next event of a client's contenders and watches; waits for it at most `timeout_ms`, or
/// without end with LS_FOREVER.
///
/// A program whose contender does not call this for the client's `stall-timeout` is taken for
/// standing still, and gives up the leadership. Events of one contender or watch come in order; two
/// threads that take events of one client at a time must keep that order themselves.
///
/// LS_TIMEOUT: none came. LS_CLOSED: the client was closed, also while this waited.
/// LS_HAS_CALLBACK: the events go to a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_next_event(
    client: ls_client,
    timeout_ms: u32,
    event: *mut ls_event,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let event = read::sized(event, |event| &raw const (*event).size, "event")?;
            let registrations = registrations::of(read::kind(client, Kind::Client, "client")?)?;
            let (registration, news) = next(&registrations, timeout_ms)?;
            (*event).kind = news.kind;
            (*event).status = news.status;
            (*event).handle = registration.handle;
            (*event).user_data = registration.user.pointer();
            (*event).id = news.id;
            buffers::replace(&raw mut (*event).text, buffers::hand_out(&news.text));
            Ok(())
        })
    }
}

fn next(
    of: &Registrations,
    timeout_ms: u32,
) -> Result<(std::sync::Arc<Registration>, News), Failure> {
    let deadline = (timeout_ms != LS_FOREVER).then(|| Instant::now() + read::timeout(timeout_ms));
    loop {
        if of.callbacks().is_some() {
            return Err(Failure::new(LS_HAS_CALLBACK, "the client's events go to a callback"));
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let mut cookie = [0];
        let Some(count) = objects::client_poll(of.client(), &mut cookie, left.unwrap_or(STEP))?
        else {
            return Err(read::closed("the client"));
        };
        let found = cookie[..count].iter().find_map(|&cookie| of.by_cookie(cookie));
        if let Some(registration) = found
            && let Some(news) = registration.take()
        {
            // What is handed over counts as told: nobody says when it has been seen to.
            registration.done();
            of.retire(&registration);
            return Ok((registration, news));
        }
        if count == 0 && left.is_some_and(|left| left.is_zero()) {
            return Err(Failure::new(LS_TIMEOUT, "no event came in time"));
        }
    }
}

/// Writes a descriptor for poll(), select() or epoll that is readable while ls_next_event() has
/// something to answer: an event, or LS_CLOSED. It is readable, too, when it is time to call
/// ls_next_event() for the sake of `stall-timeout`; that may then answer LS_TIMEOUT. Only
/// ls_next_event() makes it unreadable: call that with a time-out of 0 until it answers LS_TIMEOUT,
/// and never read from the descriptor.
///
/// The descriptor is the caller's, who closes it with close(); it may outlive the client. Each call
/// makes one. Does not wait.
///
/// LS_CLOSED. LS_IO: there are too many descriptors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_client_descriptor(
    client: ls_client,
    descriptor: *mut i32,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let descriptor = read::output(descriptor, "descriptor")?;
            let client = read::kind(client, Kind::Client, "client")?;
            *descriptor = objects::client_event_descriptor(client)?.into_raw_fd();
            Ok(())
        })
    }
}

/// Has events called back, on threads of the library, instead of fetched. Once per client, and for
/// as long as it is open.
///
/// Callbacks of one contender or watch never overlap, and come in order; those of different ones
/// may run at the same time. One that blocks delays only its own contender or watch. Every function
/// may be called from inside. `event` and its text are the library's, and are gone when the
/// callback returns. A callback must return, and must not throw or longjmp out. Threads that run
/// callbacks have all signals blocked, and count as alive however long a callback takes.
///
/// `finalizer`, which may be null, is called with `user_data` once, after the client was closed and
/// the last callback has returned, on any thread. Where this call fails it is not called.
///
/// LS_CLOSED. LS_HAS_CALLBACK: there is one already. LS_IO: no thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_client_on_event(
    client: ls_client,
    callback: ls_event_callback,
    user_data: *mut c_void,
    finalizer: ls_finalizer,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            if callback.is_none() {
                return Err(read::invalid("callback", "is null"));
            }
            let registrations = registrations::of(read::kind(client, Kind::Client, "client")?)?;
            let callbacks = Callbacks::new(callback, UserData::new(user_data, finalizer));
            registrations.start(callbacks)
        })
    }
}
