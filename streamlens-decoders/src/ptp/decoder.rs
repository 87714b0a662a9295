//! The decoder of single messages.

use std::borrow::Cow;

use streamlens_model::{Packet, StreamId};

use super::monitor::PtpMonitor;
use super::names::{self, message};
use super::probe::{self, ETHER_TYPE, EVENT_PORT, GENERAL_PORT};
use super::terms;
use super::v1::HeaderV1;
use super::wire::{self, Header, PtpTime};
use super::{fields, v1};
use crate::{
    Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, MediaClock, NetworkMonitor, PacketType, PduState,
    Sequence, StreamDecoder, StreamMark,
};

/// Decodes PTP messages of all versions.
///
/// A stream is one message type of one port in one domain. Those types that have a counter of their own (Sync,
/// Follow_Up, Announce, Delay_Req, Pdelay_Req, Signaling) are marked with their sequenceId; the others repeat the
/// number of a request and have none. Follow_Up and one-step Sync also show the master's time as a clock of
/// nanoseconds, so that its drift against the capture's clock is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct PtpDecoder;

impl PtpDecoder {
    /// A decoder.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

pub(super) const NAME: &str = "PTP";

/// The most octets of a message that the monitor is shown: enough for the longest TLVs that it reads.
const PUBLISHED: usize = 512;

static INFO: DecoderInfo = DecoderInfo::new(NAME, &[Carrier::Udp, Carrier::EtherType(ETHER_TYPE)])
    .with_standards("IEEE 1588-2002, 1588-2008, 1588-2019, IEEE 802.1AS")
    .with_ports(&[EVENT_PORT, GENERAL_PORT])
    .with_packet_types(names::MESSAGE_TYPES)
    .with_finding_prefix("ptp")
    .with_findings(&[terms::FINDINGS])
    .with_facts(&[terms::FACTS])
    .with_network_facts(&[terms::NETWORK_FACTS])
    .with_against_capture(&[
        "capture_clock_offset_from_master",
        "delay_resp_receive_minus_capture",
        "sync_capture_minus_origin",
        "sync_capture_minus_origin_utc_mean_ns",
    ])
    .with_fields(&[terms::FIELDS, terms::V2_FIELDS, terms::V1_FIELDS])
    .publishing();

impl StreamDecoder for PtpDecoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        probe::judge(packet)
    }

    fn decode_packet(&self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        match Header::parse(packet.payload) {
            Ok(header) => decode_v2(packet, &header, result)?,
            Err(_) => decode_v1(packet, result)?,
        }
        Ok(packet.payload.len())
    }

    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str> {
        names::message_type(packet_type.0)
    }

    fn stream_name(&self, id: StreamId) -> String {
        wire::stream_name(id)
    }

    fn network_monitor(&self) -> Option<Box<dyn NetworkMonitor>> {
        Some(Box::new(PtpMonitor::default()))
    }
}

fn decode_v2(packet: &Packet<'_>, header: &Header, result: &mut DecodingResult) -> Result<(), DecodeError> {
    if let Some(reason) = probe::fault(header, packet.wire_payload_length()) {
        return Err(refuse(packet, header.major_sdo_id <= 2, "messageLength", 2, reason));
    }
    if packet.ether_type.is_some_and(|kind| kind != ETHER_TYPE) {
        return Err(DecodeError::Refused { protocol: NAME, reason: "another Ethernet type" });
    }
    if let Some(reason) = probe::contradiction(packet, header) {
        return Err(DecodeError::Refused { protocol: NAME, reason });
    }
    let length = usize::from(header.message_length);
    result.packet_type = PacketType(header.message_type.into());
    // No allocation and no panic: message is the part of the PDU that the capture holds.
    let message = if let Some(message) = packet.payload.get(..length) {
        message
    } else {
        result.state = PduState::Cut;
        packet.payload
    };
    if packet.wire_payload_length() != length {
        result.pdu_length = Some(header.message_length.into());
    }
    let id = header.domain_key().stream(header.message_type, header.source);
    result.mark(StreamMark { id, sequence: counter(header), clock: clock(header, message) });
    result.publish(message.get(..PUBLISHED).unwrap_or(message));
    if result.wants_fields() {
        add_fields(message, result);
    }
    Ok(())
}

/// Reads the header once more: one that is handed on would have to lie in memory for every message.
#[cold]
#[inline(never)]
fn add_fields(message: &[u8], result: &mut DecodingResult) {
    if let Ok(header) = Header::parse(message) {
        fields::add(message, &header, result);
    }
}

/// The sequence number of the types that count for themselves.
fn counter(header: &Header) -> Option<Sequence> {
    let sequence = Sequence::new(header.sequence.into(), 16);
    match header.message_type {
        message::SYNC | message::FOLLOW_UP | message::ANNOUNCE | message::DELAY_REQ | message::PDELAY_REQ => {
            Some(sequence)
        }
        // Some senders number a grant like the request that it answers, so a number may come twice.
        message::SIGNALING => Some(Sequence { repeats: true, ..sequence }),
        _ => None,
    }
}

/// The sender's time in those messages where it is exact.
fn clock(header: &Header, message: &[u8]) -> Option<MediaClock> {
    let is_exact = match header.message_type {
        message::SYNC => !header.is_two_step(),
        message::FOLLOW_UP => true,
        _ => false,
    };
    if !is_exact {
        return None;
    }
    media_clock(PtpTime::parse(message, Header::LENGTH)?)
}

fn media_clock(time: PtpTime) -> Option<MediaClock> {
    let ticks = time.seconds.wrapping_mul(1_000_000_000).wrapping_add(time.nanoseconds.into());
    (!time.is_zero()).then_some(MediaClock { ticks, bits: 64, rate_hz: 1_000_000_000 })
}

fn decode_v1(packet: &Packet<'_>, result: &mut DecodingResult) -> Result<(), DecodeError> {
    let cut_header = packet.payload.len() < Header::LENGTH;
    let header = HeaderV1::parse(packet.payload).filter(|_| packet.ether_type.is_none());
    let Some((header, kind)) = header.and_then(|header| Some((header, header.message_type()?))) else {
        let is_ptp = cut_header && packet.payload.get(1).is_some_and(|version| version & 0x0F == 2);
        return Err(refuse(packet, is_ptp, "header", 0, "no header of version 1 or 2"));
    };
    if packet.wire_payload_length() < header.least_length() {
        return Err(refuse(packet, true, "body", HeaderV1::LENGTH, "shorter than its message type"));
    }
    result.packet_type = PacketType(kind.into());
    if packet.payload.len() < header.least_length() {
        result.state = PduState::Cut;
    }
    let (sequence, time) = match kind {
        message::SYNC => (Some(header.sequence), v1::time(packet.payload, 40).filter(|_| !header.is_assisted())),
        message::FOLLOW_UP => (Some(header.sequence), v1::time(packet.payload, 44)),
        message::DELAY_REQ => (Some(header.sequence), None),
        _ => (None, None),
    };
    result.mark(StreamMark {
        id: header.domain_key().stream(kind, header.source),
        sequence: sequence.map(|number| Sequence::new(number.into(), 16)),
        clock: time.and_then(media_clock),
    });
    result.publish(packet.payload.get(..PUBLISHED).unwrap_or(packet.payload));
    if result.wants_fields() {
        v1::fields(packet.payload, &header, result);
    }
    Ok(())
}

/// On PTP's own Ethernet type and ports a message that almost fits is a broken one of ours; elsewhere it is another
/// protocol's.
fn refuse(
    packet: &Packet<'_>,
    is_similar: bool,
    field: &'static str,
    offset: usize,
    reason: &'static str,
) -> DecodeError {
    let is_our_place = packet.ether_type == Some(ETHER_TYPE)
        || (packet.ether_type.is_none() && (packet.has_port(EVENT_PORT) || packet.has_port(GENERAL_PORT)));
    if is_similar && is_our_place {
        DecodeError::Malformed { protocol: NAME, field, offset, reason }
    } else {
        DecodeError::Refused { protocol: NAME, reason }
    }
}
