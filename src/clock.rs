//! The one file that reads the clock.
//!
//! `CLOCK_BOOTTIME`, for `CLOCK_MONOTONIC`, and with it [`std::time::Instant`] and the timers of
//! tokio, stands still while a machine is suspended: a leader would wake up with its lease intact
//! (LESSONS 5). Whoever sleeps on a timer therefore looks at this clock when it wakes, and sleeps
//! for [`LONGEST_SLEEP`] at the most while a deadline is pending.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use once_cell::sync::OnceCell;

use crate::core::time::Moment;

/// The longest sleep on a timer of tokio while a deadline of ours is pending.
pub const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// The present moment; only grows. Takes some 25 ns, without a system call.
pub fn now() -> Moment {
    read(libc::CLOCK_BOOTTIME).unwrap_or_else(|| {
        // Linux before 2.6.39, and some sandboxes.
        static WARNED: OnceCell<()> = OnceCell::new();
        WARNED.get_or_init(|| {
            log::warn!(
                "CLOCK_BOOTTIME can't be read: leases do not see that the machine was suspended"
            );
        });
        read(libc::CLOCK_MONOTONIC).expect("every Linux has CLOCK_MONOTONIC")
    })
}

/// Microseconds of the wall clock since 1970; the first epoch of a server without durable state.
pub fn wall_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn read(clock: libc::clockid_t) -> Option<Moment> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec that outlives the call.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut time) } != 0;
    // Since boot: neither is negative, and 64 bits of nanoseconds take 584 years.
    (!failed).then(|| Moment::from_nanos(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64))
}
