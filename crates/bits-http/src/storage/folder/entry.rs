//! The file of a record: what was saved of a session, one entry after another. The last one that is sound counts.
//!
//! An entry is a line: its length and its [sum](super::synced::Sum), both in hexadecimal digits, and the record, each after a space. The
//! line's end is at its beginning, so that what follows an entry which was cut short is still an entry.
//!
//! Appending costs one sync. A new file that takes the old one's place costs two, and a name that comes and goes.

use super::synced::Sum;

/// What a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry<'f> {
    Sound(&'f [u8]),
    /// The first entry has not come to the disk, which is all that a power cut may take.
    NeverWhole,
    Damaged,
}

/// Makes an entry.
pub(super) fn of(record: &[u8]) -> Vec<u8> {
    let mut entry = format!("\n{:x} {:x} ", record.len(), sum(record)).into_bytes();
    entry.extend_from_slice(record);
    entry
}

/// Finds the entry that counts.
pub(super) fn last(file: &[u8]) -> Entry<'_> {
    let begins = file.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    let mut lines = begins.filter_map(|(begin, _)| file.get(begin + 1..));
    if let Some(record) = lines.find_map(sound) {
        return Entry::Sound(record);
    }
    // As the first versions had it: a record and no more, which was written aside.
    if file.starts_with(b"{") {
        return Entry::Sound(file.split(|byte| *byte == b'\n').next().unwrap_or_default());
    }
    if is_short(file) { Entry::NeverWhole } else { Entry::Damaged }
}

fn sound(line: &[u8]) -> Option<&[u8]> {
    let (length, told, rest) = parts(line)?;
    let record = rest.get(..length)?;
    (told == sum(record)).then_some(record)
}

/// Whether a file has no more than a part of its first entry. Zeros stand where only the length has come.
fn is_short(file: &[u8]) -> bool {
    let zeros = file.iter().rev().take_while(|byte| **byte == 0).count();
    let there = file.get(..file.len() - zeros).unwrap_or_default();
    let Some(line) = there.strip_prefix(b"\n") else { return there.is_empty() };
    match parts(line) {
        Some((length, _, record)) => record.len() < length && !record.contains(&b'\n'),
        None => line.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b' '),
    }
}

fn parts(line: &[u8]) -> Option<(usize, u64, &[u8])> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let mut number = || u64::from_str_radix(std::str::from_utf8(parts.next()?).ok()?, 16).ok();
    let (length, told) = (number()?, number()?);
    Some((usize::try_from(length).ok()?, told, parts.next()?))
}

fn sum(record: &[u8]) -> u64 {
    let mut sum = Sum::default();
    sum.add(record);
    sum.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &[u8] = br#"{"state":"old"}"#;
    const NEW: &[u8] = br#"{"state":"new"}"#;

    fn both() -> (usize, Vec<u8>) {
        let mut file = of(OLD);
        let old = file.len();
        file.extend(of(NEW));
        (old, file)
    }

    #[test]
    fn the_last_sound_entry_counts() {
        let (old, file) = both();
        assert_eq!(last(&file), Entry::Sound(NEW));
        for end in 0..file.len() {
            let expected = if end < old { Entry::NeverWhole } else { Entry::Sound(OLD) };
            assert_eq!(last(&file[..end]), expected, "{end} bytes");
            // The length alone.
            let mut zeros = file.clone();
            zeros[end..].fill(0);
            assert_eq!(last(&zeros), expected, "zeros from {end} on");
            // Another entry after one that was cut short.
            let after = [&file[..end], &of(b"after")].concat();
            assert_eq!(last(&after), Entry::Sound(b"after"), "{end} bytes");
        }
    }

    #[test]
    fn a_record_of_the_first_versions_counts_until_one_is_appended() {
        assert_eq!(last(OLD), Entry::Sound(OLD));
        assert_eq!(last(&[OLD, &of(NEW)].concat()), Entry::Sound(NEW));
    }

    #[test]
    fn what_never_was_an_entry_is_damaged() {
        for file in ["no record", "3 0 abc", "\nzz 0 {}", "\n3 0 abc\n3 0 abc"] {
            assert_eq!(last(file.as_bytes()), Entry::Damaged, "{file:?}");
        }
    }

    #[test]
    fn a_byte_that_changes_is_noticed() {
        let (old, file) = both();
        for at in 0..file.len() {
            for change in 1..=255 {
                let mut file = file.clone();
                file[at] ^= change;
                // A digit in capitals is the same one.
                if file[at].eq_ignore_ascii_case(&(file[at] ^ change)) {
                    continue;
                }
                assert_eq!(last(&file), Entry::Sound(if at < old { NEW } else { OLD }), "{at} by {change}");
            }
        }
    }
}
