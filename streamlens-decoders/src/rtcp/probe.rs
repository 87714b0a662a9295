//! How much one datagram looks like RTCP. Packets whose lengths add up to the datagram are strong evidence; SRTCP shows
//! its first header only.

use streamlens_model::Packet;

use super::packet::{CNAME, Compound, RR, RTPFB, RtcpPacket, SR, XR, compound};
use crate::Confidence;

/// A wall clock this far from the capture time speaks neither for nor against: many senders count from their start.
const TEN_YEARS_NS: u64 = 10 * 366 * 86_400 * 1_000_000_000;

pub(super) fn confidence(packet: &Packet<'_>) -> Confidence {
    match packet.payload {
        [version, packet_type, ..] if version >> 6 == 2 && crate::rtp::is_rtcp_type(*packet_type) => judge(packet),
        _ => Confidence::NONE,
    }
}

#[inline(never)]
fn judge(packet: &Packet<'_>) -> Confidence {
    let Ok(first) = RtcpPacket::parse(packet.payload, packet.missing) else { return Confidence::NONE };
    if !first.is_sound() {
        return Confidence::NONE;
    }
    let is_report = matches!(first.packet_type, SR | RR);
    match (compound(packet.payload, packet.missing), is_report) {
        (Compound::Whole, true) => {
            let rest = packet.payload.get(first.length..).unwrap_or_default();
            let named = RtcpPacket::parse(rest, packet.missing)
                .is_ok_and(|second| second.descriptions().any(|(_, kind, _)| kind == CNAME));
            let dated = first
                .sender()
                .zip(packet.time)
                .is_some_and(|(sender, time)| sender.wall_clock().since(time).unsigned_abs() < TEN_YEARS_NS);
            match (named, dated, rest.is_empty()) {
                (true, ..) => Confidence::new(0.97, "a report and a CNAME whose lengths add up"),
                (_, true, _) => Confidence::new(0.95, "a sender report with a wall clock near the capture's"),
                (.., false) => Confidence::new(0.9, "a report in a compound whose lengths add up"),
                _ => Confidence::new(0.8, "a lone report of the right length"),
            }
        }
        (Compound::Whole, false) => match first.packet_type {
            RTPFB..=XR => Confidence::new(0.6, "a feedback packet of the right length"),
            SR..RTPFB => Confidence::new(0.3, "an RTCP header of the right length"),
            _ => Confidence::NONE,
        },
        // What shares a port with QUIC can have any first bytes (RFC 9287 §3), and one header is too little there.
        (Compound::Encrypted { .. }, _) if packet.has_port(443) => Confidence::NONE,
        // Version, type, and a count of blocks that makes up the length: some thirty bits that have to agree.
        (Compound::Encrypted { index: true }, true) if first.is_exact_report() => {
            Confidence::new(0.93, "the header of a report of the right length, and an SRTCP index at the end")
        }
        (Compound::Encrypted { index: false }, true) if first.is_exact_report() => {
            Confidence::new(0.85, "the header of a report of the right length, encrypted")
        }
        _ => Confidence::NONE,
    }
}
