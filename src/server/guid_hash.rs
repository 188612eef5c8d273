//! Hashing of session ids without random keys.

use std::hash::{BuildHasher, Hasher};

/// Hashes the ids of sessions.
///
/// Whoever floods a table chooses its keys; here the server drew every one of them at random, and peers only look
/// them up. So the bits need spreading, not secrecy, and no random source is needed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BuildGuidHasher;

#[derive(Debug)]
pub(super) struct GuidHasher(u64);

/// 2^64 divided by the golden ratio: an odd number that spreads its factors over the upper bits.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

impl BuildHasher for BuildGuidHasher {
    type Hasher = GuidHasher;

    fn build_hasher(&self) -> GuidHasher {
        GuidHasher(0)
    }
}

impl Hasher for GuidHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(place, byte)| *place = *byte);
            self.write_u64(u64::from_ne_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(29) ^ word).wrapping_mul(SPREAD);
    }

    fn write_usize(&mut self, _length: usize) {
        // The length of a GUID says nothing.
    }

    fn finish(&self) -> u64 {
        // Tables index by the low bits, and multiplication leaves its best bits at the top.
        self.0 ^ self.0.rotate_left(32)
    }
}
