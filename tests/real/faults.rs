//! What is broken in a round, and when: it follows from a seed. Everything is mended at the end.

use crate::random::Random;
use crate::wire::Path;

/// Nodes are numbers: 0 is the server's, then those of agents, and last the command line's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What befalls packets between these two, in that direction; none: all others.
    Path(usize, Option<usize>, Path),
    /// The interface goes down, or up.
    Link(usize, bool),
    /// SIGSTOP, SIGCONT.
    Stop(usize),
    Continue(usize),
    /// The connections of a process are shut down under it, and it can open no others.
    Break(usize),
    /// kill -9, and a new process.
    Kill(usize),
    Start(usize),
    /// SIGTERM to the server.
    Terminate,
    /// The server's disk has no room, or has again.
    Fill,
    Relieve,
    /// An agent's contender is closed, or registered (anew).
    Close(usize, usize),
    Contend(usize, usize),
    /// By the agent that leads; by the command line; by the command line to an agent.
    Resign(usize),
    CommandResign(usize),
    Transfer(usize, usize),
}

/// What is broken, with the milliseconds after which it is, and when everything is mended.
pub struct Plan {
    pub faults: Vec<(u64, Fault)>,
    pub until_ms: u64,
}

/// How long faults go on at the most.
const LONGEST_MS: u64 = 3000;

/// `leaders` are the nodes that lead, by component: what befalls them matters most.
pub fn plan(seed: u64, agents: usize, leaders: &[Option<usize>]) -> Plan {
    let mut random = Random::new(seed);
    let mut plan = Plan { faults: Vec::new(), until_ms: 0 };
    // Some rounds see a single fault, that nothing covers up.
    for _ in 0..random.between(1, 6) {
        let at = random.below(LONGEST_MS - 500);
        // Around grace, session and reconnecting.
        let (least, most) = *random.one_of(&[(20, 150), (150, 400), (500, 1100), (1000, 2500)]);
        let until = (at + random.between(least, most)).min(LONGEST_MS);
        let component = random.below(leaders.len() as u64) as usize;
        let any = random.between(1, agents as u64) as usize;
        let leader = leaders[component].filter(|_| random.below(2) == 0);
        let (begin, end) = fault(&mut random, leader.unwrap_or(any), component);
        plan.faults.push((at, begin));
        // Half of them last until everything is mended.
        plan.faults.extend(end.filter(|_| random.below(2) == 0).map(|end| (until, end)));
        plan.until_ms = until.max(plan.until_ms);
    }
    plan.faults.sort_by_key(|(at, _)| *at);
    plan
}

/// A fault and how it ends, if not by itself.
fn fault(random: &mut Random, agent: usize, component: usize) -> (Fault, Option<Fault>) {
    let cut = Path { cut: true, ..Path::default() };
    let path = |from, to, path| {
        (Fault::Path(from, to, path), Some(Fault::Path(from, to, Path::default())))
    };
    let pair = |begin, end| (begin, Some(end));
    match random.below(24) {
        0..=2 => path(agent, None, cut),
        3 => path(agent, Some(0), cut),
        4 | 5 => path(0, Some(agent), cut),
        6 => path(0, None, cut),
        7 => path(agent, None, slow(random)),
        8 => path(0, None, slow(random)),
        9 => pair(Fault::Link(agent, false), Fault::Link(agent, true)),
        10 => pair(Fault::Link(0, false), Fault::Link(0, true)),
        11 | 12 => pair(Fault::Stop(agent), Fault::Continue(agent)),
        13 => pair(Fault::Stop(0), Fault::Continue(0)),
        14 => pair(Fault::Kill(agent), Fault::Start(agent)),
        15 | 16 => pair(Fault::Kill(0), Fault::Start(0)),
        17 => pair(Fault::Terminate, Fault::Start(0)),
        18 => pair(Fault::Fill, Fault::Relieve),
        19 => pair(Fault::Close(agent, component), Fault::Contend(agent, component)),
        20 => (Fault::Resign(component), None),
        21 | 22 => pair(Fault::Break(agent), Fault::Path(agent, None, Path::default())),
        _ if random.below(2) == 0 => (Fault::CommandResign(component), None),
        _ => (Fault::Transfer(component, agent), None),
    }
}

fn slow(random: &mut Random) -> Path {
    let least = random.between(1, 40);
    Path {
        cut: false,
        closed: false,
        delay_ms: (least, least + random.between(0, 150)),
        lost: *random.one_of(&[0, 20, 100, 300]),
        twice: *random.one_of(&[0, 0, 100]),
    }
}
