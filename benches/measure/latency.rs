//! The floor, uncontended grant, hand-over, and retrieval.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use leaderserver::core::config::Timing;

use crate::Effort;
use crate::peers::{Peer, close, confirm};
use crate::report::Report;
use crate::server::ServerProcess;

/// About the size of a grant.
const MESSAGE: usize = 48;

/// A round trip over loopback between two threads that do nothing else.
pub fn floor(report: &mut Report, effort: Effort) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let echo = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut message = [0; MESSAGE];
        while stream.read_exact(&mut message).is_ok() {
            stream.write_all(&message).unwrap();
        }
    });
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut message = [0; MESSAGE];
    let mut samples = rounds(effort.rounds(5_000, 1_000), |_| {
        let started = Instant::now();
        stream.write_all(&message).unwrap();
        stream.read_exact(&mut message).unwrap();
        started.elapsed()
    });
    report.percentiles("TCP round trip over loopback", &mut samples, None);
    drop(stream);
    echo.join().unwrap();
}

fn rounds(count: usize, mut round: impl FnMut(usize) -> Duration) -> Vec<Duration> {
    // The first ones warm caches and allocators up.
    let warm_up = count / 10;
    (0..warm_up + count).map(&mut round).skip(warm_up).collect()
}

/// From `register`, or from the other one's `close`, until the grant comes out of `poll`.
pub fn grant_and_hand_over(report: &mut Report, effort: Effort) {
    let server = ServerProcess::start();
    let count = effort.rounds(3_000, 500);
    let a = Peer::connect(&server.endpoint(), "a", Timing::default());
    let b = Peer::connect(&server.endpoint(), "b", Timing::default());

    let mut samples = rounds(count, |_| {
        let started = Instant::now();
        let contender = a.stand("dispatcher");
        a.granted(&contender);
        let took = started.elapsed();
        close(&contender);
        a.settle();
        took
    });
    report.percentiles("uncontended grant", &mut samples, Some(0.1));

    let mut samples = hand_overs(count, &a, &b);
    report.percentiles("hand-over", &mut samples, Some(0.1));

    let mut samples = rounds(count / 4, |_| first_grant(&server));
    report.percentiles("first grant, connection and session included", &mut samples, None);

    let mut samples = retrievals(count, &a, &b);
    report.percentiles("confirmed to told at a retriever", &mut samples, None);
}

/// The two lead in turn, each with one contender waiting while the other leads.
fn hand_overs(count: usize, a: &Peer, b: &Peer) -> Vec<Duration> {
    let mut leader = a.stand("dispatcher");
    a.granted(&leader);
    let samples = rounds(count, |round| {
        let peer = if round % 2 == 0 { b } else { a };
        let next = peer.stand("dispatcher");
        peer.settle();
        let started = Instant::now();
        close(&leader);
        peer.granted(&next);
        let took = started.elapsed();
        leader = next;
        took
    });
    close(&leader);
    samples
}

fn first_grant(server: &ServerProcess) -> Duration {
    let started = Instant::now();
    let peer = Peer::open(&server.endpoint(), "first", Timing::default());
    let contender = peer.stand("dispatcher");
    peer.granted(&contender);
    let took = started.elapsed();
    close(&contender);
    peer.settle();
    took
}

/// From `confirm` until the value comes out of another client's `poll`.
fn retrievals(count: usize, leader: &Peer, watcher: &Peer) -> Vec<Duration> {
    let keeper = leader.stand("keeper");
    leader.granted(&keeper);
    let watch = watcher.client.watch("dispatcher", 1).unwrap();
    let told = |expected: bool| {
        while watch.take().is_none_or(|value| value.is_some() != expected) {
            watcher.client.poll(&mut [0; 4], Duration::from_secs(1));
        }
    };
    told(false);
    rounds(count, |_| {
        let contender = leader.stand("dispatcher");
        let id = leader.granted(&contender);
        let started = Instant::now();
        confirm(&contender, id, "akka.tcp://flink@host:6123/user/rpc/dispatcher_0");
        told(true);
        let took = started.elapsed();
        close(&contender);
        told(false);
        took
    })
}
