//! Threads that share memory, in every order that they may take (loom): what stands under handles,
//! has-leadership, events and logs.
//!
//! The very files of `src` are compiled here a second time, against the [`sync`] and [`clock`] of
//! this folder: loom runs each model in every interleaving up to a bound of preemptions, and with
//! every value that a weak memory may still answer. What a model is about is said above it, and
//! which bug, put into the file of `src` on purpose, made it fail.
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
