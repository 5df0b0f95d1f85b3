//! What the storage must hold: the changes of commit n follow from a seed, so that whoever knows n
//! knows all records.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use leaderserver::server::storage::{Change, Record, Storage, StorageError};

/// A folder of a test's own, gone afterwards unless the test failed.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let own = format!("storage-{}-{next}-{name}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(own);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// Opens a directory whose log is folded as soon as it has a few commits.
pub fn open(directory: &Path) -> Result<(Storage, Vec<Record>), StorageError> {
    Storage::open_folding_at(directory, Some(100_000))
}

/// What redb panics over is caught, and looked for here; its words would fill the screen.
pub fn silence_redb() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.location().is_none_or(|place| !place.file().contains("/redb-")) {
                usual(panic);
            }
        }));
    });
}

/// Random numbers from a seed (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        std::iter::repeat_with(|| self.roll() as u8).take(length).collect()
    }
}

/// A number of the environment.
pub fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// The records after some commit of a history.
#[derive(Clone)]
pub struct Model {
    seed: u64,
    /// The bytes of its largest values.
    size: u64,
    pub number: u64,
    records: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Model {
    pub fn new(seed: u64, size: u64) -> Model {
        Model { seed, size, number: 0, records: BTreeMap::new() }
    }

    /// What the next commit changes.
    pub fn next(&self) -> Vec<Change> {
        let mut dice = Dice::new(self.seed ^ (self.number + 1).wrapping_mul(0xA076_1D64_78BD_642F));
        let count = 1 + dice.below(4);
        let change = |_| {
            let key = format!("key/{:03}", dice.below(150)).into_bytes();
            if dice.below(4) == 0 {
                return Change { key, value: None };
            }
            let (fill, length) = (dice.roll() as u8, dice.below(self.size) as usize);
            let mut value = dice.bytes(length.min(64));
            value.resize(length, fill);
            Change { key, value: Some(value) }
        };
        (0..count).map(change).collect()
    }

    pub fn advance(&mut self, to: u64) {
        assert!(self.number <= to, "a history does not run backwards");
        while self.number < to {
            for Change { key, value } in self.next() {
                match value {
                    Some(value) => self.records.insert(key, value),
                    None => self.records.remove(&key),
                };
            }
            self.number += 1;
        }
    }

    pub fn at(&self, number: u64) -> Model {
        let mut model = self.clone();
        model.advance(number);
        model
    }

    pub fn is(&self, records: &[Record]) -> bool {
        self.records.len() == records.len()
            && self
                .records
                .iter()
                .zip(records)
                .all(|(ours, theirs)| (ours.0, ours.1) == (&theirs.0, &theirs.1))
    }
}

/// All files below a folder, but the socket.
pub fn files(below: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(below).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
    found
}

/// A copy of a data directory.
pub fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    for (path, bytes) in files(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, bytes).unwrap();
    }
}
