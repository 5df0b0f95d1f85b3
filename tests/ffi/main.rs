//! The boundary: handles, status codes, panics, options, log records, and the natives against the
//! Java file that declares them.

mod handles;
mod incoming;
mod log_queue;
mod natives;
mod objects;
mod status;
mod store;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use parking_lot::Mutex;

use leaderserver::ffi::handle::Parts;
use leaderserver::ffi::options::Options;

/// Tests that count handles, which are the process's, and those that make some, run one after the
/// other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Numbers that nobody was given as a handle.
fn garbage() -> Vec<u64> {
    let kinds = (0..=6).map(|kind| Parts { kind, generation: 7, slot: 0xff_fffe }.handle());
    let ends = [0, 1, 42, u64::from(u32::MAX), i64::MAX as u64, 1 << 63, u64::MAX];
    kinds.chain(ends).chain((0..64).map(|bit| 1 << bit)).collect()
}

fn pairs(options: &[(&str, &str)]) -> Options {
    options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn java_source(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    read(&root.join("java/leaderserver/src/main/java/io/leaderserver").join(name))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `static final int NAME = NUMBER;`
fn int_constants(java: &str) -> BTreeMap<String, i32> {
    let declared = java.lines().filter_map(|line| line.split_once("static final int "));
    let parts = declared.filter_map(|(_, rest)| rest.trim_end_matches(';').split_once(" = "));
    parts.map(|(name, number)| (name.to_owned(), number.parse().expect("a number"))).collect()
}
