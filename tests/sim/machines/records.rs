//! Records as bytes: what is recorded comes back, and what does not belong together is refused.

use bytes::Bytes;
use leaderserver::core::config::{Mode, ServerConfig, Timing};
use leaderserver::core::election::Leader;
use leaderserver::core::ids::{
    Candidacy, ClientId, Epoch, Incarnation, LeaderInformation, LeaderSessionId, Revision,
    SessionId, SessionToken,
};
use leaderserver::core::name_service::NameService;
use leaderserver::core::records::{
    self, ComponentRecord, ElectionRecord, Head, Record, RecordError, RecordKey, SessionRecord,
    StoredRecord,
};
use leaderserver::core::store::{Entry, WriteId, Written};
use leaderserver::core::time::Moment;

use super::damage::some_records;
use crate::clock::ms;
use crate::world::name;

pub(super) fn read((key, value): &StoredRecord) -> Result<(RecordKey, Record), RecordError> {
    records::decode(key, Bytes::from(value.clone()))
}

pub(super) fn write(key: &RecordKey, record: &Record) -> StoredRecord {
    (records::encode_key(key), records::encode_record(record))
}

fn restore(records: Vec<StoredRecord>) -> Result<NameService, RecordError> {
    let config = ServerConfig::default();
    NameService::restore(&config, [7; 32], Epoch(1), Moment::default(), records)
}

/// One of each kind, with everything in it.
struct Whole {
    head: Head,
    session: SessionRecord,
    election: ElectionRecord,
    component: ComponentRecord,
    entry: Entry,
    answer: Written,
}

fn whole() -> Whole {
    let id = LeaderSessionId { epoch: Epoch(7), low: u64::MAX };
    let leader = Leader { session: SessionId(4), id, candidacy: Candidacy(2) };
    Whole {
        head: Head {
            incarnation: Incarnation(u128::MAX - 1),
            last_epoch: Epoch(9),
            sessions_below: SessionId(1024),
            revision: Revision(11),
            settled: true,
        },
        session: SessionRecord {
            token: SessionToken(1 << 100),
            name: name("jobmanager-1"),
            namespace: name("/flink"),
            timing: Timing { session_timeout: ms(10_000), disconnect_grace: ms(1000) },
            local: false,
        },
        election: ElectionRecord { last_granted: Epoch(7), leader: Some(leader) },
        component: ComponentRecord {
            election: name("process"),
            leader: LeaderInformation { id, address: Bytes::from_static(b"\0akka://x") },
            revision: Revision(10),
        },
        entry: Entry { version: Revision(5), value: Bytes::from_static(b"value") },
        answer: Written { revision: Revision(5), deleted: 2 },
    }
}

impl Whole {
    fn records(&self) -> Vec<(RecordKey, Record)> {
        let namespace = || name("/flink");
        let election = || name("process");
        let entry =
            RecordKey::Entry { namespace: namespace(), election: election(), key: name("jobs/1") };
        let write = WriteId { client: ClientId(1 << 90 | 5), sequence: 77 };
        let component = name("dispatcher");
        vec![
            (RecordKey::Head, Record::Head(self.head)),
            (RecordKey::Namespace(namespace()), Record::Namespace(Mode::PerProcess)),
            (RecordKey::Session(SessionId(4)), Record::Session(self.session.clone())),
            (
                RecordKey::Election { namespace: namespace(), election: election() },
                Record::Election(self.election),
            ),
            (
                RecordKey::Component { namespace: namespace(), component },
                Record::Component(self.component.clone()),
            ),
            (entry, Record::Entry(self.entry.clone())),
            (RecordKey::Answer { namespace: namespace(), write }, Record::Answer(self.answer)),
        ]
    }

    fn stored(&self) -> Vec<StoredRecord> {
        self.records().iter().map(|(key, record)| write(key, record)).collect()
    }

    fn leader(&mut self) -> &mut Leader {
        self.election.leader.as_mut().expect("it has one")
    }
}

/// What is recorded comes back as it was, and is always written in the same way.
#[test]
fn records_come_back_as_they_were() {
    for (key, record) in whole().records() {
        let stored = write(&key, &record);
        assert_eq!(read(&stored), Ok((key, record)));
    }
    for seed in 0..40 {
        for stored in some_records(seed) {
            let (key, record) = read(&stored).expect("a server has recorded it");
            assert_eq!(write(&key, &record), stored, "seed {seed}");
        }
    }
}

/// They belong together: a server goes on from them.
#[test]
fn one_of_each_belongs_together() {
    let service = restore(whole().stored()).expect("they belong together");
    assert_eq!(service.incarnation(), Incarnation(u128::MAX - 1));
}

/// What would let a number go round or come again, or names what is not there, is refused, and the
/// error says what it is.
#[test]
fn records_that_do_not_belong_together_are_refused() {
    type Edit = fn(&mut Whole);
    let edits: [(&str, Edit); 20] = [
        ("no incarnation", |w| w.head.incarnation = Incarnation(0)),
        ("an epoch above the last", |w| w.head.last_epoch = Epoch(6)),
        ("an epoch that leaves none", |w| w.head.last_epoch = Epoch(u64::MAX)),
        ("a session above the last", |w| w.head.sessions_below = SessionId(3)),
        ("a session that leaves none", |w| w.head.sessions_below = SessionId(u64::MAX)),
        ("a component above the last revision", |w| w.head.revision = Revision(9)),
        ("an entry above the last revision", |w| w.head.revision = Revision(4)),
        ("a revision that leaves none", |w| w.head.revision = Revision(u64::MAX)),
        ("a session of another namespace", |w| w.session.namespace = name("/other")),
        ("a session without a time-out", |w| w.session.timing.session_timeout = ms(0)),
        ("more grace than time", |w| w.session.timing.disconnect_grace = ms(10_000)),
        ("a fence of nobody", |w| {
            w.election = ElectionRecord { last_granted: Epoch(0), leader: None };
        }),
        ("a leader above the fence", |w| w.election.last_granted = Epoch(6)),
        ("a leader below the fence", |w| w.election.last_granted = Epoch(8)),
        ("a leader without a session", |w| w.leader().session = SessionId(5)),
        ("a component under another epoch", |w| w.component.leader.id.epoch = Epoch(6)),
        ("a component of another election", |w| w.component.election = name("other")),
        ("a component of later", |w| w.component.revision = Revision(12)),
        ("an entry of later", |w| w.entry.version = Revision(12)),
        ("an answer of later", |w| w.answer.revision = Revision(12)),
    ];
    for (what, edit) in edits {
        let mut edited = whole();
        edit(&mut edited);
        match restore(edited.stored()) {
            Err(error) => assert!(error.to_string().len() > 30, "{what}: {error}"),
            Ok(_) => panic!("{what}: it goes on"),
        }
    }
}

/// Without one of them the others may be nothing.
#[test]
fn records_that_miss_another_are_refused() {
    for (place, (missing, _)) in whole().records().iter().enumerate() {
        let mut rest = whole().stored();
        rest.remove(place);
        let is_needed =
            matches!(missing, RecordKey::Head | RecordKey::Session(_) | RecordKey::Election { .. });
        assert_eq!(restore(rest).is_err(), is_needed, "without {missing:?}");
    }
    // Keys are written under a grant.
    let mut rest = whole().stored();
    rest.drain(3..5);
    assert!(restore(rest).is_err());
}

/// A key is written in one way only: under another it would never be found again, and never go.
#[test]
fn a_key_in_other_bytes_is_no_key() {
    for (bytes, value) in whole().stored() {
        // A field that nobody knows, and the same said twice.
        let longer = [&bytes[..], &[0xf8, 0x01, 0x01]].concat();
        let twice = [&bytes[..], &bytes[..]].concat();
        for other in [longer, twice] {
            assert!(read(&(other, value.clone())).is_err(), "{bytes:?}");
        }
    }
}
