//! Writing a log.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::super::Change;
use super::super::block::{self, Hash};
use super::super::error::StorageError;
use super::super::marker::Point;
use super::{FIRST_FRAME, FRAME_HEAD, HEAD, Head, LARGEST, frame};

/// The room that a log has from the beginning.
const SMALLEST: u64 = 256 << 10;
/// It grows by its own length, and by this at the most.
const LARGEST_STEP: u64 = 4 << 20;

/// Makes a log that is not in use.
pub fn create(path: &Path) -> Result<(), StorageError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.and_then(|file| {
        zero(&file, 0, SMALLEST)?;
        file.sync_all()
    })
    .map_err(|error| StorageError::io("make", path, error))
}

/// Puts a log that is not in use into use.
pub fn start(path: &Path, head: &Head) -> Result<(), StorageError> {
    open(path)
        .and_then(|file| {
            file.write_all_at(&block::seal(HEAD, &head.numbers()), 0)?;
            file.sync_data()
        })
        .map_err(|error| StorageError::io("write", path, error))
}

/// Takes a log out of use. Its room stays its own up to `limit`, so that a full disk finds it there.
pub fn clear(path: &Path, limit: u64) -> Result<(), StorageError> {
    open(path)
        .and_then(|file| {
            // The head first: what is behind it then means nothing.
            zero(&file, 0, FIRST_FRAME)?;
            let length = file.metadata()?.len();
            let kept = length.min(limit.max(SMALLEST));
            file.set_len(kept)?;
            zero(&file, FIRST_FRAME, kept)?;
            file.sync_all()
        })
        .map_err(|error| StorageError::io("clear", path, error))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

fn zero(file: &File, from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; 1 << 16];
    let mut at = from;
    while at < to {
        let size = zeros.len().min((to - at) as usize);
        file.write_all_at(&zeros[..size], at)?;
        at += size as u64;
    }
    Ok(())
}

/// Appends to the log in use.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    instance: Hash,
    length: u64,
    tail: u64,
    last: Point,
    buffer: Vec<u8>,
    /// Bytes from the tail on that are to be zeros again, and why they are not.
    unclean: Option<(u64, String)>,
}

impl Writer {
    /// Goes on at `tail`, behind the commit `last`. What is behind it is made zeros, if `torn`.
    pub fn open(
        path: &Path,
        instance: Hash,
        tail: u64,
        last: Point,
        torn: bool,
    ) -> Result<Writer, StorageError> {
        let opened = open(path).and_then(|file| {
            let length = file.metadata()?.len();
            if torn {
                zero(&file, tail, length)?;
            }
            // What was found may be known to the system alone: a process was killed in its sync.
            file.sync_data()?;
            Ok((file, length))
        });
        let (file, length) = opened.map_err(|error| StorageError::io("write", path, error))?;
        let path = path.to_owned();
        let buffer = Vec::new();
        Ok(Writer { path, file, instance, length, tail, last, buffer, unclean: None })
    }

    /// The last commit.
    pub fn last(&self) -> Point {
        self.last
    }

    /// Of which directory.
    pub fn instance(&self) -> Hash {
        self.instance
    }

    /// Whether there is any commit in it.
    pub fn has_frames(&self) -> bool {
        self.tail > FIRST_FRAME
    }

    /// How much of the log is used.
    pub fn tail(&self) -> u64 {
        self.tail
    }

    /// Appends a commit, and syncs.
    pub fn append(&mut self, changes: &[Change]) -> Result<(), StorageError> {
        self.clean()?;
        let bytes = size(changes);
        if bytes > LARGEST {
            let path = self.path.clone();
            return Err(StorageError::TooLarge { path, bytes, limit: LARGEST });
        }
        let number = self.last.number + 1;
        let mut buffer = std::mem::take(&mut self.buffer);
        let chain = frame(&mut buffer, self.instance, number, self.last.chain, changes);
        let written = self.write(&buffer);
        let size = buffer.len() as u64;
        buffer.shrink_to(1 << 20);
        self.buffer = buffer;
        written?;
        self.tail += size;
        self.last = Point { number, chain };
        Ok(())
    }

    fn write(&mut self, frame: &[u8]) -> Result<(), StorageError> {
        let size = frame.len() as u64;
        self.make_room(size)?;
        let written = self.file.write_all_at(frame, self.tail).and_then(|()| self.file.sync_data());
        written.map_err(|error| {
            self.unclean = Some((size, error.to_string()));
            let error = StorageError::io("write", &self.path, error);
            // Without success it stays unclean, and the next commit says so.
            let _ = self.clean();
            error
        })
    }

    /// Whether anything is left to be taken back.
    pub fn is_clean(&self) -> bool {
        self.unclean.is_none()
    }

    /// Room for `size` bytes more, written and synced.
    fn make_room(&mut self, size: u64) -> Result<(), StorageError> {
        let needed = self.tail + size;
        if needed <= self.length {
            return Ok(());
        }
        let step = self.length.clamp(SMALLEST, LARGEST_STEP);
        // Where there is not so much room, there may be just enough.
        let generous = needed.max(self.length + step);
        self.grow(generous)
            .or_else(|_| self.grow(needed.next_multiple_of(FIRST_FRAME)))
            .map_err(|error| StorageError::io("write", &self.path, error))
    }

    fn grow(&mut self, length: u64) -> io::Result<()> {
        let grown = zero(&self.file, self.length, length).and_then(|()| self.file.sync_all());
        match grown {
            Ok(()) => {
                self.length = length;
                Ok(())
            }
            Err(error) => {
                // What is left of it does no harm: it is zeros.
                let _ = self.file.set_len(self.length);
                Err(error)
            }
        }
    }

    /// After a failed write: the bytes must be zeros again, durably, before anything else.
    fn clean(&mut self) -> Result<(), StorageError> {
        let Some((size, reason)) = &self.unclean else { return Ok(()) };
        let to = (self.tail + size).min(self.length);
        match zero(&self.file, self.tail, to).and_then(|()| self.file.sync_data()) {
            Ok(()) => {
                self.unclean = None;
                Ok(())
            }
            Err(_) => Err(StorageError::Unusable {
                directory: self.path.clone(),
                reason: format!("a commit could neither be written nor taken back ({reason})"),
            }),
        }
    }
}

/// The bytes of a commit's body.
fn size(changes: &[Change]) -> usize {
    let each = |change: &Change| 8 + change.key.len() + change.value.as_ref().map_or(0, Vec::len);
    changes.iter().map(each).sum::<usize>() + FRAME_HEAD
}
