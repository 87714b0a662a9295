//! Where a media clock steps: a sender that was set anew, that forgot to count a silence, or that began again.

use streamlens_model::stats::Line;
use streamlens_model::{Occurrence, Timestamp};

use super::jitter::Filters;

/// A timestamp and arrival that part by so much make a step, in nanoseconds.
pub(super) const STEP_NS: u64 = 1_000_000_000;

/// A stretch over which a clock ran without a step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    first_time: Option<Timestamp>,
    /// Timestamp of the furthest packet relative to the first one, and when it came.
    pub(super) front: i64,
    front_time: Option<Timestamp>,
    pub(super) ticks: i64,
    /// Ticks over seconds since the first packet.
    pub(super) line: Line,
}

impl Part {
    pub(super) fn beginning(time: Timestamp) -> Self {
        let mut line = Line::default();
        line.push(0.0, 0.0);
        Self { first_time: Some(time), front: 0, front_time: Some(time), ticks: 0, line }
    }

    #[inline]
    pub(super) fn go_on(&mut self, ticks: i64, time: Timestamp) {
        self.ticks += ticks;
        if let Some(first) = self.first_time {
            self.line.push(time.since(first) as f64 * 1e-9, self.ticks as f64);
        }
        if self.ticks > self.front {
            (self.front, self.front_time) = (self.ticks, Some(time));
        }
    }

    /// From the first packet to the furthest one, in nanoseconds.
    pub(super) fn span(&self) -> i64 {
        self.front_time.zip(self.first_time).map_or(0, |(front, first)| front.since(first))
    }
}

/// A timestamp that went on by another time than went by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClockStep {
    /// The packet behind it.
    pub(super) at: Occurrence,
    /// The time that went by in nanoseconds; negative where time ran backwards.
    pub(super) interval_ns: i64,
    /// By how much the timestamp went on.
    pub(super) ticks: i32,
}

/// A step of which it is not clear yet whether the clock made it, or the network held packets back: those come all at once.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) step: ClockStep,
    /// Whether no network can have made it: packets that are early.
    is_sure: bool,
    pub(super) filters: Vec<Filters>,
    pub(super) part: Part,
    nanos_per_tick: f64,
    packets: u32,
    media_ns: f64,
    elapsed_ns: f64,
}

impl Waiting {
    /// Packets after which it is decided, once they span this much media time or, by their arrival, a second.
    const PACKETS: u32 = 8;
    const MEDIA_NS: f64 = 60e6;

    /// `filters` and `part` are those before the step, which go on where it turns out to be none.
    pub(super) fn new(step: ClockStep, is_sure: bool, filters: Vec<Filters>, part: Part, nanos_per_tick: f64) -> Self {
        Self { step, is_sure, filters, part, nanos_per_tick, packets: 0, media_ns: 0.0, elapsed_ns: 0.0 }
    }

    /// Records a packet behind the step.
    pub(super) fn observe(&mut self, packet: &ClockStep) {
        self.packets += 1;
        self.media_ns += f64::from(packet.ticks) * self.nanos_per_tick;
        self.elapsed_ns += packet.interval_ns as f64;
    }

    pub(super) fn is_decided(&self) -> bool {
        let is_long = self.media_ns >= Self::MEDIA_NS || self.elapsed_ns >= 1e9;
        self.is_sure || (self.packets >= Self::PACKETS && is_long)
    }

    /// Whether what came since makes up for the delay.
    pub(super) fn was_held_back(&self) -> bool {
        !self.is_sure && self.elapsed_ns * 2.0 < self.media_ns
    }
}
