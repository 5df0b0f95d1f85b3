//! Holds the purity of `core` and the direction of imports (DESIGN: "The inside"). Reads sources as
//! text: crude, but nothing gets round it by accident.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(below: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(below)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the source folder is there") {
            let path = entry.expect("its entries can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source is text");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{below} has sources");
    found
}

/// Lines that say something to the compiler.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line.split("//").next().unwrap_or("").trim()))
        .filter(|(_, line)| !line.is_empty())
}

fn forbid(below: &str, words: &[&str]) {
    let mut broken = Vec::new();
    for (path, text) in sources(below) {
        for (number, line) in code(&text) {
            for word in words.iter().filter(|word| line.contains(**word)) {
                broken.push(format!("{}:{number}: '{word}' in: {line}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{} crossed a boundary:\n{}", below, broken.join("\n"));
}

#[test]
fn core_is_pure() {
    forbid(
        "src/core",
        &[
            "tokio",
            "parking_lot",
            "once_cell",
            "std::net",
            "std::thread",
            "std::sync::Mutex",
            "std::sync::RwLock",
            "Condvar",
            "Instant",
            "SystemTime",
            "std::fs",
            "std::env::",
            "from_entropy",
            "getrandom",
            "libc::",
            "jni",
            "unsafe ",
            "HashMap",
            "HashSet",
        ],
    );
}

#[test]
fn core_imports_nothing_above_it() {
    let above = ["crate::server", "crate::client", "crate::ffi", "crate::runtime", "crate::clock"];
    forbid("src/core", &above);
}

#[test]
fn server_and_client_know_nothing_of_the_boundary() {
    forbid("src/server", &["crate::ffi", "crate::client", "jni::"]);
    forbid("src/client", &["crate::ffi", "jni::"]);
}

#[test]
fn the_boundary_uses_public_handles_only() {
    let inside = [
        "crate::core::session::",
        "crate::core::name_service::",
        "crate::core::election::",
        "client::task",
        "client::registry",
    ];
    forbid("src/ffi", &inside);
}

#[test]
fn one_file_reads_the_clock() {
    for (path, text) in sources("src") {
        if path.ends_with("clock.rs") {
            continue;
        }
        for (number, line) in code(&text) {
            assert!(
                !line.contains("clock_gettime") && !line.contains("SystemTime"),
                "{}:{number} reads a clock of its own: {line}",
                path.display()
            );
        }
    }
}
