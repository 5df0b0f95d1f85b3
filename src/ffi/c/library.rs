//! Versions, names of status numbers, memory.

use std::ffi::c_char;

use super::answer::answer;
use super::constants::{LS_ABI_VERSION, NAMES};
use super::types::ls_bytes;
use super::{buffers, read};

/// The LS_ABI_VERSION of the library. A program should refuse to go on where it is not that of the
/// header it was built with. Callable at any time, on any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ls_abi_version() -> u32 {
    LS_ABI_VERSION
}

/// The release of the library, like "0.1.0": a constant, never freed. Callable at any time, on any
/// thread.
#[unsafe(no_mangle)]
pub extern "C" fn ls_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The name of a status number, like "LS_FENCED": a constant, never freed; "unknown" for a number
/// that this library does not know. Callable at any time, on any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ls_status_name(status: i32) -> *const c_char {
    let name = NAMES.iter().find(|(number, _)| *number == status).map(|(_, name)| *name);
    name.unwrap_or(c"unknown").as_ptr()
}

/// Frees what the library handed out, and makes the struct empty. Does nothing to an empty one, to
/// a copy of one that was freed, or to garbage.
///
/// LS_INVALID_ARGUMENT: `bytes` is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_bytes_free(bytes: *mut ls_bytes) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(std::ptr::null_mut(), || {
            buffers::replace(read::output(bytes, "bytes")?, buffers::empty());
            Ok(())
        })
    }
}
