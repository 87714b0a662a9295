//! Count, extremes and mean of signed numbers.

/// Count, minimum, mean and maximum of signed numbers, such as differences of times in nanoseconds.
///
/// All are exact, the mean but for its division. Without numbers none but the count is defined.
///
/// ```
/// use streamlens_model::stats::Summary;
/// let mut offsets = Summary::default();
/// [-3, 5, 10].into_iter().for_each(|offset| offsets.push(offset));
/// assert_eq!((offsets.min(), offsets.mean(), offsets.max()), (Some(-3), Some(4.0), Some(10)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    count: u64,
    /// Without numbers above all of them, and `max` below.
    min: i64,
    max: i64,
    sum: i128,
}

impl Default for Summary {
    fn default() -> Self {
        Self { count: 0, min: i64::MAX, max: i64::MIN, sum: 0 }
    }
}

impl Summary {
    /// Adds a number.
    #[inline(always)]
    pub fn push(&mut self, value: i64) {
        self.count += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += i128::from(value);
    }

    /// Adds the numbers of another one.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
    }

    /// Number of numbers.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The lowest; `None` without any.
    #[must_use]
    pub fn min(&self) -> Option<i64> {
        (self.count > 0).then_some(self.min)
    }

    /// The highest; `None` without any.
    #[must_use]
    pub fn max(&self) -> Option<i64> {
        (self.count > 0).then_some(self.max)
    }

    /// The sum of all.
    #[must_use]
    pub const fn sum(&self) -> i128 {
        self.sum
    }

    /// The mean; `None` without any.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn summary(values: &[i64]) -> Summary {
        let mut summary = Summary::default();
        values.iter().for_each(|&value| summary.push(value));
        summary
    }

    proptest! {
        #[test]
        fn agrees_with_two_passes(values in proptest::collection::vec(any::<i64>(), 0..50), cut in 0_usize..50) {
            let whole = summary(&values);
            let (first, later) = values.split_at(cut.min(values.len()));
            let mut merged = summary(first);
            merged.merge(&summary(later));
            prop_assert_eq!(merged, whole);
            prop_assert_eq!((whole.min(), whole.max()), (values.iter().min().copied(), values.iter().max().copied()));
            prop_assert_eq!(whole.count(), values.len() as u64);
            let sum: i128 = values.iter().map(|&value| i128::from(value)).sum();
            prop_assert_eq!(whole.sum(), sum);
            let mean = (!values.is_empty()).then(|| sum as f64 / values.len() as f64);
            prop_assert_eq!(whole.mean(), mean);
        }
    }
}
