//! Every rule of the design and every lesson of others has a test of its name, and every promise of
//! the core a file of its name: whoever looks for one finds it by `grep`.
//!
//! What the names are worth is shown elsewhere: each of these tests was seen to fail with its rule
//! broken, and the simulation's table of bugs is made by breaking them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rules, in short: R1 first.
const RULES: [&str; 18] = [
    "a FIN or RST of a direct peer starts the grace, nothing else does",
    "has-leadership compares the clock with both deadlines at the call",
    "where the very server refuses, the lease alone counts",
    "time-out and grace are settled per session",
    "what P1 assumes: nobody forges, clocks run on",
    "one connection per session, by growing attempts",
    "who stepped down says so first, and never leads under that epoch again",
    "operators ask, and the leader answers before another is granted",
    "who does not fetch its events gives up and leaves",
    "sessions outlive the restart of a durable server",
    "nothing that is not durable is seen",
    "without memory, remote candidates wait",
    "epochs and revisions count within an incarnation",
    "a server on an old copy stops serving",
    "a write carries the epoch under which it was decided",
    "a retry gets the first answer",
    "a namespace keeps its mode",
    "leader information goes with its epoch, and is kept for the retrieval time-out",
];

/// The lessons, in short: lesson 1 first.
const LESSONS: [&str; 27] = [
    "a paused leader wakes and writes (Jepsen etcd 3.4.3)",
    "the term restarted after the memory was lost (atlasdb#1292)",
    "session ids without order",
    "no margin between lease and renewal (fabric8)",
    "the monotonic clock stops while a machine is suspended",
    "the renewing thread hangs and never revokes (fabric8, etcd#15247)",
    "two leaders after a reconnect (CURATOR-696)",
    "contenders that keep resetting each other (CURATOR-645, FLINK-28078)",
    "a late completion overwrites newer state (CURATOR-498, 620)",
    "the server lost its data under living clients (CURATOR-724)",
    "a campaign outlives its lease (etcd#12334)",
    "the leader is never told (fabric8#2860)",
    "checkpoint pointers written without a leadership check (FLINK-10333)",
    "a retry found its own first attempt (FLINK-22494, 24543)",
    "locks of a former owner (FLINK-10011, 10329)",
    "who was not leader wiped everything (FLINK-25486)",
    "leadership lost and never regained (FLINK-34007)",
    "leader information erased or rewritten for ever (FLINK-40114, 27848)",
    "different session ids per component of one grant (FLINK-30462)",
    "deadlocks over nested locks (FLINK-25847, 29234)",
    "all jobs restarted over a short disconnection (FLINK-10052)",
    "watches leaked or were limited (FLINK-33053, 22006)",
    "\"no leader\" taken for a leader (FLINK-21497)",
    "slow failover (ZooKeeper, Consul, client-go)",
    "a watch names the wrong leader after a delay (etcd#18163)",
    "trouble of the name service killed or hung its users (FLINK-20417, 7021)",
    "a resignation forgot its state on error (etcd#22123)",
];

fn sources(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(below).expect("the folder is there") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names of all tests, without their modules.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut files);
    let mut names = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source is text");
        let mut lines = text.lines().map(str::trim);
        while lines.by_ref().any(|line| line == "#[test]") {
            // Between the two there are further attributes at the most.
            let name = lines.by_ref().find_map(|line| line.strip_prefix("fn "));
            names.extend(name.and_then(|name| name.split('(').next()).map(str::to_owned));
        }
    }
    names
}

fn unnamed(prefix: &str, all: &[&str]) -> Vec<String> {
    let tests = tests();
    let named = |number: usize| {
        let prefix = format!("{prefix}{number}_");
        tests.iter().any(|test| test.starts_with(&prefix))
    };
    let missing = (1..=all.len()).filter(|number| !named(*number));
    missing.map(|number| format!("{prefix}{number}: {}", all[number - 1])).collect()
}

#[test]
fn every_rule_has_a_test_of_its_name() {
    assert_eq!(unnamed("r", &RULES), Vec::<String>::new());
}

#[test]
fn every_lesson_has_a_test_of_its_name() {
    assert_eq!(unnamed("lesson_", &LESSONS), Vec::<String>::new());
}

/// P1 to P9 in the simulation, by named schedules; and what is checked at every step of all.
#[test]
fn every_promise_has_a_file_of_its_name() {
    let promises = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sim/promises");
    for number in 1..=9 {
        let prefix = format!("p{number}_");
        let files = fs::read_dir(&promises).expect("the promises are there");
        let names = files.map(|entry| entry.expect("it can be read").file_name());
        let names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        let file = names.iter().find(|name| name.starts_with(&prefix));
        let file = file.unwrap_or_else(|| panic!("no file for P{number} among {names:?}"));
        let text = fs::read_to_string(promises.join(file)).expect("a source is text");
        assert!(text.contains(&format!("fn {prefix}")), "{file} has no test of P{number}");
    }
}
