//! `leaderserver serve --data`, `check`, `backup` and `restore`, as an operator uses them.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;

use crate::{Candidate, PATIENCE, fail, serve, succeed};

/// A folder of a test's own.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-data-{name}"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed(arguments)).unwrap()
}

#[test]
fn a_second_server_on_the_directory_is_refused() {
    let folder = folder("second");
    let data = folder.join("data");
    let (server, _) = serve(&["--data", text(&data)]);
    let said = fail(&["serve", "--listen", "127.0.0.1:0", "--data", text(&data)]);
    for part in ["--data", text(&data), &server.child.id().to_string(), "another directory"] {
        assert!(said.contains(part), "'{part}' is not in: {said}");
    }
}

/// What a backup has of a server that runs, a new server has after `restore`: the store, but neither
/// sessions nor the incarnation (R14).
#[test]
fn a_backup_of_a_running_server_is_restored() {
    let folder = folder("backup");
    let (data, file, anew) = (folder.join("data"), folder.join("backup"), folder.join("new"));
    let (server, endpoint) = serve(&["--data", text(&data)]);
    let candidate = Candidate::stand(&endpoint, "/default", "dispatcher");
    let id = candidate.lead("somewhere");
    let store = candidate.contender.store().unwrap();
    store.create("job", Bytes::from_static(b"graph"), PATIENCE).unwrap();
    let before = json(&["status", "--endpoint", &endpoint, "--json"]);
    assert_eq!(before["durable"], true);

    assert!(succeed(&["check", text(&data)]).contains("is sound"));
    let said = succeed(&["backup", text(&data), text(&file)]);
    assert!(said.contains("is a backup"), "{said}");
    let said = fail(&["backup", text(&data), text(&file)]);
    assert!(said.contains(text(&file)) && said.contains("exists"), "{said}");
    store.create("later", Bytes::new(), PATIENCE).unwrap();
    assert!(json(&["check", text(&file), "--json"])["records"].as_u64() > Some(0));
    let said = fail(&["restore", text(&file), text(&data)]);
    assert!(said.contains(text(&data)), "{said}");
    drop(server);

    let said = succeed(&["restore", text(&file), text(&anew)]);
    assert!(said.contains("new incarnation"), "{said}");
    let (_server, endpoint) = serve(&["--data", text(&anew)]);
    let after = json(&["status", "--endpoint", &endpoint, "--json"]);
    assert_ne!(after["incarnation"], before["incarnation"]);
    assert_eq!(after["namespaces"][0]["sessions"], Value::Array(vec![]));
    let other = Candidate::stand(&endpoint, "/default", "dispatcher");
    assert!(other.lead("elsewhere").epoch > id.epoch);
    let store = other.contender.store().unwrap();
    let found = store.get("job", PATIENCE).unwrap().unwrap();
    assert_eq!(&found.value[..], b"graph");
    assert_eq!(store.get("later", PATIENCE).unwrap(), None, "it came after the backup");
}

/// Damage is named, by `check` and by a server, and never taken for an empty directory.
#[test]
fn damage_is_named() {
    let folder = folder("damage");
    let data = folder.join("data");
    let (mut server, endpoint) = serve(&["--data", text(&data)]);
    let candidate = Candidate::stand(&endpoint, "/default", "dispatcher");
    candidate.lead("somewhere");
    server.signal(libc::SIGTERM);
    assert!(server.ended().0.success());
    // Who holds the directory is said in `lock`, and is no part of what is kept.
    let kept: Vec<PathBuf> = files(&data).into_iter().filter(|f| !f.ends_with("lock")).collect();
    assert!(!kept.is_empty());
    for file in kept {
        let sound = fs::read(&file).unwrap();
        if sound.is_empty() {
            continue;
        }
        let mut damaged = sound.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        for broken in [&damaged[..], &sound[..middle]] {
            fs::write(&file, broken).unwrap();
            for arguments in [
                &["check", text(&data)][..],
                &["serve", "--listen", "127.0.0.1:0", "--data", text(&data)],
            ] {
                let said = fail(arguments);
                assert!(said.contains("damaged"), "{file:?}: {said}");
                assert!(said.contains(text(&file)), "{file:?}: {said}");
            }
        }
        fs::write(&file, &sound).unwrap();
    }
    assert!(succeed(&["check", text(&data)]).contains("every byte"));
}

/// All files of a data directory that have something in them.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn what_is_no_data_directory_is_left_alone() {
    let folder = folder("foreign");
    fs::write(folder.join("letter"), "dear").unwrap();
    for arguments in [
        &["check", text(&folder)][..],
        &["serve", "--listen", "127.0.0.1:0", "--data", text(&folder)],
        &["backup", text(&folder), text(&folder.join("b"))],
    ] {
        let said = fail(arguments);
        assert!(said.contains(text(&folder)), "{said}");
    }
    assert_eq!(fs::read(folder.join("letter")).unwrap(), b"dear");
    let said = fail(&["restore", text(&folder.join("letter")), text(&folder.join("new"))]);
    assert!(said.contains("letter"), "{said}");
    assert!(!folder.join("new").exists(), "nothing is made of what is no backup");
    let said = fail(&["check", text(&folder.join("nothing"))]);
    assert!(said.contains("nothing"), "{said}");
    let said = fail(&["serve", "--listen", "127.0.0.1:0", "--data", "/proc/no/such"]);
    assert!(said.contains("/proc/no"), "{said}");
}
