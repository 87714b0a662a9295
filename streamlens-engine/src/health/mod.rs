//! What became of the packets of a stream.

mod clock;
mod sequence;

use streamlens_decoders::StreamMark;
use streamlens_model::{Occurrence, StreamId, Timestamp};

pub(crate) use self::clock::ClockTracker;
pub(crate) use self::sequence::SequenceTracker;
pub(crate) use streamlens_model::stats::{Arrival, Events};

/// One stream of an encoding.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    /// By which path of the encoding it came.
    pub(crate) path: u8,
    /// Its first packet.
    pub(crate) first: Occurrence,
    /// When its latest packet came.
    pub(crate) latest: Option<Timestamp>,
    pub(crate) received: u64,
    pub(crate) sequence: Option<SequenceTracker>,
    pub(crate) clock: Option<Box<ClockTracker>>,
}

impl Stream {
    /// Numbers that never came; 0 without numbers.
    fn lost(&self) -> u64 {
        self.sequence.as_ref().map_or(0, SequenceTracker::lost)
    }
}

/// By how many numbers more a stream misses than before a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LossChange {
    /// Negative: that one came late.
    pub(crate) numbers: i64,
    /// The packet that showed that they are missing, or that it was.
    pub(crate) shown: Occurrence,
}

/// The streams of an encoding, found by their identifier.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    list: Vec<Stream>,
    last: usize,
    /// The path by which PDUs come now.
    path: u8,
    /// Made when the list is too long to be walked.
    places: Option<Box<Places>>,
    /// Streams that found no room, by their identifiers.
    not_kept: Option<Box<hashbrown::HashSet<StreamId, foldhash::fast::RandomState>>>,
}

/// Places of streams, by identifier and path.
type Places = hashbrown::HashMap<(StreamId, u8), u32, foldhash::fast::RandomState>;

impl Streams {
    /// The most streams that are kept apart in one encoding of one flow.
    const MAX: usize = 16_384;
    /// Streams beyond those that are told from each other: there are at least as many.
    const MAX_NOT_KEPT: usize = 65_536;
    /// Up to here the list is walked.
    const WALKED: usize = 8;

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.list.iter()
    }

    /// How many streams found no room, up to 65,536.
    pub(crate) fn not_kept(&self) -> u64 {
        self.not_kept.as_ref().map_or(0, |others| others.len() as u64)
    }

    /// A stream by its place in the order in which they came.
    pub(crate) fn get(&self, place: usize) -> Option<&Stream> {
        self.list.get(place)
    }

    /// The path by which PDUs come now.
    pub(crate) fn path(&self) -> u8 {
        self.path
    }

    /// What comes from now on comes by this path. The same stream is another one on each.
    pub(crate) fn turn_to_path(&mut self, path: u8) {
        (self.path, self.last) = (path, usize::MAX);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Records a PDU of a stream, which came at `time`: that of its frame, where it is known of the PDU.
    #[inline(always)]
    pub(crate) fn push(&mut self, mark: &StreamMark, at: &Occurrence, time: Option<Timestamp>) -> Option<Arrival> {
        let stream = self.find(mark, at)?;
        let arrival = match (&mark.sequence, &mut stream.sequence) {
            (None, _) => None,
            (Some(sequence), Some(tracker)) => Some(tracker.push(sequence, at)),
            (Some(sequence), none) => {
                *none = Some(SequenceTracker::new(sequence));
                Some(Arrival::InOrder)
            }
        };
        if let (Some(clock), Some(time)) = (mark.clock, time) {
            match &mut stream.clock {
                Some(tracker) => tracker.push(clock, time, arrival),
                None => stream.clock = Some(Box::new(ClockTracker::new(clock, time))),
            }
        }
        stream.latest = stream.latest.max(at.time);
        match arrival {
            Some(Arrival::Repeat) => {}
            _ => stream.received += 1,
        }
        arrival
    }

    /// As [`Self::push`]; returns as well where the stream lies in the list and what it misses more than before. `None` of a
    /// stream that finds no room.
    pub(crate) fn push_counted(
        &mut self,
        mark: &StreamMark,
        at: &Occurrence,
        time: Option<Timestamp>,
    ) -> (Option<Arrival>, Option<(usize, LossChange)>) {
        let before = self.find(mark, at).map(|stream| {
            let shown = stream.sequence.as_ref().zip(mark.sequence.as_ref());
            (stream.lost(), shown.and_then(|(tracker, sequence)| tracker.shown_missing_by(sequence)))
        });
        let arrival = self.push(mark, at, time);
        let change = before.zip(self.list.get(self.last)).map(|((lost, shown), stream)| {
            let numbers = stream.lost().cast_signed() - lost.cast_signed();
            (self.last, LossChange { numbers, shown: shown.unwrap_or(*at) })
        });
        (arrival, change)
    }

    #[inline(always)]
    fn find(&mut self, mark: &StreamMark, at: &Occurrence) -> Option<&mut Stream> {
        if self.list.get(self.last).is_none_or(|stream| stream.id != mark.id) {
            self.turn_to(mark.id, at)?;
        }
        self.list.get_mut(self.last)
    }

    /// Finds another stream than the one that was pushed last, or makes it, where there is room.
    #[inline(never)]
    fn turn_to(&mut self, id: StreamId, at: &Occurrence) -> Option<()> {
        self.last = match self.place_of(id) {
            Some(place) => place,
            None if self.list.len() < Self::MAX => self.insert(id, *at),
            None => {
                let others = self.not_kept.get_or_insert_default();
                if others.len() < Self::MAX_NOT_KEPT {
                    others.insert(id);
                }
                return None;
            }
        };
        Some(())
    }

    fn place_of(&self, id: StreamId) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(&(id, self.path)).map(|&place| place as usize),
            None => self.list.iter().position(|stream| stream.id == id && stream.path == self.path),
        }
    }

    fn insert(&mut self, id: StreamId, first: Occurrence) -> usize {
        let place = self.list.len();
        if self.list.capacity() == 0 {
            self.list.reserve_exact(1);
        }
        self.list.push(Stream {
            id,
            path: self.path,
            first,
            latest: first.time,
            received: 0,
            sequence: None,
            clock: None,
        });
        if let Some(places) = &mut self.places {
            places.insert((id, self.path), place as u32);
        } else if self.list.len() > Self::WALKED {
            self.places = Some(Box::new(
                (0..).zip(&self.list).map(|(place, stream)| ((stream.id, stream.path), place)).collect(),
            ));
        }
        place
    }
}

#[cfg(test)]
mod tests;
