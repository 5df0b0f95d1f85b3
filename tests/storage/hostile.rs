//! Files that somebody made up: an error, never a panic, an abort or an endless read. Some have the
//! right hashes, so that they come as far as redb.

use std::fs;
use std::path::Path;

use leaderserver::server::storage::{Change, Storage, StorageError, backup, check, restore};
use xxhash_rust::xxh3::xxh3_128;

use crate::child::{Committer, Task};
use crate::model::{Dice, Folder, copy, setting, silence_redb};

const SEED: u64 = 31;

fn closed(folder: &Folder) -> std::path::PathBuf {
    let directory = folder.join("data");
    Committer::start(&directory, SEED, 3000, Task::Commit(200)).finish();
    directory
}

/// Puts a number into a block, and the hash right.
fn forge(block: &mut [u8], field: usize, number: u64) {
    block[8 + 8 * field..16 + 8 * field].copy_from_slice(&number.to_le_bytes());
    let hash = xxh3_128(&block[..496]);
    block[496..512].copy_from_slice(&hash.to_le_bytes());
}

/// Makes the marker say that the base is as it is now.
fn acknowledge_base(directory: &Path) {
    let base = fs::read(directory.join("data/base")).unwrap();
    let hash = xxh3_128(&base);
    let path = directory.join("data/marker");
    let mut marker = fs::read(&path).unwrap();
    for slot in marker.chunks_mut(4096).take(2) {
        forge(slot, 11, base.len() as u64);
        forge(slot, 12, hash as u64);
        forge(slot, 13, (hash >> 64) as u64);
    }
    fs::write(path, marker).unwrap();
}

fn look(directory: &Path) -> Option<StorageError> {
    let checked = check(directory).err();
    let opened = Storage::open(directory).err();
    // A clean close may have made the base whole again; what was read is all that matters here.
    checked.or(opened)
}

#[test]
fn random_files_are_refused() {
    let folder = Folder::new("hostile-random");
    let directory = closed(&folder);
    let mut dice = Dice::new(setting("STORAGE_SEED", 1));
    for trial in 0..setting("STORAGE_TRIALS", 150) {
        let name = ["base", "log.0", "log.1", "marker"][dice.below(4) as usize];
        let path = directory.join("data").join(name);
        let whole = fs::read(&path).unwrap();
        let length = dice.below(40_000) as usize;
        let mut bytes = dice.bytes(length);
        if dice.below(2) == 0 {
            // It begins as it should.
            let begin = (dice.below(600) as usize).min(length).min(whole.len());
            bytes[..begin].copy_from_slice(&whole[..begin]);
        }
        fs::write(&path, &bytes).unwrap();
        let error = look(&directory).expect("it is refused");
        assert!(error.is_damaged(), "trial {trial}, {name}: {error}");
        fs::write(&path, &whole).unwrap();

        let file = folder.join("backup");
        fs::write(&file, &bytes).unwrap();
        assert!(check(&file).unwrap_err().is_damaged());
        assert!(restore(&file, &folder.join("target"), |records| records).is_err());
    }
}

/// redb gets pages that it never wrote.
#[test]
fn a_forged_base_does_no_more_than_fail() {
    let folder = Folder::new("hostile-base");
    let directory = closed(&folder);
    let forged = folder.join("forged");
    let mut refused = 0;
    let trials = setting("STORAGE_TRIALS", 150);
    silence_redb();
    for trial in 0..trials {
        let mut dice = Dice::new(setting("STORAGE_SEED", 1) + trial);
        copy(&directory, &forged);
        let path = forged.join("data/base");
        let mut bytes = fs::read(&path).unwrap();
        for _ in 0..1 + dice.below(20) {
            // Its beginning, and the beginnings of pages, are where the structure is.
            let at = match dice.below(3) {
                0 => dice.below(512),
                1 => dice.below(bytes.len() as u64 / 4096) * 4096 + dice.below(64),
                _ => dice.below(bytes.len() as u64),
            };
            bytes[at as usize] = dice.roll() as u8;
        }
        if dice.below(8) == 0 {
            bytes.truncate(dice.below(bytes.len() as u64) as usize);
        }
        fs::write(&path, bytes).unwrap();
        acknowledge_base(&forged);
        refused += u64::from(look(&forged).is_some());
    }
    assert!(refused > trials / 4, "{refused} of {trials}: the forged pages were looked at");
}

/// redb looks at no checksum when it reads; the sum over all records does not let it pass.
#[test]
fn a_value_under_a_right_hash_of_the_file_is_still_compared() {
    const VALUE: &[u8] = b"there is no other such value";
    let folder = Folder::new("hostile-value");
    let (mut storage, _) = Storage::open(&folder.join("first")).unwrap();
    storage.commit(&[Change { key: b"key".to_vec(), value: Some(VALUE.to_vec()) }]).unwrap();
    drop(storage);
    backup(&folder.join("first"), &folder.join("backup")).unwrap();
    let directory = folder.join("data");
    // So that the value comes into the base.
    restore(&folder.join("backup"), &directory, |records| records).unwrap();

    let path = directory.join("data/base");
    let mut base = fs::read(&path).unwrap();
    let mut places = base.windows(VALUE.len()).enumerate().filter(|(_, bytes)| *bytes == VALUE);
    let at = places.next().expect("it is in the base").0;
    base[at] ^= 1;
    fs::write(&path, base).unwrap();
    acknowledge_base(&directory);
    let error = look(&directory).expect("it is another value");
    assert!(error.is_damaged() && error.to_string().contains("not the same"), "{error}");
}

/// Numbers and lengths that can't be, with the right hashes around them.
#[test]
fn forged_numbers_do_no_more_than_fail() {
    let folder = Folder::new("hostile-numbers");
    let directory = closed(&folder);
    let forged = folder.join("forged");
    for trial in 0..setting("STORAGE_TRIALS", 150) {
        let mut dice = Dice::new(setting("STORAGE_SEED", 1) + trial);
        copy(&directory, &forged);
        let name = ["log.0", "log.1", "marker"][dice.below(3) as usize];
        let path = forged.join("data").join(name);
        let mut bytes = fs::read(&path).unwrap();
        let blocks = if name == "marker" { 3 } else { 1 };
        let number = match dice.below(4) {
            0 => u64::MAX,
            1 => 1 << 62,
            2 => dice.below(1000),
            _ => dice.roll(),
        };
        // The format is left: it is compared before anything else.
        let field = 1 + dice.below(19) as usize;
        for block in bytes.chunks_mut(4096).take(blocks) {
            forge(block, field, number);
        }
        fs::write(&path, bytes).unwrap();
        look(&forged);
    }
}

#[test]
fn a_later_format_is_refused_as_such() {
    let folder = Folder::new("hostile-format");
    let directory = closed(&folder);
    let path = directory.join("data/marker");
    let mut marker = fs::read(&path).unwrap();
    for slot in marker.chunks_mut(4096).take(2) {
        forge(slot, 0, 2);
    }
    fs::write(&path, marker).unwrap();
    for result in [check(&directory).map(drop), Storage::open(&directory).map(drop)] {
        let error = result.unwrap_err();
        assert!(matches!(error, StorageError::Newer { found: 2, known: 1, .. }), "{error}");
        assert!(error.to_string().contains("format 2"), "{error}");
    }
}
