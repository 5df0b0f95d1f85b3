//! A process that contends, watches and writes as it is told: `agent.c` or `Agent.java`.

use std::fs::File;
use std::io::{BufRead, BufReader, Error, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::built::{Built, Language};
use crate::history::{Event, History, Id, Leader, Operation, Span, suspended};
use crate::space::Space;
use crate::timing::{OPERATION, Timing};

/// Who one is, and whom one talks to.
#[derive(Clone, Debug)]
pub struct Role {
    pub language: Language,
    pub name: String,
    pub endpoint: String,
    pub namespace: String,
    pub timing: Timing,
}

impl Role {
    pub fn new(language: Language, name: &str, endpoint: &str, timing: Timing) -> Self {
        Role {
            language,
            name: name.to_owned(),
            endpoint: endpoint.to_owned(),
            namespace: "real".to_owned(),
            timing,
        }
    }
}

/// One life of an agent. What it says goes to the history.
pub struct Agent {
    pub life: usize,
    child: Child,
    /// Shared with what confirms.
    commands: Arc<Mutex<ChildStdin>>,
    reader: Option<JoinHandle<()>>,
}

impl Agent {
    /// Starts it, in a space if there is one. It confirms whatever it is granted.
    pub fn start(
        role: &Role,
        life: usize,
        space: Option<&Space>,
        log: &Path,
        history: &Arc<History>,
    ) -> Self {
        let mut command = Built::get().agent(role.language);
        let events = if role.language == Language::CallbackC { "callbacks" } else { "events" };
        let said = File::options().create(true).append(true).open(log).unwrap();
        command
            .args([&role.endpoint, &role.namespace, &role.name])
            .args([role.timing.session, role.timing.grace, OPERATION].map(millis))
            .arg(events)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said);
        if let Some(space) = space {
            space.enter(&mut command);
        }
        history.add(Event::Started { life, name: role.name.clone() });
        let mut child = command.spawn().unwrap();
        let commands = Arc::new(Mutex::new(child.stdin.take().unwrap()));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let listener = Listener {
            life,
            name: role.name.clone(),
            shift: if role.language == Language::Java { suspended() } else { 0 },
            commands: Arc::clone(&commands),
            history: Arc::clone(history),
        };
        let reader = thread::spawn(move || listener.listen(stdout));
        Agent { life, child, commands, reader: Some(reader) }
    }

    /// Has it do something. Whoever is gone does nothing.
    pub fn tell(&self, command: &str) {
        let _ = writeln!(self.commands.lock().unwrap(), "{command}");
    }

    pub fn contend(&self, history: &History, registration: u64, component: &str) {
        let (life, component) = (self.life, component.to_owned());
        let command = format!("contend {registration} {component}");
        history.add(Event::Contended { life, registration, component });
        self.tell(&command);
    }

    pub fn ask(&self, history: &History, operation: u64, what: Operation) {
        let command = match &what {
            Operation::Get { election, key } => format!("get {operation} {election} {key}"),
            Operation::List { election } => format!("list {operation} {election}"),
            Operation::Create { election, epoch, key, value } => {
                format!("create {operation} {election} {epoch} {key} {value}")
            }
            Operation::Replace { election, epoch, key, version, value } => {
                format!("replace {operation} {election} {epoch} {key} {version} {value}")
            }
        };
        history.add(Event::Asked { life: self.life, operation, what });
        self.tell(&command);
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: a signal to a child that was not waited for yet.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
    }

    /// Shuts its connections down, in both directions, as its kernel sees them.
    pub fn shut_down(&self) {
        let id = self.child.id();
        // SAFETY: it takes and gives numbers.
        let process = unsafe { libc::syscall(libc::SYS_pidfd_open, id, 0) };
        assert!(process >= 0, "{}", Error::last_os_error());
        // SAFETY: it was opened just now, for nobody else.
        let process = unsafe { OwnedFd::from_raw_fd(process as i32) };
        for file in std::fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten() {
            let what = std::fs::read_link(file.path()).unwrap_or_default().display().to_string();
            let number: Option<i32> = file.file_name().to_str().and_then(|name| name.parse().ok());
            let Some(number) = number.filter(|_| what.starts_with("socket:")) else { continue };
            // SAFETY: it takes and gives numbers.
            let copy =
                unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0) };
            // It may have been closed meanwhile.
            if copy >= 0 {
                // SAFETY: it was opened just now, for nobody else.
                let socket = unsafe { TcpStream::from_raw_fd(copy as i32) };
                let is_network = socket.peer_addr().is_ok();
                let _ = is_network.then(|| socket.shutdown(Shutdown::Both));
            }
        }
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Agent {
    /// kill -9.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.reader.take().expect("only here").join();
    }
}

/// Puts what an agent says into the history.
struct Listener {
    life: usize,
    name: String,
    /// To be added to its times.
    shift: i64,
    commands: Arc<Mutex<ChildStdin>>,
    history: Arc<History>,
}

impl Listener {
    fn listen(self, lines: impl BufRead) {
        for line in lines.lines().map_while(Result::ok) {
            // The last line of who was killed may be cut short.
            match self.read(&line) {
                Some(Event::Granted { registration, id, after }) => {
                    self.history.add(Event::Granted { registration, id, after });
                    let Id { epoch, low } = id;
                    let address = address(&self.name, registration, id);
                    let confirm = format!("confirm {registration} {epoch} {low} {address}");
                    let _ = writeln!(self.commands.lock().unwrap(), "{confirm}");
                }
                Some(event) => self.history.add(event),
                None => {}
            }
        }
        self.history.add(Event::Ended { life: self.life });
    }

    fn read(&self, line: &str) -> Option<Event> {
        let (kind, rest) = line.split_once(' ')?;
        let mut words = rest.splitn(6, ' ');
        let event = match kind {
            "grant" => Event::Granted {
                registration: next(&mut words)?,
                id: self.id(&mut words)?,
                after: self.time(&mut words)?,
            },
            "revoke" => Event::Revoked {
                registration: next(&mut words)?,
                after: self.time(&mut words)?,
                reason: words.collect::<Vec<_>>().join(" "),
            },
            "failed" => Event::Failed {
                registration: next(&mut words)?,
                reason: words.collect::<Vec<_>>().join(" "),
            },
            "closed" => {
                Event::Closed { registration: next(&mut words)?, span: self.span(&mut words)? }
            }
            "confirmed" => Event::Confirmed {
                registration: next(&mut words)?,
                epoch: next(&mut words)?,
                status: next(&mut words)?,
            },
            "leads" | "not" => Event::Read {
                registration: next(&mut words)?,
                epoch: next(&mut words)?,
                leads: kind == "leads",
                span: self.span(&mut words)?,
            },
            "none" => Event::Told {
                life: self.life,
                component: next(&mut words)?,
                leader: None,
                after: self.time(&mut words)?,
            },
            "leader" => Event::Told {
                life: self.life,
                component: next(&mut words)?,
                leader: Some(Leader { id: self.id(&mut words)?, address: next(&mut words)? }),
                after: self.time(&mut words)?,
            },
            "done" => Event::Done {
                operation: next(&mut words)?,
                span: self.span(&mut words)?,
                status: next(&mut words)?,
                version: next(&mut words)?,
                value: next(&mut words)?,
            },
            _ => return None,
        };
        Some(event)
    }

    fn id<'a>(&self, words: &mut impl Iterator<Item = &'a str>) -> Option<Id> {
        Some(Id { epoch: next(words)?, low: next(words)? })
    }

    fn time<'a>(&self, words: &mut impl Iterator<Item = &'a str>) -> Option<u64> {
        next::<u64>(words)?.checked_add_signed(self.shift)
    }

    fn span<'a>(&self, words: &mut impl Iterator<Item = &'a str>) -> Option<Span> {
        Some(Span { before: self.time(words)?, after: self.time(words)? })
    }
}

/// Under which address somebody is reached who leads.
pub fn address(name: &str, registration: u64, id: Id) -> String {
    format!("{name}/{registration}/{}", id.epoch)
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

fn next<'a, T: FromStr>(words: &mut impl Iterator<Item = &'a str>) -> Option<T> {
    words.next()?.parse().ok()
}
