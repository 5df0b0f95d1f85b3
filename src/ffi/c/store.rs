//! The fenced store.

use std::collections::VecDeque;
use std::ffi::c_char;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use super::answer::{Failure, answer};
use super::constants::{LS_END, LS_NOT_FOUND, LS_UNREACHABLE};
use super::types::{ls_bytes, ls_client, ls_entry, ls_error, ls_list};
use super::{buffers, read};
use crate::core::error::Error;
use crate::core::ids::{Epoch, Name};
use crate::core::store::{Fence, MAX_VALUE, PageEntry, Written};
use crate::ffi::handle::{Kind, Object, Table};
use crate::ffi::objects;

static LISTS: Table<List> = Table::new();

/// What is left of a list, and where to ask for the rest.
struct List {
    client: u64,
    election: String,
    prefix: String,
    values: bool,
    rest: Mutex<Rest>,
}

struct Rest {
    entries: VecDeque<PageEntry>,
    /// The last entry handed out or waiting here.
    after: Option<String>,
    more: bool,
}

impl Object for List {
    const KIND: Kind = Kind::List;
    const NAME: &'static str = "list";

    fn abandon(&self) {}
}

/// How many lists there are. For tests that look for what is left over.
pub(super) fn count() -> usize {
    LISTS.len()
}

/// Reads one key of an election. `value` is to be freed with ls_bytes_free(); `version`, which may
/// be null, is what ls_store_replace() takes. Waits for the answer at most `timeout_ms`.
///
/// LS_NOT_FOUND, LS_UNREACHABLE, LS_REFUSED, LS_CLOSED, LS_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_store_get(
    client: ls_client,
    election: *const c_char,
    election_length: usize,
    key: *const c_char,
    key_length: usize,
    timeout_ms: u32,
    value: *mut ls_bytes,
    version: *mut u64,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let value = read::output(value, "value")?;
            let version = read::optional_output(version, "version")?;
            let client = read::kind(client, Kind::Client, "client")?;
            let election = read::name(election, election_length, "election")?;
            let key = read::name(key, key_length, "key")?;
            let entry = objects::store_get(client, election, key, read::timeout(timeout_ms))?;
            let Some(entry) = entry else {
                return Err(Failure::new(LS_NOT_FOUND, format!("'{key}' is not there")));
            };
            put(version, entry.version.0);
            value.write(buffers::hand_out(&entry.value));
            Ok(())
        })
    }
}

/// Begins to list the keys of an election that begin with `prefix` (length 0: all), in order, with
/// or without their values. They come in pages, each of one moment. Waits for the first page at
/// most `timeout_ms`. Ends with ls_list_close().
///
/// LS_UNREACHABLE, LS_REFUSED, LS_CLOSED, LS_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_store_list(
    client: ls_client,
    election: *const c_char,
    election_length: usize,
    prefix: *const c_char,
    prefix_length: usize,
    values: bool,
    timeout_ms: u32,
    list: *mut ls_list,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let place = read::output(list, "list")?;
            let client = read::kind(client, Kind::Client, "client")?;
            let election = read::name(election, election_length, "election")?.to_owned();
            let prefix = read::name(prefix, prefix_length, "prefix")?.to_owned();
            let rest = Rest { entries: VecDeque::new(), after: None, more: true };
            let list = List { client, election, prefix, values, rest: Mutex::new(rest) };
            list.fetch(&mut list.rest.lock(), read::timeout(timeout_ms))?;
            *place = LISTS.insert(list);
            Ok(())
        })
    }
}

/// What comes next in a list.
enum Next {
    Entry(PageEntry),
    End,
    /// Another thread waits for a page, and has done so for the whole time-out.
    Busy,
}

impl List {
    fn next(&self, timeout: Duration) -> Result<Next, Error> {
        let begin = Instant::now();
        let Some(mut rest) = self.rest.try_lock_for(timeout) else { return Ok(Next::Busy) };
        if rest.entries.is_empty() && rest.more {
            self.fetch(&mut rest, timeout.saturating_sub(begin.elapsed()))?;
        }
        Ok(rest.entries.pop_front().map_or(Next::End, Next::Entry))
    }

    fn fetch(&self, rest: &mut Rest, timeout: Duration) -> Result<(), Error> {
        let after = rest.after.as_deref();
        let page = objects::store_page(
            self.client,
            &self.election,
            &self.prefix,
            after,
            self.values,
            timeout,
        )?;
        if let Some(last) = page.entries.last() {
            rest.after = Some(last.key.as_str().to_owned());
        }
        rest.more = page.more;
        rest.entries.extend(page.entries);
        Ok(())
    }
}

/// Writes the next entry of a list. Waits, where another page is to be fetched, at most
/// `timeout_ms`; after a failure the same call may be made again. Two threads take turns.
///
/// LS_END: that was the last. LS_UNREACHABLE, LS_REFUSED; LS_CLOSED: list or client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_list_next(
    list: ls_list,
    timeout_ms: u32,
    entry: *mut ls_entry,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let place = read::sized(entry, |entry| &raw const (*entry).size, "entry")?;
            let list = read::kind(list, Kind::List, "list")?;
            let next = match LISTS.call(list, |list| list.next(read::timeout(timeout_ms)))? {
                Some(Next::Entry(entry)) => entry,
                Some(Next::End) => return Err(Failure::new(LS_END, "there are no more entries")),
                Some(Next::Busy) => {
                    let text = "another thread waits for the list's next page";
                    return Err(Failure::new(LS_UNREACHABLE, text));
                }
                None => return Err(read::closed("the list")),
            };
            let key = buffers::hand_out(next.key.as_str().as_bytes());
            buffers::replace(&raw mut (*place).key, key);
            buffers::replace(&raw mut (*place).value, buffers::hand_out(&next.value));
            (*place).version = next.version.0;
            Ok(())
        })
    }
}

/// Ends a list. What was written of it stays. Does nothing if it was closed, and nothing for 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_list_close(list: ls_list, error: *mut ls_error) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            if let Some(list) = read::kind_to_close(list, Kind::List, "list")? {
                LISTS.remove(list);
            }
            Ok(())
        })
    }
}

/// Creates a key, decided under `epoch` of its election. Writes its version to `version`, which may
/// be null. Waits for the answer at most `timeout_ms`. A retry that the library makes on a new
/// connection is not applied twice.
///
/// LS_FENCED: somebody was granted the election since. LS_EXISTS; LS_LIMIT, LS_NOT_APPLIED,
/// LS_REFUSED, LS_CLOSED, LS_INVALID_ARGUMENT: not applied. LS_UNKNOWN_OUTCOME: applied or not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_store_create(
    client: ls_client,
    election: *const c_char,
    election_length: usize,
    epoch: u64,
    key: *const c_char,
    key_length: usize,
    value: *const c_char,
    value_length: usize,
    timeout_ms: u32,
    version: *mut u64,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let version = read::optional_output(version, "version")?;
            let election = read::name(election, election_length, "election")?;
            let key = read::name(key, key_length, "key")?;
            let value = read_value(value, value_length)?;
            let change = Change { kind: objects::CREATE, election, epoch, key, at: 0, value };
            let written = change.write(client, timeout_ms)?;
            put(version, written.revision.0);
            Ok(())
        })
    }
}

/// Replaces the value of a key that must be at version `at`. Else as ls_store_create().
///
/// LS_NOT_FOUND; LS_CHANGED: the error has the present version.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_store_replace(
    client: ls_client,
    election: *const c_char,
    election_length: usize,
    epoch: u64,
    key: *const c_char,
    key_length: usize,
    at: u64,
    value: *const c_char,
    value_length: usize,
    timeout_ms: u32,
    version: *mut u64,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let version = read::optional_output(version, "version")?;
            let election = read::name(election, election_length, "election")?;
            let key = read::name(key, key_length, "key")?;
            let value = read_value(value, value_length)?;
            let change = Change { kind: objects::REPLACE, election, epoch, key, at, value };
            let written = change.write(client, timeout_ms)?;
            put(version, written.revision.0);
            Ok(())
        })
    }
}

/// Deletes a key that must be there, at version `at` if that is not 0. Else as ls_store_create().
///
/// LS_NOT_FOUND, LS_CHANGED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_store_delete(
    client: ls_client,
    election: *const c_char,
    election_length: usize,
    epoch: u64,
    key: *const c_char,
    key_length: usize,
    at: u64,
    timeout_ms: u32,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let election = read::name(election, election_length, "election")?;
            let key = read::name(key, key_length, "key")?;
            let kind = delete_kind(at);
            let change = Change { kind, election, epoch, key, at, value: Bytes::new() };
            change.write(client, timeout_ms).map(drop)
        })
    }
}

/// Deletes all keys of an election that begin with `prefix` (length 0: all); writes how many there
/// were to `deleted`, which may be null. Else as ls_store_create().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_store_delete_prefix(
    client: ls_client,
    election: *const c_char,
    election_length: usize,
    epoch: u64,
    prefix: *const c_char,
    prefix_length: usize,
    timeout_ms: u32,
    deleted: *mut u64,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let deleted = read::optional_output(deleted, "deleted")?;
            let election = read::name(election, election_length, "election")?;
            let key = read::name(prefix, prefix_length, "prefix")?;
            let (kind, value) = (objects::DELETE_PREFIX, Bytes::new());
            let change = Change { kind, election, epoch, key, at: 0, value };
            let written = change.write(client, timeout_ms)?;
            put(deleted, written.deleted);
            Ok(())
        })
    }
}

/// Checks that nobody was granted an election since `epoch`, and changes nothing. What is done
/// after it may be too late all the same: only what is written to the store is fenced. Else as
/// ls_store_create().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ls_store_check(
    client: ls_client,
    election: *const c_char,
    election_length: usize,
    epoch: u64,
    timeout_ms: u32,
    error: *mut ls_error,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        answer(error, || {
            let client = read::kind(client, Kind::Client, "client")?;
            let election = read::name(election, election_length, "election")?;
            let fences = vec![fence(election, epoch)?];
            objects::store_write(client, fences, Vec::new(), read::timeout(timeout_ms))?;
            Ok(())
        })
    }
}

/// One change under one epoch.
struct Change<'a> {
    kind: i32,
    election: &'a str,
    epoch: u64,
    key: &'a str,
    at: u64,
    value: Bytes,
}

impl Change<'_> {
    fn write(self, client: u64, timeout_ms: u32) -> Result<Written, Failure> {
        let client = read::kind(client, Kind::Client, "client")?;
        let Change { kind, election, epoch, key, at, value } = self;
        let operation = objects::operation(kind, election, key, at, value)?;
        let (fences, timeout) = (vec![fence(election, epoch)?], read::timeout(timeout_ms));
        Ok(objects::store_write(client, fences, vec![operation], timeout)?)
    }
}

/// What deletes a key, at a version or at any.
pub(super) fn delete_kind(at: u64) -> i32 {
    if at == 0 { objects::DELETE } else { objects::DELETE_VERSION }
}

pub(super) fn fence(election: &str, epoch: u64) -> Result<Fence, Error> {
    Ok(Fence { election: Name::new("election", election)?, epoch: Epoch(epoch) })
}

/// A value that was handed in. Too long a one is refused before it is read.
///
/// # Safety
/// As [`read::bytes`].
pub(super) unsafe fn read_value(value: *const c_char, length: usize) -> Result<Bytes, Failure> {
    objects::check_values([length])?;
    // SAFETY: as the caller says.
    Ok(Bytes::copy_from_slice(unsafe { read::bytes(value.cast(), length, MAX_VALUE, "value")? }))
}

/// Writes a number for those who want it.
///
/// # Safety
/// The place is one that [`read::optional_output`] has let pass.
pub(super) unsafe fn put(place: Option<*mut u64>, number: u64) {
    if let Some(place) = place {
        // SAFETY: as the caller says.
        unsafe { *place = number };
    }
}
