//! The sampling rate and the timing of an audio stream: what PCM and AM824 have in common.

use streamlens_model::{Occurrence, Timestamp, Value};

use crate::rtp::RtpPacket;

/// Sampling rates in Hz that are told apart.
const RATES_HZ: [u32; 10] = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000];
/// Window of the time stamp delay factor, as EBU LIST has it (EBU Tech 3337 says 1 s at most).
const WINDOW_NS: i64 = 200_000_000;
/// Shortest span over which a rate is judged.
const SPAN_NS: i64 = 20_000_000;

/// The time stamp delay factor at one supposed rate.
#[derive(Clone, Copy, Debug)]
struct DelayFactor {
    rate: u32,
    nanos_per_tick: f64,
    low: f64,
    high: f64,
    smallest: f64,
    largest: f64,
    sum: f64,
    worst: Occurrence,
}

impl DelayFactor {
    fn new(rate: u32) -> Self {
        let worst = Occurrence { frame: 0, time: None };
        let nanos_per_tick = 1e9 / f64::from(rate);
        Self { rate, nanos_per_tick, low: 0.0, high: 0.0, smallest: f64::INFINITY, largest: 0.0, sum: 0.0, worst }
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
    agreed_step: Option<u32>,
    steps_differ: bool,
}

impl Timing {
    pub(super) fn new() -> Self {
        Self {
            first: None,
            last_timestamp: 0,
            ticks: 0,
            front: 0,
            front_time: None,
            window: None,
            windows: 0,
            factors: RATES_HZ.iter().map(|&rate| DelayFactor::new(rate)).collect(),
            agreed_step: None,
            steps_differ: false,
        }
    }

    /// Takes note of a packet's timestamp and arrival.
    #[inline]
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
            Some((start, base, _)) if (0..=WINDOW_NS).contains(&time.since(start)) => (start, base),
            _ => {
                self.close_window();
                self.window = Some((time, packet.timestamp, at));
                (time, packet.timestamp)
            }
        };
        let elapsed = time.since(start) as f64;
        let ticks = f64::from(packet.timestamp.wrapping_sub(base).cast_signed());
        for factor in &mut self.factors {
            let delay = elapsed - ticks * factor.nanos_per_tick;
            factor.low = factor.low.min(delay);
            factor.high = factor.high.max(delay);
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
        if let Some((.., at)) = self.window {
            self.windows += 1;
            for factor in &mut self.factors {
                let spread = factor.high - factor.low;
                if spread > factor.largest {
                    (factor.largest, factor.worst) = (spread, at);
                }
                factor.smallest = factor.smallest.min(spread);
                factor.sum += spread;
                (factor.low, factor.high) = (0.0, 0.0);
            }
        }
        // Once the rate is beyond doubt, the others are let go.
        if let Some((rate, _)) = self.rate().filter(|&(_, span)| span > 2_000_000_000 && self.factors.len() > 1) {
            self.factors.retain(|factor| factor.rate == rate);
        }
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
