//! A panic behind any function comes out as a status with its text; where it came out of the object
//! of a handle, the handle says so from then on.

use std::collections::BTreeSet;
use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use leaderserver::ffi::c::client::*;
use leaderserver::ffi::c::constants::{LS_INTERNAL, LS_OK};
use leaderserver::ffi::c::contender::*;
use leaderserver::ffi::c::events::*;
use leaderserver::ffi::c::library::*;
use leaderserver::ffi::c::log::*;
use leaderserver::ffi::c::server::*;
use leaderserver::ffi::c::store::*;
use leaderserver::ffi::c::transaction::*;
use leaderserver::ffi::c::types::*;
use leaderserver::ffi::c::watch::*;
use leaderserver::ffi::panic::{Place, inject};

/// Functions that can't fail: nothing in them is ours to panic, or they answer no status.
const INFALLIBLE: [&str; 4] =
    ["ls_abi_version", "ls_version", "ls_status_name", "ls_has_leadership"];

/// Functions that use no object of a handle, or only take it out.
const WITHOUT_OBJECT: [&str; 8] = [
    "ls_bytes_free",
    "ls_server_start",
    "ls_client_open",
    "ls_client_on_event",
    "ls_transaction_open",
    "ls_log_set_level",
    "ls_log_next",
    "ls_log_on_record",
];

/// As above: they close.
const CLOSES: [&str; 2] = ["ls_list_close", "ls_transaction_close"];

const TEXT: &str = "put in by a test";

/// One of each, open.
struct Handles {
    server: u64,
    client: u64,
    contender: u64,
    watch: u64,
    list: u64,
    transaction: u64,
}

impl Handles {
    fn open() -> Self {
        let mut h =
            Handles { server: 0, client: 0, contender: 0, watch: 0, list: 0, transaction: 0 };
        let pairs = [("endpoint", "embedded:"), ("namespace", "panics")];
        let options = pairs.map(|(name, value)| ls_option {
            name: name.as_ptr().cast(),
            name_length: name.len(),
            value: value.as_ptr().cast(),
            value_length: value.len(),
        });
        let (a, none) = (text("a"), null_mut());
        // SAFETY: every pointer is of this frame, every length its own.
        let opened = unsafe {
            [
                ls_server_start(null(), 0, null(), &mut h.server, none),
                ls_client_open(options.as_ptr(), options.len(), null(), &mut h.client, none),
                ls_contender_open(h.client, a, 1, null_mut(), None, &mut h.contender, none),
                ls_watch_open(h.client, a, 1, null_mut(), None, &mut h.watch, none),
                ls_store_list(h.client, a, 1, a, 1, true, 10_000, &mut h.list, none),
                ls_transaction_open(h.client, &mut h.transaction, none),
            ]
        };
        assert_eq!(opened, [LS_OK; 6]);
        h
    }

    fn close(&self) {
        // SAFETY: takes numbers only.
        unsafe {
            for _ in 0..2 {
                ls_transaction_close(self.transaction, null_mut());
                ls_list_close(self.list, null_mut());
                ls_watch_close(self.watch, null_mut());
                ls_contender_close(self.contender, null_mut());
                ls_client_close(self.client, 0, null_mut());
                ls_server_stop(self.server, null_mut());
            }
        }
    }
}

type Call = unsafe fn(&Handles, *mut ls_error) -> i32;

fn text(text: &'static str) -> *const c_char {
    text.as_ptr().cast()
}

fn error() -> ls_error {
    // SAFETY: numbers, of which any are right.
    let mut error: ls_error = unsafe { MaybeUninit::zeroed().assume_init() };
    error.size = size_of::<ls_error>();
    error
}

/// A struct that begins with its size, all else zero.
fn sized<T>() -> T {
    let mut place = MaybeUninit::<T>::zeroed();
    // SAFETY: numbers and pointers that may be null, the first of them the size.
    unsafe {
        place.as_mut_ptr().cast::<usize>().write(size_of::<T>());
        place.assume_init()
    }
}

unsafe extern "C" fn on_event(_: *mut c_void, _: *const ls_event) {}

/// Every function, called rightly.
fn calls() -> Vec<(&'static str, Call)> {
    vec![
        ("ls_bytes_free", |_, _| unsafe { ls_bytes_free(&mut bytes()) }),
        ("ls_server_start", |_, e| unsafe { ls_server_start(null(), 0, null(), &mut 0, e) }),
        ("ls_server_port", |h, e| unsafe { ls_server_port(h.server, &mut 0, e) }),
        ("ls_server_stop", |h, e| unsafe { ls_server_stop(h.server, e) }),
        ("ls_client_open", |_, e| unsafe { ls_client_open(null(), 0, null(), &mut 0, e) }),
        ("ls_client_attach", |h, e| unsafe { ls_client_attach(h.client, h.server, e) }),
        ("ls_client_detach", |h, e| unsafe { ls_client_detach(h.client, e) }),
        ("ls_client_state", |h, e| unsafe { ls_client_state(h.client, &mut bytes(), e) }),
        ("ls_client_status", |h, e| unsafe { ls_client_status(h.client, 0, &mut bytes(), e) }),
        ("ls_client_resign", |h, e| unsafe {
            ls_client_resign(h.client, text("a"), 1, 0, null(), 0, 0, e)
        }),
        ("ls_client_close", |h, e| unsafe { ls_client_close(h.client, 0, e) }),
        ("ls_client_descriptor", |h, e| unsafe { ls_client_descriptor(h.client, &mut 0, e) }),
        ("ls_client_on_event", |h, e| unsafe {
            ls_client_on_event(h.client, Some(on_event), null_mut(), None, e)
        }),
        ("ls_next_event", |h, e| unsafe { ls_next_event(h.client, 0, &mut sized(), e) }),
        ("ls_contender_open", |h, e| unsafe {
            ls_contender_open(h.client, text("b"), 1, null_mut(), None, &mut 0, e)
        }),
        ("ls_contender_confirm", |h, e| unsafe {
            let id = ls_leader_session_id { epoch: 1, low: 1 };
            ls_contender_confirm(h.contender, id, text("a"), 1, e)
        }),
        ("ls_contender_epoch", |h, e| unsafe {
            ls_contender_epoch(h.contender, &mut 0, null_mut(), e)
        }),
        ("ls_contender_close", |h, e| unsafe { ls_contender_close(h.contender, e) }),
        ("ls_watch_open", |h, e| unsafe {
            ls_watch_open(h.client, text("b"), 1, null_mut(), None, &mut 0, e)
        }),
        ("ls_watch_close", |h, e| unsafe { ls_watch_close(h.watch, e) }),
        ("ls_store_get", |h, e| unsafe {
            let (a, mut value) = (text("a"), bytes());
            ls_store_get(h.client, a, 1, a, 1, 0, &mut value, null_mut(), e)
        }),
        ("ls_store_list", |h, e| unsafe {
            ls_store_list(h.client, text("a"), 1, null(), 0, true, 0, &mut 0, e)
        }),
        ("ls_list_next", |h, e| unsafe { ls_list_next(h.list, 0, &mut sized(), e) }),
        ("ls_list_close", |h, e| unsafe { ls_list_close(h.list, e) }),
        ("ls_store_create", |h, e| unsafe {
            let a = text("a");
            ls_store_create(h.client, a, 1, 1, a, 1, a, 1, 0, null_mut(), e)
        }),
        ("ls_store_replace", |h, e| unsafe {
            let a = text("a");
            ls_store_replace(h.client, a, 1, 1, a, 1, 1, a, 1, 0, null_mut(), e)
        }),
        ("ls_store_delete", |h, e| unsafe {
            ls_store_delete(h.client, text("a"), 1, 1, text("a"), 1, 0, 0, e)
        }),
        ("ls_store_delete_prefix", |h, e| unsafe {
            ls_store_delete_prefix(h.client, text("a"), 1, 1, null(), 0, 0, null_mut(), e)
        }),
        ("ls_store_check", |h, e| unsafe { ls_store_check(h.client, text("a"), 1, 1, 0, e) }),
        ("ls_transaction_open", |h, e| unsafe { ls_transaction_open(h.client, &mut 0, e) }),
        ("ls_transaction_fence", |h, e| unsafe {
            ls_transaction_fence(h.transaction, text("a"), 1, 1, e)
        }),
        ("ls_transaction_create", |h, e| unsafe {
            let a = text("a");
            ls_transaction_create(h.transaction, a, 1, a, 1, a, 1, e)
        }),
        ("ls_transaction_replace", |h, e| unsafe {
            let a = text("a");
            ls_transaction_replace(h.transaction, a, 1, a, 1, 1, a, 1, e)
        }),
        ("ls_transaction_delete", |h, e| unsafe {
            ls_transaction_delete(h.transaction, text("a"), 1, text("a"), 1, 0, e)
        }),
        ("ls_transaction_delete_prefix", |h, e| unsafe {
            ls_transaction_delete_prefix(h.transaction, text("a"), 1, null(), 0, e)
        }),
        ("ls_transaction_commit", |h, e| unsafe {
            ls_transaction_commit(h.transaction, 0, null_mut(), null_mut(), e)
        }),
        ("ls_transaction_close", |h, e| unsafe { ls_transaction_close(h.transaction, e) }),
        ("ls_log_set_level", |_, e| unsafe { ls_log_set_level(0, e) }),
        ("ls_log_next", |_, e| unsafe { ls_log_next(&mut sized(), e) }),
        ("ls_log_on_record", |_, e| unsafe { ls_log_on_record(None, null_mut(), None, e) }),
    ]
}

fn bytes() -> ls_bytes {
    ls_bytes { data: null(), length: 0, owner: 0 }
}

fn has_text(error: &ls_error) -> bool {
    // SAFETY: the library ends it with a zero byte.
    let text = unsafe { CStr::from_ptr(error.text.as_ptr()) };
    text.to_str().is_ok_and(|text| text.contains(TEXT) && text.len() == error.text_length)
}

#[test]
fn every_function_is_in_the_list() {
    let list: BTreeSet<&str> = include_str!("functions.txt").lines().collect();
    let tried = calls().into_iter().map(|(name, _)| name).chain(INFALLIBLE);
    assert_eq!(tried.collect::<BTreeSet<_>>(), list);
}

#[test]
fn a_panic_in_a_function_is_a_status_with_its_text() {
    for (name, call) in calls() {
        let (handles, mut error) = (Handles::open(), error());
        inject(Place::Export, TEXT);
        // SAFETY: called rightly.
        let status = unsafe { call(&handles, &mut error) };
        assert_eq!(status, LS_INTERNAL, "{name}");
        assert!(name == "ls_bytes_free" || has_text(&error), "{name}");
        handles.close();
    }
}

#[test]
fn a_panic_in_an_object_is_told_from_then_on() {
    for (name, call) in calls() {
        if WITHOUT_OBJECT.contains(&name) || CLOSES.contains(&name) {
            continue;
        }
        let (handles, mut first, mut then) = (Handles::open(), error(), error());
        inject(Place::Object, TEXT);
        // SAFETY: called rightly.
        let status = unsafe { call(&handles, &mut first) };
        assert_eq!(status, LS_INTERNAL, "{name}");
        assert!(has_text(&first), "{name}");
        // SAFETY: called rightly.
        let status = unsafe { call(&handles, &mut then) };
        // What closes has closed all the same.
        let closes = name.ends_with("_close") || name.ends_with("_stop");
        assert_eq!(status, if closes { LS_OK } else { LS_INTERNAL }, "{name}");
        assert_eq!(has_text(&then), !closes, "{name}");
        handles.close();
    }
}
