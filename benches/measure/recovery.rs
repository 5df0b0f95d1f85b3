//! How long a server with much to remember takes until it serves.

use std::time::{Duration, Instant};

use bytes::Bytes;
use leaderserver::core::config::{Mode, Timing};
use leaderserver::core::election::Leader;
use leaderserver::core::ids::{
    Candidacy, Epoch, Incarnation, LeaderSessionId, Name, Revision, SessionId, SessionToken,
};
use leaderserver::core::records::{Change, ElectionRecord, Head, Record, RecordKey, SessionRecord};
use leaderserver::core::store::Entry;
use leaderserver::server::storage::{self, Storage};

use crate::Effort;
use crate::durable::Place;
use crate::report::{Report, millis};
use crate::server::ServerProcess;

const SESSIONS: u64 = 10_000;
const NAMESPACES: u64 = 1_000;
const ENTRIES: u64 = 100_000;
const VALUE: usize = 1_000;

/// 10 000 sessions, a leader in each of 1 000 namespaces, and 100 MB of store.
pub fn of_much(report: &mut Report, effort: Effort) {
    let place = Place::new("recovery");
    fill(&place);
    let data = place.data();
    let start = |killed: bool| {
        let started = Instant::now();
        let server = ServerProcess::start_durable(&data);
        let took = started.elapsed();
        if killed {
            drop(server)
        } else {
            server.stop()
        };
        took
    };
    let rounds = effort.rounds(5, 2);
    // The first reads what was closed in good order; each of the others what was killed.
    let closed: Vec<Duration> = (0..rounds).map(|_| start(false)).collect();
    start(true);
    let killed: Vec<Duration> = (0..rounds).map(|_| start(true)).collect();
    for (name, mut times) in [("a stop", closed), ("kill -9", killed)] {
        times.sort_unstable();
        let median = millis(times[times.len() / 2]);
        report.row(&format!("start to serving, after {name}, 100 MB"), median, "ms", Some(1000.0));
    }
}

fn fill(place: &Place) {
    let (mut storage, _) = Storage::open(&place.data()).unwrap();
    let name = |text: String| Name::new("name", &text).unwrap();
    let namespace = |number: u64| name(format!("/cluster-{}", number % NAMESPACES));
    let mut changes = vec![Change::new(
        &RecordKey::Head,
        Some(&Record::Head(Head {
            incarnation: Incarnation(1),
            last_epoch: Epoch(NAMESPACES),
            sessions_below: SessionId(SESSIONS),
            revision: Revision(ENTRIES),
            settled: true,
        })),
    )];
    for number in 0..NAMESPACES {
        let leader = Some(Leader {
            session: SessionId(number + 1),
            id: LeaderSessionId { epoch: Epoch(number + 1), low: 1 },
            candidacy: Candidacy(1),
        });
        let key = RecordKey::Namespace(namespace(number));
        changes.push(Change::new(&key, Some(&Record::Namespace(Mode::PerProcess))));
        let (namespace, election) = (namespace(number), Name::process_election());
        let record = ElectionRecord { last_granted: Epoch(number + 1), leader };
        let key = RecordKey::Election { namespace, election };
        changes.push(Change::new(&key, Some(&Record::Election(record))));
    }
    for number in 0..SESSIONS {
        let record = SessionRecord {
            token: SessionToken(u128::from(number)),
            name: name(format!("{number}@host")),
            namespace: namespace(number),
            timing: Timing::default(),
            local: false,
        };
        let key = RecordKey::Session(SessionId(number + 1));
        changes.push(Change::new(&key, Some(&Record::Session(record))));
    }
    commit(&mut storage, changes);
    for thousand in 0..ENTRIES / 1_000 {
        let entries = (thousand * 1_000..(thousand + 1) * 1_000).map(|number| {
            let key = RecordKey::Entry {
                namespace: namespace(number),
                election: Name::process_election(),
                key: name(format!("jobs/{number:032x}/checkpoints/{number:019}")),
            };
            let value = Bytes::from(vec![(number % 251) as u8; VALUE]);
            Change::new(&key, Some(&Record::Entry(Entry { version: Revision(number), value })))
        });
        commit(&mut storage, entries.collect());
    }
}

fn commit(storage: &mut Storage, changes: Vec<Change>) {
    let changes: Vec<storage::Change> =
        changes.into_iter().map(|Change { key, value }| storage::Change { key, value }).collect();
    storage.commit(&changes).unwrap();
}
