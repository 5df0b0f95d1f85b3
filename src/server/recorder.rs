//! The thread that writes to the disk: one batch at a time, each synced before it is said to be
//! done. Whoever waits for it is the machine's business, not the thread's (R11).

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::owner::Input;
use super::storage::{self, Statistics, Storage};
use crate::clock;
use crate::core::error::Error;
use crate::core::name_service::DataStatus;
use crate::core::records::Change;
use crate::core::time::Moment;

/// How often the directory is looked at for the status, at the most.
const LOOK: Duration = Duration::from_secs(1);

/// Hands batches to the thread. Its drop ends the thread once it has done what it was handed.
pub(super) struct Recorder {
    batches: Sender<Vec<Change>>,
    ended: oneshot::Receiver<()>,
}

impl Recorder {
    /// Starts the thread, which answers each batch with an [`Input::Committed`].
    pub(super) fn start(storage: Storage, inbox: UnboundedSender<Input>) -> Result<Self, Error> {
        let (batches, taken) = channel();
        let (alive, ended) = oneshot::channel();
        thread::Builder::new()
            .name("leaderserver-disk".to_owned())
            .spawn(move || {
                record(storage, &taken, &inbox);
                // The directory has been let go.
                drop(alive);
            })
            .map_err(|error| Error::Io(format!("no thread for the disk: {error}")))?;
        Ok(Recorder { batches, ended })
    }

    /// Hands over a batch. Answers whether it will be answered.
    pub(super) fn commit(&self, batch: Vec<Change>) -> bool {
        self.batches.send(batch).is_ok()
    }

    /// Waits until the directory has been let go.
    pub(super) async fn finish(self) {
        drop(self.batches);
        // Nothing is ever sent: it ends with the thread.
        let _ = self.ended.await;
    }
}

fn record(mut storage: Storage, batches: &Receiver<Vec<Change>>, inbox: &UnboundedSender<Input>) {
    let mut looked: Option<Moment> = None;
    while let Ok(batch) = batches.recv() {
        let result = commit(&mut storage, batch);
        // Not taken: the server has stopped.
        let _ = inbox.send(Input::Committed(result));
        let now = clock::now();
        if looked.is_none_or(|looked| now.since(looked) >= LOOK) {
            looked = Some(now);
            let _ = inbox.send(Input::Data(data_status(&storage)));
        }
    }
}

fn data_status(storage: &Storage) -> DataStatus {
    let Statistics { base_bytes, log_bytes, trouble, .. } = storage.statistics();
    let warning = trouble
        .map(|trouble| format!("the data directory grows, for its log can't be folded: {trouble}"));
    DataStatus { bytes: base_bytes + log_bytes, warning }
}

/// Commits a batch; the error says why not in words.
pub(super) fn commit(storage: &mut Storage, batch: Vec<Change>) -> Result<(), String> {
    let changes: Vec<storage::Change> =
        batch.into_iter().map(|Change { key, value }| storage::Change { key, value }).collect();
    storage.commit(&changes).map_err(|error| error.to_string())
}
