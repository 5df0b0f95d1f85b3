//! From results to status numbers and [`ls_error`].

use std::ffi::c_char;
use std::ptr;

use super::constants::{LS_FORKED, LS_OK};
use super::fork;
use super::types::ls_error;
use crate::core::error::Error;
use crate::ffi::{panic, status};

/// Why a function gives up.
#[derive(Debug)]
pub(super) struct Failure {
    status: i32,
    version: u64,
    text: String,
}

impl Failure {
    pub(super) fn new(status: i32, text: impl Into<String>) -> Self {
        Failure { status, version: 0, text: text.into() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure {
            status: status::code(&error),
            version: status::version(&error),
            text: error.to_string(),
        }
    }
}

/// Runs what a function does, unless in a forked child; answers its status.
///
/// # Safety
/// `error` is null or as the header says.
pub(super) unsafe fn answer(
    error: *mut ls_error,
    work: impl FnOnce() -> Result<(), Failure>,
) -> i32 {
    if fork::is_child() {
        let text = "this process was forked after the library was used: call exec, or use the \
                    library only after the fork";
        // SAFETY: as the caller says.
        return unsafe { report(error, &Failure::new(LS_FORKED, text)) };
    }
    let result = panic::catch(|| {
        panic::may_be_injected(panic::Place::Export);
        work()
    });
    let failure = match result {
        Ok(Ok(())) => return LS_OK,
        Ok(Err(failure)) => failure,
        Err(text) => Failure::from(Error::Internal(text)),
    };
    // SAFETY: as the caller says.
    unsafe { report(error, &failure) }
}

/// Writes a failure for the caller, if there is where to; answers its status.
///
/// # Safety
/// `error` is null or as the header says.
unsafe fn report(error: *mut ls_error, failure: &Failure) -> i32 {
    // SAFETY: not null; the caller set its size, by which the rest is known to be there.
    unsafe {
        if error.is_null() || !error.is_aligned() || (*error).size < size_of::<ls_error>() {
            return failure.status;
        }
        let room = (*error).text.len() - 1;
        let text = &failure.text;
        let fits = |end: &usize| text.is_char_boundary(*end);
        let length = (0..=room.min(text.len())).rev().find(fits).unwrap_or(0);
        let place = (&raw mut (*error).text).cast::<c_char>();
        ptr::copy_nonoverlapping(text.as_ptr().cast(), place, length);
        place.add(length).write(0);
        (*error).text_length = length;
        (*error).version = failure.version;
        (*error).reserved = 0;
        (*error).status = failure.status;
    }
    failure.status
}
