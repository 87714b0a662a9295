//! The message header, the chunk around it and the fragment header over UDP. All fields are little-endian.

use nom::Parser;

use crate::PacketType;
use crate::wire::{Wire, fixed, le_u16, le_u32, refuse, u8};

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
        let (_, header) = fixed::<{ Self::LENGTH }, _>(header)(bytes).ok()?;
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

#[inline(always)]
fn header(input: &[u8]) -> Wire<'_, MessageHeader> {
    let (at_kind, version) = le_u16("version")(input)?;
    let (rest, kind) = le_u16("type")(at_kind)?;
    let kind = match kind {
        0 => MessageKind::Video,
        1 => MessageKind::Audio,
        2 => MessageKind::Metadata,
        _ => return refuse("type", at_kind, "neither video, audio nor metadata"),
    };
    let (rest, (info_length, data_length)) = (le_u32("info length"), le_u32("data length")).parse(rest)?;
    let (is_obfuscated, version) = (version & 0x8000 != 0, version & 0x7FFF);
    Ok((rest, MessageHeader { is_obfuscated, version, kind, info_length, data_length }))
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
        let (_, (length, counter, zero, kind)) = fixed::<{ Self::LENGTH }, _>(chunk)(bytes).ok()?;
        let fits = match kind {
            3 => usize::from(length) > Self::LENGTH + MessageHeader::LENGTH,
            4 => usize::from(length) == Self::LENGTH,
            _ => false,
        };
        (zero == 0 && fits).then_some(Self { length, counter, kind })
    }

    /// The message in a chunk of kind 3, where the lengths agree.
    pub(super) fn message(&self, bytes: &[u8]) -> Option<MessageHeader> {
        let header = MessageHeader::parse(bytes.get(Self::LENGTH..)?)?;
        (self.kind == 3 && header.total() + Self::LENGTH as u64 == u64::from(self.length)).then_some(header)
    }
}

fn chunk(input: &[u8]) -> Wire<'_, (u16, u16, u8, u8)> {
    (le_u16("length"), le_u16("counter"), u8("zero"), u8("kind")).parse(input)
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
        fixed::<{ Self::LENGTH }, _>(fragment)(bytes).ok().map(|(_, fragment)| fragment)
    }
}

fn fragment(input: &[u8]) -> Wire<'_, Fragment> {
    let (at_kind, counter) = le_u16("counter")(input)?;
    let (rest, (kind, tag)) = (u8("kind"), le_u32("stream tag")).parse(at_kind)?;
    if kind > 4 {
        return refuse("kind", at_kind, "it is above 4");
    }
    Ok((rest, Fragment { counter, kind, tag }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{done, hex, parser};

    #[test]
    fn headers_lie_as_they_are_drawn() {
        let bytes = hex("0780 0000 39000000 40e20100");
        let read = MessageHeader {
            is_obfuscated: true,
            version: 7,
            kind: MessageKind::Video,
            info_length: 57,
            data_length: 123_456,
        };
        assert_eq!(header(&bytes), Ok((&[][..], read)));
        parser("NDI", &bytes, |bytes| header(bytes).map(done));
        let bytes = hex("1234 0201 00 03");
        assert_eq!(chunk(&bytes), Ok((&[][..], (0x3412, 0x0102, 0, 3))));
        parser("NDI", &bytes, |bytes| chunk(bytes).map(done));
        let bytes = hex("0201 04 44332211");
        assert_eq!(fragment(&bytes), Ok((&[][..], Fragment { counter: 0x0102, kind: 4, tag: 0x1122_3344 })));
        parser("NDI", &bytes, |bytes| fragment(bytes).map(done));
    }
}
