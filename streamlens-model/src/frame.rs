//! What a capture holds: frames, one at a time or in batches.

use crate::{LinkType, Timestamp};

/// One record of a capture: the bytes of a link-layer frame, and what was noted beside them. Borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Position in the analysis, counted from 1 over all captures.
    pub number: u64,
    /// When it was captured; `None` where the capture has no time for it (pcapng simple packet blocks) or one
    /// outside the range of [`Timestamp`].
    pub time: Option<Timestamp>,
    /// How the bytes begin.
    pub link_type: LinkType,
    /// Which interface of the analysis it came from: an index into [`crate::CaptureSummary::interfaces`].
    pub interface: u32,
    /// Its length on the wire, in bytes. All byte counts are made of this.
    pub original_length: u32,
    /// The bytes present; fewer than `original_length` where a snap length cut it.
    pub data: &'a [u8],
}

impl Frame<'_> {
    /// Bytes that were on the wire and are not present.
    #[must_use]
    #[inline]
    pub fn missing(&self) -> usize {
        (self.original_length as usize).saturating_sub(self.data.len())
    }
}

/// Where one frame of a [`FrameBatch`] lies, and what was noted beside it.
#[derive(Clone, Copy, Debug)]
pub struct FrameRecord {
    /// First byte of the frame in [`FrameBatch::bytes`].
    pub offset: u32,
    /// Bytes present.
    pub captured_length: u32,
    /// Bytes on the wire.
    pub original_length: u32,
    /// Index of the interface in the analysis.
    pub interface: u32,
    /// When it was captured, if that is known.
    pub time: Option<Timestamp>,
    /// How the bytes begin.
    pub link_type: LinkType,
}

impl FrameRecord {
    /// The frame in these bytes, without a number; `None` where it would lie outside of them.
    #[must_use]
    #[inline]
    pub fn frame<'b>(&self, bytes: &'b [u8]) -> Option<Frame<'b>> {
        let start = self.offset as usize;
        Some(Frame {
            number: 0,
            time: self.time,
            link_type: self.link_type,
            interface: self.interface,
            original_length: self.original_length,
            data: bytes.get(start..start + self.captured_length as usize)?,
        })
    }
}

/// A run of frames in capture order that owns their bytes, to be filled, analysed and filled again.
///
/// A reader fills `bytes` straight from the file, so that a frame is copied once; a batch that is used again
/// keeps its memory, so that nothing is allocated per frame.
#[derive(Clone, Debug, Default)]
pub struct FrameBatch {
    /// The bytes that the records point into. They may hold more than the frames, such as record headers.
    pub bytes: Vec<u8>,
    /// The frames, in capture order.
    pub records: Vec<FrameRecord>,
    /// Number of the first frame, counted from 1 over the whole analysis; the others follow on.
    pub first_number: u64,
    /// How late it is where the frames come from, for sources that know it without a frame (an interface, a replay): at
    /// or after the last frame's time. `None` where time is that of the frames alone. See
    /// [`FrameSource::read_batch`](crate::FrameSource::read_batch).
    pub now: Option<Timestamp>,
    /// Whether the source has started over in front of these frames: the analysis begins anew with them, and what came before
    /// has no part in it. Times go on.
    pub begins_anew: bool,
}

impl FrameBatch {
    /// Number of frames.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it holds no frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The frame at `index`; `None` beyond the last one, or where its record points outside of the bytes.
    #[must_use]
    #[inline]
    pub fn frame(&self, index: usize) -> Option<Frame<'_>> {
        let frame = self.records.get(index)?.frame(&self.bytes)?;
        Some(Frame { number: self.first_number + index as u64, ..frame })
    }

    /// The frames, in capture order.
    pub fn iter(&self) -> impl Iterator<Item = Frame<'_>> {
        (0..self.len()).filter_map(|index| self.frame(index))
    }

    /// Adds a copy of a frame's bytes; for sources that hand out one frame at a time. The frame's own number is
    /// not kept: numbers follow on from [`Self::first_number`].
    ///
    /// Returns false, and adds nothing, where the batch would pass 4 GiB.
    pub fn push(&mut self, frame: &Frame<'_>) -> bool {
        let (Ok(offset), Ok(captured_length)) = (u32::try_from(self.bytes.len()), u32::try_from(frame.data.len()))
        else {
            return false;
        };
        self.bytes.extend_from_slice(frame.data);
        self.records.push(FrameRecord {
            offset,
            captured_length,
            original_length: frame.original_length,
            interface: frame.interface,
            time: frame.time,
            link_type: frame.link_type,
        });
        true
    }

    /// Forgets the frames and what is said of them, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.now = None;
        self.begins_anew = false;
    }
}
