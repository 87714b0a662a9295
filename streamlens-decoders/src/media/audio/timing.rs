//! The sampling rate and the timing of an audio stream: what PCM and AM824 have in common.

use streamlens_model::{Occurrence, Timestamp, Value};

use crate::nanos;
use crate::rtp::RtpPacket;

/// Sampling rates in Hz that are told apart.
const RATES_HZ: [u32; 10] = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000];
/// Window of the time stamp delay factor, as EBU LIST has it (EBU Tech 3337 says 1 s at most).
const WINDOW_NS: i64 = 200_000_000;
/// Shortest span over which a rate is judged.
const SPAN_NS: i64 = 20_000_000;

/// The delays of the window that goes on, at two supposed rates side by side, which one instruction computes together.
#[derive(Clone, Copy, Debug, Default)]
struct Delays {
    nanos_per_tick: [f64; 2],
    low: [f64; 2],
    high: [f64; 2],
}

impl Delays {
    #[inline]
    fn note(&mut self, elapsed: f64, ticks: f64) {
        for lane in 0..2 {
            let delay = elapsed - ticks * self.nanos_per_tick[lane];
            // None is ever NaN, which `f64::min` would look for.
            self.low[lane] = if delay < self.low[lane] { delay } else { self.low[lane] };
            self.high[lane] = if delay > self.high[lane] { delay } else { self.high[lane] };
        }
    }
}

/// The time stamp delay factor at one supposed rate, of the windows that are over.
#[derive(Clone, Copy, Debug)]
struct DelayFactor {
    rate: u32,
    smallest: f64,
    largest: f64,
    sum: f64,
    worst: Occurrence,
}

impl DelayFactor {
    fn new(rate: u32) -> Self {
        let worst = Occurrence { frame: 0, time: None };
        Self { rate, smallest: f64::INFINITY, largest: 0.0, sum: 0.0, worst }
    }
}

/// A time stamp delay factor of a whole stream: largest less smallest delay within a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TsDf {
    /// Whole windows.
    pub(super) windows: u64,
    /// Of the best window, in ns.
    pub(super) min_ns: f64,
    /// Of the worst window, in ns.
    pub(super) max_ns: f64,
    pub(super) mean_ns: f64,
    /// The first packet of the worst window.
    pub(super) worst: Occurrence,
}

/// Rate and delay factors of one stream.
#[derive(Clone, Debug)]
pub(super) struct Timing {
    first: Option<(Timestamp, u32)>,
    last_timestamp: u32,
    ticks: i64,
    front: i64,
    front_time: Option<Timestamp>,
    window: Option<(Timestamp, u32, Occurrence)>,
    windows: u64,
    factors: Vec<DelayFactor>,
    /// Of the factors in their order, two each.
    delays: [Delays; RATES_HZ.len().div_ceil(2)],
    agreed_step: Option<u32>,
    steps_differ: bool,
}

impl Timing {
    pub(super) fn new() -> Self {
        let mut timing = Self {
            first: None,
            last_timestamp: 0,
            ticks: 0,
            front: 0,
            front_time: None,
            window: None,
            windows: 0,
            factors: RATES_HZ.iter().map(|&rate| DelayFactor::new(rate)).collect(),
            delays: Default::default(),
            agreed_step: None,
            steps_differ: false,
        };
        timing.begin_window();
        timing
    }

    /// Records a packet's timestamp and arrival.
    #[inline(always)]
    pub(super) fn observe(&mut self, packet: &RtpPacket<'_>, at: Occurrence) {
        let Some(time) = at.time else { return };
        if self.first.is_none() {
            self.first = Some((time, packet.timestamp));
            self.last_timestamp = packet.timestamp;
        }
        self.ticks += i64::from(packet.timestamp.wrapping_sub(self.last_timestamp).cast_signed());
        self.last_timestamp = packet.timestamp;
        if self.ticks >= self.front {
            (self.front, self.front_time) = (self.ticks, Some(time));
        }
        let (start, base) = match self.window {
            Some((start, base, _)) if (0..=WINDOW_NS).contains(&nanos::elapsed(start, time)) => (start, base),
            _ => {
                self.close_window();
                self.window = Some((time, packet.timestamp, at));
                (time, packet.timestamp)
            }
        };
        let elapsed = nanos::elapsed(start, time) as f64;
        let ticks = f64::from(packet.timestamp.wrapping_sub(base).cast_signed());
        for delays in self.delays.iter_mut().take(self.factors.len().div_ceil(2)) {
            delays.note(elapsed, ticks);
        }
    }

    fn begin_window(&mut self) {
        for (delays, factors) in self.delays.iter_mut().zip(self.factors.chunks(2)) {
            *delays = Delays::default();
            for (nanos, factor) in delays.nanos_per_tick.iter_mut().zip(factors) {
                *nanos = 1e9 / f64::from(factor.rate);
            }
        }
    }

    /// A step of the timestamp between two packets in sequence.
    pub(super) fn note_step(&mut self, step: u32) {
        match self.agreed_step {
            None => self.agreed_step = Some(step),
            Some(agreed) => self.steps_differ |= agreed != step,
        }
    }

    /// Samples in each packet, where that never changed.
    pub(super) fn constant_step(&self) -> Option<u32> {
        self.agreed_step.filter(|_| !self.steps_differ)
    }

    #[cold]
    fn close_window(&mut self) {
        let Some((.., at)) = self.window else { return };
        self.windows += 1;
        let spreads = self.delays.iter().flat_map(|delays| [0, 1].map(|lane| delays.high[lane] - delays.low[lane]));
        for (factor, spread) in self.factors.iter_mut().zip(spreads) {
            if spread > factor.largest {
                (factor.largest, factor.worst) = (spread, at);
            }
            factor.smallest = factor.smallest.min(spread);
            factor.sum += spread;
        }
        // Once the rate is beyond doubt, the others are let go.
        if let Some((rate, _)) = self.rate().filter(|&(_, span)| span > 2_000_000_000 && self.factors.len() > 1) {
            self.factors.retain(|factor| factor.rate == rate);
        }
        self.begin_window();
    }

    /// The sampling rate that the timestamps run at, and the span in ns that says so.
    pub(super) fn rate(&self) -> Option<(u32, i64)> {
        let span = self.front_time?.since(self.first?.0);
        if span < SPAN_NS || self.front <= 0 {
            return None;
        }
        let slope = self.front as f64 * 1e9 / span as f64;
        // how many times too fast or too slow: a logarithm for each of ten rates would take longer than all else here
        let off = |rate: u32| {
            let ratio = slope / f64::from(rate);
            ratio.max(1.0 / ratio)
        };
        let best = RATES_HZ.into_iter().min_by(|&a, &b| off(a).total_cmp(&off(b)))?;
        // 1 % over a second and more; packets come in bursts, so less time tells less. Video's 90 kHz is 2 % off 88.2.
        let tolerance = match (best, span) {
            (88_200, _) => 0.003,
            (_, ..1_000_000_000) => 0.04,
            _ => 0.01,
        };
        (off(best).ln() < tolerance).then_some((best, span))
    }

    /// The delay factors of the whole windows, at a rate.
    pub(super) fn ts_df(&self, rate: u32) -> Option<TsDf> {
        let factor = self.factors.iter().find(|factor| factor.rate == rate)?;
        (self.windows > 0).then(|| TsDf {
            windows: self.windows,
            min_ns: factor.smallest,
            max_ns: factor.largest,
            mean_ns: factor.sum / self.windows as f64,
            worst: factor.worst,
        })
    }
}

impl TsDf {
    /// As metadata, with the verdict against the packet time: below one packet time narrow, up to 17 wide.
    pub(super) fn value(&self, packet_time_ns: Option<f64>) -> Value {
        let mut pairs = vec![
            ("windows", Value::from(self.windows)),
            ("window_ns", Value::from(WINDOW_NS)),
            ("min_ns", Value::from(self.min_ns)),
            ("mean_ns", Value::from(self.mean_ns)),
            ("max_ns", Value::from(self.max_ns)),
            ("worst_frame", Value::from(self.worst.frame)),
        ];
        pairs.extend(self.worst.time.map(|time| ("worst_time", Value::from(time))));
        if let Some(packet_time) = packet_time_ns {
            pairs.push(("limit_narrow_ns", packet_time.into()));
            pairs.push(("limit_wide_ns", (packet_time * 17.0).into()));
            pairs.push(("verdict", self.verdict(packet_time).into()));
        }
        Value::map(pairs)
    }

    pub(super) fn verdict(&self, packet_time_ns: f64) -> &'static str {
        match self.max_ns / packet_time_ns {
            ..1.0 => "narrow",
            ..=17.0 => "wide",
            _ => "not compliant",
        }
    }
}
