use proptest::prelude::*;

use super::*;

fn statistics(times: &[i64]) -> TimingStatistics {
    let mut timing = TimingStatistics::default();
    for (frame, &time) in (1..).zip(times) {
        timing.push(Some(Timestamp::from_nanos(time)), frame);
    }
    timing
}

#[test]
fn nothing_is_defined_without_an_interval() {
    let summary = statistics(&[5]).summary(3.0);
    let first = Some(Occurrence { frame: 1, time: Some(Timestamp::from_nanos(5)) });
    assert_eq!(summary, TimingSummary { first, ..TimingSummary::default() });
}

/// Where times run backwards intervals add up to more than the time there was.
#[test]
fn the_span_is_from_the_earliest_to_the_latest() {
    for (times, span) in [
        (&[][..], None),
        (&[5], Some(0)),
        (&[5, 9, 20], Some(15)),
        (&[0, 10, 5, 15], Some(15)),
        (&[10, 0, 3], Some(10)),
        (&[10, 30, 2, 20, 7], Some(28)),
    ] {
        let timing = statistics(times);
        assert_eq!(timing.span_ns(), span, "{times:?}");
        let is_told = times.windows(2).any(|pair| pair[1] < pair[0]);
        assert_eq!(timing.summary(3.0).span_ns, span.filter(|_| is_told), "{times:?}");
        let seconds = span.filter(|span| *span > 0).map(|span| span as f64 * 1e-9);
        let found = timing.summary(3.0).span_seconds();
        assert!(found.zip(seconds).is_none_or(|(a, b)| (a - b).abs() < 1e-18) && found.is_some() == seconds.is_some());
        for cut in 0..=times.len() {
            let (mut first, later) = (statistics(&times[..cut]), statistics(&times[cut..]));
            first.merge(&later);
            assert_eq!(first.span_ns(), span, "{times:?} cut at {cut}");
        }
    }
}

#[test]
fn buckets_are_the_lengths_until_there_are_too_many() {
    let buckets = |times: &[i64]| -> Vec<(u64, u64)> {
        statistics(times).buckets().iter().map(|(bucket, count)| (bucket.low, *count)).collect()
    };
    assert_eq!(buckets(&[0, 5, 10, 13]), [(3, 1), (5, 2)]);
    let times: Vec<i64> = (0..1_000).map(|number| number * 1_000_000).collect();
    let many = statistics(&times).buckets();
    assert_eq!(many.iter().map(|(_, count)| count).sum::<u64>(), 999);
    assert!(many.iter().all(|(bucket, _)| bucket.low <= 1_000_000 && 1_000_000 <= bucket.high));
}

#[test]
fn a_step_backwards_is_counted_and_makes_no_interval() {
    let summary = statistics(&[10, 5, 7]).summary(3.0);
    assert_eq!((summary.count, summary.min_ns, summary.backwards), (1, Some(2), 1));
}

#[test]
fn jitter_is_the_filter_from_zero_over_differences_of_intervals() {
    // intervals 10, 26, 10: differences 16 and 16; J = 1, then 1 + 15 / 16
    let timing = statistics(&[0, 10, 36, 46]);
    assert_eq!(timing.jitter_ns(), Some(1.9375));
    assert_eq!(statistics(&[0, 10]).jitter_ns(), None);
}

#[test]
fn the_worst_outlier_is_kept_with_its_frame() {
    let mut times: Vec<i64> = (0..1000).map(|n| n * 1000).collect();
    times[500..].iter_mut().for_each(|time| *time += 900_000);
    let outliers = statistics(&times).summary(3.0).outliers.unwrap();
    assert_eq!(outliers.count, 1);
    assert_eq!((outliers.worst[0].interval_ns, outliers.worst[0].at.frame), (901_000, 501));
}

/// Intervals that scatter less than a bucket is wide.
#[test]
fn even_intervals_have_no_outliers() {
    let times: Vec<i64> = (0..1000).map(|n| n * 40_000_000 + n % 2).collect();
    assert_eq!(statistics(&times).summary(3.0).outliers.unwrap(), Outliers::default());
}

#[test]
fn three_hundred_thousand_flows_of_four_levels_fit_in_a_gibibyte() {
    // a thousand packets every millisecond with 1 % of jitter: what a stream of a real network looks like
    let times: Vec<i64> = (0..1000).map(|n| n * 1_000_000 + (n * 7919 % 20_000)).collect();
    let timing = statistics(&times);
    let weight = size_of::<TimingStatistics>() + timing.heap_bytes();
    assert!(size_of::<TimingStatistics>() <= 176, "{}", size_of::<TimingStatistics>());
    assert!(weight * 4 * 300_000 <= 1 << 30, "{weight} bytes");
}

/// What a straight computation over all intervals gives.
fn naive(times: &[i64]) -> (u64, u64, f64, f64, f64) {
    let intervals: Vec<f64> = times.windows(2).filter(|w| w[1] >= w[0]).map(|w| (w[1] - w[0]) as f64).collect();
    let mean = intervals.iter().sum::<f64>() / intervals.len() as f64;
    let deviation = (intervals.iter().map(|i| (i - mean).powi(2)).sum::<f64>() / intervals.len() as f64).sqrt();
    let jitter = intervals.windows(2).fold(0.0, |j, w| j + ((w[1] - w[0]).abs() - j) / 16.0);
    let min = intervals.iter().copied().fold(f64::INFINITY, f64::min);
    let max = intervals.iter().copied().fold(0.0, f64::max);
    (min as u64, max as u64, mean, deviation, jitter)
}

fn times() -> impl Strategy<Value = Vec<i64>> {
    let steps = prop_oneof![0_i64..100, 0_i64..1_000_000, 0_i64..5_000_000_000];
    proptest::collection::vec(steps, 3..200).prop_map(|steps| {
        let mut now = 1_700_000_000_000_000_000;
        steps
            .into_iter()
            .map(|step| {
                now += step;
                now
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn agrees_with_a_straight_computation(times in times()) {
        let summary = statistics(&times).summary(3.0);
        let (min, max, mean, deviation, jitter) = naive(&times);
        prop_assert_eq!((summary.min_ns, summary.max_ns), (Some(min), Some(max)));
        prop_assert!((summary.mean_ns.unwrap() - mean).abs() <= 1e-6 * mean + 1e-6);
        prop_assert!((summary.std_dev_ns.unwrap() - deviation).abs() <= 1e-6 * mean + 1e-6);
        prop_assert!((summary.jitter_ns.unwrap() - jitter).abs() <= 1e-9 * jitter + 1e-6);
        let mut sorted: Vec<u64> = times.windows(2).map(|w| (w[1] - w[0]) as u64).collect();
        sorted.sort_unstable();
        for (part, found) in [(0.5, summary.p50_ns), (0.95, summary.p95_ns), (0.99, summary.p99_ns)] {
            let rank = (part * sorted.len() as f64).ceil() as usize - 1;
            let (exact, found) = (sorted[rank] as f64, found.unwrap() as f64);
            prop_assert!((exact - found).abs() <= 0.0079 * exact, "p{part}: {found} instead of {exact}");
        }
    }

    /// Never more outliers than there are, which are at most one in k^2.
    #[test]
    fn outliers_are_some_of_those_that_there_are(times in times(), k in 1.0..4.0) {
        let Some(outliers) = statistics(&times).summary(k).outliers else { return Ok(()) };
        let lengths: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let count = lengths.len() as f64;
        let mean = lengths.iter().sum::<f64>() / count;
        let deviation = (lengths.iter().map(|length| (length - mean).powi(2)).sum::<f64>() / count).sqrt();
        let exact = lengths.iter().filter(|length| (*length - mean).abs() > k * deviation * (1.0 - 1e-9)).count();
        prop_assert!(outliers.count <= exact as u64, "{} of {exact}", outliers.count);
        prop_assert!(outliers.count as f64 <= count / (k * k) * (1.0 + 1e-6));
        prop_assert!(outliers.worst.len() as u64 <= outliers.count);
    }

    #[test]
    fn merging_two_parts_equals_one_pass(times in times(), cut in 0.0..1.0) {
        let cut = (cut * times.len() as f64) as usize;
        let whole = statistics(&times);
        let mut first = statistics(&times[..cut]);
        let mut later = TimingStatistics::default();
        for (frame, &time) in (cut as u64 + 1..).zip(&times[cut..]) {
            later.push(Some(Timestamp::from_nanos(time)), frame);
        }
        first.merge(&later);
        let (mut one, mut two) = (whole.summary(3.0), first.summary(3.0));
        // jitter is a running figure: that of the later part
        (one.jitter_ns, two.jitter_ns) = (None, None);
        // which of several equal intervals is named may differ
        for outliers in [&mut one.outliers, &mut two.outliers].into_iter().flatten() {
            outliers.worst.iter_mut().for_each(|worst| worst.at = Occurrence { frame: 0, time: None });
        }
        prop_assert_eq!(one, two);
    }
}
