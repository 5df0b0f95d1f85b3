//! P6 and R18: what a retriever is told, in which order, and that "no leader" has a cause.

use leaderserver::core::ids::LeaderInformation;

use crate::process::Cause;
use crate::world::World;

/// What a retriever was told last: in which era, and which of its values.
#[derive(Default)]
pub struct Memory {
    last: Option<(u64, usize)>,
}

impl World {
    pub(crate) fn check_told(&mut self, i: usize, watch: u64, value: Option<&LeaderInformation>) {
        let namespace = self.processes[i].namespace.clone();
        let watcher = &self.processes[i].watchers[&watch];
        let what = |why: &str| format!("p{i} watch {watch} is told {value:?}, {why}");
        let before = watcher.told.iter().rev().nth(1).map(|(_, before)| before.as_ref());
        if before == Some(value) {
            self.fail("P6", &what("twice running"));
        }
        let Some(leader) = value else { return };
        let Some(&era) = self.truth.eras.get(&leader.id) else {
            self.fail("P6", &what("which nobody was granted"))
        };
        let values = self.truth.values.get(&(era, namespace, watcher.component.clone()));
        let place = values.and_then(|values| values.iter().rposition(|v| v.as_ref() == value));
        let Some(place) = place else { self.fail("P6", &what("which the server never said")) };
        if watcher.memory.last.is_some_and(|last| last > (era, place)) {
            self.fail("P6", &what("after a newer one"));
        }
        let watcher = self.processes[i].watchers.get_mut(&watch).expect("looked up above");
        watcher.memory.last = Some((era, place));
    }

    /// The session machine says that a component has no leader: the name service said so, or it
    /// has been away for the retrieval time-out, or it is another one.
    pub(crate) fn check_value(&self, i: usize, leader: bool, cause: Cause) {
        if leader || cause != Cause::Other {
            return;
        }
        let process = &self.processes[i];
        let now = process.clock.at(self.now);
        let over = match (process.watchdog.without_since(), self.setup.retrieval_timeout) {
            (Some(since), Some(timeout)) => now >= since + timeout,
            _ => false,
        };
        if !over {
            self.fail("R18", &format!("p{i} forgets what it knows although it is connected"));
        }
    }
}
