//! Damage is found, named, and left as it is: after a clean close wherever it is, after a kill unless
//! all records are there as they were acknowledged.

use std::fs;
use std::path::{Path, PathBuf};

use leaderserver::server::storage::{Storage, check};

use crate::child::{Committer, Task};
use crate::full::{self, Room};
use crate::model::{Dice, Folder, Model, copy, files, setting, silence_redb};

const SEED: u64 = 7;
/// So large that a log is folded after some 30 commits.
const SIZE: u64 = 3000;

/// A directory in some state, and what it must hold.
struct Specimen {
    folder: Folder,
    model: Model,
    /// All commits up to it were acknowledged.
    acknowledged: u64,
    closed: bool,
    /// The files as they were some commits before.
    earlier: PathBuf,
}

impl Specimen {
    fn closed(name: &str) -> Specimen {
        silence_redb();
        let folder = Folder::new(name);
        let directory = folder.join("data");
        Committer::start(&directory, SEED, SIZE, Task::Commit(150)).finish();
        let earlier = folder.join("earlier");
        copy(&directory, &earlier);
        let acknowledged = Committer::start(&directory, SEED, SIZE, Task::Commit(30)).finish();
        Specimen { folder, model: Model::new(SEED, SIZE), acknowledged, closed: true, earlier }
    }

    /// Killed with commits in the log.
    fn killed(name: &str) -> Specimen {
        let mut specimen = Specimen::closed(name);
        let mut child = specimen.go_on(Task::CommitAndWait(20));
        assert!(child.until("waiting"));
        specimen.acknowledged = child.kill();
        specimen.closed = false;
        specimen
    }

    /// Killed in the middle of a fold: redb had no room for the rest.
    fn killed_folding(name: &str) -> Specimen {
        let mut specimen = Specimen::closed(name);
        let mut child = specimen.go_on(Task::RunOutOf(Room::ForTheBase));
        assert!(child.until(full::FOLD_FAILED), "{}", child.last_line);
        specimen.acknowledged = child.kill();
        specimen.closed = false;
        specimen
    }

    fn go_on(&self, task: Task) -> Committer {
        copy(&self.directory(), &self.earlier);
        Committer::start(&self.directory(), SEED, SIZE, task)
    }

    fn directory(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory().join("data").join(name)
    }

    /// Whether damage is detected, and nothing changed by that; or, after a kill, it did no harm.
    fn judge(&self, what: &str) -> bool {
        let before = files(&self.directory().join("data"));
        match check(&self.directory()) {
            Err(error) => {
                assert!(error.is_damaged(), "{what}: {error}");
                let place = self.directory().display().to_string();
                assert!(error.to_string().contains(&place), "{what}: {error}");
                let error = Storage::open(&self.directory()).expect_err(what);
                assert!(error.is_damaged(), "{what}: {error}");
                assert!(files(&self.directory().join("data")) == before, "{what}: it was changed");
                true
            }
            Ok(_) => {
                assert!(!self.closed, "{what}: it was not detected");
                let other = self.folder.join("opened");
                copy(&self.directory(), &other);
                let (storage, records) = Storage::open(&other).expect(what);
                let commits = storage.statistics().commits;
                let kept = commits == self.acknowledged || commits == self.acknowledged + 1;
                assert!(kept, "{what}: {} acknowledged, {commits} kept", self.acknowledged);
                assert!(self.model.at(commits).is(&records), "{what}: other records");
                false
            }
        }
    }

    /// Damages a file in some way many times; each time it is judged, and mended. Answers in how
    /// many percent it was detected.
    fn damage(&self, how: &str, spoil: impl Fn(&mut Dice, &mut Vec<u8>)) -> u64 {
        let trials = setting("STORAGE_TRIALS", 150);
        let first = setting("STORAGE_SEED", 1);
        let (mut done, mut detected) = (0, 0);
        for seed in first..first + trials {
            let mut dice = Dice::new(seed);
            let name = ["base", "log.0", "log.1", "marker"][dice.below(4) as usize];
            let path = self.file(name);
            let whole = fs::read(&path).unwrap();
            let mut spoilt = whole.clone();
            spoil(&mut dice, &mut spoilt);
            if spoilt == whole {
                continue;
            }
            fs::write(&path, &spoilt).unwrap();
            done += 1;
            detected += u64::from(self.judge(&format!("{how} in {name}, seed {seed}")));
            fs::write(&path, &whole).unwrap();
        }
        assert!(done > 0, "nothing was damaged");
        assert!(check(&self.directory()).is_ok(), "it was mended");
        detected * 100 / done
    }

    fn damage_in_all_ways(&self) {
        let place = |dice: &mut Dice, bytes: &[u8]| dice.below(bytes.len() as u64) as usize;
        let flips = self.damage("a flipped byte", |dice, bytes| {
            let at = place(dice, bytes);
            bytes[at] ^= 1 + dice.below(255) as u8;
        });
        let zeros = self.damage("zeros", |dice, bytes| {
            let at = place(dice, bytes);
            let end = bytes.len().min(at + 1 + dice.below(20_000) as usize);
            bytes[at..end].fill(0);
        });
        let shorter = self.damage("a shorter file", |dice, bytes| {
            bytes.truncate(place(dice, bytes));
        });
        let longer = self.damage("a longer file", |dice, bytes| {
            let more = 1 + dice.below(9000) as usize;
            bytes.extend(dice.bytes(more));
        });
        println!("detected: flips {flips} %, zeros {zeros} %, cut {shorter} %, grown {longer} %");
    }

    /// Files that are missing, changed for each other, or from earlier.
    fn lose_and_swap(&self) {
        let names = ["base", "log.0", "log.1", "marker"];
        let aside = self.folder.join("aside");
        for name in names {
            fs::rename(self.file(name), &aside).unwrap();
            assert!(self.judge(&format!("{name} is missing")));
            fs::create_dir(self.file(name)).unwrap();
            assert!(self.judge(&format!("{name} is a directory")));
            fs::remove_dir(self.file(name)).unwrap();
            fs::write(self.file(name), "").unwrap();
            assert!(self.judge(&format!("{name} is empty")) || name.starts_with("log"));
            fs::remove_file(self.file(name)).unwrap();

            let earlier = fs::read(self.earlier.join("data").join(name)).unwrap();
            if earlier != fs::read(&aside).unwrap() {
                fs::write(self.file(name), earlier).unwrap();
                self.judge(&format!("{name} is from earlier"));
                fs::remove_file(self.file(name)).unwrap();
            }
            fs::rename(&aside, self.file(name)).unwrap();
            for other in names {
                if name < other
                    && fs::read(self.file(name)).unwrap() != fs::read(self.file(other)).unwrap()
                {
                    swap(&self.file(name), &self.file(other), &aside);
                    self.judge(&format!("{name} and {other} have changed places"));
                    swap(&self.file(name), &self.file(other), &aside);
                }
            }
        }
        let data = self.directory().join("data");
        fs::rename(&data, &aside).unwrap();
        for error in
            [Storage::open(&self.directory()).map(drop), check(&self.directory()).map(drop)]
        {
            assert!(error.unwrap_err().is_damaged(), "all is missing, and it is no new directory");
        }
        fs::rename(&aside, &data).unwrap();
        assert!(check(&self.directory()).is_ok(), "all is as it was");
    }
}

fn swap(one: &Path, other: &Path, aside: &Path) {
    fs::rename(one, aside).unwrap();
    fs::rename(other, one).unwrap();
    fs::rename(aside, other).unwrap();
}

#[test]
fn every_damage_is_detected_after_a_clean_close() {
    let specimen = Specimen::closed("damage-closed");
    specimen.damage_in_all_ways();
    specimen.lose_and_swap();
}

#[test]
fn damage_after_a_kill_is_detected_or_does_no_harm() {
    let specimen = Specimen::killed("damage-killed");
    specimen.damage_in_all_ways();
    specimen.lose_and_swap();
}

#[test]
fn damage_after_a_kill_while_folding_is_detected_or_does_no_harm() {
    let specimen = Specimen::killed_folding("damage-folding");
    specimen.damage_in_all_ways();
    specimen.lose_and_swap();
}

/// What redb would take for a write that was cut short, and go back to the commit before.
#[test]
fn a_rollback_is_no_recovery() {
    let specimen = Specimen::killed("damage-rollback");
    let directory = specimen.directory();
    // All of an earlier state but the marker, each file of it whole.
    for name in ["base", "log.0", "log.1"] {
        fs::copy(specimen.earlier.join("data").join(name), specimen.file(name)).unwrap();
    }
    assert!(specimen.judge("all but the marker are from earlier"));
    let error = check(&directory).unwrap_err().to_string();
    let number = specimen.acknowledged.to_string();
    assert!(error.contains("restore a backup"), "the remedy: {error}");
    assert!(error.contains(&number) || error.contains("bytes"), "what was found: {error}");
}

/// Files of another directory with the very same history.
#[test]
fn files_of_another_directory_are_not_taken() {
    let (ours, theirs) = (Specimen::killed("damage-ours"), Specimen::killed("damage-theirs"));
    assert_eq!(ours.acknowledged, theirs.acknowledged);
    let aside = ours.folder.join("aside");
    for name in ["base", "log.0", "log.1", "marker"] {
        fs::rename(ours.file(name), &aside).unwrap();
        fs::copy(theirs.file(name), ours.file(name)).unwrap();
        let detected = ours.judge(&format!("{name} is another directory's"));
        assert!(detected || name.starts_with("log"), "{name}");
        fs::rename(&aside, ours.file(name)).unwrap();
    }
    for name in ["log.0", "log.1"] {
        fs::copy(theirs.file(name), ours.file(name)).unwrap();
    }
    assert!(ours.judge("both logs are another directory's"));
}
