//! From Java values to ours and back.

use std::time::Duration;

use jni::Env;
use jni::objects::{JByteArray, JIntArray, JLongArray, JObjectArray, JString, Reference};
use jni::refs::IntoAuto;
use jni::strings::JNIString;
use jni::sys::{jint, jlong};

use super::throw::Failure;
use crate::core::error::Error;
use crate::core::ids::LeaderSessionId;
use crate::ffi::options::{Options, TlsMaterial};

/// How many elements arrays of options or certificates may have.
const MAX_ELEMENTS: usize = 4096;

/// How long a key or certificate may be.
const MAX_DER: usize = 1024 * 1024;

/// A time-out; a negative one is over.
pub(super) fn millis(millis: jint) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// A leader session id from its halves.
pub(super) fn session_id(high: i64, low: i64) -> LeaderSessionId {
    LeaderSessionId { epoch: crate::core::ids::Epoch(high as u64), low: low as u64 }
}

/// The text of a parameter. Names must be Unicode: half a surrogate pair is refused, for two
/// different ones would become the same.
pub(super) fn text(env: &Env<'_>, text: &JString<'_>, name: &str) -> Result<String, Failure> {
    not_null(text, name)?;
    let chars = text.mutf8_chars(env)?;
    let decoded = chars.to_str().into_owned();
    if JNIString::from(decoded.as_str()).to_bytes() != chars.to_bytes() {
        return Err(Error::invalid(name, decoded, "give a text that is valid Unicode").into());
    }
    Ok(decoded)
}

/// The text of a parameter that may be null.
pub(super) fn text_or_null(
    env: &Env<'_>,
    or_null: &JString<'_>,
    name: &str,
) -> Result<Option<String>, Failure> {
    if or_null.is_null() { Ok(None) } else { text(env, or_null, name).map(Some) }
}

/// The text of an array's element.
pub(super) fn element_text<'local>(
    env: &mut Env<'_>,
    array: &JObjectArray<'local, JString<'local>>,
    name: &str,
    index: usize,
) -> Result<String, Failure> {
    let element = array.get_element(env, index)?.auto();
    text(env, &element, &format!("{name}[{index}]"))
}

/// Alternating names and values.
pub(super) fn options<'local>(
    env: &mut Env<'local>,
    array: &JObjectArray<'local, JString<'local>>,
) -> Result<Options, Failure> {
    not_null(array, "options")?;
    let length = array.len(env)?;
    if length % 2 != 0 || length > MAX_ELEMENTS {
        let remedy = "give names and values in turn";
        return Err(Error::invalid("options", format!("{length} elements"), remedy).into());
    }
    let mut element = |index| element_text(env, array, "options", index);
    (0..length).step_by(2).map(|at| Ok((element(at)?, element(at + 1)?))).collect()
}

/// Keys and certificates; none for null.
pub(super) fn tls<'local>(
    env: &mut Env<'local>,
    array: &JObjectArray<'local, JByteArray<'local>>,
) -> Result<Option<TlsMaterial>, Failure> {
    if array.is_null() {
        return Ok(None);
    }
    let length = array.len(env)?;
    if length > MAX_ELEMENTS {
        let remedy = format!("give at most {MAX_ELEMENTS}");
        return Err(Error::invalid("tls", format!("{length} elements"), remedy).into());
    }
    let mut element = |index: usize| {
        let name = format!("tls[{index}]");
        let element = array.get_element(env, index)?.auto();
        let der = bytes(env, &element, &name, MAX_DER + 1)?;
        if der.len() > MAX_DER {
            let remedy = format!("give at most {MAX_DER} bytes");
            return Err(Error::invalid(name, "too long", remedy).into());
        }
        Ok(der)
    };
    (0..length).map(&mut element).collect::<Result<_, _>>().map(Some)
}

/// The first bytes of a parameter, at most so many.
pub(super) fn bytes(
    env: &Env<'_>,
    array: &JByteArray<'_>,
    name: &str,
    at_most: usize,
) -> Result<Vec<u8>, Failure> {
    not_null(array, name)?;
    let mut signed = vec![0i8; array.len(env)?.min(at_most)];
    array.get_region(env, 0, &mut signed)?;
    Ok(signed.into_iter().map(|byte| byte as u8).collect())
}

/// The length of a parameter.
pub(super) fn length(env: &Env<'_>, array: &JByteArray<'_>, name: &str) -> Result<usize, Failure> {
    not_null(array, name)?;
    Ok(array.len(env)?)
}

/// The first numbers of a parameter, at most so many.
pub(super) fn ints(
    env: &Env<'_>,
    array: &JIntArray<'_>,
    name: &str,
    at_most: usize,
) -> Result<Vec<jint>, Failure> {
    not_null(array, name)?;
    let mut numbers = vec![0; array.len(env)?.min(at_most)];
    array.get_region(env, 0, &mut numbers)?;
    Ok(numbers)
}

/// The first numbers of a parameter that must have `count`, at most so many.
pub(super) fn longs(
    env: &Env<'_>,
    array: &JLongArray<'_>,
    name: &str,
    count: usize,
    at_most: usize,
) -> Result<Vec<jlong>, Failure> {
    not_null(array, name)?;
    has(array.len(env)?, name, count)?;
    let mut numbers = vec![0; count.min(at_most)];
    array.get_region(env, 0, &mut numbers)?;
    Ok(numbers)
}

/// Checks a parameter that must have so many objects.
pub(super) fn has_objects<'local, E: Reference>(
    env: &Env<'_>,
    array: &JObjectArray<'local, E>,
    name: &str,
    count: usize,
) -> Result<(), Failure> {
    not_null(array, name)?;
    has(array.len(env)?, name, count)
}

/// Checks an output parameter that takes objects; answers how many.
pub(super) fn takes_objects<'local, E: Reference>(
    env: &Env<'_>,
    array: &JObjectArray<'local, E>,
    name: &str,
    count: usize,
) -> Result<usize, Failure> {
    not_null(array, name)?;
    takes(array.len(env)?, name, count)
}

/// Checks an output parameter that takes numbers; answers how many.
pub(super) fn takes_longs(
    env: &Env<'_>,
    array: &JLongArray<'_>,
    name: &str,
    count: usize,
) -> Result<usize, Failure> {
    not_null(array, name)?;
    takes(array.len(env)?, name, count)
}

/// Writes the halves of a leader session id.
pub(super) fn put_id(
    env: &Env<'_>,
    array: &JLongArray<'_>,
    id: LeaderSessionId,
) -> Result<(), Failure> {
    Ok(array.set_region(env, 0, &[id.epoch.0 as i64, id.low as i64])?)
}

/// Writes a text if there is memory for it. What it explains has happened already, and must be
/// answered in any case.
pub(super) fn put_reason<'local>(
    env: &mut Env<'local>,
    array: &JObjectArray<'local, JString<'local>>,
    text: &str,
) {
    let written = env.new_string(text).and_then(|text| array.set_element(env, 0, &text));
    if let Err(error) = written {
        log::warn!("the text '{text}' can't be handed over: {error}");
        env.exception_clear();
    }
}

fn takes(length: usize, name: &str, count: usize) -> Result<usize, Failure> {
    if length >= count { Ok(length) } else { Err(wrong_length(length, name, count)) }
}

fn has(length: usize, name: &str, count: usize) -> Result<(), Failure> {
    if length == count { Ok(()) } else { Err(wrong_length(length, name, count)) }
}

fn wrong_length(length: usize, name: &str, count: usize) -> Failure {
    let remedy = format!("give an array of {count}");
    Error::invalid(name, format!("an array of {length}"), remedy).into()
}

fn not_null(object: &impl Reference, name: &str) -> Result<(), Failure> {
    if object.is_null() { Err(Failure::Null(name.to_owned())) } else { Ok(()) }
}
