//! Log records wait here, in one bounded queue per loaded library, until they are fetched.
//!
//! A thread that logs formats its record and puts it into the queue: it wakes nobody, waits for
//! nobody and calls nobody, so it may log at any moment, even while the process ends. Nothing here
//! is thread-local or has a destructor that runs at exit.

use std::collections::VecDeque;

use log::{Level, LevelFilter, Log, Metadata};

use crate::sync::{Mutex, OnceLock};

/// How many records wait at the most.
pub const CAPACITY: usize = 4096;

/// How long a message may be, in bytes; the rest is cut off.
pub const MAX_MESSAGE: usize = 8 * 1024;

/// The crate whose records are taken at every level; of others only warnings and errors.
const OUR_TARGET: &str = "leaderserver";

static LOGGER: QueueLogger = QueueLogger { queue: LogQueue::new(CAPACITY) };

struct QueueLogger {
    queue: LogQueue,
}

/// One log record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// How bad.
    pub level: Level,
    /// Where it comes from, like `leaderserver::client`.
    pub target: String,
    /// What it says.
    pub message: String,
}

/// A bounded queue of records. When it is full the oldest goes, and the next to be taken says how
/// many went.
pub struct LogQueue {
    capacity: usize,
    inner: Mutex<Inner>,
}

struct Inner {
    records: VecDeque<LogRecord>,
    dropped: u64,
}

/// Sets the most verbose level recorded: 0 off, 1 error … 5 trace; what lies outside counts as the
/// nearest. Begins to record at the first call. Where the process has another logger in this copy
/// of the library, as the command line has, that one is left alone.
pub fn set_level(level: i32) {
    static OURS: OnceLock<bool> = OnceLock::new();
    if *OURS.get_or_init(|| log::set_logger(&LOGGER).is_ok()) {
        log::set_max_level(filter_of(level));
    }
}

/// Takes the oldest record. Does not wait.
pub fn take() -> Option<LogRecord> {
    LOGGER.queue.take()
}

/// The number of a level, as in [`set_level`].
pub fn number_of(level: Level) -> i32 {
    level as i32
}

fn filter_of(level: i32) -> LevelFilter {
    match level {
        ..=0 => LevelFilter::Off,
        1 => LevelFilter::Error,
        2 => LevelFilter::Warn,
        3 => LevelFilter::Info,
        4 => LevelFilter::Debug,
        5.. => LevelFilter::Trace,
    }
}

fn is_ours(target: &str) -> bool {
    let rest = target.strip_prefix(OUR_TARGET);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

impl Log for QueueLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let wanted = metadata.level() <= log::max_level();
        wanted && (metadata.level() <= Level::Warn || is_ours(metadata.target()))
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // Formatting runs code of others: before the lock is taken.
        let message = record.args().to_string();
        let target = record.target().to_owned();
        self.queue.push(LogRecord { level: record.level(), target, message });
    }

    fn flush(&self) {}
}

impl LogQueue {
    /// An empty queue for so many records (at least one).
    pub const fn new(capacity: usize) -> Self {
        let inner = Inner { records: VecDeque::new(), dropped: 0 };
        LogQueue { capacity, inner: Mutex::new(inner) }
    }

    /// Puts a record at the end.
    pub fn push(&self, mut record: LogRecord) {
        if record.message.len() > MAX_MESSAGE {
            let is_boundary = |at: &usize| record.message.is_char_boundary(*at);
            let end = (0..=MAX_MESSAGE).rev().find(is_boundary);
            record.message.truncate(end.unwrap_or(0));
            record.message.push('…');
        }
        let mut inner = self.inner.lock();
        if inner.records.len() >= self.capacity {
            inner.records.pop_front();
            inner.dropped += 1;
        }
        inner.records.push_back(record);
    }

    /// Takes the oldest record, or first the news that older ones are gone.
    pub fn take(&self) -> Option<LogRecord> {
        let mut inner = self.inner.lock();
        if inner.dropped == 0 {
            return inner.records.pop_front();
        }
        let dropped = std::mem::take(&mut inner.dropped);
        Some(LogRecord {
            level: Level::Warn,
            target: module_path!().to_owned(),
            message: format!(
                "{dropped} log records are lost: more than {} came before they were fetched",
                self.capacity
            ),
        })
    }
}
