//! [`Session`] alone.

use std::collections::BTreeSet;

use bytes::Bytes;
use leaderserver::core::config::{Mode, Timing};
use leaderserver::core::contenders::Command;
use leaderserver::core::error::{Error, Refusal};
use leaderserver::core::ids::{
    Candidacy, ConnectionId, Epoch, Incarnation, LeaderInformation, LeaderSessionId, Revision,
    SessionId, SessionToken,
};
use leaderserver::core::name_service::Peer;
use leaderserver::core::session::{ConnectFailure, Output, RequestKind, Session, Settings};
use leaderserver::core::store::{Fence, Page, StoreError, Written};
use leaderserver::core::time::Moment;
use leaderserver::core::wire::message::{
    Addresses, ClientMessage, Leading, ServerMessage, Welcome,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::ID;
use crate::clock::ms;
use crate::world::name;
/// A session machine with an open connection, spoken to without a network.
struct Client {
    session: Session,
    now: Moment,
    conn: ConnectionId,
}

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
        session.handle_command(now, Command::Join { election: name("process"), standing: 1 });
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

    fn hears(&mut self, message: ServerMessage) -> Vec<Output> {
        self.session.handle_message(self.now, self.conn, message);
        self.does()
    }

    fn does(&mut self) -> Vec<Output> {
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

fn says(done: &[Output], what: &ClientMessage) -> bool {
    done.iter().any(|o| matches!(o, Output::Send { message, .. } if message == what))
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
    let first = done.iter().find(|output| matches!(output, Output::Send { .. }));
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
    assert!(done.iter().any(|output| matches!(output, Output::Revoked { .. })));
}

/// A grant for a candidacy that has been left is not this one's.
#[test]
fn a_grant_for_an_earlier_candidacy_is_not_taken() {
    let mut client = Client::welcomed();
    client.session.handle_watch(client.now, name("dispatcher"));
    client.session.handle_command(client.now, Command::Leave { election: name("process") });
    client
        .session
        .handle_command(client.now, Command::Join { election: name("process"), standing: 1 });
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
        Output::Revoked { reason, .. } => Some(reason.as_str()),
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
    let told = |done: Vec<Output>| {
        done.iter().filter(|output| matches!(output, Output::Value { .. })).count()
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
                if let Output::Connect { conn } = output {
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

/// R14: what the store answers counts as seen, too: a leader that only writes, and watches nobody,
/// must know a name service that is behind.
#[test]
fn r14_what_the_store_answers_is_seen() {
    let page = Page { revision: Revision(7), entries: Vec::new(), more: false };
    let written = Written { revision: Revision(8), deleted: 0 };
    let changed = StoreError::Changed { key: name("k"), version: Revision(9) };
    let exists = StoreError::Exists { key: name("k"), version: Revision(10) };
    let answers = [
        ServerMessage::Entries { request: 1, page },
        ServerMessage::Written { request: 1, result: Ok(written) },
        ServerMessage::Written { request: 1, result: Err(changed) },
        ServerMessage::Written { request: 1, result: Err(exists) },
    ];
    for (answer, revision) in answers.into_iter().zip(7..) {
        let mut client = Client::welcomed();
        client.hears(answer);
        client.session.handle_disconnected(client.now, client.conn, "lost");
        client.conn = ConnectionId(2);
        let addresses = Addresses { local: "c:1".to_owned(), peer: "s:1".to_owned() };
        client.session.handle_connected(client.now, client.conn, Peer::Remote(addresses));
        let seen = client.does().into_iter().find_map(|output| match output {
            Output::Send { message: ClientMessage::Hello(hello), .. } => Some(hello.seen),
            _ => None,
        });
        assert_eq!(seen, Some(Some((Incarnation(9), Revision(revision)))));
    }
}

/// R16: who is moved to another name service does not know whether that is the same under another
/// session, where the first copy of a write may lie unread: a second could be refused, and the first
/// be applied after all (seed 272863 of the walk).
#[test]
fn r16_a_write_that_was_sent_is_not_sent_to_another_session() {
    let mut client = Client::welcomed();
    client.hears(grant(ID, 1));
    let fence = Fence { election: name("process"), epoch: ID.epoch };
    let write = || RequestKind::Write { fences: vec![fence.clone()], operations: Vec::new() };
    let sent = client.session.handle_request(client.now, write(), ms(10_000));
    let is_write =
        |o: &Output| matches!(o, Output::Send { message: ClientMessage::Write { .. }, .. });
    assert!(client.does().iter().any(is_write));
    client.session.handle_endpoint_changed(client.now, true);
    let outcome = client.does().into_iter().find_map(|output| match output {
        Output::Answer { request, result } if request == sent => Some(result),
        _ => None,
    });
    assert!(matches!(outcome, Some(Err(Error::Store(StoreError::UnknownOutcome(_))))));
    client.conn = ConnectionId(2);
    client.connect();
    let done = client.hears(ServerMessage::Welcome(Box::new(welcome(8, false, Vec::new()))));
    assert!(!done.iter().any(is_write), "{done:?}");
}
