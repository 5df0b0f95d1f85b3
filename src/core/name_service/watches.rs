//! Watches: the present value at once, then every change.

use super::{MAX_PER_SESSION, NameService, Output};
use crate::core::error::Refusal;
use crate::core::ids::{ConnectionId, LeaderInformation, Name, SessionId};
use crate::core::wire::message::ServerMessage;

impl NameService {
    pub(super) fn watch(&mut self, id: SessionId, component: Name) {
        let watches = &self.session(id).watches;
        if watches.len() >= MAX_PER_SESSION && !watches.contains(&component) {
            let reason = format!("a session watches {MAX_PER_SESSION} components at the most");
            let failure =
                ServerMessage::Failure { request: 0, election: None, code: Refusal::Limit, reason };
            return self.send_to_session(id, failure);
        }
        let session = self.session_mut(id);
        if let Some(sync) = &mut session.sync {
            sync.watches.insert(component.clone());
        }
        session.watches.insert(component.clone());
        let needs = self.needs_component(&self.session(id).namespace, &component);
        let present = self.revision_at(needs);
        let found = self.namespace_mut(id).components.entry(component.clone()).or_default();
        found.watchers.insert(id);
        if found.published.is_none() {
            // That there is no leader is true as of now, whatever was known earlier.
            found.revision = present;
        }
        let revision = found.revision;
        let leader = found.published.as_ref().map(|published| published.leader.clone());
        let value = ServerMessage::Value { component, revision, leader };
        self.send_to_session_when(needs, id, value);
    }

    pub(super) fn unwatch(&mut self, id: SessionId, component: &Name) {
        self.session_mut(id).watches.remove(component);
        self.forget_watch(id, component);
    }

    pub(super) fn forget_watches(&mut self, id: SessionId) {
        for component in std::mem::take(&mut self.session_mut(id).watches) {
            self.forget_watch(id, &component);
        }
    }

    fn forget_watch(&mut self, id: SessionId, component: &Name) {
        let components = &mut self.namespace_mut(id).components;
        let Some(found) = components.get_mut(component) else { return };
        found.watchers.remove(&id);
        if found.watchers.is_empty() && found.published.is_none() {
            components.remove(component);
        }
    }

    pub(super) fn tell_watchers(
        &mut self,
        component: &Name,
        watchers: &[SessionId],
        leader: Option<LeaderInformation>,
    ) {
        let to: Vec<ConnectionId> =
            watchers.iter().filter_map(|&watcher| self.session(watcher).conn).collect();
        if !to.is_empty() {
            let component = component.clone();
            let message = ServerMessage::Value { component, revision: self.revision, leader };
            self.outputs.push_back(Output::Broadcast { to, message });
        }
    }
}
