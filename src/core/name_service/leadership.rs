//! Joining, leaving, granting, and what a leader publishes.

use bytes::Bytes;
use rand_chacha::rand_core::RngCore;

use super::{Ended, MAX_PER_SESSION, NameService, Output, Published, ServerEvent};
use crate::core::config::Mode;
use crate::core::election::{Candidate, Election, Joined, Leader};
use crate::core::error::Refusal;
use crate::core::ids::{
    Candidacy, Epoch, LeaderInformation, LeaderSessionId, Name, Revision, SessionId,
};
use crate::core::records::RecordKey;
use crate::core::time::Moment;
use crate::core::wire::message::ServerMessage;

impl NameService {
    pub(super) fn join(
        &mut self,
        now: Moment,
        id: SessionId,
        election: Name,
        mode: Mode,
        candidacy: Candidacy,
    ) {
        let namespace = self.namespace_mut(id);
        let new = namespace.mode.is_none();
        let kept = *namespace.mode.get_or_insert(mode);
        if new {
            let name = self.session(id).namespace.clone();
            self.mark(RecordKey::Namespace(name));
        }
        if kept != mode {
            let reason = format!(
                "high-availability.leader-server.election: '{}' can't be used in namespace '{}', \
                 which holds its elections '{}': give all its processes the same value",
                mode.as_str(),
                self.session(id).namespace,
                kept.as_str()
            );
            return self.refuse_join(id, election, Refusal::Mode, reason);
        }
        let elections = &self.session(id).elections;
        if elections.len() >= MAX_PER_SESSION && !elections.contains(&election) {
            let reason = format!("a session stands in {MAX_PER_SESSION} elections at the most");
            return self.refuse_join(id, election, Refusal::Limit, reason);
        }
        let session = self.session_mut(id);
        if let Some(sync) = &mut session.sync {
            sync.elections.insert(election.clone());
        }
        session.elections.insert(election.clone());
        let namespace = session.namespace.clone();
        if !std::mem::replace(&mut session.recorded, true) {
            self.mark(RecordKey::Session(id));
        }
        self.no_longer_idle(&namespace, &election);
        let joined = self.election_mut(&namespace, &election).join(id, candidacy);
        if joined == Joined::Stale {
            // Its word that it left was lost with a connection.
            self.leave_line(&namespace, &election, id);
            self.election_mut(&namespace, &election).join(id, candidacy);
            self.session_mut(id).elections.insert(election.clone());
        }
        self.grant_next(now, &namespace, &election);
    }

    fn refuse_join(&mut self, id: SessionId, election: Name, code: Refusal, reason: String) {
        let peer = self.session(id).name.to_string();
        let event = ServerEvent::Refused { peer, code, reason: reason.clone() };
        self.outputs.push_back(Output::Log(event));
        let needs = self.needs(&RecordKey::Namespace(self.session(id).namespace.clone()));
        let failure = ServerMessage::Failure { request: 0, election: Some(election), code, reason };
        self.send_to_session_when(needs, id, failure);
    }

    pub(super) fn leave(&mut self, now: Moment, id: SessionId, election: &Name) {
        let namespace = self.session(id).namespace.clone();
        self.leave_line(&namespace, election, id);
        self.grant_next(now, &namespace, election);
        self.forget_empty_election(now, &namespace, election);
    }

    fn leave_line(&mut self, namespace: &Name, election: &Name, id: SessionId) {
        self.session_mut(id).elections.remove(election);
        let found = self.namespaces.get_mut(namespace).and_then(|n| n.elections.get_mut(election));
        if let Some((_, Some(leader))) = found.map(|found| found.leave(id)) {
            self.leadership_ended(namespace, election, leader, Ended::Left);
        }
    }

    pub(super) fn stepped_down(
        &mut self,
        now: Moment,
        id: SessionId,
        election: &Name,
        epoch: Epoch,
    ) {
        let namespace = self.session(id).namespace.clone();
        let found = self.namespaces.get_mut(&namespace).and_then(|n| n.elections.get_mut(election));
        if let Some(leader) = found.and_then(|found| found.step_down(id, epoch)) {
            self.leadership_ended(&namespace, election, leader, Ended::SteppedDown);
            self.grant_next(now, &namespace, election);
        }
    }

    /// All that the leader published goes with its epoch, in the same step (R18).
    pub(super) fn leadership_ended(
        &mut self,
        namespace: &Name,
        election: &Name,
        leader: Leader,
        why: Ended,
    ) {
        let components = &self.namespaces[namespace].components;
        let published: Vec<Name> = components
            .iter()
            .filter(|(_, c)| c.published.as_ref().is_some_and(|p| p.election == *election))
            .map(|(name, _)| name.clone())
            .collect();
        for component in published {
            self.set_component(namespace, &component, None);
        }
        let name = self.session(leader.session).name.clone();
        self.mark_election(namespace, election);
        let event = ServerEvent::LeadershipEnded {
            namespace: namespace.clone(),
            election: election.clone(),
            epoch: leader.id.epoch,
            session: leader.session,
            name,
            why,
        };
        self.emit(self.needs_election(namespace, election), Output::Log(event));
    }

    /// Grants an election that nobody leads to whom it is due, if there is somebody and it may be.
    pub(super) fn grant_next(&mut self, now: Moment, namespace: &Name, election: &Name) {
        if self.stopping || self.read_only().is_some() {
            return;
        }
        let Some(found) = self.namespaces.get(namespace).and_then(|n| n.elections.get(election))
        else {
            return;
        };
        if found.leader().is_some() {
            return;
        }
        let remote = self.remote_from == Moment::NEVER || self.remote_from <= now;
        // Somebody without a connection would only keep the others waiting (P4).
        let eligible = |id: SessionId| {
            let session = self.session(id);
            session.conn.is_some() && (session.local || remote)
        };
        if let Some(candidate) = found.next(eligible) {
            self.grant(namespace, election, candidate);
        }
    }

    fn grant(&mut self, namespace: &Name, election: &Name, candidate: Candidate) {
        // Counted for the whole server, so that no election that was forgotten sees one again.
        self.last_epoch = Epoch(self.last_epoch.0 + 1);
        let id = LeaderSessionId { epoch: self.last_epoch, low: self.rng.next_u64() };
        let leader = self.election_mut(namespace, election).grant(candidate, id);
        self.raise_fence(namespace, election, id.epoch);
        self.mark(RecordKey::Head);
        self.mark_election(namespace, election);
        let needs = self.needs_election(namespace, election);
        let session = candidate.session;
        let event = ServerEvent::Granted {
            namespace: namespace.clone(),
            election: election.clone(),
            epoch: id.epoch,
            session,
            name: self.session(session).name.clone(),
        };
        self.emit(needs, Output::Log(event));
        let candidacy = leader.candidacy;
        let granted = ServerMessage::Granted { election: election.clone(), id, candidacy };
        self.send_to_session_when(needs, session, granted);
    }

    pub(super) fn grant_everywhere(&mut self, now: Moment) {
        let all: Vec<(Name, Name)> = self
            .namespaces
            .iter()
            .flat_map(|(name, n)| {
                n.elections.keys().map(|election| (name.clone(), election.clone()))
            })
            .collect();
        for (namespace, election) in all {
            self.grant_next(now, &namespace, &election);
        }
    }

    pub(super) fn publish(
        &mut self,
        id: SessionId,
        election: Name,
        epoch: Epoch,
        component: Name,
        address: Bytes,
    ) {
        let Some((namespace, leader)) = self.leads(id, &election, epoch) else { return };
        if let Some(sync) = &mut self.session_mut(id).sync {
            sync.components.insert(component.clone());
        }
        let leader = LeaderInformation { id: leader.id, address };
        self.set_component(&namespace, &component, Some(Published { election, leader }));
    }

    pub(super) fn withdraw(
        &mut self,
        id: SessionId,
        election: &Name,
        epoch: Epoch,
        component: &Name,
    ) {
        let Some((namespace, _)) = self.leads(id, election, epoch) else { return };
        let found = self.namespaces[&namespace].components.get(component);
        let published = found.and_then(|found| found.published.as_ref());
        if published.is_some_and(|published| published.election == *election) {
            self.set_component(&namespace, component, None);
        }
    }

    /// Only the leader's own epoch writes leader information: a late word changes nothing.
    fn leads(&self, id: SessionId, election: &Name, epoch: Epoch) -> Option<(Name, Leader)> {
        let namespace = self.session(id).namespace.clone();
        let leader = self.namespaces[&namespace].elections.get(election)?.leader()?;
        let its_own = leader.session == id && leader.id.epoch == epoch;
        its_own.then_some((namespace, leader))
    }

    fn set_component(&mut self, namespace: &Name, component: &Name, value: Option<Published>) {
        let found = self.namespaces.get_mut(namespace).expect("its session lives");
        let entry = found.components.entry(component.clone()).or_default();
        let leader = value.as_ref().map(|published| &published.leader);
        if entry.published.as_ref().map(|published| &published.leader) == leader {
            return;
        }
        let leader = leader.cloned();
        self.revision = Revision(self.revision.0 + 1);
        entry.revision = self.revision;
        entry.published = value;
        let watchers: Vec<SessionId> = entry.watchers.iter().copied().collect();
        if entry.published.is_none() && watchers.is_empty() {
            found.components.remove(component);
        }
        if self.is_durable() {
            // They are told once it is recorded.
            let (namespace, component) = (namespace.clone(), component.clone());
            self.mark(RecordKey::Head);
            return self.mark(RecordKey::Component { namespace, component });
        }
        self.tell_watchers(component, &watchers, leader);
    }

    /// Ends what a client says first: what it did not name is no longer wanted.
    pub(super) fn sync_end(&mut self, now: Moment, id: SessionId) {
        let Some(sync) = self.session_mut(id).sync.take() else { return };
        let session = self.session(id);
        let unwanted = |have: &std::collections::BTreeSet<Name>,
                        named: &std::collections::BTreeSet<Name>| {
            have.difference(named).cloned().collect::<Vec<_>>()
        };
        let elections = unwanted(&session.elections, &sync.elections);
        let watches = unwanted(&session.watches, &sync.watches);
        let namespace = session.namespace.clone();
        for election in &elections {
            self.leave(now, id, election);
        }
        for component in &watches {
            self.unwatch(id, component);
        }
        let components: Vec<Name> = self.namespaces[&namespace]
            .components
            .iter()
            .filter(|(name, component)| {
                !sync.components.contains(*name)
                    && component.published.as_ref().is_some_and(|published| {
                        let epoch = published.leader.id.epoch;
                        self.leads(id, &published.election, epoch).is_some()
                    })
            })
            .map(|(name, _)| name.clone())
            .collect();
        for component in &components {
            self.set_component(&namespace, component, None);
        }
    }

    pub(super) fn resign_request(
        &mut self,
        now: Moment,
        id: SessionId,
        request: u64,
        election: &Name,
        epoch: Option<Epoch>,
        target: Option<&Name>,
    ) {
        let conn = self.session(id).conn;
        let status = |service: &mut NameService| {
            conn.into_iter().for_each(|conn| service.answer_status(now, conn, request));
        };
        if request <= self.session(id).resigned {
            // Said again because the answer was lost: whoever leads now is not meant.
            return status(self);
        }
        let namespace = self.session(id).namespace.clone();
        let found = self.namespaces[&namespace].elections.get(election);
        let leads = found.and_then(|found| found.leader()).map(|leader| leader.id.epoch);
        if epoch.is_some() && epoch != leads {
            // It has ended already.
            return status(self);
        }
        let named = target.map(|target| {
            let found = self.namespaces[&namespace].elections.get(election);
            found.and_then(|found| {
                found.candidates().map(|candidate| candidate.session).find(|&session| {
                    let text = session.to_string();
                    self.session(session).name == *target || text == target.as_str()
                })
            })
        });
        let answer = match named {
            Some(None) => Err(format!(
                "'{}' is no candidate of election '{election}'",
                target.map_or("", Name::as_str)
            )),
            found => {
                let target = found.flatten();
                if self.ask_to_step_down(&namespace, election, target, "an operator asked") {
                    Ok(())
                } else {
                    Err(format!("nobody leads election '{election}'"))
                }
            }
        };
        let (code, reason) = match answer {
            // The present status says "asked"; that it was done shows in a later one.
            Ok(()) => {
                self.session_mut(id).resigned = request;
                return status(self);
            }
            Err(reason) => (Refusal::Protocol, reason),
        };
        let needs = self.needs_election(&namespace, election);
        let election = Some(election.clone());
        let failure = ServerMessage::Failure { request, election, code, reason };
        self.send_to_session_when(needs, id, failure);
    }

    /// The leader says itself that it has stepped down; only then another is granted (R8).
    pub(super) fn ask_to_step_down(
        &mut self,
        namespace: &Name,
        election: &Name,
        target: Option<SessionId>,
        reason: &str,
    ) -> bool {
        let found = self.namespaces.get_mut(namespace).and_then(|n| n.elections.get_mut(election));
        let Some((found, leader)) = found.and_then(|f| f.leader().map(|leader| (f, leader))) else {
            return false;
        };
        if target == Some(leader.session) {
            return true;
        }
        found.ask(target, reason);
        self.say_step_down(namespace, election);
        true
    }

    /// Says to the leader that it is to step down, if it was asked to; said again on every connection
    /// of its, until it has.
    pub(super) fn say_step_down(&mut self, namespace: &Name, election: &Name) {
        let found = self.namespaces.get(namespace).and_then(|n| n.elections.get(election));
        let Some((leader, reason)) = found.and_then(Election::asked) else { return };
        let reason = reason.to_owned();
        let (election_name, epoch) = (election.clone(), leader.id.epoch);
        let message = ServerMessage::StepDown { election: election_name, epoch, reason };
        let needs = self.needs_election(namespace, election);
        self.send_to_session_when(needs, leader.session, message);
    }

    pub(super) fn election_mut(&mut self, namespace: &Name, election: &Name) -> &mut Election {
        let namespace = self.namespaces.get_mut(namespace).expect("its session lives");
        namespace.elections.entry(election.clone()).or_default()
    }

    pub(super) fn forget_empty_election(&mut self, now: Moment, namespace: &Name, election: &Name) {
        let found = self.namespaces.get_mut(namespace).expect("its session lives");
        if found.elections.get(election).is_some_and(Election::is_empty) {
            found.elections.remove(election);
            self.note_idle(now, namespace, election);
        }
    }
}
