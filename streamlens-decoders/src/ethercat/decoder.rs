//! The decoder: one datagram of a frame after the other. Stateless: that a datagram is followed by another stands in
//! itself.

use std::borrow::Cow;

use streamlens_model::{FlowKey, Packet, StreamId};

use super::frame::{Datagram, FRAME_HEADER, FrameHeader};
use super::mailbox;
use super::monitor::ExchangeMonitor;
use super::names::{FRAME_TYPE, PACKET_TYPES, type_name};
use super::probe::{self, ETHER_TYPE, Walk};
use super::terms;
use crate::{
    Carrier, Confidence, ConversationMonitor, DecodeError, DecoderInfo, DecodingResult, FlowDecoder, PacketType,
    PduState, StreamDecoder,
};

const NAME: &str = "EtherCAT";

/// Recognises and reads EtherCAT frames of Ethernet and of UDP.
#[derive(Clone, Copy, Debug, Default)]
pub struct EtherCatDecoder;

impl EtherCatDecoder {
    /// A decoder of EtherCAT.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

static INFO: DecoderInfo = DecoderInfo::new(NAME, &[Carrier::EtherType(ETHER_TYPE), Carrier::Udp])
    .with_standards("IEC 61158-4-12, ETG.1000")
    .with_ports(&[ETHER_TYPE])
    .with_packet_types(&PACKET_TYPES)
    .with_finding_prefix("ethercat")
    .with_findings(&[terms::FINDINGS])
    .with_facts(&[terms::FACTS])
    .with_fields(&[terms::FIELDS]);

impl StreamDecoder for EtherCatDecoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        probe::probe(packet)
    }

    fn decode_packet(&self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        decode(packet, result)
    }

    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str> {
        type_name(packet_type)
    }

    fn stream_name(&self, id: StreamId) -> String {
        super::working_counters::place_name(id)
    }

    fn flow_decoder(&self, _: &FlowKey) -> Option<Box<dyn FlowDecoder>> {
        None
    }

    fn conversation_monitor(&self) -> Option<Box<dyn ConversationMonitor>> {
        Some(Box::new(ExchangeMonitor::default()))
    }
}

fn malformed(packet: &Packet<'_>, field: &'static str, reason: &'static str) -> DecodeError {
    // In UDP a wrong field means another protocol; behind the Ethernet type it is EtherCAT, and broken.
    if packet.ether_type == Some(ETHER_TYPE) {
        DecodeError::Malformed { protocol: NAME, field, offset: packet.offset, reason }
    } else {
        DecodeError::Refused { protocol: NAME, reason }
    }
}

#[inline]
fn decode(packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
    let bytes = packet.payload;
    if packet.offset > 0 {
        return datagram(packet, bytes, 0, bytes.len(), result);
    }
    let Some(header) = FrameHeader::parse(bytes) else {
        return Err(malformed(packet, "frame header", "it is not whole"));
    };
    if header.length == 0 || header.length + FRAME_HEADER > packet.wire_payload_length() {
        return Err(malformed(packet, "frame length", "it does not fit the payload"));
    }
    let in_udp = packet.ether_type.is_none();
    if header.kind != 1 {
        if header.kind == 0
            || header.reserved
            || (in_udp && header.length + FRAME_HEADER != packet.wire_payload_length())
        {
            return Err(malformed(packet, "frame type", "it is reserved"));
        }
        result.packet_type = PacketType(FRAME_TYPE + u32::from(header.kind));
        result.pdu_length = Some((FRAME_HEADER + header.length) as u32);
        if header.length + FRAME_HEADER > bytes.len() {
            result.state = PduState::Cut;
        }
        return Ok(bytes.len());
    }
    let inside = bytes.get(FRAME_HEADER..).unwrap_or_default();
    if in_udp && probe::walk(inside, header.length, packet.missing) == Walk::Broken {
        return Err(malformed(packet, "datagrams", "they do not fill the frame"));
    }
    datagram(packet, inside, FRAME_HEADER, header.length, result)
}

/// Takes one datagram, which lies behind `before` bytes of frame header, and the padding behind the last one.
#[inline]
fn datagram(
    packet: &Packet<'_>,
    bytes: &[u8],
    before: usize,
    length: usize,
    result: &mut DecodingResult,
) -> Result<usize, DecodeError> {
    let Some(datagram) = Datagram::parse(bytes) else {
        if packet.missing > 0 && !bytes.is_empty() {
            result.packet_type = PacketType(u32::from(bytes.first().copied().unwrap_or(0)));
            result.state = PduState::Cut;
            return Ok(packet.payload.len());
        }
        return Err(malformed(packet, "datagram header", "it is not whole"));
    };
    let own = datagram.length();
    if own > length + if before == 0 { packet.missing } else { 0 } {
        return Err(malformed(packet, "datagram length", "it goes beyond the frame"));
    }
    result.packet_type = PacketType(u32::from(datagram.command));
    if result.wants_fields() {
        fields(&datagram, result);
    }
    if own > bytes.len() {
        // The frame holds it and the capture does not.
        result.state = PduState::Cut;
        return Ok(packet.payload.len());
    }
    if let Some(message) = mailbox::carried(&datagram) {
        result.nest(message.packet_type(), message.length);
    }
    if datagram.has_more() && bytes.len() > own {
        return Ok(before + own);
    }
    result.pdu_length = Some((before + own) as u32);
    Ok(packet.payload.len())
}

#[cold]
fn fields(datagram: &Datagram<'_>, result: &mut DecodingResult) {
    result.field("index", datagram.index);
    if super::frame::is_logical(datagram.command) {
        result.field("logical_address", datagram.address);
    } else {
        result.field("station", datagram.station());
        result.field("register", datagram.register());
    }
    result.field("length", datagram.data_length() as u64);
    result.field("irq", datagram.irq);
    if let Some(counter) = datagram.working_counter {
        result.field("working_counter", counter);
    }
}
