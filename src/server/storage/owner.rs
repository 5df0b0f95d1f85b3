//! The owner of a data directory: opens, commits, closes.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;

use super::block::file_hash;
use super::error::StorageError;
use super::fold::{Folder, Shared, Still};
use super::hold::Listener;
use super::load::{Loaded, LogFound, load};
use super::lock::Lock;
use super::log::{self, Writer};
use super::marker::{Marker, Phase, Print, Progress, State};
use super::paths::{Files, Paths, make_directory};
use super::{Change, Record, Statistics, create};

/// While a full log can't be folded, it is tried again as the other grows by this.
const PATIENCE: u64 = 1 << 20;

/// The exclusive owner of a data directory, until dropped.
///
/// Dropping it waits for a fold that is under way, then closes the directory, after which damage to
/// any byte is found at the next opening. A process that is killed loses nothing.
#[derive(Debug)]
pub struct Storage {
    // In the order in which they go: the threads, what closes the files, the lock.
    listener: Option<Listener>,
    folder: Option<Folder>,
    shared: Arc<Shared>,
    progress: Progress,
    writer: Writer,
    /// The index of the log that is written to.
    active: usize,
    /// The length of the log when a fold was asked for last.
    asked_at: u64,
    paths: Paths,
    _lock: Lock,
}

impl Storage {
    /// Opens a data directory, or makes one, and answers all records in the order of their keys.
    /// Only what does not exist or is empty is taken for a new one. Reads all files; blocks.
    ///
    /// # Errors
    /// [`StorageError::InUse`], [`StorageError::Damaged`] (nothing is changed then), or whatever
    /// else it names.
    pub fn open(directory: &Path) -> Result<(Storage, Vec<Record>), StorageError> {
        Storage::open_folding_at(directory, None)
    }

    /// As [`Storage::open`], where a log is folded once it has so many bytes, rather than by what
    /// suits the base. For small disks, and for tests that are to see many folds.
    ///
    /// # Errors
    /// Those of [`Storage::open`].
    pub fn open_folding_at(
        directory: &Path,
        fold_at: Option<u64>,
    ) -> Result<(Storage, Vec<Record>), StorageError> {
        let paths = Paths::of(directory);
        create::refuse_foreign(&paths)?;
        make_directory(directory)?;
        let lock = Lock::take(&paths)?;
        if create::is_to_be_made(&paths, &lock)? {
            create::create(&paths, &lock, 0, &[])?;
        }
        lock.say(true, !lock.says_made())
            .map_err(|error| StorageError::io("write", &paths.lock, error))?;
        let loaded = load(&paths.data, None)?;
        let storage = Storage::go_on(paths, lock, &loaded, fold_at)?;
        Ok((storage, loaded.records))
    }

    /// From here on the directory changes.
    fn go_on(
        paths: Paths,
        lock: Lock,
        loaded: &Loaded,
        fold_at: Option<u64>,
    ) -> Result<Storage, StorageError> {
        let files = Files::within(&paths.data);
        let mut marker = Marker::open(&files.marker, &loaded.found)?;
        let mut state = loaded.found.state;
        if state.phase == Phase::Closed {
            state = State { phase: Phase::Running, ..state };
            marker.say(&state)?;
        }
        let mut sealed = None;
        let mut active = None;
        for (index, (log, path)) in loaded.logs.into_iter().zip(&files.logs).enumerate() {
            match log {
                LogFound::Free { cleared: true } => {}
                LogFound::Free { cleared: false } => {
                    log::clear(path, u64::MAX)?;
                }
                LogFound::Sealed(last) => sealed = Some((index, last)),
                LogFound::Active { tail, torn } => {
                    let writer = Writer::open(path, state.instance, tail, loaded.last, torn)?;
                    active = Some((index, writer));
                }
            }
        }
        let (active, writer) = active.expect("loading has found a log that goes on");
        let progress = marker.progress()?;
        let shared = Arc::new(Shared {
            files,
            still: Mutex::new(Still { marker, state }),
            sealed: Mutex::new(sealed),
            committed: Mutex::new(loaded.last),
            base_length: AtomicU64::new(state.base.length),
            fold_at,
            trouble: Mutex::new(None),
        });
        let folder = Some(Folder::start(Arc::clone(&shared))?);
        let listener = Listener::start(&paths, Arc::clone(&shared))
            .map_err(|error| {
                let socket = paths.socket.display();
                ::log::warn!("no socket at {socket}: {error}; a backup needs the server stopped");
            })
            .ok();
        let asked_at = 0;
        let mut storage = Storage {
            listener,
            folder,
            shared,
            progress,
            writer,
            active,
            asked_at,
            paths,
            _lock: lock,
        };
        storage.acknowledge();
        storage.ask_to_fold();
        Ok(storage)
    }

    /// Applies all changes or none, in one synced step: when it answers `Ok`, they survive a kill
    /// and a loss of power. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// After any, the state on the disk is the one from before, and a later commit may succeed; so
    /// after [`StorageError::Full`] once there is room. Or else, if that could not be made sure,
    /// every later call answers [`StorageError::Unusable`], until one call could.
    pub fn commit(&mut self, changes: &[Change]) -> Result<(), StorageError> {
        if changes.is_empty() {
            return Ok(());
        }
        if self.writer.tail() >= self.shared.limit() {
            self.turn_over()?;
        }
        let written = match self.writer.append(changes) {
            // The other log has room of its own, if it is free.
            Err(error) if error.is_full() && self.turn_over()? => {
                self.writer.append(changes).map_err(|_| error)
            }
            written => written,
        };
        if written.is_ok() {
            self.acknowledge();
        }
        let waits = self.shared.sealed.lock().is_some();
        if waits && self.writer.tail() >= self.asked_at + PATIENCE || written.is_err() {
            self.ask_to_fold();
        }
        written
    }

    /// For the status of a server.
    pub fn statistics(&self) -> Statistics {
        let size = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
        let files = &self.shared.files;
        Statistics {
            commits: self.writer.last().number,
            base_bytes: size(&files.base),
            log_bytes: files.logs.iter().map(|path| size(path)).sum(),
            trouble: self.shared.trouble.lock().clone(),
        }
    }

    /// Goes on in the other log, if that is free.
    fn turn_over(&mut self) -> Result<bool, StorageError> {
        let mut sealed = self.shared.sealed.lock();
        if sealed.is_some() || !self.writer.has_frames() || !self.writer.is_clean() {
            return Ok(false);
        }
        let other = 1 - self.active;
        let path = &self.shared.files.logs[other];
        let last = self.writer.last();
        // If this fails halfway, it is done again before any commit, with the same bytes.
        let head = log::Head {
            instance: self.writer.instance(),
            first: last.number + 1,
            before: last.chain,
        };
        log::start(path, &head)?;
        self.writer = Writer::open(path, head.instance, log::FIRST_FRAME, last, false)?;
        *sealed = Some((self.active, last));
        self.active = other;
        drop(sealed);
        self.ask_to_fold();
        Ok(true)
    }

    fn ask_to_fold(&mut self) {
        self.asked_at = self.writer.tail();
        if let Some(folder) = &self.folder {
            folder.wake();
        }
    }

    /// What was synced is what the marker says from now on.
    fn acknowledge(&self) {
        let last = self.writer.last();
        *self.shared.committed.lock() = last;
        if let Err(error) = self.progress.write(last) {
            // It is durable all the same; only a rollback would not be noticed.
            ::log::warn!("can't write {}: {error}", self.shared.files.marker.display());
        }
    }

    /// Says that all files rest, and with what bytes.
    fn close(&mut self) -> Result<(), StorageError> {
        self.listener = None;
        self.folder = None;
        let files = &self.shared.files;
        let mut still = self.shared.still.lock();
        if still.state.phase == Phase::Folding || !self.writer.is_clean() {
            return Ok(());
        }
        self.acknowledge();
        let mut logs = [Print::default(); 2];
        for (print, path) in logs.iter_mut().zip(&files.logs) {
            let (length, hash) = file_hash(path)?;
            *print = Print { length, hash };
        }
        let last = self.writer.last();
        let closed = State { phase: Phase::Closed, last, logs, ..still.state };
        // In both slots, so that neither can be damaged unnoticed.
        still.marker.say(&closed)?;
        still.marker.say(&closed)?;
        // Gone with the next opening anyway.
        let _ = fs::remove_file(&self.paths.socket);
        Ok(())
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            ::log::warn!("not closed, nothing is lost: {error}");
        }
    }
}
