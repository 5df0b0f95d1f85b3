//! [`NameService`] with durable state, alone: what waits for the disk, message by message.

use std::collections::BTreeSet;

use bytes::Bytes;
use leaderserver::core::config::{Mode, ServerConfig, Timing};
use leaderserver::core::error::Refusal;
use leaderserver::core::ids::{
    Candidacy, ClientId, ConnectionId, Epoch, Incarnation, LeaderSessionId, Revision,
};
use leaderserver::core::name_service::{ConnectionEnd, NameService, Output, Peer};
use leaderserver::core::records::StoredRecord;
use leaderserver::core::store::{
    Fence, Operation, OperationKind, Query, StoreError, Write, WriteId,
};
use leaderserver::core::time::Moment;
use leaderserver::core::wire::message::{
    Addresses, ClientMessage, Hello, Leading, Resume, ServerMessage,
};

use crate::clock::ms;
use crate::world::name;

/// A durable name service, spoken to without a network, and its disk, which does what it is told.
struct Desk {
    service: NameService,
    now: Moment,
    /// What is said to these is not sent any more.
    closed: BTreeSet<u64>,
}

impl Desk {
    /// Cold, with its first batch recorded.
    fn new() -> Self {
        let config = ServerConfig { cold: true, ..ServerConfig::default() };
        let now = Moment::from_nanos(1_000_000_000_000);
        let none: [StoredRecord; 0] = [];
        let service = NameService::restore(&config, [7; 32], Epoch(100), now, none);
        let service = service.expect("there is nothing to go on from");
        let mut desk = Desk { service, now, closed: BTreeSet::new() };
        assert!(desk.hand_over());
        desk.service.handle_committed(desk.now);
        desk
    }

    /// Hands the next batch to the disk.
    fn hand_over(&mut self) -> bool {
        self.service.poll_commit(self.now).is_some()
    }

    fn committed(&mut self) -> Vec<(u64, ServerMessage)> {
        self.service.handle_committed(self.now);
        self.said()
    }

    fn settle(&mut self) -> Vec<(u64, ServerMessage)> {
        let mut said = self.said();
        while self.hand_over() {
            said.extend(self.committed());
        }
        said
    }

    fn fails(&mut self) {
        self.service.handle_commit_failed(self.now, "no room");
    }

    fn hears(&mut self, conn: u64, message: ClientMessage) -> Vec<(u64, ServerMessage)> {
        self.service.handle_message(self.now, ConnectionId(conn), message);
        self.said()
    }

    fn said(&mut self) -> Vec<(u64, ServerMessage)> {
        let mut said = Vec::new();
        while let Some(output) = self.service.poll_output() {
            match output {
                Output::Send { to, message } if !self.closed.contains(&to.0) => {
                    said.push((to.0, message));
                }
                Output::Close { conn } => {
                    self.closed.insert(conn.0);
                }
                Output::Broadcast { to, message } => {
                    said.extend(to.into_iter().map(|to| (to.0, message.clone())));
                }
                _ => {}
            }
        }
        said
    }

    /// Opens a connection, for a new session or for one that is known.
    fn opens(&mut self, conn: u64, resume: Option<(Resume, Incarnation)>) {
        self.opens_leading(conn, resume, Vec::new());
    }

    fn opens_leading(
        &mut self,
        conn: u64,
        resume: Option<(Resume, Incarnation)>,
        leading: Vec<Leading>,
    ) {
        let addresses = Addresses { local: "s:1".to_owned(), peer: format!("c:{conn}") };
        self.service.handle_connected(self.now, ConnectionId(conn), Peer::Remote(addresses));
        let seen = resume.as_ref().map(|(_, incarnation)| (*incarnation, Revision(0)));
        let hello = Hello {
            min_version: 1,
            max_version: 1,
            namespace: Some(name("/flink")),
            name: name("c"),
            timing: Timing::default(),
            resume: resume.map(|(resume, _)| resume),
            seen,
            highest_epoch: leading.iter().map(|l| l.id.epoch).max().unwrap_or_default(),
            addresses: None,
            leading,
        };
        self.service.handle_message(
            self.now,
            ConnectionId(conn),
            ClientMessage::Hello(Box::new(hello)),
        );
    }

    /// Opens a connection for a new session, and answers how to resume it.
    fn welcomes(&mut self, conn: u64) -> (Resume, Incarnation) {
        self.opens(conn, None);
        let said = self.settle();
        let Some((_, ServerMessage::Welcome(welcome))) = said.first() else {
            panic!("no welcome: {said:?}")
        };
        let (session, token) = welcome.session.expect("it names a namespace");
        (Resume { session, token, attempt: 0 }, welcome.incarnation)
    }
}

fn join(election: &str, candidacy: u64) -> ClientMessage {
    let candidacy = Candidacy(candidacy);
    ClientMessage::Join { election: name(election), mode: Mode::PerComponent, candidacy }
}

fn create(service: &NameService, sequence: u64, epoch: Epoch, key: &str) -> ClientMessage {
    let value = Bytes::from_static(b"v");
    let kind = OperationKind::Create { key: name(key), value };
    let write = Write {
        id: WriteId { client: ClientId(7), sequence },
        had_below: 1,
        age_ms: 0,
        incarnation: service.incarnation(),
        fences: vec![Fence { election: name("a"), epoch }],
        operations: vec![Operation { election: name("a"), kind }],
    };
    ClientMessage::Write { request: sequence, write: Box::new(write) }
}

fn granted(said: &[(u64, ServerMessage)]) -> Option<Epoch> {
    said.iter().find_map(|(_, message)| match message {
        ServerMessage::Granted { id, .. } => Some(id.epoch),
        _ => None,
    })
}

/// What a client says that leads under that epoch.
fn claim(epoch: Epoch) -> Leading {
    let id = LeaderSessionId { epoch, low: 1 };
    Leading { election: name("a"), id, candidacy: Candidacy(1), name: None }
}

fn is_acked(said: &[(u64, ServerMessage)]) -> bool {
    matches!(said, [(_, ServerMessage::HeartbeatAck { .. })])
}

/// R11: batches become fewer where one fails, and a connection whose welcome waited for a later one
/// has its heartbeats answered as soon as it was welcomed.
#[test]
fn heartbeats_wait_for_the_welcome_only() {
    let mut desk = Desk::new();
    let (resume, incarnation) = desk.welcomes(1);
    desk.hears(1, join("a", 1));
    let epoch = granted(&desk.settle()).expect("nobody else stands");
    desk.hears(1, ClientMessage::SteppedDown { election: name("a"), epoch });
    assert!(desk.hand_over(), "the next grant is on its way");
    desk.hears(1, ClientMessage::Leave { election: name("a") });
    desk.hears(1, join("a", 2));
    // Its welcome waits for the batch after that, for it names what has ended.
    let resume = Some((Resume { attempt: 1, ..resume }, incarnation));
    desk.opens_leading(2, resume, vec![claim(epoch)]);
    assert!(desk.said().is_empty());
    desk.fails();
    desk.now = desk.now + ms(1000);
    assert!(desk.hand_over(), "both are one now");
    let said = desk.committed();
    assert!(said.iter().any(|(to, m)| *to == 2 && matches!(m, ServerMessage::Welcome(_))));
    desk.hears(2, ClientMessage::SyncEnd);
    assert!(desk.hand_over(), "something else is on its way");
    assert!(is_acked(&desk.hears(2, ClientMessage::Heartbeat { sequence: 1 })));
}

/// R11: that nothing can be written shows nothing. So it is said at once, also where an earlier write
/// of the same key waits for room; but of that one nothing is said, for it may be recorded yet.
#[test]
fn a_refusal_for_want_of_room_does_not_wait_for_room() {
    let mut desk = Desk::new();
    desk.welcomes(1);
    desk.hears(1, join("a", 1));
    let epoch = granted(&desk.settle()).expect("nobody else stands");
    let first = create(&desk.service, 1, epoch, "k");
    assert!(desk.hears(1, first.clone()).is_empty());
    assert!(desk.hand_over());
    desk.fails();
    let said = desk.hears(1, create(&desk.service, 2, epoch, "k"));
    let [(1, ServerMessage::Written { result, .. })] = &said[..] else {
        panic!("an answer at once, not {said:?}")
    };
    assert!(matches!(result, Err(StoreError::ReadOnly(_))));
    assert!(desk.hears(1, first).is_empty(), "it was applied, and is not recorded");
    desk.now = desk.now + ms(1000);
    assert!(desk.hand_over());
    let written = desk.committed();
    let applied = |(_, message): &(u64, ServerMessage)| {
        matches!(message, ServerMessage::Written { request: 1, result: Ok(_) })
    };
    assert_eq!(written.iter().filter(|said| applied(said)).count(), 2, "{written:?}");
}

/// On a full disk nothing piles up for connections that are gone: what they asked waits for room, and
/// they ask again on the next.
#[test]
fn nothing_is_kept_for_connections_that_are_gone() {
    let mut desk = Desk::new();
    desk.welcomes(1);
    desk.hears(1, join("a", 1));
    let epoch = granted(&desk.settle()).expect("nobody else stands");
    let write = create(&desk.service, 1, epoch, "k");
    desk.hears(1, write);
    assert!(desk.hand_over());
    desk.fails();
    let query = Query::Get { election: name("a"), key: name("k") };
    for conn in 2..100 {
        desk.opens(conn, None);
        desk.said();
        let query = query.clone();
        assert!(desk.hears(conn, ClientMessage::Query { request: 1, query }).is_empty());
        desk.service.handle_disconnected(desk.now, ConnectionId(conn), ConnectionEnd::Peer);
    }
    desk.now = desk.now + ms(1000);
    let said = desk.settle();
    assert!(said.iter().all(|(to, _)| *to == 1), "{} words to nobody", said.len());
}

/// R11: that a leadership has ended is seen by its not being named, where the client still claims it:
/// such a welcome waits.
#[test]
fn a_welcome_waits_for_the_end_of_what_is_claimed() {
    let mut desk = Desk::new();
    let (resume, incarnation) = desk.welcomes(1);
    desk.hears(1, join("a", 1));
    let said = desk.settle();
    let id = said.iter().find_map(|(_, message)| match message {
        ServerMessage::Granted { id, .. } => Some(*id),
        _ => None,
    });
    let id = id.expect("nobody else stands");
    desk.hears(1, ClientMessage::Leave { election: name("a") });
    let claim = Leading { election: name("a"), id, candidacy: Candidacy(1), name: None };
    desk.opens_leading(2, Some((Resume { attempt: 1, ..resume }, incarnation)), vec![claim]);
    assert!(desk.said().is_empty());
    assert!(desk.hand_over());
    assert!(desk.said().is_empty());
    let said = desk.committed();
    assert!(matches!(&said[..], [(2, ServerMessage::Welcome(w))] if w.leading.is_empty()));
}

/// R11, P3: a grant that waits is of its session, whose connection may change meanwhile. Each
/// connection is told of it after its welcome, once, and not before it is recorded.
#[test]
fn r11_a_grant_that_waits_follows_its_session() {
    let mut desk = Desk::new();
    let (resume, incarnation) = desk.welcomes(1);
    desk.hears(1, join("a", 1));
    assert!(desk.hand_over());
    for attempt in 1..4 {
        let conn = 1 + attempt;
        desk.opens(conn, Some((Resume { attempt, ..resume.clone() }, incarnation)));
        let said = desk.said();
        assert!(matches!(&said[..], [(to, ServerMessage::Welcome(w))]
            if *to == conn && w.resumed && w.leading.is_empty()));
        // What it says on every connection changes nothing.
        assert!(desk.hears(conn, join("a", 1)).is_empty());
        assert!(desk.hears(conn, ClientMessage::SyncEnd).is_empty());
    }
    let said = desk.committed();
    let told = |to: u64| said.iter().filter(|(conn, _)| *conn == to).count();
    assert_eq!([1, 2, 3, 4].map(told), [0, 0, 0, 1], "{said:?}");
    assert!(granted(&said).is_some());
    // From here on the welcome names it.
    desk.opens(9, Some((Resume { attempt: 4, ..resume }, incarnation)));
    let said = desk.said();
    assert!(matches!(&said[..], [(9, ServerMessage::Welcome(w))] if w.leading.len() == 1));
}

/// P1, P3: a grant that is taken back before it is recorded names a candidacy that its client has
/// left, or goes to a connection that is closed.
#[test]
fn r11_a_grant_that_is_taken_back_before_it_is_recorded() {
    let mut desk = Desk::new();
    let (resume, incarnation) = desk.welcomes(1);
    desk.hears(1, join("a", 1));
    desk.opens(2, Some((Resume { attempt: 1, ..resume.clone() }, incarnation)));
    desk.hears(2, join("a", 2));
    let said = desk.settle();
    let told = said.iter().filter_map(|(to, message)| match message {
        ServerMessage::Granted { id, candidacy, .. } if *to == 2 => Some((candidacy.0, id.epoch)),
        _ => None,
    });
    let told: Vec<(u64, Epoch)> = told.collect();
    assert!(matches!(told[..], [(1, first), (2, second)] if first < second), "{told:?}");
}

/// R14: a grant takes no revision, but who leads under an epoch that was never granted here has seen
/// what came after this copy was made. Under another incarnation it says nothing.
#[test]
fn r14_who_leads_under_a_later_epoch_has_seen_more() {
    let mut desk = Desk::new();
    let (resume, incarnation) = desk.welcomes(1);
    desk.hears(1, join("a", 1));
    let epoch = granted(&desk.settle()).expect("nobody else stands");
    let later = Epoch(epoch.0 + 1);
    let elsewhere = Incarnation(incarnation.0 + 1);
    let again = |attempt| Resume { attempt, ..resume.clone() };
    desk.opens_leading(2, Some((again(1), incarnation)), vec![claim(epoch)]);
    assert!(desk.settle().iter().all(|(_, m)| !matches!(m, ServerMessage::Refused { .. })));
    let code = |said: &[(u64, ServerMessage)], conn| {
        said.iter().find_map(|(to, message)| match message {
            ServerMessage::Refused { code, .. } if *to == conn => Some(*code),
            _ => None,
        })
    };
    desk.opens_leading(3, Some((again(2), incarnation)), vec![claim(later)]);
    assert_eq!(code(&desk.settle(), 3), Some(Refusal::OldCopy));
    let mut desk = Desk::new();
    desk.opens_leading(1, Some((again(1), elsewhere)), vec![claim(Epoch(1000))]);
    assert_eq!(code(&desk.settle(), 1), None);
}
