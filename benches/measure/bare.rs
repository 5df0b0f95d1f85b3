//! The floor under the idle measurement: one thread on one epoll that answers the same messages and
//! does nothing else.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use leaderserver::core::config::Timing;
use leaderserver::core::ids::{Incarnation, Revision, SessionId, SessionToken};
use leaderserver::core::wire::MAX_VERSION;
use leaderserver::core::wire::codec::{decode_client, encode_server};
use leaderserver::core::wire::frame::FrameReader;
use leaderserver::core::wire::message::{ClientMessage, ServerMessage, Welcome};

/// `--as-bare-server`: until killed.
pub fn run() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("listening on {}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    // SAFETY: only numbers.
    let epoll = unsafe { libc::epoll_create1(0) };
    add(epoll, listener.as_raw_fd(), u64::MAX);
    let mut connections: Vec<(TcpStream, FrameReader)> = Vec::new();
    loop {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 256];
        // SAFETY: the events are valid for writing their number.
        let found = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), 256, -1) };
        for event in &events[..found.max(0) as usize] {
            match event.u64 {
                u64::MAX => {
                    while let Ok((stream, _)) = listener.accept() {
                        stream.set_nodelay(true).unwrap();
                        stream.set_nonblocking(true).unwrap();
                        add(epoll, stream.as_raw_fd(), connections.len() as u64);
                        connections.push((stream, FrameReader::default()));
                    }
                }
                number => answer(&mut connections[number as usize]),
            }
        }
    }
}

fn add(epoll: i32, descriptor: i32, number: u64) {
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: number };
    // SAFETY: both descriptors are open, the event is valid.
    let added = unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, descriptor, &mut event) };
    assert_eq!(added, 0);
}

fn answer((stream, frames): &mut (TcpStream, FrameReader)) {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(read) => frames.buffer().extend_from_slice(&buffer[..read]),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => panic!("{error}"),
    }
    while let Some(frame) = frames.next_frame().unwrap() {
        let answer = match decode_client(frame).unwrap() {
            ClientMessage::Hello(_) => ServerMessage::Welcome(Box::new(welcome())),
            ClientMessage::Heartbeat { sequence } => ServerMessage::HeartbeatAck { sequence },
            _ => continue,
        };
        stream.write_all(&encode_server(&answer).unwrap()).unwrap();
    }
}

fn welcome() -> Welcome {
    Welcome {
        version: MAX_VERSION,
        incarnation: Incarnation(1),
        session: Some((SessionId(1), SessionToken(1))),
        resumed: false,
        timing: Timing::default(),
        direct: true,
        revision: Revision(0),
        namespace: None,
        leading: Vec::new(),
        superseded: Vec::new(),
        addresses: None,
    }
}
