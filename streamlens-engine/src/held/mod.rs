//! Flows of few frames, kept as the frames that came.
//!
//! Where there are very many flows, most have so few frames that these take less memory than all that would be known of
//! them. So they wait as they are, and are decoded when their flow gets more frames or when a result is made: then one
//! after the other, in the same small memory. Frames of one flow have most of their headers in common, and often more: of
//! those that are as long as the first, what differs from it is kept.

mod differences;

use streamlens_model::{Frame, LinkType, Timestamp};

use self::differences::{differences, rebuild, size_of_differences};
use crate::key::PackedKey;
use crate::pieces::Pieces;
use crate::shard::CACHE_LINE;

/// The most frames that a flow waits with.
const MOST_FRAMES: usize = 7;
/// The most bytes that the frames of a flow take here: about as much as its decoder and statistics would.
const MOST_BYTES: usize = 2048;
/// Frames are allocated together in so many bytes.
const CHUNK: usize = 64 * 1024;
/// Frames begin at multiples of this, so that four bytes tell where.
const UNIT: usize = 8;

/// The flows of one share that wait.
#[derive(Default)]
pub(crate) struct HeldFlows {
    /// Those that were released among them.
    flows: Pieces<HeldFlow, 256>,
    /// Flows that are still held.
    count: usize,
    chunks: Vec<Chunk>,
    /// Whether a frame was earlier than the first one of its flow, or that one without a time.
    has_earlier: bool,
    /// What differs in a frame, before it is known whether that is kept; only for its memory.
    differing: Vec<u8>,
}

/// A flow that waits: one cache line, since every frame of it comes to another place of memory.
#[repr(align(64))]
struct HeldFlow {
    packed: PackedKey,
    /// Where its first frame lies, which says where the last does; that and others say where the one before does.
    first: Option<Place>,
    frames: u8,
    bytes: u16,
}

/// Cache lines of memory that a first frame mostly lies in, and of what differs in a later one.
pub(crate) const FIRST_LINES: usize = 4;
pub(crate) const LATER_LINES: usize = 2;

/// Where a frame lies, counted in units from 1.
type Place = std::num::NonZeroU32;

#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    /// Bytes of flows that are still held.
    live: usize,
}

/// What stands in front of a frame's bytes.
pub(crate) struct Head {
    /// Where the frame before lies, unless that is the first; in the first one where the last lies, unless it is the only one.
    link: Option<Place>,
    length: u32,
    /// Whether what follows is what differs from the first frame.
    is_like: bool,
    number: u64,
    pub(crate) time: Option<Timestamp>,
    link_type: LinkType,
    interface: u32,
    pub(crate) original_length: u32,
}

impl Head {
    /// Bytes of a head; the last word is left out where it says nothing.
    const LENGTH: usize = 32;
    const SHORT: usize = 24;
    /// Set in the length of a frame that has a time.
    const HAS_TIME: u32 = 1 << 15;
    /// Set in the length of a frame that was cut, or is not of the first interface.
    const HAS_LAST: u32 = 1 << 14;
    /// Set in the length of a frame of which is kept what differs from the first.
    const IS_LIKE: u32 = 1 << 13;

    fn of(frame: &Frame<'_>, link: Option<Place>) -> Self {
        Self {
            link,
            length: frame.data.len() as u32,
            is_like: false,
            number: frame.number,
            time: frame.time,
            link_type: frame.link_type,
            interface: frame.interface,
            original_length: frame.original_length,
        }
    }

    /// How many bytes it has.
    fn size(&self) -> usize {
        if self.original_length == self.length && self.interface == 0 { Self::SHORT } else { Self::LENGTH }
    }

    /// The frame that has these bytes.
    fn frame<'f>(&self, data: &'f [u8]) -> Frame<'f> {
        let Self { number, time, link_type, interface, original_length, .. } = *self;
        Frame { number, time, link_type, interface, original_length, data }
    }

    fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        let (time, has_time) = self.time.map_or((0, 0), |time| (time.as_nanos(), Self::HAS_TIME));
        let has_last = if self.size() == Self::LENGTH { Self::HAS_LAST } else { 0 };
        let is_like = if self.is_like { Self::IS_LIKE } else { 0 };
        let kind = self.length | is_like | has_time | has_last | u32::from(self.link_type.0) << 16;
        let words = [
            u64::from(self.link.map_or(0, Place::get)) | u64::from(kind) << 32,
            self.number,
            time.cast_unsigned(),
            u64::from(self.original_length) | u64::from(self.interface) << 32,
        ];
        bytes.as_chunks_mut::<8>().0.iter_mut().zip(words).for_each(|(to, word)| *to = word.to_ne_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (words, _) = bytes.as_chunks::<8>();
        let word = |number: usize| words.get(number).copied().map(u64::from_ne_bytes);
        let (first, number, time) = (word(0)?, word(1)?, word(2)?);
        let kind = (first >> 32) as u32;
        let length = kind & (Self::IS_LIKE - 1);
        let last = if kind & Self::HAS_LAST == 0 { u64::from(length) } else { word(3)? };
        Some(Self {
            link: Place::new(first as u32),
            length,
            is_like: kind & Self::IS_LIKE != 0,
            number,
            time: (kind & Self::HAS_TIME != 0).then(|| Timestamp::from_nanos(time.cast_signed())),
            link_type: LinkType((kind >> 16) as u16),
            interface: (last >> 32) as u32,
            original_length: last as u32,
        })
    }
}

impl HeldFlows {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The places of all.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        self.flows.iter().enumerate().filter(|(_, flow)| flow.first.is_some()).map(|(place, _)| place)
    }

    /// Whether the flow there still waits.
    #[inline]
    pub(crate) fn holds(&self, place: usize) -> bool {
        self.flows.get(place).is_some_and(|flow| flow.first.is_some())
    }

    /// The key of a flow.
    #[inline]
    pub(crate) fn key(&self, place: usize) -> Option<&PackedKey> {
        self.flows.get(place).map(|flow| &flow.packed)
    }

    /// The first frame of a flow.
    pub(crate) fn first(&self, place: usize) -> Option<Frame<'_>> {
        let (head, rest) = self.heads(place).next()?;
        Some(head.frame(rest.get(..head.length as usize)?))
    }

    /// Looks at the memory of a flow's first frame, which the next one will be compared with.
    #[inline]
    pub(crate) fn look_at_first(&self, place: usize) {
        self.heads(place).look_at::<FIRST_LINES>();
    }

    /// Number of the first frame of a flow.
    pub(crate) fn created(&self, place: usize) -> u64 {
        self.first(place).map_or(0, |frame| frame.number)
    }

    /// Whether no frame of any flow is earlier than its first one.
    pub(crate) fn begin_with_earliest(&self) -> bool {
        !self.has_earlier
    }

    /// Number of frames of a flow.
    pub(crate) fn frame_count(&self, place: usize) -> u64 {
        self.flows.get(place).map_or(0, |flow| u64::from(flow.frames))
    }

    /// Begins a flow with its first frame, and gives its place; `None` where the frame is too long to wait.
    pub(crate) fn begin(&mut self, packed: PackedKey, frame: &Frame<'_>) -> Option<usize> {
        let place = self.flows.push(HeldFlow { packed, first: None, frames: 0, bytes: 0 });
        if !self.add(place, frame) {
            self.flows.pop();
            return None;
        }
        self.count += 1;
        Some(place)
    }

    /// Adds a frame to a flow; false where there is no room for it.
    pub(crate) fn add(&mut self, place: usize, frame: &Frame<'_>) -> bool {
        let Self { flows, chunks, differing, has_earlier, .. } = self;
        let Some(flow) = flows.get_mut(place).filter(|flow| usize::from(flow.frames) < MOST_FRAMES) else {
            return false;
        };
        if frame.data.len() > MOST_BYTES {
            return false;
        }
        let first = flow.first.and_then(|first| read(chunks, first));
        let mut head = Head::of(frame, first.as_ref().and_then(|(first, _)| first.link));
        let mut bytes = frame.data;
        if let Some((first, rest)) = &first {
            *has_earlier |= frame.time.is_some() && frame.time < first.time || first.time.is_none();
            if first.length == head.length {
                differences(rest.get(..frame.data.len()).unwrap_or_default(), frame.data, differing);
                if differing.len() < bytes.len() {
                    (head.is_like, bytes) = (true, differing);
                }
            }
        }
        let size = (head.size() + bytes.len()).next_multiple_of(UNIT);
        if usize::from(flow.bytes) + size > MOST_BYTES {
            return false;
        }
        if chunks.last().is_none_or(|last| last.bytes.len() + size > CHUNK) {
            chunks.push(Chunk { bytes: Vec::with_capacity(CHUNK), live: 0 });
        }
        let number = chunks.len() - 1;
        let Some(chunk) = chunks.last_mut() else { return false };
        let at = (number * CHUNK + chunk.bytes.len()) / UNIT + 1;
        let Some(at) = u32::try_from(at).ok().and_then(Place::new) else { return false };
        let end = chunk.bytes.len() + size;
        chunk.bytes.extend_from_slice(head.to_bytes().get(..head.size()).unwrap_or_default());
        chunk.bytes.extend_from_slice(bytes);
        chunk.bytes.resize(end, 0);
        chunk.live += size;
        match flow.first {
            None => flow.first = Some(at),
            Some(first) => link(chunks, first, at),
        }
        flow.frames += 1;
        flow.bytes += size as u16;
        true
    }

    /// Shows the frames of a flow, in the order in which they came. `room` is for its memory alone.
    pub(crate) fn frames(&self, place: usize, room: &mut Vec<u8>, mut see: impl FnMut(&Frame<'_>)) {
        let mut heads = self.heads(place);
        let Some((head, rest)) = heads.next() else { return };
        let Some(first) = rest.get(..head.length as usize) else { return };
        see(&head.frame(first));
        let mut others = [const { None }; MOST_FRAMES];
        others.iter_mut().rev().zip(heads).for_each(|(slot, head)| *slot = Some(head));
        for (head, rest) in others.iter().flatten() {
            let data = if head.is_like { rebuild(first, rest, room) } else { rest.get(..head.length as usize) };
            data.into_iter().for_each(|data| see(&head.frame(data)));
        }
    }

    /// What stands in front of the frames of a flow, each with the bytes that follow: of the first frame, then from the last one
    /// back, which is how they are linked.
    #[inline]
    pub(crate) fn heads(&self, place: usize) -> Heads<'_> {
        Heads { chunks: &self.chunks, next: self.flows.get(place).and_then(|flow| flow.first) }
    }

    /// Gives up a flow. Memory is given back when all that was allocated with it has gone.
    pub(crate) fn release(&mut self, place: usize) {
        let mut next = self.flows.get_mut(place).and_then(|flow| flow.first.take());
        self.count -= usize::from(next.is_some());
        while let Some((at, (head, rest))) = next.and_then(|at| Some((at, read(&self.chunks, at)?))) {
            next = head.link;
            let bytes =
                if head.is_like { size_of_differences(rest, head.length as usize) } else { head.length as usize };
            let number = (at.get() as usize - 1) * UNIT / CHUNK;
            let is_open = number + 1 == self.chunks.len();
            let size = (head.size() + bytes).next_multiple_of(UNIT);
            if let Some(chunk) = self.chunks.get_mut(number) {
                chunk.live -= size;
                if chunk.live == 0 && !is_open {
                    chunk.bytes = Vec::new();
                }
            }
        }
    }
}

/// See [`HeldFlows::heads`].
pub(crate) struct Heads<'h> {
    chunks: &'h [Chunk],
    next: Option<Place>,
}

impl Heads<'_> {
    /// Looks at the memory of what comes next, so many lines of it; what is seen means nothing. Few instructions, none of which
    /// hang on what is read: so a processor goes on to others while it waits.
    #[inline]
    pub(crate) fn look_at<const LINES: usize>(&self) {
        let at = self.next.map_or(0, |next| (next.get() as usize - 1) * UNIT);
        let Some(chunk) = self.chunks.get(at / CHUNK) else { return };
        let line = |number: usize| chunk.bytes.get(at % CHUNK + number * CACHE_LINE).copied();
        std::hint::black_box(std::array::from_fn::<_, LINES, _>(line));
    }
}

impl<'h> Iterator for Heads<'h> {
    type Item = (Head, &'h [u8]);

    #[inline]
    fn next(&mut self) -> Option<(Head, &'h [u8])> {
        let (head, rest) = read(self.chunks, self.next?)?;
        self.next = head.link;
        Some((head, rest))
    }
}

/// What lies at a place, and all that follows.
#[inline]
fn read(chunks: &[Chunk], at: Place) -> Option<(Head, &[u8])> {
    let at = (at.get() as usize - 1) * UNIT;
    let bytes = chunks.get(at / CHUNK)?.bytes.get(at % CHUNK..)?;
    let head = Head::read(bytes)?;
    let rest = bytes.get(head.size()..)?;
    Some((head, rest))
}

/// Sets the link of what lies at a place.
fn link(chunks: &mut [Chunk], at: Place, to: Place) {
    let at = (at.get() as usize - 1) * UNIT;
    let bytes = chunks.get_mut(at / CHUNK).and_then(|chunk| chunk.bytes.get_mut(at % CHUNK..));
    if let Some(word) = bytes.and_then(<[u8]>::first_chunk_mut) {
        let kind = u64::from_ne_bytes(*word) >> 32 << 32;
        *word = (kind | u64::from(to.get())).to_ne_bytes();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(number: u64, data: &[u8]) -> Frame<'_> {
        let time = (!number.is_multiple_of(3)).then(|| Timestamp::from_nanos(-(number as i64)));
        // some were cut, or are of another interface: that takes a longer head
        let original_length = if number.is_multiple_of(4) { 9000 } else { data.len() as u32 };
        let interface = if number.is_multiple_of(5) { 3 } else { 0 };
        Frame { number, time, link_type: LinkType(276), interface, original_length, data }
    }

    fn begin(held: &mut HeldFlows, number: u64, data: &[u8]) -> Option<usize> {
        held.begin(PackedKey::of_key(&Default::default()), &frame(number, data))
    }

    fn all(held: &HeldFlows, place: usize) -> Vec<String> {
        let (mut frames, mut room) = (Vec::new(), Vec::new());
        held.frames(place, &mut room, |frame| frames.push(format!("{frame:?}")));
        frames
    }

    proptest! {
        /// Frames that are mostly like the first of their flow, and of two flows that come in turn.
        #[test]
        fn what_is_kept_as_differences_comes_back_whole(
            first in proptest::collection::vec(any::<u8>(), 0..300),
            others in proptest::collection::vec(
                (any::<bool>(), -2_isize..4, proptest::collection::vec((any::<usize>(), any::<u8>()), 0..6)), 0..9),
        ) {
            let mut held = HeldFlows::default();
            let mut wanted = [(); 2].map(|()| vec![format!("{:?}", frame(1, &first))]);
            let places = [(); 2].map(|()| begin(&mut held, 1, &first).unwrap());
            for (number, (flow, longer, changes)) in (2..).zip(others) {
                let mut data = first.clone();
                // most are as long
                data.resize(first.len().saturating_add_signed(longer.min(1)), 7);
                for (at, byte) in changes {
                    let length = data.len().max(1);
                    data.get_mut(at % length).into_iter().for_each(|to| *to = byte);
                }
                if held.add(places[usize::from(flow)], &frame(number, &data)) {
                    wanted[usize::from(flow)].push(format!("{:?}", frame(number, &data)));
                }
            }
            for (place, wanted) in places.iter().zip(wanted) {
                prop_assert_eq!(held.frame_count(*place), wanted.len() as u64);
                let (mut numbers, mut heads) = (Vec::new(), held.heads(*place));
                numbers.extend(heads.next().map(|(head, _)| head.number));
                let others: Vec<_> = heads.map(|(head, _)| head.number).collect();
                numbers.extend(others.iter().rev());
                prop_assert!(numbers.is_sorted() && numbers.len() == wanted.len());
                prop_assert_eq!(all(&held, *place), wanted);
            }
            places.iter().for_each(|&place| held.release(place));
            prop_assert_eq!(held.chunks.iter().map(|chunk| chunk.live).sum::<usize>(), 0);
        }
    }

    #[test]
    fn a_frame_like_the_first_takes_little() {
        let mut held = HeldFlows::default();
        let mut data = [0x5A; 140];
        let place = begin(&mut held, 1, &data).unwrap();
        let taken = |held: &HeldFlows| held.chunks.iter().map(|chunk| chunk.bytes.len()).sum::<usize>();
        let first = taken(&held);
        data[44] ^= 1;
        assert!(held.add(place, &frame(2, &data)));
        // its head, three bytes of marks, one word, and the four bytes behind the last word
        assert_eq!((first, taken(&held) - first), (24 + 144, (24 + 3 + 8 + 4_usize).next_multiple_of(8)));
    }

    #[test]
    fn frames_come_back_as_they_were() {
        let mut held = HeldFlows::default();
        let data: Vec<Vec<u8>> = (0..40_u8).map(|length| vec![length; usize::from(length) * 7]).collect();
        let places: Vec<_> = (0..8).map(|flow| begin(&mut held, flow as u64, &data[flow]).unwrap()).collect();
        for (number, data) in data.iter().enumerate().skip(8) {
            assert!(held.add(places[number % 8], &frame(number as u64, data)), "{number}");
        }
        assert_eq!(held.count(), 8);
        for (flow, &place) in places.iter().enumerate() {
            let wanted = (flow..40).step_by(8).map(|number| format!("{:?}", frame(number as u64, &data[number])));
            assert_eq!(all(&held, place), wanted.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_flow_waits_with_few_frames_and_bytes_only() {
        let mut held = HeldFlows::default();
        let small = begin(&mut held, 1, &[0; 60]).unwrap();
        assert_eq!((2..20).filter(|&number| held.add(small, &frame(number, &[0; 60]))).count(), MOST_FRAMES - 1);
        let large = begin(&mut held, 20, &[0; 1000]).unwrap();
        assert!(!held.add(large, &frame(21, &[1; 1000])));
        assert_eq!(begin(&mut held, 22, &[0; 2048]), None);
        assert_eq!((held.count(), held.frame_count(small), held.created(large)), (2, 7, 20));
    }

    #[test]
    fn memory_is_given_back() {
        let mut held = HeldFlows::default();
        let places: Vec<_> = (0..1000).map(|number| begin(&mut held, number, &[1; 1000]).unwrap()).collect();
        let bytes = |held: &HeldFlows| held.chunks.iter().map(|chunk| chunk.bytes.capacity()).sum::<usize>();
        assert!(bytes(&held) > 1_000_000);
        places.iter().for_each(|&place| held.release(place));
        places.iter().for_each(|&place| held.release(place));
        assert!(bytes(&held) <= CHUNK, "the last one is still open");
        assert_eq!((held.count(), held.places().count(), all(&held, places[0]).len()), (0, 0, 0));
    }
}
