//! What a client hands out: registrations of contenders, and watches.

use bytes::Bytes;

use super::Shared;
use super::leadership::{self, CellRef};
use super::registry::{Confirmation, WatchId};
use crate::core::contenders::{Callback, RegistrationId};
use crate::core::ids::{LeaderInformation, LeaderSessionId};
use crate::sync::Arc;

/// A contender's registration. Dropping it does not close it: [`Contender::close`] does, which may
/// have a callback to run.
///
/// One thread at a time may be between [`Contender::take`] or [`Contender::close`] answering a
/// callback and [`Contender::done`]; `close` may come from inside a callback.
pub struct Contender {
    pub(super) shared: Arc<Shared>,
    pub(super) id: RegistrationId,
    cell: CellRef,
}

impl Contender {
    pub(super) fn new(shared: Arc<Shared>, id: RegistrationId, cell: CellRef) -> Self {
        Contender { shared, id, cell }
    }

    /// Begins the next callback, if one is due and none runs.
    pub fn take(&self) -> Option<Callback> {
        self.shared.registry.take(self.id)
    }

    /// The callback has returned. Then take again, until there is none.
    pub fn done(&self) {
        self.shared.registry.done(self.id);
    }

    /// Closes the registration: from when this begins it does not lead. A callback answered is to
    /// be run by the caller, who then says [`Contender::done`]. Idempotent.
    pub fn close(&self, inside_callback: bool) -> Option<Callback> {
        self.shared.registry.close_contender(self.id, inside_callback)
    }

    /// Whether it was closed and nothing is left to be run or taken.
    pub fn is_finished(&self) -> bool {
        self.shared.registry.is_finished(self.id)
    }

    /// Confirms leadership under `id`, with the address to publish. Never waits.
    pub fn confirm(&self, id: LeaderSessionId, address: Bytes) -> Confirmation {
        self.shared.registry.confirm(self.id, id, address)
    }

    /// Whether it leads under `id` at this moment. Wait-free.
    pub fn has_leadership(&self, id: LeaderSessionId) -> bool {
        leadership::has_leadership(self.cell, id)
    }

    /// Where its leadership is read; valid as long as this object.
    pub fn cell(&self) -> CellRef {
        self.cell
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        self.shared.registry.forget_contender(self.id);
        self.cell.release();
    }
}

/// A watch of a component. Dropping it closes it.
pub struct Watch {
    shared: Arc<Shared>,
    id: WatchId,
}

impl Watch {
    pub(super) fn new(shared: Arc<Shared>, id: WatchId) -> Self {
        Watch { shared, id }
    }

    /// The present value, if it is not the one taken last; inside, none: there is no leader.
    pub fn take(&self) -> Option<Option<LeaderInformation>> {
        self.shared.registry.take_value(self.id)
    }

    /// Ends the watch: nothing can be taken any more. Idempotent.
    pub fn close(&self) {
        self.shared.registry.close_watch(self.id);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.close();
    }
}
