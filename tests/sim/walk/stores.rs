//! What is written and read.

use std::time::Duration;

use bytes::Bytes;
use leaderserver::core::config::Mode;
use leaderserver::core::contenders::Callback;
use leaderserver::core::ids::{Epoch, Name, Revision};
use leaderserver::core::session::RequestKind;
use leaderserver::core::store::{Fence, OperationKind, Query};

use super::Walker;
use crate::clock::ms;
use crate::net::Route;
use crate::world::name;

impl Walker {
    /// Somebody writes under an epoch that it was granted, which need not be its present one.
    pub(super) fn write(&mut self) {
        let Some((i, id)) = self.some_contender() else { return };
        let process = &self.world.processes[i];
        let user = &process.users[&id];
        let election = process.mode.election_of(&user.component);
        let told = user.told.iter().filter_map(|(_, callback)| match callback {
            Callback::Grant(id) => Some(id.epoch),
            _ => None,
        });
        let told: Vec<Epoch> = told.collect();
        let last = told.last().copied();
        let any = self.one_of(&told);
        let Some(epoch) = (if self.pick(3) == 0 { any } else { last }) else { return };
        let fence = Fence { election, epoch };
        let timeout = Duration::from_nanos(self.pick(3 * self.session_timeout()));
        for _ in 0..=self.pick(3) {
            let kinds = self.operations();
            self.world.write(i, fence.clone(), kinds, timeout);
        }
    }

    /// Each key is created by one write only.
    fn operations(&mut self) -> Vec<OperationKind> {
        let former = self.some_key();
        self.keys += 1;
        let key = name(&format!("{}/{}", self.keys % 3, self.keys));
        let create = OperationKind::Create { key, value: Bytes::from(self.keys.to_string()) };
        let prefix = format!("{}/", self.pick(2));
        let delete = OperationKind::Delete { key: former.clone(), version: None };
        match self.pick(11) {
            0 => vec![],
            1 => vec![OperationKind::DeletePrefix { prefix }],
            2 => vec![OperationKind::DeletePrefix { prefix }, create],
            3 => vec![delete],
            4 => {
                let version = Revision(self.pick(self.world.status_revision()));
                let value = Bytes::from(format!("again {}", self.keys));
                vec![create, OperationKind::Replace { key: former, version, value }]
            }
            _ => vec![create],
        }
    }

    fn some_key(&mut self) -> Name {
        let number = 1 + self.pick(self.keys);
        name(&format!("{}/{number}", number % 3))
    }

    /// Anybody reads.
    pub(super) fn read(&mut self) {
        let Some(i) = self.somebody() else { return };
        let component = self.component();
        let election = match self.world.setup.mode {
            Mode::PerProcess => Name::process_election(),
            Mode::PerComponent => name(&component),
        };
        let query = match self.pick(2) {
            0 => Query::Get { election, key: self.some_key() },
            1 => {
                let after = Some(self.some_key());
                Query::List { election, prefix: String::new(), after, values: false }
            }
            _ => {
                let prefix = format!("{}/", self.pick(2));
                Query::List { election, prefix, after: None, values: true }
            }
        };
        self.world.request(i, RequestKind::Query(query), ms(3000));
    }

    /// Somebody without a namespace asks for the status.
    pub(super) fn observe(&mut self) {
        let observer = match self.observer {
            Some(observer) => observer,
            None => self.world.process_by("observer", "", Route::Direct),
        };
        self.observer = Some(observer);
        self.world.request(observer, RequestKind::Status, ms(3000));
    }
}
