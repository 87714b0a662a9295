//! Sequence numbers: one rule for every protocol.
//!
//! With `b` bits and `d = (new - highest) mod 2^b`:
//!
//! 1. `d = 1` is in order; `d = 0` is a duplicate.
//! 2. `1 < d < 2^(b-1)`: `d - 1` numbers are missing.
//! 3. Behind: a missing number is reordered; one of the last [`SEEN_WINDOW`] (half the range where that is less) is a
//!    duplicate; one up to 16 before the first ever seen moves the beginning back and is reordered.
//! 4. A jump ahead beyond the limit, or any other number behind, is a stray until the next number follows on it: then
//!    the stream has restarted at the stray.
//! 5. A counter of less than 8 bits (MPEG-TS continuity) has no behind: any `d` from 2 on means that `d - 1` are missing.

mod missing;

pub use missing::{Events, Gap, Gaps, MissingRange, MissingRanges};

use crate::Occurrence;

/// Numbers up to the highest that count as seen where they are not missing.
pub const SEEN_WINDOW: u64 = 1024;
/// A jump ahead by more numbers than this is a stray or a restart, unless the protocol says otherwise.
const MAX_JUMP: u32 = 10_000;
/// How far before the first number a late packet may move the beginning back.
const BEFORE_FIRST: u64 = 16;
/// Counters of fewer bits have no behind.
const NARROW: u8 = 8;
/// Numbers are extended to 64 bits from here, so that the beginning can move back.
const ORIGIN: u64 = 1 << 62;

/// A sequence number as it stands in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// The number.
    pub number: u64,
    /// Its width in bits, 1 to 64; it wraps at two to that power.
    pub bits: u8,
    /// By how much it grows from packet to packet; 1 unless the protocol says otherwise, 0 counts as 1.
    pub step: u32,
    /// Whether a repeat of the last number is lawful (segments of one packet): it is then neither a duplicate nor
    /// another packet received.
    pub repeats: bool,
    /// A jump ahead by more than this many numbers is a stray or a restart, not loss; 10,000 unless the protocol
    /// says otherwise.
    pub max_jump: u32,
}

impl Sequence {
    /// A counter of `bits` bits that grows by one.
    #[must_use]
    pub const fn new(number: u64, bits: u8) -> Self {
        Self { number, bits, step: 1, repeats: false, max_jump: MAX_JUMP }
    }
}

/// What one number turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The first of a stream, or the next one.
    InOrder,
    /// A lawful repeat: no other packet.
    Repeat,
    /// Ahead: so many numbers are missing before it.
    Gap(u64),
    /// Its number had come before: so many behind the highest, 0 where it is the highest.
    Duplicate(u64),
    /// It came late: so many behind the highest.
    Reordered(u64),
    /// Far off: nothing is made of it until the next one follows on it, or not.
    Stray,
    /// It follows on a stray: counting has begun afresh there.
    Restart,
}

/// How far a number of `bits` bits is behind another, 0 to `2^bits - 1`; 0 where they are the same.
#[must_use]
#[inline(always)]
pub const fn behind(number: u64, highest: u64, bits: u8) -> u64 {
    highest.wrapping_sub(number) & mask(bits)
}

/// The numbers of one stream: the first, the highest, and which are missing in between, in bounded memory.
///
/// Numbers on the wire wrap; here they are extended to 64 bits. Where the step is 1 and the width at most 32 bits, the
/// number on the wire is the extended one's lower bits. At most `MISSING` runs of missing numbers are kept, see
/// [`MissingRanges`].
///
/// ```
/// use streamlens_model::stats::{Arrival, Sequence, SequenceWindow};
/// use streamlens_model::Occurrence;
/// let mut window: SequenceWindow = SequenceWindow::new(&Sequence::new(65_535, 16));
/// let arrivals = [0, 3, 1, 1].map(|n| window.push(&Sequence::new(n, 16), &Occurrence { frame: 1, time: None }));
/// assert_eq!(arrivals, [Arrival::InOrder, Arrival::Gap(2), Arrival::Reordered(2), Arrival::Duplicate(2)]);
/// ```
#[derive(Clone, Debug)]
pub struct SequenceWindow<const MISSING: usize = 1024> {
    highest: u64,
    first: u64,
    /// The number on the wire that `highest` stands for.
    wire: u64,
    bits: u8,
    /// `None` as long as numbers are in order or repeated.
    disorder: Option<Box<Disorder<MISSING>>>,
}

/// What a stream in order does not need.
#[derive(Clone, Debug, Default)]
struct Disorder<const MISSING: usize> {
    missing: MissingRanges<MISSING>,
    /// The number on the wire of a stray, until another number shows what it was.
    stray: Option<u64>,
    has_restarted: bool,
}

impl<const MISSING: usize> SequenceWindow<MISSING> {
    /// A stream that begins with this number. Its width is that of all.
    #[must_use]
    pub fn new(first: &Sequence) -> Self {
        let bits = first.bits.clamp(1, 64);
        let number = first.number & mask(bits);
        let extended = ORIGIN + (number & mask(32));
        Self { highest: extended, first: extended, wire: number, bits, disorder: None }
    }

    /// Classifies the next number and records it. The first one is given to [`Self::new`].
    #[inline(always)]
    pub fn push(&mut self, sequence: &Sequence, at: &Occurrence) -> Arrival {
        if self.push_next(sequence) {
            return Arrival::InOrder;
        }
        let arrival = self.classify(sequence);
        self.apply(sequence, arrival, *at);
        arrival
    }

    /// Records a number if it is the next one; returns whether it was. Only that, for the packet path.
    #[inline(always)]
    pub fn push_next(&mut self, sequence: &Sequence) -> bool {
        let number = sequence.number & mask(self.bits);
        let is_next = behind(self.wire, number, self.bits) == step(sequence) && self.stray().is_none();
        if is_next {
            self.wire = number;
            self.highest += 1;
        }
        is_next
    }

    /// What a number is to those before it. Changes nothing: [`Self::apply`] records it.
    #[must_use]
    #[inline(never)]
    pub fn classify(&self, sequence: &Sequence) -> Arrival {
        let (step, number) = (step(sequence), sequence.number & mask(self.bits));
        let ahead = behind(self.wire, number, self.bits);
        let jump = (ahead.saturating_add(step / 2) / step).max(1) - 1;
        if self.stray().is_some_and(|stray| behind(stray, number, self.bits) == step) {
            Arrival::Restart
        } else if ahead == 0 {
            repeated(sequence, 0)
        } else if self.bits < NARROW {
            ahead_by(jump)
        } else if ahead < self.half() {
            if jump > u64::from(sequence.max_jump) { Arrival::Stray } else { ahead_by(jump) }
        } else {
            self.classify_behind(sequence)
        }
    }

    /// The same for a number that is behind the highest.
    fn classify_behind(&self, sequence: &Sequence) -> Arrival {
        let (which, behind) = self.behind(sequence);
        let disorder = self.disorder.as_deref();
        if disorder.is_some_and(|disorder| disorder.missing.contains(which)) {
            Arrival::Reordered(behind)
        } else if which >= self.first {
            if behind < SEEN_WINDOW.min(self.half()) { repeated(sequence, behind) } else { Arrival::Stray }
        } else if self.first - which <= BEFORE_FIRST && !disorder.is_some_and(|disorder| disorder.has_restarted) {
            Arrival::Reordered(behind)
        } else {
            Arrival::Stray
        }
    }

    /// Records a number that [`Self::classify`] said this of.
    #[inline(never)]
    pub fn apply(&mut self, sequence: &Sequence, arrival: Arrival, at: Occurrence) {
        let number = sequence.number & mask(self.bits);
        if let Some(disorder) = &mut self.disorder {
            disorder.stray = None;
        }
        match arrival {
            Arrival::Repeat | Arrival::Duplicate(_) => {}
            Arrival::InOrder => (self.wire, self.highest) = (number, self.highest + 1),
            Arrival::Gap(gap) => {
                let range = MissingRange { first: self.highest + 1, last: self.highest + gap, at };
                (self.wire, self.highest) = (number, range.last + 1);
                let missing = &mut self.disorder.get_or_insert_default().missing;
                if self.bits < NARROW { missing.push_forgotten(range) } else { missing.push(range) }
            }
            Arrival::Reordered(_) => {
                let (which, _) = self.behind(sequence);
                let missing = &mut self.disorder.get_or_insert_default().missing;
                if which >= self.first {
                    missing.take(which);
                } else {
                    let first = std::mem::replace(&mut self.first, which);
                    if which + 1 < first {
                        missing.push_before(MissingRange { first: which + 1, last: first - 1, at });
                    }
                }
            }
            Arrival::Stray => self.disorder.get_or_insert_default().stray = Some(number),
            Arrival::Restart => {
                let first = ORIGIN + (number.wrapping_sub(step(sequence)) & mask(self.bits) & mask(32));
                (self.first, self.highest, self.wire) = (first, first + 1, number);
                let disorder = self.disorder.get_or_insert_default();
                disorder.missing.forget_all();
                disorder.has_restarted = true;
            }
        }
    }

    /// Begins afresh at this number, for protocols that take a stray for a restart at once.
    pub fn restart(&mut self, sequence: &Sequence) {
        *self = Self::new(&Sequence { bits: self.bits, ..*sequence });
    }

    /// The extended number of one at most half the range from the highest. Meant for a step of 1.
    #[must_use]
    pub fn extended(&self, number: u64) -> u64 {
        let ahead = behind(self.wire, number, self.bits);
        if ahead < self.half() {
            self.highest.saturating_add(ahead)
        } else {
            self.highest.saturating_sub(behind(number, self.wire, self.bits))
        }
    }

    /// The first number, extended.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The highest number, extended.
    #[must_use]
    pub const fn highest(&self) -> u64 {
        self.highest
    }

    /// Numbers from the first to the highest since the last restart, both included.
    #[must_use]
    pub const fn expected(&self) -> u64 {
        self.highest - self.first + 1
    }

    /// The packet that showed this number to be missing. Only where [`Self::classify`] says that it comes late.
    #[must_use]
    pub fn shown_missing_by(&self, sequence: &Sequence) -> Option<Occurrence> {
        self.missing()?.shown_by(self.behind(sequence).0)
    }

    /// What is missing; `None` where nothing ever was.
    #[must_use]
    pub fn missing(&self) -> Option<&MissingRanges<MISSING>> {
        self.disorder.as_deref().map(|disorder| &disorder.missing)
    }

    #[inline(always)]
    fn stray(&self) -> Option<u64> {
        self.disorder.as_deref()?.stray
    }

    const fn half(&self) -> u64 {
        1 << (self.bits - 1)
    }

    /// The extended number of one behind the highest, and by how many it is behind.
    fn behind(&self, sequence: &Sequence) -> (u64, u64) {
        let by = behind(sequence.number, self.wire, self.bits).div_ceil(step(sequence));
        (self.highest - by.min(ORIGIN / 2), by)
    }
}

fn ahead_by(jump: u64) -> Arrival {
    if jump == 0 { Arrival::InOrder } else { Arrival::Gap(jump) }
}

fn repeated(sequence: &Sequence, behind: u64) -> Arrival {
    if sequence.repeats { Arrival::Repeat } else { Arrival::Duplicate(behind) }
}

#[inline(always)]
fn step(sequence: &Sequence) -> u64 {
    u64::from(sequence.step.max(1))
}

#[inline(always)]
const fn mask(bits: u8) -> u64 {
    u64::MAX
        >> (64
            - if bits == 0 {
                1
            } else if bits > 64 {
                64
            } else {
                bits
            })
}

#[cfg(test)]
mod tests;
