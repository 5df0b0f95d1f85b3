//! What redb reads and writes through: the file itself, or the file as if it could be written.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use parking_lot::Mutex;
use redb::StorageBackend;

use super::error::StorageError;

/// The file. Whoever comes this far holds the directory, so that there are no locks here.
#[derive(Debug)]
pub struct OnDisk(File);

impl OnDisk {
    /// A new file.
    pub fn create(path: &Path) -> Result<OnDisk, StorageError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(path).map_err(|error| StorageError::io("make", path, error))?;
        Ok(OnDisk(file))
    }

    /// A file that is there.
    pub fn open(path: &Path) -> Result<OnDisk, StorageError> {
        let opened = OpenOptions::new().read(true).write(true).open(path);
        Ok(OnDisk(opened.map_err(|error| StorageError::io("open", path, error))?))
    }
}

impl StorageBackend for OnDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }
}

const PAGE: u64 = 4096;

/// The file, with what redb would write (its recovery after a fold that was cut short) kept in
/// memory: whoever looks at a file must not change it.
#[derive(Debug)]
pub struct Untouched {
    file: File,
    on_disk: u64,
    changed: Mutex<Changed>,
}

#[derive(Debug)]
struct Changed {
    length: u64,
    /// How much of the file still counts: what was cut off comes back as zeros.
    shown: u64,
    pages: BTreeMap<u64, Box<[u8; PAGE as usize]>>,
}

impl Untouched {
    /// A file that is there.
    pub fn open(path: &Path) -> Result<Untouched, StorageError> {
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) = opened.map_err(|error| StorageError::io("open", path, error))?;
        if length == 0 {
            return Err(StorageError::damaged(path, "it is empty"));
        }
        let changed = Mutex::new(Changed { length, shown: length, pages: BTreeMap::new() });
        Ok(Untouched { file, on_disk: length, changed })
    }

    /// Its length on the disk.
    pub fn length(&self) -> u64 {
        self.on_disk
    }

    /// From the disk; zeros behind what is shown of it.
    fn read_file(&self, shown: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = shown.saturating_sub(offset).min(out.len() as u64) as usize;
        self.file.read_exact_at(&mut out[..there], offset)?;
        out[there..].fill(0);
        Ok(())
    }
}

impl StorageBackend for Untouched {
    fn len(&self) -> io::Result<u64> {
        Ok(self.changed.lock().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let changed = self.changed.lock();
        let end = offset.saturating_add(out.len() as u64);
        if end > changed.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read_file(changed.shown, offset, out)?;
        for (number, page) in changed.pages.range(offset / PAGE..end.div_ceil(PAGE)) {
            let start = number * PAGE;
            let (from, to) = (start.max(offset), (start + PAGE).min(end));
            out[(from - offset) as usize..(to - offset) as usize]
                .copy_from_slice(&page[(from - start) as usize..(to - start) as usize]);
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut changed = self.changed.lock();
        changed.length = length;
        changed.shown = changed.shown.min(length);
        changed.pages.split_off(&length.div_ceil(PAGE));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut changed = self.changed.lock();
        let end = offset.saturating_add(data.len() as u64);
        if end > changed.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for number in offset / PAGE..end.div_ceil(PAGE) {
            let start = number * PAGE;
            if !changed.pages.contains_key(&number) {
                let mut page = Box::new([0; PAGE as usize]);
                self.read_file(changed.shown, start, page.as_mut_slice())?;
                changed.pages.insert(number, page);
            }
            let page = changed.pages.get_mut(&number).expect("it was put there");
            let (from, to) = (start.max(offset), (start + PAGE).min(end));
            page[(from - start) as usize..(to - start) as usize]
                .copy_from_slice(&data[(from - offset) as usize..(to - offset) as usize]);
        }
        Ok(())
    }
}
