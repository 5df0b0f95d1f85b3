//! A client of bare bytes, and what the tests share.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::Bytes;
use socket2::SockRef;

use leaderserver::core::config::{Mode, ServerConfig, Timing};
use leaderserver::core::ids::{Candidacy, Epoch, LeaderSessionId, Name};
use leaderserver::core::wire::codec::{decode_server, encode_client};
use leaderserver::core::wire::frame::FrameReader;
use leaderserver::core::wire::message::{Addresses, ClientMessage, Hello, ServerMessage, Welcome};
use leaderserver::core::wire::{MAX_VERSION, MIN_VERSION};
use leaderserver::server::LeaderServer;

/// Whatever is waited for comes by then, or the test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn name(text: &str) -> Name {
    Name::new("name", text).expect("a literal name is valid")
}

/// A server on a free port that grants at once.
pub fn start(change: impl FnOnce(&mut ServerConfig)) -> LeaderServer {
    let mut config = ServerConfig {
        listen: Some(("127.0.0.1".to_owned(), 0)),
        cold: true,
        ..ServerConfig::default()
    };
    change(&mut config);
    LeaderServer::start(config, None).expect("a free port is found")
}

pub fn timing(session_timeout_ms: u64, disconnect_grace_ms: u64) -> Timing {
    Timing {
        session_timeout: Duration::from_millis(session_timeout_ms),
        disconnect_grace: Duration::from_millis(disconnect_grace_ms),
    }
}

/// Asks again and again until it is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "it did not come to this: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub struct Raw {
    pub stream: TcpStream,
    reader: FrameReader,
}

impl Raw {
    pub fn connect(server: &LeaderServer) -> Raw {
        Raw::connect_to(server.local_port().expect("it listens"))
    }

    pub fn connect_to(port: u16) -> Raw {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a patience is no error");
        stream.set_nodelay(true).expect("an open socket");
        Raw { stream, reader: FrameReader::for_answers() }
    }

    /// A connection with a session.
    pub fn open(server: &LeaderServer, label: &str, timing: Timing) -> (Raw, Welcome) {
        let mut raw = Raw::connect(server);
        let mut hello = raw.hello(label);
        hello.timing = timing;
        let welcome = raw.say_hello(hello);
        (raw, welcome)
    }

    /// What a client would say.
    pub fn hello(&self, label: &str) -> Hello {
        let text = |address: std::io::Result<SocketAddr>| address.expect("open").to_string();
        Hello {
            min_version: MIN_VERSION,
            max_version: MAX_VERSION,
            namespace: Some(name("/test")),
            name: name(label),
            timing: Timing::default(),
            resume: None,
            seen: None,
            highest_epoch: Epoch(0),
            addresses: Some(Addresses {
                local: text(self.stream.local_addr()),
                peer: text(self.stream.peer_addr()),
            }),
            leading: Vec::new(),
        }
    }

    pub fn say_hello(&mut self, hello: Hello) -> Welcome {
        self.send(&ClientMessage::Hello(Box::new(hello)));
        match self.receive() {
            Some(ServerMessage::Welcome(welcome)) => *welcome,
            other => panic!("not welcomed: {other:?}"),
        }
    }

    /// Says all that it wants: to lead.
    pub fn join(&mut self) {
        let election = name("process");
        let (mode, candidacy) = (Mode::PerProcess, Candidacy(1));
        self.send(&ClientMessage::Join { election, mode, candidacy });
        self.send(&ClientMessage::SyncEnd);
    }

    pub fn send(&mut self, message: &ClientMessage) {
        self.send_bytes(&encode_client(message).expect("it fits"));
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// The next message; none once the server has closed the connection.
    pub fn receive(&mut self) -> Option<ServerMessage> {
        let mut piece = vec![0; 64 * 1024];
        loop {
            if let Some(frame) = self.reader.next_frame().expect("the server's frames are valid") {
                return Some(decode_server(frame).expect("the server's messages are valid"));
            }
            match self.stream.read(&mut piece) {
                Ok(0) => return None,
                Ok(size) => self.reader.buffer().extend_from_slice(&piece[..size]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came from the server: {error}"),
            }
        }
    }

    /// Waits for a grant.
    pub fn granted(&mut self) -> LeaderSessionId {
        loop {
            match self.receive() {
                Some(ServerMessage::Granted { id, .. }) => return id,
                Some(_) => {}
                None => panic!("the server closed the connection instead of granting"),
            }
        }
    }

    /// Whether the server still answers on this connection.
    pub fn answers(&mut self, sequence: u64) -> bool {
        self.send(&ClientMessage::Heartbeat { sequence });
        loop {
            match self.receive() {
                Some(ServerMessage::HeartbeatAck { sequence: answered })
                    if answered == sequence =>
                {
                    return true;
                }
                Some(_) => {}
                None => return false,
            }
        }
    }

    pub fn publish(&mut self, id: LeaderSessionId, address: Bytes) {
        let (election, component) = (name("process"), name("dispatcher"));
        let epoch = id.epoch;
        self.send(&ClientMessage::Publish { election, epoch, component, address });
    }

    /// Whether the next value it is told is this address.
    pub fn is_told(&mut self, address: &str) -> bool {
        loop {
            match self.receive() {
                Some(ServerMessage::Value { leader, .. }) => {
                    return leader.is_some_and(|leader| leader.address == address);
                }
                Some(_) => {}
                None => return false,
            }
        }
    }

    /// Ends the connection with an RST, as the system of a killed process may.
    pub fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("an open socket");
    }
}
