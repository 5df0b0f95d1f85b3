//! How long things take here.

use std::time::Duration;

/// What agents ask for.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub session: Duration,
    pub grace: Duration,
}

impl Timing {
    /// So that much happens in a round.
    pub const SHORT: Timing =
        Timing { session: Duration::from_millis(800), grace: Duration::from_millis(200) };

    /// So that what is to end does so soon, and nothing else.
    pub const MIDDLE: Timing =
        Timing { session: Duration::from_secs(4), grace: Duration::from_millis(500) };

    /// So that nothing ends only because the machine is busy.
    pub const LONG: Timing =
        Timing { session: Duration::from_secs(20), grace: Duration::from_secs(5) };
}

/// How long an operation waits for its answer.
pub const OPERATION: Duration = Duration::from_millis(1500);

/// Within which everything must be well again once nothing is broken (P4). A session that has to
/// time out, an attempt to connect that was given up and the pause before the next take 3 s; the
/// rest is for a machine that does other things.
pub const MENDED: Duration = Duration::from_secs(20);

/// What is only there so that nothing hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);
