//! What one path of a redundant pair (ST 2022-7) delivered: which sequence numbers are missing, and when sampled ones
//! arrived. Bounded, whatever the length of the capture.

use streamlens_model::stats::{Arrival, MissingRange, Sequence, SequenceWindow};
use streamlens_model::{Occurrence, Timestamp};

/// The most runs of missing numbers kept.
const MAX_RUNS: usize = 4096;
/// The most arrivals kept. When they are full, every second one is let go and the sampling gets coarser, so that they
/// always span the whole stream.
const MAX_SAMPLES: usize = 256;

/// When a packet with a sampled number arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Sequence number, extended beyond 16 bits.
    pub(super) number: u64,
    pub(super) timestamp: u32,
    pub(super) time: Timestamp,
}

/// Where a packet stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// The next one.
    Next,
    /// Ahead of all before it, with numbers missing in between.
    Ahead,
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
    window: SequenceWindow<MAX_RUNS>,
    pub(super) samples: Vec<Sample>,
    stride: u64,
}

impl Path {
    pub(super) fn new(sequence: u16) -> Self {
        Self { window: SequenceWindow::new(&number(sequence)), samples: Vec::new(), stride: 1 }
    }

    /// Records a packet; the first one that the path was made with is given too.
    #[inline]
    pub(super) fn observe(&mut self, sequence: u16, timestamp: u32, at: Occurrence) -> Position {
        let position = if self.window.push_next(&number(sequence)) {
            Position::Next
        } else {
            self.observe_out_of_order(sequence, at)
        };
        // the lower bits of the extended number
        if u64::from(sequence) & (self.stride - 1) & u64::from(u16::MAX) == 0
            && position != Position::Stray
            && let Some(time) = at.time
        {
            let number = self.window.extended(sequence.into());
            if number & (self.stride - 1) == 0 {
                self.sample(Sample { number, timestamp, time });
            }
        }
        position
    }

    /// Records a packet that was sent again: it only closes a gap.
    pub(super) fn fill(&mut self, sequence: u16, at: Occurrence) {
        self.observe_out_of_order(sequence, at);
    }

    #[cold]
    #[inline(never)]
    fn observe_out_of_order(&mut self, sequence: u16, at: Occurrence) -> Position {
        match self.window.push(&number(sequence), &at) {
            Arrival::InOrder => Position::Next,
            Arrival::Gap(_) => Position::Ahead,
            Arrival::Repeat | Arrival::Duplicate(_) | Arrival::Reordered(_) => Position::Behind,
            Arrival::Stray => Position::Stray,
            Arrival::Restart => {
                *self = Self::new(sequence);
                Position::Restart
            }
        }
    }

    /// The first and the highest number, extended beyond 16 bits.
    pub(super) fn range(&self) -> (u64, u64) {
        (self.window.first(), self.window.highest())
    }

    /// Numbers that are missing, in ascending order.
    pub(super) fn missing(&self) -> impl Iterator<Item = &MissingRange> {
        self.window.missing().into_iter().flat_map(|missing| missing.iter())
    }

    /// Numbers that are missing beyond those: there were more runs than are kept.
    pub(super) fn not_kept(&self) -> u64 {
        self.window.missing().map_or(0, |missing| missing.forgotten())
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

fn number(sequence: u16) -> Sequence {
    Sequence::new(sequence.into(), 16)
}
