//! The iNetX header.

use crate::telemetry::INETX_CONTROL_WORD;

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
    /// Reads the header; `None` where the control word is another or bytes are missing.
    #[must_use]
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let words = bytes.first_chunk::<HEADER>()?.as_chunks::<4>().0;
        let &[control, stream_id, sequence, length, seconds, nanoseconds, information] = words else { return None };
        (control == INETX_CONTROL_WORD).then(|| Self {
            stream_id: u32::from_be_bytes(stream_id),
            sequence: u32::from_be_bytes(sequence),
            length: u32::from_be_bytes(length),
            seconds: u32::from_be_bytes(seconds),
            nanoseconds: u32::from_be_bytes(nanoseconds),
            payload_information: PayloadInformation(u32::from_be_bytes(information)),
        })
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
