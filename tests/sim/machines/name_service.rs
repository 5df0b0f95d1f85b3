//! [`NameService`] alone.

use std::collections::BTreeSet;

use bytes::Bytes;
use leaderserver::core::config::{Mode, ServerConfig, Timing};
use leaderserver::core::error::{Error, Refusal};
use leaderserver::core::ids::{
    Candidacy, ConnectionId, Epoch, Incarnation, Name, Revision, SessionToken,
};
use leaderserver::core::name_service::{ConnectionEnd, NameService, Output, Peer};
use leaderserver::core::session::{Answer, RequestKind};
use leaderserver::core::time::Moment;
use leaderserver::core::wire::message::{
    Addresses, ClientMessage, Hello, Resume, ServerMessage, Welcome,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::clock::ms;
use crate::net::Route;
use crate::world::{Setup, World, name};
/// A name service, spoken to without a network.
struct Desk {
    service: NameService,
    now: Moment,
}

impl Desk {
    fn new(config: ServerConfig) -> Self {
        let now = Moment::from_nanos(1_000_000_000_000);
        let service = NameService::new(&config, [7; 32], Epoch(100), now);
        Desk { service, now }
    }

    fn cold() -> Self {
        Desk::new(ServerConfig { cold: true, ..ServerConfig::default() })
    }

    fn connect(&mut self, conn: u64) {
        let addresses = Addresses { local: "s:1".to_owned(), peer: format!("c:{conn}") };
        self.service.handle_connected(self.now, ConnectionId(conn), Peer::Remote(addresses));
    }

    fn hears(&mut self, conn: u64, message: ClientMessage) -> Vec<(u64, ServerMessage)> {
        self.service.handle_message(self.now, ConnectionId(conn), message);
        self.said()
    }

    fn said(&mut self) -> Vec<(u64, ServerMessage)> {
        let mut said = Vec::new();
        while let Some(output) = self.service.poll_output() {
            match output {
                Output::Send { to, message } => said.push((to.0, message)),
                Output::Broadcast { to, message } => {
                    said.extend(to.into_iter().map(|to| (to.0, message.clone())));
                }
                _ => {}
            }
        }
        said
    }

    /// Opens a connection with this hello; answers the welcome.
    fn welcome(&mut self, conn: u64, hello: Hello) -> Welcome {
        self.connect(conn);
        let said = self.hears(conn, ClientMessage::Hello(Box::new(hello)));
        match &said[..] {
            [(to, ServerMessage::Welcome(welcome)), ..] if *to == conn => (**welcome).clone(),
            other => panic!("no welcome: {other:?}"),
        }
    }

    /// Opens a connection with this hello; answers why it was refused.
    fn refusal(&mut self, conn: u64, hello: Hello) -> (Refusal, String) {
        self.connect(conn);
        let said = self.hears(conn, ClientMessage::Hello(Box::new(hello)));
        match &said[..] {
            [(to, ServerMessage::Refused { code, reason })] if *to == conn => {
                (*code, reason.clone())
            }
            other => panic!("no refusal: {other:?}"),
        }
    }
}

fn hello() -> Hello {
    Hello {
        min_version: 1,
        max_version: 1,
        namespace: Some(name("/flink")),
        name: name("c"),
        timing: Timing::default(),
        resume: None,
        seen: None,
        highest_epoch: Epoch(0),
        addresses: None,
        leading: Vec::new(),
    }
}

fn resuming(welcome: &Welcome, attempt: u64) -> Hello {
    let (session, token) = welcome.session.expect("it has a session");
    Hello {
        resume: Some(Resume { session, token, attempt }),
        seen: Some((welcome.incarnation, welcome.revision)),
        ..hello()
    }
}

fn join(candidacy: u64) -> ClientMessage {
    let election = name("process");
    ClientMessage::Join { election, mode: Mode::PerProcess, candidacy: Candidacy(candidacy) }
}

fn granted(said: &[(u64, ServerMessage)]) -> Vec<(u64, Epoch)> {
    let grants = said.iter().filter_map(|(to, message)| match message {
        ServerMessage::Granted { id, .. } => Some((*to, id.epoch)),
        _ => None,
    });
    grants.collect()
}

#[test]
fn who_does_not_fit_is_refused_with_a_reason() {
    let mut desk = Desk::new(ServerConfig {
        namespace: Some(name("/flink")),
        cold: true,
        ..ServerConfig::default()
    });
    let (code, reason) = desk.refusal(1, Hello { min_version: 2, max_version: 3, ..hello() });
    assert_eq!(code, Refusal::Version);
    assert!(reason.contains("versions 2 to 3"), "{reason}");
    let (code, reason) = desk.refusal(2, Hello { namespace: Some(name("/x")), ..hello() });
    assert_eq!(code, Refusal::Namespace);
    assert!(reason.contains("'/x'") && reason.contains("cluster-id"), "{reason}");
    let timing = Timing { session_timeout: ms(1000), disconnect_grace: ms(501) };
    let (code, reason) = desk.refusal(3, Hello { timing, ..hello() });
    assert_eq!(code, Refusal::Timing);
    assert!(reason.contains("disconnect-grace"), "{reason}");
    let (code, _) = desk.refusal(4, Hello { highest_epoch: Epoch(u64::MAX), ..hello() });
    assert_eq!(code, Refusal::Protocol);
    desk.connect(5);
    let said = desk.hears(5, ClientMessage::SyncEnd);
    assert!(matches!(said[..], [(5, ServerMessage::Refused { code: Refusal::Protocol, .. })]));
    assert!(desk.hears(5, ClientMessage::Hello(Box::new(hello()))).is_empty(), "it is over");
}

/// R6: only a greater attempt is taken, and from then on the older connection is not heard.
#[test]
fn an_older_attempt_is_refused_and_an_older_connection_not_heard() {
    let mut desk = Desk::cold();
    let welcome = desk.welcome(1, hello());
    desk.hears(1, join(1));
    let second = desk.welcome(2, resuming(&welcome, 2));
    assert!(second.resumed);
    let (code, _) = desk.refusal(3, resuming(&welcome, 1));
    assert_eq!(code, Refusal::StaleAttempt);
    let (code, _) = desk.refusal(4, resuming(&welcome, 2));
    assert_eq!(code, Refusal::StaleAttempt);
    // Unread input of the older one.
    assert!(desk.hears(1, ClientMessage::Leave { election: name("process") }).is_empty());
    desk.service.handle_disconnected(desk.now, ConnectionId(1), ConnectionEnd::Peer);
    desk.now = desk.now + ms(5000);
    desk.service.handle_timeout(desk.now);
    assert_eq!(desk.service.status(desk.now, None).namespaces[0].elections[0].candidates.len(), 1);
}

/// A token that is not the session's own, and a session of another incarnation.
#[test]
fn somebody_elses_session_is_not_resumed() {
    let mut desk = Desk::cold();
    let welcome = desk.welcome(1, hello());
    let mut forged = resuming(&welcome, 1);
    forged.resume.as_mut().expect("it resumes").token = SessionToken(1);
    assert_eq!(desk.refusal(2, forged).0, Refusal::Token);
    let mut elsewhere = resuming(&welcome, 1);
    elsewhere.namespace = Some(name("/other"));
    assert_eq!(desk.refusal(3, elsewhere).0, Refusal::Token);
    let mut of_another = resuming(&welcome, 1);
    of_another.seen = Some((Incarnation(1), Revision(0)));
    let opened = desk.welcome(4, of_another);
    assert!(!opened.resumed);
    assert_ne!(opened.session.map(|(id, _)| id), welcome.session.map(|(id, _)| id));
}

/// R13: whatever epoch somebody names, the next one is above it.
#[test]
fn epochs_go_on_above_what_anybody_has_seen() {
    let mut desk = Desk::cold();
    desk.welcome(1, Hello { highest_epoch: Epoch(5000), ..hello() });
    assert_eq!(granted(&desk.hears(1, join(1))), [(1, Epoch(5001))]);
}

/// A candidacy that was left while its word was lost: the new one goes to the end of the line.
#[test]
fn a_newer_candidacy_replaces_an_older_one() {
    let mut desk = Desk::cold();
    let first = desk.welcome(1, hello());
    assert_eq!(granted(&desk.hears(1, join(1))).len(), 1);
    desk.welcome(2, hello());
    assert!(granted(&desk.hears(2, join(1))).is_empty());
    desk.welcome(3, resuming(&first, 1));
    assert_eq!(granted(&desk.hears(3, join(2))).len(), 1, "the other is granted");
    assert_eq!(desk.service.status(desk.now, None).namespaces[0].elections[0].leader_session, 2);
}

/// What a client does not name before the end of its first words is no longer wanted.
#[test]
fn what_is_not_said_again_is_not_wanted() {
    let mut desk = Desk::cold();
    let first = desk.welcome(1, hello());
    let epoch = granted(&desk.hears(1, join(1)))[0].1;
    for component in ["a", "b"] {
        let (election, address) = (name("process"), Bytes::from_static(b"x"));
        let component = name(component);
        desk.hears(1, ClientMessage::Publish { election, epoch, component, address });
    }
    desk.hears(1, ClientMessage::Watch { component: name("a") });
    desk.hears(1, ClientMessage::SyncEnd);
    desk.welcome(2, resuming(&first, 1));
    desk.hears(2, join(1));
    let (election, component) = (name("process"), name("b"));
    let address = Bytes::from_static(b"x");
    desk.hears(2, ClientMessage::Publish { election, epoch, component, address });
    desk.hears(2, ClientMessage::SyncEnd);
    let status = desk.service.status(desk.now, None);
    let [component] = &status.namespaces[0].components[..] else { panic!("one is published") };
    assert_eq!((component.component.as_str(), component.watchers), ("b", 0));
    desk.welcome(3, resuming(&first, 2));
    desk.hears(3, ClientMessage::SyncEnd);
    assert!(desk.service.status(desk.now, None).namespaces[0].elections.is_empty());
}

/// Only the leader's own epoch writes leader information.
#[test]
fn a_late_word_changes_nothing() {
    let mut desk = Desk::cold();
    desk.welcome(1, hello());
    let epoch = granted(&desk.hears(1, join(1)))[0].1;
    desk.welcome(2, hello());
    desk.hears(2, join(1));
    desk.hears(2, ClientMessage::Watch { component: name("a") });
    let publish = |epoch: Epoch| ClientMessage::Publish {
        election: name("process"),
        epoch,
        component: name("a"),
        address: Bytes::from_static(b"x"),
    };
    assert!(desk.hears(1, publish(Epoch(epoch.0 - 1))).is_empty());
    assert!(desk.hears(2, publish(epoch)).is_empty(), "not its own epoch");
    assert_eq!(desk.hears(1, publish(epoch)).len(), 1);
    assert!(desk.hears(1, publish(epoch)).is_empty(), "the same again is no change");
    let election = name("process");
    let withdraw = ClientMessage::Withdraw { election, epoch, component: name("a") };
    assert!(desk.hears(2, withdraw).is_empty());
    let stepped_down = |epoch| ClientMessage::SteppedDown { election: name("process"), epoch };
    assert!(desk.hears(2, stepped_down(epoch)).is_empty());
    assert!(desk.hears(1, stepped_down(Epoch(epoch.0 - 1))).is_empty());
    assert_eq!(granted(&desk.hears(1, stepped_down(epoch))), [(2, Epoch(epoch.0 + 1))]);
}

/// A server that is stopping grants nothing and welcomes nobody.
#[test]
fn a_stopping_server_grants_nothing() {
    let mut desk = Desk::cold();
    desk.welcome(1, hello());
    desk.hears(1, join(1));
    desk.welcome(2, hello());
    desk.hears(2, join(1));
    desk.service.handle_stopping(desk.now);
    assert!(granted(&desk.hears(1, ClientMessage::Goodbye)).is_empty());
    assert_eq!(desk.refusal(3, hello()).0, Refusal::Stopping);
}

/// An observer, who names no namespace, is answered, however long it stays; what it may not ask is
/// refused.
#[test]
fn an_observer_gets_the_status_and_nothing_else() {
    let mut world = World::new(Setup::default());
    let a = world.process("a");
    world.contend(a, "dispatcher");
    let observer = world.process_by("cli", "", Route::Direct);
    world.run_for(ms(100));
    world.request(observer, RequestKind::Status, ms(1000));
    world.run_for(ms(100));
    let [(_, Ok(Answer::Status(status)))] = &world.processes[observer].answers[..] else {
        panic!("an answer")
    };
    assert_eq!(status.namespaces[0].elections[0].candidates[0].name, "a");
    let mut desk = Desk::cold();
    desk.welcome(1, Hello { namespace: None, ..hello() });
    assert!(desk.hears(1, ClientMessage::SyncEnd).is_empty());
    let said = desk.hears(1, ClientMessage::Heartbeat { sequence: 3 });
    assert!(matches!(said[..], [(1, ServerMessage::HeartbeatAck { sequence: 3 })]));
    assert!(matches!(desk.hears(1, join(1))[..], [(1, ServerMessage::Refused { .. })]));
}

/// A request that nobody answers fails in its time, and names it.
#[test]
fn a_request_without_an_answer_fails_in_time() {
    let mut world = World::empty(Setup::default());
    let a = world.process("a");
    world.request(a, RequestKind::Status, ms(3000));
    world.run_for(ms(2900));
    assert!(world.processes[a].answers.is_empty());
    world.run_for(ms(200));
    let answers = &world.processes[a].answers;
    assert!(
        matches!(answers[..], [(_, Err(Error::Unreachable { after, .. }))] if after == ms(3000))
    );
}

/// P10: any messages in any order, from anybody, leave it standing, and nothing is said to a
/// connection that is over.
#[test]
fn p10_any_message_in_any_order_leaves_it_standing() {
    for seed in 0..400 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut desk = Desk::new(ServerConfig { cold: seed % 2 == 0, ..ServerConfig::default() });
        let mut welcomes: Vec<Welcome> = Vec::new();
        let mut open = BTreeSet::new();
        for step in 0..300 {
            desk.now = desk.now + ms(u64::from(rng.next_u32() % 500));
            let conn = u64::from(rng.next_u32() % 12) + 12 * (step / 100);
            if open.insert(conn) {
                desk.connect(conn);
            }
            if rng.next_u32() % 16 == 0 {
                let end = [ConnectionEnd::Peer, ConnectionEnd::Other][rng.next_u32() as usize % 2];
                desk.service.handle_disconnected(desk.now, ConnectionId(conn), end);
            } else {
                let message = any_message(&mut rng, &welcomes);
                desk.service.handle_message(desk.now, ConnectionId(conn), message);
            }
            for (_, message) in desk.said() {
                if let ServerMessage::Welcome(welcome) = message {
                    welcomes.push(*welcome);
                }
            }
            if desk.service.poll_timeout().is_some_and(|moment| moment <= desk.now) {
                desk.service.handle_timeout(desk.now);
            }
            desk.service.status(desk.now, None);
        }
        desk.now = desk.now + ms(100_000);
        desk.service.handle_timeout(desk.now);
        assert!(desk.service.status(desk.now, None).namespaces.is_empty(), "seed {seed}");
    }
}

fn any_name(rng: &mut ChaCha8Rng) -> Name {
    name(["process", "dispatcher", "rest_server"][rng.next_u32() as usize % 3])
}

fn any_message(rng: &mut ChaCha8Rng, welcomes: &[Welcome]) -> ClientMessage {
    let election = any_name(rng);
    let epoch = Epoch(100 + u64::from(rng.next_u32() % 20));
    let component = any_name(rng);
    let request = u64::from(rng.next_u32() % 4);
    match rng.next_u32() % 16 {
        0..5 => {
            let resumed = welcomes.len().checked_sub(1 + rng.next_u32() as usize % 4);
            let mut hello = match resumed.and_then(|place| welcomes.get(place)) {
                Some(welcome) if welcome.session.is_some() => resuming(welcome, request),
                _ => hello(),
            };
            if rng.next_u32().is_multiple_of(8) {
                hello.namespace = None;
            }
            hello.addresses = Some(Addresses { local: "c:1".to_owned(), peer: "s:1".to_owned() });
            hello.highest_epoch = epoch;
            ClientMessage::Hello(Box::new(hello))
        }
        5 => ClientMessage::Heartbeat { sequence: rng.next_u64() },
        6..9 => {
            let mode = [Mode::PerProcess, Mode::PerComponent][rng.next_u32() as usize % 2];
            ClientMessage::Join { election, mode, candidacy: Candidacy(rng.next_u64() % 3) }
        }
        9 => ClientMessage::Leave { election },
        10 => ClientMessage::SteppedDown { election, epoch },
        11 => {
            let address = Bytes::from_static(b"x");
            ClientMessage::Publish { election, epoch, component, address }
        }
        12 => ClientMessage::Withdraw { election, epoch, component },
        13 => ClientMessage::Watch { component },
        14 => ClientMessage::Resign { request, election, epoch: None, target: Some(name("c")) },
        _ => match rng.next_u32() % 4 {
            0 => ClientMessage::Unwatch { component },
            1 => ClientMessage::SyncEnd,
            2 => ClientMessage::Goodbye,
            _ => ClientMessage::Status { request },
        },
    }
}
