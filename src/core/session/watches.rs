//! Watching components (P6, R18).

use super::{Output, Session, Watched};
use crate::core::ids::{LeaderInformation, Name, Revision};
use crate::core::time::Moment;
use crate::core::wire::message::ClientMessage;

impl Session {
    /// Somebody watches a component; its value comes as [`Output::Value`].
    pub fn handle_watch(&mut self, now: Moment, component: Name) {
        if !self.watches.contains_key(&component) {
            self.watches.insert(component.clone(), Watched::default());
            self.send(ClientMessage::Watch { component });
        }
        self.settle(now);
    }

    /// Nobody watches a component any more.
    pub fn handle_unwatch(&mut self, now: Moment, component: &Name) {
        if self.watches.remove(component).is_some() {
            self.send(ClientMessage::Unwatch { component: component.clone() });
        }
        self.settle(now);
    }

    pub(super) fn value(
        &mut self,
        component: Name,
        revision: Revision,
        leader: Option<LeaderInformation>,
    ) {
        self.sees(revision);
        if let Some(leader) = &leader {
            self.highest_epoch = self.highest_epoch.max(leader.id.epoch);
        }
        let Some(watched) = self.watches.get_mut(&component) else { return };
        if watched.forgotten || (watched.value.is_some() && revision < watched.revision) {
            // Never an older value after a newer (P6).
            return;
        }
        watched.revision = revision;
        if watched.value.as_ref() != Some(&leader) {
            watched.value = Some(leader.clone());
            self.outputs.push_back(Output::Value { component, leader });
        }
    }

    /// What was known is known no more, and that is told: the present value is asked for anew.
    pub(super) fn forget_values(&mut self) {
        for (component, watched) in &mut self.watches {
            let known = watched.value.take();
            watched.revision = Revision(0);
            watched.forgotten = true;
            if matches!(known, Some(Some(_))) {
                watched.value = Some(None);
                let component = component.clone();
                self.outputs.push_back(Output::Value { component, leader: None });
            }
        }
    }

    /// Asks for all values, or for those only that were forgotten while the connection was silent:
    /// a name service that has told a value does not tell it again by itself.
    pub(super) fn say_watches(&mut self, all: bool) {
        let mut asked = Vec::new();
        for (component, watched) in &mut self.watches {
            if std::mem::take(&mut watched.forgotten) || all {
                asked.push(component.clone());
            }
        }
        for component in asked {
            self.send(ClientMessage::Watch { component });
        }
    }

    pub(super) fn forget_values_when_over(&mut self, now: Moment) {
        if self.values_over_at() <= now {
            self.forget_values();
        }
    }

    pub(super) fn values_over_at(&self) -> Moment {
        let known = || self.watches.values().any(|w| matches!(w.value, Some(Some(_))));
        match (self.without_since, self.settings.retrieval_timeout) {
            (Some(since), Some(timeout)) if known() => since + timeout,
            _ => Moment::NEVER,
        }
    }
}
