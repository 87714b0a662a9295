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

use streamlens_model::StreamId;

use super::names;
use crate::text::{LOWER, numbered, push_decimal, push_hex};

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
    /// Octets that a port identity takes.
    pub const LENGTH: usize = 10;

    /// Reads it at an offset; `None` where it is not whole.
    #[must_use]
    pub fn parse(bytes: &[u8], at: usize) -> Option<Self> {
        let field: &[u8; 10] = bytes.get(at..)?.first_chunk()?;
        let [c0, c1, c2, c3, c4, c5, c6, c7, p0, p1] = *field;
        Some(Self { clock: u64::from_be_bytes([c0, c1, c2, c3, c4, c5, c6, c7]), port: u16::from_be_bytes([p0, p1]) })
    }
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
        let field: &[u8; 10] = bytes.get(at..)?.first_chunk()?;
        let [s0, s1, s2, s3, s4, s5, n0, n1, n2, n3] = *field;
        Some(Self {
            seconds: u64::from_be_bytes([0, 0, s0, s1, s2, s3, s4, s5]),
            nanoseconds: u32::from_be_bytes([n0, n1, n2, n3]),
        })
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

    /// Reads a header; `None` where it is not whole or the version is not 2. Nothing else is judged.
    #[must_use]
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let h: &[u8; 34] = bytes.first_chunk()?;
        if h[1] & 0x0F != Self::VERSION {
            return None;
        }
        Some(Self {
            major_sdo_id: h[0] >> 4,
            message_type: h[0] & 0x0F,
            minor_version: h[1] >> 4,
            message_length: u16::from_be_bytes([h[2], h[3]]),
            domain: h[4],
            minor_sdo_id: h[5],
            flags: u16::from_be_bytes([h[6], h[7]]),
            correction: TimeInterval(i64::from_be_bytes([h[8], h[9], h[10], h[11], h[12], h[13], h[14], h[15]])),
            type_specific: u32::from_be_bytes([h[16], h[17], h[18], h[19]]),
            source: PortIdentity {
                clock: u64::from_be_bytes([h[20], h[21], h[22], h[23], h[24], h[25], h[26], h[27]]),
                port: u16::from_be_bytes([h[28], h[29]]),
            },
            sequence: u16::from_be_bytes([h[30], h[31]]),
            control: h[32],
            log_interval: h[33].cast_signed(),
        })
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
    let (&[t0, t1, l0, l1], rest) = bytes.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
    Some((u16::from_be_bytes([t0, t1]), value, rest))
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
    ($($name:ident: $type:ty),* $(,)?) => {$(
        /// Reads a big-endian number at an offset.
        pub(super) fn $name(bytes: &[u8], at: usize) -> Option<$type> {
            Some(<$type>::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
        }
    )*};
}
readers!(u8_at: u8, u16_at: u16, u32_at: u32, u64_at: u64, i8_at: i8, i16_at: i16, i32_at: i32, i64_at: i64);
