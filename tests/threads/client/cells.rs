//! Has-leadership: one cell read while it is written, given back and used again.

use leaderserver::core::ids::{Epoch, LeaderSessionId};
use leaderserver::core::session::Deadlines;
use leaderserver::core::time::Moment;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::leadership::{CellRef, DeadlineCell, has_leadership};
use crate::sync::Arc;
use crate::{clock, model};

const NEVER: u64 = u64::MAX;

fn id(epoch: u64, low: u64) -> LeaderSessionId {
    LeaderSessionId { epoch: Epoch(epoch), low }
}

fn deadlines(lease: u64, link: u64) -> Deadlines {
    Deadlines { lease: Moment::from_nanos(lease), link: Moment::from_nanos(link) }
}

fn leading(id: LeaderSessionId, until: Deadlines) -> (CellRef, &'static DeadlineCell) {
    let of_client = DeadlineCell::allocate();
    of_client.set(until);
    let cell = CellRef::allocate(of_client).unwrap();
    cell.set(Some(id));
    (cell, of_client)
}

/// Two contenders of a candidate lead under one id. One closes, and its cell becomes the other's:
/// whoever knows of the close reads "does not lead" with what it has of the first.
#[test]
fn a_cell_used_again_answers_only_its_new_owner() {
    model(|| {
        let id = id(7, 1);
        let (first, client) = leading(id, deadlines(100, 100));
        let closed = Arc::new(AtomicBool::new(false));
        let reader = {
            let closed = Arc::clone(&closed);
            thread::spawn(move || {
                let knows = closed.load(Ordering::Acquire);
                let leads = has_leadership(first, id);
                assert!(!(knows && leads), "leads after it was closed");
            })
        };
        first.release();
        closed.store(true, Ordering::Release);
        let second = CellRef::allocate(client).unwrap();
        assert_eq!(second.slot, first.slot, "it is used again");
        second.set(Some(id));
        assert!(has_leadership(second, id));
        assert!(!has_leadership(first, id));
        reader.join().unwrap();
    });
}

/// An id is of one grant: half of one and half of the next lead nobody.
#[test]
fn an_id_is_read_whole() {
    model(|| {
        let (cell, _) = leading(id(1, 1), deadlines(100, 100));
        let reader = thread::spawn(move || {
            assert!(!has_leadership(cell, id(2, 1)), "the epoch of one, the rest of another");
        });
        cell.set(None);
        cell.set(Some(id(2, 2)));
        assert!(has_leadership(cell, id(2, 2)));
        assert!(!has_leadership(cell, id(1, 1)));
        reader.join().unwrap();
    });
}

/// Who leads no more reads so, if it knows: what is told after the cell is set is told to somebody
/// who reads it so.
#[test]
fn who_hears_of_a_revoke_finds_it() {
    model(|| {
        let (cell, _) = leading(id(1, 1), deadlines(100, 100));
        let told = Arc::new(AtomicBool::new(false));
        let reader = {
            let told = Arc::clone(&told);
            thread::spawn(move || {
                let knows = told.load(Ordering::Acquire);
                let leads = has_leadership(cell, id(1, 1));
                assert!(!(knows && leads), "leads after its revoke");
            })
        };
        cell.set(None);
        told.store(true, Ordering::Release);
        reader.join().unwrap();
    });
}

/// A connection is resumed after an outage in which only the lease counted (R3): the lease moves
/// on, and the connection counts again. A reader that is held up between its looks must not take
/// the new lease with the old want of a connection: by then the session may be another's.
#[test]
fn deadlines_are_read_as_they_were_settled() {
    model(|| {
        let (cell, client) = leading(id(1, 1), deadlines(10, NEVER));
        let reader = thread::spawn(move || has_leadership(cell, id(1, 1)));
        client.set(deadlines(50, 30));
        clock::move_to(40);
        let led = reader.join().unwrap();
        // At first it leads by either, at 40 by neither.
        assert!(!led || clock::last_read() == clock::BEGIN, "leads by half of each");
    });
}

/// A client ends, and another one gets the cell of its deadlines: they are not taken for the
/// first's, whose lease is over.
#[test]
fn deadlines_of_another_client_renew_nobody() {
    model(|| {
        let (cell, client) = leading(id(1, 1), deadlines(10, 10));
        clock::move_to(20);
        let reader = thread::spawn(move || {
            assert!(!has_leadership(cell, id(1, 1)), "leads by the lease of another");
        });
        cell.release();
        client.release();
        DeadlineCell::allocate().set(deadlines(100, 100));
        reader.join().unwrap();
    });
}

/// A lease is over, which nobody has noticed; the client revokes and has another session. Its lease
/// is not taken for that of the former leadership.
#[test]
fn a_later_session_renews_no_former_leadership() {
    model(|| {
        let (cell, client) = leading(id(1, 1), deadlines(10, 10));
        clock::move_to(20);
        let reader = thread::spawn(move || {
            assert!(!has_leadership(cell, id(1, 1)), "leads by the lease of another session");
        });
        cell.set(None);
        client.set(deadlines(100, 100));
        cell.set(Some(id(2, 2)));
        reader.join().unwrap();
    });
}
