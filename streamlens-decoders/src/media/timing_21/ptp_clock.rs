//! Whether the capture's clock is PTP: capture times and RTP timestamps of `mediaclk:direct=0` then tell one time.

use streamlens_model::Timestamp;
use streamlens_model::stats::Summary;

/// TAI - UTC since 2017-01-01.
const TAI_UTC_NS: i64 = 37_000_000_000;

/// Compares each unit's first arrival with its timestamp, read as TAI modulo 2^32 ticks of 90 kHz.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PtpClock {
    units: u64,
    on_tai: Latency,
    on_utc: Latency,
}

/// How late the units' first packets are, where that is plausible.
#[derive(Clone, Copy, Debug, Default)]
struct Latency {
    agreeing: u64,
    figures: Summary,
}

impl PtpClock {
    /// Latencies that are taken for agreement: a random clock is within them once in 400,000 times.
    const PLAUSIBLE_NS: std::ops::RangeInclusive<i64> = -2_000_000..=100_000_000;

    pub(crate) fn unit(&mut self, time: Timestamp, timestamp: u32) {
        self.units += 1;
        for (latency, shift) in [(&mut self.on_tai, 0), (&mut self.on_utc, TAI_UTC_NS)] {
            let nanos = latency_ns(i128::from(time.as_nanos()) + i128::from(shift), timestamp);
            if Self::PLAUSIBLE_NS.contains(&nanos) {
                latency.agreeing += 1;
                latency.figures.push(nanos);
            }
        }
    }

    fn chosen(&self) -> Option<(&Latency, i64)> {
        let agrees = |latency: &Latency| latency.agreeing >= 2 && latency.agreeing * 10 >= self.units * 9;
        if agrees(&self.on_tai) {
            Some((&self.on_tai, 0))
        } else if agrees(&self.on_utc) {
            Some((&self.on_utc, TAI_UTC_NS))
        } else {
            None
        }
    }

    /// Nanoseconds to add to capture times to have TAI; `None` where the clock is not PTP, or it can't be told yet.
    pub(crate) fn tai_shift(&self) -> Option<i64> {
        self.chosen().map(|(_, shift)| shift)
    }

    /// Latency of the first packets against their timestamps: shortest, mean, longest, in nanoseconds.
    pub(crate) fn latency(&self) -> Option<(i64, f64, i64)> {
        let (latency, _) = self.chosen()?;
        let figures = &latency.figures;
        Some((figures.min()?, figures.mean()?, figures.max()?))
    }
}

/// Nanoseconds from a timestamp to an instant of TAI, within half the timestamp's range.
pub(crate) fn latency_ns(tai: i128, timestamp: u32) -> i64 {
    // One tick is 100,000 / 9 ns. Work in ninths of nanoseconds to stay exact.
    let wrap = (1_i128 << 32) * 100_000;
    let ninths = (tai * 9 - i128::from(timestamp) * 100_000).rem_euclid(wrap);
    let signed = if ninths >= wrap / 2 { ninths - wrap } else { ninths };
    (signed / 9) as i64
}
