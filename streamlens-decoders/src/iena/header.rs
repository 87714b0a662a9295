//! The IENA header and how far a datagram keeps IENA's rules.

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
    /// Reads the header; `None` where there are fewer than 14 bytes.
    #[must_use]
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[k0, k1, s0, s1, t0, t1, t2, t3, t4, t5, key_status, n2_status, q0, q1] = bytes.first_chunk::<HEADER>()?;
        // Size and time fill a machine word.
        let size_and_time = u64::from_be_bytes([s0, s1, t0, t1, t2, t3, t4, t5]);
        Some(Self {
            key: u16::from_be_bytes([k0, k1]),
            size: (size_and_time >> 48) as u16,
            time: size_and_time & (u64::MAX >> 16),
            key_status,
            n2_status,
            sequence: u16::from_be_bytes([q0, q1]),
        })
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
        let header = IenaHeader::parse(payload)?;
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

    /// The header of a datagram that is [`Self::Whole`], as nearly all are: asked first, it need not be told from others.
    #[inline]
    pub(crate) fn whole(payload: &[u8], wire_length: usize) -> Option<IenaHeader> {
        let header = IenaHeader::parse(payload)?;
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
