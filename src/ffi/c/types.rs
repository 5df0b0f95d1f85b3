//! Structs of the header.

use std::ffi::{c_char, c_void};

/// A server of this process.
pub type ls_server = u64;

/// A client of a name service.
pub type ls_client = u64;

/// A contender: the registration of a component.
pub type ls_contender = u64;

/// A watch of a component.
pub type ls_watch = u64;

/// The entries that were asked for, one after the other.
pub type ls_list = u64;

/// Changes that are applied all or none.
pub type ls_transaction = u64;

/// What went wrong. Set `size` (or begin with LS_ERROR_INIT); the rest is written when a call
/// fails, and left alone when it succeeds. It holds no memory, so there is nothing to free.
#[repr(C)]
pub struct ls_error {
    /// sizeof(ls_error).
    pub size: usize,
    /// What the call returned.
    pub status: i32,
    /// Without meaning.
    pub reserved: i32,
    /// With LS_EXISTS and LS_CHANGED: the present version of the key. Else 0.
    pub version: u64,
    /// How many bytes `text` has.
    pub text_length: usize,
    /// What went wrong and what to do, in English, UTF-8. It ends with a zero byte, and is cut
    /// where it is longer than this.
    pub text: [c_char; 984],
}

/// Bytes that the library hands out. They stay as they are until ls_bytes_free(), and are followed
/// by a zero byte that does not count, so that a text can be printed.
#[repr(C)]
pub struct ls_bytes {
    /// The bytes. Never null in what a call has written.
    pub data: *const c_char,
    /// How many.
    pub length: usize,
    /// For ls_bytes_free().
    pub owner: u64,
}

/// One option: a name and a value, both UTF-8.
#[repr(C)]
pub struct ls_option {
    /// The name.
    pub name: *const c_char,
    /// How many bytes the name has.
    pub name_length: usize,
    /// The value.
    pub value: *const c_char,
    /// How many bytes the value has.
    pub value_length: usize,
}

/// A certificate, DER.
#[repr(C)]
pub struct ls_certificate {
    /// The bytes.
    pub data: *const u8,
    /// How many.
    pub length: usize,
}

/// Keys and certificates of one end. With them, a connection over the network is encrypted and both
/// ends must show a certificate.
#[repr(C)]
pub struct ls_tls {
    /// sizeof(ls_tls).
    pub size: usize,
    /// The private key, DER, PKCS#8.
    pub key: *const u8,
    /// How many bytes the key has.
    pub key_length: usize,
    /// The own certificate, then those that lead from it to a trusted one.
    pub chain: *const ls_certificate,
    /// How many; at most 255.
    pub chain_length: usize,
    /// The certificates that are trusted.
    pub trusted: *const ls_certificate,
    /// How many.
    pub trusted_length: usize,
}

/// The 128 bits that name one leadership. Both numbers are 0 where there is none.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ls_leader_session_id {
    /// The epoch, which fences: it grows with every grant of an election and never comes again.
    pub epoch: u64,
    /// Random.
    pub low: u64,
}

/// What has happened to a contender or a watch. Set `size` and make the rest zero (or begin with
/// LS_EVENT_INIT) before the first use; use the same one again and again.
#[repr(C)]
pub struct ls_event {
    /// sizeof(ls_event).
    pub size: usize,
    /// One of LS_EVENT_….
    pub kind: i32,
    /// Of LS_EVENT_FAILED: why, as a status. Else LS_OK.
    pub status: i32,
    /// The contender or watch.
    pub handle: u64,
    /// What it was opened with.
    pub user_data: *mut c_void,
    /// Of LS_EVENT_GRANT and LS_EVENT_LEADER: the leadership.
    pub id: ls_leader_session_id,
    /// A reason or an address, see the kinds. From ls_next_event(): the struct's own, until the
    /// next call with the struct, or ls_bytes_free(). In a callback: until it returns.
    pub text: ls_bytes,
}

/// Takes an event. See ls_client_on_event().
pub type ls_event_callback =
    Option<unsafe extern "C" fn(user_data: *mut c_void, event: *const ls_event)>;

/// Is called once, when nothing uses the user data any more and nothing will. May be null.
pub type ls_finalizer = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// A key of the store. Set `size` and make the rest zero (or begin with LS_ENTRY_INIT).
#[repr(C)]
pub struct ls_entry {
    /// sizeof(ls_entry).
    pub size: usize,
    /// The version: the number of the write that set it. Never 0.
    pub version: u64,
    /// The key: the struct's own, until the next call with the struct, or ls_bytes_free().
    pub key: ls_bytes,
    /// Its value, likewise. Empty in a list without values.
    pub value: ls_bytes,
}

/// One log record. Set `size` and make the rest zero (or begin with LS_LOG_RECORD_INIT).
#[repr(C)]
pub struct ls_log_record {
    /// sizeof(ls_log_record).
    pub size: usize,
    /// LS_LOG_ERROR to LS_LOG_TRACE.
    pub level: i32,
    /// Without meaning.
    pub reserved: i32,
    /// Where it comes from, like `leaderserver::client`. From ls_log_next(): the struct's own,
    /// until the next call with the struct, or ls_bytes_free(). In a callback: until it returns.
    pub target: ls_bytes,
    /// What it says, likewise.
    pub message: ls_bytes,
}

/// Takes a log record. See ls_log_on_record().
pub type ls_log_callback =
    Option<unsafe extern "C" fn(user_data: *mut c_void, record: *const ls_log_record)>;
