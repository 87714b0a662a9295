//! RFC 3550 §6.4.1 jitter for a clock whose rate is not known yet.
//!
//! The filter is not linear, so a figure at one rate says nothing about another. Without signalling all plausible
//! rates therefore run side by side, until the slope of timestamps against arrival leaves only one.

use streamlens_model::Timestamp;

/// Rates in Hz that media clocks have: audio sampling rates, text, video, and the line clock of ST 2022-6.
pub(super) const RATES_HZ: [u32; 15] = [
    1_000, 8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 90_000, 96_000, 176_400, 192_000,
    27_000_000,
];

/// Shortest span over which a slope means something.
const SLOPE_SPAN_NS: i64 = 200_000_000;

/// Jitter at one rate, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RtpJitter {
    /// Rate of the clock in Hz that it was computed with.
    pub clock_rate_hz: u32,
    /// The filter after the last packet.
    pub last_ns: f64,
    /// The filter's largest value.
    pub max_ns: f64,
    /// Mean of the filter's values after each packet but the first.
    pub mean_ns: f64,
}

#[derive(Clone, Copy, Debug)]
struct Filter {
    clock_rate_hz: u32,
    nanos_per_tick: f64,
    jitter: f64,
    max: f64,
    sum: f64,
}

impl Filter {
    fn new(clock_rate_hz: u32) -> Self {
        let nanos_per_tick = 1e9 / f64::from(clock_rate_hz);
        Self { clock_rate_hz, nanos_per_tick, jitter: 0.0, max: 0.0, sum: 0.0 }
    }
}

/// The filters of one stream, and the slope of its timestamps. Every packet in order of arrival counts, duplicates
/// and late ones too.
#[derive(Clone, Debug)]
pub(super) struct JitterBank {
    filters: Vec<Filter>,
    last: Option<(Timestamp, u32)>,
    intervals: u64,
    next_thinning: u64,
    first_time: Option<Timestamp>,
    /// Timestamp of the furthest packet relative to the first one, and when it came.
    front: i64,
    front_time: Option<Timestamp>,
    ticks: i64,
}

impl JitterBank {
    pub(super) fn new(payload_type_rate: Option<u32>) -> Self {
        let filters = match payload_type_rate {
            Some(rate) => vec![Filter::new(rate)],
            None => RATES_HZ.iter().map(|&rate| Filter::new(rate)).collect(),
        };
        let (last, first_time, front_time) = (None, None, None);
        Self { filters, last, intervals: 0, next_thinning: 256, first_time, front: 0, front_time, ticks: 0 }
    }

    /// Takes note of a packet. Returns the time since the one before, in nanoseconds; negative where time ran
    /// backwards.
    #[inline]
    pub(super) fn observe(&mut self, time: Timestamp, timestamp: u32) -> Option<i64> {
        let Some((last_time, last_timestamp)) = self.last.replace((time, timestamp)) else {
            (self.first_time, self.front_time) = (Some(time), Some(time));
            return None;
        };
        let interval = time.since(last_time);
        let step = timestamp.wrapping_sub(last_timestamp).cast_signed();
        let (elapsed, ticks) = (interval as f64, f64::from(step));
        for filter in &mut self.filters {
            let difference = (elapsed - ticks * filter.nanos_per_tick).abs();
            filter.jitter += (difference - filter.jitter) * (1.0 / 16.0);
            filter.max = filter.max.max(filter.jitter);
            filter.sum += filter.jitter;
        }
        self.intervals += 1;
        self.ticks += i64::from(step);
        if self.ticks > self.front {
            (self.front, self.front_time) = (self.ticks, Some(time));
        }
        if self.intervals == self.next_thinning {
            self.thin();
        }
        Some(interval)
    }

    /// Ticks per second that the timestamps made against the capture's clock, and over how many nanoseconds.
    pub(super) fn slope(&self) -> Option<(f64, i64)> {
        let span = self.front_time?.since(self.first_time?);
        (span >= SLOPE_SPAN_NS && self.front > 0).then(|| (self.front as f64 * 1e9 / span as f64, span))
    }

    /// The rate that the slope fits best, where it fits one at all.
    pub(super) fn inferred_rate(&self) -> Option<u32> {
        let (slope, _) = self.slope()?;
        let off = |rate: u32| (slope / f64::from(rate)).max(f64::from(rate) / slope);
        let best = RATES_HZ.into_iter().min_by(|&a, &b| off(a).total_cmp(&off(b)))?;
        // Video is far more common than audio at 88.2 kHz and only 2 % away: that takes a closer fit.
        let best = if best == 88_200 && off(best) > 0.003_f64.exp() { 90_000 } else { best };
        (off(best) < 0.045_f64.exp()).then_some(best)
    }

    /// The jitter at a rate; `None` where no jitter was kept for it, or no two packets have come.
    pub(super) fn at_rate(&self, rate: u32) -> Option<RtpJitter> {
        let filter = self.filters.iter().find(|filter| filter.clock_rate_hz == rate)?;
        (self.intervals > 0).then(|| RtpJitter {
            clock_rate_hz: rate,
            last_ns: filter.jitter,
            max_ns: filter.max,
            mean_ns: filter.sum / self.intervals as f64,
        })
    }

    /// Time of the first packet, with the furthest one's time and distance in ticks.
    pub(super) fn span(&self) -> Option<(Timestamp, Timestamp, i64)> {
        Some((self.first_time?, self.front_time?, self.front))
    }

    /// Lets go of the rates that the slope has ruled out, the narrower the longer it has been watched.
    #[cold]
    fn thin(&mut self) {
        self.next_thinning = self.next_thinning.saturating_mul(2);
        if self.filters.len() == 1 {
            return;
        }
        let Some((slope, span)) = self.slope() else { return };
        let Some(best) = self.inferred_rate() else { return };
        let tolerance = match span / 1_000_000_000 {
            0 => 0.7,
            1..10 => 0.2,
            10..60 => 0.08,
            _ => 0.03,
        };
        self.filters.retain(|filter| {
            filter.clock_rate_hz == best || (slope / f64::from(filter.clock_rate_hz)).ln().abs() < tolerance
        });
    }
}
