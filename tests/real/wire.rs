//! The network between the spaces of one set of processes: a thread that carries their packets, or
//! doesn't.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::random::Random;
use crate::space::Space;

/// How long it may wait for packets before it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// What befalls packets on the way from one node to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Nothing arrives, and nobody is told.
    pub cut: bool,
    /// New connections can't be opened; those that are go on, and end.
    pub closed: bool,
    /// Milliseconds, from and to: packets overtake each other.
    pub delay_ms: (u64, u64),
    /// Of a thousand.
    pub lost: u64,
    /// Of a thousand, those that arrive twice.
    pub twice: u64,
}

/// Carries packets until it is dropped.
pub struct Wire {
    paths: Arc<Mutex<Vec<Vec<Path>>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The address of a node.
pub fn address(node: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, node as u8 + 1)
}

impl Wire {
    pub fn between(spaces: &[Space], seed: u64) -> Self {
        let ends = spaces.iter().map(|space| space.wire.try_clone().expect("there is room"));
        let ends: Vec<File> = ends.collect();
        let paths = Arc::new(Mutex::new(vec![vec![Path::default(); ends.len()]; ends.len()]));
        let over = Arc::new(AtomicBool::new(false));
        let carrier = Carrier {
            ends,
            paths: Arc::clone(&paths),
            random: Random::new(seed),
            late: BinaryHeap::new(),
            number: 0,
        };
        let thread = thread::spawn({
            let over = Arc::clone(&over);
            move || carrier.run(&over)
        });
        Wire { paths, over, thread: Some(thread) }
    }

    pub fn nodes(&self) -> usize {
        self.paths.lock().expect("no one panics with it").len()
    }

    pub fn set(&self, from: usize, to: usize, path: Path) {
        self.paths.lock().expect("no one panics with it")[from][to] = path;
    }

    pub fn mend(&self) {
        let mut paths = self.paths.lock().expect("no one panics with it");
        paths.iter_mut().for_each(|row| row.fill(Path::default()));
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().expect("only here").join();
    }
}

struct Carrier {
    ends: Vec<File>,
    paths: Arc<Mutex<Vec<Vec<Path>>>>,
    random: Random,
    late: BinaryHeap<Reverse<Late>>,
    number: u64,
}

/// A packet that is to arrive later.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Late {
    at: Instant,
    number: u64,
    to: usize,
    packet: Vec<u8>,
}

impl Carrier {
    fn run(mut self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            self.wait();
            for from in 0..self.ends.len() {
                self.take_from(from);
            }
            self.deliver_late();
        }
    }

    fn wait(&self) {
        let due = self.late.peek().map_or(LOOK, |Reverse(late)| {
            late.at.saturating_duration_since(Instant::now()).min(LOOK)
        });
        let look =
            |end: &File| libc::pollfd { fd: end.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let mut looks: Vec<_> = self.ends.iter().map(look).collect();
        let time = libc::timespec { tv_sec: 0, tv_nsec: due.as_nanos() as _ };
        let none = std::ptr::null();
        // SAFETY: both outlive the call.
        unsafe { libc::ppoll(looks.as_mut_ptr(), looks.len() as _, &raw const time, none) };
    }

    fn take_from(&mut self, from: usize) {
        let mut packet = [0; 2048];
        loop {
            match (&self.ends[from]).read(&mut packet) {
                Ok(length) => self.carry(from, &packet[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The interface is down.
                Err(_) => return,
            }
        }
    }

    fn carry(&mut self, from: usize, packet: &[u8]) {
        // IPv4 to one of us; kernels say other things, too.
        if packet.len() < 20 || packet[0] >> 4 != 4 || packet[16..19] != [10, 0, 0] {
            return;
        }
        let to = usize::from(packet[19]).wrapping_sub(1);
        if to >= self.ends.len() {
            return;
        }
        let path = self.paths.lock().expect("no one panics with it")[from][to];
        if path.cut || (path.closed && opens(packet)) || self.random.below(1000) < path.lost {
            return;
        }
        let times = if self.random.below(1000) < path.twice { 2 } else { 1 };
        for _ in 0..times {
            let (least, most) = path.delay_ms;
            if most == 0 {
                self.deliver(to, packet);
                continue;
            }
            let delay = Duration::from_micros(self.random.between(least * 1000, most * 1000));
            self.number += 1;
            let (at, number) = (Instant::now() + delay, self.number);
            self.late.push(Reverse(Late { at, number, to, packet: packet.to_vec() }));
        }
    }

    fn deliver_late(&mut self) {
        let now = Instant::now();
        while self.late.peek().is_some_and(|Reverse(late)| late.at <= now) {
            let Reverse(late) = self.late.pop().expect("there is one");
            self.deliver(late.to, &late.packet);
        }
    }

    fn deliver(&self, to: usize, packet: &[u8]) {
        // An interface that is down takes nothing: the packet is lost.
        let _ = (&self.ends[to]).write(packet);
    }
}

/// Whether it is TCP's first packet of a connection, or the answer to it.
fn opens(packet: &[u8]) -> bool {
    const TCP: u8 = 6;
    const SYN: u8 = 2;
    let header = usize::from(packet[0] & 0xf) * 4;
    packet[9] == TCP && packet.get(header + 13).is_some_and(|flags| flags & SYN != 0)
}
