//! The machines by themselves, message by message: what the network of the world never does, and
//! what comes from somebody who does not keep to the rules (P10).

use std::collections::BTreeSet;

use bytes::Bytes;
use leaderserver::core::config::{Mode, ServerConfig, Timing};
use leaderserver::core::contenders::{Callback, Command, Confirmed, Contenders};
use leaderserver::core::error::{Error, Refusal};
use leaderserver::core::ids::{
    Candidacy, ConnectionId, Epoch, Incarnation, LeaderInformation, LeaderSessionId, MAX_ADDRESS,
    Name, Revision, SessionId, SessionToken,
};
use leaderserver::core::name_service::{ConnectionEnd, NameService, Output, Peer};
use leaderserver::core::session::{self, Answer, ConnectFailure, RequestKind, Session, Settings};
use leaderserver::core::time::Moment;
use leaderserver::core::wire::message::{
    Addresses, ClientMessage, Hello, Leading, Resume, ServerMessage, Welcome,
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

// --- The name service

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
        14 => ClientMessage::Resign { request, election, target: Some(name("c")) },
        _ => match rng.next_u32() % 4 {
            0 => ClientMessage::Unwatch { component },
            1 => ClientMessage::SyncEnd,
            2 => ClientMessage::Goodbye,
            _ => ClientMessage::Status { request },
        },
    }
}

// --- The session

/// A session machine with an open connection, spoken to without a network.
struct Client {
    session: Session,
    now: Moment,
    conn: ConnectionId,
}

const ID: LeaderSessionId = LeaderSessionId { epoch: Epoch(101), low: 1 };

impl Client {
    /// Stands in an election and is welcomed.
    fn welcomed() -> Self {
        let settings = Settings {
            namespace: Some(name("/flink")),
            name: name("c"),
            timing: Timing::default(),
            mode: Mode::PerProcess,
            retrieval_timeout: None,
        };
        let mut session = Session::new(settings, true, [1; 32]);
        let now = Moment::from_nanos(5_000_000_000);
        session.handle_command(now, Command::Join { election: name("process") });
        let mut client = Client { session, now, conn: ConnectionId(1) };
        client.connect();
        client.hears(ServerMessage::Welcome(Box::new(welcome(7, false, Vec::new()))));
        client
    }

    fn connect(&mut self) {
        let addresses = Addresses { local: "c:1".to_owned(), peer: "s:1".to_owned() };
        self.session.handle_connected(self.now, self.conn, Peer::Remote(addresses));
        self.does();
    }

    fn hears(&mut self, message: ServerMessage) -> Vec<session::Output> {
        self.session.handle_message(self.now, self.conn, message);
        self.does()
    }

    fn does(&mut self) -> Vec<session::Output> {
        std::iter::from_fn(|| self.session.poll_output()).collect()
    }

    fn leads(&self) -> Option<LeaderSessionId> {
        self.session.elections().next().and_then(|(_, id)| id)
    }
}

fn welcome(session: u64, resumed: bool, leading: Vec<Leading>) -> Welcome {
    Welcome {
        version: 1,
        incarnation: Incarnation(9),
        session: Some((SessionId(session), SessionToken(3))),
        resumed,
        timing: Timing::default(),
        direct: true,
        revision: Revision(0),
        namespace: Some(name("/flink")),
        leading,
        superseded: Vec::new(),
        addresses: None,
    }
}

fn leading(id: LeaderSessionId, by: Option<&str>) -> Leading {
    Leading { election: name("process"), id, candidacy: Candidacy(1), name: by.map(name) }
}

fn grant(id: LeaderSessionId, candidacy: u64) -> ServerMessage {
    let election = name("process");
    ServerMessage::Granted { election, id, candidacy: Candidacy(candidacy) }
}

fn says(done: &[session::Output], what: &ClientMessage) -> bool {
    done.iter().any(|o| matches!(o, session::Output::Send { message, .. } if message == what))
}

/// R7: a grant never extends a lease, and is dropped if the lease is over when it is read.
#[test]
fn r7_a_grant_after_the_lease_is_given_back() {
    let mut client = Client::welcomed();
    client.now = client.now + ms(9800);
    let done = client.hears(grant(ID, 1));
    assert_eq!(client.leads(), None);
    let stepped_down = ClientMessage::SteppedDown { election: name("process"), epoch: ID.epoch };
    assert!(says(&done, &stepped_down), "{done:?}");
    client.hears(grant(ID, 1));
    assert_eq!(client.leads(), None, "never under that epoch");
}

/// R7: a resume reply that names what was given up is ignored, after saying so first.
#[test]
fn r7_a_resume_does_not_bring_back_what_was_given_up() {
    let mut client = Client::welcomed();
    client.hears(grant(ID, 1));
    assert_eq!(client.leads(), Some(ID));
    let (election, epoch) = (name("process"), ID.epoch);
    client.hears(ServerMessage::StepDown { election, epoch, reason: "asked".to_owned() });
    assert_eq!(client.leads(), None);
    client.session.handle_disconnected(client.now, client.conn, "lost");
    client.does();
    client.conn = ConnectionId(2);
    client.connect();
    let done =
        client.hears(ServerMessage::Welcome(Box::new(welcome(7, true, vec![leading(ID, None)]))));
    assert_eq!(client.leads(), None);
    let first = done.iter().find(|output| matches!(output, session::Output::Send { .. }));
    let stepped_down = ClientMessage::SteppedDown { election: name("process"), epoch: ID.epoch };
    assert!(says(&[first.expect("it says something").clone()], &stepped_down), "{done:?}");
}

/// R7: an answer counts for the heartbeat that it names, and for no other.
#[test]
fn r7_an_answer_names_its_heartbeat() {
    let mut client = Client::welcomed();
    client.hears(grant(ID, 1));
    client.now = client.now + ms(4000);
    client.session.handle_timeout(client.now);
    client.does();
    // The end of the lease counts from the hello, whatever else is answered.
    for sequence in [0, 2, u64::MAX] {
        client.hears(ServerMessage::HeartbeatAck { sequence });
    }
    client.now = client.now + ms(5800);
    client.session.handle_timeout(client.now);
    let done = client.does();
    assert!(done.iter().any(|output| matches!(output, session::Output::Revoked { .. })));
}

/// A grant for a candidacy that has been left is not this one's.
#[test]
fn a_grant_for_an_earlier_candidacy_is_not_taken() {
    let mut client = Client::welcomed();
    client.session.handle_watch(client.now, name("dispatcher"));
    client.session.handle_command(client.now, Command::Leave { election: name("process") });
    client.session.handle_command(client.now, Command::Join { election: name("process") });
    client.does();
    client.hears(grant(ID, 1));
    assert_eq!(client.leads(), None);
    client.hears(grant(ID, 2));
    assert_eq!(client.leads(), Some(ID));
}

/// FLINK-38870: superseded by whom, at which epoch.
#[test]
fn lesson_38_superseded_says_by_whom() {
    let mut client = Client::welcomed();
    client.hears(grant(ID, 1));
    client.session.handle_disconnected(client.now, client.conn, "lost");
    client.does();
    client.conn = ConnectionId(2);
    client.connect();
    let by = LeaderSessionId { epoch: Epoch(117), low: 4 };
    let mut news = welcome(8, false, Vec::new());
    news.superseded = vec![leading(by, Some("jobmanager-2"))];
    let done = client.hears(ServerMessage::Welcome(Box::new(news)));
    let reason = done.iter().find_map(|output| match output {
        session::Output::Revoked { reason, .. } => Some(reason.as_str()),
        _ => None,
    });
    assert_eq!(reason, Some("superseded by jobmanager-2 at epoch 117"));
}

/// etcd#18163: an observer's watch named the wrong leader after a delay. An older value never
/// follows a newer one.
#[test]
fn lesson_25_an_older_value_does_not_follow_a_newer() {
    let mut client = Client::welcomed();
    client.session.handle_watch(client.now, name("dispatcher"));
    client.does();
    let value = |revision, epoch| {
        let id = LeaderSessionId { epoch: Epoch(epoch), low: 1 };
        let leader = Some(LeaderInformation { id, address: Bytes::from_static(b"x") });
        let component = name("dispatcher");
        ServerMessage::Value { component, revision: Revision(revision), leader }
    };
    let told = |done: Vec<session::Output>| {
        done.iter().filter(|output| matches!(output, session::Output::Value { .. })).count()
    };
    assert_eq!(told(client.hears(value(5, 105))), 1);
    assert_eq!(told(client.hears(value(4, 104))), 0);
    assert_eq!(told(client.hears(value(5, 105))), 0);
    assert_eq!(told(client.hears(value(6, 106))), 1);
}

/// P10: whatever a name service says, at whatever moment, the session machine stands, and never
/// wants to be called again and again.
#[test]
fn p10_any_answer_at_any_moment_leaves_the_session_standing() {
    for seed in 0..400 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut client = Client::welcomed();
        client.session.handle_watch(client.now, name("dispatcher"));
        let (mut last, mut connected) = (1, BTreeSet::from([1]));
        for _ in 0..300 {
            client.now = client.now + ms(u64::from(rng.next_u32() % 400));
            client.conn = ConnectionId(1 + rng.next_u64() % last);
            match rng.next_u32() % 10 {
                0 if connected.insert(client.conn.0) => client.connect(),
                // A shell hands in nothing of a connection that is not open.
                _ if !connected.contains(&client.conn.0) => {}
                1 => client.session.handle_disconnected(client.now, client.conn, "lost"),
                2 => {
                    let refused = vec!["s:1".to_owned()];
                    let failure = ConnectFailure { refused, reason: "refused".to_owned() };
                    client.session.handle_connect_failed(client.now, client.conn, &failure);
                }
                3 => client.session.handle_stalled(client.now, rng.next_u32().is_multiple_of(2)),
                _ => {
                    let message = any_answer(&mut rng);
                    client.session.handle_message(client.now, client.conn, message);
                }
            }
            let mut turns = 0;
            while client.session.poll_timeout().is_some_and(|moment| moment <= client.now) {
                client.session.handle_timeout(client.now);
                turns += 1;
                assert!(turns < 50, "seed {seed} spins");
            }
            for output in client.does() {
                if let session::Output::Connect { conn } = output {
                    last = last.max(conn.0);
                }
            }
        }
    }
}

fn any_answer(rng: &mut ChaCha8Rng) -> ServerMessage {
    let id = LeaderSessionId { epoch: Epoch(100 + rng.next_u64() % 5), low: rng.next_u64() % 2 };
    match rng.next_u32() % 8 {
        0 => {
            let all = vec![leading(id, Some("x"))];
            let mut welcome =
                welcome(7 + rng.next_u64() % 2, rng.next_u32().is_multiple_of(2), all);
            welcome.incarnation = Incarnation(9 + u128::from(rng.next_u32() % 2));
            welcome.superseded.clone_from(&welcome.leading);
            ServerMessage::Welcome(Box::new(welcome))
        }
        1 => {
            let codes = [Refusal::Token, Refusal::Mode, Refusal::Stopping, Refusal::StaleAttempt];
            let code = codes[rng.next_u32() as usize % 4];
            ServerMessage::Refused { code, reason: "no".to_owned() }
        }
        2 => ServerMessage::HeartbeatAck { sequence: rng.next_u64() % 5 },
        3 | 4 => grant(id, rng.next_u64() % 3),
        5 => {
            let (election, epoch) = (name("process"), id.epoch);
            ServerMessage::StepDown { election, epoch, reason: "asked".to_owned() }
        }
        6 => {
            let leader = Some(LeaderInformation { id, address: Bytes::new() });
            let revision = Revision(rng.next_u64() % 9);
            ServerMessage::Value { component: name("dispatcher"), revision, leader }
        }
        _ => {
            let (request, code) = (rng.next_u64() % 3, Refusal::Mode);
            let election = Some(name("process"));
            ServerMessage::Failure { request, election, code, reason: "no".to_owned() }
        }
    }
}

// --- The contenders

/// FLINK-CONTRACT: a second contender for a component is refused, and nothing changes.
#[test]
fn a_second_contender_changes_nothing() {
    let mut contenders = Contenders::new(Mode::PerProcess);
    let (first, command) = contenders.register(name("dispatcher")).expect("the first");
    assert_eq!(command, Some(Command::Join { election: name("process") }));
    let second = contenders.register(name("dispatcher"));
    assert_eq!(second, Err(Error::AlreadyRegistered("dispatcher".to_owned())));
    assert_eq!(contenders.len(), 1);
    assert_eq!(contenders.handle_granted(&name("process"), ID), [first]);
    assert_eq!(contenders.take(first), Some(Callback::Grant(ID)));
    assert_eq!(contenders.take(first), None, "one at a time");
    contenders.done(first);
    let (callback, _) = contenders.close(first, false);
    assert!(matches!(callback, Some(Callback::Revoke(_))));
    assert_eq!(contenders.close(first, false), (None, Vec::new()), "idempotent");
    assert_eq!(contenders.leadership(first), None);
    assert_eq!(contenders.done(first), [Command::Leave { election: name("process") }]);
    assert!(contenders.is_finished(first));
    assert_eq!(contenders.done(first), []);
}

#[test]
fn an_address_that_is_too_long_is_refused() {
    let mut contenders = Contenders::new(Mode::PerProcess);
    let (id, _) = contenders.register(name("dispatcher")).expect("the first");
    contenders.handle_granted(&name("process"), ID);
    let long = Bytes::from(vec![b'x'; MAX_ADDRESS + 1]);
    assert_eq!(contenders.confirm(id, ID, long, true), Confirmed::TooLong);
    assert_eq!(contenders.confirm(id, ID, Bytes::new(), false), Confirmed::NotLeader, "deadlines");
    let longest = Bytes::from(vec![b'x'; MAX_ADDRESS]);
    assert!(matches!(contenders.confirm(id, ID, longest, true), Confirmed::Recorded(_)));
}

/// A misconfiguration is told once, and again only if it is another.
#[test]
fn a_failure_is_told_once() {
    let mut contenders = Contenders::new(Mode::PerProcess);
    let (id, _) = contenders.register(name("dispatcher")).expect("the first");
    let error = Error::Refused { code: Refusal::Namespace, reason: "not here".to_owned() };
    assert_eq!(contenders.handle_failed(None, &error), [id]);
    assert_eq!(contenders.handle_failed(None, &error), []);
    assert_eq!(contenders.take(id), Some(Callback::Failed(error.clone())));
    contenders.done(id);
    assert_eq!(contenders.handle_failed(None, &error), []);
    assert!(!contenders.is_ready(id));
}
