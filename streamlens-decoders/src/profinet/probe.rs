//! How sure a payload is PROFINET, judged by itself alone.

use streamlens_model::Packet;

use super::alarm::RtaPdu;
use super::dcp::DcpPdu;
use super::frame::{FrameClass, Trailer};
use super::rpc::RpcHeader;
use super::{ETHER_TYPE, PORTS, frame_id, ptcp};
use crate::Confidence;

/// Judges a payload.
pub(super) fn probe(packet: &Packet<'_>) -> Confidence {
    if packet.offset != 0 {
        return Confidence::NONE;
    }
    match packet.ether_type {
        Some(ETHER_TYPE) => ethernet(packet),
        Some(_) => Confidence::NONE,
        None => udp(packet),
    }
}

#[inline(never)]
fn ethernet(packet: &Packet<'_>) -> Confidence {
    let payload = packet.payload;
    let Some(frame_id) = frame_id(payload) else { return Confidence::NONE };
    let (sound, value, reason) = match FrameClass::of(frame_id) {
        FrameClass::Dcp => {
            (DcpPdu::read(payload).is_some_and(|pdu| pdu.is_sound()), 0.99, "Ethernet type 0x8892, DCP blocks fit")
        }
        FrameClass::Alarm => {
            (RtaPdu::read(payload).is_some_and(|pdu| pdu.is_sound()), 0.98, "Ethernet type 0x8892, RTA header fits")
        }
        FrameClass::Ptcp => (ptcp::is_sound(payload), 0.98, "Ethernet type 0x8892, PTCP TLVs fit"),
        FrameClass::Class1 | FrameClass::Class3 => {
            let plausible = |behind| Trailer::read(payload, behind).is_some_and(|t| t.is_plausible());
            (plausible(0) || plausible(4), 0.9, "Ethernet type 0x8892, cyclic FrameID and status fit")
        }
        _ => (false, 0.0, ""),
    };
    if sound { Confidence::new(value, reason) } else { Confidence::new(0.6, "Ethernet type 0x8892") }
}

/// Every payload of UDP that nobody has taken yet comes here, and nearly all of them can be told by their first byte.
fn udp(packet: &Packet<'_>) -> Confidence {
    match packet.payload.first() {
        Some(&RpcHeader::VERSION) => remote_call(packet),
        Some(0xC0..=0xFE) => real_time(packet),
        _ => Confidence::NONE,
    }
}

#[inline(never)]
fn remote_call(packet: &Packet<'_>) -> Confidence {
    let Some(header) = RpcHeader::read(packet.payload) else { return Confidence::NONE };
    let fits = RpcHeader::LENGTH + usize::from(header.length) <= packet.wire_payload_length();
    match (fits, packet.has_port(PORTS[2])) {
        (true, true) => Confidence::new(0.99, "DCE/RPC with a PROFINET interface, port 34964"),
        (true, false) => Confidence::new(0.97, "DCE/RPC with a PROFINET interface"),
        (false, _) => Confidence::new(0.7, "DCE/RPC with a PROFINET interface, length too large"),
    }
}

#[inline(never)]
fn real_time(packet: &Packet<'_>) -> Confidence {
    if !is_rt_over_udp(packet) {
        return Confidence::NONE;
    }
    match frame_id(packet.payload).map(FrameClass::of) {
        Some(FrameClass::Alarm) => Confidence::new(0.8, "RTA header fits, real-time port"),
        _ if packet.missing == 0 => Confidence::new(0.3, "FrameID and status fit, real-time port"),
        _ => Confidence::new(0.1, "FrameID fits, real-time port"),
    }
}

/// Whether a datagram can be a real-time frame over UDP (IEC 61158-6-10 §4.7, RT_CLASS_UDP): its ports, the range of
/// its `FrameID`, its length and its trailer. Only data that are valid count, for many a protocol ends in zeros.
pub(super) fn is_rt_over_udp(packet: &Packet<'_>) -> bool {
    match frame_id(packet.payload) {
        Some(0xC000..=0xFBFF) => {
            let is_valid = |trailer: Trailer| trailer.is_plausible() && trailer.status.is_valid();
            may_be_cyclic_over_udp(packet)
                && (packet.missing > 0 || Trailer::read(packet.payload, 0).is_some_and(is_valid))
        }
        Some(0xFC01 | 0xFE01) => has_rt_port(packet) && RtaPdu::read(packet.payload).is_some_and(|pdu| pdu.is_sound()),
        _ => false,
    }
}

/// Whether ports and length allow a cyclic frame over UDP: enough where its stream is known already.
pub(super) fn may_be_cyclic_over_udp(packet: &Packet<'_>) -> bool {
    // FrameID, at least 12 octets of data, trailer.
    const SHORTEST: usize = 2 + 12 + Trailer::LENGTH;
    has_rt_port(packet) && packet.wire_payload_length() >= SHORTEST
}

fn has_rt_port(packet: &Packet<'_>) -> bool {
    packet.has_port(PORTS[0]) || packet.has_port(PORTS[1])
}
