//! Numbers of the header.

use crate::ffi::status;

/// The version of this header's functions and structs. It grows whenever a program that was built
/// with an older header could misunderstand the library; compare it with ls_abi_version().
pub const LS_ABI_VERSION: u32 = 1;

/// The release this header belongs to: its first number.
pub const LS_VERSION_MAJOR: u32 = 0;
/// The release this header belongs to: its second number.
pub const LS_VERSION_MINOR: u32 = 1;
/// The release this header belongs to: its third number.
pub const LS_VERSION_PATCH: u32 = 0;

/// As a time-out: wait without end.
pub const LS_FOREVER: u32 = 4294967295;

/// Success.
pub const LS_OK: i32 = 0;
/// An argument or option that can't be used: null, a handle of another kind, a text that is not
/// UTF-8, empty or too long, a struct that does not begin with its size.
pub const LS_INVALID_ARGUMENT: i32 = 1;
/// A contender is registered for the component.
pub const LS_ALREADY_REGISTERED: i32 = 2;
/// The handle was closed, or never was one.
pub const LS_CLOSED: i32 = 3;
/// No answer in time from the name service.
pub const LS_UNREACHABLE: i32 = 4;
/// The name service refused, for good.
pub const LS_REFUSED: i32 = 5;
/// The server can't listen there.
pub const LS_ADDRESS_IN_USE: i32 = 6;
/// The system refused something.
pub const LS_IO: i32 = 7;
/// Keys, certificates or the handshake.
pub const LS_TLS: i32 = 8;
/// Something in the library is broken. What the handle names has failed: close it.
pub const LS_INTERNAL: i32 = 9;
/// Longer or more than the limit.
pub const LS_TOO_LARGE: i32 = 10;
/// This build or this name service can't do that.
pub const LS_UNSUPPORTED: i32 = 11;
/// A write was decided under an epoch that is over. It had no effect, and never will.
pub const LS_FENCED: i32 = 12;
/// A key that was to be created is there; `version` of the error says at which version.
pub const LS_EXISTS: i32 = 13;
/// A key is not there.
pub const LS_NOT_FOUND: i32 = 14;
/// A key is at another version; `version` of the error says at which.
pub const LS_CHANGED: i32 = 15;
/// A limit was reached, of one write or of the name service: the write had no effect.
pub const LS_LIMIT: i32 = 16;
/// A write was never sent, or its name service takes no writes at present: it had no effect.
pub const LS_NOT_APPLIED: i32 = 17;
/// A write was sent, and may have been applied or not: read before you decide anything.
pub const LS_UNKNOWN_OUTCOME: i32 = 18;
/// The data directory can't be used: damaged, in use, or written by a later release.
pub const LS_STORAGE: i32 = 19;
/// Nothing came in time. No error: ask again.
pub const LS_TIMEOUT: i32 = 20;
/// The process was forked after the library was used: here, in the child, it can't be used.
pub const LS_FORKED: i32 = 21;
/// The client's events go to a callback.
pub const LS_HAS_CALLBACK: i32 = 22;
/// The contender does not lead, or not under that id.
pub const LS_NOT_LEADER: i32 = 23;
/// The contender has confirmed this leadership.
pub const LS_ALREADY_CONFIRMED: i32 = 24;
/// There are no more entries. No error.
pub const LS_END: i32 = 25;

/// An event's kind: the contender leads, under `id`.
pub const LS_EVENT_GRANT: i32 = 1;
/// An event's kind: the contender leads no more; `text` says why.
pub const LS_EVENT_REVOKE: i32 = 2;
/// An event's kind: the contender can't take part; `status` and `text` say why. Usually its
/// configuration is wrong. It goes on trying.
pub const LS_EVENT_FAILED: i32 = 3;
/// An event's kind: the watched component has a leader, under `id`, at the address in `text`.
pub const LS_EVENT_LEADER: i32 = 4;
/// An event's kind: the watched component has no leader, or none that is known.
pub const LS_EVENT_NO_LEADER: i32 = 5;

/// A log level: nothing.
pub const LS_LOG_OFF: i32 = 0;
/// A log level: what an operator must act on.
pub const LS_LOG_ERROR: i32 = 1;
/// A log level: what works nevertheless.
pub const LS_LOG_WARN: i32 = 2;
/// A log level: changes of leadership.
pub const LS_LOG_INFO: i32 = 3;
/// A log level: what helps to find out why.
pub const LS_LOG_DEBUG: i32 = 4;
/// A log level: everything.
pub const LS_LOG_TRACE: i32 = 5;

/// Each status with its name.
pub const NAMES: [(i32, &std::ffi::CStr); 26] = [
    (LS_OK, c"LS_OK"),
    (LS_INVALID_ARGUMENT, c"LS_INVALID_ARGUMENT"),
    (LS_ALREADY_REGISTERED, c"LS_ALREADY_REGISTERED"),
    (LS_CLOSED, c"LS_CLOSED"),
    (LS_UNREACHABLE, c"LS_UNREACHABLE"),
    (LS_REFUSED, c"LS_REFUSED"),
    (LS_ADDRESS_IN_USE, c"LS_ADDRESS_IN_USE"),
    (LS_IO, c"LS_IO"),
    (LS_TLS, c"LS_TLS"),
    (LS_INTERNAL, c"LS_INTERNAL"),
    (LS_TOO_LARGE, c"LS_TOO_LARGE"),
    (LS_UNSUPPORTED, c"LS_UNSUPPORTED"),
    (LS_FENCED, c"LS_FENCED"),
    (LS_EXISTS, c"LS_EXISTS"),
    (LS_NOT_FOUND, c"LS_NOT_FOUND"),
    (LS_CHANGED, c"LS_CHANGED"),
    (LS_LIMIT, c"LS_LIMIT"),
    (LS_NOT_APPLIED, c"LS_NOT_APPLIED"),
    (LS_UNKNOWN_OUTCOME, c"LS_UNKNOWN_OUTCOME"),
    (LS_STORAGE, c"LS_STORAGE"),
    (LS_TIMEOUT, c"LS_TIMEOUT"),
    (LS_FORKED, c"LS_FORKED"),
    (LS_HAS_CALLBACK, c"LS_HAS_CALLBACK"),
    (LS_NOT_LEADER, c"LS_NOT_LEADER"),
    (LS_ALREADY_CONFIRMED, c"LS_ALREADY_CONFIRMED"),
    (LS_END, c"LS_END"),
];

// What the header shows must stand there as a number.
const _: () = {
    assert!(LS_OK == status::OK);
    assert!(LS_INVALID_ARGUMENT == status::INVALID_ARGUMENT);
    assert!(LS_ALREADY_REGISTERED == status::ALREADY_REGISTERED);
    assert!(LS_CLOSED == status::CLOSED);
    assert!(LS_UNREACHABLE == status::UNREACHABLE);
    assert!(LS_REFUSED == status::REFUSED);
    assert!(LS_ADDRESS_IN_USE == status::ADDRESS_IN_USE);
    assert!(LS_IO == status::IO);
    assert!(LS_TLS == status::TLS);
    assert!(LS_INTERNAL == status::INTERNAL);
    assert!(LS_TOO_LARGE == status::TOO_LARGE);
    assert!(LS_UNSUPPORTED == status::UNSUPPORTED);
    assert!(LS_FENCED == status::FENCED);
    assert!(LS_EXISTS == status::EXISTS);
    assert!(LS_NOT_FOUND == status::NOT_FOUND);
    assert!(LS_CHANGED == status::CHANGED);
    assert!(LS_LIMIT == status::LIMIT);
    assert!(LS_NOT_APPLIED == status::NOT_APPLIED);
    assert!(LS_UNKNOWN_OUTCOME == status::UNKNOWN_OUTCOME);
    assert!(LS_STORAGE == status::STORAGE);
    assert!(LS_FOREVER == u32::MAX);
};
