//! A client that moves to a server of its own process, as in a JobManager.

use leaderserver::client::LeaderClient;
use leaderserver::core::config::{ClientConfig, ServerConfig};
use leaderserver::core::ids::Name;
use leaderserver::server::LeaderServer;

use crate::engine::{Engine, Remote};
use crate::process::{PATIENCE, Process};

fn unbound(name: &str) -> Process {
    let config = ClientConfig {
        namespace: Some(Name::new("namespace", "suite").unwrap()),
        name: Name::new("name", name).unwrap(),
        ..ClientConfig::default()
    };
    Process::of(LeaderClient::open(config, None).unwrap())
}

/// MiniCluster asks for retrievers before there is a server: they move to it when there is.
#[test]
fn retrievers_from_before_the_server_are_served_by_it() {
    let process = unbound("process");
    let watching = process.watch("dispatcher");
    let standing = process.stand("dispatcher");
    assert!(!process.client.state().unwrap().connected);
    let server = LeaderServer::start(ServerConfig::default(), None).unwrap();
    process.client.attach(&server).unwrap();
    // In one's own process nobody waits for an earlier server's clients (R12).
    let id = standing.lead("address");
    assert_eq!(watching.until("address").id, id);
    server.stop();
}

/// To contenders and retrievers another name service is a new incarnation.
#[test]
fn a_client_moves_to_the_server_and_back() {
    let remote = Remote::start();
    let process = Process::start(&remote.endpoint(), "process");
    let other = Process::start(&remote.endpoint(), "other");
    let watching = process.watch("dispatcher");
    let standing = process.stand("dispatcher");
    standing.lead("remote");
    watching.until("remote");
    let waiting = other.stand("dispatcher");

    let server = LeaderServer::start(ServerConfig::default(), None).unwrap();
    process.client.attach(&server).unwrap();
    assert!(standing.revoked().contains("another name service"));
    standing.lead("local");
    watching.until("local");
    // It said goodbye to the former one.
    waiting.lead("other");

    process.client.detach().unwrap();
    standing.revoked();
    watching.expect_another_incarnation();
    watching.until("other");
    waiting.close();
    standing.granted();
    server.stop();
}

/// Contenders on a server of their own process are spared the stall time-out (P9).
#[test]
fn a_private_server_spares_the_stall() {
    use std::time::Duration;

    let config = ClientConfig {
        namespace: Some(Name::new("namespace", "suite").unwrap()),
        stall_timeout: Some(Duration::from_millis(100)),
        stall_exempt: true,
        ..ClientConfig::default()
    };
    let process = Process::of(LeaderClient::open(config, None).unwrap());
    let server = LeaderServer::start(ServerConfig::default(), None).unwrap();
    process.client.attach(&server).unwrap();
    let standing = process.stand("dispatcher");
    let id = standing.granted();
    let clock = Process::start_with("embedded:", "clock", |config| {
        config.stall_timeout = Some(Duration::from_millis(300));
    });
    process.pause();
    // Somebody who is not spared stalls three times as long meanwhile.
    let stalling = clock.stand("dispatcher");
    let other = stalling.granted();
    clock.pause();
    crate::process::eventually("the other has stalled", || !stalling.has(other));
    assert!(standing.has(id));
    process.go_on();
    clock.go_on();
    process.client.status(PATIENCE).unwrap();
    assert_eq!(standing.told(), None);
    server.stop();
}
