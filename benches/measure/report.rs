//! Rows on stdout, and the same as JSON.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

/// One group's rows.
pub struct Report {
    group: &'static str,
    rows: Vec<Value>,
}

/// What is aimed at: at most so much.
pub type Aim = Option<f64>;

/// Where we are, and how busy the machine is.
pub fn introduce(quick: bool) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let effort = if quick { "quick" } else { "full" };
    println!("{effort} run on {cores} cores, load {}", load());
    if load().split('.').next() != Some("0") {
        println!("something else runs: these figures say little");
    }
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}

impl Report {
    pub fn new(group: &'static str) -> Self {
        println!("\n{group:<66} {:>13}   aim", "measured");
        Report { group, rows: Vec::new() }
    }

    /// One figure.
    pub fn row(&mut self, name: &str, value: f64, unit: &str, aim: Aim) {
        let shown = format!("{value:.*} {unit}", digits(value));
        let aim_shown = match aim {
            Some(most) => {
                let word = if value <= most { "reached" } else { "MISSED" };
                format!("<= {most:.*} {unit}  {word}", digits(most))
            }
            None => "-".to_owned(),
        };
        println!("  {name:<64} {shown:>13}   {aim_shown}");
        self.rows.push(json!({ "name": name, "value": value, "unit": unit, "aim": aim }));
    }

    /// One figure that is to be high.
    pub fn at_least(&mut self, name: &str, value: f64, unit: &str, aim: Aim) {
        let shown = format!("{value:.*} {unit}", digits(value));
        let aim_shown = match aim {
            Some(least) => {
                let word = if value >= least { "reached" } else { "MISSED" };
                format!(">= {least:.*} {unit}  {word}", digits(least))
            }
            None => "-".to_owned(),
        };
        println!("  {name:<64} {shown:>13}   {aim_shown}");
        self.rows.push(json!({ "name": name, "value": value, "unit": unit, "at_least": aim }));
    }

    /// Median and 99th percentile, in milliseconds; the aim is the median's.
    pub fn percentiles(&mut self, name: &str, samples: &mut [Duration], aim: Aim) {
        let rounds = samples.len();
        self.row(&format!("{name}, p50 of {rounds}"), percentile(samples, 50), "ms", aim);
        self.row(&format!("{name}, p99"), percentile(samples, 99), "ms", None);
    }

    /// Something in words.
    pub fn note(&mut self, text: &str) {
        println!("  ({text})");
        self.rows.push(json!({ "note": text }));
    }

    pub fn save(self, quick: bool) {
        let folder = output_folder();
        let all = json!({
            "group": self.group,
            "version": env!("CARGO_PKG_VERSION"),
            "quick": quick,
            "load": load(),
            "rows": self.rows,
        });
        let path = folder.join(format!("{}.json", self.group));
        std::fs::create_dir_all(&folder).expect("target/ can be written to");
        std::fs::write(&path, format!("{all:#}\n")).expect("target/ can be written to");
    }
}

/// `target/bench`, wherever the target folder is.
fn output_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench")
}

/// Three figures that mean something.
fn digits(value: f64) -> usize {
    match value.abs() {
        0.0 => 0,
        v if v < 1.0 => 3,
        v if v < 10.0 => 2,
        v if v < 100.0 => 1,
        _ => 0,
    }
}

/// In milliseconds.
pub fn percentile(samples: &mut [Duration], percent: usize) -> f64 {
    samples.sort_unstable();
    let index = (samples.len() * percent).div_ceil(100).clamp(1, samples.len()) - 1;
    millis(samples[index])
}

pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
