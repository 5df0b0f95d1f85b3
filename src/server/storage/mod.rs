//! Durable storage of one data directory: records of bytes, changed all or none in synced steps.
//!
//! Every commit is a frame of a `log`, written and synced where it will stay. When a log is full it is
//! folded into the `base`, a redb file, on a thread of its own, and commits go on in the other log. The
//! `marker` knows what must be there; `load` compares, and tells damage from what a kill or a loss of
//! power leaves. What is damaged is named and left as it is.
//!
//! What is covered: after a clean close every byte of every file. After a kill, every byte of the base
//! (unless it was in the middle of a fold: then every byte that its records depend on), and every byte
//! of the logs up to the last acknowledged commit. After a loss of power the marker may not know the
//! latest commits: damage to just those can't be told from a write that was cut short.

mod backend;
mod backup;
mod base;
mod block;
mod create;
mod error;
mod fold;
mod hold;
mod load;
mod lock;
mod log;
mod marker;
mod owner;
mod paths;

use std::fs;
use std::path::Path;

use hold::Hold;
use load::load;
use lock::Lock;
use marker::{Phase, Point};
use paths::{Files, Paths, make_directory};

pub use error::StorageError;
pub use owner::Storage;

/// The latest format of a data directory, and of a backup.
pub const FORMAT: u32 = 1;

/// A key and its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// One change of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: Vec<u8>,
    /// Its new value; none deletes it.
    pub value: Option<Vec<u8>>,
}

/// For the status of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Commits since the directory was made.
    pub commits: u64,
    /// What the records' file takes on the disk.
    pub base_bytes: u64,
    /// What the logs take on the disk.
    pub log_bytes: u64,
    /// Why the log can't be folded into the records' file, if so. Commits go on, and the log grows.
    pub trouble: Option<String>,
}

/// What a look at a data directory or a backup found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The format.
    pub format: u32,
    /// How many records.
    pub records: u64,
    /// The bytes of their keys and values.
    pub bytes: u64,
    /// Commits since the directory was made.
    pub commits: u64,
    /// What it takes on the disk.
    pub file_bytes: u64,
    /// Whether every byte was compared with what was written: so for backups, and for directories
    /// that were closed. Else all that the records depend on was.
    pub every_byte: bool,
}

/// Looks at a data directory, or a backup, and changes nothing. A server may be running on it.
///
/// # Errors
/// [`StorageError::Damaged`] above all.
pub fn check(path: &Path) -> Result<Report, StorageError> {
    let found = fs::metadata(path).map_err(|error| StorageError::io("look at", path, error))?;
    if found.is_file() {
        return backup::read(path).map(|(report, _)| report);
    }
    read_still(path, |report, _, _| Ok(report))
}

/// Writes a backup of a data directory into a new file: all records as of one commit. A server may
/// be running on it, and goes on meanwhile.
///
/// # Errors
/// [`StorageError::Exists`] if there is such a file, [`StorageError::Damaged`] if there is nothing
/// worth a backup.
pub fn backup(directory: &Path, to: &Path) -> Result<Report, StorageError> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(StorageError::Exists { path: to.to_owned() });
    }
    let report = read_still(directory, |report, point, records| {
        backup::write(to, &records, point)?;
        Ok(report)
    });
    match report {
        Ok(_) => backup::publish(to)?,
        Err(_) => backup::discard(to),
    }
    report
}

/// Makes a data directory from a backup. `edit` may change the records. The directory must not
/// exist, or be empty.
///
/// # Errors
/// [`StorageError::Exists`] if it is not empty, [`StorageError::Damaged`] if the backup is.
pub fn restore(
    from: &Path,
    directory: &Path,
    edit: impl FnOnce(Vec<Record>) -> Vec<Record>,
) -> Result<Report, StorageError> {
    let (report, records) = backup::read(from)?;
    let paths = Paths::of(directory);
    create::refuse_foreign(&paths)?;
    make_directory(directory)?;
    let lock = Lock::take(&paths)?;
    if !create::is_to_be_made(&paths, &lock)? {
        return Err(StorageError::Exists { path: directory.to_owned() });
    }
    let records = edit(records);
    create::create(&paths, &lock, report.commits, &records)?;
    let loaded = load(&paths.data, None)?;
    Ok(report_of(&paths, &loaded))
}

/// Reads a directory that keeps still: because nobody else has it, or because its holder helps.
fn read_still(
    directory: &Path,
    use_it: impl FnOnce(Report, Point, Vec<Record>) -> Result<Report, StorageError>,
) -> Result<Report, StorageError> {
    let paths = Paths::of(directory);
    if !create::has_data(&paths)? {
        let found = "there are no data in it".to_owned();
        return Err(StorageError::NotData { directory: directory.to_owned(), found });
    }
    let (_lock, hold) = match Lock::take_unchanged(&paths) {
        Ok(lock) => (lock, None),
        Err(in_use @ StorageError::InUse { .. }) => {
            // Without a socket it is no server that holds it, or one that can't help.
            (None, Some(Hold::ask(&paths).map_err(|_| in_use)?))
        }
        Err(error) => return Err(error),
    };
    let loaded = load(&paths.data, hold.as_ref().map(|hold| hold.point))?;
    let report = report_of(&paths, &loaded);
    let report = use_it(report, loaded.last, loaded.records)?;
    if let Some(hold) = hold {
        hold.end(directory)?;
    }
    Ok(report)
}

fn report_of(paths: &Paths, loaded: &load::Loaded) -> Report {
    let files = Files::within(&paths.data);
    let sizes = [&files.base, &files.logs[0], &files.logs[1], &files.marker]
        .map(|path| fs::metadata(path).map_or(0, |found| found.len()));
    let bytes = loaded.records.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum();
    Report {
        format: FORMAT,
        records: loaded.records.len() as u64,
        bytes,
        commits: loaded.last.number,
        file_bytes: sizes.iter().sum(),
        every_byte: loaded.found.state.phase == Phase::Closed,
    }
}

fn newer(path: &Path, found: u64) -> StorageError {
    StorageError::Newer { path: path.to_owned(), found, known: FORMAT }
}
