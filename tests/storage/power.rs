//! A loss of power, as far as files show it: the marker is behind, and the last write is in pieces.

use std::fs;
use std::path::Path;

use leaderserver::server::storage::{Storage, check};
use xxhash_rust::xxh3::xxh3_128;

use crate::child::{Committer, Task};
use crate::full::{self, Room};
use crate::model::{Dice, Folder, Model, copy};

const SEED: u64 = 11;
/// So small that nothing is folded.
const SIZE: u64 = 300;
/// The third block of the marker has the last commit.
const PROGRESS: std::ops::Range<usize> = 8192..12288;

/// Killed after some commits, with the marker of some commits before. Answers the commits.
fn killed_with_an_older_marker(folder: &Folder) -> u64 {
    let directory = folder.join("data");
    let marker = directory.join("data/marker");
    let mut child = Committer::start(&directory, SEED, SIZE, Task::CommitAndWait(10));
    assert!(child.until("waiting"));
    child.kill();
    let older = fs::read(&marker).unwrap();
    let mut child = Committer::start(&directory, SEED, SIZE, Task::CommitAndWait(50));
    assert!(child.until("waiting"));
    let commits = child.kill();
    assert_eq!(commits, 60);
    let mut newer = fs::read(&marker).unwrap();
    assert_ne!(newer[PROGRESS], older[PROGRESS], "the marker went on");
    newer[PROGRESS].copy_from_slice(&older[PROGRESS]);
    fs::write(&marker, newer).unwrap();
    commits
}

/// Where the frames of a log begin.
fn frames(log: &[u8]) -> Vec<usize> {
    (0..log.len()).step_by(16).filter(|at| log[*at..].starts_with(b"ls frame")).collect()
}

fn opens_with(directory: &Path, commits: u64) {
    let (storage, records) = Storage::open(directory).unwrap();
    assert_eq!(storage.statistics().commits, commits);
    assert!(Model::new(SEED, SIZE).at(commits).is(&records));
}

#[test]
fn a_marker_that_is_behind_hides_nothing() {
    let folder = Folder::new("power-behind");
    let commits = killed_with_an_older_marker(&folder);
    assert_eq!(check(&folder.join("data")).unwrap().commits, commits);
    opens_with(&folder.join("data"), commits);
}

/// The last commit was not synced: any part of it may be missing. It is as if it had never been, and
/// what comes next is not disturbed by its remains.
#[test]
fn a_write_in_pieces_is_as_if_it_had_never_been() {
    let folder = Folder::new("power-pieces");
    let commits = killed_with_an_older_marker(&folder);
    let directory = folder.join("data");
    let log = directory.join("data/log.0");
    let whole = fs::read(&log).unwrap();
    let last = *frames(&whole).last().unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for seed in 0..20 {
        let mut dice = Dice::new(seed);
        let mut torn = whole.clone();
        let from = last + dice.below((end - last) as u64) as usize;
        // Its beginning, its end, or a hole in it did not come to the disk.
        match dice.below(3) {
            0 => torn[last..=from].fill(0),
            1 => torn[from..end].fill(0),
            _ => torn[from..end.min(from + 512)].fill(0),
        }
        if torn == whole {
            continue;
        }
        fs::write(&log, &torn).unwrap();
        let other = folder.join("other");
        copy(&directory, &other);
        opens_with(&other, commits - 1);
        let mended = fs::read(other.join("data/log.0")).unwrap();
        assert!(mended[last..].iter().all(|byte| *byte == 0), "nothing is left of it");
        // Its own next commits are found behind it.
        Committer::start(&other, SEED, SIZE, Task::Commit(3)).finish();
        opens_with(&other, commits + 2);
    }
}

/// A whole frame, but of another commit: of an earlier life of these bytes, say.
#[test]
fn a_frame_in_anothers_place_is_no_commit() {
    let folder = Folder::new("power-place");
    let commits = killed_with_an_older_marker(&folder);
    let directory = folder.join("data");
    let log = directory.join("data/log.0");
    let mut bytes = fs::read(&log).unwrap();
    let frames = frames(&bytes);
    let last = *frames.last().unwrap();
    let (start, end) = (frames[20], frames[21]);
    bytes[last..].fill(0);
    bytes.copy_within(start..end, last);
    fs::write(&log, bytes).unwrap();
    opens_with(&directory, commits - 1);
}

/// What lies behind a gap was written after what is missing was synced: that is damage.
#[test]
fn a_gap_before_a_later_commit_is_damage_even_if_the_marker_is_behind() {
    let folder = Folder::new("power-gap");
    killed_with_an_older_marker(&folder);
    let directory = folder.join("data");
    let log = directory.join("data/log.0");
    let mut bytes = fs::read(&log).unwrap();
    let frames = frames(&bytes);
    let gap = frames[frames.len() - 3];
    bytes[gap + 70] ^= 1;
    fs::write(&log, bytes).unwrap();
    assert!(check(&directory).unwrap_err().is_damaged());
    assert!(Storage::open(&directory).unwrap_err().is_damaged());
}

/// A log whose head was lost looks like one that is not in use; what is in it tells.
#[test]
fn a_log_without_its_head_is_damage_even_if_the_marker_is_behind() {
    let folder = Folder::new("power-headless");
    let directory = folder.join("data");
    let path = |name: &str| directory.join("data").join(name);
    // Both logs are in use while a fold has no room.
    let mut child = Committer::start(&directory, SEED, 3000, Task::RunOutOf(Room::ForTheBase));
    assert!(child.until(full::FOLD_FAILED), "{}", child.last_line);
    child.kill();
    let newer = ["log.0", "log.1"]
        .into_iter()
        .max_by_key(|name| number(&fs::read(path(name)).unwrap()[8 + 8 * 3..]))
        .unwrap();
    let mut log = fs::read(path(newer)).unwrap();
    let before = number(&log[8 + 8 * 3..]) - 1;
    let chain = log[8 + 8 * 4..8 + 8 * 6].to_vec();
    log[..4096].fill(0);
    fs::write(path(newer), log).unwrap();
    // The marker knows of the commits before that log only.
    let mut marker = fs::read(path("marker")).unwrap();
    let progress = &mut marker[PROGRESS];
    progress[8..16].copy_from_slice(&before.to_le_bytes());
    progress[16..32].copy_from_slice(&chain);
    let hash = xxh3_128(&progress[..496]);
    progress[496..512].copy_from_slice(&hash.to_le_bytes());
    fs::write(path("marker"), marker).unwrap();
    let error = check(&directory).unwrap_err();
    assert!(error.is_damaged() && error.to_string().contains(newer), "{error}");
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().unwrap())
}
