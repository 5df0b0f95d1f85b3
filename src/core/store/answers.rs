//! Answers to writes that were applied, kept for those who did not get them (R16).

use std::collections::BTreeMap;
use std::time::Duration;

use super::{StoreError, Write, Written};
use crate::core::ids::ClientId;
use crate::core::time::Moment;

/// A retry this long after the write was first sent is not judged any more.
pub const RETRY_WITHIN: Duration = Duration::from_secs(3600);

/// How long an answer is kept that nobody says to have had: for longer than [`RETRY_WITHIN`] by
/// whatever a retry takes on its way. So a retry that is young enough and finds no answer was never
/// applied.
pub const ANSWERS_KEPT: Duration = Duration::from_secs(2 * 3600);

/// How many answers are kept for one client. It has few writes on their way at a time.
pub const MAX_ANSWERS: usize = 4096;

/// Which write of which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId {
    /// Random, for each client of each process.
    pub client: ClientId,
    /// Growing, from 1.
    pub sequence: u64,
}

/// Of all clients of a namespace. Bounded: an answer takes a few bytes, and is kept for each of the
/// last [`MAX_ANSWERS`] writes that a client has not said to have the answer of.
///
/// Only what was applied is kept. A write that was refused had no effect; whoever asks again has
/// not had the refusal, and the write is judged anew.
#[derive(Debug, Default)]
pub(super) struct Answers {
    clients: BTreeMap<ClientId, Kept>,
    /// Which have come or gone, for whoever records them.
    changed: Vec<WriteId>,
}

#[derive(Debug)]
struct Kept {
    had_below: u64,
    answers: BTreeMap<u64, (Moment, Written)>,
    /// The client wrote last.
    heard: Moment,
}

impl Answers {
    /// The answer that a write had before, if it was applied before.
    pub(super) fn find(
        &mut self,
        now: Moment,
        write: &Write,
    ) -> Result<Option<Written>, StoreError> {
        let WriteId { client, sequence } = write.id;
        if let Some(kept) = self.clients.get_mut(&client) {
            kept.heard = now;
            if kept.had_below < write.had_below {
                kept.had_below = write.had_below;
                let left = kept.answers.split_off(&write.had_below);
                let gone = std::mem::replace(&mut kept.answers, left);
                let gone = gone.into_keys().map(|sequence| WriteId { client, sequence });
                self.changed.extend(gone);
            }
            if sequence < kept.had_below {
                // Not only superfluous: applied now, it would come after what was decided later.
                return Err(unknown("the client had stopped waiting for it"));
            }
            if let Some((_, written)) = kept.answers.get(&sequence) {
                return Ok(Some(*written));
            }
        }
        if Duration::from_millis(write.age_ms) >= RETRY_WITHIN {
            return Err(unknown("it is too long ago that it was first sent"));
        }
        Ok(None)
    }

    pub(super) fn check_room(&self, id: &WriteId) -> Result<(), StoreError> {
        if self.clients.get(&id.client).is_some_and(|kept| kept.answers.len() >= MAX_ANSWERS) {
            return Err(StoreError::Limit(format!(
                "{MAX_ANSWERS} answers to writes of this client wait to be fetched"
            )));
        }
        Ok(())
    }

    pub(super) fn keep(&mut self, now: Moment, id: &WriteId, written: Written) {
        let empty = || Kept { had_below: 0, answers: BTreeMap::new(), heard: now };
        let kept = self.clients.entry(id.client).or_insert_with(empty);
        kept.answers.insert(id.sequence, (now, written));
        self.changed.push(*id);
    }

    pub(super) fn restore(&mut self, now: Moment, id: &WriteId, written: Written) {
        self.keep(now, id, written);
        self.changed.clear();
    }

    pub(super) fn get(&self, id: &WriteId) -> Option<Written> {
        self.clients.get(&id.client)?.answers.get(&id.sequence).map(|(_, written)| *written)
    }

    pub(super) fn take_changed(&mut self) -> Vec<WriteId> {
        std::mem::take(&mut self.changed)
    }

    pub(super) fn forget(&mut self, now: Moment) {
        let over = |since: Moment| since + ANSWERS_KEPT <= now;
        for (&client, kept) in &mut self.clients {
            kept.answers.retain(|&sequence, (since, _)| {
                let keep = !over(*since);
                if !keep {
                    self.changed.push(WriteId { client, sequence });
                }
                keep
            });
        }
        self.clients.retain(|_, kept| !kept.answers.is_empty() || !over(kept.heard));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }
}

fn unknown(reason: &str) -> StoreError {
    StoreError::UnknownOutcome(reason.to_owned())
}
