//! Limits: who is over one is cut or refused, and nobody else notices.

use std::time::{Duration, Instant};

use bytes::Bytes;

use leaderserver::core::error::Refusal;
use leaderserver::core::wire::message::{ClientMessage, ServerMessage};

use super::raw::{Raw, eventually, name, start, timing};

#[test]
fn a_reader_that_does_not_read_is_cut_and_others_do_not_notice() {
    let server = start(|config| config.max_unread = 1024 * 1024);
    let times = timing(20_000, 1_000);
    let (mut leader, _) = Raw::open(&server, "leader", times);
    leader.join();
    let id = leader.granted();
    let component = name("dispatcher");
    let (mut slow, slow_welcome) = Raw::open(&server, "slow", times);
    slow.send(&ClientMessage::Watch { component: component.clone() });
    let (mut fast, _) = Raw::open(&server, "fast", times);
    fast.send(&ClientMessage::Watch { component });

    let slow_session = slow_welcome.session.expect("a session was opened").0;
    let is_connected = || {
        let status = server.status().expect("it runs");
        let sessions = &status.namespaces[0].sessions;
        sessions.iter().find(|s| s.session == slow_session.0).map(|s| s.connected)
    };
    let mut rounds = 0;
    while is_connected() == Some(true) {
        rounds += 1;
        assert!(rounds < 1_000, "the one that does not read is never cut");
        let address = Bytes::from(vec![rounds as u8; 200 * 1024]);
        leader.publish(id, address.clone());
        // The other gets each of them at once.
        loop {
            match fast.receive() {
                Some(ServerMessage::Value { leader: Some(value), .. })
                    if value.address == address =>
                {
                    break;
                }
                Some(_) => {}
                None => panic!("one that reads was cut"),
            }
        }
    }
    assert_eq!(is_connected(), Some(false), "its session lives on without it");
    assert!(leader.answers(1) && fast.answers(1));
    // What it missed is over: at some point the connection ends.
    while slow.receive().is_some() {}
}

/// Somebody who asks without end and never reads does not fill the server's memory.
#[test]
fn a_flood_of_questions_is_not_read_without_end() {
    let server = start(|config| config.max_unread = 64 * 1024);
    let (mut calm, _) = Raw::open(&server, "calm", timing(20_000, 1_000));
    let (mut flood, _) = Raw::open(&server, "flood", timing(20_000, 1_000));
    flood.stream.set_write_timeout(Some(Duration::from_secs(20))).expect("a patience is no error");
    let questions: Vec<u8> = (1..=1_000_u64)
        .flat_map(|request| {
            let message = ClientMessage::Status { request };
            leaderserver::core::wire::codec::encode_client(&message).expect("it fits").to_vec()
        })
        .collect();
    let mut rounds = 0;
    while std::io::Write::write_all(&mut flood.stream, &questions).is_ok() {
        rounds += 1;
        assert!(rounds < 1_000, "a flood is never cut");
        assert!(calm.answers(rounds), "others don't notice");
    }
}

#[test]
fn connections_over_the_limit_are_told_so() {
    let server = start(|config| config.max_connections = 2);
    let (first, _) = Raw::open(&server, "first", timing(10_000, 1_000));
    let (mut second, _) = Raw::open(&server, "second", timing(10_000, 1_000));
    let mut third = Raw::connect(&server);
    let hello = third.hello("third");
    third.send(&ClientMessage::Hello(Box::new(hello)));
    match third.receive() {
        Some(ServerMessage::Refused { code: Refusal::Limit, reason }) => {
            assert!(reason.contains("max-connections"), "{reason}");
        }
        other => panic!("not refused: {other:?}"),
    }
    assert_eq!(third.receive(), None);
    assert!(second.answers(1), "those inside don't notice");

    drop(first);
    eventually("there is room again", || {
        let mut again = Raw::connect(&server);
        let hello = again.hello("again");
        again.send(&ClientMessage::Hello(Box::new(hello)));
        matches!(again.receive(), Some(ServerMessage::Welcome(_)))
    });
}

#[test]
fn who_does_not_say_hello_is_not_waited_for() {
    let server = start(|_| {});
    let begin = Instant::now();
    let mut mute = Raw::connect(&server);
    let (mut other, _) = Raw::open(&server, "other", timing(20_000, 1_000));
    let refused = mute.receive();
    let took = begin.elapsed();
    assert!(
        matches!(&refused, Some(ServerMessage::Refused { reason, .. }) if reason.contains("hello")),
        "{refused:?}"
    );
    assert_eq!(mute.receive(), None);
    assert!(took >= Duration::from_secs(10), "after {took:?}");
    assert!(other.answers(1), "who said hello stays");
}
