//! Ethernet, IPv4, UDP and TCP around a payload.

/// The shortest Ethernet frame without its check sequence; shorter ones are filled with zeros.
const SHORTEST: usize = 60;

/// One end of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// Link-layer address.
    pub mac: [u8; 6],
    /// IPv4 address.
    pub ip: [u8; 4],
}

impl Host {
    /// The host with this IPv4 address; its link-layer address is made from it.
    #[must_use]
    pub const fn new(ip: [u8; 4]) -> Self {
        Self { mac: [0x02, 0x00, ip[0], ip[1], ip[2], ip[3]], ip }
    }

    /// The group with this IPv4 address, with the link-layer address of RFC 1112 §6.4.
    #[must_use]
    pub const fn group(ip: [u8; 4]) -> Self {
        Self { mac: [0x01, 0x00, 0x5E, ip[1] & 0x7F, ip[2], ip[3]], ip }
    }
}

/// An Ethernet II frame, filled up to 60 bytes.
#[must_use]
pub fn ethernet(source: [u8; 6], destination: [u8; 6], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = [&destination[..], &source, &ether_type.to_be_bytes(), payload].concat();
    frame.resize(frame.len().max(SHORTEST), 0);
    frame
}

/// Puts an IEEE 802.1Q tag into a frame.
#[must_use]
pub fn vlan(frame: &[u8], priority: u8, id: u16) -> Vec<u8> {
    let tag = u16::from(priority) << 13 | id;
    let (addresses, rest) = frame.split_at(12);
    [addresses, &[0x81, 0x00], &tag.to_be_bytes(), rest].concat()
}

/// A UDP datagram in one frame.
#[must_use]
pub fn udp(source: (Host, u16), destination: (Host, u16), payload: &[u8]) -> Vec<u8> {
    let datagram = udp_datagram(source, destination, payload);
    ethernet(source.0.mac, destination.0.mac, 0x0800, &ipv4(source.0, destination.0, 17, 0, 0x4000, &datagram))
}

/// A UDP datagram in IPv4 fragments of at most `size` bytes of IP payload each (a multiple of 8).
#[must_use]
pub fn fragments(
    source: (Host, u16),
    destination: (Host, u16),
    identification: u16,
    size: usize,
    payload: &[u8],
) -> Vec<Vec<u8>> {
    let datagram = udp_datagram(source, destination, payload);
    let pieces = datagram.chunks(size);
    let last = pieces.len() - 1;
    let piece = |(place, bytes): (usize, &[u8])| {
        let more = if place < last { 0x2000 } else { 0 };
        let field = more | low_16(place * size / 8);
        let packet = ipv4(source.0, destination.0, 17, identification, field, bytes);
        ethernet(source.0.mac, destination.0.mac, 0x0800, &packet)
    };
    pieces.enumerate().map(piece).collect()
}

/// What stands in a TCP header beside the ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tcp {
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgement: u32,
    /// The flags of the header's 14th byte: 1 FIN, 2 SYN, 4 RST, 8 PSH, 16 ACK.
    pub flags: u8,
}

/// A TCP segment in one frame.
#[must_use]
pub fn tcp(source: (Host, u16), destination: (Host, u16), head: Tcp, payload: &[u8]) -> Vec<u8> {
    let mut segment = [source.1.to_be_bytes(), destination.1.to_be_bytes()].concat();
    segment.extend(head.sequence.to_be_bytes());
    segment.extend(head.acknowledgement.to_be_bytes());
    segment.extend([0x50, head.flags, 0x20, 0x00, 0, 0, 0, 0]);
    segment.extend(payload);
    let sum = transport_checksum(source.0, destination.0, 6, &segment);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    ethernet(source.0.mac, destination.0.mac, 0x0800, &ipv4(source.0, destination.0, 6, 0, 0x4000, &segment))
}

fn udp_datagram(source: (Host, u16), destination: (Host, u16), payload: &[u8]) -> Vec<u8> {
    let mut datagram = [source.1.to_be_bytes(), destination.1.to_be_bytes()].concat();
    datagram.extend(low_16(payload.len() + 8).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    let sum = match transport_checksum(source.0, destination.0, 17, &datagram) {
        0 => u16::MAX,
        sum => sum,
    };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    datagram
}

/// `fragment` is the field of flags and fragment offset.
fn ipv4(source: Host, destination: Host, protocol: u8, identification: u16, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let dscp = if destination.ip[0] & 0xF0 == 0xE0 { 0x88 } else { 0 };
    let mut packet = vec![0x45, dscp];
    packet.extend(low_16(payload.len() + 20).to_be_bytes());
    packet.extend(identification.to_be_bytes());
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    packet.extend(source.ip);
    packet.extend(destination.ip);
    let sum = !folded(sum_of(&packet));
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}

fn transport_checksum(source: Host, destination: Host, protocol: u8, bytes: &[u8]) -> u16 {
    let pseudo = sum_of(&source.ip) + sum_of(&destination.ip) + u64::from(protocol) + bytes.len() as u64;
    !folded(pseudo + sum_of(bytes))
}

fn sum_of(bytes: &[u8]) -> u64 {
    bytes.chunks(2).map(|pair| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0))).sum()
}

fn folded(mut sum: u64) -> u16 {
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    low_16(sum as usize)
}

/// The low 16 bits of a number; payloads made here are far below 64 KiB.
fn low_16(number: usize) -> u16 {
    (number & 0xFFFF) as u16
}
