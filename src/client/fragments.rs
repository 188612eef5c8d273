//! The size of the next fragment.

use std::time::Duration;

use crate::vocabulary::limits::{MAX_ENTITY_SIZE, MAX_FRAGMENT_SIZE, MIN_FRAGMENT_SIZE};

/// The size of fragments, in bytes. Windows sends 5 KiB to 13 MiB (notes `<10>` and `<16>`).
///
/// The last fragment of an entity has what is left. After a 413, every later fragment is smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum FragmentSize {
    /// All of one size.
    Fixed(u64),
    /// From `least` to `largest`, growing and shrinking so that one fragment takes about `target`: large enough that the
    /// round trips do not count, small enough that little is lost when one breaks. The default.
    Adaptive {
        /// The size to begin with.
        first: u64,
        /// The least.
        least: u64,
        /// The largest.
        largest: u64,
        /// The time that one fragment should take, from its first byte to its Ack.
        target: Duration,
    },
}

impl FragmentSize {
    /// From 5 KiB to 13 MiB, as Windows, beginning with 256 KiB and aiming at five seconds.
    pub const ADAPTIVE: Self = Self::Adaptive {
        first: 256 * 1024,
        least: MIN_FRAGMENT_SIZE,
        largest: MAX_FRAGMENT_SIZE,
        target: Duration::from_secs(5),
    };

    pub(super) fn is_legal(self) -> bool {
        match self {
            Self::Fixed(size) => (1..=MAX_ENTITY_SIZE).contains(&size),
            Self::Adaptive { first, least, largest, target } => {
                let in_order = least > 0 && least <= first && first <= largest;
                in_order && largest <= MAX_ENTITY_SIZE && !target.is_zero()
            }
        }
    }

    const fn first(self) -> u64 {
        match self {
            Self::Fixed(size) | Self::Adaptive { first: size, .. } => size,
        }
    }
}

/// The size of the next fragment, as its line teaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub(super) struct Sizer {
    size: u64,
}

impl Sizer {
    pub(super) fn new(setting: FragmentSize) -> Self {
        Self { size: setting.first() }
    }

    /// The size that a record holds.
    #[cfg(feature = "serde")]
    pub(super) const fn of(size: u64) -> Self {
        Self { size }
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// The settings may have changed while the upload was stored.
    pub(super) fn apply(&mut self, setting: FragmentSize) {
        self.size = match setting {
            FragmentSize::Fixed(size) => size,
            FragmentSize::Adaptive { least, largest, .. } => self.size.clamp(least, largest.max(least)),
        };
    }

    /// A fragment of `bytes` was acknowledged after `elapsed`: aim at the target, by no more than the double or the half.
    pub(super) fn took(&mut self, bytes: u64, elapsed: Duration, setting: FragmentSize) {
        let FragmentSize::Adaptive { least, largest, target, .. } = setting else { return };
        let ideal = u128::from(bytes).saturating_mul(target.as_nanos()).checked_div(elapsed.as_nanos());
        let ideal = ideal.and_then(|ideal| u64::try_from(ideal).ok()).unwrap_or(u64::MAX);
        // A short fragment, as the last before the end, says little about larger ones.
        let least = least.min(largest);
        self.size = ideal.clamp(bytes / 2, self.size.saturating_mul(2)).clamp(least, largest);
    }

    /// A fragment broke: the next one is half as large.
    pub(super) fn broke(&mut self, size: u64, setting: FragmentSize) {
        if let FragmentSize::Adaptive { least, .. } = setting {
            self.size = (size / 2).max(least);
        }
    }
}

/// Half of a fragment that was too large, not below 5 KiB. `None`: it was that small already.
pub(super) fn halved(bytes: u64) -> Option<u64> {
    (bytes > MIN_FRAGMENT_SIZE).then(|| (bytes / 2).max(MIN_FRAGMENT_SIZE))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTING: FragmentSize = FragmentSize::Adaptive {
        first: 10_000,
        least: 10_000,
        largest: 1_000_000,
        target: Duration::from_secs(1),
    };

    /// Sends fragments over a line of so many bytes a second; the size that comes out.
    fn settled(bytes_a_second: u64) -> u64 {
        let mut sizer = Sizer::new(SETTING);
        for _ in 0..50 {
            let size = sizer.size();
            sizer.took(size, Duration::from_micros(size * 1_000_000 / bytes_a_second), SETTING);
        }
        sizer.size()
    }

    #[test]
    fn adaptive_fragments_settle_at_the_target_time() {
        assert!(settled(200_000).abs_diff(200_000) < 2_000);
        assert_eq!(settled(100), 10_000);
        assert_eq!(settled(100_000_000), 1_000_000);
    }

    #[test]
    fn a_fragment_is_halved_down_to_5_kib() {
        assert_eq!(halved(400_000), Some(200_000));
        assert_eq!(halved(6_000), Some(5_120));
        assert_eq!(halved(5_120), None);
    }
}
