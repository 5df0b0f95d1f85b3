//! What went wrong elsewhere, where the core decides it: each test carries its reference. All of
//! them, by number, are listed in `tests/named.rs`.

mod liveness;
mod safety;

const COMPONENTS: [&str; 4] = ["dispatcher", "resource_manager", "rest_server", "job-1"];
