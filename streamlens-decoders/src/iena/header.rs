//! The IENA header and how far a datagram keeps IENA's rules.

use nom::Parser;

use super::decoder::ENCODING;
use crate::DecodeError;
use crate::wire::{self, Wire, u8, u16, u48};

/// The end of every packet. It is configurable in principle, and never seen otherwise.
pub(crate) const TRAILER: [u8; 2] = [0xDE, 0xAD];
/// Length of the header in bytes.
pub(crate) const HEADER: usize = 14;
/// The shortest packet: header and trailer.
pub(crate) const SHORTEST: usize = HEADER + TRAILER.len();
/// Microseconds of a leap year: a synchronised time is below.
pub(crate) const YEAR_MICROS: u64 = 366 * 86_400 * 1_000_000;

/// The 14 bytes in front of the payload, big-endian.
///
/// ```text
///  0      2      4                    10           11          12         14          n-2    n
/// | key  | size | time, microseconds | key status | N2 status | sequence | payload .. | DEAD |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IenaHeader {
    /// Which packet definition it follows: the stream.
    pub key: u16,
    /// Length of the whole packet, header and trailer included, in 16-bit words.
    pub size: u16,
    /// Microseconds since the year began, 48 bits; the year is not on the wire. A unit that never was synchronised
    /// counts from near 0.
    pub time: u64,
    /// How the payload is laid out and whether it is to be used; see [`Self::is_discarded`] and
    /// [`IenaVariant::declared`](super::IenaVariant::declared).
    pub key_status: u8,
    /// A status that the equipment defines.
    pub n2_status: u8,
    /// Grows by one from packet to packet of one key.
    pub sequence: u16,
}

impl IenaHeader {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Incomplete`] where there are fewer than 14 bytes.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        wire::parse(ENCODING, bytes, wire::fixed::<HEADER, _>(header)).map(|(_, header)| header)
    }

    /// Whether the packet is marked to be discarded by the central unit (key status 0x40).
    #[must_use]
    pub const fn is_discarded(self) -> bool {
        self.key_status & 0x40 != 0
    }

    /// Data words per parameter, for the D and N variants (key status, lowest 3 bits).
    #[must_use]
    pub const fn data_words(self) -> usize {
        (self.key_status & 0x07) as usize
    }
}

#[inline(always)]
fn header(input: &[u8]) -> Wire<'_, IenaHeader> {
    let (rest, (key, size, time, key_status, n2_status, sequence)) =
        (u16("key"), u16("size"), u48("time"), u8("key status"), u8("N2 status"), u16("sequence number"))
            .parse(input)?;
    Ok((rest, IenaHeader { key, size, time, key_status, n2_status, sequence }))
}

/// How far a datagram keeps IENA's rules, from what convinces to what does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Size and trailer are right.
    Whole,
    /// The size is right; the capture has cut the trailer off.
    Cut,
    /// The trailer is there; the size counts bytes rather than 16-bit words.
    SizeInBytes,
    /// The size is right, the trailer is another.
    OtherTrailer,
    /// The trailer is there, the size is wrong otherwise.
    OtherSize,
}

impl Fit {
    /// Judges a datagram of `wire_length` bytes, of which `payload` was captured; `None` where nothing speaks for IENA.
    #[must_use]
    #[inline]
    pub fn judge(payload: &[u8], wire_length: usize) -> Option<(IenaHeader, Self)> {
        let header = IenaHeader::parse(payload).ok()?;
        if wire_length < SHORTEST {
            return None;
        }
        let size_fits = usize::from(header.size) * 2 == wire_length;
        let fit = if payload.len() < wire_length {
            size_fits.then_some(Self::Cut)
        } else {
            match (size_fits, payload.last_chunk() == Some(&TRAILER)) {
                (true, true) => Some(Self::Whole),
                (true, false) => Some(Self::OtherTrailer),
                (false, true) if usize::from(header.size) == wire_length => Some(Self::SizeInBytes),
                (false, true) => Some(Self::OtherSize),
                (false, false) => None,
            }
        };
        Some((header, fit?))
    }

    /// The header of a datagram that is [`Self::Whole`], as nearly all are: asked first, it need not be distinguished from others.
    #[inline]
    pub(crate) fn whole(payload: &[u8], wire_length: usize) -> Option<IenaHeader> {
        let header = IenaHeader::parse(payload).ok()?;
        if payload.len() < wire_length
            || wire_length < SHORTEST
            || usize::from(header.size) * 2 != wire_length
            || payload.last_chunk() != Some(&TRAILER)
        {
            return None;
        }
        Some(header)
    }
}

/// The bytes between header and trailer.
#[inline]
pub(crate) fn body(payload: &[u8]) -> &[u8] {
    payload.get(HEADER..payload.len().saturating_sub(TRAILER.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::truncations;

    /// Key 0x0A01, size 8 words, time 0x000102030405, key status 0x20, N2 status 0x07, sequence 0xFFFE.
    const HEADER_BYTES: [u8; HEADER] =
        [0x0A, 0x01, 0x00, 0x08, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x20, 0x07, 0xFF, 0xFE];

    #[test]
    fn the_fields_lie_as_in_the_table() {
        let time = 0x0001_0203_0405;
        let header = IenaHeader { key: 0x0A01, size: 8, time, key_status: 0x20, n2_status: 7, sequence: 0xFFFE };
        assert_eq!(IenaHeader::parse(&HEADER_BYTES), Ok(header));
        truncations("IENA", &HEADER_BYTES, IenaHeader::parse);
        let cut = IenaHeader::parse(&HEADER_BYTES[..7]).unwrap_err();
        assert_eq!(cut.to_string(), "IENA: time at byte 4 needs 6 bytes, 3 present");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_a_header_where_there_are_enough(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(IenaHeader::parse(&bytes).is_ok(), bytes.len() >= HEADER);
        }
    }
}
