//! Backups: all records as of one commit in one file, with a hash over every byte.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::block::{BLOCK, Block, Hasher, halves, seal, unseal};
use super::error::StorageError;
use super::marker::Point;
use super::paths::{parent, sync_directory};
use super::{FORMAT, Record, Report, newer};

const LETTERS: &[u8; 8] = b"ls backu";
const HASH: u64 = 16;

/// Writes a backup, which is there as a whole or not at all.
pub fn write(to: &Path, records: &[Record], point: Point) -> Result<(), StorageError> {
    let partial = partial(to);
    let written = write_partial(&partial, records, point);
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Gives a backup that was written its name.
pub fn publish(to: &Path) -> Result<(), StorageError> {
    let partial = partial(to);
    // Unlike a rename, a link never replaces what has come there meanwhile.
    match fs::hard_link(&partial, to) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let _ = fs::remove_file(&partial);
            return Err(StorageError::Exists { path: to.to_owned() });
        }
        Err(_) => {
            fs::rename(&partial, to).map_err(|error| StorageError::io("make", to, error))?;
            return sync_directory(parent(to));
        }
    }
    fs::remove_file(&partial).map_err(|error| StorageError::io("remove", &partial, error))?;
    sync_directory(parent(to))
}

/// Takes away what was written under no name yet.
pub fn discard(to: &Path) {
    let _ = fs::remove_file(partial(to));
}

fn partial(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

fn write_partial(path: &Path, records: &[Record], point: Point) -> Result<(), StorageError> {
    let failed = |error| StorageError::io("write", path, error);
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut out = Hashing {
        out: BufWriter::with_capacity(1 << 18, file.map_err(failed)?),
        hasher: Hasher::new(),
    };
    let bytes: u64 = records.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum();
    let [low, high] = halves(point.chain);
    let numbers = [u64::from(FORMAT), records.len() as u64, bytes, point.number, low, high];
    let written = out.write(&seal(LETTERS, &numbers)).and_then(|()| {
        for (key, value) in records {
            out.write(&(key.len() as u32).to_le_bytes())?;
            out.write(&(value.len() as u32).to_le_bytes())?;
            out.write(key)?;
            out.write(value)?;
        }
        let hash = out.hasher.finish();
        out.write(&hash.to_le_bytes())?;
        out.out.flush()?;
        out.out.get_ref().sync_all()
    });
    written.map_err(failed)
}

struct Hashing {
    out: BufWriter<File>,
    hasher: Hasher,
}

impl Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Reads a backup, and looks at every byte of it.
pub fn read(path: &Path) -> Result<(Report, Vec<Record>), StorageError> {
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (length, file) = opened.map_err(|error| StorageError::io("read", path, error))?;
    let mut reader = Reading {
        path,
        file: BufReader::with_capacity(1 << 18, file),
        hasher: Hasher::new(),
        left: length,
    };
    let mut block = [0; BLOCK];
    block.copy_from_slice(&reader.take(BLOCK as u64)?);
    let Block::Sealed(fields) = unseal(LETTERS, &block) else {
        return Err(StorageError::damaged(path, "it does not begin as a backup does"));
    };
    let [format, count, bytes, number, ..] = *fields;
    if format > u64::from(FORMAT) {
        return Err(newer(path, format));
    }
    let expected = count
        .checked_mul(8)
        .and_then(|sizes| sizes.checked_add(bytes)?.checked_add(BLOCK as u64 + HASH));
    if expected != Some(length) {
        return Err(StorageError::damaged(path, format!("{length} bytes are not its length")));
    }
    let mut records = Vec::with_capacity(count.min(1 << 20) as usize);
    for _ in 0..count {
        let sizes = reader.take(8)?;
        let size = |at: usize| {
            u64::from(u32::from_le_bytes(sizes[at..at + 4].try_into().expect("four bytes")))
        };
        let key = reader.take(size(0))?;
        records.push((key, reader.take(size(4))?));
    }
    let hash = reader.hasher.finish();
    if reader.take(HASH)? != hash.to_le_bytes() || reader.left != 0 {
        return Err(StorageError::damaged(path, "its bytes are not those that were written"));
    }
    let report = Report {
        format: FORMAT,
        records: count,
        bytes,
        commits: number,
        file_bytes: length,
        every_byte: true,
    };
    Ok((report, records))
}

struct Reading<'a> {
    path: &'a Path,
    file: BufReader<File>,
    hasher: Hasher,
    left: u64,
}

impl Reading<'_> {
    fn take(&mut self, size: u64) -> Result<Vec<u8>, StorageError> {
        if size > self.left {
            return Err(StorageError::damaged(self.path, "it ends too early"));
        }
        let mut bytes = vec![0; size as usize];
        self.file.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => StorageError::damaged(self.path, "it ends too early"),
            _ => StorageError::io("read", self.path, error),
        })?;
        self.hasher.update(&bytes);
        self.left -= size;
        Ok(bytes)
    }
}
