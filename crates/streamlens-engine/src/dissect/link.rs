//! Link layers, down to the first IP header or the payload.

use etherparse::{Ethernet2HeaderSlice, SingleVlanHeaderSlice};
use streamlens_model::{Address, Frame, LinkType, MacAddress, Transport};

use super::{Aside, Dissected, ip};

/// IANA ether types that are walked through.
mod ether_type {
    pub(super) const IPV4: u16 = 0x0800;
    pub(super) const IPV6: u16 = 0x86DD;
    pub(super) const VLAN: u16 = 0x8100;
    pub(super) const PROVIDER_BRIDGING: u16 = 0x88A8;
    pub(super) const VLAN_DOUBLE: u16 = 0x9100;
    pub(super) const MPLS: u16 = 0x8847;
    pub(super) const MPLS_UPSTREAM: u16 = 0x8848;
    pub(super) const PPPOE_SESSION: u16 = 0x8864;
    /// Below this the field is a length (IEEE 802.3 §3.2.6).
    pub(super) const FIRST: u16 = 0x0600;
}

/// Takes a frame apart.
///
/// # Errors
///
/// The reason why it can be in no flow.
pub(crate) fn dissect<'a>(frame: &Frame<'a>) -> Result<Dissected<'a>, Aside> {
    let data = frame.data;
    let missing = (frame.original_length as usize).saturating_sub(data.len());
    match frame.link_type {
        LinkType::ETHERNET => ethernet(data, missing, &Dissected::link_only(Transport::Ethernet, data)),
        LinkType::LINUX_SLL => linux_sll(data, missing),
        LinkType::LINUX_SLL2 => linux_sll2(data, missing),
        LinkType(12 | 14) | LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => {
            let bare = Dissected { missing, ..Dissected::link_only(Transport::Link(frame.link_type), data) };
            Ok(bare_ip(data, missing, &bare).unwrap_or(bare))
        }
        LinkType::NULL | LinkType::LOOP => loopback(frame.link_type, data, missing),
        LinkType::PPP | LinkType::PPP_HDLC => {
            let base = Dissected { missing, ..Dissected::link_only(Transport::Link(frame.link_type), data) };
            Ok(ppp(data, missing, &base).unwrap_or(base))
        }
        LinkType::PPP_ETHER => {
            let base = Dissected { missing, ..Dissected::link_only(Transport::Link(frame.link_type), data) };
            Ok(data.get(6..).and_then(|inner| ppp(inner, missing, &base)).unwrap_or(base))
        }
        LinkType::CHAPTER10_FILE => Ok(Dissected { missing, ..Dissected::link_only(Transport::Chapter10File, data) }),
        other => Err(Aside::LinkType(other.0)),
    }
}

fn ethernet<'a>(data: &'a [u8], missing: usize, outer: &Dissected<'a>) -> Result<Dissected<'a>, Aside> {
    let header = Ethernet2HeaderSlice::from_slice(data).map_err(|_| Aside::TooShort)?;
    let (src, dst) = (MacAddress(header.source()), MacAddress(header.destination()));
    let base = Dissected {
        src: Address::Mac(src),
        dst: Address::Mac(dst),
        src_mac: Some(src),
        dst_mac: Some(dst),
        transport: Transport::Ethernet,
        ..*outer
    };
    let rest = data.get(header.slice().len()..).unwrap_or_default();
    ether_payload(header.ether_type().0, rest, missing, base)
}

/// What follows an ether type: tags, shims, an IP header, or the payload.
fn ether_payload<'a>(
    mut kind: u16,
    mut rest: &'a [u8],
    missing: usize,
    mut base: Dissected<'a>,
) -> Result<Dissected<'a>, Aside> {
    loop {
        (base.ether_type, base.payload, base.missing) = (Some(kind), rest, missing);
        match kind {
            ether_type::VLAN | ether_type::PROVIDER_BRIDGING | ether_type::VLAN_DOUBLE => {
                let Ok(tag) = SingleVlanHeaderSlice::from_slice(rest) else { return Ok(base) };
                if !base.vlan.push(tag.vlan_identifier().value()) {
                    return Err(Aside::VlanDepth);
                }
                kind = tag.ether_type().0;
                rest = rest.get(tag.slice().len()..).unwrap_or_default();
            }
            ether_type::IPV4 | ether_type::IPV6 => {
                return Ok(bare_ip(rest, missing, &base).unwrap_or(base));
            }
            ether_type::MPLS | ether_type::MPLS_UPSTREAM => return Ok(mpls(rest, missing, &base).unwrap_or(base)),
            ether_type::PPPOE_SESSION => {
                return Ok(rest.get(6..).and_then(|inner| ppp(inner, missing, &base)).unwrap_or(base));
            }
            length if length < ether_type::FIRST => {
                let (inside, missing) = limit(rest, usize::from(length), missing);
                (base.payload, base.missing) = (inside, missing);
                return Ok(llc(inside, missing, &base).unwrap_or(base));
            }
            _ => return Ok(base),
        }
    }
}

/// Cuts `bytes`, behind which `missing` are not captured, to a length that a header tells.
pub(super) fn limit(bytes: &[u8], length: usize, missing: usize) -> (&[u8], usize) {
    match bytes.get(..length) {
        Some(inside) => (inside, 0),
        None => (bytes, (length - bytes.len()).min(missing)),
    }
}

/// IEEE 802.2 LLC: IP by its own SAP, or any ether type behind SNAP (RFC 1042).
fn llc<'a>(data: &'a [u8], missing: usize, base: &Dissected<'a>) -> Option<Dissected<'a>> {
    match data {
        [0x06, 0x06, 0x03, rest @ ..] => bare_ip(rest, missing, base),
        [0xAA, 0xAA, 0x03, 0, 0, 0, high, low, rest @ ..] => {
            let kind = u16::from_be_bytes([*high, *low]);
            (kind >= ether_type::FIRST).then(|| ether_payload(kind, rest, missing, *base).ok()).flatten()
        }
        _ => None,
    }
}

/// An MPLS label stack (RFC 3032 §2.1). What follows is told by its first nibble: IP, or Ethernet with or without a
/// pseudowire control word (RFC 4385).
fn mpls<'a>(mut data: &'a [u8], missing: usize, base: &Dissected<'a>) -> Option<Dissected<'a>> {
    loop {
        let (label, rest) = data.split_first_chunk::<4>()?;
        data = rest;
        if label[2] & 1 != 0 {
            break;
        }
    }
    match data.first()? >> 4 {
        4 | 6 => bare_ip(data, missing, base),
        0 => inner_ethernet(data.get(4..)?, missing, base).or_else(|| inner_ethernet(data, missing, base)),
        1 => None,
        _ => inner_ethernet(data, missing, base),
    }
}

/// An Ethernet frame inside of another link: it counts where it leads to IP.
fn inner_ethernet<'a>(data: &'a [u8], missing: usize, base: &Dissected<'a>) -> Option<Dissected<'a>> {
    let inner = ethernet(data, missing, base).ok()?;
    inner.ip.is_some().then_some(Dissected { src_mac: base.src_mac, dst_mac: base.dst_mac, ..inner })
}

/// PPP (RFC 1661 §2), with or without the HDLC address and control octets.
fn ppp<'a>(data: &'a [u8], missing: usize, base: &Dissected<'a>) -> Option<Dissected<'a>> {
    let data = data.strip_prefix(&[0xFF, 0x03]).unwrap_or(data);
    let (protocol, rest) = match data {
        // a compressed protocol field is one odd octet
        [one, rest @ ..] if one & 1 != 0 => (u16::from(*one), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return None,
    };
    match protocol {
        0x0021 | 0x0057 => bare_ip(rest, missing, base),
        0x0281 | 0x0283 => mpls(rest, missing, base),
        _ => None,
    }
}

/// An IP header of the version that its first nibble tells.
fn bare_ip<'a>(data: &'a [u8], missing: usize, base: &Dissected<'a>) -> Option<Dissected<'a>> {
    match data.first()? >> 4 {
        4 => ip::v4(data, missing, base),
        6 => ip::v6(data, missing, base),
        _ => None,
    }
}

/// BSD loopback: an address family in the byte order of the host that captured; NULL and LOOP differ in that alone,
/// so the order is found from the value, which is small.
fn loopback(link: LinkType, data: &[u8], missing: usize) -> Result<Dissected<'_>, Aside> {
    let (family, rest) = data.split_first_chunk::<4>().ok_or(Aside::TooShort)?;
    let base = Dissected { missing, ..Dissected::link_only(Transport::Link(link), rest) };
    let number = match u32::from_le_bytes(*family) {
        small @ 0..=0xFFFF => small,
        _ => u32::from_be_bytes(*family),
    };
    // AF_INET, and AF_INET6 of the BSDs, Linux, macOS and Windows; some senders put an ether type behind two octets
    let is_ip =
        matches!(number, 2 | 10 | 23 | 24 | 28 | 30) || matches!(family, [_, _, 0x08, 0x00] | [_, _, 0x86, 0xDD]);
    Ok(is_ip.then(|| bare_ip(rest, missing, &base)).flatten().unwrap_or(base))
}

/// Linux cooked capture: packet type, ARPHRD, address length, address (8), protocol.
fn linux_sll(data: &[u8], missing: usize) -> Result<Dissected<'_>, Aside> {
    let (header, rest) = data.split_first_chunk::<16>().ok_or(Aside::TooShort)?;
    let [_, _, _, _, _, length, a, b, c, d, e, f, _, _, high, low] = *header;
    cooked(length, [a, b, c, d, e, f], u16::from_be_bytes([high, low]), rest, missing)
}

/// Linux cooked capture, version 2: protocol, reserved, interface (4), ARPHRD, packet type, address length, address (8).
fn linux_sll2(data: &[u8], missing: usize) -> Result<Dissected<'_>, Aside> {
    let (header, rest) = data.split_first_chunk::<20>().ok_or(Aside::TooShort)?;
    let [high, low, _, _, _, _, _, _, _, _, _, length, a, b, c, d, e, f, _, _] = *header;
    cooked(length, [a, b, c, d, e, f], u16::from_be_bytes([high, low]), rest, missing)
}

fn cooked(length: u8, mac: [u8; 6], kind: u16, rest: &[u8], missing: usize) -> Result<Dissected<'_>, Aside> {
    let mac = (length == 6).then_some(MacAddress(mac));
    let src = mac.map_or(Address::None, Address::Mac);
    let base = Dissected { src, src_mac: mac, ..Dissected::link_only(Transport::Ethernet, rest) };
    match kind {
        // Linux numbers below the ether types are not lengths: 4 is LLC
        4 => Ok(llc(rest, missing, &base).unwrap_or(Dissected { ether_type: Some(kind), missing, ..base })),
        0..ether_type::FIRST => Ok(Dissected { ether_type: Some(kind), missing, ..base }),
        _ => ether_payload(kind, rest, missing, base),
    }
}
