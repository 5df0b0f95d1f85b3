//! `leaderserver serve --data`, and the other commands.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use serde_json::Value;

use crate::built::Built;
use crate::history::{Event, History, Id, Leader, now};
use crate::space::Space;

/// The server of a set of processes: one life after the other, on one directory.
pub struct Server {
    child: Option<Child>,
    data: PathBuf,
    listen: String,
    log: PathBuf,
    life: usize,
}

impl Server {
    pub fn new(listen: &str, data: &Path, log: &Path) -> Self {
        let (data, log) = (data.to_owned(), log.to_owned());
        Server { child: None, data, listen: listen.to_owned(), log, life: 0 }
    }

    /// Starts it, unless it runs. Clients wait for it by themselves.
    pub fn start(&mut self, space: Option<&Space>, history: &History) {
        if self.runs() {
            return;
        }
        let said = File::options().create(true).append(true).open(&self.log).unwrap();
        let mut command = Command::new(&Built::get().program);
        command
            .args(["serve", "--cold", "--max-session-timeout", "5m"])
            .args(["--listen", &self.listen, "--data"])
            .arg(&self.data)
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said);
        if let Some(space) = space {
            space.enter(&mut command);
        }
        self.life += 1;
        history.add(Event::Fault(format!("the server starts, life {}", self.life)));
        self.child = Some(command.spawn().unwrap());
    }

    fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    pub fn signal(&mut self, signal: i32) {
        if self.runs() {
            let child = self.child.as_ref().expect("it runs");
            // SAFETY: a signal to a child that was not waited for yet.
            assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
        }
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Takes all the room of a space's disk.
pub fn fill(space: &Space) {
    let filler = space.on_disk("filler");
    let mut file = OpenOptions::new().create(true).append(true).open(filler).unwrap();
    for chunk in [1 << 20, 4096, 1] {
        let error = loop {
            if let Err(error) = file.write_all(&vec![1; chunk]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    }
}

/// Gives it back.
pub fn relieve(space: &Space) {
    let _ = fs::remove_file(space.on_disk("filler"));
}

/// `leaderserver watch`, whose lines go to the history.
pub struct Watching {
    child: Child,
    reader: Option<JoinHandle<()>>,
}

impl Watching {
    pub fn start(
        life: usize,
        (endpoint, namespace): (&str, &str),
        components: &[&str],
        space: Option<&Space>,
        history: &Arc<History>,
    ) -> Self {
        let mut command = Command::new(&Built::get().program);
        command
            .arg("watch")
            .args(components)
            .args(["--json", "-q", "-q", "--endpoint", endpoint, "--namespace", namespace])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if let Some(space) = space {
            space.enter(&mut command);
        }
        history.add(Event::Started { life, name: "watch".to_owned() });
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let history = Arc::clone(history);
        let reader = thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some(event) = told(life, &line) {
                    history.add(event);
                }
            }
            history.add(Event::Ended { life });
        });
        Watching { child, reader: Some(reader) }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.reader.take().expect("only here").join();
    }
}

/// A line of `leaderserver watch --json`.
fn told(life: usize, line: &str) -> Option<Event> {
    let line: Value = serde_json::from_str(line).ok()?;
    let component = line["component"].as_str()?.to_owned();
    let leader = match line["leader_session_id"].as_str() {
        Some(id) => {
            Some(Leader { id: read_id(id)?, address: line["address"].as_str()?.to_owned() })
        }
        None => None,
    };
    Some(Event::Told { life, component, leader, after: now() })
}

/// As the program prints it: as a UUID.
fn read_id(text: &str) -> Option<Id> {
    let bits = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
    Some(Id { epoch: (bits >> 64) as u64, low: bits as u64 })
}

/// `leaderserver resign` or, with a target, `transfer`, on a thread of its own: what became of it
/// goes to the history. It may well fail.
pub fn hand_over(
    (endpoint, namespace): (&str, &str),
    component: &str,
    target: Option<&str>,
    space: Option<&Space>,
    history: &Arc<History>,
) -> JoinHandle<bool> {
    let mut command = Command::new(&Built::get().program);
    match target {
        Some(target) => command.args(["transfer", component, "--to", target]),
        None => command.args(["resign", component]),
    };
    command
        .args(["--json", "-q", "-q", "--timeout", "3s"])
        .args(["--endpoint", endpoint, "--namespace", namespace])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(space) = space {
        space.enter(&mut command);
    }
    let child = command.spawn().unwrap();
    let (component, history) = (component.to_owned(), Arc::clone(history));
    thread::spawn(move || {
        let output = child.wait_with_output().unwrap();
        let said: Option<Value> = serde_json::from_slice(&output.stdout).ok();
        if let Some(epoch) = said.and_then(|said| said["after"]["epoch"].as_u64()) {
            history.add(Event::Handed { component, epoch, after: now() });
        }
        output.status.success()
    })
}
