//! Hashing of session ids without random keys.

use std::hash::{BuildHasher, Hasher};

/// Hashes the ids of sessions.
///
/// To flood a hash table, an attacker must choose its keys. Here the server draws every key at random, and peers only look
/// them up. So the bits need spreading, not secrecy, and no random source is needed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BuildGuidHasher;

#[derive(Debug)]
pub(super) struct GuidHasher(u64);

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
        self.0 = mixed(self.0 ^ word);
    }

    fn write_usize(&mut self, _length: usize) {
        // The length of a GUID says nothing.
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The finalizer of MurmurHash3: one-to-one, and every bit of the word changes about half of the result's.
const fn mixed(mut word: u64) -> u64 {
    word ^= word >> 33;
    word = word.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    word ^= word >> 33;
    word = word.wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    word ^ (word >> 33)
}
