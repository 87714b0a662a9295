//! Frames on their way: which return belongs to which frame that was sent, and which frame is there twice.
//!
//! The first station marks the source address of what it has processed, so a frame that comes back differs from the one that
//! was sent. Two frames that are alike, one shortly after the other, are a copy that the capture made, or a frame that no
//! station has touched: the second line of a redundant master whose ring is whole only forwards. Which it was shows when the
//! processed frame comes, or does not.

use streamlens_model::Occurrence;

/// Frames whose return is waited for.
const MAX_WAITING: usize = 64;
/// Frames that have come back and are remembered.
const REMEMBERED: usize = 8;
/// Within which the first frames of a kind, of which no cycle is known, may be there again, in nanoseconds: while they are on
/// their way, and once they are back and a master may send the next one.
const AGAIN_WITHIN: u64 = 200_000;
const AGAIN_BEHIND: u64 = 60_000;

/// A frame that is on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) signature: u64,
    /// Its commands without their indices.
    pub(super) set: u64,
    /// Index and slot of its first datagram.
    pub(super) first: u64,
    pub(super) at: Occurrence,
    /// Returns seen before it was sent.
    pub(super) returned_before: u64,
    /// Nanoseconds since a frame with the same commands was sent.
    pub(super) before: Option<u64>,
    /// When it was seen again, unprocessed; once it is over, when it came back.
    pub(super) again: Option<Occurrence>,
}

/// What became of a frame that is no longer waited for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// It did not come back.
    Lost(Sent),
    /// It came back as it was sent, after so many nanoseconds.
    Unchanged(Option<u64>),
}

/// The frames of a conversation that are on their way, and the last that came back.
#[derive(Debug, Default)]
pub(super) struct Journeys {
    waiting: Vec<Sent>,
    over: [Option<Sent>; REMEMBERED],
    turn: usize,
    /// Frames that were in the capture twice.
    pub(super) copies: u64,
    /// Frames that came back as they were sent.
    pub(super) unchanged: u64,
}

/// Nanoseconds from one frame to another.
fn between(from: Occurrence, to: Occurrence) -> Option<u64> {
    from.time.zip(to.time).and_then(|(from, to)| u64::try_from(to.since(from)).ok())
}

impl Sent {
    /// Whether a frame like it at that time is this one again and not the next one of a cycle.
    fn is_again(&self, at: Occurrence, without_cycle: u64) -> bool {
        let within = self.before.map_or(without_cycle, |before| before / 2);
        between(self.at, at).is_some_and(|elapsed| elapsed < within)
    }

    /// What became of it if it is no longer waited for.
    fn fate(self) -> Fate {
        self.again.map_or(Fate::Lost(self), |again| Fate::Unchanged(between(self.at, again)))
    }
}

impl Journeys {
    /// Whether the return of a frame with this first datagram is waited for.
    pub(super) fn is_waiting(&self, first: u64) -> bool {
        self.waiting.iter().any(|sent| sent.first == first)
    }

    /// Those that are on their way, in the order in which they were sent.
    pub(super) fn waiting(&self) -> impl DoubleEndedIterator<Item = &Sent> {
        self.waiting.iter()
    }

    /// Whether a frame is like one that was sent (or, where `marked`, like one that has come back) just before.
    #[inline]
    pub(super) fn is_again(&self, first: u64, marked: bool, at: Occurrence) -> bool {
        let is_same_frame = |sent: &Sent, within| sent.first == first && sent.is_again(at, within);
        let is_on_its_way = || self.waiting.iter().any(|sent| is_same_frame(sent, AGAIN_WITHIN));
        let is_over = || {
            let mut over = self.over.iter().flatten();
            // a copy of a return comes behind the return
            over.any(|sent| {
                is_same_frame(&Sent { at: sent.again.filter(|_| marked).unwrap_or(sent.at), ..*sent }, AGAIN_BEHIND)
            })
        };
        if marked { !self.is_waiting(first) && is_over() } else { is_on_its_way() || is_over() }
    }

    /// Records such a frame.
    pub(super) fn note_again(&mut self, first: u64, marked: bool, at: Occurrence) {
        match self.waiting.iter_mut().rev().find(|sent| sent.first == first).filter(|_| !marked) {
            Some(sent) if sent.again.is_none() => sent.again = Some(at),
            _ => self.copies += 1,
        }
    }

    /// A frame is sent. Says what became of one that it shows not to come back any more.
    pub(super) fn goes_out(&mut self, sent: Sent) -> Option<Fate> {
        // whatever was to come back of the cycle before has
        let like = |other: &Sent| other.signature == sent.signature || (other.set == sent.set && other.again.is_some());
        let over = match self.waiting.iter().position(like) {
            None if self.waiting.len() >= MAX_WAITING => Some(0),
            index => index,
        };
        let fate = over.map(|index| self.waiting.remove(index).fate());
        self.unchanged += u64::from(matches!(fate, Some(Fate::Unchanged(_))));
        self.waiting.push(sent);
        fate
    }

    /// A processed frame comes back. `None` where it was not sent, else how long it took, in nanoseconds.
    pub(super) fn comes_back(&mut self, signature: u64, at: Occurrence) -> Option<Option<u64>> {
        let index = self.waiting.iter().position(|sent| sent.signature == signature)?;
        let sent = self.waiting.remove(index);
        // what looked like a return was a copy
        self.copies += u64::from(sent.again.is_some());
        self.turn = (self.turn + 1) % REMEMBERED;
        if let Some(place) = self.over.get_mut(self.turn) {
            *place = Some(Sent { again: Some(at), ..sent });
        }
        Some(between(sent.at, at))
    }
}
