//! One cyclic stream: what its counter, its status and its timing did.
//!
//! The step of the counter (send clock factor x reduction ratio) is not in the frame, so it is learned: it is the step
//! seen most often.

use streamlens_model::stats::{Distribution, RunLength, Tally};
use streamlens_model::{Occurrence, Packet};

use super::frame::{DataStatus, Trailer};
use crate::nanos;

/// Steps of the counter that are told apart per stream; the rest are counted together.
const MAX_STEPS: usize = 16;
/// Likewise values of the data status and of the transfer status.
const MAX_STATUSES: usize = 16;
/// Status changes and silences that are kept with their frames.
const MAX_KEPT: usize = 64;
/// How often the step must have been seen before deviations from it are pointed out.
const ESTABLISHED: u64 = 3;
/// A counter up to this far behind is stale; anything else lies ahead (IEC 61158-6-10, data status monitoring).
const LAST_AHEAD: u16 = 61_440;

/// A change of the data status.
#[derive(Clone, Copy, Debug)]
pub(super) struct StatusChange {
    pub(super) at: Occurrence,
    pub(super) from: DataStatus,
    pub(super) to: DataStatus,
}

/// No frame came for longer than the usual time-out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    pub(super) from: Occurrence,
    pub(super) to: Occurrence,
    pub(super) nanoseconds: i64,
}

/// What a frame did that is worth a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The counter passed over this many frames.
    Missing(u32),
    /// The counter went on by what is no multiple of the step.
    OffStep(u16),
    /// The data status changed from this one.
    Status(DataStatus),
}

/// A cyclic stream.
#[derive(Clone, Debug)]
pub(super) struct CyclicStream {
    pub(super) frame_id: u16,
    pub(super) frames: u64,
    pub(super) first: Occurrence,
    pub(super) last: Occurrence,
    /// Bytes of IO data with padding.
    pub(super) data_length: usize,
    /// Whether the frame check sequence stands behind the trailer.
    pub(super) has_fcs: bool,
    /// Frames without a trailer in the capture.
    pub(super) cut: u64,
    previous: Option<Trailer>,
    step: u16,
    step_count: u64,
    pub(super) steps: Tally<u16, MAX_STEPS>,
    statuses: Tally<u8, MAX_STATUSES>,
    transfers: Tally<u8, MAX_STATUSES>,
    /// Data status and transfer status of the frame before; repeats are in no tally yet.
    repeated: RunLength<(u8, u8)>,
    /// Nanoseconds between frames, of which the median is within 2 %.
    pub(super) intervals: Distribution<5>,
    pub(super) backwards: u64,
    pub(super) changes: Vec<StatusChange>,
    pub(super) change_count: u64,
    pub(super) silences: Vec<Silence>,
    pub(super) silence_count: u64,
}

impl CyclicStream {
    pub(super) fn new(frame_id: u16, at: Occurrence) -> Self {
        Self {
            frame_id,
            frames: 0,
            first: at,
            last: at,
            data_length: 0,
            has_fcs: false,
            cut: 0,
            previous: None,
            step: 0,
            step_count: 0,
            steps: Tally::default(),
            statuses: Tally::default(),
            transfers: Tally::default(),
            repeated: RunLength::default(),
            intervals: Distribution::default(),
            backwards: 0,
            changes: Vec::new(),
            change_count: 0,
            silences: Vec::new(),
            silence_count: 0,
        }
    }

    /// The step of the counter seen most often, in units of 31.25 µs; `None` before two frames.
    pub(super) fn step(&self) -> Option<u16> {
        (self.step != 0).then_some(self.step)
    }

    /// Whether the counter goes on steadily: the step has been seen several times and in most frames.
    pub(super) fn is_established(&self) -> bool {
        self.step_count >= ESTABLISHED && self.step_count * 2 >= self.frames.saturating_sub(1)
    }

    /// The update time that the counter's step stands for, in nanoseconds.
    pub(super) fn nominal_ns(&self) -> Option<u64> {
        self.step().map(|step| u64::from(step) * 31_250)
    }

    /// The status of the last frame.
    pub(super) fn status(&self) -> Option<DataStatus> {
        self.previous.map(|trailer| trailer.status)
    }

    /// How often each data status and each transfer status came.
    pub(super) fn tallies(&self) -> (Tally<u8, MAX_STATUSES>, Tally<u8, MAX_STATUSES>) {
        let (mut statuses, mut transfers) = (self.statuses.clone(), self.transfers.clone());
        if let Some(((status, transfer), repeats)) = self.repeated.run() {
            statuses.add_many(status, repeats);
            transfers.add_many(transfer, repeats);
        }
        (statuses, transfers)
    }

    /// Counts the repeats so far, and the status of the next frame, which is another one; `None` where it has none.
    #[inline(never)]
    fn count_status(&mut self, next: Option<Trailer>) {
        let next = next.map(says);
        if let Some(((status, transfer), repeats)) = self.repeated.replace(next) {
            self.statuses.add_many(status, repeats);
            self.transfers.add_many(transfer, repeats);
        }
        if let Some((status, transfer)) = next {
            self.statuses.add(status);
            self.transfers.add(transfer);
        }
    }

    /// Frames that the counter passed over, going by the step seen most often.
    pub(super) fn missing(&self) -> Option<u64> {
        let step = self.step()?;
        let skipped = |s: u16| u64::from(s / step).saturating_sub(1);
        let ahead = self.steps.iter().filter(|&(s, _)| s <= LAST_AHEAD && s % step == 0);
        Some(ahead.map(|(s, count)| skipped(s) * count).sum())
    }

    /// Records a frame and says what happened; the trailer is `None` where the capture cut it. Always inlined: what it
    /// gives would go through memory otherwise, and most often nothing happened.
    #[inline(always)]
    pub(super) fn take(&mut self, packet: &Packet<'_>) -> (Option<Trailer>, [Option<Event>; 2]) {
        let at = Occurrence { frame: packet.frame, time: packet.time };
        let mut events = [None; 2];
        self.frames += 1;
        let trailer = if packet.missing == 0 { self.trailer(packet.payload) } else { None };
        let Some(trailer) = trailer else {
            self.cut += 1;
            self.count_status(None);
            (self.last, self.previous) = (at, None);
            return (None, events);
        };
        if !self.repeated.repeats(&says(trailer)) {
            self.count_status(Some(trailer));
        }
        if let Some(previous) = self.previous {
            let step = trailer.counter.wrapping_sub(previous.counter);
            events = [self.note_step(step), self.note_status(previous.status, trailer.status, at)];
        }
        if self.frames > 1
            && let (Some(now), Some(before)) = (packet.time, self.last.time)
        {
            self.note_interval(nanos::elapsed(before, now), at);
        }
        (self.last, self.previous) = (at, Some(trailer));
        (Some(trailer), events)
    }

    /// Finds the trailer: at the end, or in front of a frame check sequence that the capture left in.
    #[inline]
    fn trailer(&mut self, payload: &[u8]) -> Option<Trailer> {
        const FCS: usize = 4;
        let behind = if self.has_fcs { FCS } else { 0 };
        let mut trailer = Trailer::read(payload, behind)?;
        // A check sequence looks like a good status once in a thousand frames; a trailer nearly always does. So the
        // place changes where the other one looks good, and what it says follows on the frame before.
        if !trailer.is_plausible() {
            let other = Trailer::read(payload, FCS - behind);
            if let Some(other) = other.filter(|t| t.is_plausible() && (self.frames <= 2 || self.follows(*t))) {
                self.has_fcs = !self.has_fcs;
                trailer = other;
            }
        }
        self.data_length = payload.len() - 2 - Trailer::LENGTH - if self.has_fcs { FCS } else { 0 };
        Some(trailer)
    }

    fn follows(&self, trailer: Trailer) -> bool {
        self.previous.is_some_and(|p| p.status == trailer.status && trailer.counter != p.counter)
    }

    #[inline]
    fn note_step(&mut self, step: u16) -> Option<Event> {
        let count = self.steps.add(step);
        if step == self.step {
            self.step_count = count;
            return None;
        }
        self.other_step(step, count)
    }

    fn other_step(&mut self, step: u16, count: u64) -> Option<Event> {
        if !(1..=LAST_AHEAD).contains(&step) {
            return None;
        }
        if count > self.step_count {
            (self.step, self.step_count) = (step, count);
            return None;
        }
        if !self.is_established() {
            return None;
        }
        if step.is_multiple_of(self.step) {
            return Some(Event::Missing(u32::from(step / self.step) - 1));
        }
        Some(Event::OffStep(step))
    }

    #[inline]
    fn note_status(&mut self, from: DataStatus, to: DataStatus, at: Occurrence) -> Option<Event> {
        if from == to {
            return None;
        }
        self.change_count += 1;
        if self.changes.len() < MAX_KEPT {
            self.changes.push(StatusChange { at, from, to });
        }
        Some(Event::Status(from))
    }

    #[inline(always)]
    fn note_interval(&mut self, interval: i64, at: Occurrence) {
        if interval < 0 {
            self.backwards += 1;
            return;
        }
        self.intervals.push(interval.cast_unsigned());
        // Three cycles are the usual time-out; the agreed one is not known here.
        if interval > i64::from(self.step) * (3 * 31_250) && self.is_established() {
            self.silence_count += 1;
            if self.silences.len() < MAX_KEPT {
                self.silences.push(Silence { from: self.last, to: at, nanoseconds: interval });
            }
        }
    }
}

/// Data status and transfer status.
const fn says(trailer: Trailer) -> (u8, u8) {
    (trailer.status.0, trailer.transfer)
}

/// The `FrameID` of a payload, where it is that of cyclic data.
#[inline]
pub(super) fn cyclic_id(payload: &[u8]) -> Option<u16> {
    super::frame_id(payload).filter(|&id| super::frame::FrameClass::of(id).is_cyclic())
}
