//! What needs no server: has-leadership, and the size of what is shipped.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use leaderserver::core::config::Timing;

use crate::Effort;
use crate::peers::Peer;
use crate::report::Report;
use crate::server::ServerProcess;

pub fn in_process(report: &mut Report, effort: Effort) {
    let server = ServerProcess::start();
    for (endpoint, what) in [("embedded:", "in process"), (&server.endpoint(), "over TCP")] {
        let each = has_leadership(endpoint, effort);
        report.row(&format!("has-leadership from Rust, {what}"), each, "ns", Some(25.0));
    }
    sizes(report);
}

fn has_leadership(endpoint: &str, effort: Effort) -> f64 {
    let peer = Peer::connect(endpoint, "leader", Timing::default());
    let contender = peer.stand("dispatcher");
    let id = peer.granted(&contender);
    let count = effort.rounds(20_000_000, 2_000_000);
    let started = Instant::now();
    for _ in 0..count {
        assert!(black_box(&contender).has_leadership(black_box(id)));
    }
    started.elapsed().as_nanos() as f64 / count as f64
}

fn sizes(report: &mut Report) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // This program is target/release/deps/measure-….
    let this = std::env::current_exe().expect("Linux says so");
    let built = this.ancestors().nth(2).map_or_else(PathBuf::new, Path::to_path_buf);
    let library = newest(&[built, root.join("dist")], |name| name == "libleaderserver.so");
    let jars = |line: &str| {
        let built = root.join(format!("java/leaderserver-flink-{line}/target"));
        let start = format!("leaderserver-flink-{line}-");
        newest(&[built, root.join("dist")], |name| {
            name.starts_with(&start) && name.ends_with(".jar") && !name.contains("-sources")
        })
    };
    let found = [
        ("library", library, 3.0),
        ("jar for Flink 1.20", jars("1.20"), 4.0),
        ("jar for Flink 2", jars("2"), 4.0),
    ];
    for (what, path, aim) in found {
        match path.and_then(|path| Some((std::fs::metadata(&path).ok()?.len(), path))) {
            Some((bytes, path)) => {
                let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
                let megabytes = bytes as f64 / 1e6;
                report.row(&format!("size of the {what}: {shown}"), megabytes, "MB", Some(aim));
            }
            None => report.note(&format!("the {what} was not built")),
        }
    }
}

/// The file of that name that was changed last.
fn newest(folders: &[PathBuf], is_meant: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let files = folders.iter().filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
    files
        .filter(|entry| entry.file_name().to_str().is_some_and(&is_meant))
        .max_by_key(|entry| entry.metadata().and_then(|data| data.modified()).ok())
        .map(|entry| entry.path())
}
