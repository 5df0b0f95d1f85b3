//! Making a data directory, and telling whether one is to be made.

use std::fs;
use std::io;
use std::path::Path;

use super::block::{Hash, whole};
use super::error::StorageError;
use super::fold::rested;
use super::lock::Lock;
use super::log;
use super::marker::{Marker, Phase, Point, Print, State};
use super::paths::{Files, Paths, parent, sync_directory};
use super::{Record, base};
use crate::runtime;

/// Before anything is touched: a directory with something in it, and nothing of ours, is not ours.
pub fn refuse_foreign(paths: &Paths) -> Result<(), StorageError> {
    let names = names(&paths.directory)?;
    if names.is_empty() || names.iter().any(|name| name == "lock") || has_files(paths) {
        return Ok(());
    }
    Err(foreign(paths, &names))
}

fn has_files(paths: &Paths) -> bool {
    let files = Files::within(&paths.data);
    [&files.marker, &files.base].iter().any(|path| path.exists())
}

/// Whether there are data, or have to be.
pub fn has_data(paths: &Paths) -> Result<bool, StorageError> {
    if has_files(paths) {
        return Ok(true);
    }
    match Lock::take_unchanged(paths) {
        Ok(Some(lock)) => missing(paths, &lock),
        Ok(None) => Ok(false),
        // Its holder knows.
        Err(StorageError::InUse { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether the directory is a new one: never used, or left in the middle of being made.
pub fn is_to_be_made(paths: &Paths, lock: &Lock) -> Result<bool, StorageError> {
    match fs::symlink_metadata(&paths.data) {
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(StorageError::io("look at", &paths.data, error)),
    }
    missing(paths, lock)?;
    let names = names(&paths.directory)?;
    // What is left of `new` is going to be removed: nothing but ours may be in it.
    let half = self::names(&paths.new)?;
    let ours = ["base", "log.0", "log.1", "marker"];
    if names.iter().any(|name| name != "lock" && name != "new")
        || half.iter().any(|name| !ours.contains(&name.as_str()))
    {
        return Err(foreign(paths, &names));
    }
    Ok(true)
}

/// Without data: false if there never were any, an error otherwise.
fn missing(paths: &Paths, lock: &Lock) -> Result<bool, StorageError> {
    if lock.says_made() {
        return Err(StorageError::damaged(&paths.data, "it is missing, and was there once"));
    }
    Ok(false)
}

fn foreign(paths: &Paths, names: &[String]) -> StorageError {
    let name = names.iter().find(|name| *name != "lock").map_or("", String::as_str);
    let found = format!("there is something else in it ('{name}')");
    StorageError::NotData { directory: paths.directory.clone(), found }
}

fn names(directory: &Path) -> Result<Vec<String>, StorageError> {
    let failed = |error| StorageError::io("read", directory, error);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        // Every new file system has one.
        if name != "lost+found" {
            names.push(name);
        }
    }
    Ok(names)
}

/// Makes the data, with these records, as if `commits` had been made before.
pub fn create(
    paths: &Paths,
    lock: &Lock,
    commits: u64,
    records: &[Record],
) -> Result<(), StorageError> {
    match fs::remove_dir_all(&paths.new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StorageError::io("remove", &paths.new, error));
        }
        _ => {}
    }
    let made = create_new(paths, commits, records);
    if made.is_err() {
        // Of no use to anybody, and perhaps what fills the disk.
        let _ = fs::remove_dir_all(&paths.new);
    }
    made?;
    fs::rename(&paths.new, &paths.data)
        .map_err(|error| StorageError::io("make", &paths.data, error))?;
    sync_directory(&paths.directory)?;
    // Whoever made the directory may not have made it durable; not everybody may read where it is.
    let _ = sync_directory(parent(&paths.directory));
    // From now on, no data here means that they were lost.
    lock.say(true, true).map_err(|error| StorageError::io("write", &paths.lock, error))
}

fn create_new(paths: &Paths, commits: u64, records: &[Record]) -> Result<(), StorageError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&paths.new)
        .map_err(|error| StorageError::io("make", &paths.new, error))?;
    let files = Files::within(&paths.new);
    let instance = random();
    let point = Point { number: commits.min(log::LAST_NUMBER), chain: 0 };
    base::create(&files.base, instance, point, records)?;
    for path in &files.logs {
        log::create(path)?;
    }
    let head = log::Head { instance, first: point.number + 1, before: point.chain };
    log::start(&files.logs[0], &head)?;
    let (base, logs) = (Print::default(), [Print::default(); 2]);
    let phase = Phase::Running;
    let state = State { instance, phase, base_point: point, base, last: point, logs };
    Marker::create(&files.marker, &rested(&files, &state, point)?)?;
    sync_directory(&paths.new)
}

/// What tells one directory's files from another's.
fn random() -> Hash {
    let seed = runtime::random_seed();
    let half = |at: usize| u64::from_le_bytes(seed[at..at + 8].try_into().expect("eight bytes"));
    whole(&[half(0), half(8)])
}
