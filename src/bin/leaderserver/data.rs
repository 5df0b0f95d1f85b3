//! `leaderserver check`, `backup` and `restore`.

use std::io::{self, Write};
use std::path::Path;

use leaderserver::clock;
use leaderserver::core::ids::{Epoch, Incarnation};
use leaderserver::core::records::begin_anew;
use leaderserver::runtime;
use leaderserver::server::storage::{self, Report};
use serde_json::json;

use crate::args::{BackupArgs, CheckArgs, RestoreArgs};
use crate::output::Failure;

/// Looks at a data directory or a backup.
pub fn check(options: &CheckArgs) -> Result<(), Failure> {
    let report = storage::check(&options.path)?;
    let covered = match report.every_byte {
        true => "every byte is what was written",
        false => "all that its records depend on is what was written",
    };
    say(&options.path, &report, &format!("is sound: {covered}"), options.json)
}

/// Writes a backup.
pub fn backup(options: &BackupArgs) -> Result<(), Failure> {
    let report = storage::backup(&options.directory, &options.to)?;
    say(&options.to, &report, "is a backup", options.json)
}

/// Makes a data directory from a backup.
pub fn restore(options: &RestoreArgs) -> Result<(), Failure> {
    let (low, high) = {
        let seed = runtime::random_seed();
        let half = |from: usize| seed[from..from + 8].iter().fold(0, |n, b| n << 8 | u64::from(*b));
        (half(0), half(8))
    };
    let incarnation = Incarnation((u128::from(high) << 64 | u128::from(low)).max(1));
    let first_epoch = Epoch(clock::wall_micros());
    let mut refused = None;
    let report = storage::restore(&options.from, &options.directory, |records| {
        begin_anew(records, incarnation, first_epoch).unwrap_or_else(|error| {
            refused = Some(error);
            Vec::new()
        })
    });
    if let Some(error) = refused {
        return Err(Failure::new(format!("{}: {error}", options.from.display())));
    }
    let what = "is a new data directory: a new incarnation, without sessions";
    say(&options.directory, &report?, what, options.json)
}

fn say(path: &Path, report: &Report, what: &str, json: bool) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if json {
        let object = json!({
            "path": path.display().to_string(),
            "format": report.format,
            "records": report.records,
            "bytes": report.bytes,
            "commits": report.commits,
            "file_bytes": report.file_bytes,
            "every_byte": report.every_byte,
        });
        writeln!(out, "{object}")?;
    } else {
        let Report { records, bytes, commits, .. } = report;
        writeln!(
            out,
            "{} {what}; {records} records, {bytes} bytes, after {commits} commits",
            path.display()
        )?;
    }
    Ok(())
}
