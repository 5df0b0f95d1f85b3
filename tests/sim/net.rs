//! The network: connections that keep their order, and all that happens to them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use leaderserver::core::ids::ConnectionId;
use leaderserver::core::name_service::{ConnectionEnd, Peer};
use leaderserver::core::session::ConnectFailure;
use leaderserver::core::wire::message::{Addresses, ClientMessage, ServerMessage};

use crate::clock::{MS, SEC};
use crate::process;
use crate::server;
use crate::world::{Event, World};

/// Where packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    ToServer,
    ToClient,
}

/// How a process reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Each end sees the other's address.
    Direct,
    /// A proxy is in between.
    Proxy,
    /// In the server's process.
    Local,
}

/// All connections, and the state of the paths.
#[derive(Default)]
pub struct Net {
    pub links: BTreeMap<u64, Link>,
    next: u64,
    /// The paths on which nothing gets through for now.
    blocked: BTreeSet<(usize, Direction)>,
    /// Processes whose connecting fails at once, and who refused them, if anybody did.
    pub failing: BTreeMap<usize, Vec<String>>,
    /// The server's host answers nothing at all.
    pub host_down: bool,
    /// It is suspended, and will go on.
    pub host_suspended: bool,
}

/// One connection.
pub struct Link {
    pub process: usize,
    pub conn: ConnectionId,
    pub route: Route,
    pub life: u64,
    to_server: Pipe<ClientMessage>,
    to_client: Pipe<ServerMessage>,
    /// What a look at the client's socket shows.
    pub client_open: bool,
    pub server_open: bool,
    established: bool,
}

struct Pipe<M> {
    packets: VecDeque<(u64, Packet<M>)>,
    last: u64,
    /// Whatever goes in is lost.
    dead: bool,
}

enum Packet<M> {
    /// The SYN and ACK that open it.
    Established,
    Message(M),
    /// A FIN or RST.
    End,
}

impl<M> Default for Pipe<M> {
    fn default() -> Self {
        Pipe { packets: VecDeque::new(), last: 0, dead: false }
    }
}

impl<M> Pipe<M> {
    /// Answers when it arrives.
    fn push(&mut self, at: u64, packet: Packet<M>) -> u64 {
        self.last = self.last.max(at);
        if !self.dead {
            self.packets.push_back((self.last, packet));
        }
        self.last
    }

    fn pop(&mut self, now: u64) -> Option<Packet<M>> {
        self.packets.front().filter(|(at, _)| *at <= now)?;
        self.packets.pop_front().map(|(_, packet)| packet)
    }
}

/// What both ends call the server.
const SERVER: &str = "server:6130";
const PROXY: &str = "proxy:6130";

impl Route {
    fn seen_by_client(self, process: usize, conn: ConnectionId) -> Peer {
        let local = format!("p{process}:{}", conn.0);
        let peer = match self {
            Route::Direct => SERVER,
            Route::Proxy => PROXY,
            Route::Local => return Peer::Local,
        };
        Peer::Remote(Addresses { local, peer: peer.to_owned() })
    }

    fn seen_by_server(self, process: usize, conn: ConnectionId) -> Peer {
        let peer = match self {
            Route::Direct => format!("p{process}:{}", conn.0),
            Route::Proxy => format!("proxy:{}", conn.0),
            Route::Local => return Peer::Local,
        };
        Peer::Remote(Addresses { local: SERVER.to_owned(), peer })
    }

    pub fn server_address(self) -> &'static str {
        if self == Route::Proxy { PROXY } else { SERVER }
    }
}

impl World {
    // --- Opening

    pub(crate) fn connect(&mut self, process: usize, conn: ConnectionId) {
        let delay = if self.processes[process].route == Route::Local { 0 } else { self.delay() };
        self.after(delay, Event::Connect { process, conn, tries: 0 });
    }

    pub(crate) fn try_to_connect(&mut self, process: usize, conn: ConnectionId, tries: u32) {
        if !self.processes[process].alive {
            return;
        }
        if let Some(refused) = self.net.failing.get(&process).cloned() {
            return self.connect_failed(process, conn, refused, "no way to the host");
        }
        let route = self.processes[process].route;
        let blocked = |to| self.net.blocked.contains(&(process, to));
        let unreachable =
            self.net.host_down || blocked(Direction::ToServer) || blocked(Direction::ToClient);
        let unreachable =
            unreachable || self.net.host_suspended || self.processes[process].suspended;
        if unreachable && route != Route::Local {
            if tries == 4 {
                return self.connect_failed(process, conn, Vec::new(), "timed out");
            }
            return self.after(SEC << tries, Event::Connect { process, conn, tries: tries + 1 });
        }
        let listening = self.server.as_ref().is_some_and(|server| server.listening);
        if !listening {
            if route == Route::Proxy && self.once_in(2) {
                // The proxy takes the connection, and finds nobody behind it.
                let link = self.establish(process, conn, route, 0);
                return self.end_from_server(link);
            }
            let refused = vec![route.server_address().to_owned()];
            self.count("connecting is refused, for nobody listens");
            return self.connect_failed(process, conn, refused, "connection refused");
        }
        let life = self.lives;
        let link = self.establish(process, conn, route, life);
        let peer = route.seen_by_server(process, conn);
        self.server_input(server::Input::Connected(link, peer));
    }

    fn establish(&mut self, process: usize, conn: ConnectionId, route: Route, life: u64) -> u64 {
        self.net.next += 1;
        let link = self.net.next;
        let end = Link {
            process,
            conn,
            route,
            life,
            to_server: Pipe::default(),
            to_client: Pipe::default(),
            client_open: true,
            server_open: life != 0,
            established: false,
        };
        self.net.links.insert(link, end);
        self.push_to_client(link, Packet::Established);
        link
    }

    fn connect_failed(
        &mut self,
        process: usize,
        conn: ConnectionId,
        refused: Vec<String>,
        reason: &str,
    ) {
        let failure = ConnectFailure { refused, reason: reason.to_owned() };
        self.process_input(process, process::Input::Failed(conn, failure));
    }

    // --- Sending

    fn wire_delay(&mut self, link: u64) -> u64 {
        match self.net.links[&link].route {
            Route::Local => self.pick((1_000, MS / 20)),
            Route::Direct => self.delay(),
            Route::Proxy => self.delay() + self.delay(),
        }
    }

    pub(crate) fn send_to_server(&mut self, link: u64, message: ClientMessage) {
        if self.net.links.get(&link).is_some_and(|link| link.client_open) {
            self.push_to_server(link, Packet::Message(message));
        }
    }

    pub(crate) fn send_to_client(&mut self, link: u64, message: ServerMessage) {
        if self.net.links.get(&link).is_some_and(|link| link.server_open) {
            self.push_to_client(link, Packet::Message(message));
        }
    }

    fn push_to_server(&mut self, id: u64, packet: Packet<ClientMessage>) {
        let at = self.now + self.wire_delay(id);
        let link = self.net.links.get_mut(&id).expect("links are kept");
        let at = link.to_server.push(at, packet);
        self.at(at, Event::Arrive { link: id, to: Direction::ToServer });
    }

    fn push_to_client(&mut self, id: u64, packet: Packet<ServerMessage>) {
        let at = self.now + self.wire_delay(id);
        let link = self.net.links.get_mut(&id).expect("links are kept");
        let at = link.to_client.push(at, packet);
        self.at(at, Event::Arrive { link: id, to: Direction::ToClient });
    }

    /// Packets are at the host: the kernel takes them, whatever the process does.
    pub(crate) fn arrive(&mut self, id: u64, to: Direction) {
        loop {
            let Some(link) = self.net.links.get_mut(&id) else { return };
            let asleep = match to {
                Direction::ToServer => self.net.host_suspended,
                Direction::ToClient => self.processes[link.process].suspended,
            };
            let blocked = asleep || self.net.blocked.contains(&(link.process, to));
            if link.route != Route::Local && blocked {
                return;
            }
            match to {
                Direction::ToServer => match link.to_server.pop(self.now) {
                    Some(packet) => self.arrive_at_server(id, packet),
                    None => return,
                },
                Direction::ToClient => match link.to_client.pop(self.now) {
                    Some(packet) => self.arrive_at_client(id, packet),
                    None => return,
                },
            }
        }
    }

    fn arrive_at_server(&mut self, id: u64, packet: Packet<ClientMessage>) {
        let link = self.net.links.get_mut(&id).expect("links are kept");
        if !link.server_open || self.net.host_down {
            return;
        }
        match packet {
            Packet::Established => {}
            Packet::Message(message) => self.server_input(server::Input::Message(id, message)),
            Packet::End => {
                link.server_open = false;
                self.server_input(server::Input::Ended(id, ConnectionEnd::Peer));
            }
        }
    }

    fn arrive_at_client(&mut self, id: u64, packet: Packet<ServerMessage>) {
        let link = self.net.links.get_mut(&id).expect("links are kept");
        let (process, conn) = (link.process, link.conn);
        if !self.processes[process].alive {
            if !link.client_open {
                return;
            }
            // Nobody has that port any more: it is reset.
            link.client_open = false;
            return self.push_to_server(id, Packet::End);
        }
        match packet {
            Packet::Established => {
                link.established = true;
                let peer = link.route.seen_by_client(process, conn);
                self.process_input(process, process::Input::Connected(conn, id, peer));
            }
            _ if !link.client_open => {}
            Packet::Message(message) => {
                self.process_input(process, process::Input::Message(conn, message));
            }
            Packet::End => {
                link.client_open = false;
                self.broken(process, conn);
                self.process_input(process, process::Input::Ended(conn));
            }
        }
    }

    // --- Closing

    /// The client's shell closes it, after what was sent is written.
    pub(crate) fn close_by_client(&mut self, id: u64) {
        let Some(link) = self.net.links.get_mut(&id) else { return };
        if std::mem::take(&mut link.client_open) {
            self.push_to_server(id, Packet::End);
        }
    }

    /// The server's shell closes it, after what was sent is written.
    pub(crate) fn close_by_server(&mut self, id: u64) {
        let Some(link) = self.net.links.get_mut(&id) else { return };
        if std::mem::take(&mut link.server_open) {
            self.end_from_server(id);
            self.server_input(server::Input::Ended(id, ConnectionEnd::Other));
        }
    }

    fn end_from_server(&mut self, id: u64) {
        self.push_to_client(id, Packet::End);
    }

    /// Everything that a process has open is closed by its kernel.
    pub(crate) fn kernel_closes(&mut self, process: usize) {
        for id in self.links_of(process) {
            self.close_by_client(id);
        }
    }

    /// Everything that the server has open is closed by its kernel.
    pub(crate) fn kernel_closes_server(&mut self) {
        let open: Vec<u64> = self.net.links.keys().copied().collect();
        for id in open {
            let link = self.net.links.get_mut(&id).expect("listed just now");
            if std::mem::take(&mut link.server_open) {
                self.end_from_server(id);
            }
        }
    }

    // --- Faults

    /// The connection is reset on the client's host, under a process that lives on.
    pub fn reset_at_client(&mut self, id: u64) {
        let link = self.net.links.get_mut(&id).expect("links are kept");
        if !link.established || !link.client_open {
            return;
        }
        let (process, conn) = (link.process, link.conn);
        self.count("fault: a connection is reset under its client");
        self.say("reset at client", [process as u64, conn.0], || format!("p{process} {conn:?}"));
        self.close_by_client(id);
        self.broken(process, conn);
        self.process_input(process, process::Input::Ended(conn));
    }

    /// The server cuts the connection: a slow reader, a limit.
    pub fn cut_by_server(&mut self, id: u64) {
        let (process, conn) = self.ends_of(id);
        self.count("fault: the server cuts a connection");
        self.say("cut by server", [process as u64, conn.0], || format!("p{process} {conn:?}"));
        self.close_by_server(id);
    }

    /// From now on nothing gets through this very connection, and neither end is told.
    pub fn lose(&mut self, id: u64) {
        let (process, conn) = self.ends_of(id);
        self.count("fault: a connection is half-open, and neither end is told");
        self.say("lost", [process as u64, conn.0], || format!("p{process} {conn:?}"));
        let link = self.net.links.get_mut(&id).expect("links are kept");
        link.to_server = Pipe { dead: true, ..Pipe::default() };
        link.to_client = Pipe { dead: true, ..Pipe::default() };
    }

    /// Nothing gets through between a process and the server; it is not lost, but late.
    pub fn block(&mut self, process: usize, to: Direction) {
        self.count(match to {
            Direction::ToServer => "fault: nothing gets through to the server",
            Direction::ToClient => "fault: nothing gets through to the client",
        });
        self.say("blocked", [process as u64, to as u64], || format!("p{process} {to:?}"));
        self.net.blocked.insert((process, to));
    }

    pub fn partition(&mut self, process: usize) {
        self.block(process, Direction::ToServer);
        self.block(process, Direction::ToClient);
    }

    /// What waited arrives, some retransmission later.
    pub fn heal(&mut self, process: usize) {
        self.say("healed", [process as u64, 0], || format!("p{process}"));
        self.net.failing.remove(&process);
        for to in [Direction::ToServer, Direction::ToClient] {
            if self.net.blocked.remove(&(process, to)) {
                self.retransmit(process, to);
            }
        }
    }

    /// What waited on a process's connections arrives.
    pub(crate) fn retransmit(&mut self, process: usize, to: Direction) {
        let waits = |link: &Link| match to {
            Direction::ToServer => !link.to_server.packets.is_empty(),
            Direction::ToClient => !link.to_client.packets.is_empty(),
        };
        let its_own = self.net.links.iter().filter(|(_, l)| l.process == process && waits(l));
        for link in its_own.map(|(id, _)| *id).collect::<Vec<_>>() {
            let wait = self.pick((0, 200 * MS));
            self.after(wait, Event::Arrive { link, to });
        }
    }

    pub fn is_partitioned(&self, process: usize) -> bool {
        self.net
            .blocked
            .range((process, Direction::ToServer)..)
            .next()
            .is_some_and(|b| b.0 == process)
    }

    /// The connections of a process that its shell has open, in the order in which they were made.
    pub fn links_of(&self, process: usize) -> Vec<u64> {
        let its_own = |(_, link): &(&u64, &Link)| link.process == process && link.client_open;
        self.net.links.iter().filter(its_own).map(|(id, _)| *id).collect()
    }

    fn ends_of(&self, id: u64) -> (usize, ConnectionId) {
        let link = &self.net.links[&id];
        (link.process, link.conn)
    }

    /// Forgets connections on which nothing can happen any more.
    pub(crate) fn sweep(&mut self) {
        let now = self.now;
        self.net.links.retain(|_, link| {
            let over = !link.client_open
                && !link.server_open
                && link.to_client.packets.is_empty()
                && link.to_server.packets.is_empty();
            !(over && link.to_client.last.max(link.to_server.last) + SEC < now)
        });
    }
}
