//! RFC 3550 §6.4.1 jitter for a clock whose rate is not known yet.
//!
//! The filter is not linear, so a figure at one rate says nothing about another. Without signalling all plausible
//! rates therefore run side by side, until the slope of timestamps against arrival leaves only one.

use streamlens_model::stats::Slope;
use streamlens_model::{Occurrence, Timestamp};

use super::steps::{ClockStep, Part, STEP_NS, Waiting};
use crate::{MediaClock, nanos};

/// Rates in Hz that media clocks have: audio sampling rates, text, video, and the line clock of ST 2022-6.
pub(super) const RATES_HZ: [u32; 15] = [
    1_000, 8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 90_000, 96_000, 176_400, 192_000,
    27_000_000,
];

/// Shortest span over which a slope means something.
const SLOPE_SPAN_NS: i64 = 200_000_000;

/// Shortest span over which a clock's drift is looked for.
const DRIFT_SPAN_NS: i64 = 1_000_000_000;

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

/// Filters that lie side by side: the compiler computes two of them with each instruction.
const LANES: usize = 4;

/// Filters side by side. A rate of 0 stands for none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filters {
    rates_hz: [u32; LANES],
    nanos_per_tick: [f64; LANES],
    jitter: [f64; LANES],
    max: [f64; LANES],
    sum: [f64; LANES],
}

impl Filters {
    fn new(rates_hz: &[u32]) -> Self {
        let mut filters = Self::default();
        for (lane, &rate) in rates_hz.iter().take(LANES).enumerate() {
            filters.rates_hz[lane] = rate;
            filters.nanos_per_tick[lane] = 1e9 / f64::from(rate);
        }
        filters
    }

    /// Records a packet, so many nanoseconds and ticks after the one before.
    #[inline]
    fn observe(&mut self, elapsed: f64, ticks: f64) {
        for lane in 0..LANES {
            let difference = (elapsed - ticks * self.nanos_per_tick[lane]).abs();
            let jitter = self.jitter[lane] + (difference - self.jitter[lane]) * (1.0 / 16.0);
            self.jitter[lane] = jitter;
            // None is ever NaN, which `f64::max` would look for.
            self.max[lane] = if jitter > self.max[lane] { jitter } else { self.max[lane] };
            self.sum[lane] += jitter;
        }
    }

    /// Puts a filter of others in a lane.
    fn set(&mut self, lane: usize, (others, of): (&Self, usize)) {
        self.rates_hz[lane] = others.rates_hz[of];
        self.nanos_per_tick[lane] = others.nanos_per_tick[of];
        self.jitter[lane] = others.jitter[of];
        self.max[lane] = others.max[of];
        self.sum[lane] = others.sum[of];
    }
}

/// The filters of one stream and clock, and the slope of its timestamps. Every packet in order of arrival counts, duplicates
/// and late ones too. Where the clock makes a step of a second and more, filters and slope begin afresh.
#[derive(Clone, Debug)]
pub(super) struct JitterBank {
    filters: Vec<Filters>,
    last: Option<(Timestamp, u32)>,
    intervals: u64,
    next_thinning: u64,
    /// As many ticks as the slowest clock makes in half a second: with fewer, in less time, there is no step.
    least_ticks: i64,
    part: Part,
    /// The longest part before.
    longest: Part,
    waiting: Option<Box<Waiting>>,
}

impl JitterBank {
    pub(super) fn new(payload_type_rate: Option<u32>) -> Self {
        let filters = match payload_type_rate {
            Some(rate) => vec![Filters::new(&[rate])],
            None => RATES_HZ.chunks(LANES).map(Filters::new).collect(),
        };
        let (part, longest) = (Part::default(), Part::default());
        let mut bank = Self {
            filters,
            last: None,
            intervals: 0,
            next_thinning: 256,
            least_ticks: 0,
            part,
            longest,
            waiting: None,
        };
        bank.find_least_ticks();
        bank
    }

    /// Records a packet; `is_behind` says that it is late or a duplicate by its number. Gives a step of the clock that has
    /// become certain with it, which it need not have made itself.
    #[inline]
    pub(super) fn observe(
        &mut self,
        at: Occurrence,
        time: Timestamp,
        timestamp: u32,
        is_behind: bool,
    ) -> Option<ClockStep> {
        let Some((last_time, last_timestamp)) = self.last else {
            self.last = Some((time, timestamp));
            self.part = Part::beginning(time);
            return None;
        };
        let interval = nanos::elapsed(last_time, time);
        let step = timestamp.wrapping_sub(last_timestamp).cast_signed();
        let mut certain = None;
        let may_be_step = interval.unsigned_abs() >= STEP_NS / 2 || i64::from(step.unsigned_abs()) >= self.least_ticks;
        if (may_be_step || self.waiting.is_some())
            && self.weigh(ClockStep { at, interval_ns: interval, ticks: step }, is_behind, &mut certain)
        {
            if !is_behind {
                self.last = Some((time, timestamp));
                self.part = Part::beginning(time);
            }
            return certain;
        }
        self.last = Some((time, timestamp));
        let (elapsed, ticks) = (interval as f64, f64::from(step));
        for filters in &mut self.filters {
            filters.observe(elapsed, ticks);
        }
        self.intervals += 1;
        self.part.go_on(i64::from(step), time);
        if self.intervals == self.next_thinning {
            self.thin();
        }
        certain
    }

    /// Looks whether a packet makes a step, and whether one before it is decided. Says whether the packet is no measure of
    /// jitter; a late one is then left out altogether.
    #[cold]
    #[inline(never)]
    fn weigh(&mut self, step: ClockStep, is_behind: bool, certain: &mut Option<ClockStep>) -> bool {
        let elapsed = step.interval_ns as f64;
        let media = |nanos_per_tick: f64| f64::from(step.ticks) * nanos_per_tick;
        // where the rate is not known, the one that fits best may be it
        let off = |nanos_per_tick: &f64| (elapsed - media(*nanos_per_tick)).abs();
        let rates = self.lanes().map(|(filters, lane)| filters.nanos_per_tick[lane]);
        let Some(nanos_per_tick) = rates.min_by(|a, b| off(a).total_cmp(&off(b))) else { return false };
        let is_step = off(&nanos_per_tick) >= STEP_NS as f64;
        if is_behind {
            return is_step;
        }
        if let Some(waiting) = &mut self.waiting {
            if !is_step {
                waiting.observe(&step);
            }
            if is_step || waiting.is_decided() {
                *certain = self.settle();
            }
        }
        if is_step {
            let is_sure = elapsed < media(nanos_per_tick);
            let filters = self.filters.clone();
            self.waiting = Some(Box::new(Waiting::new(step, is_sure, filters, self.part, nanos_per_tick)));
            self.filters.iter_mut().for_each(|filters| filters.jitter = [0.0; LANES]);
        }
        is_step
    }

    /// Decides what waits: a step of the clock, or packets that the network held back.
    fn settle(&mut self) -> Option<ClockStep> {
        let waiting = *self.waiting.take()?;
        let was_held_back = waiting.was_held_back();
        let Waiting { step, mut filters, mut part, .. } = waiting;
        if was_held_back {
            filters.iter_mut().for_each(|filters| filters.observe(step.interval_ns as f64, f64::from(step.ticks)));
            self.filters = filters;
            self.intervals += 1;
            if let Some((time, _)) = self.last {
                part.go_on(i64::from(step.ticks) + self.part.ticks, time);
            }
            self.part = part;
            None
        } else {
            self.keep_if_longest(part);
            Some(step)
        }
    }

    /// Begins afresh with the next packet: the sender has.
    #[cold]
    pub(super) fn restart(&mut self) -> Option<ClockStep> {
        let certain = self.settle();
        self.keep_if_longest(self.part);
        self.last = None;
        self.filters.iter_mut().for_each(|filters| filters.jitter = [0.0; LANES]);
        certain
    }

    fn keep_if_longest(&mut self, part: Part) {
        if part.span() > self.longest.span() {
            self.longest = part;
        }
    }

    /// A step at the end, after which too few packets came to be certain.
    pub(super) fn last_step(&self) -> Option<ClockStep> {
        self.waiting.as_ref().filter(|waiting| !waiting.was_held_back()).map(|waiting| waiting.step)
    }

    /// The longest part.
    fn longest(&self) -> &Part {
        let waiting = self.waiting.as_ref().map(|waiting| &waiting.part);
        let all = [Some(&self.longest), waiting, Some(&self.part)].into_iter().flatten();
        all.max_by_key(|part| part.span()).unwrap_or(&self.part)
    }

    /// Ticks per second that the timestamps made against the capture's clock, and over how many nanoseconds.
    pub(super) fn slope(&self) -> Option<(f64, i64)> {
        let part = self.longest();
        let span = part.span();
        (span >= SLOPE_SPAN_NS && part.front > 0).then(|| (part.front as f64 * 1e9 / span as f64, span))
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
        let (filters, lane) = self.lanes().find(|(filters, lane)| filters.rates_hz[*lane] == rate)?;
        (self.intervals > 0).then(|| RtpJitter {
            clock_rate_hz: rate,
            last_ns: filters.jitter[lane],
            max_ns: filters.max[lane],
            mean_ns: filters.sum[lane] / self.intervals as f64,
        })
    }

    /// The filters, one by one: where each lies, and in which lane.
    fn lanes(&self) -> impl Iterator<Item = (&Filters, usize)> {
        let all = self.filters.iter().flat_map(|filters| (0..LANES).map(move |lane| (filters, lane)));
        all.filter(|(filters, lane)| filters.rates_hz[*lane] > 0)
    }

    /// The longest time without a step, in nanoseconds.
    pub(super) fn span(&self) -> i64 {
        self.longest().span()
    }

    /// By how many parts per million the ticks of the longest time without a step are more than the rate's; `None` below a second,
    /// and where the packets scatter too much to tell.
    pub(super) fn drift_ppm(&self, rate: u32) -> Option<f64> {
        let part = self.longest();
        let Slope { value, error } = part.line.slope().filter(|_| part.span() >= DRIFT_SPAN_NS)?;
        let rate = f64::from(rate);
        let ppm = Slope { value: value - rate, error }.scaled(1e6 / rate).known_within(MediaClock::KNOWN_WITHIN_PPM)?;
        // ticks are many: what lies behind the fourth digit is of their arithmetic
        Some((ppm * 1e4).round() / 1e4 + 0.0)
    }

    /// Lets go of the rates that the slope has ruled out, the narrower the longer it has been watched.
    #[cold]
    fn thin(&mut self) {
        self.next_thinning = self.next_thinning.saturating_mul(2);
        if self.lanes().count() == 1 {
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
        let is_kept = |rate: u32| rate == best || (slope / f64::from(rate)).ln().abs() < tolerance;
        let (mut kept, all) = (0, self.filters.len() * LANES);
        for at in 0..all {
            let Some(&filters) = self.filters.get(at / LANES) else { break };
            let rate = filters.rates_hz[at % LANES];
            if rate > 0
                && is_kept(rate)
                && let Some(place) = self.filters.get_mut(kept / LANES)
            {
                place.set(kept % LANES, (&filters, at % LANES));
                kept += 1;
            }
        }
        for at in kept..all {
            if let Some(place) = self.filters.get_mut(at / LANES) {
                place.set(at % LANES, (&Filters::default(), 0));
            }
        }
        self.filters.truncate(kept.div_ceil(LANES));
        self.find_least_ticks();
    }

    fn find_least_ticks(&mut self) {
        let slowest = self.lanes().map(|(filters, lane)| filters.rates_hz[lane]).min();
        self.least_ticks = i64::from(slowest.unwrap_or(0) / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_outlives_others_keeps_its_figures() {
        for rate in RATES_HZ.into_iter().filter(|&rate| rate != 88_200) {
            let (mut all, mut alone) = (JitterBank::new(None), JitterBank::new(Some(rate)));
            // 40 packets a second for a bit more than 4 minutes, up to 7 ms late
            for packet in 0..10_000_i64 {
                let time = Timestamp::from_nanos(packet * 25_000_000 + packet * packet % 997 * 7_000);
                let timestamp = (packet * i64::from(rate) / 40) as u32;
                let at = Occurrence { frame: 1, time: Some(time) };
                assert_eq!(all.observe(at, time, timestamp, false), alone.observe(at, time, timestamp, false));
            }
            let left = all.lanes().count();
            assert!(left <= 2, "{left} of all rates are left at {rate} Hz");
            assert_eq!(all.at_rate(rate), alone.at_rate(rate));
        }
    }
}
