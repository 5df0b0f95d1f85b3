//! What the worlds of walks are made of.

use leaderserver::core::config::{Mode, Timing};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use crate::clock::{MS, ms};
use crate::world::{Setup, World};

pub fn any(seed: u64, loud: bool, rng: &mut ChaCha8Rng) -> Setup {
    let mut pick = |from: &[u64]| from[(rng.next_u64() % from.len() as u64) as usize];
    let session = pick(&[200, 300, 1_000, 1_000, 2_000, 3_000, 10_000]);
    let grace = pick(&[session / 2, session / 5, session / 10, 100, 100, 0]).min(session / 2);
    let timing = Timing { session_timeout: ms(session), disconnect_grace: ms(grace) };
    let delay = pick(&[1, 1, 5, 20, session / 50, session / 8]) * MS;
    let latency = pick(&[MS / 10, MS / 10, MS, 5 * MS, 60 * MS]);
    // A fast disk, a slow one, and one that takes as long as anything else.
    let disk = match pick(&[0, 0, 0, 1, 1, 2, 3]) {
        0 => None,
        1 => Some((MS / 50, MS / 2)),
        2 => Some((MS, 50 * MS)),
        _ => Some((MS, session / 2 * MS)),
    };
    let retrieval_timeout = match pick(&[0, 1, 1, 2, 3]) {
        0 => None,
        1 => Some(session),
        2 => Some(session / 4),
        _ => Some(session * 3),
    };
    Setup {
        seed,
        loud,
        timing,
        mode: if pick(&[0, 1]) == 0 { Mode::PerProcess } else { Mode::PerComponent },
        max_session_timeout: ms(pick(&[session, session, session * 2, session / 2])),
        retrieval_timeout: retrieval_timeout.map(ms),
        stall_timeout: ms(pick(&[session, session * 3])),
        delay: (delay / 10, delay),
        latency: (1_000, latency),
        drift: true,
        one_at_a_time: pick(&[0, 1]) == 1,
        preempt: pick(&[0, 4, 20]),
        preempt_for: (1_000, pick(&[MS / 10, MS, 20 * MS])),
        disk,
        old_copies: false,
    }
}

/// Flink's three, or those of as many jobs as fit.
pub fn components(rng: &mut ChaCha8Rng) -> Vec<String> {
    let mut components: Vec<String> =
        ["dispatcher", "resource_manager", "rest_server"].map(str::to_owned).into();
    if rng.next_u64().is_multiple_of(8) {
        let jobs = 3 + rng.next_u64() % 30;
        components.extend((0..jobs).map(|job| format!("job-{job}")));
    }
    components
}

/// Says what kind of world it is.
pub fn count(world: &mut World) {
    let setup = &world.setup;
    let settled = world.settled();
    for (is, what) in [
        (setup.disk.is_none(), "world: without durable state"),
        (setup.disk.is_some(), "world: durable"),
        (setup.mode == Mode::PerComponent, "world: an election per component"),
        (settled.disconnect_grace.is_zero(), "world: no grace"),
        (!settled.grace_is_safe(), "world: a grace for which P1 is not promised"),
        (settled.session_timeout <= ms(300), "world: sessions of 300 ms and less"),
        (settled != setup.timing, "world: the server allows less than is asked for"),
    ] {
        if is {
            world.truth.seen.count(what);
        }
    }
}
