//! Records that were changed on the way are refused or do no harm, but never make anything panic
//! (P10).

use std::collections::BTreeMap;

use bytes::Bytes;
use leaderserver::core::config::{Mode, ServerConfig, Timing};
use leaderserver::core::ids::{
    Candidacy, ClientId, ConnectionId, Epoch, Incarnation, Name, Revision, SessionId,
};
use leaderserver::core::name_service::{ConnectionEnd, NameService, Output, Peer};
use leaderserver::core::records::{self, Change, Record, RecordError, StoredRecord};
use leaderserver::core::store::{Fence, Operation, OperationKind, Query, Write, WriteId};
use leaderserver::core::time::Moment;
use leaderserver::core::wire::message::{
    Addresses, ClientMessage, Hello, Resume, ServerMessage, Welcome,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::records::{read, write};
use crate::clock::ms;
use crate::world::name;

/// A durable server, its disk, and clients who say anything.
struct Bench {
    service: NameService,
    disk: BTreeMap<Vec<u8>, Vec<u8>>,
    now: Moment,
    rng: ChaCha8Rng,
    welcomes: Vec<Welcome>,
    /// What was granted last.
    granted: Vec<(Name, Epoch)>,
    connections: u64,
}

impl Bench {
    fn restore(records: Vec<StoredRecord>, seed: u64) -> Result<Self, RecordError> {
        let config = ServerConfig { cold: true, ..ServerConfig::default() };
        let now = Moment::from_nanos(1_000_000_000_000);
        let service =
            NameService::restore(&config, [7; 32], Epoch(100), now, records.iter().cloned())?;
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let disk = records.into_iter().collect();
        let (welcomes, granted) = (Vec::new(), Vec::new());
        Ok(Bench { service, disk, now, rng, welcomes, granted, connections: 0 })
    }

    fn pick(&mut self, most: u64) -> u64 {
        self.rng.next_u64() % (most + 1)
    }

    fn name(&mut self) -> Name {
        name(["process", "dispatcher", "rest_server"][self.pick(2) as usize])
    }

    /// Lets anything be said for a while.
    fn live(&mut self, steps: u64) {
        self.record();
        for _ in 0..steps {
            let pause = self.pick(400);
            self.now = self.now + ms(pause);
            if self.pick(3) == 0 || self.connections == 0 {
                self.opens();
            } else {
                let conn = ConnectionId(1 + self.pick(self.connections - 1));
                if self.pick(19) == 0 {
                    self.service.handle_disconnected(self.now, conn, ConnectionEnd::Peer);
                } else {
                    let message = self.any_message();
                    self.service.handle_message(self.now, conn, message);
                }
            }
            self.listen();
            if self.service.poll_timeout().is_some_and(|moment| moment <= self.now) {
                self.service.handle_timeout(self.now);
            }
            if self.pick(2) == 0 {
                self.record();
            }
            self.service.status(self.now, None);
        }
        self.record();
    }

    fn record(&mut self) {
        while let Some(changes) = self.service.poll_commit(self.now) {
            for Change { key, value } in changes {
                match value {
                    Some(value) => drop(self.disk.insert(key, value)),
                    None => drop(self.disk.remove(&key)),
                }
            }
            self.service.handle_committed(self.now);
            self.listen();
        }
    }

    fn listen(&mut self) {
        while let Some(output) = self.service.poll_output() {
            let Output::Send { message, .. } = output else { continue };
            match message {
                ServerMessage::Welcome(welcome) => self.welcomes.push(*welcome),
                ServerMessage::Granted { election, id, .. } => {
                    self.granted.push((election, id.epoch));
                }
                _ => {}
            }
        }
    }

    fn opens(&mut self) {
        self.connections += 1;
        let conn = ConnectionId(self.connections);
        let peer = match self.pick(7) {
            0 => Peer::Local,
            number => {
                let peer = format!("c:{number}");
                Peer::Remote(Addresses { local: "s:1".to_owned(), peer })
            }
        };
        self.service.handle_connected(self.now, conn, peer);
        let known = self.welcomes.len() as u64;
        let former = if known > 0 && self.pick(1) == 0 {
            let place = self.pick(known - 1) as usize;
            self.welcomes[place].session.map(|session| (session, &self.welcomes[place]))
        } else {
            None
        };
        let hello = Hello {
            min_version: 1,
            max_version: 1,
            namespace: Some(name(["/flink", "/other"][self.connections as usize % 2])),
            name: name("c"),
            timing: Timing { session_timeout: ms(20_000), disconnect_grace: ms(1000) },
            resume: former.map(|((session, token), _)| Resume {
                session,
                token,
                attempt: self.connections,
            }),
            seen: former.map(|(_, welcome)| (welcome.incarnation, welcome.revision)),
            highest_epoch: Epoch(0),
            addresses: None,
            leading: Vec::new(),
        };
        self.service.handle_message(self.now, conn, ClientMessage::Hello(Box::new(hello)));
    }

    fn any_message(&mut self) -> ClientMessage {
        let last = self.granted.last().cloned();
        let (election, epoch) = last.unwrap_or((name("process"), Epoch(101)));
        let component = self.name();
        let request = self.pick(1000);
        match self.pick(13) {
            0..5 => {
                let candidacy = Candidacy(self.pick(2));
                ClientMessage::Join { election: component, mode: Mode::PerComponent, candidacy }
            }
            5 => ClientMessage::Leave { election: component },
            6 => ClientMessage::SteppedDown { election, epoch },
            7 | 8 => {
                let address = Bytes::from(vec![b'x'; self.pick(20) as usize]);
                ClientMessage::Publish { election, epoch, component, address }
            }
            9 => ClientMessage::Watch { component },
            10 => ClientMessage::Goodbye,
            11 => {
                let prefix = String::new();
                let query = Query::List { election, prefix, after: None, values: true };
                ClientMessage::Query { request, query }
            }
            _ => {
                let key = name(&format!("key-{}", self.pick(9)));
                let value = Bytes::from(vec![b'v'; self.pick(30) as usize]);
                let kind = match self.pick(3) {
                    0 => OperationKind::DeletePrefix { prefix: "key-1".to_owned() },
                    1 => OperationKind::Delete { key, version: None },
                    _ => OperationKind::Create { key, value },
                };
                let write = Write {
                    id: WriteId { client: ClientId(3), sequence: 1 + self.pick(1 << 40) },
                    had_below: 0,
                    age_ms: 0,
                    incarnation: self.service.incarnation(),
                    fences: vec![Fence { election: election.clone(), epoch }],
                    operations: vec![Operation { election, kind }],
                };
                ClientMessage::Write { request, write: Box::new(write) }
            }
        }
    }

    fn records(&self) -> Vec<StoredRecord> {
        self.disk.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

/// What some server has recorded.
pub(super) fn some_records(seed: u64) -> Vec<StoredRecord> {
    let mut bench = Bench::restore(Vec::new(), seed).expect("there is nothing to go on from");
    bench.live(120);
    bench.records()
}

/// Whatever happens to the bytes: an error, or a server that serves.
#[test]
fn p10_changed_records_are_refused_or_do_no_harm() {
    let mut refused = 0;
    for seed in 0..600 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut records = some_records(seed % 20);
        for _ in 0..=rng.next_u32() % 3 {
            damage(&mut records, &mut rng);
        }
        match Bench::restore(records.clone(), seed) {
            Ok(mut bench) => bench.live(80),
            Err(_) => refused += 1,
        }
        // A backup may have been changed, too.
        if let Ok(anew) = records::begin_anew(records, Incarnation(5), Epoch(1))
            && let Ok(mut bench) = Bench::restore(anew, seed)
        {
            bench.live(40);
        }
    }
    assert!(refused > 100, "only {refused} of 600");
}

fn damage(records: &mut Vec<StoredRecord>, rng: &mut ChaCha8Rng) {
    let mut pick = |below: usize| rng.next_u64() as usize % below.max(1);
    let (place, other) = (pick(records.len()), pick(records.len()));
    match pick(8) {
        0 => drop(records.remove(place)),
        1 => records[place].1 = records[other].1.clone(),
        2 => records[place].0 = records[other].0.clone(),
        3 => {
            let length = pick(records[place].1.len());
            records[place].1.truncate(length);
        }
        4 => {
            let byte = pick(records[place].0.len());
            records[place].0[byte] ^= 1 << pick(8);
        }
        5 | 6 if !records[place].1.is_empty() => {
            let byte = pick(records[place].1.len());
            records[place].1[byte] ^= 1 << pick(8);
        }
        _ => {
            let number = [0, 1, 5, 1 << 40, 1 << 62, u64::MAX - 1, u64::MAX][pick(7)];
            if let Ok((key, mut record)) = read(&records[place]) {
                renumber(&mut record, number, pick(3));
                records[place] = write(&key, &record);
            }
        }
    }
}

/// Another number in one of a record's fields.
fn renumber(record: &mut Record, number: u64, field: usize) {
    match record {
        Record::Head(head) => match field {
            0 => head.last_epoch = Epoch(number),
            1 => head.sessions_below = SessionId(number),
            _ => head.revision = Revision(number),
        },
        Record::Session(session) => session.timing.session_timeout = ms(number),
        Record::Election(election) => match &mut election.leader {
            Some(leader) if field == 0 => leader.session = SessionId(number),
            Some(leader) if field == 1 => leader.id.epoch = Epoch(number),
            _ => election.last_granted = Epoch(number),
        },
        Record::Component(component) => component.revision = Revision(number),
        Record::Entry(entry) => entry.version = Revision(number),
        Record::Answer(written) => written.revision = Revision(number),
        Record::Namespace(mode) => *mode = Mode::PerProcess,
    }
}
