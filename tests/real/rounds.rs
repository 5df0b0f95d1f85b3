//! Many rounds: faults for some seconds, then all is mended, must be well within a bound (P4, P6),
//! and the history is held against the promises.

use std::collections::BTreeMap;
use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::cell::{COMPONENTS, Cell};
use crate::check::{check, listed};
use crate::faults::plan;
use crate::timing::{Bound, Timing};

/// Between two operations on the store.
const STEP: Duration = Duration::from_millis(8);

/// After so many rounds a set of processes makes way for a new one.
const ROUNDS_OF_A_CELL: u64 = 25;

/// What all rounds together have seen.
#[derive(Default)]
struct Tally {
    rounds: u64,
    faults: BTreeMap<String, u64>,
    counts: BTreeMap<String, u64>,
    /// How long it took until all was well.
    mended: Vec<Duration>,
}

/// `REAL_ROUNDS`, `REAL_SEED` and `REAL_CELLS` say how many rounds, from which seed on, and how
/// many sets of processes at a time.
#[test]
fn rounds_of_faults() {
    let setting = |name: &str, default: u64| {
        env::var(name).map_or(default, |value| value.parse().expect("a number"))
    };
    let (rounds, seed) = (setting("REAL_ROUNDS", 80), setting("REAL_SEED", 1));
    let cells = setting("REAL_CELLS", 4).min(rounds);
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let tally = Mutex::new(Tally::default());
    let started = Instant::now();
    thread::scope(|scope| {
        for number in 0..cells {
            let (next, failed, tally) = (&next, &failed, &tally);
            scope.spawn(move || {
                while !failed.load(Ordering::Relaxed) && next.load(Ordering::Relaxed) < rounds {
                    let take = || {
                        let round = next.fetch_add(1, Ordering::Relaxed);
                        (round < rounds && !failed.load(Ordering::Relaxed)).then_some(seed + round)
                    };
                    if !run_cell(number, take, tally) {
                        failed.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    tally.into_inner().unwrap().print(started.elapsed());
    assert!(!failed.load(Ordering::Relaxed), "see above");
}

/// Runs rounds on one set of processes; answers whether all held.
fn run_cell(number: u64, mut take: impl FnMut() -> Option<u64>, tally: &Mutex<Tally>) -> bool {
    let Some(mut seed) = take() else { return true };
    let mut cell = Cell::new(&format!("rounds-{number}"), seed, Timing::SHORT);
    for round in 1.. {
        let result = run_round(&mut cell, seed, tally);
        if let Err(found) = result {
            println!("REAL_SEED={seed}: {found:#?}\n{}", cell.keep());
            return false;
        }
        if round == ROUNDS_OF_A_CELL {
            break;
        }
        let Some(next) = take() else { break };
        seed = next;
    }
    let mut tally = tally.lock().unwrap();
    for (what, count) in &cell.view.counts {
        *tally.counts.entry(what.clone()).or_default() += count;
    }
    drop(tally);
    cell.remove();
    true
}

fn run_round(cell: &mut Cell, seed: u64, tally: &Mutex<Tally>) -> Result<(), Vec<String>> {
    let leaders = COMPONENTS.map(|component| cell.leader(component));
    let plan = plan(seed, cell.agents.len(), &leaders);
    let started = Instant::now();
    let passed = |millis: u64| started.elapsed() >= Duration::from_millis(millis);
    let mut faults = plan.faults.iter().peekable();
    while !passed(plan.until_ms) {
        while let Some((_, fault)) = faults.next_if(|(at, _)| passed(*at)) {
            cell.apply(fault);
            let kind = format!("{fault:?}");
            let kind = kind.split(['(', ' ']).next().expect("there is a first").to_owned();
            *tally.lock().unwrap().faults.entry(kind).or_default() += 1;
        }
        // The pace of those who use the store.
        thread::sleep(STEP);
        cell.use_store();
    }
    cell.mend();
    let mended = all_is_well(cell)?;
    cell.commands_end();
    let mut found = cell.troubles();
    found.extend(check(&cell.history.events()));
    let mut tally = tally.lock().unwrap();
    tally.rounds += 1;
    tally.mended.push(mended);
    if tally.rounds.is_multiple_of(100) {
        println!("{} rounds", tally.rounds);
    }
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// P4 and P6: soon somebody leads each component, all watchers know, and what the leader writes is
/// what everybody reads. Answers when all had a leader who could write.
fn all_is_well(cell: &mut Cell) -> Result<Duration, Vec<String>> {
    let mut bound = Bound::new();
    let mut written: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut led = None;
    loop {
        cell.keep_up();
        let missing = missing(cell, &mut written);
        if led.is_none() && written.len() == COMPONENTS.len() {
            led = Some(bound.elapsed());
        }
        match (missing, led) {
            (None, Some(led)) => break everybody_reads(cell, &written).map(|()| led),
            (Some(missing), _) if bound.is_over() => {
                let mut found = check(&cell.history.events());
                found.extend(cell.troubles());
                let after = bound.elapsed();
                found.push(format!("P4: {missing}, {after:.0?} after everything was mended"));
                break Err(found);
            }
            _ => cell.view.wait(&cell.history, STEP),
        }
    }
}

/// What is not well yet. A leader is asked to write as soon as there is one, and again if it did
/// not succeed.
fn missing(cell: &mut Cell, written: &mut BTreeMap<&str, (u64, u64)>) -> Option<String> {
    let mut missing = None;
    for component in COMPONENTS {
        let Some((life, _, id)) = cell.view.leader(component) else {
            written.remove(component);
            missing = Some(format!("'{component}' has no leader"));
            continue;
        };
        let (of, operation) = match written.get(component) {
            Some(written) => *written,
            None => (id.epoch, cell.ask(life, component, Some(id.epoch))),
        };
        written.insert(component, (of, operation));
        let answer = cell.view.answer(operation).map(|(status, ..)| status.as_str());
        if of != id.epoch || answer.is_some_and(|status| status != "LS_OK") {
            written.remove(component);
        }
        if answer != Some("LS_OK") {
            missing = Some(format!("the leader of '{component}' was not able to write"));
        }
        if cell.view.leaders(component).len() > 1 {
            missing = Some(format!("several still lead '{component}'"));
        }
        let published = cell.view.published(component);
        let late = |life: &usize| cell.view.told(*life, component) != Some(&published);
        if published.is_none() {
            missing = Some(format!("the leader of '{component}' has not confirmed"));
        } else if let Some(life) = cell.watchers().into_iter().find(late) {
            let told = cell.view.told(life, component);
            missing = Some(format!("P6: process {life} was told {told:?}, not {published:?}"));
        }
    }
    missing
}

/// All read what was written last.
fn everybody_reads(
    cell: &mut Cell,
    written: &BTreeMap<&str, (u64, u64)>,
) -> Result<(), Vec<String>> {
    let lives: Vec<usize> = cell.agents.iter().flatten().map(|agent| agent.life).collect();
    for component in COMPONENTS {
        let operation = written[component].1;
        let version = cell.view.answer(operation).map(|(_, version, _)| *version);
        for life in &lives {
            let value = read(cell, *life, component)?;
            // A write that was on its way may have come after it.
            let newest = listed(&value).map(|(_, version, _)| version).max();
            if newest < version {
                return Err(vec![format!(
                    "P2: process {life} reads {value}, and {version:?} was written"
                )]);
            }
        }
    }
    Ok(())
}

/// Has somebody read until there is an answer.
fn read(cell: &mut Cell, life: usize, component: &str) -> Result<String, Vec<String>> {
    let mut bound = Bound::new();
    let mut operation = cell.ask(life, component, None);
    loop {
        match cell.view.answer(operation) {
            Some((status, _, value)) if status == "LS_OK" => return Ok(value.clone()),
            Some(_) => operation = cell.ask(life, component, None),
            None => cell.view.wait(&cell.history, STEP),
        }
        if bound.is_over() {
            return Err(vec![format!("P4: process {life} has no answer to a read")]);
        }
    }
}

impl Tally {
    fn print(mut self, took: Duration) {
        self.mended.sort();
        let at = |part: usize| {
            let last = self.mended.len().saturating_sub(1);
            self.mended.get(last * part / 100).copied().unwrap_or_default()
        };
        println!("{} rounds in {took:.0?}; {:?}", self.rounds, self.counts);
        println!("faults, and their ends: {:?}", self.faults);
        println!(
            "led again after: p50 {:.0?}, p90 {:.0?}, p99 {:.0?}, longest {:.0?}",
            at(50),
            at(90),
            at(99),
            at(100)
        );
    }
}
