//! The NPD header and its segments.

use std::net::Ipv4Addr;

/// Version 3, header of five 32-bit words.
pub(crate) const FIRST: u8 = 0x35;
/// Length of the header in bytes.
pub(crate) const HEADER: usize = 20;
/// Length of a segment's header in bytes.
pub(crate) const SEGMENT_HEADER: usize = 8;

/// The 20 bytes in front of the segments, big-endian.
///
/// ```text
///  0      1           2        4        5       6          8                12                  16     20
/// | 0x35 | data type | length | config | flags | sequence | data source id | multicast address | time | ..
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NpdHeader {
    /// What the segments hold: see [`data_type_meaning`].
    pub data_type: u8,
    /// Length of the whole packet in 32-bit words.
    pub length_words: u16,
    /// Grows by one when the unit is configured anew.
    pub configuration_count: u8,
    /// 0x01 clock free-running, 0x02 fragmented, 0x04 relative time counter instead of IEEE 1588.
    pub flags: u8,
    /// Grows by one from packet to packet of one data source.
    pub sequence: u16,
    /// Which source the data come from: the stream.
    pub data_source_id: u32,
    /// Where the unit sends the packet to; the destination address of the datagram.
    pub multicast_address: Ipv4Addr,
    /// Seconds since 1970, or a counter; some units put something else here.
    pub time: u32,
}

impl NpdHeader {
    /// Reads the header; `None` where the first byte is another or bytes are missing.
    #[must_use]
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let words = bytes.first_chunk::<HEADER>()?.as_chunks::<4>().0;
        let &[[first, data_type, l0, l1], [configuration_count, flags, s0, s1], source, address, time] = words else {
            return None;
        };
        (first == FIRST).then(|| Self {
            data_type,
            length_words: u16::from_be_bytes([l0, l1]),
            configuration_count,
            flags,
            sequence: u16::from_be_bytes([s0, s1]),
            data_source_id: u32::from_be_bytes(source),
            multicast_address: Ipv4Addr::from(address),
            time: u32::from_be_bytes(time),
        })
    }
}

/// How the walk over the segments ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// The last segment ends with the packet.
    Exact,
    /// Bytes remain, too few for another segment's header.
    Leftover,
    /// A segment is shorter than its header or longer than the packet.
    Broken,
}

/// One segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NpdSegment<'a> {
    /// Nanoseconds after the packet's time.
    pub time_delta: u32,
    /// Errors, by data type; 0 is none.
    pub error: u8,
    /// Bits 2 and 1: 0 whole, 1 first, 2 middle, 3 last fragment.
    pub flags: u8,
    /// The data, without padding.
    pub data: &'a [u8],
}

/// Walks over the segments behind the header.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    rest: &'a [u8],
    end: Option<Walk>,
}

impl<'a> Segments<'a> {
    /// The segments of a packet, header included.
    #[must_use]
    #[inline]
    pub fn of(packet: &'a [u8]) -> Self {
        Self { rest: packet.get(HEADER..).unwrap_or_default(), end: None }
    }

    /// How the walk ended; `None` while it goes on.
    #[must_use]
    pub fn end(&self) -> Option<Walk> {
        self.end
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = NpdSegment<'a>;

    #[inline]
    fn next(&mut self) -> Option<NpdSegment<'a>> {
        if self.end.is_some() {
            return None;
        }
        let Some((header, _)) = self.rest.split_first_chunk::<SEGMENT_HEADER>() else {
            self.end = Some(if self.rest.is_empty() { Walk::Exact } else { Walk::Leftover });
            return None;
        };
        let &[t0, t1, t2, t3, l0, l1, error, flags] = header;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let (Some(data), Some(rest)) =
            (self.rest.get(SEGMENT_HEADER..length), self.rest.get(length.next_multiple_of(4)..))
        else {
            self.end = Some(Walk::Broken);
            return None;
        };
        self.rest = rest;
        Some(NpdSegment { time_delta: u32::from_be_bytes([t0, t1, t2, t3]), error, flags, data })
    }
}

/// What a data type holds, where that is known with some certainty.
#[must_use]
pub const fn data_type_meaning(data_type: u8) -> Option<&'static str> {
    Some(match data_type {
        0x09 | 0xA1 => "MPCM",
        0x38 => "ARINC-429",
        0x43 => "video transport stream",
        0x50 => "RS-232",
        0x60 => "PCM packetiser",
        0xD0 => "MIL-STD-1553",
        _ => return None,
    })
}
