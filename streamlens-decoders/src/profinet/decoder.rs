//! The decoder that all flows share.

use std::borrow::Cow;

use streamlens_model::{FlowKey, Packet, Severity, StreamId};

use super::alarm::RtaPdu;
use super::dcp::DcpPdu;
use super::flow::ProfinetFlow;
use super::frame::{self, FrameClass, Trailer};
use super::monitor::ProfinetMonitor;
use super::rpc::RpcHeader;
use super::terms;
use super::{ETHER_TYPE, NAME, PORTS, incomplete, probe, ptcp, refused};
use crate::wire;
use crate::{
    Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, FlowDecoder, NetworkMonitor, PacketType, PduState,
    Sequence, StreamDecoder,
};

/// Decodes PROFINET IO.
///
/// Frames of Ethernet type 0x8892 are PROFINET by that type; datagrams are where they are DCE/RPC with one of
/// PROFINET's interfaces, on any port, or where ports, `FrameID` and trailer make them real-time frames over UDP.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProfinetDecoder;

impl ProfinetDecoder {
    /// Makes the decoder.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

static INFO: DecoderInfo = DecoderInfo::new(NAME, &[Carrier::EtherType(ETHER_TYPE), Carrier::Udp])
    .with_standards("IEC 61158-6-10")
    .with_ports(&PORTS)
    .with_packet_types(frame::TYPE_NAMES)
    .with_finding_prefix("profinet")
    .with_findings(&[terms::FINDINGS])
    .with_facts(&[terms::FACTS])
    .with_measures(&[terms::MEASURES])
    .with_network_facts(&[terms::NETWORK_FACTS])
    .with_fields(&[terms::FIELDS])
    .publishing();

impl StreamDecoder for ProfinetDecoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        probe::probe(packet)
    }

    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str> {
        frame::type_name(packet_type)
    }

    fn stream_name(&self, id: StreamId) -> String {
        format!("FrameID 0x{:04x}", id.0)
    }

    fn flow_decoder(&self, _flow: &FlowKey) -> Option<Box<dyn FlowDecoder>> {
        Some(Box::new(ProfinetFlow::default()))
    }

    fn network_monitor(&self) -> Option<Box<dyn NetworkMonitor>> {
        Some(Box::new(ProfinetMonitor::default()))
    }
}

/// What a payload is, its header read.
pub(super) enum Pdu<'a> {
    /// Cyclic data; the trailer is yet to be found.
    Cyclic { frame_id: u16, over_udp: bool },
    /// DCP; `None` where the frame ends within its header.
    Dcp(u16, Option<DcpPdu<'a>>),
    /// An alarm; likewise.
    Alarm(u16, Option<RtaPdu<'a>>),
    /// PTCP, with its sequence identifier.
    Ptcp(u16, Option<u16>),
    /// A fragment, the remote service interface, or a `FrameID` that is reserved.
    Other(u16),
    /// Context management.
    Cm(RpcHeader),
}

impl<'a> Pdu<'a> {
    /// Reads a payload and refuses what is not PROFINET.
    #[inline]
    pub(super) fn read(packet: &Packet<'a>) -> Result<Self, DecodeError> {
        if packet.offset != 0 {
            return Err(refused("bytes behind the PDU"));
        }
        match packet.ether_type {
            Some(ETHER_TYPE) => Self::read_frame(packet, false),
            Some(_) => Err(refused("Ethernet type")),
            None => Self::read_datagram(packet),
        }
    }

    #[inline]
    fn read_frame(packet: &Packet<'a>, over_udp: bool) -> Result<Self, DecodeError> {
        let payload = packet.payload;
        let (_, frame_id) = wire::parse(NAME, payload, wire::u16("FrameID"))?;
        Ok(match FrameClass::of(frame_id) {
            FrameClass::Class1 | FrameClass::Class3 => {
                if packet.wire_payload_length() < 2 + Trailer::LENGTH {
                    return Err(incomplete("APDU status", 2, Trailer::LENGTH, payload.len() - 2));
                }
                Self::Cyclic { frame_id, over_udp }
            }
            FrameClass::Dcp => Self::Dcp(frame_id, DcpPdu::read(payload)),
            FrameClass::Alarm => Self::Alarm(frame_id, RtaPdu::read(payload)),
            FrameClass::Ptcp => Self::Ptcp(frame_id, ptcp::sequence(payload)),
            FrameClass::Rsi | FrameClass::Fragment | FrameClass::Reserved => Self::Other(frame_id),
        })
    }

    fn read_datagram(packet: &Packet<'a>) -> Result<Self, DecodeError> {
        if probe::is_rt_over_udp(packet) {
            return Self::read_frame(packet, true);
        }
        match RpcHeader::read(packet.payload) {
            Some(header) => Ok(Self::Cm(header)),
            None => Err(refused("neither DCE/RPC with a PROFINET interface nor a real-time frame")),
        }
    }

    /// Says which kind it is, whether it is whole, which stream it belongs to, and what is wrong with it. Cyclic
    /// data's stream and state are the caller's.
    pub(super) fn describe(&self, packet: &Packet<'_>, result: &mut DecodingResult) {
        let mut whole = true;
        match self {
            &Self::Cyclic { frame_id, over_udp } => {
                result.packet_type = frame::rt_type(frame_id, over_udp);
                result.field("frame_id", frame_id);
                return;
            }
            Self::Dcp(frame_id, pdu) => {
                let (service, response) = match pdu {
                    Some(pdu) => (pdu.service, pdu.is_response()),
                    None => dcp_of(*frame_id),
                };
                result.packet_type = frame::dcp_type(service, response);
                whole = pdu.is_some_and(|pdu| pdu.is_sound());
                result.pdu_length = pdu.map(|pdu| (DcpPdu::HEADER + usize::from(pdu.length)) as u32);
                if let Some(pdu) = pdu {
                    result.field("service_id", pdu.service);
                    result.field("service_type", pdu.service_type);
                    result.field("xid", pdu.xid);
                }
            }
            Self::Alarm(frame_id, pdu) => {
                result.packet_type = frame::rt_type(*frame_id, false);
                whole = pdu.is_some_and(|pdu| pdu.is_sound());
                result.pdu_length = pdu.map(|pdu| (RtaPdu::HEADER + usize::from(pdu.length)) as u32);
                if let Some(pdu) = pdu {
                    result.field("pdu_type", pdu.kind.name());
                }
            }
            &Self::Ptcp(frame_id, sequence) => {
                result.packet_type = frame::rt_type(frame_id, false);
                whole = ptcp::is_sound(packet.payload);
                if let Some(sequence) = sequence {
                    result.field("sequence_id", sequence);
                    if matches!(frame_id, 0x0020 | 0x0021 | 0x0080 | 0x0081) {
                        let number = Sequence::new(u64::from(sequence), 16);
                        result.sequence(StreamId(u128::from(frame_id)), number);
                    }
                }
            }
            &Self::Other(frame_id) => {
                result.packet_type = frame::rt_type(frame_id, false);
                result.field("frame_id", frame_id);
            }
            Self::Cm(header) => {
                result.packet_type = frame::cm_type(header.operation, header.packet_type);
                let end = RpcHeader::LENGTH + usize::from(header.length);
                result.pdu_length = Some(end.min(packet.wire_payload_length()) as u32);
                whole = end <= packet.payload.len();
                result.field("operation", header.operation);
                result.field("rpc_type", header.packet_type);
                result.field("sequence", header.sequence);
            }
        }
        if !whole {
            if packet.missing > 0 {
                result.state = PduState::Cut;
            } else {
                result.flag("profinet.malformed", Severity::Warning, None, "a PDU whose lengths or fields do not fit");
            }
        }
        // Padding to the shortest frame is no part of the PDU; a length that lies is.
        result.pdu_length = result.pdu_length.filter(|&length| length as usize <= packet.wire_payload_length());
    }
}

/// Service and direction that go with a `FrameID` of DCP, for frames that end before they say.
const fn dcp_of(frame_id: u16) -> (u8, bool) {
    match frame_id {
        0xFEFC => (6, false),
        0xFEFD => (3, false),
        0xFEFE => (5, false),
        _ => (5, true),
    }
}
