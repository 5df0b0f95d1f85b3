//! Threads that share memory, in every order that they may take (loom): what stands under handles,
//! has-leadership, events and logs.
//!
//! The very files of `src` are compiled here a second time, against the [`sync`] and [`clock`] of
//! this folder: loom runs each model in every interleaving up to a bound of preemptions, and with
//! every value that a weak memory may still answer. Loom rather than shuttle, for has-leadership is
//! made of atomics with acquire and release, and shuttle knows no weak memory.
//!
//! Each model was seen to fail with a bug put into the file of `src`:
//!
//! | put in | caught by |
//! |---|---|
//! | a generation not compared, or not moved on | `a_cell_used_again_…` |
//! | the low half of an id not compared, stored after the epoch, or the epoch stored or first read relaxed | `an_id_is_read_whole` |
//! | a revoke that does not clear the cell | `who_hears_of_a_revoke_finds_it` |
//! | two deadlines in two words (as it was) | `deadlines_are_read_as_they_were_settled` |
//! | the deadline read relaxed | `deadlines_of_another_client_renew_nobody` |
//! | the epoch not looked at again | `a_later_session_renews_no_former_leadership` |
//! | a renewal that undoes a close (as it was) | `a_renewal_does_not_undo_a_close` |
//! | events that are left wake nobody; a close wakes one; a fetch does not set the descriptor | `whoever_leaves_events_…`, `a_close_wakes_everybody`, `the_descriptor_…` |
//! | every remove says yes; handles that come again; abandoned at each panic | `a_close_frees_nothing_…`, `a_handle_names_one_object_…`, `a_panic_abandons_once` |
//! | an open that does not look again whether its client is closed | `what_is_opened_while_…`, `a_watch_opened_while_…` |
//! | a close that leaves its contender's cell | `a_close_meets_a_callback`, `two_closes_revoke_once`, `a_panic_ends_leadership` |
//! | lost log records counted as one | `each_record_is_taken_or_counted` |
//!
//! `LOOM_MAX_PREEMPTIONS=4` goes deeper than [`model`] does.

// Of the shipped files only a part is tried.
#![allow(dead_code, unused_imports, clippy::unwrap_used)]

mod client;
mod clock;
mod ffi;
mod server;
mod sync;

/// What the shipped files import from above.
mod core {
    pub(crate) use leaderserver::core::*;
}

mod tls {
    pub(crate) use leaderserver::tls::*;
}

/// Preemptions at the most, unless the environment says otherwise: each more multiplies the
/// schedules, and of the bugs put in none needed more than two.
const PREEMPTIONS: usize = 3;

/// Runs a model in all its schedules.
fn model(run: impl Fn() + Sync + Send + 'static) {
    model_of(PREEMPTIONS, run);
}

/// As [`model`], for one that takes minutes with so many preemptions.
fn model_of(preemptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.check(move || {
        clock::move_to(clock::BEGIN);
        run();
    });
}

/// What came from elsewhere would not be loom's, and its orders not tried.
#[test]
fn what_is_shared_comes_from_sync() {
    let tried = [
        "client/events.rs",
        "client/handles.rs",
        "client/leadership.rs",
        "client/readiness.rs",
        "client/registry.rs",
        "ffi/handle.rs",
        "ffi/log.rs",
        "ffi/objects/mod.rs",
        "ffi/objects/store.rs",
        "ffi/panic.rs",
    ];
    for file in tried {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
        let text = std::fs::read_to_string(path).unwrap();
        for elsewhere in ["std::sync", "parking_lot", "once_cell"] {
            assert!(!text.contains(elsewhere), "{file} uses {elsewhere}");
        }
    }
}
