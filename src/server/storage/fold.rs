//! Folding a full log into the base, on a thread of its own, while commits go to the other log.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

use super::base::{self, Net};
use super::block::file_hash;
use super::error::StorageError;
use super::log::{self, Reader, changes, owned};
use super::marker::{Marker, Phase, Point, Print, State};
use super::paths::Files;

/// The bytes of changes that are folded at a time.
const PIECE: usize = 16 << 20;

/// What the thread that commits, the one that folds and the one that helps backups share.
#[derive(Debug)]
pub struct Shared {
    pub files: Files,
    /// Held by whoever changes the base, and by a backup, which needs it to keep still.
    pub still: Mutex<Still>,
    /// The log that is full, and its last commit; none once the other log is there to go on in.
    pub sealed: Mutex<Option<(usize, Point)>>,
    /// The last commit that was acknowledged.
    pub committed: Mutex<Point>,
    /// The length of the base when it came to rest last.
    pub base_length: AtomicU64,
    /// How large a log may become, if that was asked for.
    pub fold_at: Option<u64>,
    /// Why the last fold failed.
    pub trouble: Mutex<Option<String>>,
}

impl Shared {
    /// How large a log may become before it is folded: of a large base a part, for each fold has to
    /// read the base once for its hash.
    pub fn limit(&self) -> u64 {
        let base = self.base_length.load(Ordering::Relaxed);
        self.fold_at.unwrap_or_else(|| (base / 4).clamp(8 << 20, 64 << 20))
    }
}

/// What changes only under the lock.
#[derive(Debug)]
pub struct Still {
    pub marker: Marker,
    pub state: State,
}

/// The thread. Dropped, it ends what it is doing.
#[derive(Debug)]
pub struct Folder {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Folder {
    pub fn start(shared: Arc<Shared>) -> Result<Folder, StorageError> {
        let (wake, woken) = sync_channel(1);
        let folder = shared.files.folder.clone();
        let thread = thread::Builder::new()
            .name("ls-fold".to_owned())
            .spawn(move || run(&shared, &woken))
            .map_err(|error| StorageError::io("start a thread for", &folder, error))?;
        Ok(Folder { wake: Some(wake), thread: Some(thread) })
    }

    /// There may be something to fold.
    pub fn wake(&self) {
        if let Some(wake) = &self.wake {
            // Full: it is going to look anyway.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        let mut still = shared.still.lock();
        let Some((index, last)) = *shared.sealed.lock() else { continue };
        match fold(shared, &mut still, index, last) {
            Ok(()) => {
                *shared.sealed.lock() = None;
                *shared.trouble.lock() = None;
            }
            Err(error) => {
                let mut trouble = shared.trouble.lock();
                let text = error.to_string();
                // Commits go on in the log meanwhile; it is tried again as that grows.
                if trouble.as_ref() != Some(&text) {
                    ::log::error!("the log can't be folded into the base: {text}");
                }
                *trouble = Some(text);
            }
        }
    }
}

fn fold(shared: &Shared, still: &mut Still, index: usize, last: Point) -> Result<(), StorageError> {
    let files = &shared.files;
    let folding = State { phase: Phase::Folding, base: Print::default(), ..still.state };
    still.marker.say(&folding)?;
    still.state = folding;

    let path = &files.logs[index];
    let Some(mut reader) = Reader::open(path, folding.instance)? else {
        return Err(StorageError::damaged(path, "it is not in use any more"));
    };
    base::fold(&files.base, last, |head| {
        let mut net = Net::new();
        let mut bytes = 0;
        while bytes < PIECE && reader.point().number < last.number {
            let Some(body) = reader.frame()? else {
                return Err(StorageError::damaged(path, "commits are missing in it"));
            };
            bytes += body.len();
            let Some(changes) = changes(body) else {
                return Err(StorageError::damaged(path, "a commit in it makes no sense"));
            };
            let changes: Vec<_> = owned(changes).collect();
            if reader.point().number > head.point.number {
                net.extend(changes);
            }
        }
        if reader.point().number == last.number && reader.point() != last {
            return Err(StorageError::damaged(path, "its last commit is another"));
        }
        Ok((bytes > 0).then_some(net))
    })?;

    let running = rested(files, &folding, last)?;
    still.marker.say(&running)?;
    still.state = running;
    shared.base_length.store(running.base.length, Ordering::Relaxed);
    log::clear(path, shared.limit())
}

/// The base is as it will be until the next fold.
pub fn rested(files: &Files, state: &State, point: Point) -> Result<State, StorageError> {
    File::open(&files.base)
        .and_then(|base| base.sync_all())
        .map_err(|error| StorageError::io("sync", &files.base, error))?;
    let (length, hash) = file_hash(&files.base)?;
    let base = Print { length, hash };
    Ok(State { phase: Phase::Running, base_point: point, base, ..*state })
}
