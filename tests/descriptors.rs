//! A server that has no descriptor left goes on with the connections it has, and accepts again as
//! soon as there is one. On its own, for it takes the descriptors of the whole process.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use leaderserver::core::config::{ServerConfig, Timing};
use leaderserver::core::ids::{Epoch, Name};
use leaderserver::core::wire::codec::{decode_server, encode_client};
use leaderserver::core::wire::frame::FrameReader;
use leaderserver::core::wire::message::{ClientMessage, Hello, ServerMessage};
use leaderserver::server::LeaderServer;

const PATIENCE: Duration = Duration::from_secs(30);

fn exchange(stream: &mut TcpStream, message: &ClientMessage) -> ServerMessage {
    stream.set_read_timeout(Some(PATIENCE)).expect("a patience is no error");
    stream.write_all(&encode_client(message).expect("it fits")).expect("the server reads");
    let mut reader = FrameReader::for_answers();
    let mut piece = [0; 4096];
    loop {
        if let Some(frame) = reader.next_frame().expect("a frame") {
            return decode_server(frame).expect("a message");
        }
        let size = stream.read(&mut piece).expect("an answer comes");
        assert!(size > 0, "the server closed the connection");
        reader.buffer().extend_from_slice(&piece[..size]);
    }
}

fn hello() -> ClientMessage {
    let name = |text| Name::new("name", text).expect("a literal name is valid");
    ClientMessage::Hello(Box::new(Hello {
        min_version: 1,
        max_version: 1,
        namespace: Some(name("/test")),
        name: name("client"),
        timing: Timing::default(),
        resume: None,
        seen: None,
        highest_epoch: Epoch(0),
        addresses: None,
        leading: Vec::new(),
    }))
}

/// Lets the process have so many descriptors; answers how many it could have.
fn limit_descriptors(most: u64) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointers are to a limit that outlives the calls.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        let before = std::mem::replace(&mut limit.rlim_cur, most);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
        before
    }
}

#[test]
fn no_descriptor_left() {
    let listen = Some(("127.0.0.1".to_owned(), 0));
    let server = LeaderServer::start(ServerConfig { listen, ..Default::default() }, None)
        .expect("a free port is found");
    let address = server.local_addr().expect("it listens");
    let mut inside = TcpStream::connect(address).expect("it listens");
    assert!(matches!(exchange(&mut inside, &hello()), ServerMessage::Welcome(_)));

    // Made before, for there will be none to make.
    let waiting: Vec<Socket> = (0..5)
        .map(|_| Socket::new(Domain::for_address(address), Type::STREAM, None))
        .collect::<Result<_, _>>()
        .expect("a descriptor is left");
    let before = limit_descriptors(0);
    for socket in &waiting {
        // The system takes the connection in; the server can't accept it.
        socket.connect(&SockAddr::from(address)).expect("the backlog has room");
    }
    for sequence in 1..=3 {
        let answer = exchange(&mut inside, &ClientMessage::Heartbeat { sequence });
        assert_eq!(answer, ServerMessage::HeartbeatAck { sequence }, "who is inside stays");
    }
    limit_descriptors(before);

    for socket in waiting {
        let mut stream = TcpStream::from(socket);
        assert!(matches!(exchange(&mut stream, &hello()), ServerMessage::Welcome(_)));
    }
    let begin = Instant::now();
    server.stop();
    assert!(begin.elapsed() < PATIENCE);
}
