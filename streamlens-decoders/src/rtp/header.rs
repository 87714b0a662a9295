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

/// Why bytes are no RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtpHeaderError {
    /// Fewer bytes than the fixed header.
    #[error("shorter than the fixed header of 12 bytes")]
    TooShort,
    /// Another version than 2.
    #[error("the version is not 2")]
    Version,
    /// The second byte is that of an RTCP packet on a shared port (RFC 5761 §4).
    #[error("the second byte is that of RTCP")]
    Rtcp,
    /// The contributing sources reach beyond the end.
    #[error("the contributing sources do not fit")]
    Csrc,
    /// The header extension reaches beyond the end.
    #[error("the header extension does not fit")]
    Extension,
}

impl<'a> RtpPacket<'a> {
    /// Reads a whole datagram as one RTP packet. Nothing but the header is judged.
    ///
    /// # Errors
    ///
    /// [`RtpHeaderError`] says which part does not fit.
    ///
    /// ```
    /// use streamlens_decoders::rtp::RtpPacket;
    /// let bytes = [0x80, 0xE0, 0x12, 0x34, 0, 0, 0, 9, 0xCA, 0xFE, 0, 1, 0xAA, 0xBB];
    /// let packet = RtpPacket::parse(&bytes)?;
    /// assert_eq!((packet.marker, packet.payload_type, packet.sequence), (true, 96, 0x1234));
    /// assert_eq!((packet.timestamp, packet.ssrc, packet.payload), (9, 0xCAFE_0001, &bytes[12..]));
    /// # Ok::<(), streamlens_decoders::rtp::RtpHeaderError>(())
    /// ```
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RtpHeaderError> {
        Self::parse_cut(bytes, 0)
    }

    /// As [`parse`](Self::parse), of a datagram whose last `missing` bytes the capture does not have: what lies in
    /// them is taken on trust.
    ///
    /// # Errors
    ///
    /// [`RtpHeaderError`] says which part does not fit.
    #[inline]
    pub fn parse_cut(bytes: &'a [u8], missing: usize) -> Result<Self, RtpHeaderError> {
        let Some((&[first, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3], rest)) = bytes.split_first_chunk() else {
            return Err(RtpHeaderError::TooShort);
        };
        if first >> 6 != 2 {
            return Err(RtpHeaderError::Version);
        }
        if is_rtcp_type(second) {
            return Err(RtpHeaderError::Rtcp);
        }
        let parts = if first & 0x3F == 0 {
            OptionalParts { csrc: &[], extension: None, payload: rest, padding: 0, wrong_padding: None }
        } else {
            OptionalParts::read(first, rest, missing)?
        };
        Ok(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7F,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
            csrc: parts.csrc,
            extension: parts.extension,
            payload: parts.payload,
            padding: parts.padding,
            wrong_padding: parts.wrong_padding,
        })
    }

    /// The contributing sources.
    pub fn contributing_sources(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.csrc.chunks_exact(4).filter_map(|c| c.first_chunk().map(|c| u32::from_be_bytes(*c)))
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
    fn read(first: u8, rest: &'a [u8], missing: usize) -> Result<Self, RtpHeaderError> {
        let (csrc, rest) = take(rest, usize::from(first & 0x0F) * 4, missing).ok_or(RtpHeaderError::Csrc)?;
        let mut parts = Self { csrc, extension: None, payload: rest, padding: 0, wrong_padding: None };
        if first & 0x10 != 0 {
            match rest.split_first_chunk() {
                Some((&[p0, p1, l0, l1], behind)) => {
                    let length = usize::from(u16::from_be_bytes([l0, l1])) * 4;
                    let (words, behind) = take(behind, length, missing).ok_or(RtpHeaderError::Extension)?;
                    parts.extension = Some((u16::from_be_bytes([p0, p1]), words));
                    parts.payload = behind;
                }
                None if rest.len() + missing >= 4 => parts.payload = &[],
                None => return Err(RtpHeaderError::Extension),
            }
        }
        if first & 0x20 != 0 && missing == 0 {
            let rest = parts.payload;
            let padding = rest.last().copied().unwrap_or(0);
            let length = rest.len().checked_sub(usize::from(padding)).filter(|_| padding > 0);
            match length.and_then(|length| rest.get(..length)) {
                Some(payload) => (parts.payload, parts.padding) = (payload, padding),
                None => parts.wrong_padding = Some(padding),
            }
        }
        Ok(parts)
    }
}

/// Whether a second byte is that of RTCP where RTP and RTCP share a port (RFC 5761 §4).
#[inline]
pub(crate) const fn is_rtcp_type(second: u8) -> bool {
    second >= 192 && second <= 223
}

/// The first `length` bytes and the rest; all there are and nothing, where the capture cut them.
fn take(bytes: &[u8], length: usize, missing: usize) -> Option<(&[u8], &[u8])> {
    match bytes.split_at_checked(length) {
        Some(parts) => Some(parts),
        None if length <= bytes.len().saturating_add(missing) => Some((bytes, &[])),
        None => None,
    }
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
