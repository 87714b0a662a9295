//! What a decoder sees of a packet.

use crate::{FlowKey, Timestamp, Transport};

/// The bytes handed to a decoder, with what is known of where they came from. Borrowed; made once per packet.
///
/// For UDP and Ethernet `payload` is the datagram (reassembled where IP had cut it), without padding and frame check
/// sequence where a length field tells them apart. For TCP it is the contiguous bytes of one direction that no PDU
/// has taken yet. Where a decoder takes several PDUs off one payload, it is called again with the rest.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Number of the frame that brought the (last of the) bytes, counted from 1.
    pub frame: u64,
    /// Capture time of that frame; `None` where the capture has none.
    pub time: Option<Timestamp>,
    /// The flow it belongs to.
    pub flow: &'a FlowKey,
    /// What carries it.
    pub transport: Transport,
    /// The Ethernet type (or length) field in front of the payload; `None` over IP.
    pub ether_type: Option<u16>,
    /// Length of the frame on the wire in bytes.
    pub wire_length: u32,
    /// Bytes that no PDU has taken yet.
    pub payload: &'a [u8],
    /// How many bytes of this datagram (of this run of stream bytes) earlier PDUs have taken; 0 on the first call.
    pub offset: usize,
    /// Bytes that were on the wire behind `payload` and are not in the capture (snap length). A decoder compares
    /// length fields with `payload.len() + missing`.
    pub missing: usize,
    /// Whether more bytes may follow later in the same stream (TCP); then a decoder answers a PDU that is not
    /// whole with `DecodeError::Incomplete` (`streamlens-decoders`), which for a datagram would be an error.
    pub is_stream: bool,
}

impl Packet<'_> {
    /// Source port, where there is one.
    #[must_use]
    pub fn src_port(&self) -> Option<u16> {
        self.flow.src.port
    }

    /// Destination port, where there is one.
    #[must_use]
    pub fn dst_port(&self) -> Option<u16> {
        self.flow.dst.port
    }

    /// Whether either port is `port`. A hint, never proof.
    #[must_use]
    pub fn has_port(&self, port: u16) -> bool {
        self.src_port() == Some(port) || self.dst_port() == Some(port)
    }

    /// Length of what remains of the payload as it was on the wire, in bytes.
    #[must_use]
    pub fn wire_payload_length(&self) -> usize {
        self.payload.len() + self.missing
    }
}
