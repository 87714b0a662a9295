//! Putting packets together from the segments of Formats 1 and 2.
//!
//! Memory grows with the bytes that come, never with what a length field announces.

use streamlens_chapter10_wire::{HEADER_LENGTH, PacketHeader};

/// A packet that is being put together.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    /// The channel that its segments name.
    pub(super) channel: u16,
    /// What tells it from other packets of the channel: Format 1 the channel's number, Format 2 the datagram's.
    pub(super) key: u32,
    /// Its header, once that has come.
    pub(super) header: Option<PacketHeader>,
    /// Bytes from its beginning without a hole.
    pub(super) bytes: Vec<u8>,
    /// Bytes that came, duplicates apart.
    pub(super) received: u32,
    /// It is whole and has been handed on; kept to know segments that come again.
    pub(super) done: bool,
    length: Option<u32>,
    ahead: Vec<(u32, Vec<u8>)>,
    ahead_bytes: usize,
    overflowed: bool,
}

/// What a segment did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// More is to come.
    Open,
    /// The packet is whole.
    Complete,
}

impl Assembly {
    /// Segments that may wait for a hole in front of them to be filled.
    const MAX_AHEAD: usize = 64;

    /// An empty one that uses the memory of `spare`.
    pub(super) fn new(channel: u16, key: u32, length: Option<u32>, mut spare: Vec<u8>) -> Self {
        spare.clear();
        Self { channel, key, length, bytes: spare, ..Self::default() }
    }

    /// Memory it holds, in bytes.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity() + self.ahead_bytes
    }

    /// Places a slice at its offset. `room` is how many bytes may still be kept; beyond that the packet can't be
    /// completed.
    pub(super) fn add(&mut self, offset: u32, slice: &[u8], room: usize) -> Added {
        if self.done {
            return Added::Open;
        }
        if slice.len() > room {
            self.overflowed = true;
        }
        if self.overflowed {
            self.received = self.received.saturating_add(slice.len() as u32);
            return Added::Open;
        }
        let end = self.bytes.len() as u32;
        if offset > end {
            let known = self.ahead.iter().any(|(at, _)| *at == offset);
            if !known && self.ahead.len() < Self::MAX_AHEAD {
                self.ahead.push((offset, slice.to_vec()));
                self.ahead_bytes += slice.len();
            }
            if !known {
                self.received = self.received.saturating_add(slice.len() as u32);
            }
            return Added::Open;
        }
        let Some(new) = slice.get((end - offset) as usize..).filter(|new| !new.is_empty()) else { return Added::Open };
        self.bytes.extend_from_slice(new);
        self.received = self.received.saturating_add(new.len() as u32);
        self.take_ahead();
        if self.header.is_none() {
            self.header = PacketHeader::parse(&self.bytes);
            if let Some(header) = self.header {
                self.length = self.length.or(Some(header.packet_length));
            }
        }
        let whole = self.length.is_some_and(|length| {
            self.bytes.len() >= HEADER_LENGTH && self.bytes.len() >= length as usize && self.header.is_some()
        });
        if whole { Added::Complete } else { Added::Open }
    }

    fn take_ahead(&mut self) {
        while let Some(index) = self.ahead.iter().position(|(at, _)| *at as usize <= self.bytes.len()) {
            let (at, slice) = self.ahead.swap_remove(index);
            self.ahead_bytes -= slice.len();
            if let Some(new) = slice.get(self.bytes.len() - at as usize..) {
                self.bytes.extend_from_slice(new);
            }
        }
    }

    /// Forgets what waits behind a hole, and hands out the bytes in front of it.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        self.done = true;
        self.ahead = Vec::new();
        self.ahead_bytes = 0;
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(length: u32) -> Vec<u8> {
        let mut bytes = vec![0x25, 0xEB, 1, 0];
        bytes.extend(length.to_le_bytes());
        bytes.resize(length as usize, 7);
        bytes
    }

    #[test]
    fn a_hole_is_filled_by_a_late_segment_and_repeats_change_nothing() {
        let bytes = packet(100);
        let mut assembly = Assembly::new(1, 0, None, Vec::new());
        assert_eq!(assembly.add(0, &bytes[..40], 1000), Added::Open);
        assert_eq!(assembly.add(80, &bytes[80..], 1000), Added::Open);
        assert_eq!(assembly.add(80, &bytes[80..], 1000), Added::Open);
        assert_eq!(assembly.add(0, &bytes[..40], 1000), Added::Open);
        assert_eq!(assembly.add(40, &bytes[40..80], 1000), Added::Complete);
        assert_eq!((assembly.received, assembly.finish()), (100, bytes));
    }

    #[test]
    fn a_far_offset_takes_no_more_memory_than_its_bytes() {
        let mut assembly = Assembly::new(1, 0, None, Vec::new());
        for offset in 1..1000 {
            assembly.add(offset * 100_000, &[1; 10], 1_000_000);
        }
        assert!(assembly.held() <= 64 * 10);
        assert_eq!(assembly.add(0, &[0; 50], 10), Added::Open, "beyond the room nothing is kept");
        assert!(assembly.bytes.is_empty());
    }
}
