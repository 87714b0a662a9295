//! RTP and RTCP in a byte stream: interleaved with RTSP (RFC 2326 §10.12, RFC 7826 §14), or each behind its length (RFC 4571).
//!
//! ```text
//! interleaved   '$' | channel u8 | length u16 | packet        between them whole RTSP messages
//! lengths       length u16 | packet                           a length of 0 is no packet; STUN and DTLS may stand between
//! ```

use memchr::{memchr_iter, memmem};
use nom::Parser;
use nom::sequence::preceded;

use super::header::is_rtcp_type;
use super::payload_type::is_plausible;
use super::probation::contradicts_itself;
use super::{FIXED_HEADER_LENGTH, RtpPacket};
use crate::DecodeError;
use crate::wire::{u8, u16};

/// Units at the front of a stream that are looked at as evidence.
const MOST_UNITS: usize = 32;
/// The longest head of an RTSP message in bytes.
const MAX_HEAD: usize = 16 << 10;
/// The longest body of an RTSP message in bytes.
const MAX_BODY: usize = 1 << 20;
/// How the first line of an RTSP message begins (RFC 2326 §6.1 and §7.1, RFC 7826 §7.1).
const MESSAGES: [&[u8]; 13] = [
    b"RTSP/",
    b"OPTIONS ",
    b"DESCRIBE ",
    b"ANNOUNCE ",
    b"SETUP ",
    b"PLAY ",
    b"PAUSE ",
    b"TEARDOWN ",
    b"GET_PARAMETER ",
    b"SET_PARAMETER ",
    b"REDIRECT ",
    b"RECORD ",
    b"PLAY_NOTIFY ",
];

/// How packets are told apart in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Between RTSP messages, each behind a dollar sign.
    Interleaved,
    /// Each behind its length.
    Lengths,
}

/// What stands at the front of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// An RTP packet, by its first two bytes.
    Rtp(&'a [u8]),
    /// An RTCP packet, by its first two bytes.
    Rtcp(&'a [u8]),
    /// A message of RTSP.
    Message,
    /// What may stand between packets, and is none.
    Other,
}

/// The content at the front of a stream, and how many bytes it takes with its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit<'a> {
    pub(crate) content: Content<'a>,
    pub(crate) taken: usize,
}

/// Why nothing could be taken off the front of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoUnit {
    /// So many bytes are needed.
    Needs(usize),
    /// It is no such stream, or not in step.
    Not,
}

impl NoUnit {
    /// As an error of a decoder, of which `present` bytes are there.
    fn error(self, protocol: &'static str, present: usize) -> DecodeError {
        match self {
            Self::Needs(needed) => {
                DecodeError::Incomplete { protocol, field: "framed packet", offset: 0, needed, present }
            }
            Self::Not => DecodeError::Refused { protocol, reason: "no framed packet begins here" },
        }
    }
}

/// Takes the unit at the front of a stream, in the framing that is known, or else in that which its front shows.
pub(crate) fn next<'a>(
    known: Option<Framing>,
    bytes: &'a [u8],
    protocol: &'static str,
) -> Result<(Framing, Unit<'a>), DecodeError> {
    let taken = known.or_else(|| framing(bytes)).ok_or(NoUnit::Not);
    let taken = taken.and_then(|framing| Ok((framing, unit(bytes, framing)?)));
    taken.map_err(|why| why.error(protocol, bytes.len()))
}

/// The framing that the front of a stream can be of.
fn framing(bytes: &[u8]) -> Option<Framing> {
    // a length may begin with the byte of a dollar sign; the length behind a dollar sign is never so great
    let is_length = bytes.get(2).is_some_and(|byte| byte >> 6 == 2);
    if (bytes.first() == Some(&b'$') && !is_length) || MESSAGES.iter().any(|begin| bytes.starts_with(begin)) {
        return Some(Framing::Interleaved);
    }
    matches!(unit(bytes, Framing::Lengths), Ok(_) | Err(NoUnit::Needs(_))).then_some(Framing::Lengths)
}

impl Framing {
    /// Bytes in front of a packet.
    const fn head(self) -> usize {
        match self {
            Self::Interleaved => 4,
            Self::Lengths => 2,
        }
    }
}

/// What stands in front of a packet: its bytes, and the length that it gives. `None` where they are not all there.
fn head(bytes: &[u8], framing: Framing) -> Option<(usize, usize)> {
    let parsed = match framing {
        Framing::Interleaved => preceded((u8("dollar sign"), u8("channel")), u16("length")).parse(bytes),
        Framing::Lengths => u16("length")(bytes),
    };
    parsed.ok().map(|(_, length)| (framing.head(), usize::from(length)))
}

/// What stands at the front of a stream of that framing.
fn unit(bytes: &[u8], framing: Framing) -> Result<Unit<'_>, NoUnit> {
    match (framing, bytes) {
        (_, []) => return Err(NoUnit::Needs(1)),
        (Framing::Interleaved, [b'$', ..]) | (Framing::Lengths, _) => {}
        (Framing::Interleaved, _) => return message(bytes),
    }
    let (head, length) = head(bytes, framing).ok_or(NoUnit::Needs(framing.head()))?;
    let taken = head + length;
    let present = bytes.get(head..taken.min(bytes.len())).unwrap_or_default();
    let kind = kind(present, length, framing).ok_or(NoUnit::Not)?;
    if present.len() < length {
        return Err(NoUnit::Needs(taken));
    }
    let content = match kind {
        Kind::Rtp => Content::Rtp(present),
        Kind::Rtcp => Content::Rtcp(present),
        Kind::Other => Content::Other,
    };
    Ok(Unit { content, taken })
}

enum Kind {
    Rtp,
    Rtcp,
    Other,
}

/// What the bytes in a frame are, as far as they are there; `None` where no such frame holds them. What shares a port with
/// RTP is told apart by the first byte (RFC 7983 §7).
fn kind(present: &[u8], length: usize, framing: Framing) -> Option<Kind> {
    match *present {
        [] => Some(Kind::Other),
        [first, ..] if first >> 6 == 2 => match present.get(1) {
            Some(&second) if is_rtcp_type(second) => (length >= 8).then_some(Kind::Rtcp),
            _ => (length >= FIXED_HEADER_LENGTH).then_some(Kind::Rtp),
        },
        // any channel may be given to something else
        _ if framing == Framing::Interleaved => Some(Kind::Other),
        [0..=3, ..] => {
            let cookie = present.get(4..8);
            (length >= 20 && cookie.is_none_or(|cookie| cookie == [0x21, 0x12, 0xA4, 0x42])).then_some(Kind::Other)
        }
        [20..=63, ..] => {
            let version = present.get(1..3);
            (length >= 13 && version.is_none_or(|version| matches!(version, [0xFE, 0xFD..=0xFF])))
                .then_some(Kind::Other)
        }
        _ => None,
    }
}

/// A message of RTSP, with the body that it says it has.
fn message(bytes: &[u8]) -> Result<Unit<'_>, NoUnit> {
    let begins = |begin: &&[u8]| bytes.starts_with(begin) || begin.starts_with(bytes);
    if !MESSAGES.iter().any(begins) {
        return Err(NoUnit::Not);
    }
    let within = bytes.get(..MAX_HEAD).unwrap_or(bytes);
    let Some(end) = memmem::find(within, b"\r\n\r\n") else {
        return Err(if within.len() == MAX_HEAD { NoUnit::Not } else { NoUnit::Needs(bytes.len() + 1) });
    };
    let head = within.get(..end).unwrap_or_default();
    let mut lines = head.split(|&byte| byte == b'\n').filter_map(|line| {
        let (name, value) = line.split_at_checked(line.iter().position(|&byte| byte == b':')?)?;
        name.eq_ignore_ascii_case(b"Content-Length").then_some(value)
    });
    let length = lines.next().and_then(|value| std::str::from_utf8(value.get(1..)?).ok()?.trim().parse::<usize>().ok());
    let taken = end + 4 + length.unwrap_or(0).min(MAX_BODY);
    if taken > bytes.len() {
        return Err(NoUnit::Needs(taken));
    }
    Ok(Unit { content: Content::Message, taken })
}

/// What the front of a stream holds, of one framing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// Bytes in front of the first unit.
    pub(crate) skip: usize,
    /// Messages of RTSP.
    pub(crate) messages: usize,
    /// RTP packets.
    pub(crate) rtp: usize,
    /// RTP packets that go on by one number behind one of their source.
    pub(crate) follows: usize,
    /// RTCP packets.
    pub(crate) rtcp: usize,
}

/// What stands in the first units of a stream. `None` where they are of no framing. A capture that begins inside a packet of an
/// interleaved stream is searched for the next one.
pub(crate) fn evidence(bytes: &[u8]) -> Option<Evidence> {
    let Some(framing) = framing(bytes) else {
        let skip = interleaved(bytes)?;
        return Some(Evidence { skip, ..walk(bytes.get(skip..)?, Framing::Interleaved)? });
    };
    match walk(bytes, framing) {
        None if framing == Framing::Lengths => {
            let skip = interleaved(bytes)?;
            Some(Evidence { skip, ..walk(bytes.get(skip..)?, Framing::Interleaved)? })
        }
        found => found,
    }
}

fn walk(mut rest: &[u8], framing: Framing) -> Option<Evidence> {
    let mut walk = Walk::default();
    for _ in 0..MOST_UNITS {
        let unit = match unit(rest, framing) {
            Ok(unit) => unit,
            Err(NoUnit::Needs(_)) => {
                // its header may be there
                begun(rest, framing).iter().for_each(|rtp| walk.rtp(rtp));
                break;
            }
            Err(NoUnit::Not) => return None,
        };
        match unit.content {
            Content::Message => walk.found.messages += 1,
            Content::Rtcp(_) => walk.found.rtcp += 1,
            Content::Other => {}
            Content::Rtp(bytes) => walk.rtp(&whole(bytes)?),
        }
        rest = rest.get(unit.taken..).unwrap_or_default();
    }
    Some(walk.found)
}

#[derive(Default)]
struct Walk {
    found: Evidence,
    /// The last number of sources, the latest first.
    before: [Option<(u32, u16)>; 4],
}

impl Walk {
    fn rtp(&mut self, rtp: &RtpPacket<'_>) {
        self.found.rtp += 1;
        match self.before.iter_mut().flatten().find(|(ssrc, _)| *ssrc == rtp.ssrc) {
            Some((_, number)) => {
                self.found.follows += usize::from(rtp.sequence == number.wrapping_add(1));
                *number = rtp.sequence;
            }
            None => {
                self.before.rotate_right(1);
                self.before[0] = Some((rtp.ssrc, rtp.sequence));
            }
        }
    }
}

/// The packet that a frame holds, where nothing contradicts that it is one.
fn whole(bytes: &[u8]) -> Option<RtpPacket<'_>> {
    RtpPacket::parse(bytes).ok().filter(|rtp| !contradicts_itself(rtp, None))
}

/// The packet that begins at the front and is not whole yet, once its header is there.
fn begun(bytes: &[u8], framing: Framing) -> Option<RtpPacket<'_>> {
    if framing == Framing::Interleaved && bytes.first() != Some(&b'$') {
        return None;
    }
    let (head, length) = head(bytes, framing)?;
    let present = bytes.get(head..)?;
    let missing = length.checked_sub(present.len())?;
    RtpPacket::parse_cut(present, missing).ok().filter(|rtp| is_plausible(rtp.payload_type))
}

/// The place of the next packet of an interleaved stream: two frames one behind the other, or one that ends with the bytes.
fn interleaved(bytes: &[u8]) -> Option<usize> {
    memchr_iter(b'$', bytes).find(|&at| {
        let rest = bytes.get(at..).unwrap_or_default();
        match unit(rest, Framing::Interleaved) {
            Ok(Unit { content: Content::Rtp(_) | Content::Rtcp(_), taken }) => match rest.get(taken..) {
                None | Some([]) => true,
                Some(behind) => !matches!(unit(behind, Framing::Interleaved), Err(NoUnit::Not)),
            },
            _ => false,
        }
    })
}

/// The RTP packet behind its length, which need not be whole, and that length.
fn behind_length(bytes: &[u8]) -> Option<(usize, RtpPacket<'_>)> {
    let (_, length) = head(bytes, Framing::Lengths)?;
    let rtp = match bytes.get(2..length + 2) {
        Some(present) => whole(present),
        None => begun(bytes, Framing::Lengths),
    };
    Some((length, rtp.filter(|_| length >= FIXED_HEADER_LENGTH)?))
}

/// Behind a gap: the bytes in front of the next packet. Of packets behind their lengths two have to follow each other as those
/// of one source, or one to end with the bytes.
pub(crate) fn resynchronise(bytes: &[u8]) -> Option<usize> {
    let messages = MESSAGES.iter().any(|begin| bytes.starts_with(begin)).then_some(0);
    messages.or_else(|| interleaved(bytes)).or_else(|| {
        (0..bytes.len()).find(|&at| {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some((length, first)) = behind_length(rest) else { return false };
            match rest.get(length + 2..) {
                None => false,
                // too little to be judged: the source has to be a known one
                Some(behind) if behind.len() < FIXED_HEADER_LENGTH + 2 => true,
                Some(behind) => behind_length(behind).is_some_and(|(_, next)| {
                    next.ssrc == first.ssrc && next.sequence == first.sequence.wrapping_add(1)
                }),
            }
        })
    })
}
