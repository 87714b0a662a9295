//! How much one datagram looks like RTP. Never much: a quarter of all random bytes have the version, so the neighbours
//! of a packet have to prove it (the sequence number that runs on, see [`super::probation`]).

use streamlens_model::{Packet, TrafficType};

use super::RtpPacket;
use super::probation::contradicts_itself;
use crate::Confidence;

/// Names and multicast names: a query's random number looks like a version, and its flags like a sequence number.
const NAME_SERVICE_PORTS: [u16; 3] = [53, 5353, 5355];

pub(super) fn confidence(packet: &Packet<'_>) -> Confidence {
    if packet.payload.first().is_some_and(|first| first >> 6 == 2) { judge(packet) } else { Confidence::NONE }
}

#[inline(never)]
fn judge(packet: &Packet<'_>) -> Confidence {
    let Ok(rtp) = RtpPacket::parse_cut(packet.payload, packet.missing) else { return Confidence::NONE };
    let datagram = (packet.missing == 0).then_some(packet.payload.len());
    if contradicts_itself(&rtp, datagram) || NAME_SERVICE_PORTS.iter().any(|&port| packet.has_port(port)) {
        return Confidence::NONE;
    }
    if packet.missing == 0 && rtp.payload.is_empty() && rtp.padding == 0 && rtp.extension.is_none() {
        return Confidence::new(0.1, "a bare RTP header with a legal payload type");
    }
    if rtp.wrong_padding.is_some() {
        return Confidence::new(0.1, "an RTP header with an impossible padding count");
    }
    if rtp.payload_type == 33 && is_transport_stream(rtp.payload) {
        return Confidence::new(0.85, "payload type 33 with an MPEG-TS sync byte at every packet");
    }
    // No higher than 0.28: three payloads that decode, and nothing more, must stay below one half.
    let multicast = packet.flow.dst.address.traffic_type() == TrafficType::Multicast;
    let customary = packet.dst_port().is_some_and(|port| matches!(port, 5004 | 5006 | 20_000));
    if multicast || customary {
        Confidence::new(0.28, "legal RTP header to a group or a customary port")
    } else {
        Confidence::new(0.2, "legal RTP header")
    }
}

/// Whether the payload is whole MPEG-TS packets, of which at least the first two agree.
fn is_transport_stream(payload: &[u8]) -> bool {
    payload.len() >= 188
        && payload.len().is_multiple_of(188)
        && payload.chunks_exact(188).all(|p| p.first() == Some(&0x47))
}
