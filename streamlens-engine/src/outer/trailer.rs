//! Time stamps that capture equipment appends to frames.
//!
//! No trailer has a mark that proves it in one frame (IXIA's comes close), so a kind is believed where nearly all frames of an
//! interface bear it: those whose own end is known, because IP says their length and they need no padding, must be longer by
//! exactly what the kind appends, and its time must be near that of the capture.

use streamlens_model::{LinkType, Timestamp};

use super::layers::{ESL_LENGTH, esl_counter};
use crate::dissect::own_end;

/// Frames that are judged before a kind is believed.
const ENOUGH: u32 = 8;
/// Frames that are judged at most before none is.
const MOST: u32 = 10_000;
/// The shortest Ethernet frame without its check sequence: shorter ones are padded, and what is behind their packet is no trailer.
const UNPADDED: usize = 60;
/// How far a trailer's time may be from the capture's: clocks of equipment may be set badly, but random bytes are years off.
const NEAR_NS: u64 = 30 * 86_400 * 1_000_000_000;
const FCS: usize = 4;

/// What equipment appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Original check sequence (4 bytes), extensions, seconds (4), nanoseconds (4), flags, device (2), port (1).
    Metamako,
    /// Original check sequence (4), device, port, seconds (4), a 40-bit fraction of a second, reserved (1).
    Exablaze,
    /// Seconds (4), source of the clock (2 bits) and nanoseconds (30), then a port of so many bytes.
    Vss { port: usize },
    /// Fields in any order, each a type, a length and a value; the length of all, the signature AF 12, checksum (2).
    Ixia,
    /// EtherCAT Switch Link, whose clock begins when it is switched on.
    Esl,
}

const KINDS: [Kind; 7] = [
    Kind::Metamako,
    Kind::Exablaze,
    Kind::Vss { port: 0 },
    Kind::Vss { port: 1 },
    Kind::Vss { port: 2 },
    Kind::Ixia,
    Kind::Esl,
];

/// What a trailer says of time.
#[derive(Clone, Copy, Debug)]
enum Told {
    Instant(Timestamp),
    /// Nanoseconds since an instant that nobody knows.
    Counter(u64),
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Metamako => "Arista 7130 (MetaMako)",
            Self::Exablaze => "Exablaze",
            Self::Vss { .. } => "VSS Monitoring",
            Self::Ixia => "IXIA",
            Self::Esl => "EtherCAT Switch Link",
        }
    }

    /// Whether a mark in it proves it, so that it is found behind frames whose own end is not known too.
    fn is_marked(self) -> bool {
        matches!(self, Self::Ixia | Self::Esl)
    }

    /// Reads the trailer with which these bytes end: how long it is, and its time; `None` where there is none.
    fn read(self, data: &[u8]) -> Option<(usize, Told)> {
        if self == Self::Esl {
            return Some((ESL_LENGTH, Told::Counter(esl_counter(data.last_chunk()?)?)));
        }
        let (length, time) = self.read_instant(data)?;
        Some((length, Told::Instant(time)))
    }

    fn read_instant(self, data: &[u8]) -> Option<(usize, Timestamp)> {
        match self {
            Self::Esl => None,
            Self::Metamako => {
                let &[s0, s1, s2, s3, n0, n1, n2, n3, flags, _, _, _] = data.last_chunk::<12>()?;
                let extensions = if flags & 0x02 == 0 { 0 } else { extensions(data.get(..data.len() - 12)?)? };
                let time = instant([s0, s1, s2, s3], u32::from_be_bytes([n0, n1, n2, n3]))?;
                Some((12 + extensions + FCS, time))
            }
            Self::Exablaze => {
                let &[_, _, _, _, _, _, s0, s1, s2, s3, f0, f1, f2, f3, f4, _] = data.last_chunk::<16>()?;
                let fraction = u64::from_be_bytes([0, 0, 0, f0, f1, f2, f3, f4]);
                let nanos = (u128::from(fraction) * 1_000_000_000) >> 40;
                Some((16, instant([s0, s1, s2, s3], u32::try_from(nanos).ok()?)?))
            }
            Self::Vss { port } => {
                let &[s0, s1, s2, s3, n0, n1, n2, n3] = data.get(..data.len().checked_sub(port)?)?.last_chunk::<8>()?;
                let nanos = u32::from_be_bytes([n0, n1, n2, n3]) & 0x3FFF_FFFF;
                Some((8 + port, instant([s0, s1, s2, s3], nanos)?))
            }
            Self::Ixia => ixia(data),
        }
    }
}

/// The fields are the source of the clock (3 to 7), 8, seconds (4) and nanoseconds (4), and, where frames were cut, 1, 2 and the
/// original length (2).
fn ixia(data: &[u8]) -> Option<(usize, Timestamp)> {
    let (front, &[length, 0xAF, 0x12, c0, c1]) = data.split_last_chunk::<5>()? else { return None };
    let begin = front.len().checked_sub(usize::from(length))?;
    let (mut rest, mut time, mut has_length) = (front.get(begin..)?, None, false);
    while !rest.is_empty() {
        rest = match *rest {
            [3..=7, 8, s0, s1, s2, s3, n0, n1, n2, n3, ref behind @ ..] if time.is_none() => {
                time = Some(instant([s0, s1, s2, s3], u32::from_be_bytes([n0, n1, n2, n3]))?);
                behind
            }
            [1, 2, _, _, ref behind @ ..] if !has_length => {
                has_length = true;
                behind
            }
            _ => return None,
        }
    }
    let summed = data.get(begin..data.len() - 2)?;
    (checksum(summed) == u16::from_be_bytes([c0, c1])).then_some(())?;
    Some((usize::from(length) + 5, time?))
}

/// How many bytes the extensions take that end here: words with a tag in their low 5 bits, behind as many words of data as they say,
/// the one furthest from the end marked in bit 5.
fn extensions(mut data: &[u8]) -> Option<usize> {
    let mut length = 0;
    loop {
        let (rest, word) = data.split_last_chunk::<4>()?;
        let word = u32::from_be_bytes(*word);
        let words = if word & 0x1F == 0x1F { (word >> 6 & 0x3FF) + 1 } else { word >> 6 & 0x3 };
        let behind = words as usize * 4;
        data = rest.get(..rest.len().checked_sub(behind)?)?;
        length += 4 + behind;
        if word >> 5 & 1 != 0 {
            return Some(length);
        }
    }
}

fn instant(seconds: [u8; 4], nanos: u32) -> Option<Timestamp> {
    let seconds = i64::from(u32::from_be_bytes(seconds));
    (nanos < 1_000_000_000).then(|| Timestamp::from_nanos(seconds * 1_000_000_000 + i64::from(nanos)))
}

/// The checksum of the Internet (RFC 1071), an odd last byte counting as the upper one.
fn checksum(bytes: &[u8]) -> u16 {
    let pairs = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)));
    let mut sum: u32 = pairs.sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

/// A kind, with how many bytes of a check sequence behind it.
type Candidate = (Kind, usize);

/// What is known of an interface's trailers.
#[derive(Clone, Debug)]
pub(super) enum Evidence {
    /// Frames that were judged, and those of them that each candidate fits.
    Open {
        judged: u32,
        fits: [u32; KINDS.len() * 2],
    },
    /// With how many bytes of a check sequence behind it, and what a counter showed at the first frame.
    Known {
        kind: Kind,
        fcs: usize,
        begin: Option<(u64, Timestamp)>,
    },
    None,
}

impl Default for Evidence {
    fn default() -> Self {
        Self::Open { judged: 0, fits: [0; KINDS.len() * 2] }
    }
}

fn candidates() -> impl Iterator<Item = Candidate> {
    KINDS.into_iter().flat_map(|kind| [(kind, 0), (kind, FCS)])
}

fn read((kind, fcs): Candidate, data: &[u8], captured_at: Timestamp) -> Option<(usize, Told)> {
    let (length, told) = kind.read(data.get(..data.len().checked_sub(fcs)?)?)?;
    let is_near = match told {
        Told::Instant(time) => time.since(captured_at).unsigned_abs() <= NEAR_NS,
        Told::Counter(_) => true,
    };
    is_near.then_some((length + fcs, told))
}

impl Evidence {
    /// Weighs a whole frame.
    pub(super) fn weigh(&mut self, link: LinkType, data: &[u8], captured_at: Timestamp) {
        let Self::Open { judged, fits } = self else { return };
        let end = own_end(link, data);
        if end.is_some_and(|end| end < UNPADDED) {
            return;
        }
        // of a frame without a known end nothing is known but marks
        let marks =
            candidates().any(|candidate| candidate.0.is_marked() && read(candidate, data, captured_at).is_some());
        if end.is_none() && !marks {
            return;
        }
        *judged += 1;
        for (candidate, fit) in candidates().zip(fits.iter_mut()) {
            let trailer = read(candidate, data, captured_at);
            let is_there = trailer.is_some_and(|(length, _)| match end {
                Some(end) => end + length == data.len(),
                None => candidate.0.is_marked(),
            });
            *fit += u32::from(is_there);
        }
    }

    /// Decides, where there is enough to decide by.
    pub(super) fn decide(&mut self) {
        let Self::Open { judged, fits } = self else { return };
        // one in twenty may be without: what the equipment itself sends
        let known = candidates().zip(*fits).filter(|(_, fit)| *fit >= ENOUGH && *fit * 20 >= *judged * 19);
        if let Some(((kind, fcs), _)) = known.max_by_key(|(_, fit)| *fit) {
            *self = Self::Known { kind, fcs, begin: None };
        } else if *judged >= MOST {
            *self = Self::None;
        }
    }

    /// The trailer of a whole frame: how long it is, and its time. That of a counter goes on from the capture time of the first frame.
    pub(super) fn trailer(&mut self, data: &[u8], captured_at: Timestamp) -> Option<(usize, Timestamp)> {
        let Self::Known { kind, fcs, begin } = self else { return None };
        let (length, told) = read((*kind, *fcs), data, captured_at)?;
        let time = match told {
            Told::Instant(time) => time,
            Told::Counter(nanos) => {
                let (first, since) = *begin.get_or_insert((nanos, captured_at));
                Timestamp::from_nanos(since.as_nanos().saturating_add(nanos.wrapping_sub(first) as i64))
            }
        };
        Some((length, time))
    }
}
