//! The transport packet: header, adaptation field and program clock reference (ISO/IEC 13818-1 §2.4.3.2 to §2.4.3.5).

use nom::Parser;
use nom::multi::length_data;

use super::NAME;
use crate::DecodeError;
use crate::wire::{self, Wire, bytes, fixed, refuse, u8, u16, u48};

/// Every transport packet begins with it.
pub const SYNC_BYTE: u8 = 0x47;

/// Bytes of a transport packet.
pub const PACKET_LENGTH: usize = 188;

/// PID of stuffing.
pub const NULL_PID: u16 = 0x1FFF;

/// Ticks of the system time clock per second; the program clock reference counts them.
pub const SYSTEM_CLOCK_HZ: u32 = 27_000_000;

/// One transport packet:
///
/// ```text
/// | sync 0x47 8 | TEI 1, PUSI 1, priority 1, PID 13 | scrambling 2, adaptation 2, continuity 4 | adaptation field | payload |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TsPacket<'a> {
    /// Transport error indicator: a demodulator could not correct the packet.
    pub has_error: bool,
    /// Whether a section or PES packet starts in the payload.
    pub starts_unit: bool,
    /// Packet identifier, 0 to 0x1FFF.
    pub pid: u16,
    /// Scrambling control, 0 to 3; 0 is clear.
    pub scrambling: u8,
    /// Continuity counter, 0 to 15; it grows with packets that have a payload.
    pub continuity: u8,
    /// Whether the continuity counter or the clock may lawfully jump here.
    pub is_discontinuity: bool,
    /// Program clock reference in ticks of 27 MHz, 0 to 2^33 * 300 - 1.
    pub pcr: Option<u64>,
    /// The payload; `None` where the adaptation field fills the packet, or contradicts its length.
    pub payload: Option<&'a [u8]>,
}

impl<'a> TsPacket<'a> {
    /// Reads one packet of 188 bytes.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Incomplete`] where there are fewer, [`DecodeError::Malformed`] where it does not begin with the sync byte or
    /// has an adaptation field longer than itself.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        wire::parse(NAME, bytes, packet).map(|(_, packet)| packet)
    }
}

/// The whole of a transport packet.
fn packet(input: &[u8]) -> Wire<'_, TsPacket<'_>> {
    let (behind, whole) = bytes("transport packet", PACKET_LENGTH)(input)?;
    let (mut rest, (sync, flags, control)) =
        fixed::<4, _>(|input| (u8("sync byte"), u16("PID"), u8("continuity counter")).parse(input))(whole)?;
    if sync != SYNC_BYTE {
        return refuse("sync byte", input, "it is not 0x47");
    }
    let mut packet = TsPacket {
        has_error: flags & 0x8000 != 0,
        starts_unit: flags & 0x4000 != 0,
        pid: flags & NULL_PID,
        scrambling: control >> 6,
        continuity: control & 0x0F,
        is_discontinuity: false,
        pcr: None,
        payload: None,
    };
    if control & 0x20 != 0 {
        let at_length = rest;
        let Ok((payload, field)) = length_data(u8("adaptation field length")).parse(rest) else {
            return refuse("adaptation field length", at_length, "it is longer than the packet");
        };
        rest = payload;
        (packet.is_discontinuity, packet.pcr) = adaptation(field);
    }
    if control & 0x10 != 0 && !rest.is_empty() {
        packet.payload = Some(rest);
    }
    Ok((behind, packet))
}

/// Whether a discontinuity is announced, and the clock reference: base 33, reserved 6, extension 9 bits; base * 300 + extension.
fn adaptation(field: &[u8]) -> (bool, Option<u64>) {
    let Ok((rest, flags)) = u8("adaptation field flags")(field) else { return (false, None) };
    let clock = u48("program clock reference")(rest).ok().filter(|_| flags & 0x10 != 0);
    (flags & 0x80 != 0, clock.map(|(_, clock)| (clock >> 15) * 300 + (clock & 0x1FF)))
}

/// How transport packets lie in a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Packets of 188 bytes.
    #[default]
    Plain,
    /// Packets of 204 bytes: 16 bytes of parity, or of filling, follow on each.
    WithParity,
    /// Packets of 192 bytes: 4 bytes of time stand in front of each (M2TS).
    WithTime,
}

impl Layout {
    /// Bytes from packet to packet.
    #[must_use]
    pub const fn stride(self) -> usize {
        match self {
            Self::Plain => PACKET_LENGTH,
            Self::WithParity => 204,
            Self::WithTime => 192,
        }
    }

    /// Bytes in front of the sync byte.
    #[must_use]
    pub const fn prefix(self) -> usize {
        match self {
            Self::Plain | Self::WithParity => 0,
            Self::WithTime => 4,
        }
    }

    /// Whether a sync byte stands where the first one may.
    pub(super) const fn may_begin(payload: &[u8]) -> bool {
        matches!(payload, [SYNC_BYTE, ..] | [_, _, _, _, SYNC_BYTE, ..])
    }

    /// The layout that fills `length` bytes with whole packets, each of which begins with the sync byte. Bytes that
    /// the capture cut off are not looked at.
    #[must_use]
    pub fn of(payload: &[u8], length: usize) -> Option<Self> {
        [Self::Plain, Self::WithParity, Self::WithTime].into_iter().find(|layout| {
            length > 0
                && length.is_multiple_of(layout.stride())
                && payload.len() > layout.prefix()
                && payload
                    .chunks(layout.stride())
                    .all(|packet| packet.get(layout.prefix()).is_none_or(|&byte| byte == SYNC_BYTE))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PID 0x0100 with a unit start, continuity 7, an adaptation field of 7 bytes with a discontinuity and a clock reference of
    /// base 0x1_0000_0001 and extension 299.
    fn vector() -> Vec<u8> {
        let mut bytes = vec![0x47, 0x41, 0x00, 0x37, 7, 0x90, 0x80, 0x00, 0x00, 0x00, 0xFF, 0x2B];
        bytes.resize(PACKET_LENGTH, 0xAA);
        bytes
    }

    #[test]
    fn every_field_is_read() {
        let bytes = vector();
        let packet = TsPacket::parse(&bytes).unwrap();
        assert_eq!((packet.pid, packet.continuity, packet.scrambling), (0x100, 7, 0));
        assert_eq!((packet.starts_unit, packet.has_error, packet.is_discontinuity), (true, false, true));
        assert_eq!(packet.pcr, Some(0x1_0000_0001 * 300 + 299));
        assert_eq!(packet.payload, Some(&bytes[12..]));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let whole = vector();
        for length in 0..PACKET_LENGTH {
            let error = TsPacket::parse(&whole[..length]).unwrap_err().to_string();
            assert_eq!(error, format!("MPEG-TS: transport packet at byte 0 needs 188 bytes, {length} present"));
        }
        let with = |at: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            TsPacket::parse(&bytes).unwrap_err().to_string()
        };
        assert_eq!(with(0, 0x48), "MPEG-TS: sync byte at byte 0: it is not 0x47");
        assert_eq!(with(4, 184), "MPEG-TS: adaptation field length at byte 4: it is longer than the packet");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_packet_or_an_error(bytes: Vec<u8>) {
            let _ = TsPacket::parse(&bytes);
            let mut bytes = bytes;
            bytes.resize(PACKET_LENGTH, 0);
            bytes[0] = SYNC_BYTE;
            if let Ok(packet) = TsPacket::parse(&bytes) {
                proptest::prop_assert!(packet.pid <= NULL_PID && packet.continuity < 16);
            }
        }
    }
}
