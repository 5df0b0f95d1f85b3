//! Handles of clients, contenders and watches: closing meets everything.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use leaderserver::core::contenders::{Callback, Command};
use leaderserver::core::error::Error;
use leaderserver::core::ids::{Epoch, LeaderSessionId, Name};
use leaderserver::core::session::Deadlines;
use leaderserver::core::time::Moment;
use loom::thread;

use super::objects;
use super::panic::{self, Place};
use crate::client::Task;

const ID: LeaderSessionId = LeaderSessionId { epoch: Epoch(7), low: 1 };
const COOKIE: u64 = 1;

/// Later than the clock, which stands still.
const LATER: Deadlines =
    Deadlines { lease: Moment::from_nanos(100), link: Moment::from_nanos(100) };

/// A model, after which no task goes on.
fn model(preemptions: usize, run: impl Fn() + Sync + Send + 'static) {
    // These take many locks: with three preemptions some take a minute.
    crate::model_of(preemptions, move || {
        run();
        Task::end_last();
    });
}

fn open() -> u64 {
    objects::client_open(vec![("namespace".to_owned(), "model".to_owned())], None).unwrap()
}

/// A contender that leads; it was told so if `told`.
fn leading(client: u64, told: bool) -> u64 {
    let contender = objects::contender_open(client, "component", COOKIE).unwrap();
    let name_service = Task::of_last();
    name_service.deadlines(LATER);
    name_service.granted(ID);
    name_service.asked();
    if told {
        let callback = objects::contender_take(contender).unwrap();
        assert_eq!(callback, Some(Callback::Grant(ID)));
        objects::contender_done(contender).unwrap();
    }
    contender
}

/// What a contender was told, and when it was closed, in the order in which it came to be: threads
/// of a model are turns of one.
#[derive(Clone, Default)]
struct Told(Rc<RefCell<Vec<What>>>);

// SAFETY: all threads of a model are turns of one.
unsafe impl Send for Told {}

#[derive(Clone, Debug, PartialEq)]
enum What {
    /// A thread is about to take a callback, if one is due.
    Taking,
    Begun(Callback),
    Returned,
    CloseReturned,
}

impl Told {
    fn run(&self, contender: u64, callback: Callback) {
        self.0.borrow_mut().push(What::Begun(callback));
        thread::yield_now();
        self.0.borrow_mut().push(What::Returned);
        objects::contender_done(contender).unwrap();
    }

    fn fetch(&self, contender: u64) {
        loop {
            self.0.borrow_mut().push(What::Taking);
            let Some(callback) = objects::contender_take(contender).unwrap() else { return };
            self.run(contender, callback);
        }
    }

    fn close(&self, contender: u64) {
        if let Some(callback) = objects::contender_close(contender, false).unwrap() {
            self.run(contender, callback);
        }
        self.0.borrow_mut().push(What::CloseReturned);
    }

    /// P3: in turn, one at a time, and after a close nothing is taken but the revoke that a callback
    /// was in the way of. That callback itself may come to run only after close has returned, if
    /// its thread was held up between taking and running it: nothing but a lock over user code
    /// could prevent that.
    fn check(&self) {
        let (mut running, mut leads, mut closed, mut taken_closed) = (0, false, false, false);
        for what in self.0.borrow().iter() {
            match what {
                What::Taking => taken_closed = closed,
                What::Begun(callback) => {
                    assert_eq!(running, 0, "two at a time: {self}");
                    let grant = matches!(callback, Callback::Grant(_));
                    assert_ne!(grant, leads, "not in turn: {self}");
                    assert!(!(taken_closed && grant), "granted after close: {self}");
                    (running, leads) = (1, grant);
                }
                What::Returned => running = 0,
                What::CloseReturned => closed = true,
            }
        }
        assert!(!leads, "never revoked: {self}");
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0.borrow())
    }
}

/// A contender is opened while its client is closed: either it is refused, or it is closed with the
/// client. Nothing is left over.
#[test]
fn what_is_opened_while_its_client_closes_is_closed() {
    model(3, || {
        let client = open();
        let contending = thread::spawn(move || objects::contender_open(client, "component", 1));
        let closed = objects::client_close(client, Duration::ZERO);
        assert_eq!(closed, Ok(()));
        if let Ok(contender) = contending.join().unwrap() {
            assert!(!objects::contender_exists(contender));
        }
        assert_eq!(objects::counts(), [0; 4]);
    });
}

/// The same of a watch, with two closes.
#[test]
fn a_watch_opened_while_its_client_closes_is_closed() {
    model(2, || {
        let client = open();
        let watching = thread::spawn(move || objects::watch_open(client, "component", 1));
        let closing = thread::spawn(move || objects::client_close(client, Duration::ZERO));
        assert_eq!(objects::client_close(client, Duration::ZERO), Ok(()));
        closing.join().unwrap().unwrap();
        if let Ok(watch) = watching.join().unwrap() {
            assert!(!objects::watch_exists(watch));
        }
        assert_eq!(objects::counts(), [0; 4]);
    });
}

/// A contender closes while its grant is fetched and run on another thread: told in turn, left once
/// and only when nothing runs, and not leading from when close returned.
#[test]
fn a_close_meets_a_callback() {
    model(2, || {
        let client = open();
        let contender = leading(client, false);
        let told = Told::default();
        let fetching = {
            let told = told.clone();
            thread::spawn(move || told.fetch(contender))
        };
        told.close(contender);
        assert!(!objects::has_leadership(contender, ID), "leads after close");
        fetching.join().unwrap();
        told.check();
        assert!(!objects::contender_exists(contender));
        let left = Command::Leave { election: Name::process_election() };
        assert_eq!(Task::of_last().asked(), [left]);
        objects::client_close(client, Duration::ZERO).unwrap();
    });
}

/// Two threads close a contender that leads: it is revoked once, and left once.
#[test]
fn two_closes_revoke_once() {
    model(2, || {
        let client = open();
        let contender = leading(client, true);
        let told = Told::default();
        told.0.borrow_mut().extend([What::Begun(Callback::Grant(ID)), What::Returned]);
        let closing = {
            let told = told.clone();
            thread::spawn(move || told.close(contender))
        };
        told.close(contender);
        assert!(!objects::has_leadership(contender, ID));
        closing.join().unwrap();
        told.check();
        let revokes = |what: &&What| matches!(what, What::Begun(Callback::Revoke(_)));
        assert_eq!(told.0.borrow().iter().filter(revokes).count(), 1);
        assert_eq!(Task::of_last().asked().len(), 1);
        objects::client_close(client, Duration::ZERO).unwrap();
        assert_eq!(objects::counts(), [0; 4]);
    });
}

/// A client closes while its lease is renewed: who has seen that it does not lead any more never
/// sees it lead again.
#[test]
fn a_renewal_does_not_undo_a_close() {
    model(2, || {
        let client = open();
        let contender = leading(client, true);
        let name_service = Task::of_last();
        let renewing = thread::spawn(move || name_service.deadlines(LATER));
        let reading = thread::spawn(move || {
            let before = objects::has_leadership(contender, ID);
            let after = objects::has_leadership(contender, ID);
            assert!(before || !after, "leads again");
        });
        objects::client_close(client, Duration::ZERO).unwrap();
        assert!(!objects::has_leadership(contender, ID), "leads after its client was closed");
        renewing.join().unwrap();
        reading.join().unwrap();
    });
}

/// A client closes while a thread waits for its events: that one comes back, and every later one.
#[test]
fn a_close_ends_every_wait() {
    model(2, || {
        let client = open();
        let waiting = thread::spawn(move || {
            let mut cookies = [0; 2];
            objects::client_poll(client, &mut cookies, Duration::from_secs(1))
        });
        objects::client_close(client, Duration::ZERO).unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(None));
        let again = objects::client_poll(client, &mut [0], Duration::from_secs(1));
        assert_eq!(again, Ok(None));
    });
}

/// A panic comes out of a contender that leads, while another thread closes its client: it leads no
/// more, both say what they must, and nothing is left.
#[test]
fn a_panic_ends_leadership() {
    super::tables::quietly();
    model(2, || {
        let client = open();
        let contender = leading(client, true);
        let closing = thread::spawn(move || objects::client_close(client, Duration::ZERO));
        panic::inject(Place::Object, super::tables::PANIC);
        let confirmed = objects::contender_confirm(contender, ID, "here".into());
        if matches!(confirmed, Err(Error::Internal(_))) {
            assert!(!objects::has_leadership(contender, ID), "leads after a panic");
        }
        // Whichever object was used first after the panic was put in has had it.
        let _ = closing.join().unwrap();
        let _ = objects::client_close(client, Duration::ZERO);
        assert!(!objects::has_leadership(contender, ID));
        assert_eq!(objects::counts(), [0; 4]);
    });
}
