//! Connections that end, fall silent and come back; processes that die.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use leaderserver::core::config::Timing;

use crate::engine::{Engine, Remote};
use crate::process::{PATIENCE, Process, eventually};
use crate::proxy::sever_connections_to;

const CHILD: &str = "LEADERSERVER_TEST_CHILD";

fn process(endpoint: &str, name: &str, session_timeout_ms: u64, grace_ms: u64) -> Process {
    Process::start_with(endpoint, name, |config| {
        config.timing = Timing {
            session_timeout: Duration::from_millis(session_timeout_ms),
            disconnect_grace: Duration::from_millis(grace_ms),
        };
    })
}

/// P4, R1: the kernel closes a killed process's connection: the grace, not the time-out, is waited.
pub fn a_killed_process_costs_the_grace(remote: &Remote) {
    let grace = Duration::from_millis(400);
    let survivor = process(&remote.endpoint(), "survivor", 30_000, 400);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child_candidate", "--exact", "--nocapture"])
        .env(CHILD, remote.endpoint())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "granted"), "the child leads");
    let watching = survivor.watch("dispatcher");
    watching.until("child");
    let standing = survivor.stand("dispatcher");

    let killed = Instant::now();
    child.kill().unwrap();
    standing.granted();
    let took = killed.elapsed();
    assert!(took >= grace, "granted {took:?} after the kill");
    assert!(took < Duration::from_secs(15), "granted only {took:?} after the kill");
    watching.until_none();
    child.wait().unwrap();
}

/// Run in a process of its own, which is killed.
pub fn child_candidate() {
    let Ok(endpoint) = std::env::var(CHILD) else { return };
    let child = process(&endpoint, "child", 30_000, 400);
    let standing = child.stand("dispatcher");
    standing.lead("child");
    child.watch("dispatcher").until("child");
    println!("\ngranted");
    // Until killed; in any case not for ever.
    assert_eq!(standing.next_within(3 * PATIENCE), None);
}

/// P1, P4: without a word for its time-out it is succeeded, having stepped down before by its own
/// clock; it stands again by itself (lessons 11, 12, 17).
pub fn a_silent_process_costs_its_time_out(remote: &Remote) {
    let silent = process(&remote.far_endpoint(), "silent", 1_000, 300);
    let other = process(&remote.endpoint(), "other", 10_000, 1_000);
    let standing = silent.stand("dispatcher");
    let id = standing.lead("silent");
    let next = other.stand("dispatcher");
    let watching = other.watch("dispatcher");
    watching.until("silent");
    remote.proxy().silence();
    let after = next.granted();
    assert!(!standing.has(id), "two leaders");
    assert!(standing.revoked().contains("lease expired"));
    watching.until_none();
    remote.proxy().mend();
    next.close();
    assert!(standing.granted().epoch > after.epoch);
}

/// P5, FLINK-10052: a lost connection is not a lost leadership; the same session goes on.
pub fn a_cut_direct_connection_costs_no_callback(remote: &Remote) {
    let leader = process(&remote.endpoint(), "leader", 10_000, 4_000);
    let other = process(&remote.endpoint(), "other", 10_000, 4_000);
    let standing = leader.stand("dispatcher");
    let id = standing.lead("leader");
    let next = other.stand("dispatcher");
    let watching = other.watch("dispatcher");
    watching.until("leader");
    let session = leader.client.state().unwrap().session;
    for _ in 0..10 {
        assert!(sever_connections_to(remote.port()) >= 2);
        for process in [&leader, &other] {
            process.client.status(PATIENCE).unwrap();
        }
        assert!(standing.has(id));
    }
    assert_eq!(leader.client.state().unwrap().session, session);
    assert_eq!((standing.told(), next.told(), watching.told()), (None, None, None));
    // And it is still the candidate that it was.
    standing.close();
    next.granted();
}

/// P5 where a proxy is in between, which may close for reasons of its own (R1).
pub fn a_cut_proxied_connection_costs_no_callback(remote: &Remote) {
    let leader = process(&remote.far_endpoint(), "leader", 10_000, 1_000);
    let watcher = process(&remote.endpoint(), "watcher", 10_000, 1_000);
    let standing = leader.stand("dispatcher");
    let id = standing.lead("leader");
    let watching = watcher.watch("dispatcher");
    watching.until("leader");
    for _ in 0..10 {
        remote.proxy().cut_once();
        leader.client.status(PATIENCE).unwrap();
        assert!(standing.has(id));
    }
    assert_eq!((standing.told(), watching.told()), (None, None));
    let status = watcher.client.status(PATIENCE).unwrap();
    let sessions = &status.namespaces[0].sessions;
    let own = sessions.iter().find(|session| session.name == "leader").unwrap();
    assert!(!own.direct, "a proxy shows");
}

/// Lesson 21: cut off for longer than the grace, but not for the time-out; what was said meanwhile
/// arrives afterwards.
pub fn a_disconnection_of_seconds_costs_no_callback(remote: &Remote) {
    let leader = process(&remote.far_endpoint(), "leader", 20_000, 1_000);
    let watcher = process(&remote.endpoint(), "watcher", 10_000, 1_000);
    let standing = leader.stand("dispatcher");
    let late = leader.stand("late");
    let id = standing.lead("leader");
    assert_eq!(late.granted(), id);
    let watching = watcher.watch("late");
    let (of_leader, dispatcher) = (leader.watch("dispatcher"), watcher.watch("dispatcher"));
    of_leader.until("leader");
    dispatcher.until("leader");
    remote.proxy().cut();
    eventually("the server has noticed for longer than the grace", || {
        let status = watcher.client.status(PATIENCE).unwrap();
        let sessions = &status.namespaces[0].sessions;
        let own = sessions.iter().find(|session| session.name == "leader").unwrap();
        !own.connected && own.expires_in_ms < 17_500
    });
    assert!(standing.has(id));
    late.confirm(id, "said without a connection");
    remote.proxy().mend();
    watching.until("said without a connection");
    assert!(standing.has(id));
    assert_eq!((standing.told(), of_leader.told(), dispatcher.told()), (None, None, None));
}

/// R18: a value is kept for the retrieval time-out, then "no leader" is told; with the name service
/// comes the present value. Without a time-out it is kept for ever.
pub fn a_retriever_keeps_its_value_for_the_retrieval_timeout(remote: &Remote) {
    let with = |timeout: Option<Duration>| {
        Process::start_with(&remote.far_endpoint(), "retriever", |config| {
            config.retrieval_timeout = timeout;
        })
    };
    let kept = Duration::from_millis(700);
    let (retriever, keeper) = (with(Some(kept)), with(None));
    let leader = Process::start(&remote.endpoint(), "leader");
    let standing = leader.stand("dispatcher");
    standing.lead("leader");
    let (watching, for_ever) = (retriever.watch("dispatcher"), keeper.watch("dispatcher"));
    watching.until("leader");
    for_ever.until("leader");
    let cut = Instant::now();
    remote.proxy().cut();
    assert_eq!(watching.next(), None);
    assert!(cut.elapsed() >= kept, "told after {:?}", cut.elapsed());
    remote.proxy().mend();
    watching.until("leader");
    standing.close();
    assert_eq!(watching.next(), None);
    assert_eq!(for_ever.next(), None, "the last value is never skipped");
}

/// Lesson 17 (FLINK-34007, fabric8#6020): a leadership lost is stood for again, however often.
pub fn leadership_is_lost_and_regained_for_ever(remote: &Remote) {
    let flapping = process(&remote.far_endpoint(), "flapping", 150, 50);
    let standing = flapping.stand("dispatcher");
    let mut last = standing.granted();
    for _ in 0..20 {
        remote.proxy().cut();
        standing.revoked();
        remote.proxy().mend();
        let id = standing.granted();
        assert!(id.epoch > last.epoch);
        last = id;
    }
}

/// The order in which processes start is free: whoever comes first retries until there is a server.
pub fn whoever_comes_before_the_server_waits(remote: &Remote) {
    remote.stop();
    let process = Process::start(&remote.endpoint(), "early");
    let watching = process.watch("dispatcher");
    let standing = process.stand("dispatcher");
    let asked = process.client.status(Duration::from_millis(300)).unwrap_err().to_string();
    assert!(asked.contains(&remote.endpoint()), "{asked}");
    remote.start_again(true, crate::engine::MAX_SESSION_TIMEOUT, None);
    let id = standing.lead("early");
    assert_eq!(watching.until("early").id, id);
}
