//! Reading a log, and telling what comes after its last frame.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::super::block::{self, Block, Hash};
use super::super::error::StorageError;
use super::super::marker::Point;
use super::super::{FORMAT, newer};
use super::{
    ALIGNED, CHAIN_AT, FIRST_FRAME, FRAME, FRAME_HEAD, HEAD, Head, LARGEST, LAST_NUMBER, chain,
};

/// Reads the frames of a log one after the other.
pub struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    head: Head,
    length: u64,
    offset: u64,
    next: u64,
    chain: Hash,
    frame: Vec<u8>,
}

/// What lies behind the last frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Zeros.
    Blank,
    /// Something, but no whole frame of a later commit.
    Torn,
    /// A whole frame of a later commit: what is between was there once.
    Later(u64),
}

impl Reader {
    /// Opens a log. None if it is not in use.
    pub fn open(path: &Path, instance: Hash) -> Result<Option<Reader>, StorageError> {
        let failed = |error| StorageError::io("read", path, error);
        let file = File::open(path).map_err(failed)?;
        let head = match block::read(&file, HEAD, 0).map_err(failed)? {
            Block::Blank => return Ok(None),
            Block::Broken => return Err(StorageError::damaged(path, "its head is broken")),
            Block::Sealed(fields) if fields[0] > u64::from(FORMAT) => {
                return Err(newer(path, fields[0]));
            }
            Block::Sealed(fields) => Head::from(&fields),
        };
        if head.instance != instance {
            return Err(StorageError::damaged(path, "it belongs to another directory"));
        }
        if !(1..=LAST_NUMBER).contains(&head.first) {
            return Err(StorageError::damaged(path, "it begins with a commit that can't be"));
        }
        Reader::at_first(path, file, head).map(Some)
    }

    /// What lies in a log that is not in use, where `last` is the last commit.
    pub fn rest_of_unused(path: &Path, instance: Hash, last: Point) -> Result<Rest, StorageError> {
        let file = File::open(path).map_err(|error| StorageError::io("read", path, error))?;
        let head = Head { instance, first: last.number + 1, before: last.chain };
        Reader::at_first(path, file, head)?.rest()
    }

    fn at_first(path: &Path, file: File, head: Head) -> Result<Reader, StorageError> {
        let failed = |error| StorageError::io("read", path, error);
        let length = file.metadata().map_err(failed)?.len();
        let mut file = BufReader::with_capacity(1 << 18, file);
        file.seek(SeekFrom::Start(FIRST_FRAME)).map_err(failed)?;
        Ok(Reader {
            path: path.to_owned(),
            file,
            head,
            length,
            offset: FIRST_FRAME,
            next: head.first,
            chain: head.before,
            frame: Vec::new(),
        })
    }

    /// Where it begins.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The last commit that was read; at the beginning, the one before.
    pub fn point(&self) -> Point {
        Point { number: self.next - 1, chain: self.chain }
    }

    /// Where the next frame begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The body of the next frame; none if there is no whole one that follows.
    pub fn frame(&mut self) -> Result<Option<&[u8]>, StorageError> {
        let next = self.take().map_err(|error| StorageError::io("read", &self.path, error))?;
        let Some(body) = next else { return Ok(None) };
        let (before, chain) = chains(&self.frame);
        if number(&self.frame) != self.next || before != self.chain {
            return Ok(None);
        }
        self.chain = chain;
        self.next += 1;
        self.offset += self.frame.len() as u64;
        Ok(Some(&self.frame[FRAME_HEAD..FRAME_HEAD + body]))
    }

    /// Reads a whole frame, of whatever number, from where the file stands. Answers the length of
    /// its body.
    fn take(&mut self) -> io::Result<Option<usize>> {
        self.frame.clear();
        let left = self.length.saturating_sub(self.offset);
        if left < FRAME_HEAD as u64 || !self.append(FRAME_HEAD)? || self.frame[..8] != *FRAME {
            return Ok(None);
        }
        let body = u64_at(&self.frame, 16);
        if body > LARGEST as u64 || body > left - FRAME_HEAD as u64 {
            return Ok(None);
        }
        let body = body as usize;
        if !self.append(body.next_multiple_of(ALIGNED as usize))? {
            return Ok(None);
        }
        let whole = chains(&self.frame).1 == chain(self.head.instance, &self.frame);
        Ok(whole.then_some(body))
    }

    fn append(&mut self, bytes: usize) -> io::Result<bool> {
        let read = self.file.by_ref().take(bytes as u64).read_to_end(&mut self.frame)?;
        Ok(read == bytes)
    }

    /// What lies behind the last frame that was read.
    pub fn rest(mut self) -> Result<Rest, StorageError> {
        let path = self.path.clone();
        self.look_behind().map_err(|error| StorageError::io("read", &path, error))
    }

    fn look_behind(&mut self) -> io::Result<Rest> {
        let mut rest = Rest::Blank;
        // What is hashed in vain: frames within frames, of somebody who means ill.
        let mut patience = self.length.saturating_mul(4);
        let (mut piece, blank) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let mut at = self.offset;
        while at < self.length {
            self.file.seek(SeekFrom::Start(at))?;
            let size = piece.len().min((self.length - at) as usize);
            self.file.read_exact(&mut piece[..size])?;
            if piece[..size] != blank[..size] {
                rest = Rest::Torn;
                for start in (0..size).step_by(ALIGNED as usize) {
                    if !piece[start..size].starts_with(FRAME) || patience == 0 {
                        continue;
                    }
                    self.offset = at + start as u64;
                    self.file.seek(SeekFrom::Start(self.offset))?;
                    let whole = self.take()?.is_some();
                    patience = patience.saturating_sub(self.frame.len() as u64);
                    if whole && number(&self.frame) >= self.next {
                        return Ok(Rest::Later(number(&self.frame)));
                    }
                }
            }
            at += size as u64;
        }
        Ok(rest)
    }
}

fn u64_at(frame: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(frame[at..at + 8].try_into().expect("eight bytes"))
}

fn number(frame: &[u8]) -> u64 {
    u64_at(frame, 8)
}

/// The chain before the frame, and with it.
fn chains(frame: &[u8]) -> (Hash, Hash) {
    let at = |at: usize| Hash::from_le_bytes(frame[at..at + 16].try_into().expect("16 bytes"));
    (at(32), at(CHAIN_AT))
}
