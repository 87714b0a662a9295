//! Transport headers: ports, TCP's numbers, and where the payload begins.

use etherparse::{TcpHeaderSlice, UdpHeaderSlice};
use streamlens_model::Transport;

use super::link::limit;
use super::{Dissected, TcpFacts};

/// Reads the transport header of a whole IP payload or of a first fragment; later fragments have none.
#[inline]
pub(super) fn ports_and_payload(protocol: u8, packet: &mut Dissected<'_>) {
    if packet.fragment.is_some_and(|fragment| fragment.offset > 0) {
        return;
    }
    if Transport::Ip(protocol).has_ports() {
        packet.ports = packet
            .payload
            .first_chunk::<4>()
            .map(|[a, b, c, d]| (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])));
    }
    if packet.fragment.is_none() {
        transport_payload(protocol, packet);
    }
}

/// Strips the transport header off the payload of a whole IP packet.
#[inline]
pub(crate) fn transport_payload(protocol: u8, packet: &mut Dissected<'_>) {
    packet.check = match Transport::Ip(protocol) {
        Transport::UDP => udp_check(packet.payload),
        Transport::TCP => tcp_check(packet.payload),
        _ => 0,
    };
    match Transport::Ip(protocol) {
        Transport::UDP => (packet.payload, packet.missing) = udp(packet.payload, packet.missing),
        Transport::TCP => (packet.tcp, packet.payload, packet.missing) = tcp(packet.payload, packet.missing),
        _ => {}
    }
}

/// The checksum of UDP; 0 where the sender made none, or the capture has cut it off.
#[inline]
pub(super) fn udp_check(datagram: &[u8]) -> u16 {
    datagram.get(6..).and_then(<[u8]>::first_chunk).map_or(0, |check| u16::from_be_bytes(*check))
}

/// The checksum of TCP.
#[inline]
pub(super) fn tcp_check(segment: &[u8]) -> u16 {
    segment.get(16..).and_then(<[u8]>::first_chunk).map_or(0, |check| u16::from_be_bytes(*check))
}

/// The payload of UDP (RFC 768), and how much of it is missing. A length below 8 means, as 0 does for jumbograms (RFC 2675),
/// that the length of the packet rules.
#[inline]
pub(super) fn udp(datagram: &[u8], missing: usize) -> (&[u8], usize) {
    let Ok(header) = UdpHeaderSlice::from_slice(datagram) else { return (&[], 0) };
    let rest = datagram.get(header.slice().len()..).unwrap_or_default();
    match usize::from(header.length()) {
        length @ 8.. => limit(rest, length - 8, missing),
        _ => (rest, missing),
    }
}

/// The header and the payload of TCP (RFC 9293), and how much of that is missing. A header that is cut has ports and no
/// payload.
pub(super) fn tcp(segment: &[u8], missing: usize) -> (Option<TcpFacts>, &[u8], usize) {
    let Ok(header) = TcpHeaderSlice::from_slice(segment) else { return (None, &[], 0) };
    let facts = TcpFacts {
        sequence: header.sequence_number(),
        acknowledged: header.ack().then(|| header.acknowledgment_number()),
        syn: header.syn(),
        rst: header.rst(),
    };
    (Some(facts), segment.get(header.slice().len()..).unwrap_or_default(), missing)
}
