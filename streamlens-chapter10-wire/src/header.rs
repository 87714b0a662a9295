//! The 24-byte header of a Chapter 10 packet, its secondary header, and the three checksums (IRIG 106 chapter 11,
//! earlier chapter 10.6). All fields are little-endian.

/// Bytes of the packet header.
pub const HEADER_LENGTH: usize = 24;
/// Bytes of the secondary header.
pub const SECONDARY_LENGTH: usize = 12;
/// The sync word, `25 EB` on the wire.
pub const SYNC: u16 = 0xEB25;
/// The longest packet that is not a setup record, in bytes.
pub const MAX_PACKET_LENGTH: u32 = 524_288;
/// The longest packet with a setup record, in bytes.
pub const MAX_SETUP_LENGTH: u32 = 134_217_728;
/// Width of the relative time counter in bits.
pub const COUNTER_BITS: u8 = 48;
/// Ticks of the relative time counter per second.
pub const COUNTER_HZ: u64 = 10_000_000;

/// The flags of a packet header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketFlags(pub u8);

impl PacketFlags {
    /// A secondary header follows the packet header.
    #[must_use]
    pub const fn has_secondary(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// Time stamps inside the packet have the secondary header's format instead of the counter's.
    #[must_use]
    pub const fn uses_secondary_time(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// The relative time counter is not synchronised.
    #[must_use]
    pub const fn sync_error(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// Data were lost before they were packed.
    #[must_use]
    pub const fn overflow(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Format of the secondary header's time: 0 Chapter 4 binary, 1 IEEE 1588, 2 extended counter, 3 reserved.
    #[must_use]
    pub const fn secondary_format(self) -> u8 {
        self.0 >> 2 & 3
    }

    /// Width of the data checksum in bytes: 0 (none), 1, 2 or 4.
    #[must_use]
    pub const fn checksum_width(self) -> usize {
        match self.0 & 3 {
            0 => 0,
            1 => 1,
            2 => 2,
            _ => 4,
        }
    }
}

/// A packet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketHeader {
    /// Channel; 0 is the recorder's own.
    pub channel: u16,
    /// Length of the whole packet in bytes, as stated.
    pub packet_length: u32,
    /// Length of channel-specific data word and messages in bytes, as stated.
    pub data_length: u32,
    /// The release that last changed this data type: 1 = 106-04 and so on.
    pub version: u8,
    /// Number in the channel, modulo 256.
    pub sequence: u8,
    /// Flags.
    pub flags: PacketFlags,
    /// Data type code.
    pub data_type: u8,
    /// Relative time counter: 10 MHz, 48 bits.
    pub counter: u64,
    /// The header checksum as stated.
    pub checksum: u16,
    /// The header checksum as it should be: sum of the eleven words in front of it, modulo 65536.
    pub checksum_computed: u16,
}

impl PacketHeader {
    /// Reads a header; `None` unless 24 bytes are there and begin with the sync word.
    #[must_use]
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let h = bytes.first_chunk::<HEADER_LENGTH>()?;
        if u16::from_le_bytes([h[0], h[1]]) != SYNC {
            return None;
        }
        let mut sum = 0_u16;
        for word in h[..22].chunks_exact(2) {
            sum = sum.wrapping_add(u16::from_le_bytes([word[0], word[1]]));
        }
        Some(Self {
            channel: u16::from_le_bytes([h[2], h[3]]),
            packet_length: u32::from_le_bytes([h[4], h[5], h[6], h[7]]),
            data_length: u32::from_le_bytes([h[8], h[9], h[10], h[11]]),
            version: h[12],
            sequence: h[13],
            flags: PacketFlags(h[14]),
            data_type: h[15],
            counter: u64::from_le_bytes([h[16], h[17], h[18], h[19], h[20], h[21], 0, 0]),
            checksum: u16::from_le_bytes([h[22], h[23]]),
            checksum_computed: sum,
        })
    }

    /// Whether the header checksum is right.
    #[must_use]
    pub const fn checksum_ok(&self) -> bool {
        self.checksum == self.checksum_computed
    }

    /// Where the data begin: behind the header and, where there is one, the secondary header.
    #[must_use]
    pub const fn body_offset(&self) -> usize {
        if self.flags.has_secondary() { HEADER_LENGTH + SECONDARY_LENGTH } else { HEADER_LENGTH }
    }

    /// Whether the stated packet length is one that the standard allows: a multiple of 4, at least the header, at most
    /// 512 KiB (128 MiB for setup records).
    #[must_use]
    pub const fn length_is_legal(&self) -> bool {
        let most = if self.data_type == 0x01 { MAX_SETUP_LENGTH } else { MAX_PACKET_LENGTH };
        self.packet_length as usize >= self.body_offset()
            && self.packet_length.is_multiple_of(4)
            && self.packet_length <= most
    }

    /// The data (channel-specific data word and messages) of a packet, as far as they are there and outside of the
    /// data checksum; `None` where the stated lengths contradict each other.
    #[must_use]
    pub fn data<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        let start = self.body_offset();
        packet.get(start..start.checked_add(self.data_length as usize)?)
    }
}

/// Which of the two practices of the secondary header's checksum fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondaryChecksum {
    /// Sum of the ten bytes in front of it, as the standard says.
    ByteSum,
    /// Sum of the five words in front of it.
    WordSum,
    /// Neither.
    Bad,
}

/// Judges the checksum of the secondary header of a packet; `None` where its bytes are not there.
#[must_use]
#[inline]
pub fn secondary_checksum(packet: &[u8]) -> Option<SecondaryChecksum> {
    let s = packet.get(HEADER_LENGTH..)?.first_chunk::<SECONDARY_LENGTH>()?;
    let stated = u16::from_le_bytes([s[10], s[11]]);
    let bytes = s[..10].iter().map(|&b| u16::from(b)).sum::<u16>();
    if bytes == stated {
        return Some(SecondaryChecksum::ByteSum);
    }
    let words = s[..10].chunks_exact(2).fold(0_u16, |sum, w| sum.wrapping_add(u16::from_le_bytes([w[0], w[1]])));
    Some(if words == stated { SecondaryChecksum::WordSum } else { SecondaryChecksum::Bad })
}

/// Judges the data checksum of a whole packet: the unsigned sum, in units of its own width, of everything between the
/// headers and the checksum, filler included. `None` where the packet has none or its lengths leave no room for one.
#[must_use]
#[inline]
pub fn data_checksum_ok(header: &PacketHeader, packet: &[u8]) -> Option<bool> {
    let width = header.flags.checksum_width();
    if width == 0 {
        return None;
    }
    let end = packet.len().checked_sub(width)?;
    let body = packet.get(header.body_offset()..end)?;
    let stated = packet.get(end..)?;
    Some(match *stated {
        [a] => body.iter().fold(0_u8, |sum, &b| sum.wrapping_add(b)) == a,
        [a, b] => {
            let (words, rest) = body.as_chunks::<2>();
            let sum = words.iter().fold(0_u16, |sum, &w| sum.wrapping_add(u16::from_le_bytes(w)));
            rest.is_empty() && sum == u16::from_le_bytes([a, b])
        }
        [a, b, c, d] => {
            let (words, rest) = body.as_chunks::<4>();
            let sum = words.iter().fold(0_u32, |sum, &w| sum.wrapping_add(u32::from_le_bytes(w)));
            rest.is_empty() && sum == u32::from_le_bytes([a, b, c, d])
        }
        _ => return None,
    })
}

/// Whether the stated header checksum is that of one known sender, which sums the transfer header as well and adds the
/// carries back in.
#[must_use]
pub fn checksum_covers_transfer_header(header: &PacketHeader, transfer: &[u8], packet: &[u8]) -> bool {
    let words = transfer.chunks_exact(2).chain(packet.get(..22).unwrap_or_default().chunks_exact(2));
    let sum: u32 = words.map(|w| u32::from(u16::from_le_bytes([w[0], w[1]]))).sum();
    let folded = (sum & 0xFFFF) + (sum >> 16);
    folded & 0xFFFF == u32::from(header.checksum) || sum & 0xFFFF == u32::from(header.checksum)
}
