//! Flows of few frames, kept as the frames that came.
//!
//! Where there are very many flows, most have so few frames that these take less memory than all that would be known of
//! them. So they wait as they are, and are decoded when their flow gets more frames or when a result is made: then one
//! after the other, in the same small memory.

use streamlens_model::{Frame, LinkType, Timestamp};

use crate::key::PackedKey;
use crate::pieces::Pieces;

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
}

/// A flow that waits: one cache line, since every frame of it comes to another place of memory.
#[repr(align(64))]
struct HeldFlow {
    packed: PackedKey,
    /// Where its last frame lies; each says where the one before does.
    last: Option<Place>,
    frames: u8,
    bytes: u16,
}

/// Where a frame lies, counted in units from 1.
type Place = std::num::NonZeroU32;

#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    /// Bytes of flows that are still held.
    live: usize,
}

/// What stands in front of a frame's bytes.
struct Head {
    before: Option<Place>,
    length: u32,
    number: u64,
    time: Option<Timestamp>,
    link_type: LinkType,
    interface: u32,
    original_length: u32,
}

impl Head {
    /// Bytes of a head; the last word is left out where it says nothing.
    const LENGTH: usize = 32;
    const SHORT: usize = 24;
    /// Set in the length of a frame that has a time.
    const HAS_TIME: u32 = 1 << 15;
    /// Set in the length of a frame that was cut, or is not of the first interface.
    const HAS_LAST: u32 = 1 << 14;

    fn of(frame: &Frame<'_>, before: Option<Place>) -> Self {
        Self {
            before,
            length: frame.data.len() as u32,
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

    /// Bytes that the frame takes here.
    fn size_of_frame(&self) -> usize {
        (self.size() + self.length as usize).next_multiple_of(UNIT)
    }

    fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        let (time, has_time) = self.time.map_or((0, 0), |time| (time.as_nanos(), Self::HAS_TIME));
        let has_last = if self.size() == Self::LENGTH { Self::HAS_LAST } else { 0 };
        let kind = self.length | has_time | has_last | u32::from(self.link_type.0) << 16;
        let words = [
            u64::from(self.before.map_or(0, Place::get)) | u64::from(kind) << 32,
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
        let length = kind & (Self::HAS_LAST - 1);
        let last = if kind & Self::HAS_LAST == 0 { u64::from(length) } else { word(3)? };
        Some(Self {
            before: Place::new(first as u32),
            length,
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
        self.flows.iter().enumerate().filter(|(_, flow)| flow.last.is_some()).map(|(place, _)| place)
    }

    /// Whether the flow there still waits.
    #[inline]
    pub(crate) fn holds(&self, place: usize) -> bool {
        self.flows.get(place).is_some_and(|flow| flow.last.is_some())
    }

    /// The key of a flow.
    #[inline]
    pub(crate) fn key(&self, place: usize) -> Option<&PackedKey> {
        self.flows.get(place).map(|flow| &flow.packed)
    }

    /// Number of the first frame of a flow.
    pub(crate) fn created(&self, place: usize) -> u64 {
        self.frames(place).next().map_or(0, |frame| frame.number)
    }

    /// Number of frames of a flow.
    pub(crate) fn frame_count(&self, place: usize) -> u64 {
        self.flows.get(place).map_or(0, |flow| u64::from(flow.frames))
    }

    /// Begins a flow with its first frame, and gives its place; `None` where the frame is too long to wait.
    pub(crate) fn begin(&mut self, packed: PackedKey, frame: &Frame<'_>) -> Option<usize> {
        let place = self.flows.push(HeldFlow { packed, last: None, frames: 0, bytes: 0 });
        if !self.add(place, frame) {
            self.flows.pop();
            return None;
        }
        self.count += 1;
        Some(place)
    }

    /// Adds a frame to a flow; false where there is no room for it.
    pub(crate) fn add(&mut self, place: usize, frame: &Frame<'_>) -> bool {
        if frame.data.len() > MOST_BYTES {
            return false;
        }
        let Some(flow) = self.flows.get_mut(place) else { return false };
        let head = Head::of(frame, flow.last);
        let size = head.size_of_frame();
        if usize::from(flow.frames) >= MOST_FRAMES || usize::from(flow.bytes) + size > MOST_BYTES {
            return false;
        }
        if self.chunks.last().is_none_or(|last| last.bytes.len() + size > CHUNK) {
            self.chunks.push(Chunk { bytes: Vec::with_capacity(CHUNK), live: 0 });
        }
        let number = self.chunks.len() - 1;
        let Some(chunk) = self.chunks.last_mut() else { return false };
        let at = (number * CHUNK + chunk.bytes.len()) / UNIT + 1;
        let Some(at) = u32::try_from(at).ok().and_then(Place::new) else { return false };
        let end = chunk.bytes.len() + size;
        chunk.bytes.extend_from_slice(head.to_bytes().get(..head.size()).unwrap_or_default());
        chunk.bytes.extend_from_slice(frame.data);
        chunk.bytes.resize(end, 0);
        chunk.live += size;
        flow.last = Some(at);
        flow.frames += 1;
        flow.bytes += size as u16;
        true
    }

    /// The frames of a flow, in the order in which they came.
    pub(crate) fn frames(&self, place: usize) -> impl Iterator<Item = Frame<'_>> {
        let mut frames = [None; MOST_FRAMES];
        frames.iter_mut().rev().zip(self.frames_backwards(place)).for_each(|(slot, frame)| *slot = Some(frame));
        frames.into_iter().flatten()
    }

    /// The frames of a flow, the last one first, which is how they are linked.
    pub(crate) fn frames_backwards(&self, place: usize) -> Backwards<'_> {
        Backwards { held: self, next: self.flows.get(place).and_then(|flow| flow.last) }
    }

    fn read(&self, at: Place) -> Option<(Head, &[u8])> {
        let at = (at.get() as usize - 1) * UNIT;
        let bytes = self.chunks.get(at / CHUNK)?.bytes.get(at % CHUNK..)?;
        let head = Head::read(bytes)?;
        let data = bytes.get(head.size()..head.size() + head.length as usize)?;
        Some((head, data))
    }

    /// Gives up a flow. Memory is given back when all that was allocated with it has gone.
    pub(crate) fn release(&mut self, place: usize) {
        let mut next = self.flows.get_mut(place).and_then(|flow| flow.last.take());
        self.count -= usize::from(next.is_some());
        while let Some((at, (head, _))) = next.and_then(|at| Some((at, self.read(at)?))) {
            next = head.before;
            let number = (at.get() as usize - 1) * UNIT / CHUNK;
            let is_open = number + 1 == self.chunks.len();
            if let Some(chunk) = self.chunks.get_mut(number) {
                chunk.live -= head.size_of_frame();
                if chunk.live == 0 && !is_open {
                    chunk.bytes = Vec::new();
                }
            }
        }
    }
}

/// The frames of a flow, the last one first.
pub(crate) struct Backwards<'h> {
    held: &'h HeldFlows,
    next: Option<Place>,
}

impl<'h> Iterator for Backwards<'h> {
    type Item = Frame<'h>;

    #[inline]
    fn next(&mut self) -> Option<Frame<'h>> {
        let (head, data) = self.held.read(self.next?)?;
        self.next = head.before;
        let Head { number, time, link_type, interface, original_length, .. } = head;
        Some(Frame { number, time, link_type, interface, original_length, data })
    }
}

#[cfg(test)]
mod tests {
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
            let back: Vec<_> = held.frames(place).map(|frame| format!("{frame:?}")).collect();
            let wanted = (flow..40).step_by(8).map(|number| format!("{:?}", frame(number as u64, &data[number])));
            assert_eq!(back, wanted.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_flow_waits_with_few_frames_and_bytes_only() {
        let mut held = HeldFlows::default();
        let small = begin(&mut held, 1, &[0; 60]).unwrap();
        assert_eq!((2..20).filter(|&number| held.add(small, &frame(number, &[0; 60]))).count(), MOST_FRAMES - 1);
        let large = begin(&mut held, 20, &[0; 1000]).unwrap();
        assert!(!held.add(large, &frame(21, &[0; 1000])));
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
        assert_eq!((held.count(), held.places().count(), held.frames(places[0]).count()), (0, 0, 0));
    }
}
