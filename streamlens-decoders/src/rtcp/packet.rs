//! The packets of an RTCP compound (RFC 3550 §6, RFC 4585 §6, RFC 3611).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |V=2|P| RC/FMT  |  packet type  |  length in words, less one    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                          SSRC, body                           |
//! ```

use nom::Parser;
use streamlens_model::Timestamp;

use super::decoder::NAME;
use crate::DecodeError;
use crate::wire::{self, Wire, bytes, u8, u16, u24, u32, u64};

/// Sender report.
pub const SR: u8 = 200;
/// Receiver report.
pub const RR: u8 = 201;
/// Source description.
pub const SDES: u8 = 202;
/// Goodbye.
pub const BYE: u8 = 203;
/// Application-defined.
pub const APP: u8 = 204;
/// Transport layer feedback.
pub const RTPFB: u8 = 205;
/// Payload-specific feedback.
pub const PSFB: u8 = 206;
/// Extended report.
pub const XR: u8 = 207;

/// One packet of a compound, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcpPacket<'a> {
    /// Whether the packet ends in padding.
    pub padding: bool,
    /// Number of report blocks or chunks, feedback format or subtype: 5 bits.
    pub count: u8,
    /// Packet type.
    pub packet_type: u8,
    /// Its length in bytes, header included.
    pub length: usize,
    /// What follows the four bytes of the header; shorter than the length says where the capture cut it.
    pub body: &'a [u8],
}

impl<'a> RtcpPacket<'a> {
    /// Reads the packet at the front of `bytes`, of which `missing` more were on the wire.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Malformed`] where the version is not 2 or the packet type is none of RTCP, [`DecodeError::Incomplete`] where the
    /// packet is longer than what was on the wire.
    pub fn parse(bytes: &'a [u8], missing: usize) -> Result<Self, DecodeError> {
        wire::parse(NAME, bytes, packet(missing)).map(|(_, packet)| packet)
    }

    /// The source that the packet is from; `None` where it names none (an empty BYE or SDES).
    #[must_use]
    pub fn ssrc(&self) -> Option<u32> {
        read(u32("SSRC"), self.body)
    }

    /// What a sender report says of its sender.
    #[must_use]
    pub fn sender(&self) -> Option<SenderInfo> {
        (self.packet_type == SR).then_some(())?;
        read(sender_info, self.body.get(4..)?)
    }

    /// The report blocks of a sender or receiver report.
    pub fn reports(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        let start = match self.packet_type {
            SR => 24,
            RR => 4,
            _ => usize::MAX,
        };
        let blocks = self.body.get(start..).unwrap_or_default();
        blocks.chunks_exact(24).take(usize::from(self.count)).filter_map(|block| read(report_block, block))
    }

    /// The items of a source description: source, kind, text.
    pub fn descriptions(&self) -> Descriptions<'a> {
        let rest = if self.packet_type == SDES { self.body } else { &[] };
        Descriptions { rest, offset: 0, ssrc: None }
    }

    /// The reason for leaving, where a BYE gives one.
    #[must_use]
    pub fn bye_reason(&self) -> Option<&'a [u8]> {
        (self.packet_type == BYE).then_some(())?;
        read(text("reason for leaving"), self.body.get(usize::from(self.count) * 4..)?)
    }

    /// Whether it is a report of exactly the length of its blocks, as it is without extensions of a profile.
    #[must_use]
    pub fn is_exact_report(&self) -> bool {
        let blocks = 24 * usize::from(self.count);
        !self.padding
            && match self.packet_type {
                SR => self.length == 28 + blocks,
                RR => self.length == 8 + blocks,
                _ => false,
            }
    }

    /// Whether the length suits the packet type: its fixed parts and as many blocks as it says are there.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let count = usize::from(self.count);
        match self.packet_type {
            SR => self.length >= 28 + 24 * count,
            RR => self.length >= 8 + 24 * count,
            SDES => self.length >= 4 + 8 * count,
            BYE => self.length >= 4 + 4 * count,
            APP => self.length >= 12,
            RTPFB => self.length >= 16 && matches!(self.count, 1 | 3..=11 | 15),
            PSFB => self.length >= 12 && matches!(self.count, 1..=11 | 15),
            _ => self.length >= 8,
        }
    }
}

/// What a parser makes of the front of a part that may be cut.
fn read<'a, T>(mut parser: impl Parser<&'a [u8], Output = T, Error = wire::Fault<'a>>, part: &'a [u8]) -> Option<T> {
    parser.parse(part).ok().map(|(_, read)| read)
}

fn packet<'a>(missing: usize) -> impl Fn(&'a [u8]) -> Wire<'a, RtcpPacket<'a>> {
    move |input| {
        let (at_type, first) = u8("version")(input)?;
        if first >> 6 != 2 {
            return wire::refuse("version", input, "it is not 2");
        }
        let (rest, packet_type) = u8("packet type")(at_type)?;
        if !crate::rtp::is_rtcp_type(packet_type) {
            return wire::refuse("packet type", at_type, "it is none of RTCP");
        }
        let (rest, words) = u16("length")(rest)?;
        let length = (usize::from(words) + 1) * 4;
        if length > input.len().saturating_add(missing) {
            return wire::short("packet", length, input);
        }
        let (body, rest) = rest.split_at_checked(length - 4).unwrap_or((rest, &[]));
        let packet = RtcpPacket { padding: first & 0x20 != 0, count: first & 0x1F, packet_type, length, body };
        Ok((rest, packet))
    }
}

/// Text behind its length in one byte.
fn text<'a>(field: &'static str) -> impl Fn(&'a [u8]) -> Wire<'a, &'a [u8]> {
    move |input| {
        let (rest, length) = u8("length of text")(input)?;
        bytes(field, length.into())(rest)
    }
}

/// ```text
/// | NTP timestamp 64 | RTP timestamp 32 | sender's packet count 32 | sender's octet count 32 |
/// ```
fn sender_info(input: &[u8]) -> Wire<'_, SenderInfo> {
    let (rest, (ntp, rtp_timestamp, packets, octets)) =
        (u64("NTP timestamp"), u32("RTP timestamp"), u32("sender's packet count"), u32("sender's octet count"))
            .parse(input)?;
    Ok((rest, SenderInfo { ntp, rtp_timestamp, packets, octets }))
}

/// ```text
/// | SSRC 32 | fraction lost 8, cumulative lost 24 | highest sequence number 32 | jitter 32 | LSR 32 | DLSR 32 |
/// ```
fn report_block(input: &[u8]) -> Wire<'_, ReportBlock> {
    let (rest, (ssrc, fraction_lost, lost, highest_sequence, jitter, last_sender_report, delay)) = (
        u32("SSRC"),
        u8("fraction lost"),
        u24("cumulative number of packets lost"),
        u32("extended highest sequence number received"),
        u32("interarrival jitter"),
        u32("last SR"),
        u32("delay since last SR"),
    )
        .parse(input)?;
    // of 24 bits, signed
    let cumulative_lost = (lost << 8).cast_signed() >> 8;
    let block =
        ReportBlock { ssrc, fraction_lost, cumulative_lost, highest_sequence, jitter, last_sender_report, delay };
    Ok((rest, block))
}

/// When the 32 bits of seconds of NTP begin afresh, 2036-02-07T06:28:16Z, in nanoseconds since 1970.
const NEXT_ERA: i64 = 2_085_978_496_000_000_000;

/// The sender's part of a sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wall clock as NTP has it: seconds since 1900 in the upper half, their fraction in the lower.
    pub ntp: u64,
    /// The same instant on the media clock.
    pub rtp_timestamp: u32,
    /// RTP packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
}

impl SenderInfo {
    /// The wall clock as an instant. Seconds below 2^31 belong to the era that begins in 2036 (RFC 4330 §3).
    #[must_use]
    pub fn wall_clock(&self) -> Timestamp {
        let (seconds, fraction) = ((self.ntp >> 32) as i64, self.ntp & 0xFFFF_FFFF);
        let seconds = if seconds & 0x8000_0000 == 0 { seconds + (1 << 32) } else { seconds } - 2_208_988_800;
        Timestamp::from_nanos(seconds * 1_000_000_000 + ((fraction * 1_000_000_000) >> 32) as i64)
    }

    /// The wall clock as an instant, where it is one at all, of a report that came at `received`. A sender without a wall clock says
    /// 0, or the time since it began, whose high bit is 0 (RFC 3550 §6.4.1): that of clocks is 1 until 2036.
    #[must_use]
    pub fn time_of_day(&self, received: Option<Timestamp>) -> Option<Timestamp> {
        let is_of_next_era = received.is_some_and(|time| time.as_nanos() >= NEXT_ERA);
        (self.ntp >> 63 == 1 || self.ntp != 0 && is_of_next_era).then(|| self.wall_clock())
    }

    /// The middle 32 bits of the wall clock: what receivers send back as LSR.
    #[must_use]
    pub const fn middle(&self) -> u32 {
        (self.ntp >> 16) as u32
    }
}

/// What a receiver says of one source that it hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source.
    pub ssrc: u32,
    /// Packets lost since the last report, in parts of 256.
    pub fraction_lost: u8,
    /// Packets lost so far; negative where duplicates outnumber losses.
    pub cumulative_lost: i32,
    /// Highest sequence number received, with its cycles in the upper half.
    pub highest_sequence: u32,
    /// Jitter in ticks of the media clock.
    pub jitter: u32,
    /// Middle 32 bits of the wall clock of the last sender report heard; 0 for none.
    pub last_sender_report: u32,
    /// Time since that came, in 1/65536 s.
    pub delay: u32,
}

/// The canonical name in a source description.
pub const CNAME: u8 = 1;

/// Walks the items of a source description; ends at the first one that does not fit.
#[derive(Clone, Debug)]
pub struct Descriptions<'a> {
    rest: &'a [u8],
    offset: usize,
    ssrc: Option<u32>,
}

impl<'a> Iterator for Descriptions<'a> {
    type Item = (u32, u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(ssrc) = self.ssrc else {
                self.ssrc = Some(read(u32("SSRC/CSRC"), self.rest.get(self.offset..)?)?);
                self.offset += 4;
                continue;
            };
            let kind = *self.rest.get(self.offset)?;
            if kind == 0 {
                // A zero ends the chunk, which is padded to a word.
                self.offset = (self.offset / 4 + 1) * 4;
                self.ssrc = None;
                continue;
            }
            let text = read(text("text of an item"), self.rest.get(self.offset + 1..)?)?;
            self.offset += 2 + text.len();
            return Some((ssrc, kind, text));
        }
    }
}

/// How a datagram is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compound {
    /// The lengths of its packets add up to it.
    Whole,
    /// Only its first packet's header is in the clear (SRTCP, RFC 3711 §3.4); whether the index with its flag stands
    /// where one of the usual transforms puts it.
    Encrypted {
        /// The index was found.
        index: bool,
    },
    /// Neither.
    Broken,
}

/// How a whole datagram is made up. Walks at most its length in words.
pub(super) fn compound(bytes: &[u8], missing: usize) -> Compound {
    let mut rest = bytes;
    while let Ok(packet) = RtcpPacket::parse(rest, missing) {
        if !packet.is_sound() && packet.packet_type <= XR && packet.packet_type >= SR {
            break;
        }
        match rest.get(packet.length..) {
            // Cut by the capture, or ended exactly.
            None | Some([]) => return Compound::Whole,
            // Only the last packet may be padded.
            Some(_) if packet.padding => break,
            Some(behind) => rest = behind,
        }
    }
    let Ok(packet) = RtcpPacket::parse(bytes, missing) else { return Compound::Broken };
    // SRTCP adds an index of 4 bytes at least; a receiver report of no blocks is its shortest content. Where a datagram is no
    // multiple of a word (a tag of 80 bits), the index has to be there.
    let index = has_srtcp_index(bytes);
    let fits = bytes.len() >= 12 && (index || bytes.len().is_multiple_of(4));
    if missing > 0 || !(SR..=XR).contains(&packet.packet_type) || !fits || !packet.is_sound() {
        return Compound::Broken;
    }
    Compound::Encrypted { index }
}

/// Whether an index that began not long ago, with the flag of encryption, stands at the end (AEAD) or in front of a
/// tag of 4 or 10 bytes. What is in front of the index is whole words.
fn has_srtcp_index(bytes: &[u8]) -> bool {
    [0, 4, 10].into_iter().any(|tag| {
        let at = bytes.len().checked_sub(tag + 4).filter(|&at| at >= 8 && at.is_multiple_of(4));
        let index = at.and_then(|at| read(u32("SRTCP index"), bytes.get(at..)?));
        index.is_some_and(|index| (0x8000_0001..0x8010_0000).contains(&index))
    })
}
