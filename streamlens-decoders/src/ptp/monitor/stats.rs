//! Small accumulators: figures in integer nanoseconds, and the slope of one clock against another.

use streamlens_model::Value;
use streamlens_model::stats::{Line, Summary};
use streamlens_model::words::Span;

use crate::nanos;

/// Count, minimum, mean, maximum and last of a series of nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Series {
    summary: Summary,
    last: i64,
}

impl Series {
    pub(super) fn push(&mut self, value: i64) {
        self.summary.push(value);
        self.last = value;
    }

    pub(super) const fn count(&self) -> u64 {
        self.summary.count()
    }

    pub(super) fn min(&self) -> Option<i64> {
        self.summary.min()
    }

    pub(super) fn mean(&self) -> Option<f64> {
        self.summary.mean()
    }

    /// The figures by name; `None` where there is no value.
    pub(super) fn to_value(self) -> Option<Value> {
        let (min, mean, max) = (self.summary.min()?, self.summary.mean()?, self.summary.max()?);
        Some(Value::map([
            ("count", Value::Unsigned(self.summary.count())),
            ("min_ns", Value::Signed(min)),
            ("mean_ns", Value::Float(mean)),
            ("max_ns", Value::Signed(max)),
            ("last_ns", Value::Signed(self.last)),
        ]))
    }
}

/// The slope of differences over time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slope {
    origin: Option<(i64, i64)>,
    line: Line,
    last_x: f64,
}

impl Slope {
    /// Notes a difference at an instant, both in nanoseconds.
    pub(super) fn push(&mut self, at: i64, difference: i64) {
        let (x0, y0) = *self.origin.get_or_insert((at, difference));
        let (x, y) = (nanos::saturating_difference(at, x0) as f64, nanos::saturating_difference(difference, y0) as f64);
        self.line.push(x, y);
        self.last_x = x;
    }

    /// Parts per million; `None` below 8 values or 2 seconds, where the scatter of single values drowns it.
    pub(super) fn ppm(&self) -> Option<f64> {
        let slope = self.line.slope()?.value * 1e6;
        (self.line.count() >= 8 && self.last_x >= 2e9).then_some(slope)
    }
}

/// 2 to the power of `log` seconds, in nanoseconds; `None` outside of what intervals can be.
pub(super) fn interval_ns(log: i8) -> Option<i64> {
    match log {
        0..=22 => Some(1_000_000_000_i64 << log),
        -20..=-1 => Some(1_000_000_000_i64 >> -log),
        _ => None,
    }
}

/// Nanoseconds in a unit that reads well: `1.500 ms`.
pub(super) fn readable(nanos: i64) -> String {
    Span(nanos).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn slope_finds_the_rate_of_a_line(ppm in -500_i64..500, offset in any::<i32>()) {
            let mut slope = Slope::default();
            (0..20_i64).for_each(|i| slope.push(i * 1_000_000_000, i64::from(offset) + i * ppm * 1000));
            prop_assert!((slope.ppm().unwrap() - ppm as f64).abs() < 1e-6);
        }
    }

    #[test]
    fn intervals_cover_what_profiles_use_and_refuse_the_unknown() {
        assert_eq!(interval_ns(-7), Some(7_812_500));
        assert_eq!(interval_ns(4), Some(16_000_000_000));
        assert_eq!(interval_ns(127), None);
    }
}
