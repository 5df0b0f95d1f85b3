//! How a connection ends decides how long its session is waited for (R1).

use std::net::Shutdown;
use std::time::{Duration, Instant};

use leaderserver::core::wire::message::ClientMessage;
use leaderserver::server::LeaderServer;

use super::raw::{Raw, start, timing};

const TIMEOUT: Duration = Duration::from_millis(2_000);
const GRACE: Duration = Duration::from_millis(200);

/// The leader's connection ends in the way of `end`; how long until the other leads.
fn takeover(direct: bool, end: impl FnOnce(Raw, &LeaderServer) -> Option<Raw>) -> Duration {
    let server = start(|_| {});
    let timing = timing(TIMEOUT.as_millis() as u64, GRACE.as_millis() as u64);
    let mut leader = Raw::connect(&server);
    let mut hello = leader.hello("leader");
    hello.timing = timing;
    if !direct {
        // What a client behind an address translation sees.
        hello.addresses.as_mut().expect("it has addresses").local = "10.1.2.3:4567".to_owned();
    }
    assert_eq!(leader.say_hello(hello).direct, direct);
    leader.join();
    let first = leader.granted();

    // It heartbeats, so that only the leader can be found silent.
    let (mut other, _) = Raw::open(&server, "other", timing);
    other.join();
    assert!(other.answers(1));
    let begin = Instant::now();
    let kept = end(leader, &server);
    let beat = other.stream.try_clone().expect("a descriptor is left");
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let heart = std::thread::spawn(move || {
        let frame = leaderserver::core::wire::codec::encode_client(&ClientMessage::Heartbeat {
            sequence: 2,
        });
        let frame = frame.expect("it fits");
        while stopped.recv_timeout(TIMEOUT / 8).is_err() {
            std::io::Write::write_all(&mut &beat, &frame).expect("the server reads");
        }
    });
    let second = other.granted();
    let took = begin.elapsed();
    stop.send(()).expect("the heart beats");
    heart.join().expect("the heart beats");
    assert!(second.epoch > first.epoch);
    drop(kept);
    took
}

fn assert_after_grace(took: Duration) {
    assert!(took >= GRACE, "granted {took:?} after, before the grace was over");
    assert!(took < TIMEOUT - Duration::from_millis(300), "granted only {took:?} after");
}

fn assert_after_timeout(took: Duration) {
    // The last renewal came a moment before.
    assert!(took >= TIMEOUT - Duration::from_millis(100), "granted {took:?} after, too early");
}

#[test]
fn a_fin_is_followed_by_the_grace() {
    assert_after_grace(takeover(true, |leader, _| {
        drop(leader);
        None
    }));
}

#[test]
fn half_a_fin_is_followed_by_the_grace() {
    assert_after_grace(takeover(true, |leader, _| {
        leader.stream.shutdown(Shutdown::Write).expect("an open socket");
        Some(leader)
    }));
}

#[test]
fn an_rst_is_followed_by_the_grace() {
    assert_after_grace(takeover(true, |leader, _| {
        leader.reset();
        None
    }));
}

/// The RST reaches the server while it writes: whichever call hears of it first.
#[test]
fn an_rst_that_a_write_hears_of_is_followed_by_the_grace() {
    assert_after_grace(takeover(true, |mut leader, server| {
        // Answers that the leader never reads; its end is then an RST.
        for request in 1..2_000 {
            leader.send(&ClientMessage::Status { request });
        }
        drop(leader);
        assert!(server.status().is_ok());
        None
    }));
}

#[test]
fn a_half_frame_and_a_fin_are_followed_by_the_grace() {
    assert_after_grace(takeover(true, |mut leader, _| {
        leader.send_bytes(&[0, 0, 0, 100, 1, 2, 3]);
        None
    }));
}

#[test]
fn silence_is_followed_by_the_whole_time_out() {
    assert_after_timeout(takeover(true, |leader, _| Some(leader)));
}

#[test]
fn a_bad_frame_is_followed_by_the_whole_time_out() {
    assert_after_timeout(takeover(true, |mut leader, _| {
        leader.send_bytes(&[0, 0, 0, 1, 0xff]);
        None
    }));
}

#[test]
fn a_fin_over_an_address_translation_is_followed_by_the_whole_time_out() {
    assert_after_timeout(takeover(false, |leader, _| {
        drop(leader);
        None
    }));
}

#[test]
fn a_goodbye_is_followed_by_nothing() {
    let took = takeover(true, |mut leader, _| {
        leader.send(&ClientMessage::Goodbye);
        Some(leader)
    });
    assert!(took < GRACE, "granted only {took:?} after");
}

/// What was said before the end is heard before it, also where the end is an RST.
#[test]
fn a_goodbye_before_an_rst_is_heard() {
    let took = takeover(true, |mut leader, _| {
        leader.send(&ClientMessage::Goodbye);
        leader.stream.set_nodelay(true).expect("an open socket");
        // The server answers a goodbye with its own end.
        while leader.receive().is_some() {}
        leader.reset();
        None
    });
    assert!(took < GRACE, "granted only {took:?} after");
}

/// A connection that was superseded means nothing any more: neither what it says nor its end (R6).
#[test]
fn a_superseded_connection_ends_without_a_word() {
    let server = start(|_| {});
    let (mut first, welcome) = Raw::open(&server, "me", timing(10_000, 200));
    first.join();
    let id = first.granted();

    let mut second = Raw::connect(&server);
    let mut hello = second.hello("me");
    let (session, token) = welcome.session.expect("a session was opened");
    hello.timing = timing(10_000, 200);
    hello.seen = Some((welcome.incarnation, welcome.revision));
    hello.resume = Some(leaderserver::core::wire::message::Resume { session, token, attempt: 1 });
    let resumed = second.say_hello(hello);
    assert!(resumed.resumed);
    assert_eq!(resumed.leading.first().map(|leading| leading.id), Some(id));

    // The server has closed the first; a late word on it is thrown away.
    while first.receive().is_some() {}
    let _ = std::io::Write::write_all(
        &mut first.stream,
        &leaderserver::core::wire::codec::encode_client(&ClientMessage::Goodbye).expect("it fits"),
    );
    drop(first);
    assert!(second.answers(1));
    let status = server.status().expect("it runs");
    assert_eq!(status.namespaces[0].elections[0].epoch, id.epoch.0, "it still leads");
}
