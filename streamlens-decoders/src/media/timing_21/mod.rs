//! ST 2110-21 timing: the network compatibility model (`C_INST`), the virtual receiver buffer (`VRX`), first packet
//! time, RTP offset and packet intervals, in the forms of EBU LIST.
//!
//! `C_INST`: C is 0 at the first packet; the drain grid is laid there; N is the packet count of a full unit; arrival
//! order, lost packets ignored, never reset. A bucket that counts the arriving packet itself reads one higher.
//! `VRX`: for the linear schedule and, where the raster has one, the gapped; `T_VD` is anchored at the first packet
//! after the first unit's end, and each unit begins a period after the one before. A capture clock that is not PTP
//! shows no more than this. Where the RTP timestamps show that it is PTP (capture time and timestamp agree, on TAI or
//! 37 s apart on UTC), `T_VD` is the standard's too: N * `T_FRAME` + `TRO_DEFAULT`. Units with lost, repeated or
//! reordered packets are left out of `VRX`: each would shift the level.
//!
//! The models are exact in integers. They begin when packets per unit and rate are known; arrivals before are held,
//! at most [`Timing::MAX_HELD`] of them.

mod declared;
pub(crate) mod grid;
pub(crate) mod limits;
mod ptp_clock;
mod report;
#[cfg(test)]
mod tests;

use streamlens_model::stats::{self, Summary};
use streamlens_model::{Occurrence, Timestamp};

use grid::{DrainBucket, ReceiverBuffer};
use limits::Profile;
use ptp_clock::PtpClock;

use super::unit::Steps;
use crate::nanos;

/// One packet, as far as timing goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Occurrence,
    /// Whether it is the first packet of a unit that it begins.
    pub(crate) starts_unit: bool,
    /// RTP timestamp.
    pub(crate) timestamp: u32,
    /// Whether it is out of order or follows on a gap, so that its unit is no measure of the receiver buffer.
    pub(crate) irregular: bool,
    /// Whether it comes after a marker.
    pub(crate) after_marker: bool,
}

/// The extremes of a level, and the packets that reached them first.
pub(crate) type Extremes = stats::Extremes<Occurrence>;

/// One receiver buffer with its extremes over all whole units and over the unit that is going on.
#[derive(Clone, Debug)]
struct Receiver {
    buffer: ReceiverBuffer,
    all: Extremes,
    unit: Extremes,
}

impl Receiver {
    fn new(buffer: ReceiverBuffer) -> Self {
        Self { buffer, all: Extremes::default(), unit: Extremes::default() }
    }

    fn extremes(&self, with_unit: bool) -> Extremes {
        let mut extremes = self.all;
        if with_unit {
            extremes.merge(&self.unit);
        }
        extremes
    }
}

/// Where a receiver buffer's schedule is anchored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anchor {
    /// At the first packet after the first unit's end.
    FirstPacket,
    /// At the PTP epoch.
    Epoch,
}

/// The models, once packets per unit and rate are known.
#[derive(Clone, Debug)]
struct Models {
    profile: Profile,
    bucket: DrainBucket,
    c_inst: Extremes,
    histogram: Vec<u64>,
    previous: Option<i64>,
    /// By schedule (linear, gapped) and anchor (first packet, epoch).
    receivers: Vec<(Anchor, bool, Receiver)>,
    /// Nanoseconds to add to the capture's time to have TAI, where the capture's clock is PTP.
    to_tai: Option<i64>,
    anchored: Option<(i128, u32)>,
    unit_is_regular: bool,
    in_unit: bool,
    intervals: Intervals,
    first_packet: FirstPacket,
}

/// First packets against the PTP schedule: time since the period's begin in nanoseconds, and the timestamp's distance
/// from that begin in ticks.
#[derive(Clone, Copy, Debug, Default)]
struct FirstPacket {
    time: Summary,
    offset: Summary,
}

/// Packet intervals in nanoseconds, inside units and after a marker.
#[derive(Clone, Copy, Debug, Default)]
struct Intervals {
    regular: Summary,
    after_marker: Summary,
}

/// ST 2110-21 timing of one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timing {
    held: Vec<Arrival>,
    models: Option<Box<Models>>,
    clock: PtpClock,
    /// Arrivals that found no room before the models began.
    let_go: u64,
}

impl Timing {
    /// The most packets that are held before the models begin: several units of HD, one of UHD at 8 bytes a pixel.
    pub(crate) const MAX_HELD: usize = 65_536;

    /// Records a packet. Packets of a capture without times are passed over.
    #[inline(always)]
    pub(crate) fn observe(&mut self, arrival: Arrival) {
        let Some(time) = arrival.at.time else { return };
        if arrival.starts_unit {
            self.clock.unit(time, arrival.timestamp);
        }
        match &mut self.models {
            Some(models) => models.packet(arrival, time),
            None if self.held.len() < Self::MAX_HELD => self.held.push(arrival),
            None => self.let_go += 1,
        }
    }

    /// Whether the models wait for [`Self::begin`], and enough steps of the timestamp tell the rate.
    pub(crate) fn is_ready(&self, steps: &Steps) -> bool {
        const ENOUGH_STEPS: u64 = 4;
        self.models.is_none() && !self.held.is_empty() && steps.counts().total() >= ENOUGH_STEPS
    }

    /// Begins the models, with all packets held so far.
    pub(crate) fn begin(&mut self, profile: Profile) {
        self.models = Some(self.models_of_held(profile));
        self.held = Vec::new();
    }

    /// The models as they are after all packets held.
    fn models_of_held(&self, profile: Profile) -> Box<Models> {
        let mut models = Box::new(Models::new(profile, self.clock.tai_shift()));
        for arrival in &self.held {
            if let Some(time) = arrival.at.time {
                models.packet(*arrival, time);
            }
        }
        models
    }
}

impl Models {
    /// Levels of `C_INST` above this are counted together.
    const HISTOGRAM: usize = 1024;

    fn new(profile: Profile, to_tai: Option<i64>) -> Self {
        Self {
            bucket: DrainBucket::new(profile.packets, profile.rate),
            profile,
            c_inst: Extremes::default(),
            histogram: vec![0; 64],
            previous: None,
            receivers: Vec::new(),
            to_tai,
            anchored: None,
            unit_is_regular: true,
            in_unit: false,
            intervals: Intervals::default(),
            first_packet: FirstPacket::default(),
        }
    }

    fn packet(&mut self, arrival: Arrival, time: Timestamp) {
        let now = time.as_nanos();
        let nanos = self.previous.map(|previous| nanos::saturating_difference(now, previous));
        let level = match nanos {
            None => 0,
            Some(nanos) => {
                if arrival.after_marker {
                    self.intervals.after_marker.push(nanos);
                } else {
                    self.intervals.regular.push(nanos);
                }
                self.bucket.packet(nanos)
            }
        };
        self.c_inst.push(level, arrival.at);
        let bin = usize::try_from(level).unwrap_or(0).min(Self::HISTOGRAM);
        if bin >= self.histogram.len() {
            self.histogram.resize((bin + 1).next_power_of_two().min(Self::HISTOGRAM + 1), 0);
        }
        if let Some(count) = self.histogram.get_mut(bin) {
            *count += 1;
        }
        self.receive(arrival, now, nanos);
        self.previous = Some(now);
    }

    /// `nanos` is the time since the packet before.
    #[inline]
    fn receive(&mut self, arrival: Arrival, now: i64, nanos: Option<i64>) {
        if arrival.starts_unit {
            self.end_unit();
            if let Some(shift) = self.to_tai {
                self.first_packet.unit(i128::from(now) + i128::from(shift), arrival.timestamp, &self.profile);
            }
            if self.anchored.is_none() && arrival.after_marker {
                self.anchor(now, arrival.timestamp);
            }
            if let Some((_, first)) = self.anchored {
                let unit = self.periods(arrival.timestamp, first);
                self.in_unit = true;
                for (anchor, _, receiver) in &mut self.receivers {
                    let (time, unit) = match anchor {
                        Anchor::FirstPacket => (i128::from(now), unit),
                        Anchor::Epoch => {
                            let tai = i128::from(now) + i128::from(self.to_tai.unwrap_or(0));
                            (tai, periods_since_epoch(tai, &self.profile))
                        }
                    };
                    let level = receiver.buffer.start_unit(time, unit);
                    receiver.unit.push(level, arrival.at);
                }
            }
        } else if self.in_unit
            && let Some(nanos) = nanos
        {
            for (_, _, receiver) in &mut self.receivers {
                let level = receiver.buffer.packet(nanos);
                receiver.unit.push(level, arrival.at);
            }
        }
        self.unit_is_regular &= !arrival.irregular;
    }

    fn end_unit(&mut self) {
        for (_, _, receiver) in &mut self.receivers {
            if self.unit_is_regular {
                receiver.all.merge(&receiver.unit);
            }
            receiver.unit = Extremes::default();
        }
        self.unit_is_regular = true;
    }

    fn anchor(&mut self, now: i64, timestamp: u32) {
        self.anchored = Some((i128::from(now), timestamp));
        let (packets, rate) = (self.profile.packets, self.profile.rate);
        let mut add = |anchor, gapped, active| {
            let (origin, offset) = match anchor {
                Anchor::FirstPacket => (i128::from(now), (0, 1)),
                Anchor::Epoch => (0, self.profile.default_offset()),
            };
            let buffer = ReceiverBuffer::new(packets, rate, active, offset, origin);
            self.receivers.push((anchor, gapped, Receiver::new(buffer)));
        };
        add(Anchor::FirstPacket, false, (1, 1));
        if self.to_tai.is_some() {
            add(Anchor::Epoch, false, (1, 1));
        }
        if let Some(active) = self.profile.active() {
            add(Anchor::FirstPacket, true, active);
            if self.to_tai.is_some() {
                add(Anchor::Epoch, true, active);
            }
        }
    }

    /// How many periods a timestamp lies after that of the anchor: over lost units the schedule goes on.
    fn periods(&self, timestamp: u32, first: u32) -> i128 {
        // The timestamp wraps after 13 hours; whole wraps come from the capture's time.
        let rate = self.profile.rate;
        let wrap = 1_i128 << 32;
        let ticks = i128::from(timestamp.wrapping_sub(first));
        let elapsed = match (self.previous, self.anchored) {
            (Some(previous), Some((anchor, _))) => (i128::from(previous) - anchor) * 9 / 100_000,
            _ => 0,
        };
        let ticks = ticks + wrap * (elapsed - ticks + wrap / 2).div_euclid(wrap);
        let period = 90_000 * i128::from(rate.denominator);
        (ticks * i128::from(rate.numerator) + period / 2).div_euclid(period)
    }
}

impl FirstPacket {
    fn unit(&mut self, tai: i128, timestamp: u32, profile: &Profile) {
        let (numerator, denominator) = (i128::from(profile.rate.numerator), i128::from(profile.rate.denominator));
        let begin = periods_since_epoch(tai, profile) * denominator;
        self.time.push((tai - begin * 1_000_000_000 / numerator) as i64);
        let ticks = (begin * 90_000 * 2 + numerator).div_euclid(numerator * 2);
        // Truncation to 32 bits is the timestamp's own.
        self.offset.push(i64::from((timestamp.wrapping_sub(ticks as u32)) as i32));
    }
}

/// Whole periods from the epoch to an instant of TAI.
fn periods_since_epoch(tai: i128, profile: &Profile) -> i128 {
    (tai * i128::from(profile.rate.numerator)).div_euclid(1_000_000_000 * i128::from(profile.rate.denominator))
}
