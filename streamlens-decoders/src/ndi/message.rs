//! The message header, the chunk around it and the fragment header over UDP. All fields are little-endian.

use crate::PacketType;

/// What a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// Type 0.
    Video,
    /// Type 1; inferred, not seen.
    Audio,
    /// Type 2: XML, obfuscated.
    Metadata,
}

/// The list of sources, which is text and no message.
pub(super) const DISCOVERY: PacketType = PacketType(3);

impl MessageKind {
    pub(super) fn packet_type(self) -> PacketType {
        PacketType(match self {
            Self::Video => 0,
            Self::Audio => 1,
            Self::Metadata => 2,
        })
    }
}

pub(super) fn type_name(packet_type: PacketType) -> &'static str {
    match packet_type.0 {
        0 => "Video",
        1 => "Audio",
        2 => "Metadata",
        _ => "Discovery",
    }
}

/// The header of a message:
///
/// ```text
/// | obfuscated 1, version 15 | type 16 | info length 32 | data length 32 |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageHeader {
    /// Whether info and metadata are unreadable on the wire.
    pub is_obfuscated: bool,
    /// 1 and 3 were seen of metadata, 7 of video.
    pub version: u16,
    /// What follows.
    pub kind: MessageKind,
    /// Bytes of info behind the header: 8 of metadata, 57 of video.
    pub info_length: u32,
    /// Bytes of data behind the info.
    pub data_length: u32,
}

impl MessageHeader {
    /// Bytes of the header.
    pub const LENGTH: usize = 12;

    /// More than a message was ever seen to have, and than an uncompressed picture of 8K takes.
    const MAX_DATA: u32 = 1 << 28;

    /// Reads a header; `None` where there are fewer than 12 bytes or a field is beyond what was seen by far.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[v0, v1, t0, t1, i0, i1, i2, i3, d0, d1, d2, d3] = bytes.first_chunk::<12>()?;
        let version = u16::from_le_bytes([v0, v1]);
        let header = Self {
            is_obfuscated: version & 0x8000 != 0,
            version: version & 0x7FFF,
            kind: match u16::from_le_bytes([t0, t1]) {
                0 => MessageKind::Video,
                1 => MessageKind::Audio,
                2 => MessageKind::Metadata,
                _ => return None,
            },
            info_length: u32::from_le_bytes([i0, i1, i2, i3]),
            data_length: u32::from_le_bytes([d0, d1, d2, d3]),
        };
        let plausible = (1..=15).contains(&header.version)
            && (1..=1024).contains(&header.info_length)
            && header.data_length <= Self::MAX_DATA;
        plausible.then_some(header)
    }

    /// Bytes of the whole message.
    #[must_use]
    pub fn total(&self) -> u64 {
        Self::LENGTH as u64 + u64::from(self.info_length) + u64::from(self.data_length)
    }

    /// Whether version and info length are among those seen of this kind.
    pub(super) fn is_familiar(&self) -> bool {
        match self.kind {
            MessageKind::Video => self.version == 7 && self.info_length == 57,
            MessageKind::Metadata => {
                matches!(self.version, 1 | 3) && self.info_length == 8 && self.data_length < 1 << 16
            }
            MessageKind::Audio => false,
        }
    }
}

/// The chunk of multi-TCP: length 16 (itself included), counter 16, a zero byte, kind 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) length: u16,
    pub(super) counter: u16,
    /// 3 carries a whole message, 4 says hello and carries nothing.
    pub(super) kind: u8,
}

impl Chunk {
    pub(super) const LENGTH: usize = 6;

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let &[l0, l1, c0, c1, zero, kind] = bytes.first_chunk::<6>()?;
        let length = u16::from_le_bytes([l0, l1]);
        let fits = match kind {
            3 => usize::from(length) > Self::LENGTH + MessageHeader::LENGTH,
            4 => usize::from(length) == Self::LENGTH,
            _ => false,
        };
        (zero == 0 && fits).then_some(Self { length, counter: u16::from_le_bytes([c0, c1]), kind })
    }

    /// The message in a chunk of kind 3, where the lengths agree.
    pub(super) fn message(&self, bytes: &[u8]) -> Option<MessageHeader> {
        let header = MessageHeader::parse(bytes.get(Self::LENGTH..)?)?;
        (self.kind == 3 && header.total() + Self::LENGTH as u64 == u64::from(self.length)).then_some(header)
    }
}

/// The fragment header over UDP: counter 16, kind 8, stream tag 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) counter: u16,
    /// 0 middle, 1 first, 2 last, 3 parity, 4 hello.
    pub(super) kind: u8,
    pub(super) tag: u32,
}

impl Fragment {
    pub(super) const LENGTH: usize = 7;

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let &[c0, c1, kind, t0, t1, t2, t3] = bytes.first_chunk::<7>()?;
        let tag = u32::from_le_bytes([t0, t1, t2, t3]);
        (kind <= 4).then_some(Self { counter: u16::from_le_bytes([c0, c1]), kind, tag })
    }
}
