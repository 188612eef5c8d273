//! The next request that is due to a download, by the rules of MC-BUP and by its pace.

use std::ops::Range;

use bits_proto::download::transitions::Place;

use super::Scene;

impl Scene {
    /// How many bytes a GET asks for.
    pub(super) fn asked(&self, ranges: &[Range<u64>]) -> u64 {
        match ranges {
            [] => self.download.entity_size().unwrap_or(u64::MAX),
            ranges => ranges.iter().map(|range| range.end - range.start).sum(),
        }
    }

    /// Where that leads which is due (§3.6.5.2.4).
    pub(super) fn due(&self) -> Place {
        let length = self.download.entity_size();
        let size = self.setup.size(length);
        if size == Some(self.received) {
            Place::Completed
        } else if length.is_some_and(|length| !self.setup.suits(length)) {
            Place::Failed
        } else if self.head_due {
            Place::Measuring
        } else if !self.pace.owes(self.now).is_zero() {
            Place::Pacing
        } else if self.asks_for_several() {
            Place::AskingSeveral
        } else {
            Place::Asking
        }
    }

    /// Whether what is due is in several ranges (§3.6.5.2.4.3).
    fn asks_for_several(&self) -> bool {
        let size = self.setup.fragment.unwrap_or(u64::MAX).min(self.pace.largest());
        let window = self.received..self.received.saturating_add(size);
        let mut offset = 0;
        let chosen = self.setup.ranges.iter().filter(|range| {
            let (first, end) = (offset, offset + range.end - range.start);
            offset = end;
            first < window.end && window.start < end
        });
        !self.single_ranges_only && chosen.count() > 1
    }
}
