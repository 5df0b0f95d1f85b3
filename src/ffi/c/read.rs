//! From pointers to values. A length is checked before anything is read.

use std::ffi::c_char;
use std::slice;
use std::time::Duration;

use super::answer::Failure;
use super::constants::{LS_CLOSED, LS_INVALID_ARGUMENT, LS_TOO_LARGE};
use super::types::{ls_certificate, ls_leader_session_id, ls_option, ls_tls};
use crate::core::error::Error;
use crate::core::ids::{Epoch, LeaderSessionId};
use crate::ffi::handle::{Kind, Parts};
use crate::ffi::options::{Options, TlsMaterial};

/// How many options, and how many certificates, there may be.
const MAX_ELEMENTS: usize = 4096;

/// How long an option may be, name or value.
const MAX_OPTION: usize = 64 * 1024;

/// How long a key or certificate may be.
const MAX_DER: usize = 1024 * 1024;

/// The longest chain: its length is one byte of the material.
const MAX_CHAIN: usize = 255;

/// An argument that can't be used, in words.
pub(super) fn invalid(name: &str, what: &str) -> Failure {
    Failure::new(LS_INVALID_ARGUMENT, format!("{name}: {what}"))
}

/// The failure of a handle that was closed.
pub(super) fn closed(what: &'static str) -> Failure {
    debug_assert_eq!(crate::ffi::status::CLOSED, LS_CLOSED, "one list of numbers");
    Error::Closed(what).into()
}

/// Whether a handle is of the kind that is wanted, open or not.
pub(super) fn kind(handle: u64, kind: Kind, name: &str) -> Result<u64, Failure> {
    if handle == 0 {
        return Err(invalid(name, "0 is no handle"));
    }
    if Parts::of(handle).kind != kind as u8 {
        return Err(invalid(name, "this is the handle of something else, or none"));
    }
    Ok(handle)
}

/// As [`kind`], for what closes: 0 is none, as for free().
pub(super) fn kind_to_close(handle: u64, wanted: Kind, name: &str) -> Result<Option<u64>, Failure> {
    if handle == 0 { Ok(None) } else { kind(handle, wanted, name).map(Some) }
}

/// Where a result is to be written.
pub(super) fn output<T>(place: *mut T, name: &str) -> Result<*mut T, Failure> {
    if place.is_null() {
        return Err(invalid(name, "is null"));
    }
    if !place.is_aligned() {
        return Err(invalid(name, "is not aligned"));
    }
    Ok(place)
}

/// Where a result is to be written for those who want it. To be asked before anything is done: what
/// is done can't be called off where there turns out to be no such place.
pub(super) fn optional_output<T>(place: *mut T, name: &str) -> Result<Option<*mut T>, Failure> {
    if place.is_null() { Ok(None) } else { output(place, name).map(Some) }
}

/// Checks the size that the caller set in a struct.
///
/// # Safety
/// `place` is null or points at a struct that begins with its size.
pub(super) unsafe fn sized<T>(
    place: *mut T,
    size: impl FnOnce(*mut T) -> *const usize,
    name: &str,
) -> Result<*mut T, Failure> {
    let place = output(place, name)?;
    // SAFETY: as the caller says.
    if unsafe { *size(place) } < size_of::<T>() {
        return Err(invalid(name, "does not begin with its size"));
    }
    Ok(place)
}

/// Bytes that were handed in.
///
/// # Safety
/// `data` is null or points at `length` bytes that stay as they are for `'a`.
pub(super) unsafe fn bytes<'a>(
    data: *const u8,
    length: usize,
    most: usize,
    name: &str,
) -> Result<&'a [u8], Failure> {
    if length == 0 {
        return Ok(&[]);
    }
    if length > most {
        let text = format!("{name}: {length} bytes, at most {most} are taken");
        return Err(Failure::new(LS_TOO_LARGE, text));
    }
    if data.is_null() {
        return Err(invalid(name, "is null"));
    }
    // SAFETY: not null, and as the caller says.
    Ok(unsafe { slice::from_raw_parts(data, length) })
}

/// A name that was handed in: of an election, a component, a key.
///
/// # Safety
/// As [`bytes`].
pub(super) unsafe fn name<'a>(
    data: *const c_char,
    length: usize,
    name: &str,
) -> Result<&'a str, Failure> {
    // SAFETY: as the caller says.
    unsafe { text(data, length, MAX_OPTION, name) }
}

/// A text that was handed in.
unsafe fn text<'a>(
    data: *const c_char,
    length: usize,
    most: usize,
    name: &str,
) -> Result<&'a str, Failure> {
    // SAFETY: as the caller says.
    let bytes = unsafe { bytes(data.cast(), length, most, name)? };
    std::str::from_utf8(bytes).map_err(|_| invalid(name, "is not UTF-8"))
}

/// A time-out of a call that waits for an answer.
pub(super) fn timeout(timeout_ms: u32) -> Duration {
    Duration::from_millis(u64::from(timeout_ms))
}

pub(super) fn session_id(id: ls_leader_session_id) -> LeaderSessionId {
    LeaderSessionId { epoch: Epoch(id.epoch), low: id.low }
}

/// Names and values.
///
/// # Safety
/// `options` is null or points at `count` options, each as the header says.
pub(super) unsafe fn options(options: *const ls_option, count: usize) -> Result<Options, Failure> {
    // SAFETY: as the caller says.
    let options = unsafe { elements(options, count, "options")? };
    let pair = |option: &ls_option| {
        // SAFETY: as the caller says.
        unsafe {
            let name = text(option.name, option.name_length, MAX_OPTION, "the name of an option")?;
            let value = text(option.value, option.value_length, MAX_OPTION, name)?;
            Ok((name.to_owned(), value.to_owned()))
        }
    };
    options.iter().map(pair).collect()
}

/// Keys and certificates; none for null.
///
/// # Safety
/// `tls` is null or as the header says.
pub(super) unsafe fn tls(tls: *const ls_tls) -> Result<Option<TlsMaterial>, Failure> {
    if tls.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller says.
    unsafe {
        let tls = &*sized(tls.cast_mut(), |tls| &raw const (*tls).size, "tls")?;
        if tls.chain_length > MAX_CHAIN {
            return Err(invalid("tls.chain", "has more than 255 certificates"));
        }
        let chain = elements(tls.chain, tls.chain_length, "tls.chain")?;
        let trusted = elements(tls.trusted, tls.trusted_length, "tls.trusted")?;
        let mut material = vec![bytes(tls.key, tls.key_length, MAX_DER, "tls.key")?.to_vec()];
        material.push(vec![chain.len() as u8]);
        for certificate in chain.iter().chain(trusted) {
            let &ls_certificate { data, length } = certificate;
            material.push(bytes(data, length, MAX_DER, "a certificate")?.to_vec());
        }
        Ok(Some(material))
    }
}

unsafe fn elements<'a, T>(data: *const T, count: usize, name: &str) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    if count > MAX_ELEMENTS {
        let text = format!("{name}: {count} elements, at most {MAX_ELEMENTS} are taken");
        return Err(Failure::new(LS_TOO_LARGE, text));
    }
    if data.is_null() || !data.is_aligned() {
        return Err(invalid(name, "is null or not aligned"));
    }
    // SAFETY: not null, and as the caller says.
    Ok(unsafe { slice::from_raw_parts(data, count) })
}
