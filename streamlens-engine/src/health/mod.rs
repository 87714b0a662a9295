//! What became of the packets of a stream.

mod clock;
mod sequence;

use streamlens_decoders::StreamMark;
use streamlens_model::{Occurrence, StreamId};

pub(crate) use self::clock::ClockTracker;
pub(crate) use self::sequence::SequenceTracker;
pub(crate) use streamlens_model::stats::{Arrival, Events};

/// Counters of fewer bits have no behind: the numbers of a copied frame would look like a jump ahead.
const NARROW: u8 = 8;

/// One stream of an encoding.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    pub(crate) received: u64,
    /// Duplicates that are the very frame before, to the IP header: what a mirror port delivers twice.
    pub(crate) copies: u64,
    pub(crate) sequence: Option<SequenceTracker>,
    pub(crate) clock: Option<Box<ClockTracker>>,
}

/// The streams of an encoding, found by their identifier.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    list: Vec<Stream>,
    last: usize,
    /// Made when the list is too long to be walked.
    places: Option<Box<hashbrown::HashMap<StreamId, u32, foldhash::fast::RandomState>>>,
    /// Packets of streams that found no room.
    pub(crate) not_kept: u64,
}

impl Streams {
    /// The most streams that are kept apart in one encoding of one flow.
    const MAX: usize = 16_384;
    /// Up to here the list is walked.
    const WALKED: usize = 8;

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.list.iter()
    }

    /// A stream by its place in the order in which they came.
    pub(crate) fn get(&self, place: usize) -> Option<&Stream> {
        self.list.get(place)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Takes note of a PDU of a stream. `is_copy` says that its frame is the same as the one before.
    #[inline(always)]
    pub(crate) fn push(&mut self, mark: &StreamMark, at: &Occurrence, is_copy: bool) -> Option<Arrival> {
        let stream = self.find(mark)?;
        let arrival = match (&mark.sequence, &mut stream.sequence) {
            (None, _) => None,
            (Some(sequence), Some(_)) if is_copy && sequence.bits < NARROW => Some(Arrival::Repeat),
            (Some(sequence), Some(tracker)) => Some(tracker.push(sequence, at)),
            (Some(sequence), none) => {
                *none = Some(SequenceTracker::new(sequence));
                Some(Arrival::InOrder)
            }
        };
        if let (Some(clock), Some(time)) = (mark.clock, at.time) {
            match &mut stream.clock {
                Some(tracker) => tracker.push(clock, time, arrival),
                None => stream.clock = Some(Box::new(ClockTracker::new(clock, time))),
            }
        }
        match arrival {
            Some(Arrival::Repeat) => {}
            Some(Arrival::Duplicate(_)) if is_copy => {
                stream.received += 1;
                stream.copies += 1;
            }
            _ => stream.received += 1,
        }
        arrival
    }

    /// Index and jitter in nanoseconds of the stream that was pushed last.
    pub(crate) fn latest_jitter(&self) -> Option<(u32, f64)> {
        let jitter_ns = self.list.get(self.last)?.clock.as_ref()?.jitter_ns()?;
        Some((u32::try_from(self.last).ok()?, jitter_ns))
    }

    #[inline(always)]
    fn find(&mut self, mark: &StreamMark) -> Option<&mut Stream> {
        if self.list.get(self.last).is_none_or(|stream| stream.id != mark.id) {
            self.turn_to(mark.id)?;
        }
        self.list.get_mut(self.last)
    }

    /// Finds another stream than the one that was pushed last, or makes it, where there is room.
    #[inline(never)]
    fn turn_to(&mut self, id: StreamId) -> Option<()> {
        self.last = match self.place_of(id) {
            Some(place) => place,
            None if self.list.len() < Self::MAX => self.insert(id),
            None => {
                self.not_kept += 1;
                return None;
            }
        };
        Some(())
    }

    fn place_of(&self, id: StreamId) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(&id).map(|&place| place as usize),
            None => self.list.iter().position(|stream| stream.id == id),
        }
    }

    fn insert(&mut self, id: StreamId) -> usize {
        let place = self.list.len();
        if self.list.capacity() == 0 {
            self.list.reserve_exact(1);
        }
        self.list.push(Stream { id, received: 0, copies: 0, sequence: None, clock: None });
        if let Some(places) = &mut self.places {
            places.insert(id, place as u32);
        } else if self.list.len() > Self::WALKED {
            self.places = Some(Box::new((0..).zip(&self.list).map(|(place, stream)| (stream.id, place)).collect()));
        }
        place
    }
}

#[cfg(test)]
mod tests;
