//! The iNetX header.

use nom::Parser;

use super::decoder::ENCODING;
use crate::DecodeError;
use crate::telemetry::INETX_CONTROL_WORD;
use crate::wire::{self, Wire, array, u32};

/// Length of the header in bytes.
pub(crate) const HEADER: usize = 28;

/// The 28 bytes in front of the payload, big-endian.
///
/// ```text
///  0              4           8          12              16            20           24           28
/// | control word | stream id | sequence | packet length | PTP seconds | nanosecond | payload inf | ..
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InetxHeader {
    /// Which packet definition it follows: the stream.
    pub stream_id: u32,
    /// Grows by one from packet to packet of one stream.
    pub sequence: u32,
    /// Length of the whole packet in bytes, header included.
    pub length: u32,
    /// Seconds since 1970 of a PTP clock (TAI when synchronised); small values come from a unit that never was.
    pub seconds: u32,
    /// Nanoseconds, below 1,000,000,000.
    pub nanoseconds: u32,
    /// What happened to the payload.
    pub payload_information: PayloadInformation,
}

/// The payload information word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayloadInformation(pub u32);

impl PayloadInformation {
    /// Whether the payload holds an error (bit 31).
    #[must_use]
    pub const fn has_error(self) -> bool {
        self.0 >> 31 != 0
    }

    /// How many packets the unit says it lost before this one, 0 to 15 (bits 30 to 27).
    #[must_use]
    pub const fn lost(self) -> u8 {
        (self.0 >> 27 & 0xF) as u8
    }

    /// Whether it was sent because time ran out, not because it was full (bit 26).
    #[must_use]
    pub const fn is_by_timeout(self) -> bool {
        self.0 >> 26 & 1 != 0
    }
}

impl InetxHeader {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Malformed`] where the control word is another, [`DecodeError::Incomplete`] where bytes are missing.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        wire::parse(ENCODING, bytes, wire::fixed::<HEADER, _>(header)).map(|(_, header)| header)
    }

    /// Its time in nanoseconds since 1970.
    #[must_use]
    #[inline]
    pub const fn nanos(self) -> u64 {
        self.seconds as u64 * 1_000_000_000 + self.nanoseconds as u64
    }

    /// Whether the nanoseconds are below a second.
    #[must_use]
    #[inline]
    pub const fn is_time_valid(self) -> bool {
        self.nanoseconds < 1_000_000_000
    }
}

#[inline(always)]
fn header(input: &[u8]) -> Wire<'_, InetxHeader> {
    let (rest, control) = array("control word")(input)?;
    if control != INETX_CONTROL_WORD {
        return wire::refuse("control word", input, "it is not 0x11000000");
    }
    let (rest, (stream_id, sequence, length, seconds, nanoseconds, information)) = (
        u32("stream id"),
        u32("sequence number"),
        u32("packet length"),
        u32("PTP seconds"),
        u32("PTP nanoseconds"),
        u32("payload information"),
    )
        .parse(rest)?;
    let payload_information = PayloadInformation(information);
    Ok((rest, InetxHeader { stream_id, sequence, length, seconds, nanoseconds, payload_information }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::truncations;

    /// Control word, then the fields in their order.
    const HEADER_BYTES: [u8; HEADER] = [
        0x11, 0, 0, 0, 0, 0, 0x03, 0xF3, 0xFF, 0xFF, 0xFF, 0xFE, 0, 0, 0, 28, 0x65, 0, 0, 1, 0x3B, 0x9A, 0xC9, 0xFF,
        0x9C, 0, 0, 0,
    ];

    #[test]
    fn the_fields_lie_as_in_the_table() {
        let header = InetxHeader {
            stream_id: 0x3F3,
            sequence: 0xFFFF_FFFE,
            length: 28,
            seconds: 0x6500_0001,
            nanoseconds: 999_999_999,
            payload_information: PayloadInformation(0x9C00_0000),
        };
        assert_eq!(InetxHeader::parse(&HEADER_BYTES), Ok(header));
        truncations("iNetX", &HEADER_BYTES, InetxHeader::parse);
        let cut = InetxHeader::parse(&HEADER_BYTES[..9]).unwrap_err();
        assert_eq!(cut.to_string(), "iNetX: sequence number at byte 8 needs 4 bytes, 1 present");
        let other = InetxHeader::parse(&[0x11, 0, 0, 1]).unwrap_err();
        assert_eq!(other.to_string(), "iNetX: control word at byte 0: it is not 0x11000000");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..60), begins: bool) {
            if begins {
                bytes.splice(0..bytes.len().min(4), INETX_CONTROL_WORD);
            }
            prop_assert_eq!(InetxHeader::parse(&bytes).is_ok(), bytes.len() >= HEADER && bytes.starts_with(&INETX_CONTROL_WORD));
        }
    }
}
