//! The durable server beside `fdatasync` alone on the same disk: grants, writes, recovery.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use leaderserver::client::{LeaderClient, Store};
use leaderserver::core::config::{ClientConfig, Endpoint, Mode, Timing};
use leaderserver::core::ids::{Name, Revision};

use crate::Effort;
use crate::peers::{Peer, close};
use crate::report::Report;
use crate::server::ServerProcess;

const PATIENCE: Duration = Duration::from_secs(60);

/// About the size of a pointer to a checkpoint.
const VALUE: usize = 100;

/// A directory on the disk that is measured, next to what is built.
pub struct Place(PathBuf);

impl Place {
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}"));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn grants_and_writes(report: &mut Report, effort: Effort) {
    let place = Place::new("durable");
    let count = effort.rounds(2_000, 400);
    floor(report, &place.0, count);
    let server = ServerProcess::start_durable(&place.data());
    let peer = Peer::connect(&server.endpoint(), "a", Timing::default());
    let mut samples: Vec<Duration> = (0..count)
        .map(|_| {
            let started = Instant::now();
            let contender = peer.stand("dispatcher");
            peer.granted(&contender);
            let took = started.elapsed();
            close(&contender);
            peer.settle();
            took
        })
        .collect();
    report.percentiles("durable grant", &mut samples, Some(0.3));
    drop(peer);

    let mut writer = Writer::new(&server, 0);
    let mut samples: Vec<Duration> = (0..count)
        .map(|_| {
            let started = Instant::now();
            writer.write();
            started.elapsed()
        })
        .collect();
    report.percentiles("durable write of 100 bytes, one writer", &mut samples, Some(0.25));
    let seconds = effort.rounds(5, 2);
    for writers in [16, 64] {
        let rate = writes_per_second(&server, writers, Duration::from_secs(seconds as u64));
        report.at_least(
            &format!("durable writes of 100 bytes, {writers} writers"),
            rate,
            "1/s",
            (writers == 16).then_some(30_000.0),
        );
    }
}

/// What the disk takes for the least that is durable.
fn floor(report: &mut Report, directory: &Path, count: usize) {
    let mut file = File::create(directory.join("floor")).unwrap();
    // As a log that is written again and again: the file does not grow.
    file.write_all(&vec![0; 4096 * 64]).unwrap();
    file.sync_all().unwrap();
    let page = [7; 4096];
    let mut samples: Vec<Duration> = (0..count)
        .map(|round| {
            let started = Instant::now();
            file.seek(SeekFrom::Start(4096 * (round as u64 % 64))).unwrap();
            file.write_all(&page[..VALUE]).unwrap();
            // SAFETY: an open descriptor.
            assert_eq!(unsafe { libc::fdatasync(file.as_raw_fd()) }, 0);
            started.elapsed()
        })
        .collect();
    report.percentiles("write and fdatasync alone", &mut samples, None);
}

struct Writer {
    _client: LeaderClient,
    store: Store,
    key: String,
    version: Revision,
}

impl Writer {
    fn new(server: &ServerProcess, number: usize) -> Self {
        let config = ClientConfig {
            endpoint: Some(Endpoint::parse(&server.endpoint()).unwrap()),
            namespace: Some(Name::new("namespace", "/bench").unwrap()),
            name: Name::new("name", &format!("writer-{number}")).unwrap(),
            mode: Mode::PerComponent,
            ..ClientConfig::default()
        };
        let client = LeaderClient::open(config, None).unwrap();
        let contender = client.register(&format!("component-{number}"), 1).unwrap();
        while contender.take().is_none() {
            client.poll(&mut [0; 4], Duration::from_secs(1));
        }
        contender.done();
        let store = contender.store().unwrap();
        store.delete_prefix("", PATIENCE).unwrap();
        let version = store.create("key", Bytes::from(vec![b'x'; VALUE]), PATIENCE).unwrap();
        // It leads for as long as the client lives.
        std::mem::forget(contender);
        Writer { _client: client, store, key: "key".to_owned(), version }
    }

    fn write(&mut self) {
        let value = Bytes::from(vec![b'y'; VALUE]);
        self.version = self.store.replace(&self.key, self.version, value, PATIENCE).unwrap();
    }
}

/// Of writers that each wait for an answer before they write again.
fn writes_per_second(server: &ServerProcess, writers: usize, span: Duration) -> f64 {
    let (written, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let ready = Barrier::new(writers + 1);
    thread::scope(|scope| {
        for number in 0..writers {
            let (written, stop, ready) = (&written, &stop, &ready);
            scope.spawn(move || {
                let mut writer = Writer::new(server, 1 + number);
                ready.wait();
                while !stop.load(Ordering::Relaxed) {
                    writer.write();
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        ready.wait();
        let started = Instant::now();
        thread::sleep(span);
        let rate = written.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        rate
    })
}
