//! Backups: consistent while commits go on, looked at to the last byte, never in anybody's way.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use leaderserver::server::storage::{Storage, StorageError, backup, check, restore};

use crate::child::{Committer, Task};
use crate::model::{Dice, Folder, Model, open, setting};

const SEED: u64 = 21;

/// So large values that folds and backups meet.
#[test]
fn a_backup_during_commits_is_of_one_commit() {
    let folder = Folder::new("backup-during");
    let directory = folder.join("data");
    let mut model = Model::new(SEED, 10_000);
    let (mut storage, _) = open(&directory).unwrap();
    storage.commit(&model.next()).unwrap();
    model.advance(1);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                storage.commit(&model.next()).unwrap();
                model.advance(model.number + 1);
            }
            model.number
        });
        // Also if something below fails.
        let stop = Stop(&done);
        let mut before = 1;
        for number in 0..12 {
            let file = folder.join(&format!("backup.{number}"));
            let report = backup(&directory, &file).unwrap();
            assert!(report.commits >= before, "it does not go back");
            before = report.commits;
            assert_eq!(check(&file).unwrap().commits, report.commits);
            assert!(check(&directory).unwrap().commits >= before, "a look while it is held");
            let copy = folder.join(&format!("copy.{number}"));
            restore(&file, &copy, |records| records).unwrap();
            let (_, records) = Storage::open(&copy).unwrap();
            let expected = Model::new(SEED, 10_000).at(report.commits);
            assert!(expected.is(&records), "all records of commit {}", report.commits);
            fs::remove_dir_all(copy).unwrap();
        }
        drop(stop);
        assert!(writer.join().unwrap() > before, "commits went on");
    });
    drop(storage);
    assert!(check(&directory).unwrap().every_byte);
}

/// What a backup relies on: as long as it reads, the base does not change, while commits go on.
#[test]
fn nothing_is_folded_while_somebody_reads() {
    let folder = Folder::new("backup-still");
    let mut model = Model::new(SEED, 20_000);
    let (mut storage, _) = open(folder.path()).unwrap();
    let mut commit = |storage: &mut Storage| {
        for _ in 0..500 {
            storage.commit(&model.next()).unwrap();
            model.advance(model.number + 1);
        }
    };
    commit(&mut storage);
    let mut reader = UnixStream::connect(folder.join("socket")).unwrap();
    reader.read_exact(&mut [0; 4096]).unwrap();
    let base = fs::read(folder.join("data/base")).unwrap();
    commit(&mut storage);
    assert!(fs::read(folder.join("data/base")).unwrap() == base, "the base has changed");
    reader.write_all(b"\n").unwrap();
    let mut answer = String::new();
    reader.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "kept\n");
    // One that never answers holds up nobody for good.
    let _silent = UnixStream::connect(folder.join("socket")).unwrap();
    commit(&mut storage);
    drop(storage);
    assert!(fs::read(folder.join("data/base")).unwrap() != base, "then it is folded");
    let (_storage, records) = Storage::open(folder.path()).unwrap();
    assert!(model.is(&records));
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Of a server in another process, and of none.
#[test]
fn whether_a_server_runs_makes_no_difference() {
    let folder = Folder::new("backup-other");
    // Longer than the address of a socket may be.
    let directory = folder.join(&"long/".repeat(40));
    let mut child = Committer::start(&directory, SEED, 300, Task::Commit(u64::MAX));
    assert!(child.until("ack 5"));
    let running = backup(&directory, &folder.join("running")).unwrap();
    assert!(running.commits >= 5 && !running.every_byte);
    child.kill();
    let killed = backup(&directory, &folder.join("killed")).unwrap();
    assert!(killed.commits >= running.commits && !killed.every_byte);
    Committer::start(&directory, SEED, 300, Task::Commit(1)).finish();
    let closed = backup(&directory, &folder.join("closed")).unwrap();
    assert!(closed.commits > killed.commits && closed.every_byte);
}

#[test]
fn what_is_there_is_not_overwritten() {
    let folder = Folder::new("backup-there");
    let directory = folder.join("data");
    let (mut storage, _) = Storage::open(&directory).unwrap();
    storage.commit(&Model::new(SEED, 100).next()).unwrap();
    let file = folder.join("backup");
    fs::write(&file, "mine").unwrap();
    let error = backup(&directory, &file).unwrap_err();
    assert!(matches!(error, StorageError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    fs::remove_file(&file).unwrap();
    backup(&directory, &file).unwrap();

    assert!(restore(&file, &directory, |records| records).unwrap_err().is_in_use());
    drop(storage);
    let error = restore(&file, &directory, |records| records).unwrap_err();
    assert!(matches!(error, StorageError::Exists { .. }), "{error}");
    let error = restore(&file, folder.path(), |records| records).unwrap_err();
    assert!(matches!(error, StorageError::NotData { .. }), "{error}");
    let leftovers = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(leftovers, 2, "the directory and the backup");
}

#[test]
fn restoring_lets_records_be_edited_and_goes_on_counting() {
    let folder = Folder::new("backup-edit");
    let directory = folder.join("data");
    Committer::start(&directory, SEED, 300, Task::Commit(40)).finish();
    let file = folder.join("backup");
    let report = backup(&directory, &file).unwrap();
    assert_eq!((report.commits, report.every_byte), (40, true));

    let restored = folder.join("restored");
    fs::create_dir(&restored).unwrap();
    let edited = restore(&file, &restored, |mut records| {
        records.retain(|(key, _)| key < &b"key/100".to_vec());
        records.push((b"incarnation".to_vec(), b"2".to_vec()));
        records
    });
    let edited = edited.unwrap();
    assert!(edited.records < report.records && edited.commits == report.commits);
    let (storage, records) = Storage::open(&restored).unwrap();
    assert_eq!(storage.statistics().commits, 40);
    assert_eq!(records.len() as u64, edited.records);
    assert_eq!(records[0], (b"incarnation".to_vec(), b"2".to_vec()));
    assert!(records.iter().all(|(key, _)| key < &b"key/100".to_vec()));
}

#[test]
fn damage_to_a_backup_is_detected_wherever_it_is() {
    let folder = Folder::new("backup-damage");
    let directory = folder.join("data");
    Committer::start(&directory, SEED, 300, Task::Commit(40)).finish();
    let file = folder.join("backup");
    backup(&directory, &file).unwrap();
    let whole = fs::read(&file).unwrap();
    let mut dice = Dice::new(setting("STORAGE_SEED", 1));
    let target = folder.join("target");
    for trial in 0..setting("STORAGE_TRIALS", 150) * 4 {
        let at = dice.below(whole.len() as u64) as usize;
        let mut spoilt = whole.clone();
        match trial % 4 {
            0 => spoilt.truncate(at),
            1 => spoilt.extend_from_slice(&whole[at..]),
            _ => spoilt[at] ^= 1 + dice.below(255) as u8,
        }
        fs::write(&file, spoilt).unwrap();
        let error = check(&file).expect_err("it is damaged");
        assert!(error.is_damaged(), "trial {trial} at {at}: {error}");
        let error = restore(&file, &target, |records| records).expect_err("it is damaged");
        assert!(error.is_damaged(), "trial {trial} at {at}: {error}");
        assert!(!target.exists(), "nothing was made of it");
    }
}

#[test]
fn a_damaged_directory_makes_no_backup() {
    let folder = Folder::new("backup-of-damage");
    let directory = folder.join("data");
    Committer::start(&directory, SEED, 300, Task::Commit(40)).finish();
    let base = directory.join("data/base");
    let mut bytes = fs::read(&base).unwrap();
    bytes[5000] ^= 1;
    fs::write(&base, bytes).unwrap();
    assert!(backup(&directory, &folder.join("backup")).unwrap_err().is_damaged());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "not even a part of one");
}
