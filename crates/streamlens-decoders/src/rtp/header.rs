//! The RTP fixed header with its optional parts (RFC 3550 §5.1, §5.3.1).

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
    /// The payload without padding.
    pub payload: &'a [u8],
    /// Bytes of padding behind the payload, the count itself included; 0 without padding.
    pub padding: u8,
}
