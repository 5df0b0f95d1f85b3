//! Hashes, and sealed blocks: a few numbers that are written in place, in one sector.
//!
//! What tells the state of a directory (the marker, the head of a log) is rewritten where it stands,
//! for that takes no room on a full disk. A block has all it says within its first 512 bytes, which a
//! disk writes whole or not at all; the rest is zeros and is looked at, too.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::error::StorageError;

/// XXH3 of 128 bits: finds every accident; it is no defence against somebody who forges a file.
pub type Hash = u128;

/// The bytes of a block.
pub const BLOCK: usize = 4096;

const SECTOR: usize = 512;
const HASH_AT: usize = SECTOR - size_of::<Hash>();
/// The numbers after the eight letters that say what the block is.
const FIELDS: usize = (HASH_AT - 8) / 8;

/// The numbers of a block; those that nobody set are 0.
pub type Fields = [u64; FIELDS];

/// What a block is.
#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    /// Zeros all over.
    Blank,
    /// As it was written.
    Sealed(Box<Fields>),
    /// Neither.
    Broken,
}

/// The bytes of a block.
pub fn seal(letters: &[u8; 8], numbers: &[u64]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..8].copy_from_slice(letters);
    for (place, number) in block[8..HASH_AT].chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    let hash = xxh3_128(&block[..HASH_AT]);
    block[HASH_AT..SECTOR].copy_from_slice(&hash.to_le_bytes());
    block
}

/// Reads a block back.
pub fn unseal(letters: &[u8; 8], block: &[u8; BLOCK]) -> Block {
    if block.iter().all(|byte| *byte == 0) {
        return Block::Blank;
    }
    let hash = xxh3_128(&block[..HASH_AT]).to_le_bytes();
    let whole = block[HASH_AT..SECTOR] == hash && block[SECTOR..].iter().all(|byte| *byte == 0);
    if !whole || block[..8] != *letters {
        return Block::Broken;
    }
    let mut fields = Box::new([0; FIELDS]);
    for (field, bytes) in fields.iter_mut().zip(block[8..HASH_AT].chunks_exact(8)) {
        *field = u64::from_le_bytes(bytes.try_into().expect("chunks of eight"));
    }
    Block::Sealed(fields)
}

/// The block at `offset` of a file; one that ends before is broken.
pub fn read(file: &File, letters: &[u8; 8], offset: u64) -> io::Result<Block> {
    let mut block = [0; BLOCK];
    match file.read_exact_at(&mut block, offset) {
        Ok(()) => Ok(unseal(letters, &block)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Block::Broken),
        Err(error) => Err(error),
    }
}

/// A hash as two numbers of a block.
pub fn halves(hash: Hash) -> [u64; 2] {
    [hash as u64, (hash >> 64) as u64]
}

/// The hash of two numbers of a block.
pub fn whole(halves: &[u64]) -> Hash {
    Hash::from(halves[0]) | Hash::from(halves[1]) << 64
}

/// Of some bytes.
pub fn hash(bytes: &[u8]) -> Hash {
    xxh3_128(bytes)
}

/// Of a record. Their sum (wrapping) over a set of records does not depend on the order, so that it
/// is kept up to date by what comes and goes.
pub fn record_hash(key: &[u8], value: &[u8]) -> Hash {
    let mut both = [0; 32];
    both[..16].copy_from_slice(&xxh3_128(key).to_le_bytes());
    both[16..].copy_from_slice(&xxh3_128(value).to_le_bytes());
    xxh3_128(&both)
}

/// The length and the hash of a whole file.
pub fn file_hash(path: &Path) -> Result<(u64, Hash), StorageError> {
    let failed = |error| StorageError::io("read", path, error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((hasher.length, hasher.finish())),
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

/// A hash over what comes in pieces.
pub struct Hasher {
    state: Box<Xxh3>,
    length: u64,
}

impl Hasher {
    pub fn new() -> Hasher {
        Hasher { state: Box::new(Xxh3::new()), length: 0 }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.length += bytes.len() as u64;
    }

    pub fn finish(&self) -> Hash {
        self.state.digest128()
    }
}
