//! A full disk: refused as such, nothing half done, and on it goes once there is room.
//!
//! The disk is a small one in memory, mounted where only the child sees it; or, where mounting is not
//! allowed, a limit on the size of files, which the kernel refuses in the same places.

use std::ffi::CString;
use std::fs;
use std::path::Path;
use std::process;

use leaderserver::server::storage::{Change, Storage, StorageError};

use crate::child::{Committer, Task};
use crate::model::{Folder, Model, open};

/// What there is not enough of.
#[derive(Clone, Copy)]
pub enum Room {
    OnTheDisk,
    ForFiles,
    /// Enough for the logs.
    ForTheBase,
    /// Enough for a part of a commit.
    ForAWrite,
}

/// A child says it when the log could not be folded.
pub const FOLD_FAILED: &str = "a fold failed";

/// Run in a process of its own.
pub fn run_out(directory: &Path, model: Model, what: u8) {
    if what == Room::ForTheBase as u8 {
        for_the_base(directory, model);
    } else if what == Room::ForAWrite as u8 {
        for_a_write(directory);
    } else {
        let mounted = what == Room::OnTheDisk as u8 && mount(directory);
        for_commits(directory, model, mounted);
    }
}

/// A file system of 16 MiB in a mount space of our own.
fn mount(directory: &Path) -> bool {
    let text = |text: &str| CString::new(text).unwrap();
    let (tmpfs, target) = (text("tmpfs"), text(directory.to_str().unwrap()));
    let (root, size) = (text("/"), text("size=16m"));
    let none = std::ptr::null();
    // SAFETY: the pointers are to texts that end in a zero byte, or null where that is allowed.
    unsafe {
        libc::unshare(libc::CLONE_NEWNS) == 0
            && libc::mount(none, root.as_ptr(), none, libc::MS_REC | libc::MS_PRIVATE, none.cast())
                == 0
            && libc::mount(tmpfs.as_ptr(), target.as_ptr(), tmpfs.as_ptr(), 0, size.as_ptr().cast())
                == 0
    }
}

/// No file may become longer; none: as long as it likes.
fn limit(bytes: Option<u64>) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointers are to a structure that outlives the calls.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit), 0);
        limit.rlim_cur = bytes.unwrap_or(limit.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
    }
}

fn for_commits(directory: &Path, mut model: Model, mounted: bool) {
    let (mut storage, records) = open(directory).expect("there is room to begin with");
    assert!(records.is_empty());
    let filler = directory.join("data/filler");
    let exhaust = || {
        if mounted {
            // As much of it as there is room for.
            fs::write(&filler, vec![1; 16 << 20]).expect_err("it is larger than the disk");
        } else {
            // The logs are as long as they may become; the base has to be longer.
            let length = |name: &str| fs::metadata(directory.join(name)).unwrap().len();
            limit(Some(length("data/log.0").max(length("data/log.1")) + 4096));
        }
    };
    let relieve = || {
        if mounted {
            fs::remove_file(&filler).expect("it is there");
        } else {
            limit(None);
        }
    };
    for round in 0..3 {
        exhaust();
        let mut refused = 0;
        while refused < 5 {
            match storage.commit(&model.next()) {
                Ok(()) => model.advance(model.number + 1),
                Err(error) => {
                    assert!(error.is_full(), "round {round}: {error}");
                    assert!(error.to_string().contains("no room"), "{error}");
                    refused += 1;
                }
            }
            assert_eq!(storage.statistics().commits, model.number);
        }
        relieve();
        for _ in 0..10 {
            storage.commit(&model.next()).expect("there is room again");
            model.advance(model.number + 1);
        }
        println!("ack {}", model.number);
    }
    exhaust();
    while storage.commit(&model.next()).is_ok() {
        model.advance(model.number + 1);
    }
    // Closing and opening need no room.
    drop(storage);
    let (storage, records) = Storage::open(directory).expect("it opens on a full disk");
    assert_eq!(storage.statistics().commits, model.number);
    assert!(model.is(&records), "the records are those that were acknowledged");
    println!("{}", if mounted { "on a disk" } else { "under a limit" });
}

/// Folds fail, commits do not; then it is killed.
fn for_the_base(directory: &Path, mut model: Model) {
    let (mut storage, _) = open(directory).expect("there is room to begin with");
    model.advance(storage.statistics().commits);
    // The logs have no more, the base has, and may not be written where it is longer.
    limit(Some(280 << 10));
    let mut said = false;
    loop {
        let failed = storage.statistics().trouble.is_some();
        if failed && !said {
            println!("{FOLD_FAILED}");
            said = true;
        }
        if let Err(error) = storage.commit(&model.next()) {
            assert!(error.is_full(), "{error}");
            println!("full");
            process::exit(0);
        }
        model.advance(model.number + 1);
        println!("ack {}", model.number);
    }
}

const HALF_WRITTEN: &[u8] = &[0xAB; 100_000];

/// A write into room that the log has already fails in the middle, and can't be taken back either.
fn for_a_write(directory: &Path) {
    let put = |key: &[u8], value: &[u8]| Change { key: key.to_vec(), value: Some(value.to_vec()) };
    let (mut storage, _) = Storage::open(directory).expect("there is room to begin with");
    storage.commit(&[put(b"a", b"before")]).expect("there is room");
    limit(Some(50_000));
    let error = storage.commit(&[put(b"b", HALF_WRITTEN)]).expect_err("it ends in the middle");
    assert!(error.is_full(), "{error}");
    for _ in 0..2 {
        let error = storage.commit(&[put(b"c", b"small")]).expect_err("the half is still there");
        assert!(matches!(error, StorageError::Unusable { .. }), "{error}");
    }
    limit(None);
    storage.commit(&[put(b"d", b"after")]).expect("the half can be taken back");
    assert_eq!(storage.statistics().commits, 2);
    println!("written");
    // Killed here, nothing is closed.
    std::thread::park();
}

#[test]
fn half_of_a_commit_is_taken_back_before_the_next() {
    let folder = Folder::new("full-half");
    let mut child = Committer::start(folder.path(), 0, 0, Task::RunOutOf(Room::ForAWrite));
    assert!(child.until("written"), "{}", child.last_line);
    child.kill();
    let log = fs::read(folder.join("data/log.0")).unwrap();
    assert!(!log.windows(100).any(|bytes| bytes == &HALF_WRITTEN[..100]), "nothing is left of it");
    let (_storage, records) = Storage::open(folder.path()).unwrap();
    let expected: [(&[u8], &[u8]); 2] = [(b"a", b"before"), (b"d", b"after")];
    assert_eq!(records, expected.map(|(key, value)| (key.to_vec(), value.to_vec())));
}

fn runs_out_of(what: Room, name: &str) -> String {
    let folder = Folder::new(name);
    let mut child = Committer::start(folder.path(), 3, 30_000, Task::RunOutOf(what));
    assert!(child.until_any(&["on a disk", "under a limit"]), "{}", child.last_line);
    let how = child.last_line.clone();
    child.finish();
    how
}

#[test]
fn a_full_disk_is_survived() {
    let how = runs_out_of(Room::OnTheDisk, "full-disk");
    println!("{how}");
}

#[test]
fn a_limit_on_files_is_survived() {
    assert_eq!(runs_out_of(Room::ForFiles, "full-limit"), "under a limit");
}

/// The log is kept until it can be folded, and is folded once there is room.
#[test]
fn a_fold_without_room_is_made_up_for() {
    let folder = Folder::new("full-base");
    let mut child = Committer::start(folder.path(), 5, 3000, Task::RunOutOf(Room::ForTheBase));
    assert!(child.until(FOLD_FAILED), "{}", child.last_line);
    let acknowledged = child.kill();
    let mut child = Committer::start(folder.path(), 5, 3000, Task::Commit(1));
    child.acknowledged = acknowledged;
    assert!(child.finish() > acknowledged, "all that was acknowledged, and one more");
}
