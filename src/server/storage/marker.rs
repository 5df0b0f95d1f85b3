//! The marker: a small second file that knows what the others must hold.
//!
//! Two slots take turns to say how the files rest or change, each synced before what it announces
//! begins and after what it reports is done. A third block, rewritten after every commit and not
//! synced, has the last commit that was acknowledged: after a kill it is exact, after a loss of power it
//! may lag, and it never leads.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::block::{self, BLOCK, Block, Fields, Hash, halves, whole};
use super::error::StorageError;
use super::{FORMAT, newer};

const SLOT: &[u8; 8] = b"ls state";
const PROGRESS: &[u8; 8] = b"ls done ";
const PROGRESS_AT: u64 = 2 * BLOCK as u64;
const LENGTH: u64 = 3 * BLOCK as u64;

/// A point in the history of a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// The number of the commit.
    pub number: u64,
    /// The chain with it.
    pub chain: Hash,
}

/// A file at rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Print {
    /// Its length.
    pub length: u64,
    /// The hash of all its bytes.
    pub hash: Hash,
}

/// What the files are doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The base rests; commits go to a log.
    Running,
    /// A log is being folded into the base.
    Folding,
    /// All files rest.
    Closed,
}

/// What a slot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    pub instance: Hash,
    pub phase: Phase,
    /// Up to where the base goes; when folding: went before.
    pub base_point: Point,
    /// The base; meaningless while folding.
    pub base: Print,
    /// The last commit, if closed.
    pub last: Point,
    /// The logs, if closed.
    pub logs: [Print; 2],
}

impl State {
    fn numbers(&self, sequence: u64) -> Vec<u64> {
        let phase = match self.phase {
            Phase::Running => 1,
            Phase::Folding => 2,
            Phase::Closed => 3,
        };
        let mut numbers = vec![u64::from(FORMAT), sequence, phase];
        numbers.extend(halves(self.instance));
        for point in [self.base_point, self.last] {
            numbers.push(point.number);
            numbers.extend(halves(point.chain));
        }
        for print in [self.base, self.logs[0], self.logs[1]] {
            numbers.push(print.length);
            numbers.extend(halves(print.hash));
        }
        numbers
    }

    fn from(fields: &Fields) -> Option<(u64, State)> {
        let phase = match fields[2] {
            1 => Phase::Running,
            2 => Phase::Folding,
            3 => Phase::Closed,
            _ => return None,
        };
        let point = |at| Point { number: fields[at], chain: whole(&fields[at + 1..at + 3]) };
        let print = |at| Print { length: fields[at], hash: whole(&fields[at + 1..at + 3]) };
        let state = State {
            instance: whole(&fields[3..5]),
            phase,
            base_point: point(5),
            last: point(8),
            base: print(11),
            logs: [print(14), print(17)],
        };
        Some((fields[1], state))
    }
}

/// The marker, for reading.
#[derive(Debug)]
pub struct Found {
    pub state: State,
    sequence: u64,
    /// The last commit that was acknowledged; after a loss of power an earlier one.
    pub progress: Point,
}

/// Reads a marker.
pub fn read(path: &Path) -> Result<Found, StorageError> {
    let failed = |error| StorageError::io("read", path, error);
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() != LENGTH {
        return Err(StorageError::damaged(path, "it has not the length of a marker"));
    }
    let mut slots = Vec::new();
    for at in [0, BLOCK as u64] {
        if let Block::Sealed(fields) = block::read(&file, SLOT, at).map_err(failed)? {
            if fields[0] > u64::from(FORMAT) {
                return Err(newer(path, fields[0]));
            }
            slots.extend(State::from(&fields));
        }
    }
    let progress = match block::read(&file, PROGRESS, PROGRESS_AT).map_err(failed)? {
        Block::Sealed(fields) => Point { number: fields[0], chain: whole(&fields[1..3]) },
        _ => {
            let found = "the number of the last commit is not whole";
            return Err(StorageError::damaged(path, found));
        }
    };
    let Some((sequence, state)) = slots.iter().max_by_key(|(sequence, _)| *sequence).copied()
    else {
        return Err(StorageError::damaged(path, "neither of its two states is whole"));
    };
    // A disk writes a slot whole or not at all, so that none is broken but by damage. While files
    // change the other slot, being older, leads to the same or to an error; at rest both are needed.
    if state.phase == Phase::Closed && (slots.len() < 2 || progress != state.last) {
        return Err(StorageError::damaged(path, "it was closed, and a part of it is not whole"));
    }
    Ok(Found { state, sequence, progress })
}

/// The marker, for writing.
#[derive(Debug)]
pub struct Marker {
    path: PathBuf,
    file: File,
    sequence: u64,
}

impl Marker {
    /// Makes one.
    pub fn create(path: &Path, state: &State) -> Result<(), StorageError> {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        made.and_then(|file| {
            for sequence in [1, 2] {
                write_slot(&file, sequence, state)?;
            }
            write_progress(&file, state.last)?;
            file.sync_all()
        })
        .map_err(|error| StorageError::io("make", path, error))
    }

    /// Opens one that was read.
    pub fn open(path: &Path, found: &Found) -> Result<Marker, StorageError> {
        let file = OpenOptions::new()
            .write(true)
            .open(path)
            .map_err(|error| StorageError::io("write", path, error))?;
        Ok(Marker { path: path.to_owned(), file, sequence: found.sequence })
    }

    /// Says how things are, durably.
    pub fn say(&mut self, state: &State) -> Result<(), StorageError> {
        let sequence = self.sequence.wrapping_add(1);
        write_slot(&self.file, sequence, state)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| StorageError::io("write", &self.path, error))?;
        self.sequence = sequence;
        Ok(())
    }

    /// What writes the last commit.
    pub fn progress(&self) -> Result<Progress, StorageError> {
        let file = self.file.try_clone();
        Ok(Progress(file.map_err(|error| StorageError::io("write", &self.path, error))?))
    }
}

/// Writes the last commit that was acknowledged.
#[derive(Debug)]
pub struct Progress(File);

impl Progress {
    /// Without a sync.
    pub fn write(&self, point: Point) -> io::Result<()> {
        write_progress(&self.0, point)
    }
}

fn write_slot(file: &File, sequence: u64, state: &State) -> io::Result<()> {
    let block = block::seal(SLOT, &state.numbers(sequence));
    file.write_all_at(&block, (sequence % 2) * BLOCK as u64)
}

fn write_progress(file: &File, point: Point) -> io::Result<()> {
    let [low, high] = halves(point.chain);
    file.write_all_at(&block::seal(PROGRESS, &[point.number, low, high]), PROGRESS_AT)
}
