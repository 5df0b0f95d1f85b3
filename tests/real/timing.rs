//! How long things take here.

use std::process::Command;
use std::time::{Duration, Instant};

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

    /// So that nothing ends only because the machine is busy: where many spaces come and go, the
    /// system alone may take 20 s to bring an interface up.
    pub const LONG: Timing =
        Timing { session: Duration::from_secs(200), grace: Duration::from_secs(100) };
}

/// How long an operation waits for its answer.
pub const OPERATION: Duration = Duration::from_millis(1500);

/// Within which everything must be well again once nothing is broken (P4). A session that has to
/// time out, an attempt to connect that was given up and the pause before the next take 3 s; the
/// rest is for a machine that does other things.
pub const MENDED: Duration = Duration::from_secs(20);

/// What is only there so that nothing hangs.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// [`MENDED`], counted from when the machine was last too busy to run a program at once: what is not
/// run does not keep sessions alive either.
pub struct Bound {
    since: Instant,
    looked: Instant,
    begun: Instant,
}

impl Bound {
    pub fn new() -> Self {
        let now = Instant::now();
        Bound { since: now, looked: now, begun: now }
    }

    /// To be asked again and again.
    pub fn is_over(&mut self) -> bool {
        let now = Instant::now();
        if now - self.looked > Duration::from_secs(1) {
            assert!(Command::new("true").status().is_ok_and(|status| status.success()));
            self.looked = Instant::now();
            let is_busy = self.looked - now > Duration::from_millis(100);
            self.since = if is_busy { self.looked } else { self.since };
        }
        self.since.elapsed() > MENDED || self.begun.elapsed() > PATIENCE
    }

    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}
