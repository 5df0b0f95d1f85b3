//! Status numbers and panics.

use std::time::Duration;

use leaderserver::core::error::{Error, Refusal};
use leaderserver::core::ids::{Name, Revision};
use leaderserver::core::store::StoreError;
use leaderserver::ffi::{panic, status};

use crate::{int_constants, java_source};

#[test]
fn status_numbers_never_change() {
    let text = String::new;
    let key = || Name::new("key", "k").expect("a name");
    let list = [
        (1, "INVALID_ARGUMENT", Error::invalid("key", "value", "remedy")),
        (2, "ALREADY_REGISTERED", Error::AlreadyRegistered(text())),
        (3, "CLOSED", Error::Closed("the client")),
        (4, "UNREACHABLE", Error::Unreachable { endpoint: text(), after: Duration::ZERO }),
        (5, "REFUSED", Error::Refused { code: Refusal::Mode, reason: text() }),
        (6, "ADDRESS_IN_USE", Error::AddressInUse { address: text(), reason: text() }),
        (7, "IO", Error::Io(text())),
        (8, "TLS", Error::Tls(text())),
        (9, "INTERNAL", Error::Internal(text())),
        (10, "TOO_LARGE", Error::TooLarge { what: "address", size: 2, limit: 1 }),
        (11, "UNSUPPORTED", Error::Unsupported(text())),
        (12, "FENCED", StoreError::Incarnation.into()),
        (13, "EXISTS", StoreError::Exists { key: key(), version: Revision(1) }.into()),
        (14, "NOT_FOUND", StoreError::NotFound { key: key() }.into()),
        (15, "CHANGED", StoreError::Changed { key: key(), version: Revision(1) }.into()),
        (16, "LIMIT", StoreError::Limit(text()).into()),
        (17, "NOT_APPLIED", StoreError::NotApplied(text()).into()),
        (18, "UNKNOWN_OUTCOME", StoreError::UnknownOutcome(text()).into()),
        (19, "STORAGE", Error::Storage(text())),
    ];
    let java = int_constants(&java_source("LeaderServerException.java"));
    assert_eq!(java.len(), list.len(), "{java:?}");
    assert_eq!(status::OK, 0);
    for (number, name, error) in list {
        assert_eq!(status::code(&error), number, "{error}");
        assert_eq!(java.get(name), Some(&number), "{name}");
    }
}

#[test]
fn the_version_of_a_key_comes_with_what_is_about_it() {
    let key = || Name::new("key", "k").expect("a name");
    let version = Revision(u64::MAX);
    assert_eq!(status::version(&StoreError::Exists { key: key(), version }.into()), u64::MAX);
    assert_eq!(status::version(&StoreError::Changed { key: key(), version }.into()), u64::MAX);
    assert_eq!(status::version(&StoreError::NotFound { key: key() }.into()), 0);
    assert_eq!(status::version(&Error::Closed("the client")), 0);
}

#[test]
fn a_panic_keeps_its_text() {
    let fails = |work: fn() -> Result<(), Error>| match panic::guard(work) {
        Err(Error::Internal(text)) => text,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(fails(|| panic!("plain")), "plain");
    assert_eq!(fails(|| panic!("formatted {}", 1 + 1)), "formatted 2");
    assert_eq!(fails(|| std::panic::panic_any(7_u8)), "a panic without a text");
    assert_eq!(fails(|| std::panic::panic_any(Bomb)), "a panic without a text");
    let index = std::hint::black_box(3);
    assert!(panic::guard(|| Ok([1, 2][index])).is_err_and(|e| e.to_string().contains("index")));
    assert_eq!(panic::guard(|| Ok(5)), Ok(5));
    assert_eq!(panic::guard(|| Err::<(), _>(Error::Closed("it"))), Err(Error::Closed("it")));
}

/// A payload that panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}
