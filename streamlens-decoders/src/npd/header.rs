//! The NPD header and its segments.

use std::net::Ipv4Addr;

use nom::Parser;

use super::decoder::ENCODING;
use crate::DecodeError;
use crate::wire::{self, Wire, array, u8, u16, u32};

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
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Malformed`] where the first byte is another, [`DecodeError::Incomplete`] where bytes are missing.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        wire::parse(ENCODING, bytes, wire::fixed::<HEADER, _>(header)).map(|(_, header)| header)
    }
}

#[inline(always)]
fn header(input: &[u8]) -> Wire<'_, NpdHeader> {
    let (rest, first) = u8("version and header length")(input)?;
    if first != FIRST {
        return wire::refuse("version and header length", input, "they are not 3 and 5 words");
    }
    let (rest, (data_type, length_words, configuration_count, flags, sequence, data_source_id, address, time)) = (
        u8("data type"),
        u16("packet length"),
        u8("configuration count"),
        u8("flags"),
        u16("sequence number"),
        u32("data source id"),
        array::<4>("multicast address"),
        u32("time"),
    )
        .parse(rest)?;
    let multicast_address = Ipv4Addr::from(address);
    let header = NpdHeader {
        data_type,
        length_words,
        configuration_count,
        flags,
        sequence,
        data_source_id,
        multicast_address,
        time,
    };
    Ok((rest, header))
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
        let Ok((_, header)) = wire::fixed::<SEGMENT_HEADER, _>(segment_header)(self.rest) else {
            self.end = Some(if self.rest.is_empty() { Walk::Exact } else { Walk::Leftover });
            return None;
        };
        let (time_delta, length, error, flags) = header;
        let length = usize::from(length);
        let (Some(data), Some(rest)) =
            (self.rest.get(SEGMENT_HEADER..length), self.rest.get(length.next_multiple_of(4)..))
        else {
            self.end = Some(Walk::Broken);
            return None;
        };
        self.rest = rest;
        Some(NpdSegment { time_delta, error, flags, data })
    }
}

/// ```text
///  0            4        6       7       8         length
/// | time delta | length | error | flags | data .. | padding to 32 bits
/// ```
#[inline(always)]
fn segment_header(input: &[u8]) -> Wire<'_, (u32, u16, u8, u8)> {
    (u32("time delta"), u16("segment length"), u8("error code"), u8("segment flags")).parse(input)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::truncations;

    const HEADER_BYTES: [u8; HEADER] =
        [0x35, 0xA1, 0, 8, 3, 0x05, 0xFF, 0xFE, 0, 0, 0x12, 0x34, 239, 1, 2, 3, 0x65, 0, 0, 1];

    #[test]
    fn the_fields_lie_as_in_the_table() {
        let header = NpdHeader {
            data_type: 0xA1,
            length_words: 8,
            configuration_count: 3,
            flags: 5,
            sequence: 0xFFFE,
            data_source_id: 0x1234,
            multicast_address: Ipv4Addr::new(239, 1, 2, 3),
            time: 0x6500_0001,
        };
        assert_eq!(NpdHeader::parse(&HEADER_BYTES), Ok(header));
        truncations("NPD", &HEADER_BYTES, NpdHeader::parse);
        let cut = NpdHeader::parse(&HEADER_BYTES[..13]).unwrap_err();
        assert_eq!(cut.to_string(), "NPD: multicast address at byte 12 needs 4 bytes, 1 present");
        let other = NpdHeader::parse(&[0x36]).unwrap_err();
        assert_eq!(other.to_string(), "NPD: version and header length at byte 0: they are not 3 and 5 words");
    }

    #[test]
    fn a_segment_is_read_from_its_table() {
        let packet = [&HEADER_BYTES[..], &[0, 0, 1, 0, 0, 9, 0x80, 0x02, 7, 0, 0, 0]].concat();
        let mut segments = Segments::of(&packet);
        assert_eq!(segments.next(), Some(NpdSegment { time_delta: 256, error: 0x80, flags: 2, data: &[7] }));
        assert_eq!((segments.next(), segments.end()), (None, Some(Walk::Exact)));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 1..80), begins: bool) {
            if begins {
                bytes[0] = FIRST;
            }
            prop_assert_eq!(NpdHeader::parse(&bytes).is_ok(), bytes.len() >= HEADER && bytes[0] == FIRST);
            prop_assert!(Segments::of(&bytes).count() <= bytes.len() / SEGMENT_HEADER);
        }
    }
}
