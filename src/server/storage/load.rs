//! Reading a data directory, and telling damage from what a kill or a loss of power leaves.
//!
//! Nothing is changed here. The rules:
//! - A file that rests (all of them after a clean close; the base except during a fold) must have the
//!   hash that the marker says.
//! - Base and logs must be one chain of commits: each log begins where the one before ends, and the
//!   base's own commit is a link of it.
//! - The chain must reach the commit that was acknowledged last, by the marker.
//! - Behind its end may lie what was being written when the end came, but no whole later frame.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Record;
use super::base::{self, Net};
use super::block::file_hash;
use super::error::StorageError;
use super::log::{LAST_NUMBER, Reader, Rest, changes, owned};
use super::marker::{self, Found, Phase, Point, Print};
use super::paths::Files;

/// What a data directory holds.
pub struct Loaded {
    pub found: Found,
    /// The last commit.
    pub last: Point,
    pub records: Vec<Record>,
    pub logs: [LogFound; 2],
}

/// What a log is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFound {
    /// Not in use; to be cleared if something is left in it.
    Free { cleared: bool },
    /// Full: to be folded into the base.
    Sealed(Point),
    /// The one that goes on.
    Active { tail: u64, torn: bool },
}

/// Reads all. `upto`: while a server writes on, to that commit and no further.
pub fn load(folder: &Path, upto: Option<Point>) -> Result<Loaded, StorageError> {
    let files = Files::within(folder);
    files.are_there()?;
    let found = marker::read(&files.marker)?;
    compare_files_at_rest(&files, &found)?;
    let (base, records) = base::read(&files.base)?;
    if base.instance != found.state.instance {
        return Err(StorageError::damaged(&files.base, "it belongs to another directory"));
    }
    if base.point.number > LAST_NUMBER {
        return Err(StorageError::damaged(&files.base, "no directory has seen so many commits"));
    }
    let was = found.state.base_point;
    if found.state.phase == Phase::Folding {
        if base.point.number < was.number {
            return Err(missing(&files.base, base.point.number, was.number));
        }
    } else if base.point != was {
        return Err(StorageError::damaged(&files.base, "it is of another commit than it was"));
    }

    let mut chain = Chain { upto, base: base.point, last: None, net: Net::new() };
    let logs = chain.read_logs(&files, &found)?;
    let last = chain.last.unwrap_or(base.point);
    let needed = upto.unwrap_or(found.progress);
    if last.number < needed.number {
        return Err(missing(&files.folder, last.number, needed.number));
    }
    if last.number == needed.number && last.chain != needed.chain {
        let text = format!("commit {} is not the one that was acknowledged", last.number);
        return Err(StorageError::damaged(&files.folder, text));
    }
    let records = merge(records, chain.net);
    Ok(Loaded { found, last, records, logs })
}

fn compare_files_at_rest(files: &Files, found: &Found) -> Result<(), StorageError> {
    let state = &found.state;
    let mut at_rest: Vec<(&PathBuf, Print)> = Vec::new();
    match state.phase {
        Phase::Folding => {}
        Phase::Running => at_rest.push((&files.base, state.base)),
        Phase::Closed => {
            at_rest.push((&files.base, state.base));
            at_rest.extend(files.logs.iter().zip(state.logs));
        }
    }
    for (path, print) in at_rest {
        let (length, hash) = file_hash(path)?;
        if length != print.length {
            let text = format!("it has {length} bytes, and had {}", print.length);
            return Err(StorageError::damaged(path, text));
        }
        if hash != print.hash {
            return Err(StorageError::damaged(path, "its bytes are not those that were written"));
        }
    }
    Ok(())
}

/// The commits behind the base.
struct Chain {
    upto: Option<Point>,
    base: Point,
    /// The last one read, once there is any log.
    last: Option<Point>,
    net: Net,
}

impl Chain {
    fn read_logs(&mut self, files: &Files, found: &Found) -> Result<[LogFound; 2], StorageError> {
        let mut logs = [LogFound::Free { cleared: true }; 2];
        let mut used = Vec::new();
        for (index, path) in files.logs.iter().enumerate() {
            match Reader::open(path, found.state.instance) {
                Ok(Some(reader)) => used.push((index, reader)),
                Ok(None) => {}
                // Just being put into use, behind the commit that is asked for.
                Err(error) if error.is_damaged() && self.upto.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        used.sort_by_key(|(_, reader)| reader.head().first);
        if used.is_empty() {
            return Err(StorageError::damaged(&files.logs[0], "neither log is in use"));
        }
        let newest = used.len() - 1;
        for (age, (index, mut reader)) in used.into_iter().enumerate() {
            let path = &files.logs[index];
            if !self.follow(path, &mut reader)? {
                continue;
            }
            let (point, tail) = (reader.point(), reader.offset());
            self.last = Some(point);
            let rest = if self.upto.is_some() { Rest::Blank } else { reader.rest()? };
            logs[index] = match rest {
                Rest::Later(number) => return Err(missing(path, point.number, number)),
                Rest::Torn if age < newest => {
                    return Err(StorageError::damaged(
                        path,
                        "something lies behind its last commit",
                    ));
                }
                _ if age < newest => LogFound::Sealed(point),
                rest => LogFound::Active { tail, torn: rest == Rest::Torn },
            };
        }
        self.look_at_unused(files, found, &mut logs)?;
        Ok(logs)
    }

    /// Reads a log, which must go on where the chain ends. False if it is of no concern.
    fn follow(&mut self, path: &Path, reader: &mut Reader) -> Result<bool, StorageError> {
        let start = reader.point();
        let fits = match self.last {
            Some(last) => start == last,
            None => start.number < self.base.number || start == self.base,
        };
        if !fits {
            let end = self.last.unwrap_or(self.base);
            // A log that was put into use behind the commit that is asked for.
            if self.upto.is_some_and(|upto| start.number >= upto.number) {
                return Ok(false);
            }
            let text = format!(
                "it goes on after commit {}, and what is before it ends with {}",
                start.number, end.number
            );
            return Err(StorageError::damaged(path, text));
        }
        while self.upto.is_none_or(|upto| reader.point().number < upto.number) {
            let Some(body) = reader.frame()? else { break };
            let Some(changes) = changes(body) else {
                return Err(StorageError::damaged(path, "a commit in it makes no sense"));
            };
            let changes: Vec<_> = owned(changes).collect();
            let point = reader.point();
            if point.number > self.base.number {
                self.net.extend(changes);
            } else if point.number == self.base.number && point != self.base {
                return Err(StorageError::damaged(path, "it has other commits than the base"));
            }
        }
        let end = reader.point();
        if end.number < self.base.number {
            return Err(missing(path, end.number, self.base.number));
        }
        Ok(true)
    }

    /// What is left in a log out of use was folded, or it was put out of use by damage.
    fn look_at_unused(
        &self,
        files: &Files,
        found: &Found,
        logs: &mut [LogFound; 2],
    ) -> Result<(), StorageError> {
        if self.upto.is_some() {
            return Ok(());
        }
        let last = self.last.unwrap_or(self.base);
        for (log, path) in logs.iter_mut().zip(&files.logs) {
            if !matches!(log, LogFound::Free { .. }) {
                continue;
            }
            match Reader::rest_of_unused(path, found.state.instance, last)? {
                Rest::Blank => {}
                Rest::Torn => *log = LogFound::Free { cleared: false },
                Rest::Later(number) => return Err(missing(path, last.number, number)),
            }
        }
        Ok(())
    }
}

fn missing(path: &Path, last: u64, needed: u64) -> StorageError {
    let found =
        format!("commits up to {needed} were made, and what is whole of them ends with {last}");
    StorageError::damaged(path, found)
}

/// The records with the changes, in the order of their keys.
fn merge(records: Vec<Record>, net: BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Vec<Record> {
    let mut merged = Vec::with_capacity(records.len() + net.len());
    let mut changes = net.into_iter().peekable();
    for record in records {
        while let Some((key, value)) = changes.next_if(|(key, _)| *key < record.0) {
            merged.extend(value.map(|value| (key, value)));
        }
        match changes.next_if(|(key, _)| *key == record.0) {
            Some((key, value)) => merged.extend(value.map(|value| (key, value))),
            None => merged.push(record),
        }
    }
    merged.extend(changes.filter_map(|(key, value)| Some((key, value?))));
    merged
}
