//! The payload of RFC 8331 §2 and the ANC packets in it (SMPTE ST 291-1).

use nom::Parser;

use crate::rtp::RtpPacket;
use crate::wire::{self, Wire, array, u8, u16};

/// What is wrong with a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AncFault {
    Parity,
    Checksum,
    Length,
}

/// The payload header:
///
/// ```text
/// | extended sequence 16 | length 16 | ANC_Count 8 | F 2, reserved 22 |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AncHeader {
    pub(super) extended_sequence: u16,
    pub(super) length: u16,
    pub(super) count: u8,
    /// 0 progressive or unspecified, 2 first field, 3 second field; 1 is not valid.
    pub(super) field: u8,
    /// Whether a reserved bit is set.
    pub(super) has_reserved: bool,
}

impl AncHeader {
    /// Reads the header; `None` where length and count contradict each other or the payload.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let (rest, header) = wire::fixed::<8, _>(header)(payload).ok()?;
        let Self { length, count, .. } = header;
        let consistent = (count == 0) == (length == 0) && usize::from(length) == rest.len();
        consistent.then_some(header)
    }

    /// Whether F is valid and no reserved bit is set.
    pub(super) fn is_lawful(&self) -> bool {
        self.field != 1 && !self.has_reserved
    }

    /// The packet's number: that of RTP, extended.
    pub(super) fn number(&self, packet: &RtpPacket<'_>) -> u32 {
        u32::from(self.extended_sequence) << 16 | u32::from(packet.sequence)
    }
}

fn header(input: &[u8]) -> Wire<'_, AncHeader> {
    let (rest, (extended_sequence, length, count, flags, reserved)) =
        (u16("extended sequence number"), u16("length"), u8("ANC_Count"), u8("F and reserved bits"), u16("reserved"))
            .parse(input)?;
    let has_reserved = flags & 0x3F != 0 || reserved != 0;
    Ok((rest, AncHeader { extended_sequence, length, count, field: flags >> 6, has_reserved }))
}

/// One ANC packet:
///
/// ```text
/// | C 1, line 11, horizontal offset 12, S 1, stream 7 | DID 10, SDID or DBN 10, data count 10, user words 10 each, checksum 10 |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anc {
    pub(super) line: u16,
    pub(super) did: u8,
    /// SDID of type 2 (DID below 0x80), data block number of type 1.
    pub(super) second: u8,
    /// Of DID, SDID or DBN, and data count.
    pub(super) parity_holds: bool,
    pub(super) checksum_holds: bool,
}

/// Walks the ANC packets of a payload. It stops at a packet that does not fit.
#[derive(Debug)]
pub(super) struct AncPackets<'a> {
    rest: &'a [u8],
    left: u8,
}

impl<'a> AncPackets<'a> {
    pub(super) fn new(payload: &'a [u8], header: AncHeader) -> Self {
        Self { rest: payload.get(8..).unwrap_or_default(), left: header.count }
    }

    /// Whether the walk took as many packets as were announced, to the last byte.
    pub(super) fn ended_well(&self) -> bool {
        self.left == 0 && self.rest.is_empty()
    }
}

impl Iterator for AncPackets<'_> {
    type Item = Anc;

    fn next(&mut self) -> Option<Anc> {
        self.left.checked_sub(1)?;
        let (words, (line, _)) = place(self.rest).ok()?;
        let (did, second, count) = (word(words, 0)?, word(words, 1)?, word(words, 2)?);
        let data = usize::from(count & 0xFF);
        // Header words, data and checksum, filled up to 32 bits.
        let bytes = ((4 + data) * 10).div_ceil(32) * 4;
        let (body, rest) = words.split_at_checked(bytes)?;
        let mut sum = 0_u16;
        for index in 0..3 + data {
            sum = sum.wrapping_add(word(body, index)? & 0x1FF);
        }
        let checksum = word(body, 3 + data)?;
        (self.rest, self.left) = (rest, self.left - 1);
        Some(Anc {
            line: line >> 4 & 0x7FF,
            did: did as u8,
            second: second as u8,
            parity_holds: [did, second, count].into_iter().all(parity_holds),
            checksum_holds: checksum & 0x1FF == sum & 0x1FF && (checksum >> 9) != (checksum >> 8 & 1),
        })
    }
}

/// C, line and the high bits of the offset; the rest of the offset, S and the stream.
fn place(input: &[u8]) -> Wire<'_, (u16, [u8; 2])> {
    (u16("C, line number and horizontal offset"), array("horizontal offset, S and stream number")).parse(input)
}

/// The word of 10 bits at an index.
fn word(bytes: &[u8], index: usize) -> Option<u16> {
    let (at, shift) = (index * 10 / 8, index * 10 % 8);
    let (_, pair) = u16("word of 10 bits")(bytes.get(at..)?).ok()?;
    Some(pair >> (6 - shift) & 0x3FF)
}

/// Bit 8 is even parity over bits 7 to 0, and bit 9 its opposite.
fn parity_holds(word: u16) -> bool {
    let parity = (word & 0xFF).count_ones() as u16 & 1;
    (word >> 8 & 1) == parity && (word >> 9) != parity
}

/// What a DID and SDID carry (SMPTE RP 291-2 and the register behind it).
pub(super) fn name(did: u8, sdid: u8) -> Option<&'static str> {
    Some(match (did, sdid) {
        (0x08, 0x08 | 0x0C) => "MPEG recoding data",
        (0x41, 0x01) => "payload identifier (ST 352)",
        (0x41, 0x05) => "AFD and bar data (ST 2016-3)",
        (0x41, 0x06) => "pan-scan data (ST 2016-4)",
        (0x41, 0x07) => "SCTE 104 messages (ST 2010)",
        (0x41, 0x08) => "DVB/SCTE VBI data (ST 2031)",
        (0x41, 0x0C) => "HDR/WCG metadata (ST 2108)",
        (0x43, 0x02) => "OP-47 subtitles (RDD 8)",
        (0x43, 0x03) => "OP-47 ANC multipacket (RDD 8)",
        (0x44, 0x04) => "KLV metadata (RP 214)",
        (0x45, 0x01..=0x09) => "audio metadata (ST 2020)",
        (0x51, 0x01) => "film codes (RP 215)",
        (0x60, 0x60) => "ancillary time code (ST 12-2)",
        (0x60, 0x61) => "high frame rate time code (ST 12-3)",
        (0x61, 0x01) => "CEA-708 caption distribution packet (ST 334)",
        (0x61, 0x02) => "CEA-608 captions (ST 334)",
        (0x62, 0x01) => "programme description (RP 207)",
        (0x62, 0x02) => "data broadcast (ST 334)",
        (0x62, 0x03) => "VBI data (RP 208)",
        (0x64, 0x64) => "time code in HANC (RP 196)",
        (0x80, _) => "packet marked for deletion",
        (0xE0..=0xE3, _) => "audio control (HD)",
        (0xE4..=0xE7, _) => "embedded audio (HD)",
        (0xEC..=0xEF, _) => "audio control (SD)",
        _ => return None,
    })
}

/// What a line number that is none means (RFC 8331 §2.1).
pub(super) fn line_name(line: u16) -> Option<&'static str> {
    Some(match line {
        0x7FD => "line number beyond 11 bits",
        0x7FE => "anywhere in the vertical ancillary space",
        0x7FF => "no line",
        _ => return None,
    })
}
