//! The order of the flows of a report.

use std::cmp::Ordering;

use streamlens_model::{Endpoint, FlowKey, Timestamp};

pub(super) use streamlens_model::row::mean_bit_rate as bit_rate;

use super::Report;
use crate::deferred::store::{FlowFigures, FlowHandle};
use crate::options::FlowOrder;
use crate::workers::sort;

/// Flows: every flow of a million is asked whether it is in there.
pub(super) type FlowSet = hashbrown::HashSet<FlowHandle, foldhash::fast::RandomState>;

/// A flow, and two numbers that decide on its place in nearly all cases. There may be a million.
#[derive(Clone, Copy, Debug)]
pub(super) struct SortRow {
    pub(super) handle: FlowHandle,
    /// What was asked for, the least first.
    rank: u64,
    first_seen: u64,
}

impl SortRow {
    pub(super) fn new(handle: FlowHandle, figures: &FlowFigures, order: FlowOrder) -> Self {
        let FlowFigures { first_seen, last_seen, packets, bytes, .. } = *figures;
        let rank = match order {
            FlowOrder::FirstSeen | FlowOrder::Source | FlowOrder::Destination => 0,
            FlowOrder::LastSeen => rank_of_time(last_seen),
            FlowOrder::Frames => !packets,
            FlowOrder::Bytes => !bytes,
            // rates are positive: they are in the order of their bits
            FlowOrder::BitRate => {
                bit_rate(first_seen, last_seen, packets, bytes).map_or(u64::MAX, |rate| u64::MAX - 1 - rate.to_bits())
            }
        };
        Self { handle, rank, first_seen: rank_of_time(first_seen) }
    }

    /// Both numbers as one, which is fastest to compare.
    fn numbers(&self) -> u128 {
        u128::from(self.rank) << 64 | u128::from(self.first_seen)
    }
}

/// A number in the order of time; what has none comes last. The last two nanoseconds of all are one.
fn rank_of_time(time: Option<Timestamp>) -> u64 {
    time.map_or(u64::MAX, |time| (time.as_nanos().cast_unsigned() ^ 1 << 63).min(u64::MAX - 1))
}

impl Report<'_> {
    /// The flows of the rows that are asked for: by what was asked for, then by the time they were first seen, then by key.
    pub(super) fn sorted(&self, rows: Vec<SortRow>) -> Vec<FlowHandle> {
        let by_ends = |ends: fn(&FlowKey) -> [Endpoint; 2]| {
            move |a: &SortRow, b: &SortRow| {
                let [a_key, b_key] = [a, b].map(|row| self.store.key(row.handle));
                ends(&a_key).cmp(&ends(&b_key)).then(a.numbers().cmp(&b.numbers())).then_with(|| a_key.cmp(&b_key))
            }
        };
        let by_numbers = |a: &SortRow, b: &SortRow| {
            let keys = || self.store.key(a.handle).cmp(&self.store.key(b.handle));
            a.numbers().cmp(&b.numbers()).then_with(keys)
        };
        let rows = match self.selection.order {
            FlowOrder::Source => self.sorted_by(rows, by_ends(|key| [key.src, key.dst])),
            FlowOrder::Destination => self.sorted_by(rows, by_ends(|key| [key.dst, key.src])),
            _ => self.sorted_by(rows, by_numbers),
        };
        rows.into_iter().map(|row| row.handle).collect()
    }

    fn sorted_by(
        &self,
        mut rows: Vec<SortRow>,
        compare: impl Fn(&SortRow, &SortRow) -> Ordering + Sync,
    ) -> Vec<SortRow> {
        if let Some(top) = self.selection.top
            && let Some(last) = top.checked_sub(1).filter(|last| *last < rows.len())
        {
            rows.select_nth_unstable_by(last, &compare);
        }
        rows.truncate(self.selection.top.unwrap_or(usize::MAX));
        sort(self.state.threads, &mut rows, compare);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_undefined_comes_last() {
        let handle = FlowHandle::from_bits(0);
        let figures = |first: Option<i64>, last: Option<i64>, packets| FlowFigures {
            first_seen: first.map(Timestamp::from_nanos),
            last_seen: last.map(Timestamp::from_nanos),
            packets,
            bytes: 1000,
        };
        let rank = |of: FlowFigures, order| SortRow::new(handle, &of, order).rank;
        let by_rate = [figures(Some(0), Some(1), 9), figures(Some(0), Some(9), 9), figures(Some(0), Some(9), 1)];
        assert!(by_rate.map(|of| rank(of, FlowOrder::BitRate)).is_sorted_by(|a, b| a < b));
        let by_time =
            [figures(None, Some(-5), 1), figures(None, Some(0), 2), figures(None, Some(7), 3), figures(None, None, 4)];
        assert!(by_time.map(|of| rank(of, FlowOrder::LastSeen)).is_sorted_by(|a, b| a < b));
        assert!(by_time.map(|of| rank(of, FlowOrder::Frames)).is_sorted_by(|a, b| a > b));
        assert_eq!(by_time.map(|of| SortRow::new(handle, &of, FlowOrder::Bytes).first_seen), [u64::MAX; 4]);
    }
}
