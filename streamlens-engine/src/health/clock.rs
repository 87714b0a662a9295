//! A stream's own clock against the capture's: RFC 3550 jitter and drift.

use streamlens_decoders::MediaClock;
use streamlens_model::Timestamp;
use streamlens_model::stats::Line;

use super::Arrival;

/// Below this span of capture time a drift says nothing, in nanoseconds.
const LEAST_SPAN: f64 = 1e9;
/// A clock and arrival that part by so much make a step, in nanoseconds: clocks are set by whole seconds, and what is nearly one
/// on arrival was one.
const STEP: f64 = 0.5e9;
/// A line fits where what is left beside it is so small a part of what it rises by, or so few times as large as what consecutive
/// packets differ by.
const FITTING_SHARE: f64 = 0.1;
const FITTING_NOISE: f64 = 8.0;
/// No oscillator is further off, in parts per million: what looks like it is a step, or a clock of another rate.
const MAX_DRIFT: f64 = 1_000.0;

/// Compares a stream's clock with the capture's. Where the clock steps, or the stream begins again, jitter and drift begin
/// afresh.
#[derive(Debug)]
pub(crate) struct ClockTracker {
    rate_hz: u64,
    arrival: i64,
    ticks: u64,
    /// Nanoseconds per tick.
    tick_ns: f64,
    jitter: f64,
    count: u64,
    /// All packets since the last step.
    stretch: Stretch,
    /// The longest stretch without a step before.
    longest: Option<Box<Stretch>>,
    /// The clock and arrival of a packet whose number is far off: where the stream begins again, or nothing.
    stray: Option<(MediaClock, Timestamp)>,
}

/// The points of a stretch without a step.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    count: u64,
    /// Nanoseconds of capture time since the first packet.
    elapsed: f64,
    /// By how much the media time since then is ahead of that.
    ahead: f64,
    /// `ahead` (ns) over `elapsed` (s).
    line: Line,
    /// The sum of the squares of what consecutive packets differ by.
    differences: f64,
}

impl Stretch {
    #[inline]
    fn push(&mut self, arrival: f64, media: f64) {
        if self.count == 0 {
            // the first packet is a point too
            self.line.push(0.0, 0.0);
        }
        self.count += 1;
        self.elapsed += arrival;
        let difference = media - arrival;
        self.ahead += difference;
        self.line.push(self.elapsed * 1e-9, self.ahead);
        self.differences += difference * difference;
    }

    /// Its slope in parts per million; `None` where there are too few points, or no line fits them.
    fn drift_ppm(&self) -> Option<f64> {
        if self.elapsed < LEAST_SPAN || self.count < 8 {
            return None;
        }
        let left = self.line.left();
        let fits = left <= FITTING_SHARE.powi(2) * self.line.rise() || left <= FITTING_NOISE.powi(2) * self.differences;
        // nanoseconds per second are parts per 10^9
        self.line.slope()?.scaled(1e-3).known_within(MediaClock::KNOWN_WITHIN_PPM).filter(|_| fits)
    }
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
            stretch: Stretch::default(),
            longest: None,
            stray: None,
        }
    }

    /// Records the next packet, and what its number is. A change of rate begins afresh.
    #[inline]
    pub(crate) fn push(&mut self, clock: MediaClock, time: Timestamp, arrival: Option<Arrival>) {
        if clock.rate_hz != self.rate_hz || matches!(arrival, Some(Arrival::Stray | Arrival::Restart)) {
            self.begin_again(clock, time, arrival);
            return;
        }
        self.measure(clock, time);
    }

    #[inline]
    fn measure(&mut self, clock: MediaClock, time: Timestamp) {
        let shift = 64 - u32::from(clock.bits.clamp(1, 64));
        // a signed difference of the width of the clock
        let ticks = (clock.ticks.wrapping_sub(self.ticks) << shift).cast_signed() >> shift;
        let arrival = time.as_nanos().wrapping_sub(self.arrival) as f64;
        let media = ticks as f64 * self.tick_ns;
        (self.ticks, self.arrival) = (clock.ticks, time.as_nanos());
        let difference = (arrival - media).abs();
        if difference >= STEP {
            self.begin_afresh();
            return;
        }
        self.jitter += (difference - self.jitter) * (1.0 / 16.0);
        self.count += 1;
        self.stretch.push(arrival, media);
    }

    /// A number far off is no measure of the clock; where the stream begins again there, so does the clock.
    #[cold]
    #[inline(never)]
    fn begin_again(&mut self, clock: MediaClock, time: Timestamp, arrival: Option<Arrival>) {
        if arrival == Some(Arrival::Stray) {
            self.stray = Some((clock, time));
            return;
        }
        let stray = self.stray.take().filter(|_| arrival == Some(Arrival::Restart));
        let (first, at) = stray.filter(|(stray, _)| stray.rate_hz == clock.rate_hz).unwrap_or((clock, time));
        self.begin_afresh();
        (self.rate_hz, self.tick_ns) = (first.rate_hz, 1e9 / first.rate_hz.max(1) as f64);
        (self.ticks, self.arrival) = (first.ticks, at.as_nanos());
        if at != time {
            self.measure(clock, time);
        }
    }

    #[cold]
    fn begin_afresh(&mut self) {
        let stretch = std::mem::take(&mut self.stretch);
        if stretch.elapsed > self.longest.as_ref().map_or(0.0, |longest| longest.elapsed) {
            self.longest = Some(Box::new(stretch));
        }
        self.jitter = 0.0;
    }

    /// RFC 3550 §6.4.1 jitter in nanoseconds; `None` with one packet.
    pub(crate) fn jitter_ns(&self) -> Option<f64> {
        (self.count > 0).then_some(self.jitter)
    }

    /// How much faster the stream's clock runs, in parts per million: the slope of a line through all packets of the longest
    /// stretch without a step. `None` where there are too few, where they scatter too much to tell, and where it is no oscillator's.
    pub(crate) fn drift_ppm(&self) -> Option<f64> {
        let longest = self.longest.as_deref().filter(|longest| longest.elapsed > self.stretch.elapsed);
        longest.unwrap_or(&self.stretch).drift_ppm().filter(|ppm| ppm.abs() <= MAX_DRIFT)
    }
}
