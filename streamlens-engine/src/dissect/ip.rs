//! The outermost IP header, with its options or extension headers.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice};
use streamlens_model::{Address, Transport};

use super::link::limit;
use super::{Dissected, FragmentFacts, IpFacts, transport};

/// What lies in an IPv4 packet behind its header, and how much of that is missing. `None` where the lengths contradict
/// each other.
#[inline]
pub(super) fn v4_payload(data: &[u8], header_length: usize, missing: usize) -> Option<(&[u8], usize)> {
    let (rest, total) = (data.get(header_length..)?, data.get(2..4)?.try_into().ok().map(u16::from_be_bytes)?);
    // a total length of 0 is written by hosts that leave segmentation to the interface
    match usize::from(total) {
        0 => Some((rest, missing)),
        total => Some(limit(rest, total.checked_sub(header_length)?, missing)),
    }
}

/// Identification, flags, TTL, protocol and checksum of an IPv4 header.
#[inline]
pub(super) fn v4_fingerprint(data: &[u8]) -> Option<u64> {
    data.get(4..12)?.try_into().ok().map(u64::from_be_bytes)
}

/// IPv4 (RFC 791). `None`, and nothing written, where the header is cut or damaged.
#[inline]
pub(super) fn v4<'a>(data: &'a [u8], missing: usize, packet: &mut Dissected<'a>) -> Option<()> {
    let header = Ipv4HeaderSlice::from_slice(data).ok()?;
    let header_length = header.slice().len();
    let (payload, missing) = v4_payload(data, header_length, missing)?;
    let fingerprint = v4_fingerprint(data)?;
    let protocol = header.protocol().0;
    let offset = u32::from(header.fragments_offset().value()) * 8;
    let more = header.more_fragments();
    packet.src = Address::V4(Ipv4Addr::from(header.source()));
    packet.dst = Address::V4(Ipv4Addr::from(header.destination()));
    packet.ip = Some(IpFacts { dscp: header.dcp().value(), ttl: header.ttl(), fingerprint });
    packet.transport = Transport::Ip(protocol);
    packet.ether_type = None;
    if more || offset > 0 {
        let identification = u32::from(header.identification());
        packet.fragment = Some(FragmentFacts { identification, is_v6: false, protocol, offset, more });
    }
    (packet.payload, packet.missing) = (payload, missing);
    transport::ports_and_payload(protocol, packet);
    Some(())
}

/// Extension headers that are passed over (RFC 8200 §4); the rest are protocols of their own.
mod extension {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const DESTINATION: u8 = 60;
}

/// IPv6 (RFC 8200). `None`, and nothing written, where the header is cut or damaged.
pub(super) fn v6<'a>(data: &'a [u8], missing: usize, packet: &mut Dissected<'a>) -> Option<()> {
    let header = Ipv6HeaderSlice::from_slice(data).ok()?;
    let rest = data.get(header.slice().len()..)?;
    // a payload length of 0 stands for a jumbogram (RFC 2675) or for segmentation left to the interface
    let (mut payload, missing) = match usize::from(header.payload_length()) {
        0 => (rest, missing),
        length => limit(rest, length, missing),
    };
    let mut protocol = header.next_header().0;
    let mut fragment = None;
    loop {
        let (next, length) = match protocol {
            extension::HOP_BY_HOP | extension::ROUTING | extension::DESTINATION => {
                let Ok(header) = Ipv6RawExtHeaderSlice::from_slice(payload) else { break };
                (header.next_header().0, header.slice().len())
            }
            extension::FRAGMENT => {
                let Ok(header) = Ipv6FragmentHeaderSlice::from_slice(payload) else { break };
                let (offset, more) = (u32::from(header.fragment_offset().value()) * 8, header.more_fragments());
                if offset > 0 || more {
                    let (identification, protocol) = (header.identification(), header.next_header().0);
                    fragment = Some(FragmentFacts { identification, protocol, is_v6: true, offset, more });
                }
                (header.next_header().0, header.slice().len())
            }
            _ => break,
        };
        (protocol, payload) = (next, payload.get(length..)?);
        if fragment.is_some() {
            break;
        }
    }
    let dscp = header.traffic_class() >> 2;
    packet.src = Address::V6(Ipv6Addr::from(header.source()));
    packet.dst = Address::V6(Ipv6Addr::from(header.destination()));
    packet.ip = Some(IpFacts { dscp, ttl: header.hop_limit(), fingerprint: 0 });
    packet.transport = Transport::Ip(protocol);
    (packet.ether_type, packet.fragment) = (None, fragment);
    (packet.payload, packet.missing) = (payload, missing);
    transport::ports_and_payload(protocol, packet);
    Some(())
}
