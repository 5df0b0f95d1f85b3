//! Nothing acknowledged is ever lost, and no leadership with it: the server is killed at random
//! moments while leaders write.
//!
//! `KILLS=5000 cargo test --test durable kills -- --nocapture` for more of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use leaderserver::client::{LeaderClient, Store};
use leaderserver::core::error::Error;
use leaderserver::core::ids::Revision;
use leaderserver::core::store::StoreError;

use crate::program::{PATIENCE, Place, client, lead, next};

const WRITERS: usize = 6;

/// A writer's key, and what is known of it: its number goes up by one with each write.
struct Writer {
    store: Store,
    key: String,
    acknowledged: u64,
    version: Revision,
}

impl Writer {
    fn new(client: &LeaderClient, store: Store, number: usize) -> Self {
        let key = format!("key-{number}");
        let version = store.create(&key, number_of(0), PATIENCE).unwrap();
        // Somebody else reads it, over a session of its own.
        drop(client.status(PATIENCE).unwrap());
        Writer { store, key, acknowledged: 0, version }
    }

    /// Writes the next number. Every retry inside answers as the first attempt would have: the
    /// version is the one that this writer was told last, so that a write applied twice shows.
    fn write(&mut self) {
        let next = self.acknowledged + 1;
        match self.store.replace(&self.key, self.version, number_of(next), PATIENCE) {
            Ok(version) => {
                assert!(version > self.version, "{version:?} after {:?}", self.version);
                self.version = version;
                self.acknowledged = next;
            }
            Err(error) => panic!("{} {next}: {error}", self.key),
        }
    }

    fn check(&self) {
        let found = self.store.get(&self.key, PATIENCE).unwrap().expect("it was created");
        assert_eq!(found.value, number_of(self.acknowledged), "{}", self.key);
        assert_eq!(found.version, self.version, "{}", self.key);
    }
}

fn number_of(number: u64) -> Bytes {
    Bytes::from(number.to_string())
}

/// LESSONS 14, R10, R11, R16, P5: whatever was answered is there after kill -9, a write whose answer
/// was lost is answered as the first would have been, and no leader is revoked.
#[test]
fn kills_lose_nothing_that_was_acknowledged() {
    let kills: u64 = std::env::var("KILLS").map_or(150, |kills| kills.parse().unwrap());
    let place = Place::new("kills");
    let mut server = Some(place.serve());
    let stop = AtomicBool::new(false);
    let written = AtomicU64::new(0);
    let started = Instant::now();
    thread::scope(|scope| {
        for number in 0..WRITERS {
            let (endpoint, stop, written) = (place.endpoint(), &stop, &written);
            scope.spawn(move || {
                let client = client(&endpoint, &format!("writer-{number}"));
                let contender = client.register(&format!("component-{number}"), 1).unwrap();
                let id = lead(&client, &contender);
                let store = contender.store().expect("it was told of its grant");
                let mut writer = Writer::new(&client, store, number);
                while !stop.load(Ordering::Relaxed) {
                    writer.write();
                    written.fetch_add(1, Ordering::Relaxed);
                    if writer.acknowledged.is_multiple_of(16) {
                        writer.check();
                    }
                    assert!(contender.has_leadership(id), "{number} leads no more");
                }
                writer.check();
                assert_eq!(next(&client, &contender, Duration::ZERO), None, "{number}: revoked");
                assert_eq!(fenced(&client, number), "fenced", "an earlier epoch writes nothing");
                client.close(PATIENCE);
            });
        }
        let mut pause = Pauses(0x9E37_79B9_7F4A_7C15);
        for _ in 0..kills {
            let enough = written.load(Ordering::Relaxed) + pause.next(48);
            // At random moments, but some writes are on their way.
            while written.load(Ordering::Relaxed) < enough {
                thread::sleep(Duration::from_micros(pause.next(900)));
            }
            server.take().expect("it runs").kill();
            server = Some(place.serve());
        }
        stop.store(true, Ordering::Relaxed);
    });
    let written = written.load(Ordering::Relaxed);
    println!("{kills} kills, {written} writes, {:?}", started.elapsed());
    server.expect("it runs").stop();
}

/// Numbers that are random enough, and the same in each run.
struct Pauses(u64);

impl Pauses {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// What somebody gets who writes under an epoch before the present one.
fn fenced(client: &LeaderClient, number: usize) -> &'static str {
    let election = format!("component-{number}");
    let earlier = leaderserver::core::ids::Epoch(1);
    let store = client.store(&election, &[(&election, earlier)]).unwrap();
    match store.create("other", Bytes::new(), PATIENCE) {
        Err(Error::Store(StoreError::Fenced { .. })) => "fenced",
        other => panic!("{other:?}"),
    }
}
