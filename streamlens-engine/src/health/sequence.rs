//! Sequence accounting: one rule for every protocol.

use streamlens_decoders::Sequence;
use streamlens_model::Occurrence;

/// Numbers behind the highest that still count as seen.
const WINDOW: u64 = 1024;
/// How far before the first number a late packet may move the beginning back.
const BEFORE_FIRST: u64 = 16;
/// Counters of fewer bits only run forward: what would be behind is as likely ahead, and order comes from what carries them.
const NARROW: u8 = 8;
/// Runs of missing numbers that are remembered; the oldest are forgotten first and stay lost.
const MISSING_RUNS: usize = 1024;
/// Numbers are extended to 64 bits from here, so that the beginning can move back.
const ORIGIN: u64 = 1 << 63;

/// What one number turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The first of a stream, or the next one.
    InOrder,
    /// A lawful repeat: no other packet.
    Repeat,
    /// Ahead: so many numbers are missing before it.
    Gap(u64),
    /// Its number had come before.
    Duplicate,
    /// It came late: so many behind the highest.
    Reordered(u64),
    /// Far off: nothing is made of it until the next one follows on it, or not.
    Stray,
    /// It follows on a stray: counting has begun afresh there.
    Restart,
}

/// Something that happened in a stream: how often, first and last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Events {
    pub(crate) count: u64,
    pub(crate) first: Occurrence,
    pub(crate) last: Occurrence,
}

/// Accounts for the numbers of one stream.
#[derive(Debug)]
pub(crate) struct SequenceTracker {
    highest: u64,
    first: u64,
    /// The number on the wire that `highest` stands for.
    wire: u64,
    /// Packets whose number was new, since the last restart and before.
    unique: u64,
    bits: u8,
    trouble: Option<Box<Trouble>>,
}

/// Numbers that are missing in a row, both ends among them, and the packet that showed it.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: u64,
    end: u64,
    at: Occurrence,
}

/// What a stream without trouble does not need. Of what may have happened little mostly has, so that each has memory of its
/// own: there may be a million of these.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    /// Missing runs, ascending.
    missing: Vec<Run>,
    /// Runs that were forgotten: they stay lost.
    forgotten: Option<Box<Events>>,
    stray: Option<u64>,
    /// Numbers expected before the last restart.
    expected_before: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    pub(crate) largest_distance: u64,
    pub(crate) restarts: u64,
    pub(crate) longest_gap: Option<(u64, Occurrence)>,
    pub(crate) duplicates: Option<Box<Events>>,
    pub(crate) late: Option<Box<Events>>,
    pub(crate) restarted: Option<Box<Events>>,
    pub(crate) strays: u64,
}

impl SequenceTracker {
    pub(crate) fn new(first: Sequence) -> Self {
        let bits = first.bits.clamp(1, 64);
        let number = first.number & mask(bits);
        Self { highest: ORIGIN, first: ORIGIN, wire: number, unique: 1, bits, trouble: None }
    }

    /// Takes note of the next number. The first one is given to [`Self::new`].
    #[inline(always)]
    pub(crate) fn push(&mut self, sequence: &Sequence, at: &Occurrence) -> Arrival {
        let step = u64::from(sequence.step.max(1));
        let number = sequence.number & mask(self.bits);
        let distance = number.wrapping_sub(self.wire) & mask(self.bits);
        if distance == step && self.trouble.is_none() {
            self.wire = number;
            self.highest += 1;
            self.unique += 1;
            return Arrival::InOrder;
        }
        self.push_slowly(sequence, number, *at)
    }

    #[inline(never)]
    fn push_slowly(&mut self, sequence: &Sequence, number: u64, at: Occurrence) -> Arrival {
        let step = u64::from(sequence.step.max(1));
        let half = 1_u64 << (self.bits - 1);
        let ahead = number.wrapping_sub(self.wire) & mask(self.bits);
        let trouble = self.trouble.get_or_insert_default();
        if let Some(stray) = trouble.stray
            && number.wrapping_sub(stray) & mask(self.bits) == step
        {
            trouble.stray = None;
            trouble.expected_before += self.highest - self.first + 1;
            trouble.forget(trouble.missing.len());
            trouble.restarts += 1;
            note(&mut trouble.restarted, at);
            trouble.strays = trouble.strays.saturating_sub(1);
            (self.first, self.highest, self.wire) = (ORIGIN, ORIGIN + 1, number);
            self.unique += 2;
            return Arrival::Restart;
        }
        if ahead == 0 {
            trouble.stray = None;
            if sequence.repeats {
                return Arrival::Repeat;
            }
            trouble.duplicated += 1;
            note(&mut trouble.duplicates, at);
            return Arrival::Duplicate;
        }
        // a narrow counter has no behind: any number but the next means loss
        if ahead < half || self.bits < NARROW {
            let steps = ((ahead + step / 2) / step).max(1);
            if steps - 1 > u64::from(sequence.max_jump) {
                trouble.stray = Some(number);
                trouble.strays += 1;
                return Arrival::Stray;
            }
            trouble.stray = None;
            self.wire = number;
            self.unique += 1;
            self.highest += steps;
            if steps == 1 {
                return Arrival::InOrder;
            }
            // most streams that lose at all lose once
            if trouble.missing.capacity() == 0 {
                trouble.missing.reserve_exact(1);
            }
            trouble.missing.push(Run { start: self.highest - steps + 1, end: self.highest - 1, at });
            if trouble.missing.len() > MISSING_RUNS {
                trouble.forget(1);
            }
            trouble.note_gap(steps - 1, at);
            return Arrival::Gap(steps - 1);
        }
        let behind = (self.wire.wrapping_sub(number) & mask(self.bits)).div_ceil(step);
        let which = self.highest - behind.min(ORIGIN / 2);
        if trouble.take_missing(which) {
            trouble.stray = None;
            self.unique += 1;
            trouble.reordered += 1;
            trouble.largest_distance = trouble.largest_distance.max(behind);
            note(&mut trouble.late, at);
            return Arrival::Reordered(behind);
        }
        if which >= self.first && behind < WINDOW.min(half) {
            trouble.stray = None;
            if sequence.repeats {
                return Arrival::Repeat;
            }
            trouble.duplicated += 1;
            note(&mut trouble.duplicates, at);
            return Arrival::Duplicate;
        }
        if which < self.first && self.first - which <= BEFORE_FIRST && trouble.restarts == 0 {
            trouble.stray = None;
            if self.first - which > 1 {
                trouble.missing.insert(0, Run { start: which + 1, end: self.first - 1, at });
                trouble.note_gap(self.first - which - 1, at);
            }
            self.first = which;
            self.unique += 1;
            trouble.reordered += 1;
            trouble.largest_distance = trouble.largest_distance.max(behind);
            note(&mut trouble.late, at);
            return Arrival::Reordered(behind);
        }
        trouble.stray = Some(number);
        trouble.strays += 1;
        Arrival::Stray
    }

    /// Numbers from the first to the highest, over all restarts.
    pub(crate) fn expected(&self) -> u64 {
        self.trouble.as_ref().map_or(0, |trouble| trouble.expected_before) + (self.highest - self.first + 1)
    }

    /// Numbers that never came.
    pub(crate) fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.unique)
    }

    /// What happened beside packets in order; `None` where nothing did.
    pub(crate) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_deref()
    }

    /// Packets whose number followed on, or came late.
    #[cfg(test)]
    pub(crate) fn unique(&self) -> u64 {
        self.unique
    }
}

impl Trouble {
    /// The first and the last gap of which numbers are still missing.
    pub(crate) fn gaps(&self) -> Option<(Occurrence, Occurrence)> {
        let first =
            self.forgotten.as_ref().map(|events| events.first).or_else(|| self.missing.first().map(|run| run.at))?;
        let last =
            self.missing.last().map(|run| run.at).or_else(|| self.forgotten.as_ref().map(|events| events.last))?;
        Some((first, last))
    }

    /// Takes note of so many numbers that are missing in a row.
    fn note_gap(&mut self, gap: u64, at: Occurrence) {
        if self.longest_gap.is_none_or(|(longest, _)| gap > longest) {
            self.longest_gap = Some((gap, at));
        }
    }

    /// Forgets the oldest runs: what is missing in them stays lost.
    fn forget(&mut self, runs: usize) {
        for run in self.missing.drain(..runs) {
            note(&mut self.forgotten, run.at);
        }
    }

    /// Takes a number out of the missing ones; false where it was not missing.
    fn take_missing(&mut self, number: u64) -> bool {
        let place = self.missing.partition_point(|run| run.end < number);
        let Some(&run) = self.missing.get(place) else { return false };
        if number < run.start {
            return false;
        }
        let (before, after) = (Run { end: number - 1, ..run }, Run { start: number + 1, ..run });
        match (run.start == number, run.end == number) {
            (true, true) => drop(self.missing.remove(place)),
            (true, false) => self.missing[place] = after,
            (false, true) => self.missing[place] = before,
            (false, false) => {
                self.missing[place] = before;
                self.missing.insert(place + 1, after);
            }
        }
        true
    }
}

fn note(events: &mut Option<Box<Events>>, at: Occurrence) {
    match events {
        Some(events) => {
            events.count += 1;
            events.last = at;
        }
        None => *events = Some(Box::new(Events { count: 1, first: at, last: at })),
    }
}

const fn mask(bits: u8) -> u64 {
    u64::MAX >> (64 - bits)
}
