//! Intervals between the frames of a cyclic stream: count, extremes, mean, deviation, and the median within 2 %.

/// Buckets per factor of two.
const FINE: u32 = 32;
/// Intervals from 2^37 ns (137 s) on share the last bucket.
const OCTAVES: u32 = 33;
const BUCKETS: usize = (FINE * OCTAVES) as usize;

/// Intervals in nanoseconds. Sums are kept against the first interval, so that they stay small and exact.
#[derive(Clone, Debug, Default)]
pub(super) struct Intervals {
    count: u64,
    min: i64,
    max: i64,
    base: i64,
    sum: i128,
    squares: i128,
    buckets: Vec<u32>,
}

impl Intervals {
    /// Adds an interval of 0 or more. Allocates once, at the second.
    #[inline(always)]
    pub(super) fn push(&mut self, interval: i64) {
        if self.count == 0 {
            (self.min, self.max, self.base) = (interval, interval, interval);
        } else if self.count == 1 {
            self.buckets.resize(BUCKETS, 0);
            self.fill(self.base);
            self.fill(interval);
        } else {
            self.fill(interval);
        }
        self.count += 1;
        self.min = self.min.min(interval);
        self.max = self.max.max(interval);
        let from_base = i128::from(interval - self.base);
        self.sum += from_base;
        self.squares += from_base * from_base;
    }

    #[inline]
    fn fill(&mut self, interval: i64) {
        if let Some(bucket) = self.buckets.get_mut(index_of(interval)) {
            *bucket = bucket.saturating_add(1);
        }
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn min(&self) -> Option<i64> {
        (self.count > 0).then_some(self.min)
    }

    pub(super) fn max(&self) -> Option<i64> {
        (self.count > 0).then_some(self.max)
    }

    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.base as f64 + self.sum as f64 / self.count as f64)
    }

    /// The population's standard deviation.
    pub(super) fn deviation(&self) -> Option<f64> {
        let count = self.count as f64;
        (self.count > 0).then(|| {
            let mean = self.sum as f64 / count;
            (self.squares as f64 / count - mean * mean).max(0.0).sqrt()
        })
    }

    /// The median, within 2 %.
    pub(super) fn median(&self) -> Option<i64> {
        if self.count < 2 {
            return self.min();
        }
        let half = self.count.div_ceil(2);
        let mut before = 0;
        for (index, &held) in self.buckets.iter().enumerate() {
            if before + u64::from(held) >= half {
                let (low, high) = bounds_of(index);
                let inside = i128::from(half - before) * i128::from(high - low) / i128::from(held.max(1));
                let estimate = low.saturating_add(i64::try_from(inside).unwrap_or(0));
                return Some(estimate.clamp(self.min, self.max));
            }
            before += u64::from(held);
        }
        Some(self.max)
    }
}

/// The bucket of an interval: below [`FINE`] nanoseconds one each, above [`FINE`] per factor of two.
#[inline]
fn index_of(interval: i64) -> usize {
    let value = interval.max(0) as u64;
    if value < u64::from(FINE) {
        return value as usize;
    }
    let octave = value.ilog2() - FINE.ilog2();
    let index = (octave + 1) * FINE + (value >> octave) as u32 - FINE;
    (index as usize).min(BUCKETS - 1)
}

/// Where a bucket begins and where the next one does.
fn bounds_of(index: usize) -> (i64, i64) {
    let index = index as u32;
    if index < FINE {
        return (i64::from(index), i64::from(index) + 1);
    }
    let octave = index / FINE - 1;
    let low = i64::from(FINE + index % FINE) << octave;
    (low, low + (1 << octave))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_begin_where_their_bounds_say() {
        for index in 0..BUCKETS {
            let (low, high) = bounds_of(index);
            assert_eq!((index_of(low), index_of(high - 1)), (index, index));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_two_passes(values in prop::collection::vec(0_i64..100_000_000_000, 1..200)) {
            let mut intervals = Intervals::default();
            values.iter().for_each(|&value| intervals.push(value));
            let count = values.len() as f64;
            let mean = values.iter().map(|&v| v as f64).sum::<f64>() / count;
            let variance = values.iter().map(|&v| (v as f64 - mean).powi(2)).sum::<f64>() / count;
            prop_assert!((intervals.mean().unwrap() - mean).abs() <= 1e-9 * mean.max(1.0));
            prop_assert!((intervals.deviation().unwrap() - variance.sqrt()).abs() <= 1e-6 * variance.sqrt().max(1e3));
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let exact = sorted[(sorted.len() - 1) / 2] as f64;
            let median = intervals.median().unwrap() as f64;
            prop_assert!((median - exact).abs() <= exact * 0.04 + 1.0, "{} for {}", median, exact);
            prop_assert_eq!(intervals.min(), sorted.first().copied());
            prop_assert_eq!(intervals.max(), sorted.last().copied());
        }
    }
}
