//! P1: no two candidates of an election lead at the same instant; a client stops being leader by
//! its own clock before the server chooses another.

use leaderserver::core::ids::{LeaderSessionId, Name};
use leaderserver::core::wire::message::ClientMessage;

use crate::world::World;

/// Who was granted an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    pub era: u64,
    pub epoch: u64,
    pub process: usize,
}

impl World {
    /// The server has just granted: nobody else may lead from here on.
    pub(crate) fn check_granted(&mut self, namespace: &Name, election: &Name, grant: Grant) {
        self.truth.grants += 1;
        let former = self.truth.last.insert((namespace.clone(), election.clone()), grant);
        if let Some(former) = former.filter(|former| former.era == grant.era)
            && grant.epoch <= former.epoch
        {
            self.fail("P3", &format!("{election}: epoch {} after {}", grant.epoch, former.epoch));
        }
        for process in 0..self.processes.len() {
            self.check_leader(process);
        }
    }

    /// Wherever a process leads, it is the one that was granted last, under that epoch.
    pub(crate) fn check_leader(&self, i: usize) {
        if !self.settled().grace_is_safe() {
            return;
        }
        let process = &self.processes[i];
        for (&id, user) in &process.users {
            let Some(session) = self.leadership(i, id) else { continue };
            let election = process.mode.election_of(&user.component);
            self.check_leads(i, &election, session);
        }
    }

    /// R8: whoever says that it leads no more does not lead when it says so.
    pub(crate) fn check_said(&self, i: usize, message: &ClientMessage) {
        let process = &self.processes[i];
        for (&id, user) in &process.users {
            let Some(session) = self.leadership(i, id) else { continue };
            let here = process.mode.election_of(&user.component);
            let given_up = match message {
                ClientMessage::SteppedDown { election, epoch } => {
                    *election == here && *epoch == session.epoch
                }
                ClientMessage::Leave { election } => *election == here,
                ClientMessage::Goodbye => true,
                _ => false,
            };
            if given_up {
                self.fail("R8", &format!("p{i} says {message:?}, and {id:?} still leads"));
            }
        }
    }

    fn check_leads(&self, i: usize, election: &Name, session: LeaderSessionId) {
        let key = (self.processes[i].namespace.clone(), election.clone());
        let last = self.truth.last.get(&key);
        let its_own = last.is_some_and(|g| g.process == i && g.epoch == session.epoch.0);
        if !its_own {
            self.fail(
                "P1",
                &format!(
                    "p{i} leads '{election}' under {}, but granted is {last:?}",
                    session.epoch
                ),
            );
        }
    }
}
