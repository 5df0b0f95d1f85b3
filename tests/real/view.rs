//! What a history comes to: who leads, who was told what, which operations are open.

use std::collections::{BTreeMap, BTreeSet};

use crate::agent::address;
use crate::check::listed;
use crate::history::{Event, History, Id, Leader, Operation};

/// A contender as it was heard of last.
#[derive(Clone, Debug)]
pub struct Contender {
    pub life: usize,
    pub component: String,
    pub granted: Option<Id>,
    confirmed: bool,
    leads: bool,
    closed: bool,
}

#[derive(Default)]
pub struct View {
    seen: usize,
    names: BTreeMap<usize, String>,
    /// Lives that have ended.
    pub ended: BTreeSet<usize>,
    contenders: BTreeMap<u64, Contender>,
    /// By life and component.
    told: BTreeMap<(usize, String), Option<Leader>>,
    open: BTreeMap<u64, (usize, Operation)>,
    /// The status, version and value of those that are done.
    done: BTreeMap<u64, (String, u64, String)>,
    /// Under which epoch somebody was granted an election last: it may long be over.
    epochs: BTreeMap<(usize, String), u64>,
    /// The newest version that anybody has heard of.
    versions: BTreeMap<(String, String), u64>,
    /// How often something was heard of.
    pub counts: BTreeMap<String, u64>,
}

impl View {
    /// Takes in what is new.
    pub fn look(&mut self, history: &History) {
        for event in history.after(self.seen) {
            self.seen += 1;
            self.take(event);
        }
    }

    /// As [`Self::look`], or waits for something new for so long.
    pub fn wait(&mut self, history: &History, longest: std::time::Duration) {
        history.wait(self.seen, longest);
        self.look(history);
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Started { life, name } => {
                self.names.insert(life, name);
            }
            Event::Ended { life } => {
                self.ended.insert(life);
                self.open.retain(|_, (of, _)| *of != life);
            }
            Event::Contended { life, registration, component } => {
                let (granted, confirmed, leads, closed) = (None, false, false, false);
                let new = Contender { life, component, granted, confirmed, leads, closed };
                self.contenders.insert(registration, new);
            }
            Event::Granted { registration, id, .. } => {
                self.count("grants");
                let of = self.contenders.get_mut(&registration).expect("it contended");
                (of.granted, of.confirmed, of.leads) = (Some(id), false, false);
                self.epochs.insert((of.life, of.component.clone()), id.epoch);
            }
            Event::Revoked { registration, .. } => {
                self.count("revokes");
                self.contenders.get_mut(&registration).expect("it contended").granted = None;
            }
            Event::Closed { registration, .. } => {
                self.contenders.get_mut(&registration).expect("it contended").closed = true;
            }
            Event::Confirmed { registration, epoch, status } => {
                let of = self.contenders.get_mut(&registration).expect("it contended");
                let present = of.granted.is_some_and(|id| id.epoch == epoch);
                of.confirmed |= present && status == "LS_OK";
            }
            Event::Read { registration, epoch, leads, .. } => {
                self.count(if leads { "times it led" } else { "times it did not lead" });
                let of = self.contenders.get_mut(&registration).expect("it contended");
                of.leads = leads && of.granted.is_some_and(|id| id.epoch == epoch);
            }
            Event::Told { life, component, leader, .. } => {
                self.count("values told");
                self.told.insert((life, component), leader);
            }
            Event::Asked { life, operation, what } => {
                self.open.insert(operation, (life, what));
            }
            Event::Done { operation, status, version, value, .. } => {
                self.done(operation, status, version, value);
            }
            Event::Handed { .. } => self.count("handed over by command"),
            Event::Failed { .. } | Event::Fault(_) => {}
        }
    }

    fn done(&mut self, operation: u64, status: String, version: u64, value: String) {
        let Some((_, what)) = self.open.remove(&operation) else { return };
        let writes = !matches!(what, Operation::Get { .. } | Operation::List { .. });
        let kind = if writes { "write" } else { "read" };
        self.count(&format!("{kind} {}", status.trim_start_matches("LS_")));
        let mut known = |key: &str, version: u64| {
            let of = self.versions.entry((what.election().to_owned(), key.to_owned())).or_default();
            *of = version.max(*of);
        };
        match &what {
            Operation::List { .. } => listed(&value).for_each(|(key, at, _)| known(key, at)),
            Operation::Get { key, .. }
            | Operation::Create { key, .. }
            | Operation::Replace { key, .. } => known(key, version),
        }
        self.done.insert(operation, (status, version, value));
    }

    fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    /// How many operations of a life have no answer yet.
    pub fn waiting(&self, life: usize) -> usize {
        self.open.values().filter(|(of, _)| *of == life).count()
    }

    pub fn answer(&self, operation: u64) -> Option<&(String, u64, String)> {
        self.done.get(&operation)
    }

    pub fn epoch(&self, life: usize, election: &str) -> Option<u64> {
        self.epochs.get(&(life, election.to_owned())).copied()
    }

    pub fn version(&self, election: &str, key: &str) -> u64 {
        self.versions.get(&(election.to_owned(), key.to_owned())).copied().unwrap_or(0)
    }

    /// The open registration of a life for a component.
    pub fn registration(&self, life: usize, component: &str) -> Option<u64> {
        let of = |contender: &Contender| contender.life == life && contender.component == component;
        self.contenders.iter().rfind(|(_, c)| of(c) && !c.closed).map(|(number, _)| *number)
    }

    /// Who leads a component under which registration, as was heard of them last; the newest first.
    /// A process that is stopped or cut off may not have said that it leads no more.
    pub fn leaders(&self, component: &str) -> Vec<(usize, u64, Id)> {
        let leads = self.contenders.iter().filter_map(|(number, of)| {
            let leads = of.component == component && of.leads && !of.closed;
            let id = of.granted.filter(|_| leads && !self.ended.contains(&of.life))?;
            Some((of.life, *number, id))
        });
        let mut leaders: Vec<_> = leads.collect();
        leaders.sort_by_key(|(.., id)| std::cmp::Reverse(*id));
        leaders
    }

    pub fn leader(&self, component: &str) -> Option<(usize, u64, Id)> {
        self.leaders(component).into_iter().next()
    }

    /// What its watchers are to be told, once it has confirmed.
    pub fn published(&self, component: &str) -> Option<Leader> {
        let (life, registration, id) = self.leader(component)?;
        let confirmed = self.contenders[&registration].confirmed;
        confirmed.then(|| Leader { id, address: address(&self.names[&life], registration, id) })
    }

    pub fn told(&self, life: usize, component: &str) -> Option<&Option<Leader>> {
        self.told.get(&(life, component.to_owned()))
    }
}
