//! Runs of numbers that are missing.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::Occurrence;

/// Something that happened several times: how often, first and last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    /// How often.
    pub count: u64,
    /// The first time.
    pub first: Occurrence,
    /// The last time.
    pub last: Occurrence,
}

impl Events {
    /// Something that happened once.
    #[must_use]
    pub const fn once(at: Occurrence) -> Self {
        Self { count: 1, first: at, last: at }
    }

    /// Adds that it happened again.
    pub fn push(&mut self, at: Occurrence) {
        self.count += 1;
        self.last = at;
    }
}

/// Numbers in a row that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingRange {
    /// The first that is missing.
    pub first: u64,
    /// The last that is missing, not below `first`.
    pub last: u64,
    /// The packet that showed it.
    pub at: Occurrence,
}

impl MissingRange {
    /// Number of numbers, at least 1.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.last - self.first + 1
    }

    const fn gap(&self) -> Gap {
        Gap { at: self.at, packets: self.count() }
    }
}

/// Runs of missing numbers in ascending order, at most `LIMIT`: beyond that the oldest are forgotten, and their numbers
/// stay missing for good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingRanges<const LIMIT: usize> {
    ranges: Vec<MissingRange>,
    forgotten: Option<Box<Forgotten>>,
}

/// Runs that were forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Forgotten {
    /// The packets that showed them.
    events: Events,
    numbers: u64,
    /// Some of them, in the order in which they were forgotten: see [`Gaps`].
    kept: Gaps,
}

/// A run of numbers that never came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The packet that showed it: the first one behind.
    #[serde(flatten)]
    pub at: Occurrence,
    /// How many numbers are missing.
    pub packets: u64,
}

/// The largest and the latest gaps, in the order of their frames; a bounded number of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps(Vec<Gap>);

impl Gaps {
    /// How many of the latest are kept, and of the largest before them; of equals the earliest.
    pub const EACH: usize = 16;

    /// Adds one behind the others.
    pub fn push(&mut self, gap: Gap) {
        if self.0.capacity() == 0 {
            self.0.reserve_exact(1);
        }
        self.0.push(gap);
        if self.0.len() > 2 * Self::EACH {
            let before = self.0.len() - Self::EACH;
            let earlier = self.0.iter().enumerate().take(before);
            // the latest of the smallest
            let least = earlier.min_by_key(|(place, gap)| (gap.packets, Reverse(*place))).map(|(place, _)| place);
            least.map(|place| self.0.remove(place));
        }
    }

    /// Those that are kept.
    #[must_use]
    pub fn into_list(self) -> Vec<Gap> {
        self.0
    }
}

impl<const LIMIT: usize> MissingRanges<LIMIT> {
    /// Adds a run behind all others.
    pub(super) fn push(&mut self, range: MissingRange) {
        // most streams that lose at all lose once
        if self.ranges.capacity() == 0 {
            self.ranges.reserve_exact(1);
        }
        self.ranges.push(range);
        self.keep_limit();
    }

    /// Adds a run before all others.
    pub(super) fn push_before(&mut self, range: MissingRange) {
        self.ranges.insert(0, range);
        self.keep_limit();
    }

    /// Counts a run whose numbers can't come late.
    pub(super) fn push_forgotten(&mut self, range: MissingRange) {
        match &mut self.forgotten {
            Some(forgotten) => {
                forgotten.events.push(range.at);
                forgotten.kept.push(range.gap());
                forgotten.numbers = forgotten.numbers.saturating_add(range.count());
            }
            None => {
                let (events, mut kept) = (Events::once(range.at), Gaps::default());
                kept.push(range.gap());
                self.forgotten = Some(Box::new(Forgotten { events, numbers: range.count(), kept }));
            }
        }
    }

    /// Takes a number out; returns whether it was missing. Time goes with the number of runs behind it.
    pub(super) fn take(&mut self, number: u64) -> bool {
        let Some(index) = self.index_of(number) else { return false };
        let range = self.ranges[index];
        let (before, after) = (number - range.first, range.last - number);
        if before == 0 && after == 0 {
            self.ranges.remove(index);
        } else if before == 0 {
            self.ranges[index].first = number + 1;
        } else {
            self.ranges[index].last = number - 1;
            if after > 0 {
                self.ranges.insert(index + 1, MissingRange { first: number + 1, ..range });
                self.keep_limit();
            }
        }
        true
    }

    /// Forgets all runs.
    pub(super) fn forget_all(&mut self) {
        for range in std::mem::take(&mut self.ranges) {
            self.push_forgotten(range);
        }
    }

    fn keep_limit(&mut self) {
        if self.ranges.len() > LIMIT {
            let oldest = self.ranges.remove(0);
            self.push_forgotten(oldest);
        }
    }

    fn index_of(&self, number: u64) -> Option<usize> {
        let index = self.ranges.partition_point(|range| range.last < number);
        self.ranges.get(index).is_some_and(|range| range.first <= number).then_some(index)
    }

    /// The packet that showed a number to be missing; `None` where it is not, or is forgotten.
    #[must_use]
    pub fn shown_by(&self, number: u64) -> Option<Occurrence> {
        Some(self.ranges.get(self.index_of(number)?)?.at)
    }

    /// Whether a number is known to be missing.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        self.index_of(number).is_some()
    }

    /// The runs that are kept, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = &MissingRange> {
        self.ranges.iter()
    }

    /// Number of numbers in runs that were forgotten.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten.as_ref().map_or(0, |forgotten| forgotten.numbers)
    }

    /// The largest and the latest gaps.
    #[must_use]
    pub fn listed(&self) -> Gaps {
        let mut gaps = self.forgotten.as_ref().map(|forgotten| forgotten.kept.clone()).unwrap_or_default();
        self.ranges.iter().for_each(|range| gaps.push(range.gap()));
        gaps
    }

    /// The longest run, of equals the earliest; `None` where nothing is missing.
    #[must_use]
    pub fn longest(&self) -> Option<Gap> {
        let kept = self.forgotten.iter().flat_map(|forgotten| forgotten.kept.0.iter().copied());
        let gaps = kept.chain(self.ranges.iter().map(MissingRange::gap));
        gaps.reduce(|longest, gap| if gap.packets > longest.packets { gap } else { longest })
    }

    /// How many runs are missing, and the packets that showed the first and the last; `None` where nothing is. A run of which a
    /// number in the middle came late is two.
    #[must_use]
    pub fn gaps(&self) -> Option<Events> {
        let forgotten = self.forgotten.as_ref().map(|forgotten| forgotten.events);
        let first = forgotten.map(|events| events.first).or_else(|| self.ranges.first().map(|range| range.at))?;
        let last = self.ranges.last().map(|range| range.at).or_else(|| forgotten.map(|events| events.last))?;
        let count = forgotten.map_or(0, |events| events.count) + self.ranges.len() as u64;
        Some(Events { count, first, last })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn at(frame: u64) -> Occurrence {
        Occurrence { frame, time: None }
    }

    #[test]
    fn the_largest_and_the_latest_gaps_are_listed() {
        let mut gaps = Gaps::default();
        for frame in 1..=1_000 {
            gaps.push(Gap { at: at(frame), packets: if frame.is_multiple_of(100) { frame } else { 1 } });
        }
        let listed: Vec<_> = gaps.into_list().iter().map(|gap| gap.at.frame).collect();
        let largest = (1..=7).chain((1..=9).map(|hundreds| hundreds * 100)).chain(985..=1_000);
        assert_eq!(listed.len(), 2 * Gaps::EACH);
        assert_eq!(listed, largest.collect::<Vec<_>>());
    }

    proptest! {
        /// Kept and forgotten numbers are those of a plain set, whatever is added and taken.
        #[test]
        fn agree_with_a_set(runs in proptest::collection::vec((1_u64..4, 1_u64..6), 0..12), taken in proptest::collection::vec(0_u64..80, 0..40)) {
            let (mut ranges, mut set, mut next) = (MissingRanges::<4>::default(), BTreeSet::new(), 10);
            for (frame, (apart, count)) in (1..).zip(runs) {
                let (first, last) = (next + apart, next + apart + count - 1);
                ranges.push(MissingRange { first, last, at: at(frame) });
                set.extend(first..=last);
                next = last + 1;
            }
            ranges.push_before(MissingRange { first: 2, last: 3, at: at(99) });
            set.extend([2, 3]);
            let mut found = 0;
            for number in taken {
                prop_assert_eq!(ranges.contains(number), ranges.iter().any(|range| (range.first..=range.last).contains(&number)));
                if ranges.take(number) {
                    prop_assert!(set.remove(&number), "{} was not missing", number);
                    found += 1;
                }
                prop_assert!(!ranges.contains(number));
            }
            let kept: Vec<u64> = ranges.iter().flat_map(|range| range.first..=range.last).collect();
            prop_assert!(kept.is_sorted() && kept.iter().all(|number| set.contains(number)));
            prop_assert_eq!(kept.len() as u64 + ranges.forgotten(), set.len() as u64);
            prop_assert!(ranges.iter().count() <= 4 && found <= 80);
            prop_assert_eq!(ranges.gaps().is_some(), !set.is_empty());
            prop_assert!(ranges.gaps().is_none_or(|gaps| gaps.count >= ranges.iter().count() as u64));
        }
    }
}
