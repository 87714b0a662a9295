//! Memory for the frames of deferred flows.
//!
//! Frames of one flow have most of their headers in common, and often more: of those that are as long as the first, only
//! what differs from it is stored. The frames of a flow lie wherever they came in, and are linked.

use streamlens_model::Frame;

use super::differences::{differences, rebuild, size_of_differences};
use super::header::FrameHeader;

/// The most frames that a flow is deferred with.
pub(super) const MOST_FRAMES: usize = 7;
/// The most bytes that the frames of a flow take here: about as much as its decoder and statistics would.
const MOST_BYTES: usize = 2048;
/// Bytes that are allocated at a time.
pub(super) const CHUNK: usize = 64 * 1024;
/// Frames begin at multiples of this, so that an offset is four bytes.
const UNIT: usize = 8;
/// Bytes that a processor fetches at a time.
const CACHE_LINE: usize = 64;
/// Cache lines that a first frame mostly takes, and the differences of a later one.
pub(super) const FIRST_LINES: usize = 4;
pub(super) const LATER_LINES: usize = 2;

/// Where a frame lies, in units of 8 bytes, counted from 1.
pub(super) type FrameOffset = std::num::NonZeroU32;

/// The frames of one flow.
#[derive(Default)]
pub(super) struct Chain {
    /// The first frame; its link is the last one.
    first: Option<FrameOffset>,
    bytes: u16,
    pub(super) frames: u8,
}

impl Chain {
    /// No frame.
    pub(super) const NONE: Self = Self { first: None, bytes: 0, frames: 0 };
}

/// The frames of the deferred flows of a shard.
#[derive(Default)]
pub(super) struct Arena {
    chunks: Vec<Chunk>,
    /// Where the next frame goes.
    open: usize,
    /// Chunks without frames.
    free_list: Vec<usize>,
    /// The differences of a frame before it is decided whether to store them; kept for its memory.
    differing: Vec<u8>,
    /// Whether a frame was earlier than the first one of its flow, or that one has no time.
    has_earlier: bool,
}

#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    /// Bytes of flows that are still deferred.
    live: usize,
}

impl Arena {
    /// Appends a frame to a chain. Returns false, and stores nothing, where the bounds of a deferred flow are reached.
    pub(super) fn append(&mut self, chain: &mut Chain, frame: &Frame<'_>) -> bool {
        if usize::from(chain.frames) >= MOST_FRAMES || frame.data.len() > MOST_BYTES {
            return false;
        }
        let mut differing = std::mem::take(&mut self.differing);
        let first = chain.first.and_then(|first| self.read(first));
        let first_time = first.as_ref().map(|(first, _)| first.time);
        let (header, bytes) = encode(frame, first, &mut differing);
        let size = (header.size() + bytes.len()).next_multiple_of(UNIT);
        let has_room = usize::from(chain.bytes) + size <= MOST_BYTES;
        let at = if has_room { self.push(&header, bytes, size) } else { None };
        self.differing = differing;
        let Some(at) = at else { return false };
        match chain.first {
            None => chain.first = Some(at),
            Some(first) => self.set_link(first, at),
        }
        self.has_earlier |=
            first_time.is_some_and(|first| first.is_none() || frame.time.is_some() && frame.time < first);
        chain.frames += 1;
        chain.bytes += size as u16;
        true
    }

    /// Stores a header and the bytes behind it, `size` bytes with padding, and returns where.
    fn push(&mut self, header: &FrameHeader, bytes: &[u8], size: usize) -> Option<FrameOffset> {
        if self.chunks.get(self.open).is_none_or(|open| open.bytes.len() + size > CHUNK) {
            self.open_chunk();
        }
        let chunk = self.chunks.get_mut(self.open)?;
        let at = (self.open * CHUNK + chunk.bytes.len()) / UNIT + 1;
        let at = u32::try_from(at).ok().and_then(FrameOffset::new)?;
        let end = chunk.bytes.len() + size;
        header.write(&mut chunk.bytes);
        chunk.bytes.extend_from_slice(bytes);
        chunk.bytes.resize(end, 0);
        chunk.live += size;
        Some(at)
    }

    /// Chooses the chunk for the next frames, where the one so far is full.
    fn open_chunk(&mut self) {
        let is_unused = self.chunks.get(self.open).is_some_and(|full| full.live == 0);
        if !is_unused {
            self.open = self.free_list.pop().unwrap_or_else(|| {
                self.chunks.push(Chunk::default());
                self.chunks.len() - 1
            });
        }
        if let Some(chunk) = self.chunks.get_mut(self.open) {
            chunk.bytes.clear();
            chunk.bytes.reserve_exact(CHUNK);
        }
    }

    /// Whether no frame of any flow was earlier than its first one.
    pub(super) fn begins_with_earliest(&self) -> bool {
        !self.has_earlier
    }

    fn set_link(&mut self, at: FrameOffset, link: FrameOffset) {
        let (number, at) = position(at);
        let bytes = self.chunks.get_mut(number).and_then(|chunk| chunk.bytes.get_mut(at..));
        bytes.into_iter().for_each(|bytes| FrameHeader::write_link(bytes, link));
    }

    /// The header at an offset, and all bytes that follow.
    #[inline]
    fn read(&self, at: FrameOffset) -> Option<(FrameHeader, &[u8])> {
        let (number, at) = position(at);
        let bytes = self.chunks.get(number)?.bytes.get(at..)?;
        let header = FrameHeader::read(bytes)?;
        let rest = bytes.get(header.size()..)?;
        Some((header, rest))
    }

    /// The headers of a chain, each with the bytes that follow: the first frame, then from the last one back.
    #[inline]
    pub(super) fn headers(&self, chain: &Chain) -> Headers<'_> {
        Headers { arena: self, next: chain.first }
    }

    /// The first frame of a chain.
    pub(super) fn first(&self, chain: &Chain) -> Option<Frame<'_>> {
        let (header, rest) = self.headers(chain).next()?;
        Some(header.frame(rest.get(..header.length as usize)?))
    }

    /// Calls `see` with the frames of a chain, in the order in which they came. `buffer` is for its memory alone.
    pub(super) fn frames(&self, chain: &Chain, buffer: &mut Vec<u8>, mut see: impl FnMut(&Frame<'_>)) {
        let mut headers = self.headers(chain);
        let Some((header, rest)) = headers.next() else { return };
        let Some(first) = rest.get(..header.length as usize) else { return };
        see(&header.frame(first));
        let mut others = [const { None }; MOST_FRAMES];
        others.iter_mut().rev().zip(headers).for_each(|(slot, header)| *slot = Some(header));
        for (header, rest) in others.iter().flatten() {
            let length = header.length as usize;
            let data = if header.is_difference { rebuild(first, rest, buffer) } else { rest.get(..length) };
            data.into_iter().for_each(|data| see(&header.frame(data)));
        }
    }

    /// Gives up the frames of a chain. A chunk's memory is given back with its last frame.
    pub(super) fn free(&mut self, chain: &mut Chain) {
        let mut next = std::mem::take(chain).first;
        while let Some((at, (header, rest))) = next.and_then(|at| Some((at, self.read(at)?))) {
            next = header.link;
            let length = header.length as usize;
            let bytes = if header.is_difference { size_of_differences(rest, length) } else { length };
            let size = (header.size() + bytes).next_multiple_of(UNIT);
            let (number, _) = position(at);
            let Some(chunk) = self.chunks.get_mut(number) else { return };
            chunk.live -= size;
            if chunk.live == 0 && number != self.open {
                chunk.bytes = Vec::new();
                self.free_list.push(number);
            }
        }
    }
}

#[cfg(test)]
impl Arena {
    /// Bytes of flows that are still deferred, bytes allocated, and number of chunks.
    pub(super) fn memory(&self) -> (usize, usize, usize) {
        let live = self.chunks.iter().map(|chunk| chunk.live).sum();
        (live, self.chunks.iter().map(|chunk| chunk.bytes.capacity()).sum(), self.chunks.len())
    }
}

/// Number of the chunk, and the byte in it.
#[inline]
fn position(at: FrameOffset) -> (usize, usize) {
    let at = (at.get() as usize - 1) * UNIT;
    (at / CHUNK, at % CHUNK)
}

/// The header and the bytes that are stored of a frame: what differs from the first frame of its flow, where that is less.
fn encode<'b>(
    frame: &Frame<'b>,
    first: Option<(FrameHeader, &[u8])>,
    differing: &'b mut Vec<u8>,
) -> (FrameHeader, &'b [u8]) {
    let Some((first, rest)) = first else { return (FrameHeader::of(frame, None), frame.data) };
    let mut header = FrameHeader::of(frame, first.link);
    if first.length != header.length {
        return (header, frame.data);
    }
    differences(rest.get(..frame.data.len()).unwrap_or_default(), frame.data, differing);
    if differing.len() >= frame.data.len() {
        return (header, frame.data);
    }
    header.is_difference = true;
    (header, differing)
}

/// See [`Arena::headers`].
pub(super) struct Headers<'a> {
    arena: &'a Arena,
    next: Option<FrameOffset>,
}

impl Headers<'_> {
    /// Prefetches the next frame; the loaded bytes are discarded. `black_box` keeps the loads on the compilers tried so far and
    /// promises nothing: without it only time is lost.
    #[inline]
    pub(super) fn prefetch<const LINES: usize>(&self) {
        let Some((number, at)) = self.next.map(position) else { return };
        let Some(chunk) = self.arena.chunks.get(number) else { return };
        let line = |number: usize| chunk.bytes.get(at + number * CACHE_LINE).copied();
        std::hint::black_box(std::array::from_fn::<_, LINES, _>(line));
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (FrameHeader, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(FrameHeader, &'a [u8])> {
        let (header, rest) = self.arena.read(self.next?)?;
        self.next = header.link;
        Some((header, rest))
    }
}
