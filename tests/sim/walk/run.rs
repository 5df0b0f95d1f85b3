//! Walks over many seeds, on all cores, and what they report.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::walk;
use crate::coverage::Coverage;

/// How many seeds are walked where `SEEDS` does not say.
const SEEDS: u64 = 20_000;

/// From so many seeds on everything that is listed in [`crate::coverage`] must have happened.
const ENOUGH: u64 = 20_000;

/// What came of many walks.
#[derive(Default)]
struct Report {
    seen: Coverage,
    seeds: u64,
    events: u64,
    /// Virtual time, in nanoseconds.
    time: u128,
}

#[test]
fn many_seeds() {
    let number = |key: &str| std::env::var(key).ok().filter(|text| !text.is_empty());
    let number = |key: &str| number(key).map(|text| text.parse::<u64>().expect(key));
    if let Some(seed) = number("SEED") {
        let walked = walk(seed, true);
        let (history, steps) = walked.history();
        println!("seed {seed}: {steps} things happened, history {history:016x}");
        return;
    }
    let first = number("FROM").unwrap_or(1);
    let seeds = number("SEEDS").unwrap_or(SEEDS);
    let threads = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let began = Instant::now();
    match run(first, seeds, number("THREADS").unwrap_or(threads)) {
        Ok(report) => {
            println!("{}", report.text(began.elapsed()));
            let missing = report.seen.missing();
            assert!(seeds < ENOUGH || missing.is_empty(), "never happened: {missing:#?}");
        }
        Err(seed) => {
            println!("seed {seed} failed; again, with its trace (SEED={seed} does the same):");
            walk(seed, true);
            panic!("seed {seed} failed, but not again");
        }
    }
}

/// Walks them all, unless one fails: then the lowest that has.
fn run(first: u64, seeds: u64, threads: u64) -> Result<Report, u64> {
    let total = Mutex::new(Report::default());
    let failed = AtomicU64::new(u64::MAX);
    let done = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|offset| {
                let (total, failed, done) = (&total, &failed, &done);
                scope.spawn(move || {
                    let mut report = Report::default();
                    // Every so-manieth: a thread's share does not hang on what others find.
                    for seed in (first + offset..first + seeds).step_by(threads as usize) {
                        if failed.load(Ordering::Relaxed) < seed {
                            break;
                        }
                        match catch_unwind(AssertUnwindSafe(|| walk(seed, false))) {
                            Ok(walked) => report.add(&walked),
                            Err(_) => {
                                failed.fetch_min(seed, Ordering::Relaxed);
                            }
                        }
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    total.lock().expect("no thread panics").merge(&report);
                })
            })
            .collect();
        // A word now and then where it takes long.
        let (over, done) = (&over, &done);
        let teller = scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                thread::park_timeout(Duration::from_secs(60));
                if !over.load(Ordering::Relaxed) {
                    println!("{} of {seeds} seeds", done.load(Ordering::Relaxed));
                }
            }
        });
        workers.into_iter().for_each(|worker| worker.join().expect("it catches panics"));
        over.store(true, Ordering::Relaxed);
        teller.thread().unpark();
    });
    match failed.into_inner() {
        u64::MAX => Ok(total.into_inner().expect("no thread panics")),
        seed => Err(seed),
    }
}

impl Report {
    fn add(&mut self, walked: &super::Walked) {
        self.seeds += 1;
        self.events += walked.world.events;
        self.time += u128::from(walked.world.now);
        self.seen.add(&walked.world.truth.seen);
    }

    fn merge(&mut self, other: &Report) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.time += other.time;
        self.seen.add(&other.seen);
    }

    fn text(&self, took: Duration) -> String {
        let hours = self.time as f64 / 3.6e12;
        let seconds = took.as_secs_f64();
        format!(
            "{} seeds, {hours:.0} virtual hours, {} events in {seconds:.0} s: {:.0} seeds and \
             {:.0} events a second, {:.0} times as fast as the clock\n\n{}",
            self.seeds,
            self.events,
            self.seeds as f64 / seconds,
            self.events as f64 / seconds,
            hours * 3600.0 / seconds,
            self.seen.table()
        )
    }
}

/// One seed, one history: what a replay rests on.
#[test]
fn a_seed_always_gives_the_same_history() {
    for seed in 1..40 {
        assert_eq!(walk(seed, false).history(), walk(seed, false).history(), "seed {seed}");
    }
}

/// Two different seeds give different histories: else the walk would walk one path.
#[test]
fn seeds_differ() {
    assert_ne!(walk(1, false).history(), walk(2, false).history());
}

/// However many threads share the seeds, each is walked once.
#[test]
fn threads_share_the_seeds() {
    let one = run(1, 30, 1).unwrap_or_else(|seed| panic!("seed {seed}"));
    let three = run(1, 30, 3).unwrap_or_else(|seed| panic!("seed {seed}"));
    assert_eq!((one.seeds, one.events, one.time), (three.seeds, three.events, three.time));
}
