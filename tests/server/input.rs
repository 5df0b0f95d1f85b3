//! Bad input (P10): each gets a reason and a closed connection, and nobody else notices.

use std::io::Write;
use std::net::Shutdown;

use leaderserver::core::error::Refusal;
use leaderserver::core::wire::message::{ClientMessage, ServerMessage};
use leaderserver::core::wire::{MAX_FIRST_FRAME, MAX_FRAME};

use super::raw::{Raw, eventually, name, start, timing};

/// Sends bytes that are no Hello, and answers with which words the connection is closed.
fn refusal_of(bytes: &[u8]) -> (Refusal, String) {
    let server = start(|_| {});
    let (mut other, _) = Raw::open(&server, "other", timing(10_000, 1_000));
    let mut raw = Raw::connect(&server);
    raw.send_bytes(bytes);
    let refused = match raw.receive() {
        Some(ServerMessage::Refused { code, reason }) => (code, reason),
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(raw.receive(), None, "a refused connection is closed");
    assert!(other.answers(1), "others don't notice");
    refused
}

fn framed(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_be_bytes()[..], content].concat()
}

#[test]
fn http_is_told_apart() {
    let (code, reason) = refusal_of(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n");
    assert_eq!(code, Refusal::Protocol);
    assert!(reason.contains("HTTP"), "{reason}");
}

#[test]
fn tls_to_a_server_without_is_told_apart() {
    let (code, reason) = refusal_of(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc]);
    assert_eq!(code, Refusal::Protocol);
    assert!(reason.contains("TLS"), "{reason}");
}

#[test]
fn garbage_is_refused() {
    let (code, reason) = refusal_of(&framed(b"\xff\xff\xff\xff"));
    assert_eq!(code, Refusal::Protocol);
    assert!(reason.contains("no message"), "{reason}");
}

#[test]
fn an_empty_frame_is_refused() {
    assert_eq!(refusal_of(&framed(b"")).0, Refusal::Protocol);
}

#[test]
fn a_first_frame_over_its_limit_is_refused_at_its_length() {
    let (code, reason) = refusal_of(&(MAX_FIRST_FRAME as u32 + 1).to_be_bytes());
    assert_eq!(code, Refusal::Protocol);
    assert!(reason.contains("65536"), "{reason}");
}

#[test]
fn a_later_frame_over_the_limit_is_refused_at_its_length() {
    let server = start(|_| {});
    let (mut raw, _) = Raw::open(&server, "me", timing(10_000, 1_000));
    raw.send_bytes(&(MAX_FRAME as u32 + 1).to_be_bytes());
    let refused = raw.receive();
    let limit = MAX_FRAME.to_string();
    assert!(
        matches!(&refused, Some(ServerMessage::Refused { reason, .. }) if reason.contains(&limit)),
        "{refused:?}"
    );
    assert_eq!(raw.receive(), None);
}

#[test]
fn a_frame_of_a_mebibyte_is_taken() {
    let server = start(|_| {});
    let (mut raw, _) = Raw::open(&server, "me", timing(10_000, 1_000));
    // A heartbeat, after a field of a later version that fills the frame.
    let heartbeat = [0x12, 0x02, 0x08, 0x2a];
    let filler = MAX_FRAME - heartbeat.len() - 5;
    let mut content = vec![0xfa, 0x01];
    let mut length = filler;
    while length >= 0x80 {
        content.push(length as u8 | 0x80);
        length >>= 7;
    }
    content.push(length as u8);
    content.extend(std::iter::repeat_n(7, filler));
    content.extend(heartbeat);
    assert_eq!(content.len(), MAX_FRAME);
    raw.send_bytes(&framed(&content));
    assert_eq!(raw.receive(), Some(ServerMessage::HeartbeatAck { sequence: 42 }));
}

#[test]
fn a_truncated_frame_does_nothing() {
    let server = start(|_| {});
    let mut raw = Raw::connect(&server);
    raw.stream.write_all(&[0, 0, 1, 0, 0x0a]).expect("the server reads");
    raw.stream.shutdown(Shutdown::Write).expect("an open socket");
    assert_eq!(raw.receive(), None, "the server closes its end, too");
    eventually("the connection is forgotten", || {
        server.status().expect("it runs").connections == 0
    });
}

#[test]
fn the_first_frame_must_be_hello() {
    let server = start(|_| {});
    let mut raw = Raw::connect(&server);
    raw.send(&ClientMessage::Heartbeat { sequence: 1 });
    let refused = raw.receive();
    assert!(
        matches!(&refused, Some(ServerMessage::Refused { code: Refusal::Protocol, .. })),
        "{refused:?}"
    );
    assert_eq!(raw.receive(), None);
}

#[test]
fn an_unknown_version_is_refused_with_both_ranges() {
    let server = start(|_| {});
    let mut raw = Raw::connect(&server);
    let mut hello = raw.hello("from the future");
    hello.min_version = 1000;
    hello.max_version = 1001;
    raw.send(&ClientMessage::Hello(Box::new(hello)));
    match raw.receive() {
        Some(ServerMessage::Refused { code: Refusal::Version, reason }) => {
            assert!(reason.contains("1000 to 1001"), "{reason}");
        }
        other => panic!("not refused: {other:?}"),
    }
    assert_eq!(raw.receive(), None);
}

#[test]
fn a_wrong_namespace_is_refused_with_the_key() {
    let server = start(|config| config.namespace = Some(name("/here")));
    let mut raw = Raw::connect(&server);
    let mut hello = raw.hello("lost");
    hello.namespace = Some(name("/elsewhere"));
    raw.send(&ClientMessage::Hello(Box::new(hello)));
    match raw.receive() {
        Some(ServerMessage::Refused { code: Refusal::Namespace, reason }) => {
            assert!(reason.contains("high-availability.cluster-id"), "{reason}");
            assert!(reason.contains("/here") && reason.contains("/elsewhere"), "{reason}");
        }
        other => panic!("not refused: {other:?}"),
    }
    assert_eq!(raw.receive(), None);
}
