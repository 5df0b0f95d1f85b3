//! The event queue and its descriptor: no event is lost, told twice, or waited for in vain.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use loom::thread;

use super::events::{EventQueue, Polled};
use crate::model;
use crate::sync::Arc;

/// Whoever waits is never woken by the time, in these models.
const FOR_EVER: Duration = Duration::from_secs(3600);

fn poll_one(queue: &EventQueue) -> Option<u64> {
    let mut cookie = [0];
    match queue.poll(&mut cookie, FOR_EVER) {
        Polled::Ready(1) => Some(cookie[0]),
        Polled::Ready(count) => panic!("{count} of one"),
        Polled::Closed => None,
    }
}

/// Whether it can be read, now or in no time: the kernel's timer goes off within the microsecond
/// for which it is set.
fn is_readable(descriptor: &OwnedFd, expected: bool) -> bool {
    let mut poll = libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let patience = if expected { 60_000 } else { 0 };
    // SAFETY: one entry of this frame.
    unsafe { libc::poll(&mut poll, 1, patience) > 0 }
}

/// Two wait, each with room for one; two events come with one push, which wakes one of them.
#[test]
fn whoever_leaves_events_wakes_the_next() {
    model(|| {
        let queue = Arc::new(EventQueue::default());
        let waiting = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || poll_one(&queue))
        };
        let pushing = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push([1, 2]))
        };
        let mut taken = [poll_one(&queue), waiting.join().unwrap()];
        pushing.join().unwrap();
        taken.sort();
        assert_eq!(taken, [Some(1), Some(2)]);
    });
}

/// The same cookie pushed by two threads while it is fetched: fetched again if it was pushed after
/// it was fetched, and waiting once at a time.
#[test]
fn a_cookie_waits_once() {
    model(|| {
        let queue = Arc::new(EventQueue::default());
        let pushing: Vec<_> = (0..2)
            .map(|_| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || queue.push([7]))
            })
            .collect();
        assert_eq!(poll_one(&queue), Some(7));
        for pushing in pushing {
            pushing.join().unwrap();
        }
        queue.push([8]);
        let mut rest = [0; 4];
        let Polled::Ready(count) = queue.poll(&mut rest, FOR_EVER) else { panic!("not closed") };
        assert!([&[8][..], &[7, 8]].contains(&&rest[..count]), "{:?}", &rest[..count]);
        queue.push([7]);
        assert_eq!(poll_one(&queue), Some(7), "what was fetched may come again");
    });
}

/// Closing wakes all who wait, now and later; what comes after it is not told.
#[test]
fn a_close_wakes_everybody() {
    model(|| {
        let queue = Arc::new(EventQueue::default());
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || poll_one(&queue))
            })
            .collect();
        queue.close();
        queue.push([1]);
        for waiting in waiting {
            assert_eq!(waiting.join().unwrap(), None);
        }
        assert_eq!(poll_one(&queue), None);
    });
}

/// The descriptor shows what there is, whenever it was made: with events that were left it can be
/// read, without it can't, and once closed for ever.
#[test]
fn the_descriptor_shows_what_there_is() {
    model(|| {
        let queue = Arc::new(EventQueue::default());
        let pushing = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push([1, 2]))
        };
        let asking = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.descriptor(None).unwrap())
        };
        assert!(poll_one(&queue).is_some());
        pushing.join().unwrap();
        let descriptor = asking.join().unwrap();
        assert!(is_readable(&descriptor, true), "one is left");
        assert!(poll_one(&queue).is_some());
        assert!(!is_readable(&descriptor, false), "none is left");
        queue.close();
        assert!(is_readable(&descriptor, true), "closed");
        assert_eq!(poll_one(&queue), None);
        assert!(is_readable(&descriptor, true), "still closed");
    });
}
