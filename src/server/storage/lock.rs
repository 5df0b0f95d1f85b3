//! One owner: `flock` on a file. It ends with the process that holds it, however that ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::error::StorageError;
use super::paths::Paths;

/// Said in the lock file once data have been made: from then on a directory without them is damaged.
const MADE: &str = "data were made";

/// The lock, held.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes it, and makes the file if need be.
    pub fn take(paths: &Paths) -> Result<Lock, StorageError> {
        refuse_network(&paths.directory)?;
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&paths.lock)
                .map_err(|error| StorageError::io("open", &paths.lock, error))?;
            let tried = file.try_lock();
            let lock = Lock::taken(file, tried, paths)?;
            // Somebody may have removed the file that we hold, and another made one anew.
            if lock.is_of(&paths.lock) {
                return Ok(lock);
            }
        }
    }

    /// Takes it, beside others who only look, if the file is there; changes nothing.
    pub fn take_unchanged(paths: &Paths) -> Result<Option<Lock>, StorageError> {
        match File::open(&paths.lock) {
            Ok(file) => {
                let tried = file.try_lock_shared();
                Lock::taken(file, tried, paths).map(Some)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::io("open", &paths.lock, error)),
        }
    }

    fn taken(
        file: File,
        tried: Result<(), TryLockError>,
        paths: &Paths,
    ) -> Result<Lock, StorageError> {
        match tried {
            Ok(()) => Ok(Lock { file }),
            Err(TryLockError::WouldBlock) => {
                Err(StorageError::InUse { directory: paths.directory.clone(), pid: holder(&file) })
            }
            Err(TryLockError::Error(error)) => Err(StorageError::io("lock", &paths.lock, error)),
        }
    }

    fn is_of(&self, path: &Path) -> bool {
        let ours = self.file.metadata().map(|found| (found.dev(), found.ino()));
        let theirs = fs::metadata(path).map(|found| (found.dev(), found.ino()));
        matches!((ours, theirs), (Ok(ours), Ok(theirs)) if ours == theirs)
    }

    /// Whether data have been made here.
    pub fn says_made(&self) -> bool {
        text(&self.file).contains(MADE)
    }

    /// Says who holds it, and whether data were made. Durable only if asked for: the pid is news of
    /// the day.
    pub fn say(&self, made: bool, durably: bool) -> io::Result<()> {
        let made = if made { MADE } else { "" };
        let line = format!("{:>10} {made:<14}\n", std::process::id());
        self.file.write_all_at(line.as_bytes(), 0)?;
        self.file.set_len(line.len() as u64)?;
        if durably { self.file.sync_all() } else { Ok(()) }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would not do while a process that was just forked has the file open, too.
        let _ = self.file.unlock();
    }
}

fn text(file: &File) -> String {
    // A lock file of another's making is read no further.
    let mut bytes = [0; 256];
    let read = file.read_at(&mut bytes, 0).unwrap_or(0);
    String::from_utf8_lossy(&bytes[..read]).into_owned()
}

/// Who wrote itself into the file, if it is alive: who only looks does not.
fn holder(file: &File) -> Option<u32> {
    let pid: i32 = text(file).split_whitespace().next()?.parse().ok()?;
    // SAFETY: signal 0 is none, it only asks.
    let gone = pid <= 0
        || unsafe { libc::kill(pid, 0) } != 0
            && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH);
    if gone { None } else { u32::try_from(pid).ok() }
}

/// A lock over a network does not end with its holder, and a sync promises less.
fn refuse_network(directory: &Path) -> Result<(), StorageError> {
    use std::os::unix::ffi::OsStrExt;
    const NETWORKS: [(u32, &str); 5] = [
        (0x6969, "NFS"),
        (0x517B, "SMB"),
        (0xFE53_4D42, "SMB"),
        (0xFF53_4D42, "CIFS"),
        (0x5346_414F, "AFS"),
    ];
    let Ok(path) = std::ffi::CString::new(directory.as_os_str().as_bytes()) else {
        let error = io::Error::from(io::ErrorKind::InvalidInput);
        return Err(StorageError::io("use", directory, error));
    };
    let mut found = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the path ends in a zero byte, and the pointer is to room for a statfs.
    if unsafe { libc::statfs(path.as_ptr(), found.as_mut_ptr()) } != 0 {
        return Err(StorageError::io("look at", directory, io::Error::last_os_error()));
    }
    // SAFETY: the call succeeded, and has filled it.
    let kind = unsafe { found.assume_init() }.f_type as u32;
    match NETWORKS.iter().find(|(network, _)| *network == kind) {
        Some((_, name)) => Err(StorageError::NotData {
            directory: directory.to_owned(),
            found: format!("it is on a network ({name}), where locks and syncs can't be relied on"),
        }),
        None => Ok(()),
    }
}
