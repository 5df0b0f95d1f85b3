//! P5: no revoke without a cause that the design names. A lost connection alone is none.

use std::collections::BTreeMap;

use leaderserver::core::config::Timing;
use leaderserver::core::ids::{ConnectionId, Epoch, Name};
use leaderserver::core::session::ConnectFailure;
use leaderserver::core::time::Moment;
use leaderserver::core::wire::message::{ClientMessage, ServerMessage};

use super::Beat;
use crate::net::Route;
use crate::world::World;

/// What a bystander in the process knows of its connection; by the process's clock.
#[derive(Default)]
pub struct Watchdog {
    sent: BTreeMap<Beat, Moment>,
    /// When the last renewal that was answered was sent.
    renewed: Moment,
    timing: Timing,
    conn: Option<ConnectionId>,
    direct: bool,
    /// When the connection was last seen open, and when it broke.
    looked: Moment,
    broken: Option<Moment>,
    /// Connecting again was refused by the very server (R3).
    refused: bool,
    /// The session before this one, if this one is new.
    pub moved: bool,
}

impl Watchdog {
    pub fn sent(&mut self, now: Moment, conn: ConnectionId, message: &ClientMessage) {
        match message {
            ClientMessage::Hello(_) => self.sent.insert((conn, 0), now),
            ClientMessage::Heartbeat { sequence } => self.sent.insert((conn, *sequence), now),
            _ => None,
        };
    }

    pub fn received(&mut self, conn: ConnectionId, message: &ServerMessage) {
        match message {
            ServerMessage::Welcome(welcome) => {
                let hello = self.sent.get(&(conn, 0)).copied().unwrap_or_default();
                self.moved = !welcome.resumed;
                self.renewed = if welcome.resumed { self.renewed.max(hello) } else { hello };
                self.timing = welcome.timing;
                self.direct = welcome.direct;
                self.conn = Some(conn);
                self.looked = hello;
                self.broken = None;
                self.refused = false;
            }
            ServerMessage::HeartbeatAck { sequence } if self.conn == Some(conn) => {
                let sent = self.sent.get(&(conn, *sequence)).copied().unwrap_or_default();
                self.renewed = self.renewed.max(sent);
                self.sent.retain(|beat, _| beat.0 != conn || beat.1 > *sequence);
            }
            _ => {}
        }
    }

    pub fn looked(&mut self, now: Moment, conn: ConnectionId) {
        if self.conn == Some(conn) {
            self.looked = now;
        }
    }

    /// From now on a look at the connection shows that it has ended.
    pub fn broken(&mut self, now: Moment, conn: ConnectionId) {
        if self.conn == Some(conn) {
            self.broken.get_or_insert(now);
        }
    }

    pub fn failed(&mut self, failure: &ConnectFailure) {
        let server = Route::Direct.server_address();
        if self.broken.is_some() && self.direct && failure.refused.iter().any(|at| at == server) {
            self.refused = true;
        }
    }

    /// Since when the name service has said nothing.
    pub fn without_since(&self) -> Option<Moment> {
        let conn = self.conn?;
        let beats = self.sent.range((conn, 1)..=(conn, u64::MAX));
        beats.map(|(_, sent)| *sent).chain(self.broken).min()
    }
}

impl World {
    pub(crate) fn check_revocation(&self, i: usize, election: &Name, epoch: Epoch, reason: &str) {
        let process = &self.processes[i];
        let now = process.clock.at(self.now);
        let dog = &process.watchdog;
        let what = || format!("p{i} gave up '{election}', epoch {epoch}: {reason}");
        let has = |words: &str| reason.contains(words);
        let justified = if has("lease expired") {
            // The renewal counted until now, but for the margin.
            now >= dog.renewed + dog.timing.session_timeout * 97 / 100
        } else if has("not be resumed within the grace") {
            let over = dog.looked + dog.timing.disconnect_grace * 4 / 5;
            process.route == Route::Local
                || (dog.broken.is_some() && dog.direct && !dog.refused && now >= over)
        } else if has("superseded by") || has("has ended it") || has("session ended") {
            // The server ended it for a reason that is checked where it says so.
            let ended = |life: &u64| self.truth.ended.contains_key(&(*life, epoch.0));
            self.truth.incarnations.keys().any(ended)
        } else if has("new incarnation") {
            self.lives > 1
        } else {
            ["an operator", "not fetched", "another name service", "nothing is wanted", "closed"]
                .iter()
                .any(|known| has(known))
        };
        if !justified {
            self.fail("P5", &what());
        }
    }
}
