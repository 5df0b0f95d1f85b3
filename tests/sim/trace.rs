//! What happened: a running hash, and the words for it where somebody reads them.

/// The history of a world.
pub struct Trace {
    hash: u64,
    steps: u64,
    loud: bool,
}

impl Trace {
    /// No history yet. A loud one prints, which the test harness shows where the test fails.
    pub fn new(loud: bool) -> Self {
        Trace { hash: 0xcbf2_9ce4_8422_2325, steps: 0, loud }
    }

    /// Something happened. What tells it apart goes into `numbers`.
    pub fn note(
        &mut self,
        at: u64,
        kind: &'static str,
        numbers: [u64; 2],
        words: impl FnOnce() -> String,
    ) {
        self.steps += 1;
        for byte in kind.bytes() {
            self.mix(u64::from(byte));
        }
        self.mix(at);
        numbers.into_iter().for_each(|number| self.mix(number));
        if self.loud {
            let (seconds, micros) = (at / 1_000_000_000, at / 1_000 % 1_000_000);
            println!("{seconds:4}.{micros:06} {kind}: {}", words());
        }
    }

    /// Equal histories have equal hashes.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many things happened.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    fn mix(&mut self, number: u64) {
        self.hash = (self.hash ^ number).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    }
}
