//! iNetX as a [`StreamDecoder`].

use std::borrow::Cow;

use streamlens_model::{FlowKey, Packet, StreamId};

use super::flow::InetxFlow;
use super::header::InetxHeader;
use super::terms;
use crate::telemetry::terms::{AGAINST_CAPTURE, TRACK, TRACK_TIME};
use crate::telemetry::{Naming, TelemetryMonitor};
use crate::{
    Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, FlowDecoder, Joined, MediaClock, NetworkMonitor,
    PacketType, PduState, Sequence, StreamDecoder, StreamMark,
};

pub(super) const ENCODING: &str = "iNetX";

const NAMING: Naming = Naming {
    encoding: ENCODING,
    name: |id| format!("stream id 0x{id:08X}"),
    stopped: "inetx.stream-stopped",
    two_sources: "inetx.stream-from-two-sources",
    watches: &["IENA", "TmNS", "NPD"],
};

/// Recognises and reads iNetX packets.
#[derive(Clone, Copy, Debug, Default)]
pub struct InetxDecoder;

impl InetxDecoder {
    /// Returns a decoder of iNetX.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

static INFO: DecoderInfo = DecoderInfo::new(ENCODING, &[Carrier::Udp])
    .with_standards("iNetX (Curtiss-Wright)")
    .with_ports(&[8010, 1023, 5545])
    .with_packet_types(&["iNetX"])
    .with_finding_prefix("inetx")
    .with_findings(&[terms::FINDINGS])
    .with_facts(&[terms::FACTS])
    .with_measures(&[TRACK, TRACK_TIME, terms::MEASURES])
    .with_against_capture(AGAINST_CAPTURE)
    .with_fields(&[terms::FIELDS]);

impl StreamDecoder for InetxDecoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        match InetxHeader::parse(packet.payload) {
            Ok(header) if is_sound(header, packet) => Confidence::new(0.99, "control word, length and nanoseconds fit"),
            Ok(_) => Confidence::new(0.2, "control word only"),
            Err(_) => Confidence::NONE,
        }
    }

    fn joined(&self, payload: &[u8]) -> Joined {
        let Ok(first) = InetxHeader::parse(payload) else { return Joined::One };
        Joined::judge(payload, first.length as usize, |part| {
            let header = InetxHeader::parse(part).ok()?;
            (header.stream_id == first.stream_id && header.length as usize == part.len())
                .then(|| header.sequence.wrapping_sub(first.sequence).cast_signed().into())
        })
    }

    fn packet_type(&self, _: PacketType) -> Cow<'static, str> {
        Cow::Borrowed("iNetX")
    }

    fn stream_name(&self, id: StreamId) -> String {
        format!("stream id 0x{:08X}", id.0)
    }

    fn flow_decoder(&self, _: &FlowKey) -> Option<Box<dyn FlowDecoder>> {
        Some(Box::new(InetxFlow::default()))
    }

    fn network_monitor(&self) -> Option<Box<dyn NetworkMonitor>> {
        Some(Box::new(TelemetryMonitor::new(NAMING)))
    }
}

pub(super) const REFUSED: DecodeError =
    DecodeError::Refused { protocol: ENCODING, reason: "control word, length or nanoseconds do not fit" };

/// Returns whether the length is that of the payload on the wire, and the nanoseconds are less than a second.
#[inline]
pub(super) fn is_sound(header: InetxHeader, packet: &Packet<'_>) -> bool {
    header.length as usize == packet.wire_payload_length() && header.is_time_valid()
}

/// Writes what a header says to a result: whether the capture cut the packet, its stream, its fields.
#[inline]
pub(super) fn fill(packet: &Packet<'_>, header: InetxHeader, result: &mut DecodingResult) {
    if packet.missing > 0 {
        result.state = PduState::Cut;
    }
    let clock = MediaClock { ticks: header.nanos(), bits: 64, rate_hz: 1_000_000_000 };
    result.mark(StreamMark {
        id: StreamId(header.stream_id.into()),
        sequence: Some(Sequence::new(header.sequence.into(), 32)),
        clock: header.is_time_valid().then_some(clock),
    });
    if result.wants_fields() {
        result.field("stream_id", header.stream_id);
        result.field("sequence", header.sequence);
        result.field("length", header.length);
        result.field("seconds", header.seconds);
        result.field("nanoseconds", header.nanoseconds);
        result.field("error", header.payload_information.has_error());
        result.field("reported_lost", header.payload_information.lost());
        result.field("by_timeout", header.payload_information.is_by_timeout());
    }
}
