//! What a name service and a client say of themselves.

use leaderserver::core::ids::Name;

use crate::engine::Engine;
use crate::process::{PATIENCE, Process, eventually};

/// Elections with candidates in line, components with leaders and watchers, sessions.
pub fn status_tells_what_there_is(engine: &dyn Engine) {
    let a = Process::start(&engine.endpoint(), "a");
    let b = Process::start(&engine.endpoint(), "b");
    let id = a.stand("dispatcher");
    let granted = id.lead("akka://a");
    let _waiting = b.stand("dispatcher");
    let watching = b.watch("dispatcher");
    watching.until("akka://a");
    let status = b.client.status(PATIENCE).unwrap();
    assert_eq!(status.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(status.incarnation.len(), 32);
    assert_eq!(status.durable, engine.is_durable());

    let [namespace] = &status.namespaces[..] else { panic!("{:?}", status.namespaces) };
    assert_eq!((&namespace.namespace[..], &namespace.mode[..]), ("suite", "per-process"));
    let [election] = &namespace.elections[..] else { panic!("{:?}", namespace.elections) };
    assert_eq!((&election.election[..], election.epoch), ("process", granted.epoch.0));
    let line: Vec<_> = election.candidates.iter().map(|c| (&c.name[..], c.leader)).collect();
    assert_eq!(line, [("a", true), ("b", false)]);
    assert_eq!(election.leader_session, election.candidates[0].session);

    let [component] = &namespace.components[..] else { panic!("{:?}", namespace.components) };
    assert_eq!(component.component, "dispatcher");
    assert_eq!(component.election, "process");
    assert_eq!(component.leader_session_id, granted.to_string());
    assert_eq!((&component.address[..], component.watchers), ("akka://a", 1));

    let names: Vec<_> = namespace.sessions.iter().map(|session| &session.name[..]).collect();
    assert_eq!(names, ["a", "b"]);
    for session in &namespace.sessions {
        assert!(session.connected && session.direct);
        assert_eq!(session.in_process, engine.endpoint().starts_with("embedded:"));
        assert_eq!(session.peer_address.is_empty(), session.in_process);
    }
    drop(watching);
    eventually("nobody watches any more", || {
        let status = b.client.status(PATIENCE).unwrap();
        status.namespaces[0].components[0].watchers == 0
    });
}

/// The client's own view; and its session ends when nothing is wanted of it any more.
pub fn state_tells_where_the_client_stands(engine: &dyn Engine) {
    let process = Process::start(&engine.endpoint(), "process");
    let state = process.client.state().unwrap();
    assert_eq!((state.connected, state.session), (false, 0), "nothing is wanted yet");
    assert_eq!(state.endpoint, engine.endpoint());
    let standing = process.stand("dispatcher");
    let id = standing.granted();
    let state = process.client.state().unwrap();
    assert!(state.connected && state.session > 0);
    assert_eq!((state.contenders, state.watches), (1, 0));
    let [election] = &state.elections[..] else { panic!("{:?}", state.elections) };
    assert_eq!((&election.election[..], election.epoch), ("process", id.epoch.0));
    standing.close();
    eventually("the session has ended", || {
        process.client.state().is_some_and(|state| !state.connected && state.session == 0)
    });

    let other = Process::start_with(&engine.endpoint(), "other", |config| {
        config.namespace = Some(Name::new("namespace", "another").unwrap());
    });
    eventually("the namespace is forgotten with its last session", || {
        let status = other.client.status(PATIENCE).unwrap();
        status.namespaces.iter().all(|namespace| namespace.namespace != "suite")
    });
}
