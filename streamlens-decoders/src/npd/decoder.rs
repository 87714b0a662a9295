//! NPD as a [`StreamDecoder`].

use std::borrow::Cow;

use streamlens_model::{FlowKey, Packet, StreamId};

use super::flow::NpdFlow;
use super::header::{HEADER, NpdHeader, Segments, Walk};
use super::terms;
use crate::telemetry::terms::{AGAINST_CAPTURE, TRACK};
use crate::telemetry::{Naming, TelemetryMonitor};
use crate::{
    Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, FlowDecoder, Joined, NetworkMonitor, PacketType,
    PduState, Sequence, StreamDecoder,
};

pub(super) const ENCODING: &str = "NPD";

const NAMING: Naming = Naming {
    encoding: ENCODING,
    name: |id| format!("data source 0x{id:08X}"),
    stopped: "npd.source-stopped",
    two_sources: "npd.source-from-two-senders",
    watches: &["IENA", "iNetX", "TmNS"],
};

/// Recognises and reads NPD packets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NpdDecoder;

impl NpdDecoder {
    /// A decoder of NPD.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

static INFO: DecoderInfo = DecoderInfo::new(ENCODING, &[Carrier::Udp])
    .with_standards("NPD (DARv3)")
    .with_ports(&[6676])
    .with_packet_types(&[
        "data type 0x02",
        "data type 0x09",
        "data type 0x38",
        "data type 0x50",
        "data type 0xA1",
        "data type 0xD0",
    ])
    .with_finding_prefix("npd")
    .with_findings(&[terms::FINDINGS])
    .with_facts(&[terms::FACTS])
    .with_packet_type_facts(&[terms::PACKET_TYPE_FACTS])
    .with_measures(&[TRACK, terms::MEASURES])
    .with_against_capture(AGAINST_CAPTURE)
    .with_fields(&[terms::FIELDS]);

impl StreamDecoder for NpdDecoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        if read(packet).is_err() {
            return Confidence::NONE;
        }
        let (walk, count, _) = walk(packet);
        match walk {
            Walk::Exact if count > 0 && packet.missing == 0 => {
                Confidence::new(0.9, "version, length and segments fit exactly")
            }
            Walk::Exact | Walk::Leftover => Confidence::new(0.7, "version and length fit, the segments nearly"),
            Walk::Broken => Confidence::NONE,
        }
    }

    fn joined(&self, payload: &[u8]) -> Joined {
        let Ok(first) = NpdHeader::parse(payload) else { return Joined::One };
        Joined::judge(payload, usize::from(first.length_words) * 4, |part| {
            let header = NpdHeader::parse(part).ok()?;
            let is_of_it = header.data_source_id == first.data_source_id;
            (is_of_it && usize::from(header.length_words) * 4 == part.len())
                .then(|| header.sequence.wrapping_sub(first.sequence).cast_signed().into())
        })
    }

    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str> {
        Cow::Owned(format!("data type 0x{:02X}", packet_type.0))
    }

    fn stream_name(&self, id: StreamId) -> String {
        format!("data source 0x{:08X}", id.0)
    }

    fn flow_decoder(&self, _: &FlowKey) -> Option<Box<dyn FlowDecoder>> {
        Some(Box::new(NpdFlow::default()))
    }

    fn network_monitor(&self) -> Option<Box<dyn NetworkMonitor>> {
        Some(Box::new(TelemetryMonitor::new(NAMING)))
    }
}

pub(super) fn refused(reason: &'static str) -> DecodeError {
    DecodeError::Refused { protocol: ENCODING, reason }
}

/// The header, where first byte and length fit.
#[inline]
pub(super) fn read(packet: &Packet<'_>) -> Result<NpdHeader, DecodeError> {
    let header = NpdHeader::parse(packet.payload).map_err(|_| refused("it does not begin with 0x35"))?;
    let length = packet.wire_payload_length();
    let fits = usize::from(header.length_words) * 4 == length && length >= HEADER;
    if fits { Ok(header) } else { Err(refused("the length does not fit")) }
}

/// A walk over the segments: how it ends, how many there are, how many are marked with errors. What the capture has cut
/// off breaks nothing.
#[inline]
pub(super) fn walk(packet: &Packet<'_>) -> (Walk, u64, u64) {
    let mut segments = Segments::of(packet.payload);
    let (mut count, mut errors) = (0, 0);
    for segment in segments.by_ref() {
        count += 1;
        errors += u64::from(segment.error != 0);
    }
    let end = if packet.missing > 0 { None } else { segments.end() };
    (end.unwrap_or(Walk::Exact), count, errors)
}

#[inline]
pub(super) fn fill(packet: &Packet<'_>, header: NpdHeader, result: &mut DecodingResult) {
    if packet.missing > 0 {
        result.state = PduState::Cut;
    }
    result.packet_type = PacketType(header.data_type.into());
    // No clock: whole seconds at best, and not always seconds.
    result.sequence(StreamId(header.data_source_id.into()), Sequence::new(header.sequence.into(), 16));
    if result.wants_fields() {
        result.field("data_type", header.data_type);
        result.field("configuration_count", header.configuration_count);
        result.field("flags", header.flags);
        result.field("sequence", header.sequence);
        result.field("data_source_id", header.data_source_id);
        result.field("multicast_address", header.multicast_address.to_string());
        result.field("time", header.time);
        result.field("segments", walk(packet).1);
    }
}
