//! Nothing acknowledged is lost by kill -9, wherever it hits: while opening, committing, folding,
//! closing.

use leaderserver::server::storage::check;

use crate::child::{Committer, Task};
use crate::model::{Dice, Folder, setting};

/// The directory lives through all of them. What is there after each kill, the next child compares
/// with the whole history, record by record.
fn survives(name: &str, kills: u64, size: u64, commits: u64) {
    let seed = setting("STORAGE_SEED", 1);
    let mut dice = Dice::new(seed);
    let folder = Folder::new(name);
    let mut acknowledged = 0;
    let mut opened = 0;
    for kill in 0..kills {
        let mut child = Committer::start(folder.path(), seed, size, Task::Commit(commits));
        child.acknowledged = acknowledged;
        let when = match dice.below(10) {
            0 => "opening".to_owned(),
            1 => "opened".to_owned(),
            2 => "closing".to_owned(),
            _ => format!("ack {}", acknowledged + 1 + dice.below(commits)),
        };
        assert!(child.until(&when) || child.last_line == "closed", "{}", child.last_line);
        let now = child.kill();
        assert!(now >= acknowledged, "kill {kill} of seed {seed} lost {acknowledged}, kept {now}");
        acknowledged = now;
        match check(folder.path()) {
            Ok(report) => {
                opened += 1;
                let kept = report.commits;
                assert!(
                    kept == acknowledged || kept == acknowledged + 1,
                    "kill {kill} of seed {seed} at '{when}': {acknowledged} acknowledged, {kept} kept"
                );
            }
            // Killed before there were any data.
            Err(error) => assert!(acknowledged == 0 && !error.is_damaged(), "kill {kill}: {error}"),
        }
    }
    assert!(opened > kills / 2, "most of the kills left something to look at");
    Committer::start(folder.path(), seed, size, Task::Commit(1)).finish();
    assert!(check(folder.path()).unwrap().every_byte, "it was closed");
}

#[test]
fn nothing_acknowledged_is_lost_by_kills() {
    survives("kills", setting("STORAGE_KILLS", 150), 300, 40);
}

/// Large values fill a log in a moment, so that many of the kills hit a fold.
#[test]
fn nothing_acknowledged_is_lost_by_kills_while_logs_are_folded() {
    survives("kills-folding", setting("STORAGE_KILLS", 150), 20_000, 40);
}
