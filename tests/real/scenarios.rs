//! Single faults, with what must and what must not follow from them. Time-outs are long where
//! nothing may end, so that a busy machine ends nothing.

use std::time::{Duration, Instant};

use crate::cell::Cell;
use crate::check::check;
use crate::faults::Fault;
use crate::history::{Event, Id, now};
use crate::timing::{PATIENCE, Timing};
use crate::wire::Path;

const CUT: Path = Path { cut: true, closed: false, delay_ms: (0, 0), lost: 0, twice: 0 };

/// Waits until `a` has a leader under another leadership than `before`, and it has confirmed.
fn led(cell: &mut Cell, before: Option<Id>) -> (usize, Id) {
    until(cell, "nobody leads", |cell| {
        let (_, _, id) = cell.view.leader("a").filter(|(.., id)| Some(*id) != before)?;
        cell.view.published("a")?;
        Some((cell.leader("a")?, id))
    })
}

fn until<T>(cell: &mut Cell, what: &str, mut found: impl FnMut(&mut Cell) -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        cell.view.look(&cell.history);
        if let Some(found) = found(cell) {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "{what}: {}", cell.keep());
        cell.view.wait(&cell.history, Duration::from_secs(1));
    }
}

/// The answer to an operation: status, version, value.
fn answer(cell: &mut Cell, operation: u64) -> (String, u64, String) {
    until(cell, "no answer", |cell| cell.view.answer(operation).cloned())
}

/// Has whoever leads `a` write until that succeeds.
fn write(cell: &mut Cell, life: usize, id: Id) {
    let operation = cell.ask(life, "a", Some(id.epoch));
    assert_eq!(answer(cell, operation).0, "LS_OK");
}

fn life(cell: &Cell, node: usize) -> usize {
    cell.agents[node - 1].as_ref().expect("it runs").life
}

/// The ends of leaderships.
fn revokes(cell: &Cell) -> Vec<Event> {
    let events = cell.history.events().into_iter();
    events.filter(|event| matches!(event, Event::Revoked { .. })).collect()
}

fn end(mut cell: Cell) {
    let mut found = check(&cell.history.events());
    found.extend(cell.troubles());
    assert!(found.is_empty(), "{found:#?}\n{}", cell.keep());
    cell.remove();
}

/// LESSONS 1: a leader that is stopped beyond its session leads no more when it goes on, and what
/// its user wrote meanwhile is refused.
#[test]
fn a_leader_that_was_stopped_writes_nothing_more() {
    let mut cell = Cell::new("stopped", 1, Timing::MIDDLE);
    // Whoever leads, in C and in Java.
    for _ in 0..2 {
        let (node, id) = led(&mut cell, None);
        let stopped = life(&cell, node);
        write(&mut cell, stopped, id);
        cell.apply(&Fault::Stop(node));
        let (second, later) = led(&mut cell, Some(id));
        assert_ne!(node, second);
        let other = life(&cell, second);
        write(&mut cell, other, later);
        let late = cell.ask(stopped, "a", Some(id.epoch));
        let woken = now();
        cell.apply(&Fault::Continue(node));
        assert_eq!(answer(&mut cell, late).0, "LS_FENCED");
        until(&mut cell, "no revoke", |cell| {
            revokes(cell)
                .into_iter()
                .find(|event| matches!(event, Event::Revoked { after, .. } if *after > woken))
        });
        cell.keep_up();
    }
    end(cell);
}

/// LESSONS 12: where nothing arrives from the server any more, the leader finds out by itself,
/// once, before another is granted.
#[test]
fn a_leader_that_hears_nothing_steps_down() {
    let mut cell = Cell::new("deaf", 2, Timing::MIDDLE);
    let (node, id) = led(&mut cell, None);
    cell.apply(&Fault::Path(0, Some(node), CUT));
    let (second, _) = led(&mut cell, Some(id));
    assert_ne!(node, second);
    let life = life(&cell, node);
    let registration = cell.view.registration(life, "a").expect("it contends");
    // It may have led the other component, too.
    let revoked = |cell: &Cell| {
        let is_its = |of: &u64| *of == registration;
        let all = revokes(cell);
        let own = all.iter().filter(
            |event| matches!(event, Event::Revoked { registration, .. } if is_its(registration)),
        );
        own.count()
    };
    until(&mut cell, "no revoke", |cell| (revoked(cell) > 0).then_some(()));
    assert_eq!(revoked(&cell), 1);
    cell.mend();
    end(cell);
}

/// P5, LESSONS 21: neither a path that is cut for seconds, nor a server that is killed or stopped
/// and comes back, nor an interface that goes down ends a leadership, and nothing written is lost.
#[test]
fn what_is_over_in_time_ends_no_leadership() {
    let mut cell = Cell::new("brief", 3, Timing::LONG);
    let (node, id) = led(&mut cell, None);
    let leader = life(&cell, node);
    for (begin, end) in [
        (Fault::Path(node, None, CUT), Fault::Path(node, None, Path::default())),
        (Fault::Path(0, None, CUT), Fault::Path(0, None, Path::default())),
        (Fault::Link(node, false), Fault::Link(node, true)),
        (Fault::Kill(0), Fault::Start(0)),
        (Fault::Terminate, Fault::Start(0)),
        (Fault::Stop(0), Fault::Continue(0)),
        (Fault::Fill, Fault::Relieve),
    ] {
        write(&mut cell, leader, id);
        cell.apply(&begin);
        // Long enough that all notice, and short beside the session.
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until {
            cell.view.wait(&cell.history, Duration::from_millis(20));
            cell.use_store();
        }
        cell.apply(&end);
        cell.keep_up();
        // With a time-out of its own it may take more than one.
        self::until(&mut cell, "no write succeeds", |cell| {
            let operation = cell.ask(leader, "a", Some(id.epoch));
            (answer(cell, operation).0 == "LS_OK").then_some(())
        });
    }
    assert_eq!(revokes(&cell), [], "{}", cell.keep());
    end(cell);
}

/// P4: after kill -9 the server sees the end of the connection and waits for the grace alone; if
/// the whole machine is gone, for the session. Which is which shows in how long it
/// takes at least: a heartbeat was sent two fifths of the time-out before, or later.
#[test]
fn a_killed_leader_is_followed_after_the_grace_and_a_silent_one_after_its_session() {
    let timing = Timing { session: Duration::from_secs(8), grace: Duration::from_millis(500) };
    let mut cell = Cell::new("killed", 4, timing);
    let (node, id) = led(&mut cell, None);
    let killed = Instant::now();
    cell.apply(&Fault::Kill(node));
    let (second, later) = led(&mut cell, Some(id));
    let grace = killed.elapsed();
    assert!(grace >= timing.grace, "{grace:?}");

    cell.apply(&Fault::Link(second, false));
    // Its last heartbeat may be so old.
    let silent = Instant::now();
    cell.apply(&Fault::Kill(second));
    led(&mut cell, Some(later));
    let session = silent.elapsed();
    assert!(session >= timing.session / 4, "{session:?}");
    println!("a killed leader is followed after {grace:.2?}, a silent one after {session:.2?}");
    end(cell);
}

/// R1, R2: where both ends hear that the connection is broken, and the client can't make another,
/// it steps down before the grace is over, and somebody else is granted after it.
#[test]
fn a_leader_whose_connection_breaks_steps_down_within_the_grace() {
    let mut cell = Cell::new("broken", 5, Timing::MIDDLE);
    let (node, id) = led(&mut cell, None);
    cell.apply(&Fault::Break(node));
    let (second, _) = led(&mut cell, Some(id));
    assert_ne!(node, second);
    cell.mend();
    until(&mut cell, "it leads still", |cell| (cell.view.leaders("a").len() == 1).then_some(()));
    let all = revokes(&cell);
    let graces = all
        .iter()
        .filter(|event| matches!(event, Event::Revoked { reason, .. } if reason.contains("grace")));
    assert!(graces.count() > 0, "{all:?}");
    end(cell);
}
