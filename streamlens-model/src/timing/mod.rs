//! Statistics of inter-arrival times.

use serde::{Deserialize, Serialize};

use crate::row::RowTiming;
use crate::stats::{Bucket, LogHistogram};
use crate::{Occurrence, Timestamp};

/// Intervals of which frame and time are kept; until there are more, every figure is exact.
const KEPT: usize = 8;
/// Half of them, the shortest and the longest each, are kept once there are more.
const HALF: usize = KEPT / 2;

/// Statistics over the inter-arrival times of consecutive packets, in bounded memory.
///
/// Count, sum and sum of squares are integers, so mean and deviation are exact but for the last division. Percentiles
/// are exact up to eight intervals and from then on taken from a [`LogHistogram`] by
/// nearest rank, with a relative error below 0.79 %.
///
/// It weighs 160 bytes, and on the heap 192 bytes from the second packet on and, from the tenth on, 66 bytes for every
/// eight neighbouring buckets that hold an interval: a steady stream 0.6 KiB in all, the worst 31 KiB.
///
/// ```
/// use streamlens_model::{Timestamp, TimingStatistics};
/// let mut timing = TimingStatistics::default();
/// for (frame, ms) in [(1, 0), (2, 10), (3, 30)] {
///     timing.push(Some(Timestamp::from_nanos(ms * 1_000_000)), frame);
/// }
/// let summary = timing.summary(3.0);
/// assert_eq!((summary.count, summary.min_ns, summary.mean_ns), (2, Some(10_000_000), Some(15_000_000.0)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct TimingStatistics {
    sum: u128,
    sum_of_squares: u128,
    count: u64,
    /// Once there is a histogram: intervals from here to `longest_from` are not among those that are kept.
    shortest_to: u64,
    longest_from: u64,
    jitter: f64,
    previous_interval: u64,
    first: Option<Edge>,
    last: i64,
    /// Steps backwards, where there were any: without, the earliest time is the first and the latest the last.
    backwards: Option<Box<Backwards>>,
    /// All intervals; once there is a histogram, the shortest in ascending order, then the longest in descending order.
    kept: Vec<Interval>,
    histogram: Option<Box<LogHistogram>>,
}

/// Steps backwards, and the times around them.
#[derive(Clone, Copy, Debug)]
struct Backwards {
    count: u64,
    /// Of the packets on either side of the steps, and the first.
    earliest: i64,
    latest: i64,
}

#[derive(Clone, Copy, Debug)]
struct Edge {
    time: i64,
    frame: u64,
}

#[derive(Clone, Copy, Debug)]
struct Interval {
    length: u64,
    frame: u64,
    time: i64,
}

impl TimingStatistics {
    /// Records a packet at its capture time. A packet without a time is passed over; one earlier than its
    /// predecessor counts as a step backwards and makes no interval.
    #[inline]
    pub fn push(&mut self, time: Option<Timestamp>, frame: u64) {
        let Some(time) = time.map(Timestamp::as_nanos) else { return };
        let last = std::mem::replace(&mut self.last, time);
        if self.first.is_none() {
            self.first = Some(Edge { time, frame });
        } else if time < last {
            self.step_back(last, time, 1);
        } else {
            self.add(time.abs_diff(last), frame, time);
        }
    }

    /// Takes steps backwards, between packets of these times.
    #[cold]
    fn step_back(&mut self, latest: i64, earliest: i64, count: u64) {
        let first = self.first.map_or(earliest, |first| first.time);
        let known = self.backwards.get_or_insert_with(|| Box::new(Backwards { count: 0, earliest: first, latest }));
        known.count += count;
        (known.earliest, known.latest) = (known.earliest.min(earliest), known.latest.max(latest));
    }

    /// The time from the earliest to the latest packet in nanoseconds; `None` without a packet that has a time. It is the sum of
    /// the intervals where times never run backwards.
    #[must_use]
    pub fn span_ns(&self) -> Option<u64> {
        let first = self.first?.time;
        let (earliest, latest) = self.backwards.as_ref().map_or((first, first), |steps| (steps.earliest, steps.latest));
        Some(latest.max(self.last).abs_diff(earliest))
    }

    /// Takes an interval of this length, which this frame ended at this time.
    #[inline]
    fn add(&mut self, length: u64, frame: u64, time: i64) {
        if self.count > 0 {
            self.jitter += (difference(length, self.previous_interval) - self.jitter) * (1.0 / 16.0);
        }
        self.previous_interval = length;
        self.count += 1;
        // so many intervals that this could overflow can't be counted
        self.sum += u128::from(length);
        self.sum_of_squares = self.sum_of_squares.saturating_add(u128::from(length) * u128::from(length));
        match &mut self.histogram {
            Some(histogram) if (self.shortest_to..=self.longest_from).contains(&length) => histogram.add(length),
            _ => self.keep(Interval { length, frame, time }),
        }
    }

    /// Keeps an interval for the percentiles, and among the shortest and longest where it is one of them.
    #[inline(never)]
    fn keep(&mut self, interval: Interval) {
        match &mut self.histogram {
            Some(histogram) => {
                histogram.add(interval.length);
                self.keep_extreme(interval);
            }
            None => self.keep_first(interval),
        }
    }

    /// Keeps one of the first intervals; where there are more than are kept, the histogram begins.
    fn keep_first(&mut self, interval: Interval) {
        if self.kept.len() < KEPT {
            if self.kept.len() == self.kept.capacity() {
                self.kept.reserve_exact(HALF);
            }
            self.kept.push(interval);
            return;
        }
        let mut histogram = Box::<LogHistogram>::default();
        self.kept.iter().for_each(|kept| histogram.add(kept.length));
        histogram.add(interval.length);
        self.histogram = Some(histogram);
        self.kept.sort_by_key(|kept| (kept.length, kept.frame));
        self.kept[HALF..].reverse();
        self.keep_extreme(interval);
    }

    /// Takes an interval among the shortest or the longest, where it is one of them.
    fn keep_extreme(&mut self, interval: Interval) {
        if let Some(shortest) = self.kept.get_mut(..HALF) {
            if shortest[HALF - 1].length > interval.length {
                let place = shortest.partition_point(|kept| kept.length <= interval.length);
                shortest[place..].rotate_right(1);
                shortest[place] = interval;
            }
            self.shortest_to = shortest[HALF - 1].length;
        }
        if let Some(longest) = self.kept.get_mut(HALF..KEPT) {
            if longest[HALF - 1].length < interval.length {
                let place = longest.partition_point(|kept| kept.length >= interval.length);
                longest[place..].rotate_right(1);
                longest[place] = interval;
            }
            self.longest_from = longest[HALF - 1].length;
        }
    }

    /// The shortest and the longest interval.
    fn range(&self) -> Option<(u64, u64)> {
        let lengths = self.kept.iter().map(|kept| kept.length);
        lengths.clone().min().zip(lengths.max())
    }

    /// Adds the packets of `later`, as if they had been pushed after these. Where the times of the two follow each
    /// other, the interval between them counts as well; where they overlap, it is the intervals of both and no more.
    pub fn merge(&mut self, later: &Self) {
        let Some(first) = later.first else { return };
        if self.first.is_none() {
            *self = later.clone();
            return;
        }
        if first.time >= self.last {
            self.push(Some(Timestamp::from_nanos(first.time)), first.frame);
        }
        if first.time < self.last {
            // the two overlap: neither the beginning of the one nor the end of the other need be an end of both
            self.step_back(self.last, first.time, 0);
        }
        if let Some(steps) = &later.backwards {
            self.step_back(steps.latest, steps.earliest, steps.count);
        }
        self.last = later.last;
        if later.count == 0 {
            return;
        }
        self.jitter = later.jitter;
        self.previous_interval = later.previous_interval;
        self.count += later.count;
        self.sum += later.sum;
        self.sum_of_squares = self.sum_of_squares.saturating_add(later.sum_of_squares);
        if let Some(histogram) = &later.histogram {
            let mine = self.histogram.get_or_insert_with(|| {
                let mut mine = Box::<LogHistogram>::default();
                self.kept.iter().for_each(|kept| mine.add(kept.length));
                mine
            });
            mine.merge(histogram);
            let mut all = std::mem::take(&mut self.kept);
            all.extend_from_slice(&later.kept);
            all.sort_by_key(|kept| (kept.length, kept.frame));
            let longest = all.split_off(all.len() - HALF.min(all.len()));
            all.truncate(HALF);
            all.extend(longest.into_iter().rev());
            (self.shortest_to, self.longest_from) = (all[HALF - 1].length, all[KEPT - 1].length);
            self.kept = all;
        } else {
            later.kept.iter().for_each(|&interval| self.keep(interval));
        }
    }

    /// Number of intervals.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How often the time ran backwards.
    #[must_use]
    pub fn backwards(&self) -> u64 {
        self.backwards.as_ref().map_or(0, |steps| steps.count)
    }

    /// The mean interval in nanoseconds; `None` without intervals.
    #[must_use]
    pub fn mean_ns(&self) -> Option<f64> {
        (self.count > 0).then(|| quotient(self.sum, self.count))
    }

    /// The longest interval in nanoseconds with the packet that ended it; `None` without intervals.
    #[must_use]
    pub fn longest(&self) -> Option<(u64, Occurrence)> {
        let longest = self.kept.iter().max_by_key(|kept| (kept.length, std::cmp::Reverse(kept.frame)))?;
        Some((longest.length, longest.at()))
    }

    /// RFC 3550 §6.4.1 filter over the differences of consecutive intervals, in nanoseconds; `None` below two.
    #[must_use]
    pub fn jitter_ns(&self) -> Option<f64> {
        (self.count > 1).then_some(self.jitter)
    }

    /// Standard deviation of the population in nanoseconds; `None` without intervals.
    #[must_use]
    pub fn std_dev_ns(&self) -> Option<f64> {
        let count = u128::from(self.count);
        if count == 0 {
            return None;
        }
        let exact = self.sum_of_squares.checked_mul(count).zip(self.sum.checked_mul(self.sum));
        let variance = match exact {
            Some((squares, square)) => squares.saturating_sub(square) as f64 / (count as f64 * count as f64),
            None => {
                let mean = self.sum as f64 / count as f64;
                (self.sum_of_squares as f64 / count as f64 - mean * mean).max(0.0)
            }
        };
        Some(variance.sqrt())
    }

    /// The intervals by their length, in ascending order of the buckets: each length for itself up to eight intervals, from then
    /// on in buckets at most 1/64 of their lower end wide.
    #[must_use]
    pub fn buckets(&self) -> Vec<(Bucket, u64)> {
        if let Some(histogram) = &self.histogram {
            return histogram.iter().collect();
        }
        let mut buckets: Vec<(Bucket, u64)> =
            self.kept.iter().map(|kept| (Bucket { low: kept.length, high: kept.length }, 1)).collect();
        buckets.sort_by_key(|(bucket, _)| bucket.low);
        buckets.dedup_by(|next, known| {
            let is_same = next.0 == known.0;
            known.1 += if is_same { next.1 } else { 0 };
            is_same
        });
        buckets
    }

    /// The figures that cost no walk through the histogram: all but percentiles and outliers.
    #[must_use]
    pub fn figures(&self) -> RowTiming {
        let (min_ns, max_ns) = self.range().unzip();
        RowTiming {
            count: self.count,
            min_ns,
            max_ns,
            mean_ns: self.mean_ns(),
            std_dev_ns: self.std_dev_ns(),
            jitter_ns: self.jitter_ns(),
            backwards: self.backwards(),
            ..RowTiming::default()
        }
    }

    /// All figures. Intervals more than `k` standard deviations from the mean are outliers.
    #[must_use]
    pub fn summary(&self, k: f64) -> TimingSummary {
        let mut summary = TimingSummary { count: self.count, backwards: self.backwards(), ..TimingSummary::default() };
        let edge = |first: Edge| Occurrence { frame: first.frame, time: Some(Timestamp::from_nanos(first.time)) };
        summary.first = self.first.map(edge);
        summary.span_ns = self.span_ns().filter(|_| self.backwards.is_some());
        let (Some(mean), Some(deviation)) = (self.mean_ns(), self.std_dev_ns()) else { return summary };
        let quantiles = match &self.histogram {
            None => self.exact_quantiles(),
            Some(histogram) => [0.5, 0.95, 0.99].map(|part| histogram.quantile(part).map_or(0, Bucket::middle)),
        };
        let Some((min, max)) = self.range() else { return summary };
        [summary.p50_ns, summary.p95_ns, summary.p99_ns] = quantiles.map(|value| Some(value.clamp(min, max)));
        (summary.min_ns, summary.max_ns) = (Some(min), Some(max));
        (summary.mean_ns, summary.std_dev_ns, summary.jitter_ns) = (Some(mean), Some(deviation), self.jitter_ns());
        let is_outlier = |length: u64| (length as f64 - mean).abs() > k * deviation;
        let mut worst: Vec<Interval> = self.kept.iter().copied().filter(|kept| is_outlier(kept.length)).collect();
        worst.sort_by(|a, b| {
            let distance = |of: &Interval| (of.length as f64 - mean).abs();
            distance(b).total_cmp(&distance(a)).then(a.frame.cmp(&b.frame))
        });
        let counted = match &self.histogram {
            None => worst.len() as u64,
            Some(histogram) => {
                // A bucket of even intervals is often wider than they scatter: what lies in it is an outlier for certain only
                // where all of it is, or where the interval itself was kept.
                let limit = k * deviation;
                let is_beyond = |bucket: &Bucket| bucket.low as f64 - mean > limit || mean - bucket.high as f64 > limit;
                let beyond: u64 =
                    histogram.iter().filter(|(bucket, _)| is_beyond(bucket)).map(|(_, count)| count).sum();
                let kept = worst.iter().filter(|kept| !is_beyond(&<LogHistogram>::bucket_of(kept.length))).count();
                beyond + kept as u64
            }
        };
        worst.truncate(HALF);
        let worst = worst.iter().map(|kept| Outlier { interval_ns: kept.length, at: kept.at() }).collect();
        summary.outliers = Some(Outliers { count: counted, worst });
        summary
    }

    fn exact_quantiles(&self) -> [u64; 3] {
        let mut all = [0; KEPT];
        all.iter_mut().zip(&self.kept).for_each(|(length, kept)| *length = kept.length);
        let lengths = all.get_mut(..self.kept.len()).unwrap_or_default();
        lengths.sort_unstable();
        [0.5, 0.95, 0.99].map(|part| {
            let rank = (part * lengths.len() as f64).ceil() as usize;
            lengths.get(rank.saturating_sub(1)).or(lengths.last()).copied().unwrap_or_default()
        })
    }

    /// Bytes on the heap, beside its own size.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let histogram = self.histogram.as_ref().map_or(0, |h| size_of::<LogHistogram>() + h.heap_bytes());
        let steps = self.backwards.as_ref().map_or(0, |_| size_of::<Backwards>());
        self.kept.capacity() * size_of::<Interval>() + histogram + steps
    }
}

impl Interval {
    fn at(&self) -> Occurrence {
        Occurrence { frame: self.frame, time: Some(Timestamp::from_nanos(self.time)) }
    }
}

/// By how much two intervals differ. Processors convert signed numbers in one instruction and others in many, so the
/// intervals that there are, below 292 years, are told from those that there may be.
#[inline]
fn difference(a: u64, b: u64) -> f64 {
    if (a | b).cast_signed() >= 0 { (a.cast_signed() - b.cast_signed()).abs() as f64 } else { large_difference(a, b) }
}

#[cold]
fn large_difference(a: u64, b: u64) -> f64 {
    a.abs_diff(b) as f64
}

/// A quotient to the last bit of a double even where the dividend has more than 53 bits.
fn quotient(dividend: u128, divisor: u64) -> f64 {
    if let Ok(dividend) = u64::try_from(dividend) {
        return (dividend / divisor) as f64 + (dividend % divisor) as f64 / divisor as f64;
    }
    let divisor = u128::from(divisor);
    (dividend / divisor) as f64 + (dividend % divisor) as f64 / divisor as f64
}

/// The figures of a [`TimingStatistics`]: durations in nanoseconds, absent where undefined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimingSummary {
    /// Intervals.
    pub count: u64,
    /// The shortest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ns: Option<u64>,
    /// The longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ns: Option<u64>,
    /// The mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_ns: Option<f64>,
    /// Standard deviation of the population.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_dev_ns: Option<f64>,
    /// RFC 3550 §6.4.1 filter over the differences of consecutive intervals, from 0; needs two intervals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_ns: Option<f64>,
    /// The median, by nearest rank, within 0.79 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ns: Option<u64>,
    /// 95 of 100 are not longer, within 0.79 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_ns: Option<u64>,
    /// 99 of 100 are not longer, within 0.79 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// Intervals far from the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outliers: Option<Outliers>,
    /// How often the time ran backwards.
    #[serde(default, skip_serializing_if = "crate::is_zero")]
    pub backwards: u64,
    /// The time from the earliest to the latest packet, only where times run backwards: else it is what the intervals add up to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_ns: Option<u64>,
    /// The first packet that has a time. Not part of the document.
    #[serde(skip)]
    pub first: Option<Occurrence>,
    /// How many intervals there are of each length, the shortest first; in the detail of a flow alone. Not part of the document.
    #[serde(skip)]
    pub histogram: Option<Box<[(Bucket, u64)]>>,
}

impl TimingSummary {
    /// The time from the earliest to the latest packet in seconds; `None` where it is none.
    #[must_use]
    pub fn span_seconds(&self) -> Option<f64> {
        let nanos = match self.span_ns {
            Some(span) => span as f64,
            None => self.mean_ns? * self.count as f64,
        };
        (nanos > 0.0).then_some(nanos * 1e-9)
    }
}

/// Intervals more than k standard deviations from the mean.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outliers {
    /// How many there are at least. Four intervals at either end are kept exactly; of the others only the bucket of the histogram is
    /// known, which is up to 1.6 % wide, and they count if all of their bucket lies beyond the limit.
    pub count: u64,
    /// The farthest few, farthest first, exact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub worst: Vec<Outlier>,
}

/// An interval far from the mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outlier {
    /// Its length in nanoseconds.
    pub interval_ns: u64,
    /// The packet that ended it.
    #[serde(flatten)]
    pub at: Occurrence,
}

#[cfg(test)]
mod tests;
