//! No panic leaves an export: it would end the process.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::core::error::Error;

thread_local! {
    static INJECTED: Cell<Option<(Place, &'static str)>> = const { Cell::new(None) };
}

/// Where a panic can be put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a C function, before it does anything.
    Export,
    /// In the object of a handle, the next that is used.
    Object,
}

/// Makes the calling thread panic with `text` when it next gets to `place`. For tests; release builds
/// do not look.
pub fn inject(place: Place, text: &'static str) {
    INJECTED.with(|injected| injected.set(Some((place, text))));
}

/// Here is that place.
#[inline]
pub(super) fn may_be_injected(place: Place) {
    if cfg!(debug_assertions)
        && let Some((wanted, text)) = INJECTED.with(Cell::get)
        && wanted == place
    {
        INJECTED.with(|injected| injected.set(None));
        panic!("{text}");
    }
}

/// Runs what an export does; a panic becomes [`Error::Internal`] with its text.
///
/// # Errors
/// What `work` answers, and [`Error::Internal`].
pub fn guard<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch(work).unwrap_or_else(|text| Err(Error::Internal(text)))
}

/// Runs `work`; a panic is logged and its text is the error.
///
/// What `work` borrows may be left half done: the caller must not go on using it (see
/// [`Table::call`](super::handle::Table::call)).
///
/// # Errors
/// The text of the panic.
#[inline]
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = text_of(payload);
        log::error!("panic: {text}");
        text
    })
}

/// The text that a panic was given, formatted or not.
#[cold]
pub fn text_of(payload: Box<dyn Any + Send>) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        return (*text).to_owned();
    }
    let payload = match payload.downcast::<String>() {
        Ok(text) => return *text,
        Err(payload) => payload,
    };
    // Whatever it is, dropping it may panic in turn.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
    "a panic without a text".to_owned()
}
