//! The last minute of rows that are looked at, a value a second of capture time.

use std::collections::{HashMap, VecDeque};

use streamlens_model::Timestamp;
use streamlens_model::row::{FlowId, Row, RowId, RowTable};

/// Seconds that are kept.
pub(crate) const SECONDS: usize = 300;
/// Rows of which they are kept: those looked at longest ago go first.
const MOST_ROWS: usize = 1024;

/// What a row came to in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    pub(crate) bit_rate: Option<f64>,
    pub(crate) mean_ns: Option<f64>,
    pub(crate) jitter_ns: Option<f64>,
    pub(crate) lost: Option<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    samples: VecDeque<Sample>,
    seen: u64,
    /// Lost at the last sample, all in all.
    lost: Option<u64>,
    /// The sum of the intervals at the last sample, and how many.
    intervals: (f64, u64),
}

/// The last minutes of rows.
#[derive(Debug, Default)]
pub(crate) struct History {
    rows: HashMap<RowId, Kept>,
    /// The second that was sampled last.
    second: Option<i64>,
    samples: u64,
}

impl History {
    /// Looks after these rows from now on.
    pub(crate) fn watch(&mut self, rows: impl Iterator<Item = RowId>) {
        for id in rows {
            self.rows.entry(id).or_default().seen = self.samples;
        }
        if self.rows.len() > MOST_ROWS {
            let mut seen: Vec<u64> = self.rows.values().map(|kept| kept.seen).collect();
            seen.sort_unstable();
            let least = seen.get(self.rows.len() - MOST_ROWS).copied().unwrap_or(0);
            self.rows.retain(|_, kept| kept.seen >= least);
        }
    }

    /// Whether a second has passed since values were taken.
    pub(crate) fn is_due(&self, now: Option<Timestamp>) -> bool {
        let second = now.map(|now| now.as_nanos().div_euclid(1_000_000_000));
        second.is_some() && self.second.is_none_or(|last| second > Some(last))
    }

    /// The flows that are looked after.
    pub(crate) fn flows(&self) -> impl Iterator<Item = FlowId> {
        self.rows.keys().map(|id| id.flow)
    }

    /// Takes a value of each row where a second has passed.
    pub(crate) fn sample(&mut self, now: Option<Timestamp>, table: &RowTable) {
        let Some(second) = now.map(|now| now.as_nanos().div_euclid(1_000_000_000)) else { return };
        let passed = match self.second {
            Some(last) if second > last => usize::try_from(second - last).unwrap_or(SECONDS).min(SECONDS),
            Some(_) => return,
            None => 1,
        };
        self.second = Some(second);
        self.samples += 1;
        self.rows.retain(|id, kept| {
            let Some((row, _)) = table.rows.get(id) else { return false };
            // seconds without a look are those of a silence
            (1..passed).for_each(|_| kept.push(Sample::default()));
            kept.take(row);
            true
        });
    }

    /// The samples of a row, the newest last; none where it has not been looked after.
    pub(crate) fn of(&self, id: RowId) -> impl DoubleEndedIterator<Item = &Sample> + ExactSizeIterator {
        const NONE: &VecDeque<Sample> = &VecDeque::new();
        self.rows.get(&id).map_or(NONE, |kept| &kept.samples).iter()
    }

    /// Nothing is known any more.
    pub(crate) fn clear(&mut self) {
        (self.rows, self.second) = (HashMap::new(), None);
    }
}

impl Kept {
    fn take(&mut self, row: &Row) {
        let lost = row.health.lost;
        let more = lost.zip(self.lost).map(|(lost, before)| lost.saturating_sub(before));
        let (sum, count) = (row.timing.mean_ns.unwrap_or(0.0) * row.timing.count as f64, row.timing.count);
        let (sum_before, count_before) = self.intervals;
        // of the intervals that came since
        let mean = (count > count_before && count_before > 0)
            .then(|| (sum - sum_before).max(0.0) / (count - count_before) as f64);
        self.push(Sample { bit_rate: row.bit_rate, mean_ns: mean, jitter_ns: row.timing.jitter_ns, lost: more });
        (self.lost, self.intervals) = (lost, (sum, count));
    }

    fn push(&mut self, sample: Sample) {
        if self.samples.len() >= SECONDS {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_one_value_and_rows_are_bounded() {
        let mut table = RowTable::default();
        let id = RowId::default();
        table.rows.insert(id, (Row { id, bit_rate: Some(5.0), ..Row::default() }, None));
        let mut history = History::default();
        history.watch([id].into_iter());
        for tenth in 0..25 {
            history.sample(Some(Timestamp::from_nanos(tenth * 100_000_000)), &table);
        }
        assert_eq!(history.of(id).map(|sample| sample.bit_rate).collect::<Vec<_>>(), [Some(5.0); 3]);
        history.sample(Some(Timestamp::from_nanos(5_000_000_000)), &table);
        assert_eq!(history.of(id).len(), 6);
        history.sample(Some(Timestamp::from_nanos(1 << 62)), &table);
        assert_eq!(history.of(id).len(), SECONDS);
        for transport in 0..3000 {
            history.samples += 1;
            history.watch([RowId { transport, ..id }].into_iter());
        }
        assert_eq!(history.rows.len(), MOST_ROWS);
    }
}
