//! Clocks of processes, which start anywhere and run up to 1 in 2000 fast or slow: two of them
//! differ by 1 in 1000 at the most, as P1 has it.

use std::time::Duration;

use leaderserver::core::time::Moment;

/// A millisecond in the world's nanoseconds.
pub const MS: u64 = 1_000_000;

/// A second in the world's nanoseconds.
pub const SEC: u64 = 1_000 * MS;

/// A process's clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: u64,
    /// How fast it is, in millionths.
    ppm: i64,
}

impl Clock {
    /// The furthest that a clock may be off, in millionths.
    pub const MOST_PPM: i64 = 500;

    pub fn new(origin: u64, ppm: i64) -> Self {
        Clock { origin, ppm }
    }

    /// What it shows at an instant of the world.
    pub fn at(&self, instant: u64) -> Moment {
        let drift = i128::from(instant) * i128::from(self.ppm) / 1_000_000;
        let shown = i128::from(self.origin) + i128::from(instant) + drift;
        Moment::from_nanos(u64::try_from(shown).expect("origins leave room for the drift"))
    }

    /// The first instant of the world at which it shows a moment, or later.
    pub fn when(&self, moment: Moment) -> u64 {
        let passed = i128::from(moment.as_nanos().saturating_sub(self.origin));
        let guess = passed * 1_000_000 / i128::from(1_000_000 + self.ppm);
        let mut instant = u64::try_from(guess).unwrap_or(u64::MAX).saturating_sub(2);
        while self.at(instant) < moment {
            instant += 1;
        }
        instant
    }
}

/// A duration in the world's nanoseconds.
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("no test lasts that long")
}

/// A duration of so many milliseconds.
pub const fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}
