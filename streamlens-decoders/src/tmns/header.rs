//! The TmNS data message header and its packages (IRIG 106-24 Chapter 24).

use nom::Parser;

use super::decoder::ENCODING;
use crate::DecodeError;
use crate::wire::{self, Wire, array, u8, u16, u32};

/// Length of the header without application fields, in bytes.
pub(crate) const HEADER: usize = 24;
/// Length of a package's header in bytes.
const PACKAGE_HEADER: usize = 12;

/// The 24 bytes in front of application fields and packages, big-endian.
///
/// ```text
///  0                   1              2       4               8          12       16        20           24
/// | version:4 options:4 | 0:4 type:4 | flags | definition id | sequence | length | seconds | nanosecond | ..
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TmnsHeader {
    /// Words of application fields behind the header, 0 to 15.
    pub option_words: u8,
    /// Message type; 0 is data.
    pub message_type: u8,
    /// See the constants of this type.
    pub flags: u16,
    /// Which message definition it follows: the stream.
    pub definition_id: u32,
    /// Grows by one from message to message of one definition.
    pub sequence: u32,
    /// Length of the whole message in bytes, header and application fields included.
    pub length: u32,
    /// Seconds of an IEEE 1588 clock (TAI).
    pub seconds: u32,
    /// Nanoseconds, below 1,000,000,000.
    pub nanoseconds: u32,
}

impl TmnsHeader {
    /// The version of messages that is read.
    pub const VERSION: u8 = 1;
    /// No data follows after this message.
    pub const END_OF_DATA: u16 = 0x0001;
    /// The source's health is impaired.
    pub const HEALTH_ERROR: u16 = 0x0002;
    /// The source's clock is not locked.
    pub const TIME_NOT_LOCKED: u16 = 0x0004;
    /// The data are simulated.
    pub const SIMULATED: u16 = 0x0008;
    /// The fragment state: 0 whole, then first, middle and last.
    pub const FRAGMENT: u16 = 0x0030;
    /// The data are played back from a recording.
    pub const PLAYBACK: u16 = 0x0040;
    /// Packages carry the standard's header; clear where only configuration knows the layout.
    pub const STANDARD_PACKAGES: u16 = 0x0080;

    /// Reads the header.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Malformed`] where version, reserved bits or nanoseconds break the rules, or the length can't hold what the
    /// header announces; an iNetX packet, whose first word is exactly 0x11000000, breaks them. [`DecodeError::Incomplete`] where
    /// bytes are missing.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        wire::parse(ENCODING, bytes, wire::fixed::<HEADER, _>(header)).map(|(_, header)| header)
    }

    /// Where the packages begin.
    #[must_use]
    #[inline]
    pub const fn packages_at(self) -> usize {
        HEADER + self.option_words as usize * 4
    }

    /// Whether a flag is set.
    #[must_use]
    #[inline]
    pub const fn has(self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Whether it only says that the data end: no identifier, number, time or data.
    #[must_use]
    #[inline]
    pub const fn is_end_marker(self) -> bool {
        self.flags == Self::END_OF_DATA
            && self.length as usize == HEADER
            && self.definition_id == 0
            && self.sequence == 0
            && self.seconds == 0
            && self.nanoseconds == 0
    }

    /// Its time in nanoseconds since 1970.
    #[must_use]
    #[inline]
    pub const fn nanos(self) -> u64 {
        self.seconds as u64 * 1_000_000_000 + self.nanoseconds as u64
    }
}

#[inline(always)]
fn header(input: &[u8]) -> Wire<'_, TmnsHeader> {
    let (at_type, version) = u8("message version")(input)?;
    if version >> 4 != TmnsHeader::VERSION {
        return wire::refuse("message version", input, "it is not 1");
    }
    let (rest, kind) = u8("message type")(at_type)?;
    if kind >> 4 != 0 {
        return wire::refuse("message type", at_type, "reserved bits are set");
    }
    if input.starts_with(&crate::telemetry::INETX_CONTROL_WORD) {
        return wire::refuse("message version", input, "the word is iNetX's control word");
    }
    let (at_length, (flags, definition_id, sequence)) =
        (u16("message flags"), u32("message definition id"), u32("message sequence number")).parse(rest)?;
    let (at_nanoseconds, (length, seconds)) = (u32("message length"), u32("timestamp seconds")).parse(at_length)?;
    let (rest, nanoseconds) = u32("timestamp nanoseconds")(at_nanoseconds)?;
    let option_words = version & 0x0F;
    let header =
        TmnsHeader { option_words, message_type: kind, flags, definition_id, sequence, length, seconds, nanoseconds };
    if nanoseconds >= 1_000_000_000 {
        return wire::refuse("timestamp nanoseconds", at_nanoseconds, "they are a second or more");
    }
    if (length as usize) < header.packages_at() {
        return wire::refuse("message length", at_length, "it can't hold the header and its application fields");
    }
    Ok((rest, header))
}

/// One package with the standard's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TmnsPackage<'a> {
    /// Which package definition it follows.
    pub definition_id: u32,
    /// Status flags.
    pub status: u8,
    /// Nanoseconds after the message's time.
    pub time_delta: u32,
    /// The data, without padding.
    pub data: &'a [u8],
}

/// Walks over packages.
#[derive(Clone, Debug)]
pub struct Packages<'a> {
    rest: &'a [u8],
}

impl<'a> Packages<'a> {
    /// The packages of a message, header included.
    #[must_use]
    #[inline]
    pub fn of(header: TmnsHeader, message: &'a [u8]) -> Self {
        Self { rest: message.get(header.packages_at()..).unwrap_or_default() }
    }

    /// Whether the walk has come exactly to the end.
    #[must_use]
    #[inline]
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Packages<'a> {
    type Item = TmnsPackage<'a>;

    #[inline]
    fn next(&mut self) -> Option<TmnsPackage<'a>> {
        let (_, header) = wire::fixed::<PACKAGE_HEADER, _>(package_header)(self.rest).ok()?;
        let (definition_id, length, [reserved, status], time_delta) = header;
        let length = usize::from(length);
        let data = self.rest.get(PACKAGE_HEADER..length).filter(|_| reserved == 0)?;
        // The last package may do without its padding.
        let end = length.next_multiple_of(4).min(self.rest.len());
        self.rest = self.rest.get(end..)?;
        Some(TmnsPackage { definition_id, status, time_delta, data })
    }
}

/// ```text
///  0               4        6          7        8            12        length
/// | definition id | length | reserved | status | time delta | data .. | padding to 32 bits
/// ```
#[inline(always)]
fn package_header(input: &[u8]) -> Wire<'_, (u32, u16, [u8; 2], u32)> {
    (
        u32("package definition id"),
        u16("package length"),
        array("reserved and package status flags"),
        u32("package time delta"),
    )
        .parse(input)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::truncations;

    /// Version 1 with one option word, data, standard packages; 28 bytes.
    const HEADER_BYTES: [u8; HEADER] = [
        0x11, 0, 0, 0x80, 0, 0, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFE, 0, 0, 0, 28, 0x65, 0, 0, 1, 0x3B, 0x9A, 0xC9, 0xFF,
    ];

    #[test]
    fn the_fields_lie_as_in_the_table() {
        let header = TmnsHeader {
            option_words: 1,
            message_type: 0,
            flags: TmnsHeader::STANDARD_PACKAGES,
            definition_id: 0x1234,
            sequence: 0xFFFF_FFFE,
            length: 28,
            seconds: 0x6500_0001,
            nanoseconds: 999_999_999,
        };
        assert_eq!(TmnsHeader::parse(&HEADER_BYTES), Ok(header));
        truncations("TmNS", &HEADER_BYTES, TmnsHeader::parse);
        let cut = TmnsHeader::parse(&HEADER_BYTES[..19]).unwrap_err();
        assert_eq!(cut.to_string(), "TmNS: timestamp seconds at byte 16 needs 4 bytes, 3 present");
        for (at, value, says) in [
            (0, 0x21, "TmNS: message version at byte 0: it is not 1"),
            (1, 0x10, "TmNS: message type at byte 1: reserved bits are set"),
            (3, 0x00, "TmNS: message version at byte 0: the word is iNetX's control word"),
            (15, 27, "TmNS: message length at byte 12: it can't hold the header and its application fields"),
            (20, 0x3C, "TmNS: timestamp nanoseconds at byte 20: they are a second or more"),
        ] {
            let mut wrong = HEADER_BYTES;
            wrong[at] = value;
            assert_eq!(TmnsHeader::parse(&wrong).unwrap_err().to_string(), says);
        }
    }

    #[test]
    fn a_package_is_read_from_its_table() {
        let header = TmnsHeader { option_words: 0, length: 40, ..TmnsHeader::parse(&HEADER_BYTES).unwrap() };
        let message = [&HEADER_BYTES[..], &[0, 0, 0, 9, 0, 13, 0, 0x40, 0, 0, 1, 0, 7, 0, 0, 0]].concat();
        let mut packages = Packages::of(header, &message);
        let package = TmnsPackage { definition_id: 9, status: 0x40, time_delta: 256, data: &[7] };
        assert_eq!(packages.next(), Some(package));
        assert!(packages.next().is_none() && packages.is_at_end());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), words: u8) {
            if let Ok(header) = TmnsHeader::parse(&bytes) {
                prop_assert!(header.length as usize >= header.packages_at() && header.nanoseconds < 1_000_000_000);
            }
            let whole = TmnsHeader { option_words: words & 15, ..TmnsHeader::parse(&HEADER_BYTES).unwrap() };
            prop_assert!(Packages::of(whole, &bytes).count() <= bytes.len() / PACKAGE_HEADER);
        }
    }
}
