//! What befalls a process at the worst moment: between two steps of its own, which chance alone
//! would hardly ever hit.

use std::time::Duration;

use leaderserver::core::contenders::RegistrationId;

use crate::users::Manners;
use crate::world::{Event, World};

/// The moment that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The session machine leads, and the contenders have not heard.
    Granting,
    /// A contender's grant has begun.
    Told,
    /// The session machine leads no more, and the contenders have not heard.
    Revoking,
    /// A welcome is read, and the session machine has not seen it.
    Welcomed,
    /// The name service has granted, and nobody has heard.
    Granted,
}

/// What happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Close,
    /// And somebody else registers for the same at once.
    CloseAndRegister,
    CloseClient,
    Kill,
    Pause(Duration),
    Suspend(Duration),
    Reset,
    Partition,
    KillServer,
    PauseServer(Duration),
    Resign,
}

impl Act {
    /// Whether its users do it.
    fn is_its_users(self) -> bool {
        matches!(self, Act::Close | Act::CloseAndRegister | Act::CloseClient)
    }
}

impl World {
    /// This is the moment `when` of a process.
    pub(crate) fn spring(&mut self, when: When, i: usize) {
        let Some((_, act)) = self.ambush.take_if(|(expected, _)| *expected == when) else { return };
        self.count(match when {
            When::Granting => "ambush: before the contenders hear of a grant",
            When::Told => "ambush: at the beginning of a grant",
            When::Revoking => "ambush: before the contenders hear of a revoke",
            When::Welcomed => "ambush: before the machine sees a welcome",
            When::Granted => "ambush: when the name service has granted",
        });
        self.say("ambush", [i as u64, 0], || format!("p{i} {when:?}: {act:?}"));
        if act.is_its_users() && when != When::Granted {
            // Other threads, in this very step.
            self.act(i, act);
        } else {
            self.after(0, Event::Ambush { process: i, act });
        }
    }

    pub(crate) fn act(&mut self, i: usize, act: Act) {
        let process = &self.processes[i];
        let users_go_on = process.alive && !process.paused && !process.collecting;
        if act.is_its_users() && !users_go_on || process.closed {
            return;
        }
        let remote = process.route != crate::net::Route::Local;
        match act {
            Act::Close | Act::CloseAndRegister => {
                let open = process.users.iter().filter(|(_, user)| user.closed.is_none());
                let open: Vec<RegistrationId> = open.map(|(id, _)| *id).collect();
                for id in open {
                    self.close(i, id, false);
                    if act == Act::CloseAndRegister {
                        let component = self.processes[i].users[&id].component.to_string();
                        // The old one may have something to do first.
                        let _ = self.try_contend(i, &component, Manners::default());
                    }
                }
            }
            Act::CloseClient if remote => self.close_client(i),
            Act::Kill if remote && process.alive => self.kill(i),
            Act::Pause(duration) if remote && !process.paused => self.pause(i, duration),
            Act::Suspend(duration) if remote && !process.paused => self.suspend(i, duration),
            Act::Reset => {
                self.links_of(i).into_iter().for_each(|link| self.reset_at_client(link));
            }
            Act::Partition if remote && process.alive => self.partition(i),
            Act::KillServer if self.server.is_some() && remote => self.kill_server(false),
            Act::PauseServer(duration)
                if self.server.as_ref().is_some_and(|s| !s.paused && !s.stopping) =>
            {
                self.pause_server(duration);
            }
            Act::Resign if self.server.as_ref().is_some_and(|s| !s.paused && !s.stopping) => {
                let elections: Vec<String> = process
                    .users
                    .values()
                    .map(|user| process.mode.election_of(&user.component).to_string())
                    .collect();
                for election in elections {
                    self.operator_resigns(&election, None);
                }
            }
            _ => {}
        }
    }
}
