//! Starting and stopping, and connections within the process.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use leaderserver::core::config::ServerConfig;
use leaderserver::core::error::Error;
use leaderserver::core::wire::message::{ClientMessage, ServerMessage};
use leaderserver::server::{LeaderServer, LocalConnection};

use super::raw::{Raw, eventually, name, start, timing};

#[test]
fn stop_frees_the_port_while_clients_are_connected() {
    let server = start(|_| {});
    let port = server.local_port().expect("it listens");
    let clients: Vec<Raw> = (0..20)
        .map(|number| Raw::open(&server, &format!("client {number}"), timing(10_000, 1_000)).0)
        .collect();
    server.stop();
    assert!(server.is_stopped());
    let refused = TcpStream::connect(("127.0.0.1", port)).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    for mut client in clients {
        assert_eq!(client.receive(), None, "every connection is closed");
    }
    let again = start(|config| config.listen = Some(("127.0.0.1".to_owned(), port)));
    assert_eq!(again.local_port(), Some(port));
    again.stop();
}

#[test]
fn stop_may_be_called_again_and_by_many() {
    let server = start(|_| {});
    let (_client, _) = Raw::open(&server, "client", timing(10_000, 1_000));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                server.stop();
                assert!(server.is_stopped(), "stop returns when it is done");
            });
        }
    });
    server.stop();
    assert!(matches!(server.status(), Err(Error::Closed(_))));
    assert!(matches!(server.connect_local(), Err(Error::Closed(_))));
}

/// A client that doesn't read delays the stop by a moment only.
#[test]
fn stop_does_not_wait_for_who_does_not_read() {
    let server = start(|_| {});
    let times = timing(20_000, 1_000);
    let (mut leader, _) = Raw::open(&server, "leader", times);
    leader.join();
    let id = leader.granted();
    let (mut deaf, _) = Raw::open(&server, "deaf", times);
    deaf.send(&ClientMessage::Watch { component: name("dispatcher") });
    for round in 0..32_u8 {
        leader.publish(id, vec![round; 200 * 1024].into());
    }
    assert!(leader.answers(1));
    let begin = Instant::now();
    server.stop();
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(3), "took {took:?}");
}

#[test]
fn the_last_handle_stops_the_server() {
    let server = start(|_| {});
    let port = server.local_port().expect("it listens");
    let second = server.clone();
    drop(server);
    assert!(!second.is_stopped());
    drop(second);
    eventually("nobody listens", || TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port is found");
    let port = taken.local_addr().expect("it is bound").port();
    let config =
        ServerConfig { listen: Some(("127.0.0.1".to_owned(), port)), ..ServerConfig::default() };
    match LeaderServer::start(config, None) {
        Err(Error::AddressInUse { address, .. }) => {
            assert_eq!(address, format!("127.0.0.1:{port}"))
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_host_of_another_machine_is_named() {
    // TEST-NET-1: nobody has it.
    let config =
        ServerConfig { listen: Some(("192.0.2.1".to_owned(), 6130)), ..Default::default() };
    match LeaderServer::start(config, None) {
        Err(Error::AddressInUse { address, .. }) => assert_eq!(address, "192.0.2.1:6130"),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn both_families_of_addresses_are_served() {
    for host in ["::1", "::"] {
        let Ok(server) = LeaderServer::start(
            ServerConfig { listen: Some((host.to_owned(), 0)), ..Default::default() },
            None,
        ) else {
            // A machine without IPv6.
            continue;
        };
        let port = server.local_port().expect("it listens");
        let stream = TcpStream::connect(("::1", port)).expect("it listens");
        drop(stream);
        if host == "::" {
            // As IPv4 at both ends: nobody is in between.
            let (_raw, welcome) = Raw::open(&server, "four", timing(10_000, 1_000));
            assert!(welcome.direct, "{:?}", welcome.addresses);
        }
        server.stop();
    }
}

#[test]
fn within_the_process_no_listener_is_needed() {
    let server = LeaderServer::start(ServerConfig::default(), None).expect("nothing is bound");
    assert_eq!((server.local_addr(), server.local_port()), (None, None));
    let LocalConnection { to_server, mut from_server } = server.connect_local().expect("it runs");
    let other = start(|_| {});
    let mut hello = Raw::connect(&other).hello("local");
    hello.addresses = None;
    to_server.send(ClientMessage::Hello(Box::new(hello))).expect("it runs");
    let welcome = from_server.blocking_recv();
    assert!(matches!(welcome, Some(ServerMessage::Welcome(_))), "{welcome:?}");
    assert_eq!(server.status().expect("it runs").connections, 1);

    drop(to_server);
    eventually("its end is noticed", || server.status().expect("it runs").connections == 0);
    assert_eq!(from_server.blocking_recv(), None);

    let second = server.connect_local().expect("it runs");
    server.stop();
    assert!(second.to_server.is_closed());
    assert!(second.to_server.send(ClientMessage::SyncEnd).is_err());
    let mut from_server = second.from_server;
    assert_eq!(from_server.blocking_recv(), None);
}
