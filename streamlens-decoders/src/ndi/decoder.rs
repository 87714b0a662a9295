//! The decoder: probes both carriers and makes the memory of a flow.

use std::borrow::Cow;

use streamlens_model::{FlowKey, Packet, StreamId, Transport};

use super::message::type_name;
use super::terms;
use super::{datagrams, discovery, stream};
use crate::{
    Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, FlowDecoder, FlowReport, NetworkMonitor, PacketType,
    StreamDecoder,
};

pub(super) const NAME: &str = "NDI";

pub(super) const REFUSED: DecodeError = DecodeError::Refused { protocol: NAME, reason: "no framing of NDI" };

/// Recognises NDI over TCP and UDP and counts its messages by their outer framing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NdiDecoder;

impl NdiDecoder {
    /// The decoder.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

static INFO: DecoderInfo = DecoderInfo::new(NAME, &[Carrier::Tcp, Carrier::Udp])
    .with_standards("none public; as observed of SDK 6.3.2")
    .with_ports(&[5959, 5960, 5961, 6960, 7960])
    .with_packet_types(&["Video", "Audio", "Metadata", "Discovery"])
    .with_finding_prefix("ndi")
    .with_announcement_ports(&[discovery::MDNS_PORT])
    .with_facts(&[terms::FACTS])
    .with_network_facts(&[terms::NETWORK_FACTS])
    .publishing();

impl StreamDecoder for NdiDecoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        if packet.transport == Transport::TCP { stream::probe(packet) } else { datagrams::probe(packet) }
    }

    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str> {
        Cow::Borrowed(type_name(packet_type))
    }

    fn stream_name(&self, id: StreamId) -> String {
        format!("{:#010x}", id.0)
    }

    fn inspect_foreign(&self, packet: &Packet<'_>, result: &mut DecodingResult) {
        discovery::inspect(packet, result);
    }

    fn network_monitor(&self) -> Option<Box<dyn NetworkMonitor>> {
        Some(Box::<discovery::Sources>::default())
    }

    fn flow_decoder(&self, _flow: &FlowKey) -> Option<Box<dyn FlowDecoder>> {
        Some(Box::new(NdiFlow::Unknown))
    }
}

/// One flow; a flow of either carrier has its own memory.
#[derive(Debug)]
enum NdiFlow {
    Unknown,
    Stream(Box<stream::NdiStream>),
    Datagrams(Box<datagrams::NdiDatagrams>),
}

impl FlowDecoder for NdiFlow {
    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        if matches!(self, Self::Unknown) {
            *self = if packet.transport == Transport::TCP {
                Self::Stream(Box::default())
            } else {
                Self::Datagrams(Box::default())
            };
        }
        match self {
            Self::Stream(stream) => stream.decode_packet(packet, result),
            Self::Datagrams(datagrams) => datagrams.decode_packet(packet, result),
            Self::Unknown => Err(REFUSED),
        }
    }

    fn on_gap(&mut self, bytes: Option<u64>, at: streamlens_model::Occurrence) {
        if let Self::Stream(stream) = self {
            stream.on_gap(bytes, at);
        }
    }

    fn report(&self, report: &mut FlowReport) {
        match self {
            Self::Stream(stream) => stream.report(report),
            Self::Datagrams(datagrams) => datagrams.report(report),
            Self::Unknown => {}
        }
        report.fact("knowledge", "no public specification: framing as observed, contents not read");
    }
}

pub(super) fn report_messages(report: &mut FlowReport, messages: &[u64; 4], bytes: u64) {
    for (number, &count) in (0..).zip(messages).filter(|(_, count)| **count > 0) {
        report.fact(format!("messages_{}", type_name(PacketType(number)).to_lowercase()), count);
    }
    report.fact("message_bytes", bytes);
}
