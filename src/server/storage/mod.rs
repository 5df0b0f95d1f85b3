//! Durable storage of one data directory: records of bytes, changed all or none in synced steps.
//!
//! Every commit is a frame of a [`log`], written and synced where it will stay. When a log is full it
//! is folded into the [`base`], a redb file, on a thread of its own, and commits go on in the other
//! log. The [`marker`] knows what must be there; [`mod@load`] compares, and tells damage from what a kill
//! or a loss of power leaves. What is damaged is named and left as it is.
//!
//! What is covered: after a clean close every byte of every file. After a kill, every byte of the base
//! (unless it was in the middle of a fold: then every byte that its records depend on), and every byte
//! of the logs up to the last acknowledged commit. After a loss of power the marker may not know the
//! latest commits: damage to just those can't be told from a write that was cut short.

mod backend;
mod backup;
mod base;
mod block;
mod create;
mod error;
mod fold;
mod hold;
mod load;
mod lock;
mod log;
mod marker;
mod paths;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;

use block::file_hash;
use fold::{Folder, Shared, Still};
use hold::{Hold, Listener};
use load::{LogFound, load};
use lock::Lock;
use log::Writer;
use marker::{Marker, Phase, Point, Print, Progress, State};
use paths::{Files, Paths, make_directory};

pub use error::StorageError;

/// The latest format of a data directory, and of a backup.
pub const FORMAT: u32 = 1;

/// While a full log can't be folded, it is tried again as the other grows by this.
const PATIENCE: u64 = 1 << 20;

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

/// For the status of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Commits since the directory was made.
    pub commits: u64,
    /// What the records' file takes on the disk.
    pub base_bytes: u64,
    /// What the logs take on the disk.
    pub log_bytes: u64,
    /// Why the log can't be folded into the records' file, if so. Commits go on, and the log grows.
    pub trouble: Option<String>,
}

/// What a look at a data directory or a backup found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The format.
    pub format: u32,
    /// How many records.
    pub records: u64,
    /// The bytes of their keys and values.
    pub bytes: u64,
    /// Commits since the directory was made.
    pub commits: u64,
    /// What it takes on the disk.
    pub file_bytes: u64,
    /// Whether every byte was compared with what was written: so for backups, and for directories
    /// that were closed. Else all that the records depend on was.
    pub every_byte: bool,
}

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
        let paths = Paths::of(directory);
        create::refuse_foreign(&paths)?;
        make_directory(directory)?;
        let lock = Lock::take(&paths)?;
        if create::is_to_be_made(&paths, &lock)? {
            create::create(&paths, &lock, 0, &[])?;
        }
        lock.say(true, false).map_err(|error| StorageError::io("write", &paths.lock, error))?;
        let loaded = load(&paths.data, None)?;

        let files = Files::within(&paths.data);
        let mut marker = Marker::open(&files.marker, &loaded.found)?;
        let mut state = loaded.found.state;
        if state.phase == Phase::Closed {
            state = State { phase: Phase::Running, ..state };
            marker.say(&state)?;
        }
        let instance = state.instance;
        let mut sealed = None;
        let mut active = None;
        for (index, (log, path)) in loaded.logs.into_iter().zip(&files.logs).enumerate() {
            match log {
                LogFound::Free { cleared: true } => {}
                LogFound::Free { cleared: false } => {
                    log::clear(path, fold::limit(state.base.length))?;
                }
                LogFound::Sealed(last) => sealed = Some((index, last)),
                LogFound::Active { tail, torn } => {
                    let writer = Writer::open(path, instance, tail, loaded.last, torn)?;
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
            trouble: Mutex::new(None),
        });
        let mut storage = Storage {
            listener: None,
            folder: Some(Folder::start(Arc::clone(&shared))?),
            shared,
            progress,
            writer,
            active,
            asked_at: 0,
            paths,
            _lock: lock,
        };
        storage.acknowledge();
        storage.ask_to_fold();
        match Listener::start(&storage.paths, Arc::clone(&storage.shared)) {
            Ok(listener) => storage.listener = Some(listener),
            Err(error) => ::log::warn!(
                "no socket at {}: {error}; a backup needs the server stopped",
                storage.paths.socket.display()
            ),
        }
        Ok((storage, loaded.records))
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
        let limit = fold::limit(self.shared.base_length());
        if self.writer.tail() >= limit {
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
        } else {
            self.asked_at = 0;
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

/// Looks at a data directory, or a backup, and changes nothing. A server may be running on it.
///
/// # Errors
/// [`StorageError::Damaged`] above all.
pub fn check(path: &Path) -> Result<Report, StorageError> {
    let found = fs::metadata(path).map_err(|error| StorageError::io("look at", path, error))?;
    if found.is_file() {
        return backup::read(path).map(|(report, _)| report);
    }
    read_still(path, |report, _, _| Ok(report))
}

/// Writes a backup of a data directory into a new file: all records as of one commit. A server may
/// be running on it, and goes on meanwhile.
///
/// # Errors
/// [`StorageError::Exists`] if there is such a file, [`StorageError::Damaged`] if there is nothing
/// worth a backup.
pub fn backup(directory: &Path, to: &Path) -> Result<Report, StorageError> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(StorageError::Exists { path: to.to_owned() });
    }
    let report = read_still(directory, |report, point, records| {
        backup::write(to, &records, point)?;
        Ok(report)
    });
    match report {
        Ok(_) => backup::publish(to)?,
        Err(_) => backup::discard(to),
    }
    report
}

/// Makes a data directory from a backup. `edit` may change the records. The directory must not
/// exist, or be empty.
///
/// # Errors
/// [`StorageError::Exists`] if it is not empty, [`StorageError::Damaged`] if the backup is.
pub fn restore(
    from: &Path,
    directory: &Path,
    edit: impl FnOnce(Vec<Record>) -> Vec<Record>,
) -> Result<Report, StorageError> {
    let (report, records) = backup::read(from)?;
    let paths = Paths::of(directory);
    create::refuse_foreign(&paths)?;
    make_directory(directory)?;
    let lock = Lock::take(&paths)?;
    if !create::is_to_be_made(&paths, &lock)? {
        return Err(StorageError::Exists { path: directory.to_owned() });
    }
    let records = edit(records);
    create::create(&paths, &lock, report.commits, &records)?;
    let loaded = load(&paths.data, None)?;
    Ok(report_of(&paths, &loaded))
}

/// Reads a directory that keeps still: because nobody else has it, or because its holder helps.
fn read_still(
    directory: &Path,
    use_it: impl FnOnce(Report, Point, Vec<Record>) -> Result<Report, StorageError>,
) -> Result<Report, StorageError> {
    let paths = Paths::of(directory);
    if !create::has_data(&paths)? {
        let found = "there are no data in it".to_owned();
        return Err(StorageError::NotData { directory: directory.to_owned(), found });
    }
    let (_lock, hold) = match Lock::take_unchanged(&paths) {
        Ok(lock) => (lock, None),
        Err(in_use @ StorageError::InUse { .. }) => {
            // Without a socket it is no server that holds it, or one that can't help.
            (None, Some(Hold::ask(&paths).map_err(|_| in_use)?))
        }
        Err(error) => return Err(error),
    };
    let loaded = load(&paths.data, hold.as_ref().map(|hold| hold.point))?;
    let report = report_of(&paths, &loaded);
    let report = use_it(report, loaded.last, loaded.records)?;
    if let Some(hold) = hold {
        hold.end(directory)?;
    }
    Ok(report)
}

fn report_of(paths: &Paths, loaded: &load::Loaded) -> Report {
    let files = Files::within(&paths.data);
    let sizes = [&files.base, &files.logs[0], &files.logs[1], &files.marker]
        .map(|path| fs::metadata(path).map_or(0, |found| found.len()));
    let bytes = loaded.records.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum();
    Report {
        format: FORMAT,
        records: loaded.records.len() as u64,
        bytes,
        commits: loaded.last.number,
        file_bytes: sizes.iter().sum(),
        every_byte: loaded.found.state.phase == Phase::Closed,
    }
}

fn newer(path: &Path, found: u64) -> StorageError {
    StorageError::Newer { path: path.to_owned(), found, known: FORMAT }
}
