//! The base: a redb file with all records as of some commit.
//!
//! It changes only while a log is folded into it, by one transaction. While it rests its hash is
//! known, so that redb is handed no byte that was not its own. After a fold that was cut short redb
//! finds the state before or after it; which one, and that it is exactly that, the head tells: the
//! commit's number, and number, bytes and hash of all records.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::backend::{OnDisk, Untouched};
use super::block::{Hash, halves, record_hash, whole};
use super::error::StorageError;
use super::marker::Point;
use super::{FORMAT, Record, newer};

const RECORDS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("records");
/// Of the same types, so that redb's code is there once: it is not small.
const HEAD: TableDefinition<&[u8], &[u8]> = TableDefinition::new("head");
const HEAD_KEY: &[u8] = b"head";
/// redb's own memory, beside what a transaction has changed.
const CACHE: usize = 16 << 20;

/// What the base says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub instance: Hash,
    /// The last commit that is in it.
    pub point: Point,
    pub records: u64,
    /// The bytes of all keys and values.
    pub bytes: u64,
    /// The sum of the records' hashes.
    pub sum: Hash,
}

impl Head {
    fn add(&mut self, key: &[u8], value: &[u8]) {
        self.records = self.records.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add((key.len() + value.len()) as u64);
        self.sum = self.sum.wrapping_add(record_hash(key, value));
    }

    fn subtract(&mut self, key: &[u8], value: &[u8]) {
        self.records = self.records.wrapping_sub(1);
        self.bytes = self.bytes.wrapping_sub((key.len() + value.len()) as u64);
        self.sum = self.sum.wrapping_sub(record_hash(key, value));
    }

    fn encode(&self) -> Vec<u8> {
        let mut numbers = vec![u64::from(FORMAT)];
        for hash in [self.instance, self.point.chain, self.sum] {
            numbers.extend(halves(hash));
        }
        numbers.extend([self.point.number, self.records, self.bytes]);
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    fn decode(path: &Path, bytes: &[u8]) -> Result<Head, StorageError> {
        let numbers: Vec<u64> = bytes
            .chunks_exact(8)
            .map(|bytes| u64::from_le_bytes(bytes.try_into().expect("chunks of eight")))
            .collect();
        if let Some(format) = numbers.first().filter(|format| **format > u64::from(FORMAT)) {
            return Err(newer(path, *format));
        }
        let [_, numbers @ ..] = numbers.as_slice() else {
            return Err(StorageError::damaged(path, "its head is empty"));
        };
        let &[.., number, records, bytes] = numbers else {
            return Err(StorageError::damaged(path, "its head is too short"));
        };
        if numbers.len() != 9 {
            return Err(StorageError::damaged(path, "its head has another length"));
        }
        Ok(Head {
            instance: whole(&numbers[0..2]),
            point: Point { number, chain: whole(&numbers[2..4]) },
            sum: whole(&numbers[4..6]),
            records,
            bytes,
        })
    }
}

/// Changes to be folded: the last value of each key, none if it is deleted.
pub type Net = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Makes a base with these records.
pub fn create(
    path: &Path,
    instance: Hash,
    point: Point,
    records: &[Record],
) -> Result<Head, StorageError> {
    guarded(path, || {
        let database = open(path, OnDisk::create(path)?)?;
        let mut head = Head { instance, point, ..Head::default() };
        let write = database.begin_write().map_err(|error| refused(path, error))?;
        {
            let mut table = write.open_table(RECORDS).map_err(|error| refused(path, error))?;
            for (key, value) in records {
                let former = table
                    .insert(key.as_slice(), value.as_slice())
                    .map_err(|error| refused(path, error))?;
                if let Some(former) = former {
                    head.subtract(key, former.value());
                }
                head.add(key, value);
            }
        }
        finish(path, write, &head)?;
        Ok(head)
    })
}

/// All records in the order of their keys. Writes nothing, whatever state the file is in.
pub fn read(path: &Path) -> Result<(Head, Vec<Record>), StorageError> {
    guarded(path, || {
        let backend = Untouched::open(path)?;
        let length = backend.length();
        let database = open(path, backend)?;
        let read = database.begin_read().map_err(|error| refused(path, error))?;
        let heads = read.open_table(HEAD).map_err(|error| refused(path, error))?;
        let found = heads.get(HEAD_KEY).map_err(|error| refused(path, error))?;
        let Some(found) = found else {
            return Err(StorageError::damaged(path, "its head is missing"));
        };
        let head = Head::decode(path, found.value())?;
        let table = read.open_table(RECORDS).map_err(|error| refused(path, error))?;
        let mut counted = Head { instance: head.instance, point: head.point, ..Head::default() };
        // Whatever the file says of itself.
        let mut records = Vec::with_capacity(head.records.min(1 << 20) as usize);
        for entry in table.iter().map_err(|error| refused(path, error))? {
            let (key, value) = entry.map_err(|error| refused(path, error))?;
            let (key, value) = (key.value().to_vec(), value.value().to_vec());
            counted.add(&key, &value);
            records.push((key, value));
            if counted.bytes > length || counted.records > length {
                return Err(StorageError::damaged(
                    path,
                    "it has more records than have room in it",
                ));
            }
        }
        if counted != head {
            let found = format!(
                "it has {} records of {} bytes, and its head says {} of {}, or they are not the same",
                counted.records, counted.bytes, head.records, head.bytes
            );
            return Err(StorageError::damaged(path, found));
        }
        Ok((head, records))
    })
}

/// Folds changes into a base. `more` hands them out piece by piece, until there are none.
pub fn fold(
    path: &Path,
    point: Point,
    mut more: impl FnMut(&Head) -> Result<Option<Net>, StorageError>,
) -> Result<(), StorageError> {
    guarded(path, || {
        let database = open(path, OnDisk::open(path)?)?;
        let write = database.begin_write().map_err(|error| refused(path, error))?;
        let mut head = {
            let heads = write.open_table(HEAD).map_err(|error| refused(path, error))?;
            let found = heads.get(HEAD_KEY).map_err(|error| refused(path, error))?;
            match found {
                Some(found) => Head::decode(path, found.value())?,
                None => return Err(StorageError::damaged(path, "its head is missing")),
            }
        };
        if head.point.number >= point.number {
            return Ok(());
        }
        {
            let mut table = write.open_table(RECORDS).map_err(|error| refused(path, error))?;
            while let Some(net) = more(&head)? {
                for (key, value) in &net {
                    let former = match value {
                        Some(value) => table.insert(key.as_slice(), value.as_slice()),
                        None => table.remove(key.as_slice()),
                    };
                    let former = former.map_err(|error| refused(path, error))?;
                    if let Some(former) = former {
                        head.subtract(key, former.value());
                    }
                    if let Some(value) = value {
                        head.add(key, value);
                    }
                }
            }
        }
        head.point = point;
        finish(path, write, &head)
    })
}

fn finish(path: &Path, write: WriteTransaction, head: &Head) -> Result<(), StorageError> {
    {
        let mut heads = write.open_table(HEAD).map_err(|error| refused(path, error))?;
        heads.insert(HEAD_KEY, head.encode().as_slice()).map_err(|error| refused(path, error))?;
    }
    write.commit().map_err(|error| refused(path, error))
}

fn open(path: &Path, backend: impl redb::StorageBackend) -> Result<Database, StorageError> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    builder.create_with_backend(backend).map_err(|error| refused(path, error))
}

/// redb checks much of what it reads, and panics over the rest: only over a file that was forged, or
/// damaged while it was written.
fn guarded<T>(
    path: &Path,
    body: impl FnOnce() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|_| Err(StorageError::damaged(path, "redb can't make sense of it")))
}

fn refused(path: &Path, error: impl Into<redb::Error>) -> StorageError {
    match error.into() {
        // Not the system's words but redb's: the file is too short, or begins otherwise.
        redb::Error::Io(source) if source.raw_os_error().is_none() => {
            StorageError::damaged(path, source.to_string())
        }
        redb::Error::Io(source) => StorageError::io("use", path, source),
        other => StorageError::damaged(path, other.to_string()),
    }
}
