//! A process that commits, says what was acknowledged, and is killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::full;
use crate::model::{Model, open};

const TASK: &str = "STORAGE_CHILD";

/// What a child is to do.
#[derive(Clone, Copy)]
pub enum Task {
    /// Commit so many times, then close.
    Commit(u64),
    /// Commit so many times, then wait for the end.
    CommitAndWait(u64),
    /// See [`full`].
    RunOutOf(full::Room),
}

/// A child at work on a directory, whose history is `model`'s.
pub struct Committer {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    /// The commits that it said were acknowledged, or that it found.
    pub acknowledged: u64,
    pub last_line: String,
}

impl Committer {
    pub fn start(directory: &Path, seed: u64, size: u64, task: Task) -> Committer {
        let task = match task {
            Task::Commit(count) => format!("commit {count}"),
            Task::CommitAndWait(count) => format!("wait {count}"),
            Task::RunOutOf(what) => format!("run-out {}", what as u8),
        };
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child::at_work", "--exact", "--nocapture", "--test-threads=1"])
            .env(TASK, format!("{seed} {size} {task} {}", directory.display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Committer { child, lines, acknowledged: 0, last_line: String::new() }
    }

    /// Reads what it says, until it says `what`. False if it ends before.
    pub fn until(&mut self, what: &str) -> bool {
        self.until_any(&[what])
    }

    /// Reads what it says, until it says one of these.
    pub fn until_any(&mut self, what: &[&str]) -> bool {
        while let Some(Ok(line)) = self.lines.next() {
            // The harness prints the test's name without a new line.
            let line = line.rsplit("... ").next().unwrap_or_default().to_owned();
            if let Some(number) = line.strip_prefix("ack ") {
                self.acknowledged = number.parse().unwrap();
            }
            let said = what.contains(&line.as_str());
            self.last_line = line;
            if said {
                return true;
            }
        }
        false
    }

    /// Kills it where it is. Answers the last commit that was acknowledged.
    pub fn kill(mut self) -> u64 {
        self.child.kill().unwrap();
        self.until_any(&[]);
        self.child.wait().unwrap();
        self.acknowledged
    }

    /// Waits for its own end. Answers the last commit that was acknowledged.
    pub fn finish(mut self) -> u64 {
        self.until_any(&[]);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the child failed: {status}, after '{}'", self.last_line);
        self.acknowledged
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Run in a process of its own.
#[test]
fn at_work() {
    let Ok(task) = std::env::var(TASK) else { return };
    let mut words = task.splitn(5, ' ');
    let mut number = || words.next().unwrap().to_owned();
    let (seed, size) = (number().parse().unwrap(), number().parse().unwrap());
    let (task, argument) = (number(), number().parse::<u64>().unwrap());
    let directory = PathBuf::from(number());
    let model = Model::new(seed, size);
    match task.as_str() {
        "commit" => commit(&directory, model, argument, false),
        "wait" => commit(&directory, model, argument, true),
        _ => full::run_out(&directory, model, argument as u8),
    }
}

fn commit(directory: &Path, mut model: Model, count: u64, wait: bool) {
    println!("opening");
    let (mut storage, records) = open(directory).expect("it opens");
    model.advance(storage.statistics().commits);
    assert!(model.is(&records), "the records are not those of commit {}", model.number);
    println!("ack {}", model.number);
    println!("opened");
    for _ in 0..count {
        storage.commit(&model.next()).expect("it commits");
        model.advance(model.number + 1);
        println!("ack {}", model.number);
    }
    if wait {
        println!("waiting");
        loop {
            std::thread::park();
        }
    }
    println!("closing");
    drop(storage);
    println!("closed");
}
