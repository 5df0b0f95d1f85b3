//! A set of processes that runs many rounds: a durable server, agents and the command line, each in
//! a space of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::agent::{Agent, Role};
use crate::built::Language;
use crate::faults::Fault;
use crate::history::{Event, History, Operation, suspended};
use crate::random::Random;
use crate::server::{self, Server, Watching};
use crate::space::Space;
use crate::timing::Timing;
use crate::view::View;
use crate::wire::{self, Wire, address};

pub const COMPONENTS: [&str; 2] = ["a", "b"];
const KEYS: [&str; 3] = ["x", "y", "z"];

const LANGUAGES: [Language; 3] = [Language::C, Language::Java, Language::CallbackC];

pub struct Cell {
    pub history: Arc<History>,
    pub view: View,
    pub agents: Vec<Option<Agent>>,
    roles: Vec<Role>,
    server: Server,
    wire: Wire,
    _watching: Watching,
    /// Commands that run; nobody waits for them before the end.
    commands: Vec<JoinHandle<bool>>,
    random: Random,
    /// Registrations, operations and lives.
    number: u64,
    suspended: i64,
    directory: PathBuf,
    /// After all that lives in them.
    spaces: Vec<Space>,
}

impl Cell {
    pub fn new(name: &str, seed: u64, timing: Timing) -> Self {
        let name = format!("real-{}-{name}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(directory.join("disk")).unwrap();
        let disk = directory.join("disk");
        let space = |node| Space::new(address(node), (node == 0).then_some(disk.as_path()));
        let spaces: Vec<Space> = (0..LANGUAGES.len() + 2).map(space).collect();
        let wire = Wire::between(&spaces, seed);
        let listen = format!("{}:6130", address(0));
        let endpoint = format!("leader://{listen}");
        let history = Arc::new(History::default());
        let mut server = Server::new(&listen, &disk.join("data"), &directory.join("server.log"));
        server.start(Some(&spaces[0]), &history);
        let role =
            |(number, language)| Role::new(language, &format!("n{number}"), &endpoint, timing);
        let roles: Vec<Role> = LANGUAGES.into_iter().enumerate().map(role).collect();
        let space = spaces.last();
        let asked = (endpoint.as_str(), "real");
        let watching = Watching::start(0, asked, &COMPONENTS, space, &history);
        let mut cell = Cell {
            history,
            view: View::default(),
            agents: roles.iter().map(|_| None).collect(),
            roles,
            server,
            wire,
            _watching: watching,
            commands: Vec::new(),
            random: Random::new(seed),
            number: 0,
            suspended: suspended(),
            directory,
            spaces,
        };
        (1..=LANGUAGES.len()).for_each(|node| cell.start_agent(node));
        cell
    }

    fn number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// Lives are numbers, too; 0 is the one of the command that watches.
    fn start_agent(&mut self, node: usize) {
        if self.agents[node - 1].is_some() {
            return;
        }
        let life = self.number() as usize;
        let role = &self.roles[node - 1];
        let log = self.directory.join(format!("{}.log", role.name));
        let agent = Agent::start(role, life, Some(&self.spaces[node]), &log, &self.history);
        for component in COMPONENTS {
            agent.tell(&format!("watch {component}"));
        }
        self.agents[node - 1] = Some(agent);
        (0..COMPONENTS.len()).for_each(|component| self.contend(node, component));
    }

    fn contend(&mut self, node: usize, component: usize) {
        self.view.look(&self.history);
        let number = self.number();
        let Some(agent) = &self.agents[node - 1] else { return };
        if self.view.registration(agent.life, COMPONENTS[component]).is_none() {
            agent.contend(&self.history, number, COMPONENTS[component]);
        }
    }

    fn close(&mut self, node: usize, component: usize) {
        self.view.look(&self.history);
        let Some(agent) = &self.agents[node - 1] else { return };
        if let Some(number) = self.view.registration(agent.life, COMPONENTS[component]) {
            agent.tell(&format!("close {number}"));
        }
    }

    pub fn apply(&mut self, fault: &Fault) {
        self.history.add(Event::Fault(format!("{fault:?}")));
        match *fault {
            Fault::Path(from, to, path) => self.set_path(from, to, path),
            Fault::Link(node, up) => self.spaces[node].set_link(up),
            Fault::Stop(node) => self.signal(node, libc::SIGSTOP),
            Fault::Continue(node) => self.signal(node, libc::SIGCONT),
            Fault::Break(node) => self.shut_down(node),
            Fault::Kill(0) => self.server.kill(),
            Fault::Kill(node) => self.agents[node - 1] = None,
            Fault::Start(0) => self.server.start(self.spaces.first(), &self.history),
            Fault::Start(node) => self.start_agent(node),
            Fault::Terminate => self.server.signal(libc::SIGTERM),
            Fault::Fill => server::fill(&self.spaces[0]),
            Fault::Relieve => server::relieve(&self.spaces[0]),
            Fault::Close(node, component) => self.close(node, component),
            Fault::Contend(node, component) => self.contend(node, component),
            Fault::Resign(component) => self.resign(component),
            Fault::CommandResign(component) => self.command(component, None),
            Fault::Transfer(component, to) => self.command(component, Some(to)),
        }
    }

    fn set_path(&mut self, from: usize, to: Option<usize>, path: wire::Path) {
        match to {
            Some(to) => self.wire.set(from, to, path),
            None => {
                for other in 0..self.wire.nodes() {
                    self.wire.set(from, other, path);
                    self.wire.set(other, from, path);
                }
            }
        }
    }

    /// Both ends hear at once that the connection has ended, and the client can't make another: the
    /// server waits for the grace alone.
    fn shut_down(&mut self, node: usize) {
        self.set_path(node, None, wire::Path { closed: true, ..wire::Path::default() });
        if let Some(agent) = &self.agents[node - 1] {
            agent.shut_down();
        }
    }

    /// The node that leads a component.
    pub fn leader(&mut self, component: &str) -> Option<usize> {
        self.view.look(&self.history);
        let (life, ..) = self.view.leader(component)?;
        let of = |agent: &Option<Agent>| agent.as_ref().is_some_and(|agent| agent.life == life);
        self.agents.iter().position(of).map(|index| index + 1)
    }

    fn signal(&mut self, node: usize, signal: i32) {
        if node == 0 {
            self.server.signal(signal);
        } else if let Some(agent) = &mut self.agents[node - 1]
            && !agent.has_ended()
        {
            agent.signal(signal);
        }
    }

    /// Java's client can't ask for it.
    fn resign(&mut self, component: usize) {
        let Some(node) = self.leader(COMPONENTS[component]) else { return };
        if self.roles[node - 1].language != Language::Java
            && let Some(leader) = &self.agents[node - 1]
            && let Some((_, _, id)) = self.view.leader(COMPONENTS[component])
        {
            leader.tell(&format!("resign {} {}", COMPONENTS[component], id.epoch));
        }
    }

    fn command(&mut self, component: usize, to: Option<usize>) {
        let target = to.map(|node| self.roles[node - 1].name.as_str());
        let endpoint = self.roles[0].endpoint.as_str();
        let space = self.spaces.last();
        let component = COMPONENTS[component];
        let command =
            server::hand_over((endpoint, "real"), component, target, space, &self.history);
        self.commands.push(command);
    }

    /// Some agent reads, or writes under the last epoch that it was granted, be it long over.
    pub fn use_store(&mut self) {
        let operation = self.number();
        let election = self.random.one_of(&COMPONENTS).to_string();
        let any = self.random.below(self.agents.len() as u64) as usize;
        // Leaders have more to do.
        let agent = match self.leader(&election) {
            Some(node) if self.random.below(2) == 0 => node - 1,
            _ => any,
        };
        let key = self.random.one_of(&KEYS).to_string();
        let Some(agent) = &self.agents[agent] else { return };
        if self.view.waiting(agent.life) >= 3 {
            return;
        }
        // Who leads no more tries it more rarely.
        let leads = self.view.leader(&election).is_some_and(|(life, ..)| life == agent.life);
        let writes = if leads { 12 } else { 2 };
        let what = match (self.random.below(16), self.view.epoch(agent.life, &election)) {
            (least, Some(epoch)) if least < writes => self.write(operation, epoch, election, key),
            (12 | 13, _) => Operation::List { election },
            _ => Operation::Get { election, key },
        };
        agent.ask(&self.history, operation, what);
    }

    /// Each value is written once only.
    fn write(&self, operation: u64, epoch: u64, election: String, key: String) -> Operation {
        let value = format!("v{operation}");
        match self.view.version(&election, &key) {
            0 => Operation::Create { election, epoch, key, value },
            version => Operation::Replace { election, epoch, key, version, value },
        }
    }

    /// Has somebody write or, without an epoch, list; answers the operation's number.
    pub fn ask(&mut self, life: usize, election: &str, epoch: Option<u64>) -> u64 {
        let operation = self.number();
        let election = election.to_owned();
        let what = match epoch {
            Some(epoch) => self.write(operation, epoch, election, KEYS[0].to_owned()),
            None => Operation::List { election },
        };
        let agent = self.agents.iter().flatten().find(|agent| agent.life == life);
        agent.expect("whoever leads lives").ask(&self.history, operation, what);
        operation
    }

    /// Mends everything, and has everybody contend.
    pub fn mend(&mut self) {
        self.history.add(Event::Fault("everything is mended".to_owned()));
        self.wire.mend();
        server::relieve(&self.spaces[0]);
        for node in 0..self.spaces.len() {
            self.spaces[node].set_link(true);
            if node <= self.agents.len() {
                self.signal(node, libc::SIGCONT);
            }
        }
        self.server.start(self.spaces.first(), &self.history);
        for node in 1..=self.agents.len() {
            self.start_agent(node);
        }
    }

    /// Again and again while all becomes well: a server that was stopping may have ended, and a
    /// contender may have been closed meanwhile.
    pub fn keep_up(&mut self) {
        self.server.start(self.spaces.first(), &self.history);
        self.view.look(&self.history);
        for node in 1..=self.agents.len() {
            (0..COMPONENTS.len()).for_each(|component| {
                let life = self.agents[node - 1].as_ref().expect("all run").life;
                if self.view.registration(life, COMPONENTS[component]).is_none() {
                    self.contend(node, component);
                }
            });
        }
    }

    /// Who watches: all agents, and the command line.
    pub fn watchers(&self) -> Vec<usize> {
        self.agents.iter().flatten().map(|agent| agent.life).chain([0]).collect()
    }

    /// Waits for the commands that were given.
    pub fn commands_end(&mut self) {
        for command in self.commands.drain(..) {
            command.join().expect("it does not panic");
        }
    }

    /// What went wrong with the processes themselves.
    pub fn troubles(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        self.view.look(&self.history);
        for life in self.watchers() {
            if self.view.ended.contains(&life) {
                found.push(format!("process {life} has ended by itself, see its log"));
            }
        }
        if (suspended() - self.suspended).abs() > 1_000_000 {
            found.push("the machine was suspended: nothing can be said".to_owned());
        }
        found
    }

    /// Keeps what explains a failure, beside what the processes have logged; answers where.
    pub fn keep(&self) -> String {
        let file = self.directory.join("history.txt");
        std::fs::write(&file, self.history.text()).unwrap();
        format!("its history is in {}", file.display())
    }

    /// Ends all processes; nothing remains of them.
    pub fn remove(self) {
        let directory = self.directory.clone();
        drop(self);
        let _ = std::fs::remove_dir_all(directory);
    }
}
