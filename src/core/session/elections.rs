//! Standing in elections: grant, stepping down, publishing.

use bytes::Bytes;

use super::{Deadlines, Output, Session};
use crate::core::error::{Error, Refusal};
use crate::core::ids::{Candidacy, Epoch, LeaderSessionId, Name};
use crate::core::time::Moment;
use crate::core::wire::message::{ClientMessage, Leading};

impl Session {
    pub(super) fn join(&mut self, election: Name, standing: u64) {
        let candidacy = self.fresh_candidacy();
        let candidate = self.elections.entry(election.clone()).or_default();
        candidate.candidacy = candidacy;
        candidate.standing = standing;
        self.say_join(&election);
    }

    fn fresh_candidacy(&mut self) -> Candidacy {
        self.next_candidacy += 1;
        Candidacy(self.next_candidacy)
    }

    pub(super) fn say_join(&mut self, election: &Name) {
        if self.stalled {
            return;
        }
        if let Some(candidate) = self.elections.get(election) {
            let candidacy = candidate.candidacy;
            let mode = self.settings.mode;
            self.send(ClientMessage::Join { election: election.clone(), mode, candidacy });
        }
    }

    pub(super) fn leave(&mut self, election: &Name) {
        // A grant may have come while the word to leave was on its way here, and whoever has joined
        // again meanwhile may have been told of it.
        self.revoke(election, "the election was left");
        if self.elections.remove(election).is_some() {
            self.send(ClientMessage::Leave { election: election.clone() });
        }
    }

    pub(super) fn publish(
        &mut self,
        election: &Name,
        epoch: Epoch,
        component: Name,
        address: Bytes,
    ) {
        let Some(candidate) = self.leading_under(election, epoch) else { return };
        candidate.components.insert(component.clone(), address.clone());
        let election = election.clone();
        self.send(ClientMessage::Publish { election, epoch, component, address });
    }

    pub(super) fn withdraw(&mut self, election: &Name, epoch: Epoch, component: Name) {
        let Some(candidate) = self.leading_under(election, epoch) else { return };
        candidate.components.remove(&component);
        let election = election.clone();
        self.send(ClientMessage::Withdraw { election, epoch, component });
    }

    fn leading_under(&mut self, election: &Name, epoch: Epoch) -> Option<&mut super::Candidate> {
        let candidate = self.elections.get_mut(election)?;
        candidate.leading.filter(|id| id.epoch == epoch)?;
        Some(candidate)
    }

    /// A grant was read, on its own or in a welcome.
    pub(super) fn granted(
        &mut self,
        now: Moment,
        election: &Name,
        id: LeaderSessionId,
        candidacy: Candidacy,
    ) {
        self.highest_epoch = self.highest_epoch.max(id.epoch);
        let in_lease = now < self.lease_end;
        let Some(candidate) = self.elections.get_mut(election) else { return };
        if candidate.leading == Some(id) {
            return;
        }
        if candidate.candidacy != candidacy || id.epoch <= candidate.given_up || self.stalled {
            // An earlier candidacy's: the name service has heard, or will hear, that it was left.
            return;
        }
        if candidate.leading.is_some_and(|leading| leading.epoch > id.epoch) {
            return;
        }
        if !in_lease {
            // R7: a grant never extends a lease.
            candidate.given_up = id.epoch;
            self.send(ClientMessage::SteppedDown { election: election.clone(), epoch: id.epoch });
            return;
        }
        if candidate.leading.is_some() {
            self.revoke(election, "it was superseded by a later grant of its own");
        }
        self.granted_epoch = self.granted_epoch.max(id.epoch);
        let candidate = self.elections.get_mut(election).expect("looked up above");
        candidate.leading = Some(id);
        candidate.components.clear();
        if let Some(link) = &mut self.link
            && link.is_looked_at()
        {
            // Data read from a connection says nothing of whether it is open still.
            link.check_at = now + link.timing.link_check();
            let conn = link.conn;
            self.outputs.push_back(Output::CheckOpen { conn });
        }
        let standing = self.elections.get(election).map_or(0, |candidate| candidate.standing);
        self.outputs.push_back(Output::Granted { election: election.clone(), standing, id });
    }

    /// The name service asks the leader to give up its epoch (R8).
    pub(super) fn asked_to_step_down(&mut self, election: &Name, epoch: Epoch, reason: &str) {
        if self.leading_under(election, epoch).is_some() {
            self.step_down(election, reason);
        }
    }

    /// Gives up one leadership: first the contenders are told, then the name service.
    fn step_down(&mut self, election: &Name, reason: &str) {
        let Some(epoch) = self.revoke(election, reason) else { return };
        self.send(ClientMessage::SteppedDown { election: election.clone(), epoch });
    }

    /// Ends one leadership without a word to the name service.
    fn revoke(&mut self, election: &Name, reason: &str) -> Option<Epoch> {
        let candidate = self.elections.get_mut(election)?;
        let epoch = candidate.leading.take()?.epoch;
        candidate.given_up = candidate.given_up.max(epoch);
        candidate.components.clear();
        let (election, reason) = (election.clone(), reason.to_owned());
        self.outputs.push_back(Output::Revoked { election, epoch, reason });
        Some(epoch)
    }

    pub(super) fn step_down_all(&mut self, reason: &str) {
        for election in self.led() {
            self.step_down(&election, reason);
        }
    }

    pub(super) fn revoke_all(&mut self, reason: impl Fn(&Name) -> String) {
        for election in self.led() {
            let reason = reason(&election);
            self.revoke(&election, &reason);
        }
    }

    fn led(&self) -> Vec<Name> {
        let led = self.elections.iter().filter(|(_, candidate)| candidate.leading.is_some());
        led.map(|(election, _)| election.clone()).collect()
    }

    pub(super) fn claims(&self) -> Vec<Leading> {
        let claim = |(election, candidate): (&Name, &super::Candidate)| {
            candidate.leading.map(|id| Leading {
                election: election.clone(),
                id,
                candidacy: candidate.candidacy,
                name: None,
            })
        };
        self.elections.iter().filter_map(claim).collect()
    }

    /// A resumed session: what the name service has it leading, held against what it knows.
    pub(super) fn reconcile(&mut self, now: Moment, theirs: &[Leading], superseded: &[Leading]) {
        // R7: who stepped down says so first.
        for leading in theirs {
            let ours = self.elections.get(&leading.election);
            let given_up = ours.is_none_or(|ours| leading.id.epoch <= ours.given_up);
            if given_up {
                let (election, epoch) = (leading.election.clone(), leading.id.epoch);
                self.send(ClientMessage::SteppedDown { election, epoch });
            }
        }
        for election in self.led() {
            let ours = self.elections.get(&election).and_then(|candidate| candidate.leading);
            let confirmed = theirs
                .iter()
                .any(|leading| leading.election == election && Some(leading.id) == ours);
            if !confirmed {
                let reason = superseded_by(&election, superseded)
                    .unwrap_or_else(|| "the name service has ended it".to_owned());
                self.revoke(&election, &reason);
            }
        }
        for leading in theirs {
            self.granted(now, &leading.election, leading.id, leading.candidacy);
        }
    }

    /// Says on a new connection what is wanted, all of it.
    pub(super) fn say_everything(&mut self) {
        if self.is_observer() && !(self.elections.is_empty() && self.watches.is_empty()) {
            let reason = "the name service serves several namespaces: name one of them".to_owned();
            let error = Error::Refused { code: Refusal::Namespace, reason };
            self.outputs.push_back(Output::Failed { election: None, error });
        }
        let elections: Vec<Name> = self.elections.keys().cloned().collect();
        for election in elections {
            self.say_join(&election);
            let Some(candidate) = self.elections.get(&election) else { continue };
            let Some(epoch) = candidate.leading.map(|id| id.epoch) else { continue };
            let components: Vec<(Name, Bytes)> =
                candidate.components.iter().map(|(c, a)| (c.clone(), a.clone())).collect();
            for (component, address) in components {
                let election = election.clone();
                self.send(ClientMessage::Publish { election, epoch, component, address });
            }
        }
        self.say_watches(true);
        self.send(ClientMessage::SyncEnd);
    }

    /// The user's side does not fetch its events any more (P9): the candidates give up what they
    /// lead and leave; with `false`, they stand again.
    pub fn handle_stalled(&mut self, now: Moment, stalled: bool) {
        if self.stalled == stalled {
            return;
        }
        self.stalled = stalled;
        let elections: Vec<Name> = self.elections.keys().cloned().collect();
        if stalled {
            self.step_down_all("its events were not fetched for the stall time-out");
            for election in elections {
                self.send(ClientMessage::Leave { election });
            }
        } else {
            for election in elections {
                let candidacy = self.fresh_candidacy();
                if let Some(candidate) = self.elections.get_mut(&election) {
                    candidate.candidacy = candidacy;
                }
                self.say_join(&election);
            }
        }
        self.settle(now);
    }

    /// By its own clock the client leads no more (P1).
    pub(super) fn step_down_when_over(&mut self, now: Moment) {
        if now < self.leads_until() {
            return;
        }
        let reason = if now >= self.lease_end {
            "the lease expired: nothing was heard from the name service for the session time-out"
        } else {
            "the connection ended and could not be resumed within the grace"
        };
        self.step_down_all(reason);
    }

    /// When the leadership is to be given up. With an open connection that is the lease's end
    /// alone: the other deadline may move on again without a revoke (R2).
    pub(super) fn leads_until(&self) -> Moment {
        match &self.outage {
            Some(_) => self.lease_end.min(self.deadlines().link),
            None => self.lease_end,
        }
    }

    pub(super) fn deadlines(&self) -> Deadlines {
        let link = match (&self.link, &self.outage) {
            (Some(link), _) if !link.is_looked_at() => Moment::NEVER,
            (Some(link), _) => link.open_at + link.timing.link_lease(),
            (None, Some(outage)) if outage.refused || !outage.direct => Moment::NEVER,
            (None, Some(outage)) => outage.open_at + outage.timing.link_lease(),
            (None, None) => Moment::from_nanos(0),
        };
        Deadlines { lease: self.lease_end, link }
    }
}

pub(super) fn superseded_by(election: &Name, superseded: &[Leading]) -> Option<String> {
    let by = superseded.iter().find(|leading| leading.election == *election)?;
    let name = by.name.as_ref().map_or("another candidate", Name::as_str);
    Some(format!("superseded by {name} at epoch {}", by.id.epoch))
}
