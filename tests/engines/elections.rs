//! Standing, leading, closing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;

use leaderserver::client::Confirmation;
use leaderserver::core::config::Mode;
use leaderserver::core::ids::{MAX_ADDRESS, Name};

use crate::engine::Engine;
use crate::process::{PATIENCE, Process};

/// The whole of it once.
pub fn grant_confirm_watch_withdraw_close(engine: &dyn Engine) {
    let leader = Process::start(&engine.endpoint(), "leader");
    let other = Process::start(&engine.endpoint(), "other");
    let watching = other.watch("dispatcher");
    assert_eq!(watching.next(), None);

    let dispatcher = leader.stand("dispatcher");
    let rest = leader.stand("rest");
    let id = dispatcher.lead("akka://dispatcher");
    assert_eq!(rest.granted(), id);
    assert!(dispatcher.has(id) && rest.has(id));
    let told = watching.next().expect("a leader");
    assert_eq!((told.id, &told.address[..]), (id, &b"akka://dispatcher"[..]));

    dispatcher.close();
    assert!(!dispatcher.has(id) && rest.has(id));
    dispatcher.revoked();
    assert_eq!(watching.next(), None);
    rest.close();
    rest.revoked();
}

/// P4: after a resignation at once.
pub fn hand_over_at_once_after_close(engine: &dyn Engine) {
    let a = Process::start(&engine.endpoint(), "a");
    let b = Process::start(&engine.endpoint(), "b");
    let first = a.stand("dispatcher");
    let before = first.granted();
    let second = b.stand("dispatcher");
    first.close();
    first.revoked();
    let after = second.granted();
    assert!(after.epoch > before.epoch);
    assert!(!first.has(before) && second.has(after) && !second.has(before));
}

/// Etcd's and ZooKeeper's order, too: who came first is granted first.
pub fn candidates_are_granted_in_line(engine: &dyn Engine) {
    let processes: Vec<Process> =
        (0..4).map(|i| Process::start(&engine.endpoint(), &format!("process-{i}"))).collect();
    let line: Vec<_> = processes
        .iter()
        .map(|process| {
            let standing = process.stand("dispatcher");
            // An answer that comes back: the word before it has arrived.
            process.client.status(PATIENCE).unwrap();
            standing
        })
        .collect();
    let mut last = None;
    for standing in &line {
        let id = standing.granted();
        assert!(last.is_none_or(|last| id.epoch > last));
        last = Some(id.epoch);
        standing.close();
    }
}

/// P1 and P3 while candidates come and go; each reading of an event checks its turn.
pub fn one_leader_and_rising_epochs_under_churn(engine: &dyn Engine) {
    const ROUNDS: usize = 150;
    let leaders = AtomicUsize::new(0);
    let watcher = Process::start(&engine.endpoint(), "watcher");
    let watching = watcher.watch("dispatcher");
    thread::scope(|scope| {
        for number in 0..3 {
            let leaders = &leaders;
            scope.spawn(move || {
                let process = Process::start(&engine.endpoint(), &format!("process-{number}"));
                for round in 0..ROUNDS {
                    let standing = process.stand("dispatcher");
                    let id = standing.lead(&format!("{number}/{round}"));
                    assert_eq!(leaders.fetch_add(1, Ordering::SeqCst), 0, "two leaders");
                    assert!(standing.has(id));
                    leaders.fetch_sub(1, Ordering::SeqCst);
                    standing.close();
                    standing.revoked();
                }
            });
        }
    });
    let last = watcher.stand("dispatcher");
    last.lead("last");
    watching.until("last");
}

/// P7, FLINK-26522, FLINK-30462: one candidate, one id; each component's leader information is its
/// own.
pub fn components_share_one_candidate(engine: &dyn Engine) {
    let process = Process::start(&engine.endpoint(), "process");
    let other = Process::start(&engine.endpoint(), "other");
    let names: Vec<String> = (0..50).map(|i| format!("job-{i}")).collect();
    let standing: Vec<_> = names.iter().map(|name| process.stand(name)).collect();
    let id = standing[0].lead(&names[0]);
    for (standing, name) in standing.iter().zip(&names).skip(1) {
        assert_eq!(standing.lead(name), id);
    }
    let late = process.stand("late");
    assert_eq!(late.lead("late"), id);

    let watching: Vec<_> = names.iter().map(|name| other.watch(name)).collect();
    for (watching, name) in watching.iter().zip(&names) {
        assert_eq!(watching.until(name).id, id);
    }
    let waiting = other.stand("job-0");
    standing[7].close();
    watching[7].until_none();
    // Every other one leads on, and is published on.
    for (number, standing) in standing.iter().enumerate().filter(|(number, _)| *number != 7) {
        assert!(standing.has(id));
        assert_eq!(standing.told(), None);
        assert_eq!(watching[number].told(), None);
    }
    // When the last one closes, the candidate leaves the election.
    standing.iter().for_each(|standing| standing.close());
    assert_eq!(waiting.told(), None);
    late.close();
    assert!(waiting.granted().epoch > id.epoch);
}

/// P7 with `per-component`.
pub fn per_component_elections_are_independent(engine: &dyn Engine) {
    let start = |name: &str| {
        Process::start_with(&engine.endpoint(), name, |config| config.mode = Mode::PerComponent)
    };
    let (a, b) = (start("a"), start("b"));
    let (a1, a2) = (a.stand("one"), a.stand("two"));
    let (id1, id2) = (a1.lead("a/one"), a2.lead("a/two"));
    assert_ne!(id1, id2);
    let (b1, b2) = (b.stand("one"), b.stand("two"));
    a1.close();
    let after = b1.lead("b/one");
    assert!(after.epoch > id1.epoch);
    assert!(a2.has(id2));
    let watching = b.watch("two");
    assert_eq!(watching.until("a/two").id, id2);
    assert_eq!((a2.told(), b2.told()), (None, None));
}

/// Nothing crosses a namespace.
pub fn nothing_crosses_a_namespace(engine: &dyn Engine) {
    let start = |namespace: &str| {
        Process::start_with(&engine.endpoint(), "process", |config| {
            config.namespace = Some(Name::new("namespace", namespace).unwrap());
        })
    };
    let (a, b) = (start("a"), start("b"));
    let watching = b.watch("dispatcher");
    assert_eq!(watching.next(), None);
    let (in_a, in_b) = (a.stand("dispatcher"), b.stand("dispatcher"));
    in_a.lead("of a");
    let id = in_b.lead("of b");
    let told = watching.next().expect("a leader");
    assert_eq!((told.id, &told.address[..]), (id, &b"of b"[..]));
    assert_eq!(b.client.status(PATIENCE).unwrap().namespaces.len(), 1);
}

/// FLINK-CONTRACT, elections 5 and 7: the same component may come again, and may confirm again in
/// the same term.
pub fn a_component_registers_again_in_the_same_term(engine: &dyn Engine) {
    let process = Process::start(&engine.endpoint(), "process");
    let keeper = process.stand("keeper");
    let id = keeper.granted();
    let watching = process.watch("dispatcher");
    for round in 0..20 {
        let standing = process.stand("dispatcher");
        let address = format!("round-{round}");
        assert_eq!(standing.lead(&address), id);
        watching.until(&address);
        standing.close();
        standing.revoked();
        watching.until_none();
    }
    assert!(keeper.has(id));
}

/// FLINK-CONTRACT, election 5; a late or second confirmation changes nothing.
pub fn confirmations_are_judged(engine: &dyn Engine) {
    let a = Process::start(&engine.endpoint(), "a");
    let b = Process::start(&engine.endpoint(), "b");
    let watching = b.watch("dispatcher");
    let first = a.stand("dispatcher");
    let id = first.granted();
    let wrong = leaderserver::core::ids::LeaderSessionId { low: id.low ^ 1, ..id };
    assert_eq!(first.confirm(wrong, "wrong"), Confirmation::NotLeader);
    let long = Bytes::from(vec![b'x'; MAX_ADDRESS + 1]);
    assert_eq!(first.contender.confirm(id, long), Confirmation::TooLong);
    assert_eq!(first.confirm(id, "right"), Confirmation::Confirmed);
    assert_eq!(first.confirm(id, "again"), Confirmation::AlreadyConfirmed);
    watching.until("right");

    let second = b.stand("dispatcher");
    assert_eq!(second.confirm(id, "not mine"), Confirmation::NotLeader);
    first.close();
    assert_eq!(first.confirm(id, "late"), Confirmation::Closed);
    let next = second.lead("next");
    assert_eq!(watching.until("next").id, next);
}

/// R8: the leader steps down and says so, then the one who was named leads; the former one stands
/// at the end of the line.
pub fn an_operator_hands_over(engine: &dyn Engine) {
    let names = ["a", "b", "c"];
    let processes = names.map(|name| Process::start(&engine.endpoint(), name));
    let line = processes.each_ref().map(|process| {
        let standing = process.stand("dispatcher");
        process.client.status(PATIENCE).unwrap();
        standing
    });
    let id = line[0].granted();
    processes[1].client.resign("process", None, Some("c"), PATIENCE).unwrap();
    assert!(line[0].revoked().contains("operator"));
    assert!(!line[0].has(id));
    assert!(line[2].granted().epoch > id.epoch);
    processes[1].client.resign("process", None, None, PATIENCE).unwrap();
    line[1].granted();
    let nobody = processes[1].client.resign("process", None, Some("nobody"), PATIENCE);
    assert!(nobody.unwrap_err().to_string().contains("nobody"));
    line[1].close();
    line[0].granted();
}
