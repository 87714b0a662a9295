//! The header in front of each frame that is kept.

use streamlens_model::{Frame, LinkType, Timestamp};

use super::arena::FrameOffset;

/// What is kept of a frame beside its bytes.
pub(super) struct FrameHeader {
    /// In the first frame of a flow, the offset of its last one, unless it is the only one. In a later frame, the offset of the
    /// one before it, unless that is the first.
    pub(super) link: Option<FrameOffset>,
    /// Bytes present; below 8,192.
    pub(super) length: u32,
    /// Whether the bytes that follow are the differences from the first frame of the flow.
    pub(super) is_difference: bool,
    pub(super) number: u64,
    pub(super) time: Option<Timestamp>,
    link_type: LinkType,
    interface: u32,
    pub(super) original_length: u32,
}

impl FrameHeader {
    /// Bytes of a header; the last word is left out where it holds no more than the length does.
    const LONG: usize = 32;
    const SHORT: usize = 24;
    /// Flags beside the length: the frame has a time; it was cut or is not of the first interface; see `is_difference`.
    const HAS_TIME: u32 = 1 << 15;
    const IS_LONG: u32 = 1 << 14;
    const IS_DIFFERENCE: u32 = 1 << 13;

    pub(super) fn of(frame: &Frame<'_>, link: Option<FrameOffset>) -> Self {
        Self {
            link,
            length: frame.data.len() as u32,
            is_difference: false,
            number: frame.number,
            time: frame.time,
            link_type: frame.link_type,
            interface: frame.interface,
            original_length: frame.original_length,
        }
    }

    /// Number of bytes of the header.
    pub(super) fn size(&self) -> usize {
        if self.original_length == self.length && self.interface == 0 { Self::SHORT } else { Self::LONG }
    }

    /// The frame that has these bytes.
    pub(super) fn frame<'f>(&self, data: &'f [u8]) -> Frame<'f> {
        let Self { number, time, link_type, interface, original_length, .. } = *self;
        Frame { number, time, link_type, interface, original_length, data }
    }

    /// Appends the header to bytes.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        let (time, has_time) = self.time.map_or((0, 0), |time| (time.as_nanos(), Self::HAS_TIME));
        let is_long = if self.size() == Self::LONG { Self::IS_LONG } else { 0 };
        let is_difference = if self.is_difference { Self::IS_DIFFERENCE } else { 0 };
        let kind = self.length | is_difference | has_time | is_long | u32::from(self.link_type.0) << 16;
        let words = [
            u64::from(self.link.map_or(0, FrameOffset::get)) | u64::from(kind) << 32,
            self.number,
            time.cast_unsigned(),
            u64::from(self.original_length) | u64::from(self.interface) << 32,
        ];
        words.iter().take(self.size() / 8).for_each(|word| bytes.extend_from_slice(&word.to_ne_bytes()));
    }

    /// Writes the link of the header at the front of these bytes.
    pub(super) fn write_link(bytes: &mut [u8], link: FrameOffset) {
        if let Some(word) = bytes.first_chunk_mut() {
            let kind = u64::from_ne_bytes(*word) >> 32 << 32;
            *word = (kind | u64::from(link.get())).to_ne_bytes();
        }
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (words, _) = bytes.as_chunks::<8>();
        let word = |number: usize| words.get(number).copied().map(u64::from_ne_bytes);
        let (first, number, time) = (word(0)?, word(1)?, word(2)?);
        let kind = (first >> 32) as u32;
        let length = kind & (Self::IS_DIFFERENCE - 1);
        let last = if kind & Self::IS_LONG == 0 { u64::from(length) } else { word(3)? };
        Some(Self {
            link: FrameOffset::new(first as u32),
            length,
            is_difference: kind & Self::IS_DIFFERENCE != 0,
            number,
            time: (kind & Self::HAS_TIME != 0).then(|| Timestamp::from_nanos(time.cast_signed())),
            link_type: LinkType((kind >> 16) as u16),
            interface: (last >> 32) as u32,
            original_length: last as u32,
        })
    }
}
