//! TCP stream reassembly for decoders: the contiguous bytes of one direction, in order, once.
//!
//! Out of order, overlapping and retransmitted segments, numbers that wrap, and streams of which the beginning is not
//! in the capture. A hole that does not close within bounds, or whose bytes the other direction acknowledges, becomes a gap:
//! what follows it goes on behind it.

use streamlens_model::{FindingLog, Occurrence, Timestamp};

use crate::flow::pdu::FrameFacts;

/// Bytes of segments behind a hole.
const MAX_HELD: usize = 256 << 10;
/// Segments behind a hole.
const MAX_SEGMENTS: usize = 256;
/// How long a hole may stay open, in nanoseconds of capture time.
const AGE_NS: i64 = 10_000_000_000;
/// How long after a hole's bytes were acknowledged their segment may still come, in nanoseconds: captures swap frames of the two
/// directions by less.
const ACKNOWLEDGED_NS: i64 = 1_000_000;
/// Stretches that were passed over, of which late segments are known to be new.
const MAX_SKIPPED: usize = 64;
/// Bytes of a PDU that is not whole yet. A PDU longer than this is taken in parts by its decoder, or not at all.
pub(crate) const MAX_PENDING: usize = 4 << 20;

/// A segment behind a hole.
#[derive(Debug)]
struct Segment {
    /// Distance from the next byte wanted when it came; see [`TcpStream::base`].
    start: u64,
    bytes: Vec<u8>,
    missing: usize,
    frame: FrameFacts,
}

/// A run of new bytes, in order.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// The next bytes of the stream, brought by that frame; behind them `missing` that the capture has cut off.
    Bytes { bytes: Vec<u8>, missing: usize, frame: FrameFacts },
    /// So many bytes are not in the capture.
    Gap { bytes: u64, frame: FrameFacts },
}

/// What a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SegmentKind {
    /// It has no payload.
    Empty,
    /// The next bytes wanted: `skip` of its bytes are known already.
    Next { skip: usize },
    /// It lies behind a hole and is held.
    Ahead,
    /// All of its bytes came before.
    Retransmission,
}

/// One direction of a TCP connection.
#[derive(Debug, Default)]
pub(crate) struct TcpStream {
    /// Number of the next byte wanted; `None` before the first segment.
    next: Option<u32>,
    /// Position of that byte counted from the first.
    base: u64,
    /// Position of the earliest byte seen; below 0 where the capture begins inside a stream whose first segments are swapped.
    earliest: i64,
    /// Position behind the last byte seen.
    latest: i64,
    /// Stretches that were passed over as holes and have not come yet, by position: the latest of them.
    skipped: Vec<(i64, i64)>,
    /// Segments behind the hole, by position.
    held: Vec<Segment>,
    held_bytes: usize,
    /// When the bytes of the hole were known to be acknowledged.
    hole_acknowledged: Option<Timestamp>,
    /// Whether the hole is not waited for any more.
    gives_up: bool,
    /// What this direction acknowledged last of the other one, and when.
    pub(crate) acknowledges: Option<(u32, Timestamp)>,
    /// Bytes in order that no PDU has taken yet.
    pub(crate) pending: Vec<u8>,
    /// After a gap or a refusal: a PDU has to be found first.
    pub(crate) is_lost: bool,
    pub(crate) retransmitted: u64,
    /// Segments with new bytes that arrived behind a later one.
    pub(crate) out_of_order: u64,
    pub(crate) gaps: u64,
    pub(crate) gap_bytes: u64,
    /// Holes that were found while nothing was identified.
    pub(crate) holes: Option<Box<FindingLog>>,
    /// Connections on these ports, by their SYNs.
    pub(crate) connections: u64,
    /// Where the first of them begins.
    pub(crate) began: Option<Occurrence>,
}

impl TcpStream {
    /// Records a segment's place in the stream.
    pub(crate) fn place(
        &mut self,
        sequence: u32,
        syn: bool,
        payload: &[u8],
        missing: usize,
        frame: FrameFacts,
    ) -> SegmentKind {
        // the SYN takes one number in front of its data (RFC 9293 §3.4)
        let start = sequence.wrapping_add(u32::from(syn));
        if syn && self.next.is_none_or(|next| next != start) {
            self.connections += 1;
            self.began.get_or_insert(frame.at);
            self.next = Some(start);
            self.latest = self.base.cast_signed();
            (self.held, self.held_bytes) = (Vec::new(), 0);
            self.skipped.clear();
            self.pending.clear();
            self.is_lost = false;
        }
        if payload.is_empty() {
            return SegmentKind::Empty;
        }
        let next = *self.next.get_or_insert(start);
        let distance = i64::from(start.wrapping_sub(next).cast_signed());
        let position = self.base.cast_signed().saturating_add(distance);
        if distance <= 0 {
            let skip = distance.unsigned_abs() as usize;
            if skip >= payload.len() + missing {
                if position < self.earliest && self.connections == 0 {
                    // its bytes are new; what came before the first ones is not decoded any more
                    self.earliest = position;
                    self.out_of_order += 1;
                } else if self.fill(position, payload.len() + missing) {
                    self.out_of_order += 1;
                } else if !frame.is_copy {
                    self.retransmitted += 1;
                }
                return SegmentKind::Retransmission;
            }
            self.note_new(self.base.cast_signed(), payload.len() + missing - skip);
            return SegmentKind::Next { skip: skip.min(payload.len()) };
        }
        let from = self.base + distance.unsigned_abs();
        let to = from + payload.len() as u64;
        let place = self.held.partition_point(|segment| segment.start < from);
        let covered = |segment: &Segment| segment.start <= from && to <= segment.start + segment.bytes.len() as u64;
        let around = [place.checked_sub(1), Some(place)];
        if around.into_iter().flatten().filter_map(|at| self.held.get(at)).any(covered) {
            self.retransmitted += u64::from(!frame.is_copy);
            return SegmentKind::Retransmission;
        }
        self.note_new(position, payload.len() + missing);
        self.held.insert(place, Segment { start: from, bytes: payload.to_vec(), missing, frame });
        self.held_bytes += payload.len();
        SegmentKind::Ahead
    }

    /// Whether a segment holds bytes that were passed over and have not come yet; they are known from now on.
    fn fill(&mut self, position: i64, bytes: usize) -> bool {
        let end = position.saturating_add(i64::try_from(bytes).unwrap_or(i64::MAX));
        let Some(place) = self.skipped.iter().position(|&(from, to)| position < to && from < end) else { return false };
        let (from, to) = self.skipped.remove(place);
        for rest in [(end, to), (from, position)] {
            if rest.0 < rest.1 {
                self.skipped.insert(place, rest);
            }
        }
        self.skipped.truncate(MAX_SKIPPED);
        true
    }

    /// Records a segment with new bytes at that position.
    fn note_new(&mut self, position: i64, bytes: usize) {
        self.out_of_order += u64::from(position < self.latest);
        let end = position.saturating_add(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.latest = self.latest.max(end);
    }

    /// Moves on behind bytes that were the next ones.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.base += bytes as u64;
        self.next = self.next.map(|next| next.wrapping_add(bytes as u32));
    }

    /// Moves on behind bytes that the snap length has cut off.
    pub(crate) fn skip_missing(&mut self, missing: usize) {
        self.gaps += 1;
        self.gap_bytes += missing as u64;
        self.advance(missing);
    }

    /// Whether anything is held behind a hole.
    #[inline]
    pub(crate) fn has_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// Gives the hole up where the other direction `acknowledges` its bytes: the receiver has them, so they are not sent again, and
    /// this capture will not have them. Returns whether there is something to deliver.
    pub(crate) fn note_acknowledged(&mut self, (number, at): (u32, Timestamp), now: Timestamp) -> bool {
        let Some((first, next)) = self.held.first().zip(self.next) else { return false };
        let acknowledged = i64::from(number.wrapping_sub(next).cast_signed());
        if acknowledged < first.start.saturating_sub(self.base).cast_signed() {
            return false;
        }
        let since = *self.hole_acknowledged.get_or_insert(at);
        self.gives_up = now.since(since) >= ACKNOWLEDGED_NS;
        self.gives_up
    }

    /// What has become contiguous; where the bounds are reached, or `flush` says that nothing more will come, the
    /// bytes behind a hole too, with the gap in front of them.
    pub(crate) fn deliver(&mut self, now: Option<Timestamp>, flush: bool) -> Option<Delivery> {
        loop {
            let first = self.held.first()?;
            if first.start > self.base {
                let is_old = now.zip(first.frame.at.time).is_some_and(|(now, then)| now.since(then) > AGE_NS);
                if !flush && !self.gives_up && !is_old && self.held_bytes <= MAX_HELD && self.held.len() <= MAX_SEGMENTS
                {
                    return None;
                }
                let (bytes, frame) = (first.start - self.base, first.frame);
                (self.gives_up, self.hole_acknowledged) = (false, None);
                self.gaps += 1;
                self.gap_bytes += bytes;
                if self.skipped.len() >= MAX_SKIPPED {
                    self.skipped.remove(0);
                }
                self.skipped.push((self.base.cast_signed(), first.start.cast_signed()));
                self.base = first.start;
                self.next = self.next.map(|next| next.wrapping_add(bytes as u32));
                return Some(Delivery::Gap { bytes, frame });
            }
            let mut segment = self.held.remove(0);
            self.hole_acknowledged = None;
            self.held_bytes -= segment.bytes.len();
            let known = (self.base - segment.start) as usize;
            if known >= segment.bytes.len() + segment.missing {
                continue;
            }
            segment.bytes.drain(..known.min(segment.bytes.len()));
            self.advance(segment.bytes.len());
            return Some(Delivery::Bytes { bytes: segment.bytes, missing: segment.missing, frame: segment.frame });
        }
    }
}
