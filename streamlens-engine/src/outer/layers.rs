//! What lies in mirror formats and tunnels: each function takes one header off and says what is inside.

use streamlens_model::{Address, Frame, LinkType, Transport};

use super::options::{Tunnel, Tunnels};
use crate::dissect::{Dissected, bottom_of_stack, dissect, ppp_payload};

/// An inner frame, and what lay around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inner<'a> {
    pub(super) link_type: LinkType,
    pub(super) bytes: &'a [u8],
    /// Bytes behind them that were on the wire and are not in the capture.
    pub(super) missing: usize,
    pub(super) layer: &'static str,
    pub(super) src: Address,
    pub(super) dst: Address,
    pub(super) id: Option<u64>,
    pub(super) stamp: Option<Stamp>,
}

/// The time stamp of ERSPAN type III, or of EtherCAT Switch Link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) value: u64,
    /// How many bits its counter has.
    pub(super) bits: u32,
    /// What a step of it is.
    pub(super) step_ns: u32,
    /// Whole seconds, where the platform gives them; the value is then the nanoseconds behind them.
    pub(super) seconds: Option<u32>,
}

/// What a header says, before it is known who sent it.
struct Content<'a> {
    link_type: LinkType,
    bytes: &'a [u8],
    layer: &'static str,
    id: Option<u64>,
    stamp: Option<Stamp>,
}

impl<'a> Content<'a> {
    fn new(layer: &'static str, link_type: LinkType, bytes: &'a [u8]) -> Self {
        Self { link_type, bytes, layer, id: None, stamp: None }
    }

    fn ethernet(layer: &'static str, bytes: &'a [u8]) -> Option<Self> {
        (bytes.len() >= 14).then(|| Self::new(layer, LinkType::ETHERNET, bytes))
    }

    /// IP of the version that its first nibble tells.
    fn ip(layer: &'static str, bytes: &'a [u8]) -> Option<Self> {
        is_ip(bytes).then(|| Self::new(layer, LinkType::RAW, bytes))
    }

    fn with_id(self, id: impl Into<u64>) -> Self {
        Self { id: Some(id.into()), ..self }
    }
}

/// UDP ports at which tunnels are found.
mod port {
    pub(super) const TZSP: u16 = 37_008;
    pub(super) const VXLAN: u16 = 4789;
    /// Of Linux before a number was assigned.
    pub(super) const VXLAN_LINUX: u16 = 8472;
    pub(super) const VXLAN_GPE: u16 = 4790;
    pub(super) const GENEVE: u16 = 6081;
    pub(super) const L2TP: u16 = 1701;
}

/// Takes the outermost layer of these kinds off a frame.
pub(super) fn open<'a>(frame: &Frame<'a>, tunnels: Tunnels) -> Option<Inner<'a>> {
    if frame.link_type == LinkType::PKTAP {
        return Some(inner(pktap(frame.data)?, frame.missing(), Address::None, Address::None));
    }
    if tunnels.has(Tunnel::Esl) && frame.link_type == LinkType::ETHERNET && frame.data.starts_with(&ESL_COOKIE) {
        return Some(inner(esl(frame.data)?, frame.missing(), Address::None, Address::None));
    }
    if let Some((content, src, dst)) = link_layer(frame, tunnels) {
        return Some(inner(content, frame.missing(), src, dst));
    }
    let mut packet = Dissected::new(frame);
    dissect(frame, &mut packet).ok()?;
    if packet.ip.is_none() || packet.fragment.is_some() {
        return None;
    }
    let data = packet.payload;
    let content = match packet.transport {
        Transport::UDP => datagram(packet.ports?.1, data, tunnels),
        Transport::Ip(47) => gre(data, tunnels),
        Transport::Ip(4 | 41) if tunnels.has(Tunnel::IpInIp) => Content::ip("IP in IP", data),
        Transport::Ip(115) if tunnels.has(Tunnel::L2tpV3) => l2tp_session(data),
        _ => None,
    }?;
    Some(inner(content, packet.missing, packet.src, packet.dst))
}

fn inner(content: Content<'_>, missing: usize, src: Address, dst: Address) -> Inner<'_> {
    let Content { link_type, bytes, layer, id, stamp } = content;
    Inner { link_type, bytes, missing, layer, src, dst, id, stamp }
}

/// Apple's PKTAP: its own length (4 bytes, low byte first), kind of record, link type of what follows, and what is known of interface
/// and process. It is no layer of the network but the capture's own, and so taken off whatever is asked for. Frames of other link
/// types stay in it.
fn pktap(data: &[u8]) -> Option<Content<'_>> {
    let &[l0, l1, l2, l3, _, _, _, _, 1, 0, 0, 0] = data.first_chunk::<12>()? else { return None };
    let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).ok()?;
    Content::ethernet("PKTAP", data.get(length.max(12)..)?)
}

/// With which EtherCAT Switch Link begins, where a destination address would be; the fourth byte may be 0x11 too.
pub(super) const ESL_COOKIE: [u8; 3] = [0x01, 0x01, 0x05];
/// How long it is, in front of a frame or behind it.
pub(super) const ESL_LENGTH: usize = 16;

/// The counter of EtherCAT Switch Link: cookie (6 bytes), flags with the port (2), nanoseconds since it was switched on (8), the
/// latter two with their low byte first.
pub(super) fn esl_counter(bytes: &[u8; ESL_LENGTH]) -> Option<u64> {
    let &[0x01, 0x01, 0x05, 0x10 | 0x11, 0, 0, _, _, time @ ..] = bytes else { return None };
    Some(u64::from_le_bytes(time))
}

fn esl(data: &[u8]) -> Option<Content<'_>> {
    let (head, rest) = data.split_first_chunk::<ESL_LENGTH>()?;
    let stamp = Some(Stamp { value: esl_counter(head)?, bits: 64, step_ns: 1, seconds: None });
    Some(Content { stamp, ..Content::ethernet("ESL", rest)? })
}

/// Whether a frame may be one of a mirror, as nearly none is: told from a few bytes of its headers.
#[inline]
pub(super) fn may_be_mirrored(link: LinkType, data: &[u8]) -> bool {
    let Some(head) = data.first_chunk::<42>() else { return false };
    let kind = |at: usize| u16::from_be_bytes([head[at - 2], head[at - 1]]);
    let at = match (link, kind(14)) {
        (LinkType::ETHERNET, 0x0800) => 14,
        (LinkType::ETHERNET, 0x8100) if kind(18) == 0x0800 => 18,
        _ => return unusual(link, data),
    };
    is_of_mirror(head[at + 9], u16::from_be_bytes([head[at + 22], head[at + 23]]))
}

/// Whether a protocol, and a port that is none where the protocol has none, are those of a mirror format.
#[inline(always)]
pub(crate) fn is_of_mirror(protocol: u8, destination_port: u16) -> bool {
    const GRE: u8 = 47;
    protocol == GRE || destination_port == port::TZSP
}

/// As [`may_be_mirrored`], for frames that are not IPv4 in Ethernet with at most one tag.
fn unusual(link: LinkType, data: &[u8]) -> bool {
    let kind_at = |at: usize| data.get(at..at + 2).map(|kind| u16::from_be_bytes([kind[0], kind[1]]));
    match (link, kind_at(12)) {
        (LinkType::ETHERNET, Some(0x86DD)) => matches!(data.get(20), Some(47)) || kind_at(56) == Some(port::TZSP),
        (LinkType::ETHERNET, Some(0x8100)) => kind_at(16).is_some_and(|kind| !crate::dissect::is_plain(kind)),
        (LinkType::ETHERNET, Some(kind)) => !crate::dissect::is_plain(kind) && kind >= 0x0600,
        (LinkType::LINUX_SLL | LinkType::LINUX_SLL2 | LinkType::RAW | LinkType::IPV4 | LinkType::IPV6, _) => true,
        _ => false,
    }
}

/// PPPoE and MPLS straight in Ethernet, behind any tags.
fn link_layer<'a>(frame: &Frame<'a>, tunnels: Tunnels) -> Option<(Content<'a>, Address, Address)> {
    let is_asked = tunnels.has(Tunnel::Pppoe) || tunnels.has(Tunnel::Mpls);
    if !is_asked || frame.link_type != LinkType::ETHERNET {
        return None;
    }
    let mut rest = frame.data.get(12..)?;
    let kind = loop {
        let (kind, behind) = rest.split_first_chunk::<2>()?;
        match u16::from_be_bytes(*kind) {
            0x8100 | 0x88A8 | 0x9100 => rest = behind.get(2..)?,
            kind => {
                rest = behind;
                break kind;
            }
        }
    };
    let content = match kind {
        0x8864 if tunnels.has(Tunnel::Pppoe) => pppoe(rest)?,
        0x8847 | 0x8848 if tunnels.has(Tunnel::Mpls) => mpls("MPLS", rest)?,
        _ => return None,
    };
    let mut packet = Dissected::new(frame);
    dissect(&Frame { data: frame.data.get(..14)?, ..*frame }, &mut packet).ok()?;
    let mac = |mac: Option<_>| mac.map_or(Address::None, Address::Mac);
    Some((content, mac(packet.src_mac), mac(packet.dst_mac)))
}

/// Version and type 1, code 0, session (2), length (2), then PPP (RFC 2516 §4).
fn pppoe(data: &[u8]) -> Option<Content<'_>> {
    let ([0x11, 0, high, low, ..], rest) = data.split_first_chunk::<6>()? else { return None };
    let length = usize::from(u16::from_be_bytes([data[4], data[5]]));
    let rest = rest.get(..length).unwrap_or(rest);
    Some(ppp("PPPoE", rest)?.with_id(u16::from_be_bytes([*high, *low])))
}

fn ppp<'a>(layer: &'static str, data: &'a [u8]) -> Option<Content<'a>> {
    match ppp_payload(data)? {
        (0x0021 | 0x0057, rest) => Content::ip(layer, rest),
        _ => None,
    }
}

/// A label stack, then IP, or Ethernet with or without a control word (RFC 4448).
fn mpls<'a>(layer: &'static str, data: &'a [u8]) -> Option<Content<'a>> {
    let (label, rest) = bottom_of_stack(data)?;
    let content = match rest.first()? >> 4 {
        4 | 6 => Content::ip(layer, rest),
        1 => None,
        _ => [rest.get(4..)?, rest]
            .into_iter()
            .find(|bytes| is_ethernet(bytes))
            .and_then(|bytes| Content::ethernet(layer, bytes)),
    }?;
    Some(content.with_id(label))
}

fn datagram(port: u16, data: &[u8], tunnels: Tunnels) -> Option<Content<'_>> {
    match port {
        port::TZSP if tunnels.has(Tunnel::Tzsp) => tzsp(data),
        port::VXLAN | port::VXLAN_LINUX | port::VXLAN_GPE if tunnels.has(Tunnel::Vxlan) => {
            vxlan(data, port == port::VXLAN_GPE)
        }
        port::GENEVE if tunnels.has(Tunnel::Geneve) => geneve(data),
        // flags with the version, reserved; the T bit is that of control messages (RFC 3931 §4.1.2)
        port::L2TP if tunnels.has(Tunnel::L2tpV3) => match data {
            [flags, version, _, _, session @ ..] if flags & 0x80 == 0 && version & 0x0F == 3 => l2tp_session(session),
            _ => None,
        },
        _ => None,
    }
}

/// Version 1, type (0 received, 1 to be sent), encapsulated protocol (2), then tags up to that of the end: each a number
/// and, but for padding and end, a length and as many bytes.
fn tzsp(data: &[u8]) -> Option<Content<'_>> {
    const ETHERNET: u8 = 1;
    let [1, 0 | 1, 0, ETHERNET, rest @ ..] = data else { return None };
    let mut tags = rest;
    loop {
        tags = match tags {
            [0, rest @ ..] => rest,
            [1, rest @ ..] => return Content::ethernet("TZSP", rest).filter(|content| is_ethernet(content.bytes)),
            [_, length, rest @ ..] => rest.get(usize::from(*length)..)?,
            _ => return None,
        }
    }
}

/// Flags with I set, reserved, VNI (24 bits), reserved (RFC 7348 §5); the extension has the protocol in the last reserved byte
/// of the first word.
fn vxlan(data: &[u8], is_extended: bool) -> Option<Content<'_>> {
    let ([flags, _, _, next, a, b, c, _], rest) = data.split_first_chunk::<8>()?;
    let id = u32::from_be_bytes([0, *a, *b, *c]);
    if flags & 0x08 == 0 {
        return None;
    }
    let content = match (is_extended && flags & 0x04 != 0, next) {
        (false, _) | (true, 3) => Content::ethernet("VXLAN", rest),
        (true, 1 | 2) => Content::ip("VXLAN", rest),
        (true, 5) => mpls("VXLAN", rest),
        _ => None,
    }?;
    Some(content.with_id(id))
}

/// Version (2 bits, 0) and length of the options in words (6), flags, protocol (2), VNI (3), reserved, options (RFC 8926 §3.4).
fn geneve(data: &[u8]) -> Option<Content<'_>> {
    let ([first, _, high, low, a, b, c, _], rest) = data.split_first_chunk::<8>()?;
    if first >> 6 != 0 {
        return None;
    }
    let rest = rest.get(usize::from(first & 0x3F) * 4..)?;
    let content = by_ether_type("GENEVE", u16::from_be_bytes([*high, *low]), rest)?;
    Some(content.with_id(u32::from_be_bytes([0, *a, *b, *c])))
}

/// What ether types stand for in GRE and GENEVE.
fn by_ether_type<'a>(layer: &'static str, kind: u16, rest: &'a [u8]) -> Option<Content<'a>> {
    match kind {
        0x0800 | 0x86DD => Content::ip(layer, rest),
        0x6558 => Content::ethernet(layer, rest),
        0x8847 | 0x8848 => mpls(layer, rest).map(|content| Content { id: None, ..content }),
        _ => None,
    }
}

/// Flags and version, protocol, then checksum, key and sequence number as the flags say (RFC 2784 §2, RFC 2890 §2).
fn gre(data: &[u8], tunnels: Tunnels) -> Option<Content<'_>> {
    let (head, mut rest) = data.split_first_chunk::<4>()?;
    let (flags, protocol) = (u16::from_be_bytes([head[0], head[1]]), u16::from_be_bytes([head[2], head[3]]));
    let has = |flag: u16| flags & flag != 0;
    if has(0x4000) {
        // source routes, which nobody uses
        return None;
    }
    word_where(has(0x8000), &mut rest)?;
    let key = word_where(has(0x2000), &mut rest)?;
    word_where(has(0x1000), &mut rest)?;
    let is_version_1 = flags & 7 == 1;
    if is_version_1 {
        word_where(has(0x0080), &mut rest)?;
    }
    let content = match protocol {
        0x88BE if !has(0x1000) => return Content::ethernet("ERSPAN I", rest).filter(|_| tunnels.has(Tunnel::Erspan)),
        0x88BE | 0x22EB => return erspan(rest).filter(|_| tunnels.has(Tunnel::Erspan)),
        _ if !tunnels.has(Tunnel::Gre) => None,
        0x880B if is_version_1 => ppp("GRE", rest),
        _ if flags & 7 == 0 => by_ether_type("GRE", protocol, rest),
        _ => None,
    }?;
    // version 1 has the length in the upper half of the key
    Some(match key {
        Some(key) if is_version_1 => content.with_id(key & 0xFFFF),
        Some(key) => content.with_id(key),
        None => content,
    })
}

/// Takes a word off, where there is one.
fn word_where(is_there: bool, rest: &mut &[u8]) -> Option<Option<u32>> {
    if !is_there {
        return Some(None);
    }
    let (word, behind) = rest.split_first_chunk::<4>()?;
    *rest = behind;
    Some(Some(u32::from_be_bytes(*word)))
}

/// Types II and III: version (4 bits), VLAN (12), class, flags, session (10 of the low bits); type II has an index behind it, type
/// III a time stamp, a group tag, and a word that ends with granularity (2 bits) and whether a subheader follows.
fn erspan(data: &[u8]) -> Option<Content<'_>> {
    let (head, rest) = data.split_first_chunk::<8>()?;
    let session = u16::from_be_bytes([head[2], head[3]]) & 0x03FF;
    match head[0] >> 4 {
        1 => Some(Content::ethernet("ERSPAN II", rest)?.with_id(session)),
        2 => {
            let value = u64::from(u32::from_be_bytes([head[4], head[5], head[6], head[7]]));
            let ([_, _, high, low], mut rest) = rest.split_first_chunk::<4>()?;
            let mut seconds = None;
            if low & 1 != 0 {
                let (sub, behind) = rest.split_first_chunk::<8>()?;
                rest = behind;
                // platforms 5 and 6 give the seconds in its second word
                seconds = matches!(sub[0] >> 2, 5 | 6).then(|| u32::from_be_bytes([sub[4], sub[5], sub[6], sub[7]]));
            }
            let step_ns = match low >> 1 & 3 {
                0 => Some(100_000),
                1 => Some(100),
                2 => Some(1),
                _ => None,
            };
            // the frame's type: Ethernet, or IP without a link layer
            let content = match high >> 2 & 0x1F {
                2 => Content::ip("ERSPAN III", rest),
                _ => Content::ethernet("ERSPAN III", rest),
            }?;
            let seconds = seconds.filter(|_| step_ns == Some(1));
            let stamp = step_ns.map(|step_ns| Stamp { value, bits: 32, step_ns, seconds });
            Some(Content { stamp, ..content }.with_id(session))
        }
        _ => None,
    }
}

/// A session (4 bytes, 0 is control), a cookie of 0, 4 or 8 bytes and a sublayer of 0 or 4: nothing says how long they are, so the
/// first place at which an Ethernet frame certainly begins is taken.
fn l2tp_session(data: &[u8]) -> Option<Content<'_>> {
    let (session, rest) = data.split_first_chunk::<4>()?;
    let session = u32::from_be_bytes(*session);
    let bytes = [0, 4, 8, 12].into_iter().filter_map(|at| rest.get(at..)).find(|bytes| is_ethernet(bytes))?;
    Some(Content::ethernet("L2TPv3", bytes)?.with_id(session)).filter(|_| session != 0)
}

fn is_ip(bytes: &[u8]) -> bool {
    matches!(bytes, [0x45..=0x4F, _, _, _, ..] if bytes.len() >= 20)
        || matches!(bytes, [0x60..=0x6F, ..] if bytes.len() >= 40)
}

/// Whether an Ethernet frame certainly begins here: its type is one of those that are common, and what follows fits it.
fn is_ethernet(bytes: &[u8]) -> bool {
    let Some((head, mut rest)) = bytes.split_first_chunk::<14>() else { return false };
    let mut kind = u16::from_be_bytes([head[12], head[13]]);
    while let (0x8100 | 0x88A8, Some((tag, behind))) = (kind, rest.split_first_chunk::<4>()) {
        (kind, rest) = (u16::from_be_bytes([tag[2], tag[3]]), behind);
    }
    match kind {
        0x0800 | 0x86DD => is_ip(rest) && (rest[0] >> 4 == 4) == (kind == 0x0800),
        0x0806 => rest.starts_with(&[0, 1, 8, 0]),
        // PROFINET, EtherCAT, LLDP, PTP
        0x8892 | 0x88A4 | 0x88CC | 0x88F7 => true,
        _ => false,
    }
}
