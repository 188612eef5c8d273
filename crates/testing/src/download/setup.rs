//! The setup of a download.

use std::ops::Range;
use std::time::{Duration, Instant};

use bits_proto::download::{ApplicationRanges, Config, ConfigBuilder, Download, HeadRequest};

/// The longest entity that is allowed.
pub(crate) const MAX_LENGTH: u64 = 1000;

/// How long the entity is that is fetched.
pub(crate) const LENGTH: u64 = 7;

/// How a download is set up.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The ranges that are wanted; none: the whole.
    pub ranges: &'static [Range<u64>],
    head: HeadRequest,
    pub fragment: Option<u64>,
    pub rate: Option<u64>,
    give_up_after: Duration,
}

impl Setup {
    /// Everything that the table tells apart: with HEAD and without, the whole and parts, at once and bit by bit, at a pace.
    pub fn all() -> Vec<Self> {
        const PARTS: &[Range<u64>] = &[1..3, 4..6];
        let patient = Duration::from_secs(14 * 24 * 60 * 60);
        let whole = Self {
            ranges: &[],
            head: HeadRequest::Never,
            fragment: None,
            rate: None,
            give_up_after: patient,
        };
        let parts = Self { ranges: PARTS, head: HeadRequest::ForRanges, ..whole };
        let setups = [
            whole,
            Self { head: HeadRequest::Always, fragment: Some(5), ..whole },
            parts,
            Self { fragment: Some(3), ..parts },
            Self { head: HeadRequest::Never, fragment: Some(3), ..parts },
            Self { head: HeadRequest::Always, rate: Some(20), ..whole },
            Self { rate: Some(12), ..parts },
        ];
        // Whoever gives up soon does so before most other timers go off, and never at the same time.
        let paced = setups.iter().filter(|setup| setup.is_paced());
        let impatient = paced.map(|&setup| Self { give_up_after: Duration::from_millis(437), ..setup });
        setups.iter().copied().chain(impatient).collect()
    }

    pub fn is_paced(&self) -> bool {
        self.rate.is_some()
    }

    pub fn wants_head(&self) -> bool {
        match self.head {
            HeadRequest::Always => true,
            HeadRequest::ForRanges => !self.ranges.is_empty(),
            _ => false,
        }
    }

    /// How many bytes are wanted.
    pub fn size(&self, length: Option<u64>) -> Option<u64> {
        if self.ranges.is_empty() {
            length
        } else {
            Some(self.ranges.iter().map(|range| range.end - range.start).sum())
        }
    }

    pub fn suits(&self, length: u64) -> bool {
        length <= MAX_LENGTH && self.ranges.iter().all(|range| range.end <= length)
    }

    pub(crate) fn config(&self) -> ConfigBuilder {
        let config = Config::builder()
            .head(self.head)
            .max_size(MAX_LENGTH)
            .max_restarts(u32::MAX)
            .give_up_after(self.give_up_after)
            .rate(self.rate.map(|rate| rate.try_into().unwrap()));
        match self.fragment {
            Some(fragment) => config.fragment_size(fragment),
            None => config,
        }
    }

    pub(crate) fn start(&self, now: Instant) -> Download {
        let ranges = match self.ranges {
            [] => ApplicationRanges::whole(),
            ranges => ApplicationRanges::new(ranges.iter().cloned()).unwrap(),
        };
        let url = "http://server/replies/1".parse().unwrap();
        Download::new(now, url, ranges, self.config().build().unwrap()).unwrap()
    }
}
