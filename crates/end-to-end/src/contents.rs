//! Files of any size, written and compared in constant memory.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

const BLOCK: usize = 1 << 20;

/// Writes a file of random bytes: whatever is lost, doubled or moved shows. Each seed makes another one.
pub fn write_file(path: &Path, size: u64, seed: u64) {
    let mut file = File::create(path).unwrap();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut block = vec![0; BLOCK];
    let mut left = size;
    while left > 0 {
        let length = left.min(BLOCK as u64) as usize;
        random.fill(&mut block[..length]);
        file.write_all(&block[..length]).unwrap();
        left -= length as u64;
    }
}

/// Two files hold the same bytes.
#[track_caller]
pub fn assert_same(left: &Path, right: &Path) {
    let difference = difference(left, right)
        .unwrap_or_else(|error| panic!("{} and {}: {error}", left.display(), right.display()));
    if let Some(offset) = difference {
        panic!("{} and {} differ in the block at {offset}", left.display(), right.display());
    }
}

/// The first block in which two files differ.
fn difference(left: &Path, right: &Path) -> io::Result<Option<u64>> {
    let (mut left, mut right) = (File::open(left)?, File::open(right)?);
    let (mut left_block, mut right_block) = (Vec::new(), Vec::new());
    let mut offset = 0;
    loop {
        for (file, block) in [(&mut left, &mut left_block), (&mut right, &mut right_block)] {
            block.clear();
            file.take(BLOCK as u64).read_to_end(block)?;
        }
        if left_block != right_block {
            return Ok(Some(offset));
        }
        if left_block.is_empty() {
            return Ok(None);
        }
        offset += BLOCK as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_seed_are_the_same_and_any_difference_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let size = BLOCK as u64 * 2 + 17;
        write_file(&path("a"), size, 1);
        write_file(&path("same"), size, 1);
        write_file(&path("other seed"), size, 2);
        write_file(&path("shorter"), size - 1, 1);
        assert_same(&path("a"), &path("same"));
        for name in ["other seed", "shorter", "missing"] {
            assert!(!matches!(difference(&path("a"), &path(name)), Ok(None)), "{name}");
        }
        let mut bytes = std::fs::read(path("a")).unwrap();
        bytes[BLOCK + 5] ^= 1;
        std::fs::write(path("one bit"), &bytes).unwrap();
        assert_eq!(difference(&path("a"), &path("one bit")).unwrap(), Some(BLOCK as u64));
    }
}
