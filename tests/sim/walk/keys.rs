//! Keys that several write and read at once, for [`crate::check::linearizable`].

use std::time::Duration;

use bytes::Bytes;
use leaderserver::core::contenders::Callback;
use leaderserver::core::ids::{Epoch, Name, Revision};
use leaderserver::core::session::RequestKind;
use leaderserver::core::store::{Fence, OperationKind, Query};

use super::Walker;
use crate::check::linearizable::SHARED;
use crate::users::Contender;
use crate::world::name;

impl Walker {
    /// Whoever was granted last writes some at once, or somebody who was before; anybody reads.
    pub(super) fn hot_key(&mut self) {
        let component = self.component();
        let election = self.world.setup.mode.election_of(&name(&component));
        let timeout = Duration::from_nanos(self.pick(3 * self.session_timeout()));
        for _ in 0..=self.pick(3) {
            let key = name(&format!("{SHARED}{}", self.pick(1)));
            let version = self.world.truth.history.version(&election, &key).map(Revision);
            if self.pick(2) == 0 {
                let Some(i) = self.somebody_awake() else { return };
                let query = Query::Get { election: election.clone(), key };
                self.world.request(i, RequestKind::Query(query), timeout);
                continue;
            }
            let Some((i, fence)) = self.who_may_write(&election) else { continue };
            self.keys += 1;
            let value = Bytes::from(self.keys.to_string());
            let kind = match (self.pick(5), version) {
                (0, version) => OperationKind::Delete { key, version },
                (1, _) => OperationKind::Delete { key, version: None },
                (2..4, Some(version)) => OperationKind::Replace { key, version, value },
                _ => OperationKind::Create { key, value },
            };
            self.world.write(i, fence, vec![kind], timeout);
        }
    }

    /// A grant that somebody was told of, mostly the latest.
    fn who_may_write(&mut self, election: &Name) -> Option<(usize, Fence)> {
        let mut told: Vec<(Epoch, usize)> = Vec::new();
        for i in self.living() {
            let process = &self.world.processes[i];
            if process.paused || process.collecting {
                continue;
            }
            let its_own =
                |user: &&Contender| process.mode.election_of(&user.component) == *election;
            let callbacks = process.users.values().filter(its_own).flat_map(|user| &user.told);
            told.extend(callbacks.filter_map(|(_, callback)| match callback {
                Callback::Grant(id) => Some((id.epoch, i)),
                _ => None,
            }));
        }
        told.sort();
        let found = if self.pick(7) == 0 { self.one_of(&told) } else { told.last().copied() };
        let (epoch, i) = found?;
        Some((i, Fence { election: election.clone(), epoch }))
    }
}
