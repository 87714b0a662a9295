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
    match Transport::Ip(protocol) {
        Transport::UDP => udp(packet),
        Transport::TCP => tcp(packet),
        _ => {}
    }
}

/// UDP (RFC 768). A length below 8 means, as 0 does for jumbograms (RFC 2675), that the length of the packet rules.
fn udp(packet: &mut Dissected<'_>) {
    let Ok(header) = UdpHeaderSlice::from_slice(packet.payload) else {
        (packet.payload, packet.missing) = (&[], 0);
        return;
    };
    let rest = packet.payload.get(header.slice().len()..).unwrap_or_default();
    (packet.payload, packet.missing) = match usize::from(header.length()) {
        length @ 8.. => limit(rest, length - 8, packet.missing),
        _ => (rest, packet.missing),
    };
}

/// TCP (RFC 9293). A header that is cut has ports and no payload.
fn tcp(packet: &mut Dissected<'_>) {
    let Ok(header) = TcpHeaderSlice::from_slice(packet.payload) else {
        (packet.payload, packet.missing) = (&[], 0);
        return;
    };
    packet.tcp = Some(TcpFacts { sequence: header.sequence_number(), syn: header.syn(), rst: header.rst() });
    packet.payload = packet.payload.get(header.slice().len()..).unwrap_or_default();
}
