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
    /// The connection that is being opened.
    pub attempt: Option<ConnectionId>,
    /// Connections that have ended.
    ended: BTreeMap<ConnectionId, Moment>,
    known: Known,
    /// The same before what is read just now, which is judged by the deadlines as they were (R7).
    before: Known,
}

#[derive(Clone, Default)]
struct Known {
    /// When the last renewal that was answered was sent.
    renewed: Moment,
    timing: Timing,
    conn: Option<ConnectionId>,
    direct: bool,
    /// When the connection was last seen open, and when it broke.
    looked: Moment,
    broken: Option<Moment>,
    /// The machine has heard that it broke.
    told: bool,
    /// Connecting again was refused by the very server (R3).
    refused: bool,
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
        let sent = |number| self.sent.get(&(conn, number)).copied().unwrap_or_default();
        match message {
            ServerMessage::Welcome(welcome) => {
                let hello = sent(0);
                let renewed = if welcome.resumed { self.known.renewed } else { hello };
                self.known = Known {
                    renewed: renewed.max(hello),
                    timing: welcome.timing,
                    conn: Some(conn),
                    direct: welcome.direct,
                    looked: hello,
                    broken: self.ended.get(&conn).copied(),
                    told: false,
                    refused: false,
                };
            }
            ServerMessage::HeartbeatAck { sequence } if self.known.conn == Some(conn) => {
                self.known.renewed = self.known.renewed.max(sent(*sequence));
                self.sent.retain(|beat, _| beat.0 != conn || beat.1 > *sequence);
            }
            _ => {}
        }
    }

    /// What was read has been dealt with.
    pub fn settled(&mut self) {
        self.before = self.known.clone();
    }

    pub fn looked(&mut self, now: Moment, conn: ConnectionId) {
        for known in [&mut self.known, &mut self.before] {
            if known.conn == Some(conn) {
                known.looked = now;
            }
        }
    }

    /// From now on a look at the connection shows that it has ended.
    pub fn broken(&mut self, now: Moment, conn: ConnectionId) {
        self.ended.insert(conn, now);
        for known in [&mut self.known, &mut self.before] {
            if known.conn == Some(conn) {
                known.broken.get_or_insert(now);
            }
        }
    }

    /// The machine hears that a connection has ended.
    pub fn told(&mut self, conn: ConnectionId) {
        for known in [&mut self.known, &mut self.before] {
            known.told |= known.conn == Some(conn);
        }
    }

    /// The client was moved to another name service.
    pub fn moved(&mut self, now: Moment) {
        self.known.broken.get_or_insert(now);
    }

    /// Connecting failed. A refusal counts where the machine still waited for that very attempt.
    pub fn failed(&mut self, conn: ConnectionId, failure: &ConnectFailure) {
        if self.attempt != Some(conn) {
            return;
        }
        let server = Route::Direct.server_address();
        let refused = failure.refused.iter().any(|at| at == server);
        for known in [&mut self.known, &mut self.before] {
            known.refused |= known.told && known.direct && refused;
        }
    }

    /// Since when the name service has said nothing.
    pub fn without_since(&self) -> Option<Moment> {
        let conn = self.known.conn?;
        let beats = self.sent.range((conn, 1)..=(conn, u64::MAX));
        beats.map(|(_, sent)| *sent).chain(self.known.broken).min()
    }
}

impl World {
    pub(crate) fn check_revocation(&self, i: usize, election: &Name, epoch: Epoch, reason: &str) {
        let process = &self.processes[i];
        let now = process.clock.at(self.now);
        let dog = &process.watchdog.before;
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
            let ended = |era: &u64| self.truth.ended.contains_key(&(*era, epoch.0));
            self.truth.incarnations.keys().any(ended)
        } else if has("new incarnation") {
            self.era > 1
        } else {
            ["an operator", "not fetched", "another name service", "nothing is wanted", "was left"]
                .iter()
                .any(|known| has(known))
        };
        if !justified {
            self.fail("P5", &what());
        }
    }
}
