//! Logs to stderr: a line for each record, with the time of day.

use std::io::Write;

use leaderserver::clock;
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::text;

struct Stderr {
    /// For the crates below us: they are quiet unless asked.
    others: LevelFilter,
}

/// Begins to log: info and above, more or less of it by how often `-v` or `-q` was said.
pub fn install(verbose: u8, quiet: u8) {
    let level = match (verbose, quiet) {
        (0, 0) => LevelFilter::Info,
        (0, 1) => LevelFilter::Warn,
        (0, _) => LevelFilter::Error,
        (1, _) => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    let others = if verbose > 1 { LevelFilter::Trace } else { level.min(LevelFilter::Warn) };
    log::set_boxed_logger(Box::new(Stderr { others }))
        .expect("main installs the only logger, once");
    log::set_max_level(level);
}

/// Says why a command failed.
pub fn complain(reason: &str) {
    // There is nobody left to tell if stderr is closed.
    let _ = writeln!(std::io::stderr(), "error: {reason}");
}

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let own = target == "leaderserver" || target.starts_with("leaderserver::");
        own || metadata.level() <= self.others
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let time = text::utc(clock::wall_micros());
        let level = match record.level() {
            Level::Error => "ERROR",
            Level::Warn => "WARN ",
            Level::Info => "INFO ",
            Level::Debug => "DEBUG",
            Level::Trace => "TRACE",
        };
        // Names come from clients: nothing of theirs may write over a terminal or fake a line.
        let words = text::printable(&record.args().to_string());
        let line = format!("{time} {level} {words}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}
