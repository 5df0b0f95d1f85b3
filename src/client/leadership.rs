//! Has-leadership without a lock: cells of atomics that are never freed (R2).
//!
//! A [`CellRef`] that outlived its contender, or is garbage, reads as "does not lead": cells are
//! used again under another generation, and their memory is never given back.

use std::ptr;

use crate::clock;
use crate::core::ids::LeaderSessionId;
use crate::core::session::Deadlines;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Mutex, Ordering, shared, so_many};

const CHUNK: usize = so_many(1024);
const CHUNKS: usize = so_many(16 * 1024);

/// How many cells there may be: slots are numbers below this.
pub const MAX_CELLS: usize = CHUNK * CHUNKS;

shared! {
    static TABLE: [AtomicPtr<Chunk>; CHUNKS] =
        [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS];
    static POOL: Mutex<Pool> = Mutex::new(Pool::new());
}

type Chunk = [Cell; CHUNK];

/// One contender's leadership.
#[derive(Default)]
struct Cell {
    generation: AtomicU32,
    /// 0: does not lead.
    epoch: AtomicU64,
    low: AtomicU64,
    deadlines: AtomicPtr<DeadlineCell>,
}

/// Until when a client leads; shared by its contenders.
#[derive(Default)]
pub(super) struct DeadlineCell {
    /// The earlier of the two deadlines, in nanoseconds of the clock, or one of the below. In one
    /// word: whoever read them one by one could take the lease of one moment with the connection of
    /// another, and lead by what never held.
    until: AtomicU64,
}

/// In place of a deadline: all that ever was is over.
const OVER: u64 = 0;
/// The same, until the cell is released.
const ENDED: u64 = 1;

struct Pool {
    free: Vec<u32>,
    used: u32,
    free_deadlines: Vec<&'static DeadlineCell>,
}

/// Where a contender's leadership is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CellRef {
    /// Which cell, below [`MAX_CELLS`].
    pub slot: u32,
    /// Which use of it.
    pub generation: u32,
}

/// Whether the contender leads under this id at this moment: one look at the cell and one at the
/// clock. Wait-free; safe with any bits.
#[inline]
pub fn has_leadership(cell: CellRef, id: LeaderSessionId) -> bool {
    let Some(found) = lookup(cell.slot) else { return false };
    if found.epoch.load(Ordering::Acquire) != id.epoch.0 || id.epoch.0 == 0 {
        return false;
    }
    if found.low.load(Ordering::Acquire) != id.low {
        return false;
    }
    let deadlines = found.deadlines.load(Ordering::Acquire);
    if deadlines.is_null() {
        return false;
    }
    // SAFETY: deadline cells are leaked on purpose and stay valid for ever.
    let until = unsafe { &*deadlines }.until();
    // Within a process there is no deadline, and reading the clock is most of what this costs.
    let holds = until == u64::MAX || until > clock::now().as_nanos();
    // All of it belonged together only if the cell still is what it was.
    holds
        && found.generation.load(Ordering::Acquire) == cell.generation
        && found.epoch.load(Ordering::Acquire) == id.epoch.0
}

#[inline]
fn lookup(slot: u32) -> Option<&'static Cell> {
    let slot = slot as usize;
    let chunk = TABLE.get(slot / CHUNK)?.load(Ordering::Acquire);
    // SAFETY: a chunk in the table is whole and leaked on purpose.
    unsafe { chunk.as_ref() }.map(|chunk| &chunk[slot % CHUNK])
}

impl DeadlineCell {
    pub(super) fn allocate() -> &'static DeadlineCell {
        let reused = POOL.lock().free_deadlines.pop();
        reused.unwrap_or_else(|| Box::leak(Box::default()))
    }

    /// Gives the cell back, for another client. No contender may point at it any more.
    pub(super) fn release(&'static self) {
        self.until.store(OVER, Ordering::Release);
        POOL.lock().free_deadlines.push(self);
    }

    /// Does nothing once the client has [ended](Self::end).
    pub(super) fn set(&self, deadlines: Deadlines) {
        let until = deadlines.lease.min(deadlines.link).as_nanos();
        let open = |present| (present != ENDED).then_some(until);
        let _ = self.until.fetch_update(Ordering::AcqRel, Ordering::Acquire, open);
    }

    /// The client is closed: from now on nothing is led, whatever is set by those who do not know
    /// it yet.
    pub(super) fn end(&self) {
        // A swap: loom orders it with what is set at the same time, as it would not a store.
        self.until.swap(ENDED, Ordering::AcqRel);
    }

    /// The earlier of the two deadlines, in nanoseconds.
    #[inline]
    pub(super) fn until(&self) -> u64 {
        self.until.load(Ordering::Acquire)
    }
}

impl CellRef {
    pub(super) fn allocate(deadlines: &'static DeadlineCell) -> Option<CellRef> {
        let mut pool = POOL.lock();
        let slot = match pool.free.pop() {
            Some(slot) => slot,
            None => pool.grow()?,
        };
        let cell = lookup(slot)?;
        cell.deadlines.store(ptr::from_ref(deadlines).cast_mut(), Ordering::Release);
        Some(CellRef { slot, generation: cell.generation.load(Ordering::Acquire) })
    }

    pub(super) fn release(self) {
        let Some(cell) = lookup(self.slot) else { return };
        self.set(None);
        cell.deadlines.store(ptr::null_mut(), Ordering::Release);
        cell.generation.fetch_add(1, Ordering::AcqRel);
        POOL.lock().free.push(self.slot);
    }

    pub(super) fn set(self, id: Option<LeaderSessionId>) {
        let Some(cell) = lookup(self.slot) else { return };
        cell.epoch.store(0, Ordering::Release);
        if let Some(id) = id {
            cell.low.store(id.low, Ordering::Release);
            cell.epoch.store(id.epoch.0, Ordering::Release);
        }
    }
}

impl Pool {
    const fn new() -> Self {
        Pool { free: Vec::new(), used: 0, free_deadlines: Vec::new() }
    }

    /// A slot never used before.
    fn grow(&mut self) -> Option<u32> {
        let slot = self.used as usize;
        if slot == MAX_CELLS {
            return None;
        }
        if slot.is_multiple_of(CHUNK) {
            let chunk: Box<Chunk> = Box::new(std::array::from_fn(|_| Cell::default()));
            TABLE[slot / CHUNK].store(Box::leak(chunk), Ordering::Release);
        }
        self.used += 1;
        Some(slot as u32)
    }
}
