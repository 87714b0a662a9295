//! Frames that the capture itself dropped: they may be those that a stream misses.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use streamlens_model::stats::MissingRange;
use streamlens_model::words::{Counted, Grouped};
use streamlens_model::{CaptureSummary, DropPlace};

use crate::health::{SequenceTracker, Stream};

/// A gap is shown by the next packet of its stream, which comes so many of the stream's usual distances behind a drop at most,
/// and not always at once.
const USUAL_DISTANCES: u64 = 2;
const AT_ONCE: u64 = 64;

/// What the capture itself dropped, and where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drops {
    /// Frames, wherever that was.
    pub(super) dropped: u64,
    /// Frames of the capture.
    pub(super) packets: u64,
    /// In ascending order; `None` where the source tells no places.
    pub(super) places: Option<Arc<[DropPlace]>>,
}

impl Drops {
    pub(super) fn of(capture: &CaptureSummary) -> Self {
        let places = (!capture.drop_places.is_empty()).then(|| capture.drop_places.as_slice().into());
        Self { dropped: capture.dropped.values().sum(), packets: capture.packets, places }
    }

    /// Takes what a source tells while frames come; says whether it is other than before.
    pub(crate) fn note(&mut self, dropped: u64, places: &[DropPlace]) -> bool {
        let known = self.places.as_deref().unwrap_or_default();
        let is_other = self.dropped != dropped || known != places;
        if is_other {
            (self.dropped, self.places) = (dropped, (!places.is_empty()).then(|| places.into()));
        }
        is_other
    }

    /// The same in a capture of so many frames.
    pub(super) fn among(&self, packets: u64) -> Self {
        Self { packets, ..self.clone() }
    }

    /// So many frames at most behind what took its packets away does a stream show it, of which so many packets came.
    pub(super) fn reach(&self, received: u64) -> u64 {
        self.packets.div_ceil(received.max(1)).saturating_mul(USUAL_DISTANCES).saturating_add(AT_ONCE)
    }

    /// What the drops have to do with what a stream misses, of which so many packets came.
    pub(super) fn of_stream(&self, sequence: &SequenceTracker, received: u64) -> ByCapture {
        let Some(places) = &self.places else { return ByCapture::maybe(self.dropped) };
        let (ranges, are_others) = sequence.missing();
        let reach = self.reach(received);
        let near = |range: &MissingRange| {
            let shown_at = range.at.frame;
            let before = places.partition_point(|place| place.frame <= shown_at);
            let place = before.checked_sub(1).and_then(|index| places.get(index))?;
            (shown_at - place.frame <= reach).then_some(place.frame)
        };
        let near: BTreeSet<u64> = ranges.filter_map(near).collect();
        if let (Some(&first), Some(&last)) = (near.first(), near.last()) {
            return ByCapture::At { lost: sequence.lost(), first, last, places: near.len() };
        }
        // of runs that were forgotten nobody knows where they were
        if are_others { ByCapture::maybe(self.dropped) } else { ByCapture::No }
    }
}

/// Where those streams of an encoding that carry others miss packets.
#[derive(Debug, Default)]
pub(super) struct CarrierGaps {
    /// Path and frame of each gap, in ascending order.
    places: Vec<(u8, u64)>,
    /// Whether there were others, whose frames were forgotten.
    are_others: bool,
}

impl CarrierGaps {
    /// Of those streams that carry others.
    pub(super) fn of<'s>(carriers: impl Iterator<Item = &'s Stream>) -> Self {
        let mut gaps = Self::default();
        for stream in carriers {
            let Some(sequence) = &stream.sequence else { continue };
            let (ranges, are_others) = sequence.missing();
            gaps.places.extend(ranges.map(|range| (stream.path, range.at.frame)));
            gaps.are_others |= are_others;
        }
        gaps.places.sort_unstable();
        gaps
    }

    /// Whether each gap in the numbers of a stream on a path comes so many frames at most behind one of these.
    pub(super) fn explain(&self, path: u8, sequence: &SequenceTracker, reach: u64) -> bool {
        let (mut ranges, are_others) = sequence.missing();
        let is_behind_one = |frame: u64| {
            let before = self.places.partition_point(|place| *place <= (path, frame));
            let place = before.checked_sub(1).and_then(|index| self.places.get(index));
            place.is_some_and(|(of, place)| *of == path && frame - place <= reach)
        };
        (!are_others || self.are_others) && ranges.all(|range| is_behind_one(range.at.frame))
    }
}

/// The end of the sentence about a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByCapture {
    /// Nothing was dropped, or elsewhere.
    No,
    /// So many were dropped somewhere.
    Maybe(u64),
    /// Some of those lost may have been dropped in front of these frames, of which there are so many.
    At { lost: u64, first: u64, last: u64, places: usize },
}

impl ByCapture {
    fn maybe(dropped: u64) -> Self {
        if dropped == 0 { Self::No } else { Self::Maybe(dropped) }
    }
}

impl fmt::Display for ByCapture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => Ok(()),
            Self::Maybe(dropped) => {
                let (dropped, these) = (Counted(*dropped, "frame"), Counted(*dropped, "").verb("this", "these"));
                write!(f, "; the capture itself dropped {dropped}, which may be {these}")
            }
            Self::At { lost, first, last, places } => {
                let lost = Grouped(*lost);
                write!(f, "; some of the {lost} may have been dropped by this capture at frame {}", Grouped(*first))?;
                match places {
                    ..=1 => Ok(()),
                    2 => write!(f, " and at frame {}", Grouped(*last)),
                    places => {
                        let others = Grouped(*places as u64 - 1);
                        write!(f, " and at {others} other places, the last of them frame {}", Grouped(*last))
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use streamlens_model::Occurrence;
    use streamlens_model::stats::Sequence;

    use super::*;

    /// A stream with these numbers in these frames.
    fn stream(packets: &[(u64, u64)]) -> SequenceTracker {
        let sequence = |number| Sequence::new(number, 16);
        let mut tracker = SequenceTracker::new(&sequence(packets[0].0));
        for (number, frame) in &packets[1..] {
            tracker.push(&sequence(*number), &Occurrence { frame: *frame, time: None });
        }
        tracker
    }

    fn drops(places: &[u64]) -> Drops {
        let places: Vec<_> = places.iter().map(|frame| DropPlace { frame: *frame, dropped: 5 }).collect();
        let places = (!places.is_empty()).then(|| places.into());
        Drops { dropped: 7, packets: 2000, places }
    }

    #[test]
    fn a_loss_where_the_capture_dropped_says_so() {
        let stream = stream(&[(1, 1000), (2, 1010), (15, 1020), (16, 1030)]);
        let said = |places: &[u64]| drops(places).of_stream(&stream, 400).to_string();
        assert_eq!(said(&[3, 1017, 1900]), "; some of the 12 may have been dropped by this capture at frame 1,017");
        assert_eq!(said(&[3, 1900]), "", "it dropped elsewhere");
        assert_eq!(said(&[1020]), "; some of the 12 may have been dropped by this capture at frame 1,020");
        assert_eq!(said(&[1021]), "", "behind the packet that showed the gap");
        assert_eq!(said(&[]), "; the capture itself dropped 7 frames, which may be these");
        assert_eq!(Drops::default().of_stream(&stream, 400).to_string(), "");
    }

    #[test]
    fn no_place_stands_for_the_others() {
        let stream = stream(&[(1, 1000), (4, 1010), (7, 2000), (10, 3000), (11, 3001)]);
        let said = |places: &[u64]| drops(places).of_stream(&stream, 400).to_string();
        let one = "; some of the 6 may have been dropped by this capture at frame 1,009";
        assert_eq!(said(&[1009]), one);
        assert_eq!(said(&[1009, 1500, 3000]), format!("{one} and at frame 3,000"));
        assert_eq!(said(&[1009, 1999, 3000]), format!("{one} and at 2 other places, the last of them frame 3,000"));
    }
}
