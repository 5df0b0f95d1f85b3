//! Where things are in a data directory, and how they come to be there for good.
//!
//! ```text
//! DIR/lock      held by flock as long as a server runs; says who holds it, and that data were made
//! DIR/socket    where the holder is asked to keep still for a backup
//! DIR/data/     made as DIR/new and renamed when complete: it is there as a whole or not at all
//!     base      redb: the records as of some commit
//!     log.0     the commits since, and one log more, the one that is filled while
//!     log.1     the other is folded into the base
//!     marker    what has been acknowledged, and the hashes of files that rest
//! ```

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::error::StorageError;

/// The paths of a data directory.
#[derive(Clone, Debug)]
pub struct Paths {
    pub directory: PathBuf,
    pub lock: PathBuf,
    pub socket: PathBuf,
    pub data: PathBuf,
    pub new: PathBuf,
}

impl Paths {
    pub fn of(directory: &Path) -> Paths {
        Paths {
            directory: directory.to_owned(),
            lock: directory.join("lock"),
            socket: directory.join("socket"),
            data: directory.join("data"),
            new: directory.join("new"),
        }
    }
}

/// The files within `DIR/data`, or `DIR/new`.
#[derive(Clone, Debug)]
pub struct Files {
    pub folder: PathBuf,
    pub base: PathBuf,
    pub logs: [PathBuf; 2],
    pub marker: PathBuf,
}

impl Files {
    pub fn within(folder: &Path) -> Files {
        Files {
            folder: folder.to_owned(),
            base: folder.join("base"),
            logs: [folder.join("log.0"), folder.join("log.1")],
            marker: folder.join("marker"),
        }
    }

    /// Each must be there, and be a file.
    pub fn are_there(&self) -> Result<(), StorageError> {
        for path in [&self.base, &self.logs[0], &self.logs[1], &self.marker] {
            match fs::symlink_metadata(path) {
                Ok(found) if found.is_file() => {}
                Ok(_) => return Err(StorageError::damaged(path, "it is no file")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(StorageError::damaged(path, "the file is missing"));
                }
                Err(error) => return Err(StorageError::io("look at", path, error)),
            }
        }
        Ok(())
    }
}

/// Makes the entries of a directory durable.
pub fn sync_directory(path: &Path) -> Result<(), StorageError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| StorageError::io("sync", path, error))
}

/// Makes a directory and those above it, durably; for this user alone, where it makes them.
pub fn make_directory(path: &Path) -> Result<(), StorageError> {
    use std::os::unix::fs::DirBuilderExt;
    let mut missing = Vec::new();
    let mut place = path;
    while !place.exists() {
        missing.push(place);
        match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => place = parent,
            _ => break,
        }
    }
    for directory in missing.into_iter().rev() {
        match fs::DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(StorageError::io("make the directory", directory, error));
            }
            _ => {}
        }
        sync_directory(parent(directory))?;
    }
    Ok(())
}

/// What a path is an entry of.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
