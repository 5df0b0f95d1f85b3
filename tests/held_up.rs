//! A client whose own threads stand still, as those of a process that is stopped or starved: in a
//! process of its own, for all clients of a process share them.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use bytes::Bytes;

use leaderserver::client::{LeaderClient, Polled};
use leaderserver::core::config::{ClientConfig, Endpoint, ServerConfig};
use leaderserver::core::contenders::Callback;
use leaderserver::core::error::Error;
use leaderserver::core::ids::Name;
use leaderserver::core::store::StoreError;
use leaderserver::runtime;
use leaderserver::server::LeaderServer;

const PATIENCE: Duration = Duration::from_secs(40);

fn open(server: &LeaderServer) -> LeaderClient {
    let port = server.local_port().expect("it listens");
    let config = ClientConfig {
        endpoint: Some(Endpoint::LeaderServer { host: "127.0.0.1".to_owned(), port }),
        namespace: Some(Name::new("namespace", "held-up").expect("a name")),
        ..ClientConfig::default()
    };
    LeaderClient::open(config, None).expect("the configuration is right")
}

/// R16: found by rounds of `tests/shells` on a machine with twenty times too much to do. A write
/// that was applied was answered as "the client is closed", which says that it had no effect, where
/// the client's task had stood still for longer than the time-out.
#[test]
fn a_write_that_the_client_itself_delays_is_of_unknown_outcome() {
    let config = ServerConfig {
        listen: Some(("127.0.0.1".to_owned(), 0)),
        cold: true,
        ..ServerConfig::default()
    };
    let server = LeaderServer::start(config, None).expect("a port is free");
    let client = open(&server);
    let contender = client.register("dispatcher", 1).expect("nobody else stands");
    while client.poll(&mut [0], PATIENCE) == Polled::Ready(0) {}
    assert!(matches!(contender.take(), Some(Callback::Grant(_))));
    contender.done();
    let store = contender.store().expect("it was granted");

    // All of the library's threads, which is one unless somebody asks for more.
    let (go_on, held) = channel::<()>();
    let (standing, stands) = channel();
    runtime::handle().spawn(async move {
        standing.send(()).expect("the test waits");
        let _ = held.recv();
    });
    stands.recv().expect("it runs");
    let timeout = Duration::from_millis(100);
    let writing = thread::spawn(move || store.create("key", Bytes::from_static(b"value"), timeout));
    let written = writing.join().expect("it does not panic");
    let unknown = |error: &Error| matches!(error, Error::Store(StoreError::UnknownOutcome(_)));
    assert!(written.as_ref().is_err_and(unknown), "{written:?}");
    let read = client.store("dispatcher", &[]).expect("a name").get("key", timeout);
    assert!(matches!(read, Err(Error::Unreachable { .. })), "{read:?}");
    drop(go_on);

    // From then on all goes on, and what is asked after a close is of a closed client.
    client.status(PATIENCE).expect("the server answers");
    client.close(PATIENCE);
    let store = contender.store();
    assert!(store.is_none(), "a closed client leads nothing");
    let closed = client.write(Vec::new(), Vec::new(), timeout);
    assert!(closed.is_err());
    server.stop();
}
