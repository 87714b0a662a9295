//! A stream's own clock against the capture's: RFC 3550 jitter and drift.

use streamlens_decoders::MediaClock;
use streamlens_model::Timestamp;

/// Below this span of capture time a drift says nothing, in nanoseconds.
const LEAST_SPAN: f64 = 1e9;

/// Compares a stream's clock with the capture's.
#[derive(Debug)]
pub(crate) struct ClockTracker {
    rate_hz: u64,
    arrival: i64,
    ticks: u64,
    /// Nanoseconds per tick.
    tick_ns: f64,
    jitter: f64,
    count: u64,
    /// Nanoseconds of capture time since the first packet.
    elapsed: f64,
    /// By how much the media time since then is ahead of that.
    ahead: f64,
    /// Sums for the regression of `ahead` (ns) over `elapsed` (s).
    sums: [f64; 4],
}

impl ClockTracker {
    pub(crate) fn new(clock: MediaClock, time: Timestamp) -> Self {
        Self {
            rate_hz: clock.rate_hz,
            arrival: time.as_nanos(),
            ticks: clock.ticks,
            tick_ns: 1e9 / clock.rate_hz.max(1) as f64,
            jitter: 0.0,
            count: 0,
            elapsed: 0.0,
            ahead: 0.0,
            sums: [0.0; 4],
        }
    }

    /// Takes note of the next packet. A change of rate begins afresh.
    #[inline]
    pub(crate) fn push(&mut self, clock: MediaClock, time: Timestamp) {
        if clock.rate_hz != self.rate_hz {
            *self = Self::new(clock, time);
            return;
        }
        let shift = 64 - u32::from(clock.bits.clamp(1, 64));
        // a signed difference of the width of the clock
        let ticks = (clock.ticks.wrapping_sub(self.ticks) << shift).cast_signed() >> shift;
        let arrival = time.as_nanos().wrapping_sub(self.arrival) as f64;
        let media = ticks as f64 * self.tick_ns;
        (self.ticks, self.arrival) = (clock.ticks, time.as_nanos());
        self.jitter += ((arrival - media).abs() - self.jitter) * (1.0 / 16.0);
        self.count += 1;
        self.elapsed += arrival;
        self.ahead += media - arrival;
        let x = self.elapsed * 1e-9;
        self.sums[0] += x;
        self.sums[1] += x * x;
        self.sums[2] += self.ahead;
        self.sums[3] += self.ahead * x;
    }

    /// RFC 3550 §6.4.1 jitter in nanoseconds; `None` with one packet.
    pub(crate) fn jitter_ns(&self) -> Option<f64> {
        (self.count > 0).then_some(self.jitter)
    }

    /// How much faster the stream's clock runs, in parts per million: the slope of a line through all packets.
    pub(crate) fn drift_ppm(&self) -> Option<f64> {
        // the first packet, at (0, 0), is a point too
        let n = self.count as f64 + 1.0;
        let [x, xx, y, xy] = self.sums;
        let spread = n * xx - x * x;
        // nanoseconds per second are parts per 10^9
        (self.elapsed >= LEAST_SPAN && self.count >= 8 && spread > 0.0).then(|| (n * xy - x * y) / spread / 1000.0)
    }
}
