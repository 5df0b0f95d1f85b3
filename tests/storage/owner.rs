//! Who may have a directory, and what a directory may be.

use std::fs;

use leaderserver::server::storage::{Change, Storage, StorageError, check};

use crate::child::{Committer, Task};
use crate::model::Folder;

fn put(key: &str, value: &[u8]) -> Change {
    Change { key: key.as_bytes().to_vec(), value: Some(value.to_vec()) }
}

#[test]
fn what_was_committed_is_there_again_in_the_order_of_keys() {
    let folder = Folder::new("again");
    let directory = folder.join("made/on/the/way");
    let (mut storage, records) = Storage::open(&directory).unwrap();
    assert!(records.is_empty());
    storage.commit(&[put("b", b"2"), put("a", b"1"), put("c", b"")]).unwrap();
    storage.commit(&[]).unwrap();
    let gone = Change { key: b"b".to_vec(), value: None };
    storage.commit(&[gone.clone(), gone, put("", b"empty"), put("a", b"3")]).unwrap();
    assert_eq!(storage.statistics().commits, 2, "an empty commit is none");
    drop(storage);

    let (storage, records) = Storage::open(&directory).unwrap();
    let expected: [(&[u8], &[u8]); 3] = [(b"", b"empty"), (b"a", b"3"), (b"c", b"")];
    assert_eq!(records, expected.map(|(key, value)| (key.to_vec(), value.to_vec())));
    assert_eq!(storage.statistics().commits, 2);
}

#[test]
fn a_second_owner_is_refused_and_told_of_the_first() {
    let folder = Folder::new("second");
    let (_storage, _) = Storage::open(folder.path()).unwrap();
    let error = Storage::open(folder.path()).unwrap_err();
    assert!(error.is_in_use());
    let text = error.to_string();
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    assert!(text.contains(&folder.path().display().to_string()), "{text}");
}

#[test]
fn a_lock_does_not_outlive_its_holder() {
    let folder = Folder::new("outlive");
    let mut child = Committer::start(folder.path(), 1, 100, Task::Commit(u64::MAX));
    assert!(child.until("opened"));
    let error = Storage::open(folder.path()).unwrap_err();
    assert!(error.is_in_use(), "{error}");
    child.kill();
    Storage::open(folder.path()).expect("its holder is dead");
}

#[test]
fn a_directory_with_something_else_is_left_alone() {
    let folder = Folder::new("else");
    fs::write(folder.join("letter"), "dear").unwrap();
    for result in [Storage::open(folder.path()).map(drop), check(folder.path()).map(drop)] {
        let error = result.unwrap_err();
        assert!(matches!(error, StorageError::NotData { .. }), "{error}");
    }
    // Nor one with a folder that only happens to have the name of one of ours.
    fs::rename(folder.join("letter"), folder.join("data")).unwrap();
    assert!(matches!(Storage::open(folder.path()), Err(StorageError::NotData { .. })));
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing was made there");
}

#[test]
fn a_new_file_system_is_an_empty_directory() {
    let folder = Folder::new("mounted");
    fs::create_dir(folder.join("lost+found")).unwrap();
    Storage::open(folder.path()).expect("every file system has one");
}

#[test]
fn those_who_only_look_do_not_disturb_each_other() {
    let folder = Folder::new("lookers");
    drop(Storage::open(folder.path()).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    check(folder.path()).unwrap();
                }
            });
        }
    });
}

#[test]
fn a_directory_that_was_left_half_made_is_made_anew() {
    let folder = Folder::new("half");
    fs::write(folder.join("lock"), "").unwrap();
    fs::create_dir(folder.join("new")).unwrap();
    fs::write(folder.join("new/letter"), "dear").unwrap();
    let error = Storage::open(folder.path()).unwrap_err();
    assert!(matches!(error, StorageError::NotData { .. }), "it is not ours: {error}");
    fs::rename(folder.join("new/letter"), folder.join("new/base")).unwrap();
    let (_storage, records) = Storage::open(folder.path()).unwrap();
    assert!(records.is_empty());
}

#[test]
fn too_much_in_one_commit_is_refused_and_changes_nothing() {
    let folder = Folder::new("much");
    let (mut storage, _) = Storage::open(folder.path()).unwrap();
    let large = vec![0; 100 << 20];
    let changes = [put("a", &large), put("b", &large), put("c", &large)];
    let error = storage.commit(&changes).unwrap_err();
    assert!(matches!(error, StorageError::TooLarge { .. }), "{error}");
    storage.commit(&[put("d", b"small")]).unwrap();
    drop(storage);
    let (_storage, records) = Storage::open(folder.path()).unwrap();
    assert_eq!(records, [(b"d".to_vec(), b"small".to_vec())]);
}

#[test]
fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("modes");
    let directory = folder.join("data");
    let (_storage, _) = Storage::open(&directory).unwrap();
    let mode =
        |name: &str| fs::metadata(directory.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("."), 0o700);
    assert_eq!(mode("data"), 0o700);
    for name in ["lock", "socket", "data/base", "data/log.0", "data/log.1", "data/marker"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
}
