//! The UDP transfer header in its three formats (IRIG 106 chapter 10.3.9.1), and how surely a datagram has one.
//!
//! The nibbles that state format and type collide: a Format 1 sequence number can put Format 2's nibble in byte 3, and
//! the other way round. So a datagram is read in every way that its nibbles allow, and the one with the best evidence
//! in the packet behind it is believed.

use nom::Parser;
use streamlens_chapter10_wire::{HEADER_LENGTH, MAX_SETUP_LENGTH, PacketHeader, SYNC};

use crate::wire::{self, Wire, le_u16, le_u24, le_u32, u8, u16, u24};

/// Format of the transfer header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Format 1: little-endian, 4 bytes, 12 for a segment.
    One,
    /// Format 2: big-endian, 12 bytes.
    Two,
    /// Format 3: little-endian, 8 bytes; datagrams are slices of a stream of packets.
    Three,
}

/// A transfer header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Which of the three formats (IRIG 106-17 chapter 10.3.9.1).
    pub format: Format,
    /// Whether a slice of one packet follows, rather than whole packets. Never so in Format 3.
    pub segmented: bool,
    /// Bytes of the transfer header.
    pub header_length: usize,
    /// Number of the datagram (Format 2: of the packet that it belongs to).
    pub sequence: u32,
    /// Width of that number in bits.
    pub sequence_bits: u8,
    /// Format 3: number of the source; 0 otherwise.
    pub source: u16,
    /// Segments: channel of the packet.
    pub channel: u16,
    /// Format 1 segments: the packet's number in its channel.
    pub channel_sequence: u8,
    /// Segments: where the slice begins in the packet, in bytes.
    pub offset: u32,
    /// Format 2: length of the packet in bytes.
    pub packet_length: u32,
    /// Format 3: where the first packet begins in the datagram, as stated.
    pub packet_start: u16,
}

/// What speaks for a reading of a datagram, from weak to strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// No packet header in sight: a segment behind the first, or the middle of a stream. Its fields are plausible.
    Continuation,
    /// A sync word where a packet has to begin, and nothing else fits.
    Sync,
    /// A sync word, and a packet length that fits the datagram (or is 4 too large, as one sender has it).
    Length,
    /// A sync word and a right header checksum.
    Checksum,
}

/// The formats that a datagram with these first bytes may have.
#[inline]
fn formats(head: &[u8; 4]) -> [Option<Format>; 3] {
    [
        (head[0] & 0x0F == 1 && head[0] >> 4 <= 1).then_some(Format::One),
        (head[3] & 0x0F == 2 && head[3] >> 4 <= 1).then_some(Format::Two),
        (head[0] & 0x0F == 3 && head[0] >> 4 <= 4).then_some(Format::Three),
    ]
}

/// Whether a datagram begins as one of any format.
pub(super) fn may_begin(datagram: &[u8]) -> bool {
    datagram.first_chunk().is_some_and(|head| formats(head) != [None; 3])
}

/// Reads a datagram in every way that its nibbles allow, and gives the reading with the best evidence; among equals
/// `preferred`, then the lower format. `missing` bytes behind it are not in the capture.
#[must_use]
#[inline]
pub fn classify(datagram: &[u8], missing: usize, preferred: Option<Format>) -> Option<(Transfer, Evidence)> {
    let head = datagram.first_chunk::<4>()?;
    let mut best: Option<(Transfer, Evidence)> = None;
    for format in formats(head).into_iter().flatten() {
        let found = match format {
            Format::One => format_1(datagram, missing),
            Format::Two => format_2(datagram, missing),
            Format::Three => format_3(datagram, missing),
        };
        let Some((_, evidence)) = found else { continue };
        let better = best.is_none_or(|(held, strength)| {
            evidence > strength || (evidence == strength && Some(format) == preferred && Some(held.format) != preferred)
        });
        if better {
            best = found;
        }
        if evidence == Evidence::Checksum && Some(format) == preferred {
            break;
        }
    }
    best
}

const EMPTY: Transfer = Transfer {
    format: Format::One,
    segmented: false,
    header_length: 4,
    sequence: 0,
    sequence_bits: 24,
    source: 0,
    channel: 0,
    channel_sequence: 0,
    offset: 0,
    packet_length: 0,
    packet_start: 0,
};

fn format_1(datagram: &[u8], missing: usize) -> Option<(Transfer, Evidence)> {
    let (packets, (kind, sequence)) = wire::fixed::<4, _>(header_1)(datagram).ok()?;
    let transfer = Transfer { sequence, ..EMPTY };
    if kind >> 4 == 0 {
        return Some((transfer, whole_packets(packets, missing)?));
    }
    let (slice, (channel, channel_sequence, reserved, offset)) = wire::fixed::<8, _>(segment_1)(packets).ok()?;
    let transfer = Transfer { segmented: true, header_length: 12, channel, channel_sequence, offset, ..transfer };
    if reserved != 0 || slice.is_empty() || transfer.offset > MAX_SETUP_LENGTH {
        return None;
    }
    if transfer.offset > 0 {
        return Some((transfer, Evidence::Continuation));
    }
    let packet = PacketHeader::parse(slice)?;
    let agrees = packet.channel == transfer.channel && packet.sequence == transfer.channel_sequence;
    let fits = packet.length_is_legal() && packet.packet_length as usize >= slice.len();
    Some((transfer, grade(packet.checksum_ok(), agrees, fits)))
}

/// ```text
/// | format 4, type 4 | sequence number 24 |
/// ```
#[inline(always)]
pub(super) fn header_1(input: &[u8]) -> Wire<'_, (u8, u32)> {
    (u8("format and type"), le_u24("sequence number")).parse(input)
}

/// What a segment's header goes on with:
///
/// ```text
/// | channel id 16 | channel sequence number 8 | reserved 8 | segment offset 32 |
/// ```
fn segment_1(input: &[u8]) -> Wire<'_, (u16, u8, u8, u32)> {
    (le_u16("channel id"), u8("channel sequence number"), u8("reserved"), le_u32("segment offset")).parse(input)
}

fn format_2(datagram: &[u8], missing: usize) -> Option<(Transfer, Evidence)> {
    let (slice, transfer) = wire::fixed::<12, _>(header_2)(datagram).ok()?;
    let end = transfer.offset as usize + slice.len() + missing;
    if slice.is_empty() || transfer.packet_length > MAX_SETUP_LENGTH {
        return None;
    }
    if transfer.offset > 0 {
        let plausible = transfer.segmented && end <= transfer.packet_length as usize;
        return plausible.then_some((transfer, Evidence::Continuation));
    }
    let packet = PacketHeader::parse(slice)?;
    let agrees = packet.channel == transfer.channel && packet.packet_length == transfer.packet_length;
    let fits = packet.length_is_legal() && end <= transfer.packet_length as usize + 4;
    Some((transfer, grade(packet.checksum_ok(), agrees, fits)))
}

/// ```text
/// | sequence number 24 | type 4, format 4 | offset 8, high | packet length 24 | offset 16, low | channel id 16 |
/// ```
fn header_2(input: &[u8]) -> Wire<'_, Transfer> {
    let (rest, (sequence, kind, offset_high, packet_length, offset_low, channel)) = (
        u24("sequence number"),
        u8("type and format"),
        u8("segment offset, high"),
        u24("packet length"),
        u16("segment offset, low"),
        u16("channel id"),
    )
        .parse(input)?;
    let transfer = Transfer {
        format: Format::Two,
        segmented: kind >> 4 == 1,
        header_length: 12,
        sequence,
        channel,
        // both are in words of 32 bits
        offset: (u32::from(offset_high) << 16 | u32::from(offset_low)) * 4,
        packet_length: packet_length * 4,
        ..EMPTY
    };
    Ok((rest, transfer))
}

fn format_3(datagram: &[u8], missing: usize) -> Option<(Transfer, Evidence)> {
    let (_, (kind, reserved, packet_start, word)) = wire::fixed::<8, _>(header_3)(datagram).ok()?;
    let nibbles = kind >> 4;
    let sequence_bits = 32 - 4 * nibbles;
    let low = u32::MAX >> (4 * nibbles);
    let transfer = Transfer {
        format: Format::Three,
        header_length: 8,
        sequence: word & low,
        sequence_bits,
        source: u16::try_from(u64::from(word) >> sequence_bits).ok()?,
        packet_start,
        ..EMPTY
    };
    let start = usize::from(transfer.packet_start);
    if reserved != 0 || (start >= datagram.len() + missing && start != 0xFFFF) {
        return None;
    }
    let evidence = match start_in_stream(datagram, start) {
        Some(_) => Evidence::Checksum,
        // Without a right checksum, only a chain of lengths to the very end tells a packet from chance.
        None => match datagram.get(8 + start..).and_then(|rest| whole_packets(rest, missing)) {
            Some(Evidence::Length) => Evidence::Length,
            _ => Evidence::Continuation,
        },
    };
    Some((transfer, evidence))
}

/// ```text
/// | format 4, length of source id 4 | reserved 8 | offset to packet start 16 | sequence number, source id above it 32 |
/// ```
fn header_3(input: &[u8]) -> Wire<'_, (u8, u8, u16, u32)> {
    (
        u8("format and length of source id"),
        u8("reserved"),
        le_u16("offset to packet start"),
        le_u32("sequence number and source id"),
    )
        .parse(input)
}

/// Where in a Format 3 datagram the packet begins that its offset leads to, proved by sync word and checksum. The
/// offset counts from the end of the transfer header, and for some senders perhaps from its beginning.
#[must_use]
pub(super) fn start_in_stream(datagram: &[u8], stated: usize) -> Option<usize> {
    let proved = |at: usize| {
        let header = PacketHeader::parse(datagram.get(at..)?)?;
        (header.checksum_ok() && header.length_is_legal()).then_some(at)
    };
    proved(8 + stated).or_else(|| if stated >= 8 { proved(stated) } else { None })
}

fn grade(checksum_ok: bool, agrees: bool, fits: bool) -> Evidence {
    match (checksum_ok, agrees, fits) {
        (true, true, _) => Evidence::Checksum,
        (true, false, _) | (false, true, true) => Evidence::Length,
        _ => Evidence::Sync,
    }
}

/// How surely whole packets stand here; `None` where there is no sync word.
#[inline]
fn whole_packets(bytes: &[u8], missing: usize) -> Option<Evidence> {
    let header = PacketHeader::parse(bytes)?;
    if header.checksum_ok() {
        return Some(Evidence::Checksum);
    }
    Some(if length_fits(&header, bytes, missing) { Evidence::Length } else { Evidence::Sync })
}

/// Whether a packet's stated length ends with the bytes, at the sync word of a further packet, or 4 bytes too late.
#[must_use]
pub(super) fn length_fits(header: &PacketHeader, bytes: &[u8], missing: usize) -> bool {
    let (length, present) = (header.packet_length as usize, bytes.len() + missing);
    if length < HEADER_LENGTH {
        return false;
    }
    let another = wire::at(bytes, length, le_u16("sync"));
    length == present || length == present + 4 || another == Some(SYNC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{done, hex, parser};

    /// IRIG 106-17 chapter 10.3.9.1, figures of the three formats.
    #[test]
    fn headers_lie_as_in_the_figures() {
        let bytes = hex("11 030201");
        assert_eq!(header_1(&bytes), Ok((&[][..], (0x11, 0x01_0203))));
        parser("Chapter10", &bytes, |bytes| header_1(bytes).map(done));
        let bytes = hex("0201 09 00 44332211");
        assert_eq!(segment_1(&bytes), Ok((&[][..], (0x0102, 9, 0, 0x1122_3344))));
        parser("Chapter10", &bytes, |bytes| segment_1(bytes).map(done));
        let bytes = hex("010203 12 01 000400 0002 0506");
        let transfer = Transfer {
            format: Format::Two,
            segmented: true,
            header_length: 12,
            sequence: 0x01_0203,
            channel: 0x0506,
            offset: 0x1_0002 * 4,
            packet_length: 0x0400 * 4,
            ..EMPTY
        };
        assert_eq!(header_2(&bytes), Ok((&[][..], transfer)));
        parser("Chapter10", &bytes, |bytes| header_2(bytes).map(done));
        let bytes = hex("23 00 0201 44332211");
        assert_eq!(header_3(&bytes), Ok((&[][..], (0x23, 0, 0x0102, 0x1122_3344))));
        parser("Chapter10", &bytes, |bytes| header_3(bytes).map(done));
    }
}
