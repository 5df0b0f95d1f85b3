//! What is there after a restart, and who is let in (R10 to R14).

use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use leaderserver::client::{Confirmation, LeaderClient, Polled, Watch};
use leaderserver::core::contenders::Callback;
use leaderserver::core::ids::LeaderInformation;

use crate::program::{PATIENCE, Place, client, lead, next};

fn told(client: &LeaderClient, watch: &Watch) -> Option<LeaderInformation> {
    loop {
        if let Some(value) = watch.take() {
            return value;
        }
        assert_ne!(client.poll(&mut [0; 8], PATIENCE), Polled::Closed);
    }
}

/// R10, P5, P6: the leader resumes, under its epoch and with what it has published; who watched is
/// told nothing, who watches now is told at once; and epochs go on.
#[test]
fn a_restart_is_not_noticed() {
    let place = Place::new("restart");
    let server = place.serve();
    let leader = client(&place.endpoint(), "leader");
    let contender = leader.register("dispatcher", 1).unwrap();
    let id = lead(&leader, &contender);
    let address = Bytes::from_static(b"akka://leader");
    assert_eq!(contender.confirm(id, address.clone()), Confirmation::Confirmed);
    let store = contender.store().unwrap();
    let version = store.create("job", Bytes::from_static(b"graph"), PATIENCE).unwrap();
    let watcher = client(&place.endpoint(), "watcher");
    let watch = watcher.watch("dispatcher", 2).unwrap();
    let published = Some(LeaderInformation { id, address });
    assert_eq!(told(&watcher, &watch), published);
    let incarnation = leader.status(PATIENCE).unwrap().incarnation;

    server.kill();
    let server = place.serve();
    let status = leader.status(PATIENCE).unwrap();
    assert_eq!(status.incarnation, incarnation);
    assert!(status.durable && status.read_only.is_empty(), "{status:?}");
    assert_eq!(status.remote_grants_in_ms, 0, "what was waited for once is not waited for again");
    let late = client(&place.endpoint(), "late");
    let late_watch = late.watch("dispatcher", 3).unwrap();
    assert_eq!(told(&late, &late_watch), published);
    let found = store.get("job", PATIENCE).unwrap().unwrap();
    assert_eq!((found.version, &found.value[..]), (version, &b"graph"[..]));
    assert!(store.replace("job", version, Bytes::new(), PATIENCE).unwrap() > version);

    server.stop();
    let _server = place.serve();
    leader.status(PATIENCE).unwrap();
    watcher.status(PATIENCE).unwrap();
    assert!(contender.has_leadership(id));
    assert_eq!(next(&leader, &contender, Duration::ZERO), None, "neither revoked nor granted");
    assert_eq!(watch.take(), None, "nothing has changed");

    let second = late.register("dispatcher", 4).unwrap();
    leader.close(PATIENCE);
    let later = lead(&late, &second);
    assert!(later.epoch > id.epoch, "{later} after {id}");
    assert_eq!(told(&watcher, &watch), None);
}

/// R10: only an election whose leader has not resigned waits for it.
#[test]
fn who_resigned_before_the_restart_is_not_waited_for() {
    let place = Place::new("resigned");
    let server = place.serve();
    let first = client(&place.endpoint(), "first");
    let contender = first.register("a", 1).unwrap();
    lead(&first, &contender);
    first.close(PATIENCE);
    server.kill();
    let _server = place.serve();
    let second = client(&place.endpoint(), "second");
    let contender = second.register("a", 1).unwrap();
    // Long before any session time-out.
    let granted = next(&second, &contender, Duration::from_secs(5));
    assert!(matches!(granted, Some(Callback::Grant(_))), "{granted:?}");
}

/// R14: a server on an old copy of its directory serves nobody whose knowledge it lacks, and says
/// why; on the latest one everything goes on.
#[test]
fn an_old_copy_serves_nobody() {
    let place = Place::new("old-copy");
    let server = place.serve();
    let leader = client(&place.endpoint(), "leader");
    let contender = leader.register("a", 1).unwrap();
    let id = lead(&leader, &contender);
    server.stop();
    let old = place.directory.join("old");
    copy(&place.data(), &old);

    let server = place.serve();
    contender.confirm(id, Bytes::from_static(b"somewhere"));
    let watch = leader.watch("a", 2).unwrap();
    assert!(told(&leader, &watch).is_some());
    server.stop();

    let server = place.serve_on(&old);
    let observer = crate::restarts::observer(&place);
    loop {
        let status = observer.status(PATIENCE).unwrap();
        if status.read_only.contains("old copy") {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    server.stop();
    let _server = place.serve();
    leader.status(PATIENCE).unwrap();
}

pub fn observer(place: &Place) -> LeaderClient {
    use leaderserver::core::config::{ClientConfig, Endpoint};
    let endpoint = Some(Endpoint::parse(&place.endpoint()).unwrap());
    LeaderClient::open(ClientConfig { endpoint, ..ClientConfig::default() }, None).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
