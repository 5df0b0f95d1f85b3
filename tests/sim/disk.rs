//! The disk of a durable server: what is recorded, how long that takes, and what goes wrong with it.
//!
//! A commit is all or nothing, as the storage guarantees; a crash in the middle of one leaves either.
//! The server's thread for the disk is here, too: one batch at a time, and its answer goes through
//! the server's inbox as everything else does.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use leaderserver::core::records::{self, Change, Head, Record, RecordKey, StoredRecord};

use crate::clock::nanos;
use crate::server::Input;
use crate::world::{Event, World};

/// What outlives the server.
pub struct Disk {
    /// As the storage keeps it.
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The same, read.
    pub known: BTreeMap<RecordKey, Record>,
    /// How long a commit takes, in nanoseconds.
    pub latency: (u64, u64),
    /// Nothing is finished for now.
    pub stalled: bool,
    /// Commits fail.
    pub full: bool,
    /// What a crash leaves of the batch that is on its way; where it does not say, chance decides.
    pub keeps: Option<bool>,
    /// The server is killed at that point of a commit.
    pub trap: Option<Trap>,
    /// It does not do what it says.
    pub faithless: Option<Faithless>,
    /// How many commits there were.
    pub commits: u64,
    in_flight: Option<Batch>,
    batches: u64,
}

/// A batch on its way.
struct Batch {
    number: u64,
    changes: Vec<Change>,
    /// It would have been finished, but for a stall.
    due: bool,
    /// It was carried out, or has failed, and the server is yet to hear so.
    over: bool,
}

/// What no disk may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faithless {
    /// What it says to have is gone: it was never synced.
    Forgets,
    /// It keeps half a batch.
    Tears,
}

/// Where a server may be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// The batch was handed over.
    Before,
    /// It is on the disk, and the server has not heard so.
    Between,
    /// The server has heard so, and has said what waited for it.
    After,
}

impl Disk {
    pub fn new(latency: (u64, u64)) -> Self {
        Disk {
            records: BTreeMap::new(),
            known: BTreeMap::new(),
            latency,
            stalled: false,
            full: false,
            keeps: None,
            trap: None,
            faithless: None,
            commits: 0,
            in_flight: None,
            batches: 0,
        }
    }

    pub fn records(&self) -> Vec<StoredRecord> {
        self.records.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Another disk's records take the place of these.
    pub fn replace(&mut self, records: Vec<StoredRecord>) {
        self.known = records.iter().map(|(key, value)| decode(key, value)).collect();
        self.records = records.into_iter().collect();
    }

    pub fn head(&self) -> Option<Head> {
        match self.known.get(&RecordKey::Head) {
            Some(Record::Head(head)) => Some(*head),
            _ => None,
        }
    }

    /// Whether there is anything in a store.
    pub fn has_keys(&self) -> bool {
        self.known.keys().any(|key| matches!(key, RecordKey::Entry { .. }))
    }

    fn apply(&mut self, changes: &[Change]) {
        self.commits += 1;
        for Change { key, value } in changes {
            match value {
                Some(value) => {
                    let (known, record) = decode(key, value);
                    self.known.insert(known, record);
                    self.records.insert(key.clone(), value.clone());
                }
                None => {
                    if let Some(value) = self.records.remove(key) {
                        self.known.remove(&decode(key, &value).0);
                    }
                }
            }
        }
    }
}

fn decode(key: &[u8], value: &[u8]) -> (RecordKey, Record) {
    records::decode(key, Bytes::copy_from_slice(value)).expect("what is recorded can be read")
}

impl World {
    /// The disk of this world's servers, which are durable.
    pub fn disk(&mut self) -> &mut Disk {
        self.disk.as_mut().expect("the server is durable")
    }

    /// Hands the next batch to the disk, if it is idle: after each round of inputs.
    pub(crate) fn record(&mut self) {
        let (Some(server), Some(disk)) = (&mut self.server, &mut self.disk) else { return };
        let Some(changes) = server.service.poll_commit(server.clock.at(self.now)) else { return };
        assert!(disk.in_flight.is_none(), "one batch at a time");
        disk.batches += 1;
        let (number, latency) = (disk.batches, disk.latency);
        let size = changes.len() as u64;
        disk.in_flight = Some(Batch { number, changes, due: false, over: false });
        self.say("records", [number, size], || format!("batch {number}, {size} changes"));
        let takes = self.pick(latency);
        self.after(takes, Event::Disk { batch: number });
        self.trap(Trap::Before);
    }

    /// A batch is finished, unless the disk is stalled, or its server was killed meanwhile.
    pub(crate) fn disk_finishes(&mut self, number: u64) {
        let one_in_four = self.once_in(4);
        let Some(disk) = &mut self.disk else { return };
        let Some(batch) = disk.in_flight.as_mut().filter(|b| b.number == number && !b.over) else {
            return;
        };
        if disk.stalled {
            batch.due = true;
            return;
        }
        batch.over = true;
        let full = disk.full;
        if full {
            self.truth.seen.count("a batch fails");
        }
        let batch = disk.in_flight.as_mut().expect("looked up above");
        if !full || one_in_four {
            // Where the sync failed, it may be there all the same.
            let mut changes = std::mem::take(&mut batch.changes);
            match disk.faithless {
                Some(Faithless::Forgets) => changes.clear(),
                Some(Faithless::Tears) => changes.truncate(changes.len() / 2),
                None => {}
            }
            self.carry_out_batch(&changes);
        }
        self.say("disk", [number, u64::from(full)], || format!("batch {number}, full: {full}"));
        let result = if full { Err("no room on the device".to_owned()) } else { Ok(()) };
        self.server_input(Input::Committed(number, result));
        self.trap(Trap::Between);
    }

    /// The server hears of it.
    pub(crate) fn batch_is_over(&mut self, number: u64) -> bool {
        let Some(disk) = &mut self.disk else { return false };
        disk.in_flight.take_if(|batch| batch.number == number).is_some()
    }

    fn carry_out_batch(&mut self, changes: &[Change]) {
        let disk = self.disk();
        let before = disk.known.clone();
        disk.apply(changes);
        self.check_recorded(&before);
    }

    /// Kills the server if this is the point at which it was to be killed.
    pub(crate) fn trap(&mut self, point: Trap) {
        let trapped = self.disk.as_mut().and_then(|disk| disk.trap.take_if(|trap| *trap == point));
        if let Some(trap) = trapped {
            self.count(match trap {
                Trap::Before => "fault: the server is killed once a batch is handed over",
                Trap::Between => "fault: the server is killed before it hears of a batch",
                Trap::After => "fault: the server is killed after it has said what waited",
            });
            // Not from within its own step.
            self.after(0, Event::KillServer { life: self.lives });
        }
    }

    /// The server was killed: its batch is on the disk, or it is not.
    pub(crate) fn crash_disk(&mut self) {
        let chance = self.once_in(2);
        let Some(disk) = &mut self.disk else { return };
        let keeps = disk.keeps.unwrap_or(chance);
        if let Some(batch) = disk.in_flight.take()
            && !batch.over
        {
            let number = batch.number;
            self.say("crash", [number, u64::from(keeps)], || format!("{number} kept: {keeps}"));
            self.count(if keeps {
                "a crash leaves the batch that was on its way"
            } else {
                "a crash loses the batch that was on its way"
            });
            if keeps {
                self.carry_out_batch(&batch.changes);
            }
        }
    }

    /// The first batch of a server, which it waits for before it serves. Answers whether it is
    /// recorded.
    pub(crate) fn record_at_start(&mut self) -> bool {
        let disk = self.disk();
        if disk.full || disk.stalled {
            return false;
        }
        let Some(server) = &mut self.server else { return false };
        let moment = server.clock.at(self.now);
        if let Some(changes) = server.service.poll_commit(moment) {
            self.carry_out_batch(&changes);
            let server = self.server.as_mut().expect("it has just started");
            server.service.handle_committed(moment);
        }
        true
    }

    // --- Faults

    /// Nothing is finished until it is told to go on.
    pub fn stall_disk(&mut self) {
        self.count("fault: the disk stands still");
        self.say("disk stalls", [0; 2], String::new);
        self.disk().stalled = true;
    }

    pub fn stall_disk_for(&mut self, duration: Duration) {
        self.stall_disk();
        self.after(nanos(duration), Event::DiskGoesOn);
    }

    pub fn disk_goes_on(&mut self) {
        let Some(disk) = &mut self.disk else { return };
        disk.stalled = false;
        let due = disk.in_flight.as_ref().filter(|batch| batch.due).map(|batch| batch.number);
        self.say("disk goes on", [0; 2], String::new);
        if let Some(batch) = due {
            self.after(0, Event::Disk { batch });
        }
    }

    pub fn fill_disk(&mut self, full: bool) {
        if full {
            self.count("fault: the disk is full");
        }
        self.say("disk full", [u64::from(full), 0], || format!("{full}"));
        self.disk().full = full;
    }
}
