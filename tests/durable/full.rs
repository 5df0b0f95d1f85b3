//! A full disk under a server: writes are refused, everything else goes on, and so do writes once
//! there is room.
//!
//! The disk is a small one in memory that only the server sees; or, where mounting is not allowed, a
//! limit on the size of its files, which the kernel refuses in the same places.

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
    let disk = Disk::of(server.id(), &disk);

    let timing = Timing {
        session_timeout: Duration::from_secs(2),
        disconnect_grace: Duration::from_millis(500),
    };
    let client = client_with(&place.endpoint(), "leader", |config| config.timing = timing);
    let contender = client.register("a", 1).unwrap();
    let id = lead(&client, &contender);
    let store = contender.store().unwrap();
    store.create("kept", Bytes::from_static(b"kept"), PATIENCE).unwrap();

    disk.exhaust();
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

    disk.relieve();
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
            if !mounted {
                // Else a file that grows beyond its limit would end the process.
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            }
            Ok(())
        });
    }
}

/// What the server's files may take.
enum Disk {
    /// The file that takes all the room, as the server's own process sees the disk.
    Mounted(PathBuf),
    /// A process and its data directory.
    Limited(u32, PathBuf),
}

impl Disk {
    fn of(server: u32, at: &Path) -> Self {
        let mounts = fs::read_to_string(format!("/proc/{server}/mountinfo")).unwrap();
        if mounts.contains(at.to_str().unwrap()) {
            let filler = format!("/proc/{server}/root{}/filler", at.display());
            Disk::Mounted(PathBuf::from(filler))
        } else {
            Disk::Limited(server, at.join("data"))
        }
    }

    /// Takes all the room there is.
    fn exhaust(&self) {
        match self {
            Disk::Mounted(filler) => fill(filler),
            Disk::Limited(server, data) => limit(*server, longest(data)),
        }
    }

    fn relieve(&self) {
        match self {
            Disk::Mounted(filler) => fs::remove_file(filler).unwrap(),
            Disk::Limited(server, _) => limit(*server, libc::RLIM_INFINITY),
        }
    }
}

fn fill(filler: &Path) {
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

/// No file of the process may grow beyond this.
fn limit(process: u32, bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    let none = std::ptr::null_mut();
    // SAFETY: the limit outlives the call, and the former one is not asked for.
    let done = unsafe { libc::prlimit(process as i32, libc::RLIMIT_FSIZE, &raw const limit, none) };
    assert_eq!(done, 0, "{}", IoError::last_os_error());
}

/// The length of the longest file.
fn longest(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let lengths = entries.map(|entry| match entry.file_type().unwrap().is_dir() {
        true => longest(&entry.path()),
        false => entry.metadata().unwrap().len(),
    });
    lengths.max().unwrap_or(0)
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
