//! Keys that several write and read at once, for [`crate::check::linearizable`].

use std::time::Duration;

use bytes::Bytes;
use leaderserver::core::contenders::Callback;
use leaderserver::core::ids::Revision;
use leaderserver::core::session::RequestKind;
use leaderserver::core::store::{Fence, OperationKind, Query};

use super::Walker;
use crate::check::linearizable::SHARED;
use crate::world::name;

impl Walker {
    /// Whoever was granted last writes some at once; anybody reads.
    pub(super) fn hot_key(&mut self) {
        let component = self.component();
        let election = self.world.setup.mode.election_of(&name(&component));
        let timeout = Duration::from_nanos(self.pick(3 * self.session_timeout()));
        for _ in 0..=self.pick(3) {
            let key = name(&format!("{SHARED}{}", self.pick(1)));
            let version = self.world.truth.history.version(&election, &key).map(Revision);
            let Some(i) = self.somebody_awake() else { return };
            if self.pick(2) == 0 {
                let query = Query::Get { election: election.clone(), key };
                self.world.request(i, RequestKind::Query(query), timeout);
                continue;
            }
            let Some(fence) = self.last_fence(&election) else { continue };
            self.keys += 1;
            let value = Bytes::from(self.keys.to_string());
            let kind = match (self.pick(5), version) {
                (0, version) => OperationKind::Delete { key, version },
                (1, _) => OperationKind::Delete { key, version: None },
                (2..4, Some(version)) => OperationKind::Replace { key, version, value },
                _ => OperationKind::Create { key, value },
            };
            // Whoever decides for it need not be the leader's process.
            self.world.write(i, fence, vec![kind], timeout);
        }
    }

    /// The latest grant that anybody was told of; seldom an earlier one.
    fn last_fence(&mut self, election: &leaderserver::core::ids::Name) -> Option<Fence> {
        let mut epochs: Vec<_> = self
            .world
            .processes
            .iter()
            .filter(|process| process.namespace == name("/flink"))
            .flat_map(|process| {
                process
                    .users
                    .values()
                    .filter(|user| process.mode.election_of(&user.component) == *election)
            })
            .flat_map(|user| &user.told)
            .filter_map(|(_, callback)| match callback {
                Callback::Grant(id) => Some(id.epoch),
                _ => None,
            })
            .collect();
        epochs.sort();
        let epoch = if self.pick(7) == 0 { self.one_of(&epochs) } else { epochs.last().copied() };
        Some(Fence { election: election.clone(), epoch: epoch? })
    }
}
