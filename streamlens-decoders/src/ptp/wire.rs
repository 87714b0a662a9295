//! The common header of PTP version 2 messages, the types of its fields, and the identity of domains and streams.
//!
//! ```text
//!  0  majorSdoId : messageType   minorVersionPTP : versionPTP   messageLength (2)
//!  4  domainNumber   minorSdoId   flagField (2)
//!  8  correctionField (8)
//! 16  messageTypeSpecific (4)
//! 20  sourcePortIdentity: clockIdentity (8), portNumber (2)
//! 30  sequenceId (2)   controlField   logMessageInterval
//! ```

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use nom::Parser;
use streamlens_model::StreamId;

use super::decoder::NAME;
use super::names;
use crate::DecodeError;
use crate::text::{LOWER, numbered, push_decimal, push_hex};
use crate::wire::{self, Wire, bytes, u8, u16, u32, u48, u64};

/// A point of attachment to a clock: `001b19fffe000001-1` (IEEE 1588-2019 5.3.5). For version 1 the clock is the
/// 48-bit UUID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortIdentity {
    /// The clockIdentity, an EUI-64.
    pub clock: u64,
    /// The portNumber; 0xFFFF in targets means all ports.
    pub port: u16,
}

impl PortIdentity {
    /// Both parts in 64 bits, which tell ports of one domain apart.
    pub(super) const fn folded(self) -> u64 {
        self.clock.rotate_left(16) ^ self.port as u64
    }
}

impl PortIdentity {
    /// Octets that a port identity takes.
    pub const LENGTH: usize = 10;

    /// Reads it at an offset; `None` where it is not whole.
    #[must_use]
    pub fn parse(bytes: &[u8], at: usize) -> Option<Self> {
        port_identity(bytes.get(at..)?).ok().map(|(_, port)| port)
    }
}

/// ```text
/// | clockIdentity 8 | portNumber 2 |
/// ```
#[inline(always)]
fn port_identity(input: &[u8]) -> Wire<'_, PortIdentity> {
    let (rest, (clock, port)) = (u64("clockIdentity"), u16("portNumber")).parse(input)?;
    Ok((rest, PortIdentity { clock, port }))
}

impl fmt::Display for PortIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.clock, self.port)
    }
}

/// An instant on a PTP timescale: seconds (48 bits) and nanoseconds since its epoch (IEEE 1588-2019 5.3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PtpTime {
    /// Whole seconds.
    pub seconds: u64,
    /// Nanoseconds; below 10^9 in a lawful message.
    pub nanoseconds: u32,
}

impl PtpTime {
    /// Octets that a timestamp takes.
    pub const LENGTH: usize = 10;

    /// Reads it at an offset; `None` where it is not whole.
    #[must_use]
    pub fn parse(bytes: &[u8], at: usize) -> Option<Self> {
        timestamp(bytes.get(at..)?).ok().map(|(_, time)| time)
    }

    /// Nanoseconds since the epoch of its timescale; `None` where the nanoseconds are not below 10^9 or the instant is
    /// beyond the year 2262.
    #[must_use]
    pub fn as_nanos(self) -> Option<i64> {
        if self.nanoseconds >= 1_000_000_000 {
            return None;
        }
        i64::try_from(self.seconds).ok()?.checked_mul(1_000_000_000)?.checked_add(i64::from(self.nanoseconds))
    }

    /// Whether it is 0, which is what many senders put where a field is not used.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.seconds == 0 && self.nanoseconds == 0
    }
}

/// ```text
/// | secondsField 6 | nanosecondsField 4 |
/// ```
#[inline(always)]
fn timestamp(input: &[u8]) -> Wire<'_, PtpTime> {
    let (rest, (seconds, nanoseconds)) = (u48("secondsField"), u32("nanosecondsField")).parse(input)?;
    Ok((rest, PtpTime { seconds, nanoseconds }))
}

impl fmt::Display for PtpTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.seconds, self.nanoseconds)
    }
}

/// A time interval: nanoseconds times 2^16, signed (IEEE 1588-2019 5.3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeInterval(pub i64);

impl TimeInterval {
    /// Says that the interval is too big to be expressed.
    pub const TOO_BIG: Self = Self(i64::MAX);

    /// Nanoseconds with their fraction.
    #[must_use]
    pub fn as_nanos_f64(self) -> f64 {
        self.0 as f64 / 65_536.0
    }

    /// Nanoseconds, rounded to the nearest.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0.saturating_add(0x8000) >> 16
    }
}

/// The header of a version 2 message (IEEE 1588-2019 13.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// majorSdoId: 0 for IEEE 1588, 1 for IEEE 802.1AS, 2 for the common mean link delay service.
    pub major_sdo_id: u8,
    /// messageType.
    pub message_type: u8,
    /// minorVersionPTP: 0 for the edition of 2008, 1 for that of 2019.
    pub minor_version: u8,
    /// messageLength in octets: header, body and TLVs.
    pub message_length: u16,
    /// domainNumber.
    pub domain: u8,
    /// minorSdoId.
    pub minor_sdo_id: u8,
    /// flagField, the first octet in the high half.
    pub flags: u16,
    /// correctionField.
    pub correction: TimeInterval,
    /// messageTypeSpecific.
    pub type_specific: u32,
    /// sourcePortIdentity.
    pub source: PortIdentity,
    /// sequenceId.
    pub sequence: u16,
    /// controlField, obsolete since 2019.
    pub control: u8,
    /// logMessageInterval: log2 of seconds; 127 where there is no interval to tell.
    pub log_interval: i8,
}

impl Header {
    /// Octets of the header.
    pub const LENGTH: usize = 34;
    /// The version of PTP that it is of (`versionPTP`).
    pub const VERSION: u8 = 2;

    /// The flag that the time of a message follows in another message.
    pub const TWO_STEP: u16 = 0x0200;
    /// The flag of messages that go to one receiver.
    pub const UNICAST: u16 = 0x0400;
    /// The flag of masters that are not the best one.
    pub const ALTERNATE_MASTER: u16 = 0x0100;

    /// Reads a header. Nothing but the version is judged.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Malformed`] where the version is not 2, [`DecodeError::Incomplete`] where bytes are missing.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        wire::parse(NAME, bytes, wire::fixed::<{ Self::LENGTH }, _>(header)).map(|(_, header)| header)
    }

    /// Whether the sender says that the exact time follows in another message.
    #[must_use]
    pub const fn is_two_step(&self) -> bool {
        self.flags & Self::TWO_STEP != 0
    }

    pub(super) const fn domain_key(&self) -> DomainKey {
        DomainKey(2 << 24 | (self.major_sdo_id as u32) << 16 | (self.minor_sdo_id as u32) << 8 | self.domain as u32)
    }
}

#[inline(always)]
fn header(input: &[u8]) -> Wire<'_, Header> {
    let (at_version, kind) = u8("messageType")(input)?;
    let (rest, version) = u8("versionPTP")(at_version)?;
    if version & 0x0F != Header::VERSION {
        return wire::refuse("versionPTP", at_version, "it is not 2");
    }
    let (rest, (message_length, domain, minor_sdo_id, flags, correction, type_specific)) = (
        u16("messageLength"),
        u8("domainNumber"),
        u8("minorSdoId"),
        u16("flagField"),
        u64("correctionField"),
        u32("messageTypeSpecific"),
    )
        .parse(rest)?;
    let (rest, (source, sequence, control, log_interval)) =
        (port_identity, u16("sequenceId"), u8("controlField"), u8("logMessageInterval")).parse(rest)?;
    let header = Header {
        major_sdo_id: kind >> 4,
        message_type: kind & 0x0F,
        minor_version: version >> 4,
        message_length,
        domain,
        minor_sdo_id,
        flags,
        correction: TimeInterval(correction.cast_signed()),
        type_specific,
        source,
        sequence,
        control,
        log_interval: log_interval.cast_signed(),
    };
    Ok((rest, header))
}

/// A domain: for version 2 the pair of sdoId and domainNumber, which isolates clocks from each other (IEEE 1588-2019
/// 7.1.1); for version 1 the subdomain.
///
/// The high octet is the version; below it 12 bits of sdoId and 8 of domainNumber, or a number for the subdomain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DomainKey(pub(super) u32);

impl DomainKey {
    /// The subdomain of a version 1 message: the four of the standard by number, others by a hash of their text.
    pub(super) fn v1(subdomain: &[u8; 16]) -> Self {
        let number = match subdomain {
            b"_DFLT\0\0\0\0\0\0\0\0\0\0\0" => 0,
            b"_ALT1\0\0\0\0\0\0\0\0\0\0\0" => 1,
            b"_ALT2\0\0\0\0\0\0\0\0\0\0\0" => 2,
            b"_ALT3\0\0\0\0\0\0\0\0\0\0\0" => 3,
            other => {
                let hash = other.iter().fold(0x811C_9DC5_u32, |h, &b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
                (hash ^ hash >> 24) & 0x007F_FFFF | 0x0080_0000
            }
        };
        Self(1 << 24 | number)
    }

    pub(super) const fn version(self) -> u8 {
        (self.0 >> 24) as u8
    }

    pub(super) const fn sdo_id(self) -> u32 {
        (self.0 & 0x00FF_FFFF) >> 8
    }

    pub(super) const fn number(self) -> u8 {
        self.0 as u8
    }

    /// Whether it is a domain of IEEE 802.1AS.
    pub(super) const fn is_gptp(self) -> bool {
        self.version() == 2 && self.sdo_id() >> 8 == 1
    }

    /// Whether it is the common mean link delay service, which has no masters.
    pub(super) const fn is_link_delay_service(self) -> bool {
        self.version() == 2 && self.sdo_id() >> 8 == 2
    }

    /// Its name among the domains of a network: `0`, `gPTP 0`, `_DFLT`.
    pub(super) fn name(self) -> Cow<'static, str> {
        if self.version() == 1 {
            return match self.0 & 0x00FF_FFFF {
                0 => Cow::Borrowed("_DFLT"),
                1 => Cow::Borrowed("_ALT1"),
                2 => Cow::Borrowed("_ALT2"),
                3 => Cow::Borrowed("_ALT3"),
                hash => Cow::Owned(format!("subdomain #{hash:06x}")),
            };
        }
        let number = self.number();
        Cow::Owned(match self.sdo_id() {
            0 => number.to_string(),
            0x100 => format!("gPTP {number}"),
            0x200 => format!("CMLDS {number}"),
            other => format!("sdoId {other:#05x} {number}"),
        })
    }

    /// A port as written in this domain.
    pub(super) fn port_name(self, port: PortIdentity) -> String {
        let mut name = String::with_capacity(22);
        self.push_port(&mut name, port);
        name
    }

    fn push_port(self, name: &mut String, port: PortIdentity) {
        let digits = if self.version() == 1 { 12 } else { 16 };
        push_hex(name, port.clock.into(), digits, LOWER);
        name.push('-');
        push_decimal(name, port.port.into());
    }

    /// Appends what is displayed; most domains have a number alone, which is written sooner.
    fn push_to(self, text: &mut String) {
        if self.version() == 1 || self.sdo_id() != 0 {
            // writing to memory doesn't fail
            let _ = write!(text, "{self}");
            return;
        }
        text.push_str("domain ");
        push_decimal(text, self.number().into());
    }

    /// A clock as written in this domain.
    pub(super) fn clock_name(self, clock: u64) -> String {
        if self.version() == 1 { format!("{clock:012x}") } else { format!("{clock:016x}") }
    }

    /// The stream of one message type of one port.
    pub(super) const fn stream(self, message_type: u8, port: PortIdentity) -> StreamId {
        StreamId((self.0 as u128) << 96 | (message_type as u128) << 80 | (port.clock as u128) << 16 | port.port as u128)
    }

    /// All messages of one port, where a finding concerns no single type.
    pub(super) const fn all_of_port(self, port: PortIdentity) -> StreamId {
        self.stream(WHOLE_PORT, port)
    }

    /// The whole domain, where a finding concerns no single port.
    pub(super) const fn whole(self) -> StreamId {
        self.stream(WHOLE_DOMAIN, PortIdentity { clock: 0, port: 0 })
    }
}

/// `domain 0`, `gPTP domain 0`, `_DFLT`.
impl fmt::Display for DomainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number();
        match (self.version(), self.sdo_id()) {
            (1, _) => f.write_str(&self.name()),
            (_, 0) => f.write_str(&numbered("domain ", number.into())),
            (_, 0x100) => write!(f, "gPTP domain {number}"),
            (_, 0x200) => write!(f, "CMLDS domain {number}"),
            (_, other) => write!(f, "sdoId {other:#05x} domain {number}"),
        }
    }
}

const WHOLE_PORT: u8 = 0xFE;
const WHOLE_DOMAIN: u8 = 0xFF;

/// The name of a stream made by [`DomainKey::stream`]: `domain 0 001b19fffe000001-1 Sync`.
pub(super) fn stream_name(id: StreamId) -> String {
    let domain = DomainKey((id.0 >> 96) as u32);
    let port = PortIdentity { clock: (id.0 >> 16) as u64, port: id.0 as u16 };
    match (id.0 >> 80) as u8 {
        WHOLE_DOMAIN => domain.to_string(),
        WHOLE_PORT => format!("{domain} {}", domain.port_name(port)),
        kind => {
            let mut name = String::with_capacity(56);
            domain.push_to(&mut name);
            name.push(' ');
            domain.push_port(&mut name, port);
            name.push(' ');
            name.push_str(&names::message_type(kind.into()));
            name
        }
    }
}

/// The value of a TLV and what follows it: type, value, rest. `None` where no whole TLV begins here.
pub(super) fn next_tlv(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    tlv(bytes).ok().map(|(rest, (kind, value))| (kind, value, rest))
}

/// ```text
/// | tlvType 2 | lengthField 2 | valueField |
/// ```
fn tlv(input: &[u8]) -> Wire<'_, (u16, &[u8])> {
    let (rest, (kind, length)) = (u16("tlvType"), u16("lengthField")).parse(input)?;
    let (rest, value) = bytes("valueField", length.into())(rest)?;
    Ok((rest, (kind, value)))
}

/// The TLVs of a message, as far as they are whole.
pub(super) fn tlvs(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (kind, value, rest) = next_tlv(bytes)?;
        bytes = rest;
        Some((kind, value))
    })
}

/// Where the TLVs of a message type begin; `None` where its body is not known.
pub(super) const fn tlv_offset(message_type: u8) -> Option<usize> {
    match names::least_length(message_type) {
        Some(length) => Some(length as usize),
        None => None,
    }
}

macro_rules! readers {
    ($($name:ident, $signed:ident: $parser:ident -> $type:ty, $signed_type:ty);* $(;)?) => {$(
        /// Reads the field at an offset; `None` where the message is cut there.
        pub(super) fn $name(bytes: &[u8], at: usize) -> Option<$type> {
            $parser("field")(bytes.get(at..)?).ok().map(|(_, number)| number)
        }

        /// Reads the field at an offset, of two's complement.
        pub(super) fn $signed(bytes: &[u8], at: usize) -> Option<$signed_type> {
            $name(bytes, at).map(<$type>::cast_signed)
        }
    )*};
}
readers! {
    u8_at, i8_at: u8 -> u8, i8;
    u16_at, i16_at: u16 -> u16, i16;
    u32_at, i32_at: u32 -> u32, i32;
    u64_at, i64_at: u64 -> u64, i64;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::truncations;

    /// Sync of domain 5, sdoId 0x1AA, minor version 1.
    const HEADER: [u8; Header::LENGTH] = [
        0x10, 0x12, 0, 44, 5, 0xAA, 0x02, 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0x80, 0, 1, 2, 3, 4, 0, 0x1B, 0x19,
        0xFF, 0xFE, 0, 0, 1, 0, 7, 0xFF, 0xFE, 0, 0xFD,
    ];

    #[test]
    fn the_fields_lie_as_in_the_table() {
        let header = Header {
            major_sdo_id: 1,
            message_type: 0,
            minor_version: 1,
            message_length: 44,
            domain: 5,
            minor_sdo_id: 0xAA,
            flags: 0x0208,
            correction: TimeInterval(-98_304),
            type_specific: 0x0102_0304,
            source: PortIdentity { clock: 0x001B_19FF_FE00_0001, port: 7 },
            sequence: 0xFFFE,
            control: 0,
            log_interval: -3,
        };
        assert_eq!(Header::parse(&HEADER), Ok(header));
        truncations("PTP", &HEADER, Header::parse);
        let cut = Header::parse(&HEADER[..29]).unwrap_err();
        assert_eq!(cut.to_string(), "PTP: portNumber at byte 28 needs 2 bytes, 1 present");
        let other = Header::parse(&[0, 1]).unwrap_err();
        assert_eq!(other.to_string(), "PTP: versionPTP at byte 1: it is not 2");
    }

    #[test]
    fn a_timestamp_and_a_tlv_are_read_from_their_tables() {
        let time = PtpTime { seconds: 0x0001_6500_0001, nanoseconds: 999_999_999 };
        let bytes = [0xEE, 0, 1, 0x65, 0, 0, 1, 0x3B, 0x9A, 0xC9, 0xFF];
        assert_eq!(PtpTime::parse(&bytes, 1), Some(time));
        assert_eq!(PtpTime::parse(&bytes, 2), None);
        assert_eq!(next_tlv(&[0, 8, 0, 2, 7, 8, 9]), Some((8, &[7, 8][..], &[9][..])));
        assert_eq!(next_tlv(&[0, 8, 0, 2, 7]), None);
        assert_eq!((u16_at(&bytes, 1), i8_at(&bytes, 0), i32_at(&bytes, 8)), (Some(1), Some(-18), None));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_a_header_where_the_version_is_2(mut bytes in proptest::collection::vec(any::<u8>(), 2..60), is_2: bool) {
            if is_2 {
                bytes[1] = bytes[1] & 0xF0 | Header::VERSION;
            }
            let is_header = bytes.len() >= Header::LENGTH && bytes[1] & 0x0F == Header::VERSION;
            prop_assert_eq!(Header::parse(&bytes).is_ok(), is_header);
            let length: usize = tlvs(&bytes).map(|(_, value)| 4 + value.len()).sum();
            prop_assert!(length <= bytes.len());
        }
    }
}
