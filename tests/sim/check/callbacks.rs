//! P3: grant and revoke in turn, with growing epochs, and nothing after close but the one revoke
//! that a callback on another thread was in the way of.

use leaderserver::core::contenders::{Callback, RegistrationId};

use crate::world::World;

/// What may still come after a close.
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    /// Close has returned.
    pub returned: bool,
    /// A callback ran on another thread, so the revoke comes later.
    revoke_later: bool,
}

impl Closed {
    pub fn new(elsewhere: bool) -> Self {
        Closed { returned: false, revoke_later: elsewhere }
    }
}

impl World {
    pub(crate) fn check_callback(&mut self, i: usize, id: RegistrationId, callback: &Callback) {
        let user = &self.processes[i].users[&id];
        let whom = format!("p{i} {id:?} of {}", user.component);
        if let Some(closed) = user.closed {
            let allowed = matches!(callback, Callback::Revoke(_))
                && (!closed.returned || closed.revoke_later);
            if !allowed {
                self.fail("P3", &format!("{whom}: {callback:?} after close"));
            }
            let user = self.processes[i].users.get_mut(&id).expect("looked up above");
            user.closed = Some(Closed { revoke_later: false, ..closed });
        } else if user.running > 0 {
            self.fail("P3", &format!("{whom}: {callback:?} while another callback runs"));
        }
        let user = &self.processes[i].users[&id];
        let turns = || user.told.iter().map(|(_, told)| told);
        let last = turns().rfind(|told| !matches!(told, Callback::Failed(_)));
        match (callback, last) {
            (Callback::Grant(_), None | Some(Callback::Revoke(_)))
            | (Callback::Revoke(_), Some(Callback::Grant(_)))
            | (Callback::Failed(_), _) => {}
            _ => self.fail("P3", &format!("{whom}: {callback:?} after {last:?}")),
        }
        if let Callback::Revoke(reason) = callback
            && reason.is_empty()
        {
            // FLINK-38870: errors without a reason.
            self.fail("lesson 38", &format!("{whom}: a revoke without a reason"));
        }
        if let Callback::Revoke(reason) = callback
            && reason.contains("was left")
        {
            // An election is left by its last contender, who has closed: nobody else was granted.
            self.fail("P3", &format!("{whom} was told of another's grant: {reason}"));
        }
        if let Callback::Grant(session) = callback {
            let era = self.truth.eras.get(session);
            let earlier = turns().filter_map(|told| match told {
                Callback::Grant(earlier) if self.truth.eras.get(earlier) == era => Some(earlier),
                _ => None,
            });
            if era.is_none() || earlier.max().is_some_and(|e| e.epoch >= session.epoch) {
                self.fail("P3", &format!("{whom}: {callback:?} in era {era:?} does not grow"));
            }
        }
    }
}
