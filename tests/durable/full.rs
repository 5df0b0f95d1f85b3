//! A full disk under a server: writes are refused, everything else goes on, and so do writes once
//! there is room.

use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::io::{Error as IoError, ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use leaderserver::client::Store;
use leaderserver::core::config::Timing;
use leaderserver::core::error::Error;
use leaderserver::core::store::StoreError;

use crate::program::{PATIENCE, Place, client_with, lead, next};

/// Long enough for an answer, and short enough for a write that has to wait for room.
const ANSWER: Duration = Duration::from_secs(3);

#[test]
fn a_full_disk_refuses_writes_and_nothing_else() {
    let place = Place::new("full");
    let disk = place.directory.join("disk");
    fs::create_dir_all(&disk).unwrap();
    let mut program = place.command(&disk.join("data"));
    small_disk(&mut program, &disk);
    let server = Place::start(&mut program);
    // The disk is there for the server only: its view of the files is reached through its process.
    let filler = PathBuf::from(format!("/proc/{}/root{}/filler", server.id(), disk.display()));

    let timing = Timing {
        session_timeout: Duration::from_secs(2),
        disconnect_grace: Duration::from_millis(500),
    };
    let client = client_with(&place.endpoint(), "leader", |config| config.timing = timing);
    let contender = client.register("a", 1).unwrap();
    let id = lead(&client, &contender);
    let store = contender.store().unwrap();
    store.create("kept", Bytes::from_static(b"kept"), PATIENCE).unwrap();

    exhaust(&filler);
    let reason = write_until_refused(&store);
    let status = client.status(PATIENCE).unwrap();
    assert!(!status.read_only.is_empty(), "{status:?}");
    assert!(reason.contains("room"), "{reason}");
    // For longer than any session lives without its heartbeats.
    let until = Instant::now() + 2 * timing.session_timeout;
    while Instant::now() < until {
        let kept = store.get("kept", ANSWER).unwrap().expect("reads go on");
        assert_eq!(&kept.value[..], b"kept");
        assert!(contender.has_leadership(id), "heartbeats go on");
    }
    let late = client_with(&place.endpoint(), "late", |_| {});
    let other = late.register("b", 1).unwrap();
    assert!(late.status(PATIENCE).unwrap().read_only.contains("room"));
    assert_eq!(next(&late, &other, Duration::ZERO), None, "nobody is granted what can't be kept");

    fs::remove_file(&filler).unwrap();
    lead(&late, &other);
    let version = store.create("after", Bytes::from_static(b"after"), PATIENCE).unwrap();
    assert_eq!(store.get("after", PATIENCE).unwrap().unwrap().version, version);
    assert_eq!(client.status(PATIENCE).unwrap().read_only, "");
    assert!(contender.has_leadership(id));
    server.stop();
}

/// Mounts a disk of 24 MiB in memory that only the program sees, before it runs.
fn small_disk(program: &mut Command, at: &Path) {
    let text = |text: &str| CString::new(text).unwrap();
    let (tmpfs, at, root) = (text("tmpfs"), text(at.to_str().unwrap()), text("/"));
    let size = text("size=24m");
    // SAFETY: between fork and exec there are only system calls, with texts that were made before.
    unsafe {
        program.pre_exec(move || {
            let alone = |flags| libc::unshare(flags) == 0;
            let private = libc::MS_REC | libc::MS_PRIVATE;
            let none = std::ptr::null();
            let mounted = (alone(libc::CLONE_NEWNS)
                || alone(libc::CLONE_NEWUSER | libc::CLONE_NEWNS))
                && libc::mount(none, root.as_ptr(), none, private, none.cast()) == 0
                && libc::mount(
                    tmpfs.as_ptr(),
                    at.as_ptr(),
                    tmpfs.as_ptr(),
                    0,
                    size.as_ptr().cast(),
                ) == 0;
            if mounted { Ok(()) } else { Err(IoError::last_os_error()) }
        });
    }
}

/// Takes all the room there is.
fn exhaust(filler: &Path) {
    let mut file = OpenOptions::new().create(true).append(true).open(filler).unwrap();
    for chunk in [1 << 20, 4096, 1] {
        let error = loop {
            if let Err(error) = file.write_all(&vec![1; chunk]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    }
}

/// What was reserved may still be filled; then a write waits in vain, and later ones are refused.
fn write_until_refused(store: &Store) -> String {
    let until = Instant::now() + PATIENCE;
    for number in 0.. {
        let value = Bytes::from(vec![b'x'; 256 * 1024]);
        match store.create(&format!("more-{number}"), value, ANSWER) {
            Ok(_) | Err(Error::Store(StoreError::UnknownOutcome(_))) => {}
            Err(Error::Store(StoreError::ReadOnly(reason))) => return reason,
            Err(other) => panic!("{other}"),
        }
        assert!(Instant::now() < until, "writes are not refused");
    }
    unreachable!("it returns or panics")
}
