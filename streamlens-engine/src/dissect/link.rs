//! Link layers, down to the first IP header or the payload.
//!
//! Every layer writes what it finds into the one [`Dissected`] and says whether it led on; where it does not, what the
//! layers above have written stands.

use etherparse::{Ethernet2HeaderSlice, SingleVlanHeaderSlice};
use streamlens_model::{Address, Frame, LinkType, MacAddress, TrafficType, Transport};

use super::{Dissected, NotInFlow, ip, shim};

/// IANA ether types that are walked through.
pub(super) mod ether_type {
    pub(in crate::dissect) const IPV4: u16 = 0x0800;
    pub(in crate::dissect) const IPV6: u16 = 0x86DD;
    pub(in crate::dissect) const VLAN: u16 = 0x8100;
    pub(in crate::dissect) const PROVIDER_BRIDGING: u16 = 0x88A8;
    pub(in crate::dissect) const VLAN_DOUBLE: u16 = 0x9100;
    pub(in crate::dissect) const MPLS: u16 = 0x8847;
    pub(in crate::dissect) const MPLS_UPSTREAM: u16 = 0x8848;
    pub(in crate::dissect) const PPPOE_SESSION: u16 = 0x8864;
    /// Cisco VN-Tag.
    pub(in crate::dissect) const VN_TAG: u16 = 0x8926;
    /// IEEE 802.1AE.
    pub(in crate::dissect) const MACSEC: u16 = 0x88E5;
    /// IEEE 802.1ah: provider backbone bridges.
    pub(in crate::dissect) const BACKBONE: u16 = 0x88E7;
    /// RFC 8300.
    pub(in crate::dissect) const NSH: u16 = 0x894F;
    /// Cisco FabricPath.
    pub(in crate::dissect) const FABRIC_PATH: u16 = 0x8903;
    /// Below this the field is a length (IEEE 802.3 §3.2.6).
    pub(in crate::dissect) const FIRST: u16 = 0x0600;
}

/// Whether nothing is walked through behind an ether type.
pub(crate) fn is_plain(kind: u16) -> bool {
    use ether_type as known;
    kind >= known::FIRST
        && !matches!(kind, known::IPV4 | known::IPV6 | known::VLAN | known::PROVIDER_BRIDGING | known::VLAN_DOUBLE)
        && !matches!(kind, known::MPLS | known::MPLS_UPSTREAM | known::PPPOE_SESSION | known::VN_TAG | known::MACSEC)
        && !matches!(kind, known::BACKBONE | known::NSH | known::FABRIC_PATH)
}

/// Takes a frame apart, into a [`Dissected`] of this frame's own. It is filled where it lies: a copy of something so
/// freshly written costs more than the dissection.
///
/// # Errors
///
/// The reason why it can be in no flow.
#[inline]
pub(crate) fn dissect<'a>(frame: &Frame<'a>, packet: &mut Dissected<'a>) -> Result<(), NotInFlow> {
    let (data, missing) = (packet.payload, packet.missing);
    match frame.link_type {
        LinkType::ETHERNET => ethernet(data, missing, packet),
        other => other_link(other, data, missing, packet),
    }
}

#[cold]
fn other_link<'a>(link: LinkType, data: &'a [u8], missing: usize, packet: &mut Dissected<'a>) -> Result<(), NotInFlow> {
    packet.transport = Transport::Link(link);
    match link {
        LinkType(12 | 14) | LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => {
            bare_ip(data, missing, packet);
            Ok(())
        }
        LinkType::NULL | LinkType::LOOP => loopback(data, missing, packet),
        LinkType::PPP | LinkType::PPP_HDLC => {
            ppp(data, missing, packet);
            Ok(())
        }
        LinkType::PPP_ETHER => {
            ppp(data.get(6..).unwrap_or_default(), missing, packet);
            Ok(())
        }
        LinkType::CHAPTER10_FILE => {
            packet.transport = Transport::Chapter10File;
            Ok(())
        }
        LinkType::LINUX_SLL => linux_sll(data, missing, packet),
        LinkType::LINUX_SLL2 => linux_sll2(data, missing, packet),
        LinkType::NFLOG => nflog(data, missing, packet),
        LinkType::PKTAP => pktap(data, missing, packet),
        other => Err(NotInFlow::LinkType(other.0)),
    }
}

#[inline]
fn ethernet<'a>(data: &'a [u8], missing: usize, packet: &mut Dissected<'a>) -> Result<(), NotInFlow> {
    let header = Ethernet2HeaderSlice::from_slice(data).map_err(|_| NotInFlow::TooShort)?;
    let (src, dst) = (MacAddress(header.source()), MacAddress(header.destination()));
    (packet.src, packet.dst) = (Address::Mac(src), Address::Mac(dst));
    (packet.src_mac, packet.dst_mac) = (Some(src), Some(dst));
    let rest = data.get(header.slice().len()..).unwrap_or_default();
    ether_payload(header.ether_type().0, rest, missing, packet)
}

/// What follows an ether type: tags, shims, an IP header, or the payload.
#[inline]
fn ether_payload<'a>(
    mut kind: u16,
    mut rest: &'a [u8],
    mut missing: usize,
    packet: &mut Dissected<'a>,
) -> Result<(), NotInFlow> {
    loop {
        (packet.ether_type, packet.payload, packet.missing) = (Some(kind), rest, missing);
        match kind {
            ether_type::IPV4 | ether_type::IPV6 => {
                bare_ip(rest, missing, packet);
                return Ok(());
            }
            ether_type::VLAN | ether_type::PROVIDER_BRIDGING | ether_type::VLAN_DOUBLE => {
                let Ok(tag) = SingleVlanHeaderSlice::from_slice(rest) else { return Ok(()) };
                if !packet.vlan.push(tag.vlan_identifier().value()) {
                    return Err(NotInFlow::VlanDepth);
                }
                kind = tag.ether_type().0;
                rest = rest.get(tag.slice().len()..).unwrap_or_default();
            }
            ether_type::MPLS | ether_type::MPLS_UPSTREAM => {
                mpls(rest, missing, packet);
                return Ok(());
            }
            ether_type::PPPOE_SESSION => {
                ppp(rest.get(6..).unwrap_or_default(), missing, packet);
                return Ok(());
            }
            length if length < ether_type::FIRST => {
                let (inside, missing) = limit(rest, usize::from(length), missing);
                (packet.payload, packet.missing) = (inside, missing);
                if shim::is_isl(packet) {
                    shim::isl(inside, missing, packet);
                } else {
                    llc(inside, missing, packet);
                }
                return Ok(());
            }
            other => match shim::behind(other, rest, missing, packet) {
                Some(shim::Behind { kind: next, bytes, missing: behind }) => {
                    (kind, rest, missing) = (next, bytes, behind)
                }
                None => return Ok(()),
            },
        }
    }
}

/// Cuts `bytes`, behind which `missing` are not captured, to a length that a header tells.
#[inline]
pub(super) fn limit(bytes: &[u8], length: usize, missing: usize) -> (&[u8], usize) {
    match bytes.get(..length) {
        Some(inside) => (inside, 0),
        None => (bytes, (length - bytes.len()).min(missing)),
    }
}

/// IEEE 802.2 LLC: IP by its own SAP, or any ether type behind SNAP (RFC 1042).
fn llc<'a>(data: &'a [u8], missing: usize, packet: &mut Dissected<'a>) {
    match data {
        [0x06, 0x06, 0x03, rest @ ..] => {
            bare_ip(rest, missing, packet);
        }
        [0xAA, 0xAA, 0x03, 0, 0, 0, high, low, rest @ ..] => {
            let kind = u16::from_be_bytes([*high, *low]);
            let before = *packet;
            if kind >= ether_type::FIRST && ether_payload(kind, rest, missing, packet).is_err() {
                *packet = before;
            }
        }
        _ => {}
    }
}

/// An MPLS label stack (RFC 3032 §2.1). What follows is told by its first nibble: IP, or Ethernet with or without a
/// pseudowire control word (RFC 4385).
pub(super) fn mpls<'a>(data: &'a [u8], missing: usize, packet: &mut Dissected<'a>) {
    let Some((_, data)) = bottom_of_stack(data) else { return };
    match data.first().map(|first| first >> 4) {
        Some(4 | 6) => {
            bare_ip(data, missing, packet);
        }
        Some(0) => {
            if !inner_ethernet(data.get(4..).unwrap_or_default(), missing, packet) {
                inner_ethernet(data, missing, packet);
            }
        }
        None | Some(1) => {}
        Some(_) => {
            inner_ethernet(data, missing, packet);
        }
    }
}

/// The outermost label of an MPLS stack, and what lies below it.
pub(crate) fn bottom_of_stack(mut data: &[u8]) -> Option<(u32, &[u8])> {
    let mut outermost = None;
    loop {
        let (entry, rest) = data.split_first_chunk::<4>()?;
        data = rest;
        let label = *outermost.get_or_insert(u32::from_be_bytes(*entry) >> 12);
        if entry[2] & 1 != 0 {
            return Some((label, data));
        }
    }
}

/// Where the IP packet in an Ethernet frame ends, as its header says; what is behind it is padding, a check sequence or a trailer.
pub(crate) fn own_end(link: LinkType, data: &[u8]) -> Option<usize> {
    let word = |at: usize| data.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes);
    let mut at = 14;
    while let ether_type::VLAN | ether_type::PROVIDER_BRIDGING | ether_type::VLAN_DOUBLE = word(at - 2)? {
        at += 4;
    }
    let length = match word(at - 2)? {
        ether_type::IPV4 => usize::from(word(at + 2).filter(|total| *total >= 20)?),
        ether_type::IPV6 => 40 + usize::from(word(at + 4).filter(|length| *length > 0)?),
        _ => return None,
    };
    (link == LinkType::ETHERNET).then_some(at + length)
}

/// An Ethernet frame inside of another link: it counts where it leads to IP.
pub(super) fn inner_ethernet<'a>(data: &'a [u8], missing: usize, packet: &mut Dissected<'a>) -> bool {
    let mut inner = *packet;
    if ethernet(data, missing, &mut inner).is_err() || inner.ip.is_none() {
        return false;
    }
    *packet = Dissected { src_mac: packet.src_mac, dst_mac: packet.dst_mac, ..inner };
    true
}

/// PPP (RFC 1661 §2), with or without the HDLC address and control octets.
fn ppp<'a>(data: &'a [u8], missing: usize, packet: &mut Dissected<'a>) {
    let Some((protocol, rest)) = ppp_payload(data) else { return };
    match protocol {
        0x0021 | 0x0057 => {
            bare_ip(rest, missing, packet);
        }
        0x0281 | 0x0283 => mpls(rest, missing, packet),
        _ => {}
    }
}

/// The protocol of a PPP frame, and what it carries.
pub(crate) fn ppp_payload(data: &[u8]) -> Option<(u16, &[u8])> {
    match data.strip_prefix(&[0xFF, 0x03]).unwrap_or(data) {
        // a compressed protocol field is one odd octet
        [one, rest @ ..] if one & 1 != 0 => Some((u16::from(*one), rest)),
        [high, low, rest @ ..] => Some((u16::from_be_bytes([*high, *low]), rest)),
        _ => None,
    }
}

/// An IP header of the version that its first nibble tells; false, and nothing written, where there is none.
#[inline]
pub(super) fn bare_ip<'a>(data: &'a [u8], missing: usize, packet: &mut Dissected<'a>) -> bool {
    match data.first().map(|first| first >> 4) {
        Some(4) => ip::v4(data, missing, packet).is_some(),
        Some(6) => ip::v6(data, missing, packet).is_some(),
        _ => false,
    }
}

/// BSD loopback: an address family in the byte order of the host that captured; NULL and LOOP differ in that alone,
/// so the order is found from the value, which is small.
fn loopback<'a>(data: &'a [u8], missing: usize, packet: &mut Dissected<'a>) -> Result<(), NotInFlow> {
    let (family, rest) = data.split_first_chunk::<4>().ok_or(NotInFlow::TooShort)?;
    packet.payload = rest;
    let number = match u32::from_le_bytes(*family) {
        small @ 0..=0xFFFF => small,
        _ => u32::from_be_bytes(*family),
    };
    // AF_INET, and AF_INET6 of the BSDs, Linux, macOS and Windows; some senders put an ether type behind two octets
    if matches!(number, 2 | 10 | 23 | 24 | 28 | 30) || matches!(family, [_, _, 0x08, 0x00] | [_, _, 0x86, 0xDD]) {
        bare_ip(rest, missing, packet);
    }
    Ok(())
}

/// Linux cooked capture: packet type, ARPHRD, address length, address (8), protocol.
fn linux_sll<'a>(data: &'a [u8], missing: usize, packet: &mut Dissected<'a>) -> Result<(), NotInFlow> {
    let (header, rest) = data.split_first_chunk::<16>().ok_or(NotInFlow::TooShort)?;
    let [way, kind, _, _, _, length, a, b, c, d, e, f, _, _, high, low] = *header;
    packet.link_cast = cooked_cast(u16::from_be_bytes([way, kind]));
    cooked(length, [a, b, c, d, e, f], u16::from_be_bytes([high, low]), rest, missing, packet)
}

/// Linux cooked capture, version 2: protocol, reserved, interface (4), ARPHRD, packet type, address length, address (8).
fn linux_sll2<'a>(data: &'a [u8], missing: usize, packet: &mut Dissected<'a>) -> Result<(), NotInFlow> {
    let (header, rest) = data.split_first_chunk::<20>().ok_or(NotInFlow::TooShort)?;
    let [high, low, _, _, _, _, _, _, _, _, kind, length, a, b, c, d, e, f, _, _] = *header;
    packet.link_cast = cooked_cast(kind.into());
    cooked(length, [a, b, c, d, e, f], u16::from_be_bytes([high, low]), rest, missing, packet)
}

/// What Linux's packet filter logs: family, version 0, resource (2), then attributes of length (with these four bytes), type, value and
/// padding to four, in the byte order of the host. Type 9 is the packet.
fn nflog<'a>(data: &'a [u8], missing: usize, packet: &mut Dissected<'a>) -> Result<(), NotInFlow> {
    const PAYLOAD: u16 = 9;
    let (_, mut rest) = data.split_first_chunk::<4>().ok_or(NotInFlow::TooShort)?;
    packet.payload = rest;
    while let Some(([l0, l1, t0, t1], value)) = rest.split_first_chunk::<4>() {
        let (mut length, mut kind) = (u16::from_le_bytes([*l0, *l1]), u16::from_le_bytes([*t0, *t1]));
        // types are small, so that their order is told by themselves
        if kind & 0xFF == 0 && kind != 0 {
            (length, kind) = (length.swap_bytes(), kind.swap_bytes());
        }
        let Some(length) = usize::from(length).checked_sub(4) else { break };
        if kind == PAYLOAD {
            let (inside, missing) = limit(value, length, missing);
            bare_ip(inside, missing, packet);
            break;
        }
        let Some(behind) = value.get(length.next_multiple_of(4)..) else { break };
        rest = behind;
    }
    Ok(())
}

/// Apple's PKTAP: its own length (4 bytes, low byte first), kind of record, link type of what follows, and what is known of interface
/// and process.
fn pktap<'a>(data: &'a [u8], missing: usize, packet: &mut Dissected<'a>) -> Result<(), NotInFlow> {
    let (&[l0, l1, l2, l3, _, _, _, _, t0, t1, t2, t3], _) =
        data.split_first_chunk::<12>().ok_or(NotInFlow::TooShort)?;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let inside = data.get(length.max(12)..).ok_or(NotInFlow::TooShort)?;
    packet.payload = inside;
    match LinkType(u16::try_from(u32::from_le_bytes([t0, t1, t2, t3])).unwrap_or(u16::MAX)) {
        LinkType::ETHERNET => ethernet(inside, missing, packet),
        LinkType::PKTAP => Ok(()),
        other => {
            let before = packet.transport;
            other_link(other, inside, missing, packet)?;
            if packet.ip.is_none() {
                packet.transport = before;
            }
            Ok(())
        }
    }
}

/// The packet type of a cooked capture: to this host (0), to all (1), to a group (2), to another host (3), sent by this host (4),
/// which leaves open to how many.
const fn cooked_cast(packet_type: u16) -> Option<TrafficType> {
    match packet_type {
        0 | 3 => Some(TrafficType::Unicast),
        1 => Some(TrafficType::Broadcast),
        2 => Some(TrafficType::Multicast),
        _ => None,
    }
}

fn cooked<'a>(
    length: u8,
    mac: [u8; 6],
    kind: u16,
    rest: &'a [u8],
    missing: usize,
    packet: &mut Dissected<'a>,
) -> Result<(), NotInFlow> {
    let mac = (length == 6).then_some(MacAddress(mac));
    (packet.src, packet.src_mac) = (mac.map_or(Address::None, Address::Mac), mac);
    packet.transport = Transport::Ethernet;
    match kind {
        // Linux numbers below the ether types are not lengths: 4 is LLC
        0..ether_type::FIRST => {
            (packet.ether_type, packet.payload, packet.missing) = (Some(kind), rest, missing);
            if kind == 4 {
                llc(rest, missing, packet);
            }
            Ok(())
        }
        _ => ether_payload(kind, rest, missing, packet),
    }
}
