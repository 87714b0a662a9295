//! The transport packet: header, adaptation field and program clock reference (ISO/IEC 13818-1 §2.4.3.2 to §2.4.3.5).

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
    /// Reads one packet of 188 bytes; `None` where it does not begin with the sync byte, is shorter, or has an
    /// adaptation field longer than itself.
    #[must_use]
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.get(..PACKET_LENGTH)?;
        let (header, rest) = bytes.split_first_chunk::<4>()?;
        if header[0] != SYNC_BYTE {
            return None;
        }
        let mut packet = Self {
            has_error: header[1] & 0x80 != 0,
            starts_unit: header[1] & 0x40 != 0,
            pid: u16::from_be_bytes([header[1] & 0x1F, header[2]]),
            scrambling: header[3] >> 6,
            continuity: header[3] & 0x0F,
            is_discontinuity: false,
            pcr: None,
            payload: None,
        };
        let mut rest = rest;
        if header[3] & 0x20 != 0 {
            let (&length, after) = rest.split_first()?;
            let (field, payload) = after.split_at_checked(usize::from(length))?;
            rest = payload;
            if let Some((&flags, after)) = field.split_first() {
                packet.is_discontinuity = flags & 0x80 != 0;
                if flags & 0x10 != 0
                    && let Some(clock) = after.first_chunk::<6>()
                {
                    packet.pcr = Some(read_pcr(clock));
                }
            }
        }
        if header[3] & 0x10 != 0 && !rest.is_empty() {
            packet.payload = Some(rest);
        }
        Some(packet)
    }
}

/// base(33), reserved(6), extension(9): base * 300 + extension.
fn read_pcr(bytes: &[u8; 6]) -> u64 {
    let [a, b, c, d, e, f] = *bytes;
    let base = u64::from(u32::from_be_bytes([a, b, c, d])) << 1 | u64::from(e >> 7);
    base * 300 + u64::from(u16::from_be_bytes([e & 1, f]))
}

/// How transport packets lie in a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Packets of 188 bytes.
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
