//! One election: who stands in it, in which order, and who leads under which epoch.

use std::collections::VecDeque;

use super::ids::{Candidacy, Epoch, LeaderSessionId, SessionId};

/// One election. Pure bookkeeping: whether and when somebody may be granted is decided by the
/// [`super::name_service::NameService`] that owns it.
///
/// Promises: at most one leader; the leader is always in the line; epochs only grow.
#[derive(Debug, Default)]
pub struct Election {
    line: VecDeque<Candidate>,
    leader: Option<Leader>,
    last_epoch: Epoch,
    /// Who is to be granted next, if still in line (R8).
    target: Option<SessionId>,
    /// Why the leader is to step down, if it was asked to.
    asked: Option<String>,
}

/// A session's place in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The session.
    pub session: SessionId,
    /// Its own number for this candidacy.
    pub candidacy: Candidacy,
}

/// Who leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The session.
    pub session: SessionId,
    /// The leader session id, with the epoch.
    pub id: LeaderSessionId,
    /// The candidacy that was granted.
    pub candidacy: Candidacy,
}

/// What became of a [`Election::join`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// It is new in the line.
    Added,
    /// It was there already, under this very candidacy.
    Unchanged,
    /// It was there under an earlier candidacy, which it must leave first.
    Stale,
}

impl Election {
    /// Puts a session at the end of the line.
    pub fn join(&mut self, session: SessionId, candidacy: Candidacy) -> Joined {
        match self.candidate(session) {
            Some(there) if there.candidacy == candidacy => Joined::Unchanged,
            Some(_) => Joined::Stale,
            None => {
                self.line.push_back(Candidate { session, candidacy });
                Joined::Added
            }
        }
    }

    /// Takes a session out of the line, and of the lead if it has it.
    ///
    /// Answers whether it was in the line, and the leadership that has ended with it.
    pub fn leave(&mut self, session: SessionId) -> (bool, Option<Leader>) {
        let before = self.line.len();
        self.line.retain(|candidate| candidate.session != session);
        if self.target == Some(session) {
            self.target = None;
        }
        let ended = self.leader.take_if(|leader| leader.session == session);
        (self.line.len() < before, ended)
    }

    /// The leader gives up `epoch` and goes to the end of the line. None if it does not lead under
    /// that very epoch.
    pub fn step_down(&mut self, session: SessionId, epoch: Epoch) -> Option<Leader> {
        let ended =
            self.leader.take_if(|leader| leader.session == session && leader.id.epoch == epoch)?;
        let place = self.line.iter().position(|candidate| candidate.session == session);
        let candidate = place.and_then(|place| self.line.remove(place));
        self.line.extend(candidate);
        Some(ended)
    }

    /// Who is next, of those that `eligible` accepts: the target of a transfer, else the first.
    pub fn next(&self, eligible: impl Fn(SessionId) -> bool) -> Option<Candidate> {
        let target = self.target.and_then(|target| self.candidate(target));
        target
            .filter(|candidate| eligible(candidate.session))
            .or_else(|| self.line.iter().copied().find(|candidate| eligible(candidate.session)))
    }

    /// Makes a candidate the leader.
    ///
    /// # Panics
    /// If somebody leads, or the epoch does not grow: a bug of the owner.
    pub fn grant(&mut self, candidate: Candidate, id: LeaderSessionId) -> Leader {
        assert!(self.leader.is_none(), "an election is granted only when nobody leads it");
        assert!(id.epoch > self.last_epoch, "epochs of an election only grow");
        self.last_epoch = id.epoch;
        self.target = None;
        self.asked = None;
        let Candidate { session, candidacy } = candidate;
        let leader = Leader { session, id, candidacy };
        self.leader = Some(leader);
        leader
    }

    /// The election as it was before a restart: with its leader, alone in the line.
    pub fn restore(&mut self, leader: Leader) {
        self.last_epoch = leader.id.epoch;
        self.line = [Candidate { session: leader.session, candidacy: leader.candidacy }].into();
        self.leader = Some(leader);
    }

    /// Asks the leader to step down, and that `target` be next.
    pub fn ask(&mut self, target: Option<SessionId>, reason: &str) {
        self.target = target;
        self.asked = Some(reason.to_owned());
    }

    /// Who leads and was asked to step down, and why.
    pub fn asked(&self) -> Option<(Leader, &str)> {
        self.leader.zip(self.asked.as_deref())
    }

    /// Who leads.
    pub fn leader(&self) -> Option<Leader> {
        self.leader
    }

    /// The last epoch granted.
    pub fn last_epoch(&self) -> Epoch {
        self.last_epoch
    }

    /// The line, in order.
    pub fn candidates(&self) -> impl Iterator<Item = Candidate> + '_ {
        self.line.iter().copied()
    }

    /// Whether nobody stands in it.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    fn candidate(&self, session: SessionId) -> Option<Candidate> {
        self.line.iter().copied().find(|candidate| candidate.session == session)
    }
}
