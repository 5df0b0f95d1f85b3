//! What can go wrong with a data directory.

use std::io;
use std::path::{Path, PathBuf};

/// Why a data directory can't be used. Each text names the place, what was found, and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Somebody holds the directory.
    #[error(
        "{} is in use by {}: stop that server first, or use another directory",
        directory.display(), holder(*pid)
    )]
    InUse {
        /// The data directory.
        directory: PathBuf,
        /// The holder, as far as it said so.
        pid: Option<u32>,
    },
    /// What was found is not what was written.
    #[error(
        "{} is damaged: {found}; nothing was changed: keep a copy of the directory, and restore a \
         backup into an empty one",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// A directory with something else in it.
    #[error(
        "{} is no data directory: {found}; name the right one, or an empty one for a new server",
        directory.display()
    )]
    NotData {
        /// The directory.
        directory: PathBuf,
        /// What was found.
        found: String,
    },
    /// A later release wrote it.
    #[error(
        "{} has format {found}, and this release knows formats up to {known}: use the release that \
         wrote it, or a later one",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The latest format known here.
        known: u32,
    },
    /// There is something where something new is to be made.
    #[error("{} exists already: name another place, or remove it first", path.display())]
    Exists {
        /// The file or directory.
        path: PathBuf,
    },
    /// No room.
    #[error("no room for {}: {source}; free some space, and it goes on by itself", path.display())]
    Full {
        /// What could not grow.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// More in one commit than there may be.
    #[error("{bytes} bytes in one commit are too many for {}: at most {limit}", path.display())]
    TooLarge {
        /// The data directory.
        path: PathBuf,
        /// What was handed in.
        bytes: usize,
        /// What there may be.
        limit: usize,
    },
    /// The system refused.
    #[error("can't {doing} {}: {source}; look at its permissions, its disk and the system's log",
        path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// After an error that left the disk in an unknown state.
    #[error(
        "{} can't be written any more since {reason}: look at the disk, then start the server again",
        directory.display()
    )]
    Unusable {
        /// The data directory.
        directory: PathBuf,
        /// The first error.
        reason: String,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl StorageError {
    /// Whether it was only for want of room, so that the same may succeed later.
    pub fn is_full(&self) -> bool {
        matches!(self, StorageError::Full { .. })
    }

    /// Whether what was found is not what was written.
    pub fn is_damaged(&self) -> bool {
        matches!(self, StorageError::Damaged { .. })
    }

    /// Whether somebody else holds the directory.
    pub fn is_in_use(&self) -> bool {
        matches!(self, StorageError::InUse { .. })
    }

    pub(super) fn damaged(path: &Path, found: impl Into<String>) -> StorageError {
        StorageError::Damaged { path: path.to_owned(), found: found.into() }
    }

    /// From what the system said of `path`: a full disk, or something else.
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> StorageError {
        let path = path.to_owned();
        if is_full(&source) {
            return StorageError::Full { path, source };
        }
        StorageError::Io { doing, path, source }
    }
}

/// Out of room, by the disk's measure, a quota's, or the limit of a file's size.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG))
}
