//! Durable storage of one data directory: records of bytes, changed all or none in synced steps.

mod error;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

pub use error::StorageError;

/// The format of a data directory.
pub const FORMAT: u32 = 1;

const RECORDS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("records");

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

/// Sizes, for the status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Commits since the directory was made.
    pub commits: u64,
    /// What its files take.
    pub file_bytes: u64,
}

/// What a look at a directory or a backup found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The format.
    pub format: u32,
    /// How many records.
    pub records: u64,
    /// Their keys and values.
    pub bytes: u64,
    /// Commits since the directory was made.
    pub commits: u64,
}

/// The exclusive owner of a data directory, until dropped.
#[derive(Debug)]
pub struct Storage {
    directory: PathBuf,
    database: Database,
    commits: u64,
}

impl Storage {
    /// Opens or creates. Answers all records.
    ///
    /// # Errors
    /// Whatever [`StorageError`] names.
    pub fn open(directory: &Path) -> Result<(Storage, Vec<Record>), StorageError> {
        fs::create_dir_all(directory)
            .map_err(|error| StorageError::io("create", directory, error))?;
        let file = directory.join("store.redb");
        let database = Database::create(&file).map_err(|error| refused(&file, error))?;
        let mut records = Vec::new();
        let read = database.begin_read().map_err(|error| refused(&file, error))?;
        match read.open_table(RECORDS) {
            Ok(table) => {
                for entry in table.iter().map_err(|error| refused(&file, error))? {
                    let (key, value) = entry.map_err(|error| refused(&file, error))?;
                    records.push((key.value().to_vec(), value.value().to_vec()));
                }
            }
            Err(redb::TableError::TableDoesNotExist(_)) => {
                File::open(directory)
                    .and_then(|opened| opened.sync_all())
                    .map_err(|error| StorageError::io("sync", directory, error))?;
            }
            Err(error) => return Err(refused(&file, error)),
        }
        Ok((Storage { directory: directory.to_owned(), database, commits: 0 }, records))
    }

    /// Applies all changes or none, in one synced step.
    ///
    /// # Errors
    /// [`StorageError::Full`], after which a later commit may succeed; else it is not usable.
    pub fn commit(&mut self, changes: &[Change]) -> Result<(), StorageError> {
        let file = self.directory.join("store.redb");
        let write = self.database.begin_write().map_err(|error| refused(&file, error))?;
        {
            let mut table = write.open_table(RECORDS).map_err(|error| refused(&file, error))?;
            for change in changes {
                match &change.value {
                    Some(value) => table.insert(change.key.as_slice(), value.as_slice()),
                    None => table.remove(change.key.as_slice()),
                }
                .map_err(|error| refused(&file, error))?;
            }
        }
        write.commit().map_err(|error| refused(&file, error))?;
        self.commits += 1;
        Ok(())
    }

    /// Sizes, for the status.
    pub fn statistics(&self) -> Statistics {
        let file = self.directory.join("store.redb");
        let file_bytes = fs::metadata(file).map_or(0, |found| found.len());
        Statistics { commits: self.commits, file_bytes }
    }
}

fn refused(path: &Path, error: impl Into<redb::Error>) -> StorageError {
    match error.into() {
        redb::Error::Io(source) => StorageError::io("use", path, source),
        redb::Error::DatabaseAlreadyOpen => {
            StorageError::InUse { directory: path.to_owned(), pid: None }
        }
        other => StorageError::damaged(path, other.to_string()),
    }
}
