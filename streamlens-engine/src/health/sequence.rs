//! What became of the numbers of one stream, counted by what each turned out to be.

use streamlens_model::Occurrence;
use streamlens_model::stats::{Arrival, Events, Gap, MissingRange, Sequence, SequenceWindow};

/// Accounts for the numbers of one stream.
#[derive(Debug)]
pub(crate) struct SequenceTracker {
    window: SequenceWindow,
    /// Packets whose number was new, since the last restart and before.
    unique: u64,
    faults: Option<Box<SequenceFaults>>,
}

/// What a stream in order does not need. Of what may have happened little mostly has, so that each has memory of its
/// own: there may be a million of these.
#[derive(Debug, Default)]
pub(crate) struct SequenceFaults {
    /// Numbers expected before the last restart.
    expected_before: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    pub(crate) largest_distance: u64,
    pub(crate) restarts: u64,
    pub(crate) duplicates: Option<Box<Events>>,
    pub(crate) late: Option<Box<Events>>,
    pub(crate) restarted: Option<Box<Events>>,
    /// Numbers that were strays and stayed it.
    pub(crate) strays: u64,
}

impl SequenceTracker {
    pub(crate) fn new(first: &Sequence) -> Self {
        Self { window: SequenceWindow::new(first), unique: 1, faults: None }
    }

    /// Records the next number. The first one is given to [`Self::new`].
    #[inline(always)]
    pub(crate) fn push(&mut self, sequence: &Sequence, at: &Occurrence) -> Arrival {
        if self.window.push_next(sequence) {
            self.unique += 1;
            return Arrival::InOrder;
        }
        self.push_out_of_order(sequence, *at)
    }

    #[inline(never)]
    fn push_out_of_order(&mut self, sequence: &Sequence, at: Occurrence) -> Arrival {
        let arrival = self.window.classify(sequence);
        let expected = self.window.expected();
        self.window.apply(sequence, arrival, at);
        match arrival {
            Arrival::InOrder | Arrival::Gap(_) | Arrival::Reordered(_) => self.unique += 1,
            // the stray is one of them
            Arrival::Restart => self.unique += 2,
            Arrival::Repeat | Arrival::Duplicate(_) | Arrival::Stray => {}
        }
        if !matches!(arrival, Arrival::InOrder | Arrival::Repeat) {
            self.faults.get_or_insert_default().count(arrival, expected, at);
        }
        arrival
    }

    /// Numbers from the first to the highest, over all restarts.
    pub(crate) fn expected(&self) -> u64 {
        self.faults.as_ref().map_or(0, |faults| faults.expected_before) + self.window.expected()
    }

    /// Numbers that never came.
    pub(crate) fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.unique)
    }

    /// The packet that showed the numbers to be missing of which this is one; `None` where it is none of them.
    pub(crate) fn shown_missing_by(&self, sequence: &Sequence) -> Option<Occurrence> {
        matches!(self.window.classify(sequence), Arrival::Reordered(_))
            .then(|| self.window.shown_missing_by(sequence))?
    }

    /// What happened beside packets in order; `None` where nothing did.
    pub(crate) fn faults(&self) -> Option<&SequenceFaults> {
        self.faults.as_deref()
    }

    /// The gaps of which numbers are still missing: how many, the first and the last.
    pub(crate) fn gaps(&self) -> Option<Events> {
        self.window.missing()?.gaps()
    }

    /// The longest of these gaps.
    pub(crate) fn longest_gap(&self) -> Option<Gap> {
        self.window.missing()?.longest()
    }

    /// The largest and the latest of these gaps.
    pub(crate) fn listed_gaps(&self) -> Vec<Gap> {
        self.window.missing().map_or_else(Vec::new, |missing| missing.listed().into_list())
    }

    /// Runs of numbers that are still missing, with the packets that showed them; and whether there were others.
    pub(crate) fn missing(&self) -> (impl Iterator<Item = &MissingRange>, bool) {
        let missing = self.window.missing();
        let known: u64 = missing.map_or(0, |missing| missing.iter().map(MissingRange::count).sum());
        (missing.into_iter().flat_map(|missing| missing.iter()), known < self.lost())
    }

    /// Packets whose number followed on, or came late.
    #[cfg(test)]
    pub(crate) fn unique(&self) -> u64 {
        self.unique
    }
}

impl SequenceFaults {
    /// Counts what a number turned out to be, where `expected` numbers were expected before it.
    fn count(&mut self, arrival: Arrival, expected: u64, at: Occurrence) {
        match arrival {
            Arrival::InOrder | Arrival::Repeat | Arrival::Gap(_) => {}
            Arrival::Duplicate(_) => {
                self.duplicated += 1;
                note(&mut self.duplicates, at);
            }
            Arrival::Reordered(behind) => {
                self.reordered += 1;
                self.largest_distance = self.largest_distance.max(behind);
                note(&mut self.late, at);
            }
            Arrival::Stray => self.strays += 1,
            Arrival::Restart => {
                self.expected_before += expected;
                self.restarts += 1;
                self.strays = self.strays.saturating_sub(1);
                note(&mut self.restarted, at);
            }
        }
    }
}

fn note(events: &mut Option<Box<Events>>, at: Occurrence) {
    match events {
        Some(events) => events.push(at),
        None => *events = Some(Box::new(Events::once(at))),
    }
}
