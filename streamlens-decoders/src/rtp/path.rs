//! What one path of a redundant pair (ST 2022-7) delivered: which sequence numbers are missing, and when sampled ones
//! arrived. Bounded, whatever the length of the capture.

use streamlens_model::{Occurrence, Timestamp};

/// The most runs of missing numbers kept.
pub(super) const MAX_RUNS: usize = 4096;
/// The most arrivals kept. When they are full, every second one is let go and the sampling gets coarser, so that they
/// always span the whole stream.
const MAX_SAMPLES: usize = 256;
/// A jump ahead by more than this is a restart, as the engine's sequence accounting has it.
const MAX_JUMP: i16 = 10_000;
/// So far off the highest a number can still be a late one.
const MAX_BEHIND: i16 = -1024;

/// Sequence numbers extended beyond 16 bits, from first to last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: i64,
    pub(super) last: i64,
    /// The packet behind it.
    pub(super) at: Occurrence,
}

/// When a packet with a sampled number arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) number: i64,
    pub(super) timestamp: u32,
    pub(super) time: Timestamp,
}

/// Where a packet stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// Ahead of all before it by so many numbers; 1 is the next.
    Ahead(u16),
    /// Not ahead: a duplicate or late.
    Behind,
    /// Too far off to be either.
    Stray,
    /// The next one on a stray: numbers have begun afresh there.
    Restart,
}

/// The delivery of one stream.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) first: i64,
    pub(super) highest: i64,
    stray: Option<u16>,
    pub(super) missing: Vec<Run>,
    /// Numbers that went missing when there was no room for another run.
    pub(super) not_kept: u64,
    pub(super) samples: Vec<Sample>,
    stride: i64,
}

impl Path {
    pub(super) fn new(sequence: u16) -> Self {
        let number = i64::from(sequence);
        let (missing, samples) = (Vec::new(), Vec::new());
        Self { first: number, highest: number, stray: None, missing, not_kept: 0, samples, stride: 1 }
    }

    /// Takes note of a packet; the first one that the path was made with is given too.
    #[inline]
    pub(super) fn observe(&mut self, sequence: u16, timestamp: u32, at: Occurrence) -> Position {
        let step = sequence.wrapping_sub(self.highest as u16).cast_signed();
        let number = self.highest + i64::from(step);
        let position = match step {
            1 => {
                self.highest = number;
                self.stray = None;
                Position::Ahead(1)
            }
            _ => self.observe_out_of_order(sequence, step, number, at),
        };
        if number & (self.stride - 1) == 0
            && position != Position::Stray
            && let Some(time) = at.time
        {
            self.sample(Sample { number, timestamp, time });
        }
        position
    }

    #[cold]
    #[inline(never)]
    fn observe_out_of_order(&mut self, sequence: u16, step: i16, number: i64, at: Occurrence) -> Position {
        match step {
            1..=MAX_JUMP => {
                self.lose(Run { first: self.highest + 1, last: number - 1, at });
                self.highest = number;
                self.stray = None;
                Position::Ahead(step.cast_unsigned())
            }
            MAX_BEHIND..=0 => {
                self.find(number);
                // A few packets that overtook the very first one move the beginning back.
                if (self.first - 16..self.first).contains(&number) {
                    let first = std::mem::replace(&mut self.first, number);
                    self.lose(Run { first: number + 1, last: first - 1, at });
                }
                Position::Behind
            }
            _ if self.stray == Some(sequence.wrapping_sub(1)) => {
                *self = Self::new(sequence);
                Position::Restart
            }
            _ => {
                self.stray = Some(sequence);
                Position::Stray
            }
        }
    }

    fn lose(&mut self, run: Run) {
        if run.first > run.last {
            return;
        }
        if self.missing.len() < MAX_RUNS {
            let at = self.missing.partition_point(|other| other.first < run.first);
            self.missing.insert(at, run);
        } else {
            self.not_kept += run.last.abs_diff(run.first) + 1;
        }
    }

    /// A missing number has come after all.
    fn find(&mut self, number: i64) {
        let at = self.missing.partition_point(|run| run.last < number);
        let Some(run) = self.missing.get_mut(at) else { return };
        if run.first > number {
            return;
        }
        let (before, behind) = (Run { last: number - 1, ..*run }, Run { first: number + 1, ..*run });
        match (before.first <= before.last, behind.first <= behind.last) {
            (true, true) => {
                *run = before;
                self.lose(behind);
            }
            (true, false) => *run = before,
            (false, true) => *run = behind,
            (false, false) => {
                self.missing.remove(at);
            }
        }
    }

    #[inline(never)]
    fn sample(&mut self, sample: Sample) {
        // Samples stay in order: only what is ahead, and the very first, is taken.
        if self.samples.last().is_some_and(|last| last.number >= sample.number) {
            return;
        }
        if self.samples.len() == MAX_SAMPLES {
            self.stride *= 2;
            let stride = self.stride;
            self.samples.retain(|kept| kept.number & (stride - 1) == 0);
            if sample.number & (stride - 1) != 0 {
                return;
            }
        }
        self.samples.push(sample);
    }
}
