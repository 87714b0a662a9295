//! The RTP fixed header with its optional parts (RFC 3550 §5.1, §5.3.1).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                           timestamp                           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |           synchronization source (SSRC) identifier            |
//! +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
//! |         contributing source (CSRC) identifiers, CC times      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  X: extension profile         |  X: length in 32-bit words    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                   payload, and padding where P                |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use nom::Parser;

use super::decoder::NAME;
use crate::DecodeError;
use crate::wire::{self, Wire, bytes, fixed, refuse, u8, u16, u32};

/// Bytes of the fixed header.
pub const FIXED_HEADER_LENGTH: usize = 12;

/// One RTP packet, borrowed from the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// The marker bit; its meaning is set by the payload format.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in ticks of the media clock.
    pub timestamp: u32,
    /// Synchronisation source: the stream.
    pub ssrc: u32,
    /// Contributing sources: 4 bytes each.
    pub csrc: &'a [u8],
    /// The header extension: its profile number and its words.
    pub extension: Option<(u16, &'a [u8])>,
    /// The payload without padding; with what is missing behind it where the capture cut the packet.
    pub payload: &'a [u8],
    /// Bytes of padding behind the payload, the count itself included; 0 without padding, and where the capture cut
    /// the packet, so that the count is not known.
    pub padding: u8,
    /// The padding count where it can't be right: 0, or more than there is behind the header (RFC 3550 §5.1). What lies
    /// behind the header is then all payload. Where SRTP has encrypted the padding, the count is as good as random.
    pub wrong_padding: Option<u8>,
}

impl<'a> RtpPacket<'a> {
    /// Reads a whole datagram as one RTP packet. Nothing but the header is judged.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Incomplete`] where a part of the header does not fit, [`DecodeError::Malformed`] where the version is not 2,
    /// and where the second byte is that of an RTCP packet on a shared port (RFC 5761 §4).
    ///
    /// ```
    /// use streamlens_decoders::rtp::RtpPacket;
    /// let bytes = [0x80, 0xE0, 0x12, 0x34, 0, 0, 0, 9, 0xCA, 0xFE, 0, 1, 0xAA, 0xBB];
    /// let packet = RtpPacket::parse(&bytes)?;
    /// assert_eq!((packet.marker, packet.payload_type, packet.sequence), (true, 96, 0x1234));
    /// assert_eq!((packet.timestamp, packet.ssrc, packet.payload), (9, 0xCAFE_0001, &bytes[12..]));
    /// # Ok::<(), streamlens_decoders::DecodeError>(())
    /// ```
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Self::parse_cut(bytes, 0)
    }

    /// As [`parse`](Self::parse), of a datagram whose last `missing` bytes the capture does not have: what lies in
    /// them is taken on trust.
    ///
    /// # Errors
    ///
    /// As those of [`parse`](Self::parse).
    #[inline]
    pub fn parse_cut(bytes: &'a [u8], missing: usize) -> Result<Self, DecodeError> {
        wire::parse(NAME, bytes, |input| packet(input, missing)).map(|(_, packet)| packet)
    }

    /// The contributing sources.
    pub fn contributing_sources(&self) -> impl Iterator<Item = u32> + use<'a> {
        let mut rest = self.csrc;
        std::iter::from_fn(move || {
            let (behind, source) = u32("CSRC")(rest).ok()?;
            rest = behind;
            Some(source)
        })
    }

    /// The elements of the header extension (RFC 8285); none where there is no extension or it has another profile.
    pub fn extension_elements(&self) -> ExtensionElements<'a> {
        let (profile, rest) = self.extension.unwrap_or((0, &[]));
        let form = match profile {
            0xBEDE => Form::OneByte,
            0x1000..=0x100F => Form::TwoBytes,
            _ => Form::Other,
        };
        ExtensionElements { form, rest }
    }
}

/// The header and what follows on it.
#[inline(always)]
fn packet(input: &[u8], missing: usize) -> Wire<'_, RtpPacket<'_>> {
    let mut header = fixed::<FIXED_HEADER_LENGTH, _>(|input| {
        (u8("version"), u8("payload type"), u16("sequence number"), u32("timestamp"), u32("SSRC")).parse(input)
    });
    let (rest, (first, second, sequence, timestamp, ssrc)) = header(input)?;
    if first >> 6 != 2 {
        return refuse("version", input, "it is not 2");
    }
    if is_rtcp_type(second) {
        return refuse("payload type", input.get(1..).unwrap_or_default(), "it is that of RTCP");
    }
    let (behind, parts) = if first & 0x3F == 0 {
        (rest, OptionalParts { csrc: &[], extension: None, payload: rest, padding: 0, wrong_padding: None })
    } else {
        OptionalParts::read(first, rest, missing)?
    };
    let OptionalParts { csrc, extension, payload, padding, wrong_padding } = parts;
    let (marker, payload_type) = (second & 0x80 != 0, second & 0x7F);
    let packet =
        RtpPacket { marker, payload_type, sequence, timestamp, ssrc, csrc, extension, payload, padding, wrong_padding };
    Ok((behind, packet))
}

/// What follows the fixed header.
struct OptionalParts<'a> {
    csrc: &'a [u8],
    extension: Option<(u16, &'a [u8])>,
    payload: &'a [u8],
    padding: u8,
    wrong_padding: Option<u8>,
}

impl<'a> OptionalParts<'a> {
    /// The parts that few packets have: kept out of the common path.
    #[inline(never)]
    fn read(first: u8, rest: &'a [u8], missing: usize) -> Wire<'a, Self> {
        let (mut payload, csrc) = part("CSRC", usize::from(first & 0x0F) * 4, missing)(rest)?;
        let mut extension = None;
        if first & 0x10 != 0 {
            match (u16("profile of the extension"), u16("length of the extension")).parse(payload) {
                Ok((words, (profile, length))) => {
                    let (behind, words) = part("extension", usize::from(length) * 4, missing)(words)?;
                    (extension, payload) = (Some((profile, words)), behind);
                }
                Err(_) if payload.len() + missing >= 4 => payload = &[],
                Err(fault) => return Err(fault),
            }
        }
        let mut parts = Self { csrc, extension, payload, padding: 0, wrong_padding: None };
        if first & 0x20 != 0 && missing == 0 {
            let padding = payload.last().copied().unwrap_or(0);
            let length = payload.len().checked_sub(usize::from(padding)).filter(|_| padding > 0);
            match length.and_then(|length| payload.get(..length)) {
                Some(payload) => (parts.payload, parts.padding) = (payload, padding),
                None => parts.wrong_padding = Some(padding),
            }
        }
        Ok((payload, parts))
    }
}

/// A parser of the next `length` bytes; of all there are, where the capture cut them.
fn part<'a>(field: &'static str, length: usize, missing: usize) -> impl Fn(&'a [u8]) -> Wire<'a, &'a [u8]> {
    move |input| match bytes(field, length)(input) {
        Err(_) if length <= input.len().saturating_add(missing) => Ok((&[], input)),
        parsed => parsed,
    }
}

/// Whether a second byte is that of RTCP where RTP and RTCP share a port (RFC 5761 §4).
#[inline]
pub(crate) const fn is_rtcp_type(second: u8) -> bool {
    second >= 192 && second <= 223
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    OneByte,
    TwoBytes,
    Other,
}

/// One element of a header extension (RFC 8285 §4). What an identifier stands for is only said by SDP (`a=extmap`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionElement<'a> {
    /// Its local identifier: 1 to 14 in the one-byte form, 1 to 255 in the two-byte form.
    pub id: u8,
    /// Its data: 1 to 16 bytes in the one-byte form, 0 to 255 in the two-byte form.
    pub data: &'a [u8],
}

/// Walks the elements of a header extension; ends at the first one that does not fit.
#[derive(Clone, Debug)]
pub struct ExtensionElements<'a> {
    form: Form,
    rest: &'a [u8],
}

impl<'a> Iterator for ExtensionElements<'a> {
    type Item = ExtensionElement<'a>;

    fn next(&mut self) -> Option<ExtensionElement<'a>> {
        loop {
            let (&head, rest) = self.rest.split_first()?;
            let (id, length, rest) = match self.form {
                Form::Other => return None,
                _ if head == 0 => {
                    self.rest = rest;
                    continue;
                }
                Form::OneByte if head >> 4 == 15 => return None,
                Form::OneByte => (head >> 4, usize::from(head & 0x0F) + 1, rest),
                Form::TwoBytes => {
                    let (&length, rest) = rest.split_first()?;
                    (head, usize::from(length), rest)
                }
            };
            let (data, rest) = rest.split_at_checked(length)?;
            self.rest = rest;
            return Some(ExtensionElement { id, data });
        }
    }
}
