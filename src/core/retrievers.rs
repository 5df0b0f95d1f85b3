//! What a retriever is told (P6).

use super::ids::LeaderInformation;

/// One retriever: what is true as far as the client knows, and what it was told last.
///
/// Told in order, never the same twice running; what it did not take before a newer value came is
/// skipped.
#[derive(Debug, Default)]
pub struct Retriever {
    present: Option<Option<LeaderInformation>>,
    told: Option<Option<LeaderInformation>>,
}

impl Retriever {
    /// A value came. Answers whether there is now something to take.
    pub fn handle_value(&mut self, value: Option<LeaderInformation>) -> bool {
        self.present = Some(value);
        self.is_ready()
    }

    /// Whether there is something to take.
    pub fn is_ready(&self) -> bool {
        self.present.is_some() && self.present != self.told
    }

    /// The present value, if it is not the one taken last.
    pub fn take(&mut self) -> Option<Option<LeaderInformation>> {
        if !self.is_ready() {
            return None;
        }
        self.told = self.present.clone();
        self.told.clone()
    }
}
