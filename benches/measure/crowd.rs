//! Many light clients in one process: raw connections, each with its own session, on one epoll.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use leaderserver::core::ids::{Epoch, Name};
use leaderserver::core::wire::codec::{decode_server, encode_client};
use leaderserver::core::wire::frame::FrameReader;
use leaderserver::core::wire::message::{Addresses, ClientMessage, Hello, ServerMessage};
use leaderserver::core::wire::{MAX_VERSION, MIN_VERSION};

use crate::peers::{NAMESPACE, Other, timing};
use crate::server::{raise_descriptor_limit, shared_clock};

pub const COMPONENT: &str = "watched";

/// What every one of the crowd does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Watches [`COMPONENT`]; its time-out is so long that it says nothing more.
    Watch,
    /// Keeps its session with a time-out of 10 s, as an idle client does.
    Idle,
}

/// Starts a crowd in a process of its own; answers when all of it is connected.
pub fn start(address: &str, count: usize, duty: Duty) -> Other {
    let word = if duty == Duty::Watch { "watch" } else { "idle" };
    let mut crowd = Other::start(&["--as-crowd", address, &count.to_string(), word]);
    assert_eq!(crowd.line(), "ready");
    crowd
}

/// Waits until all of a watching crowd were told the next value; answers when, by the shared clock.
pub fn all_told(crowd: &mut Other) -> u64 {
    let line = crowd.line();
    line.strip_prefix("told ").and_then(|text| text.parse().ok()).expect("a moment")
}

/// `--as-crowd ADDRESS COUNT DUTY`
pub fn run(arguments: &[String]) {
    raise_descriptor_limit();
    let count: usize = arguments[1].parse().unwrap();
    let duty = if arguments[2] == "watch" { Duty::Watch } else { Duty::Idle };
    let mut crowd = Crowd::new(duty);
    for number in 0..count {
        crowd.connect(&arguments[0], number);
        if number % 256 == 255 {
            // So that the server's side of it is read as well.
            crowd.step(Duration::ZERO);
        }
    }
    crowd.complete = true;
    crowd.say_when_ready();
    crowd.live();
}

struct Crowd {
    duty: Duty,
    epoll: OwnedFd,
    members: Vec<Member>,
    /// All are connected.
    complete: bool,
    welcomed: usize,
    /// How many were told the value of each number.
    told: Vec<usize>,
    said_ready: bool,
}

struct Member {
    stream: TcpStream,
    frames: FrameReader,
    values: usize,
    heartbeats: u64,
}

impl Crowd {
    fn new(duty: Duty) -> Self {
        // SAFETY: the new descriptor is nobody else's.
        let epoll = unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) };
        let (members, told) = (Vec::new(), Vec::new());
        Crowd { duty, epoll, members, complete: false, welcomed: 0, told, said_ready: false }
    }

    fn connect(&mut self, address: &str, number: usize) {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let addresses = Addresses {
            local: stream.local_addr().unwrap().to_string(),
            peer: stream.peer_addr().unwrap().to_string(),
        };
        let timing = match self.duty {
            Duty::Watch => timing(3_600_000, 1_000),
            Duty::Idle => timing(10_000, 1_000),
        };
        let hello = Hello {
            min_version: MIN_VERSION,
            max_version: MAX_VERSION,
            namespace: Some(Name::new("namespace", NAMESPACE).unwrap()),
            name: Name::new("name", &format!("taskmanager-{number}")).unwrap(),
            timing,
            resume: None,
            seen: None,
            highest_epoch: Epoch(0),
            addresses: Some(addresses),
            leading: Vec::new(),
        };
        let mut words = vec![ClientMessage::Hello(Box::new(hello))];
        if self.duty == Duty::Watch {
            words.push(ClientMessage::Watch {
                component: Name::new("component", COMPONENT).unwrap(),
            });
        }
        words.push(ClientMessage::SyncEnd);
        let frames: Vec<_> = words.iter().map(|word| encode_client(word).unwrap()).collect();
        stream.write_all(&frames.concat()).unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: number as u64 };
        // SAFETY: both descriptors are open, the event is valid.
        let added = unsafe {
            let (epoll, stream) = (self.epoll.as_raw_fd(), stream.as_raw_fd());
            libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, stream, &mut event)
        };
        assert_eq!(added, 0);
        let frames = FrameReader::for_answers();
        self.members.push(Member { stream, frames, values: 0, heartbeats: 0 });
    }

    /// Until killed.
    fn live(&mut self) {
        let period = timing(10_000, 1_000).heartbeat();
        let started = Instant::now();
        let mut beaten: u64 = 0;
        loop {
            self.step(Duration::from_millis(if self.duty == Duty::Idle { 2 } else { 1_000 }));
            if self.duty == Duty::Idle && self.said_ready {
                // One after the other, all of them once in a period.
                let passed = started.elapsed().as_secs_f64() / period.as_secs_f64();
                let due = (passed * self.members.len() as f64) as u64;
                (beaten..due).for_each(|number| self.heartbeat(number as usize));
                beaten = due;
            }
        }
    }

    fn heartbeat(&mut self, number: usize) {
        let index = number % self.members.len();
        let member = &mut self.members[index];
        member.heartbeats += 1;
        let frame = encode_client(&ClientMessage::Heartbeat { sequence: member.heartbeats });
        member.stream.write_all(&frame.unwrap()).unwrap();
    }

    /// Reads what has come, or waits for something to come.
    fn step(&mut self, patience: Duration) {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 1024];
        // SAFETY: the events are valid for writing their number.
        let found = unsafe {
            let (epoll, most) = (self.epoll.as_raw_fd(), events.len() as i32);
            libc::epoll_wait(epoll, events.as_mut_ptr(), most, patience.as_millis() as i32)
        };
        for event in &events[..found.max(0) as usize] {
            self.read(event.u64 as usize);
        }
    }

    fn read(&mut self, number: usize) {
        let member = &mut self.members[number];
        let mut buffer = [0; 4096];
        match member.stream.read(&mut buffer) {
            Ok(0) => panic!("the server closed connection {number}"),
            Ok(read) => member.frames.buffer().extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("connection {number}: {error}"),
        }
        while let Some(frame) = self.members[number].frames.next_frame().unwrap() {
            match decode_server(frame).unwrap() {
                ServerMessage::Welcome(_) => self.welcomed += 1,
                ServerMessage::Value { .. } => self.told(number),
                ServerMessage::HeartbeatAck { .. } => {}
                other => panic!("connection {number}: {other:?}"),
            }
        }
        self.say_when_ready();
    }

    /// All were welcomed and, watching, told the first value.
    fn say_when_ready(&mut self) {
        let all = self.members.len();
        let watching = self.duty == Duty::Idle || self.told.first() == Some(&all);
        if self.complete && !self.said_ready && self.welcomed == all && watching {
            self.said_ready = true;
            println!("ready");
        }
    }

    /// All are told the same values; the first one is that nobody leads.
    fn told(&mut self, number: usize) {
        let member = &mut self.members[number];
        let value = member.values;
        member.values += 1;
        if self.told.len() <= value {
            self.told.resize(value + 1, 0);
        }
        self.told[value] += 1;
        if value > 0 && self.told[value] == self.members.len() {
            println!("told {}", shared_clock());
        }
    }
}
