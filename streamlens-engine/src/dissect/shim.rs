//! What switches and service chains put in front of a frame or a packet: tags that lead to another ether type, and headers
//! around a whole frame, which count where IP lies inside.

use super::Dissected;
use super::link::{bare_ip, ether_type, inner_ethernet, limit, mpls};

/// What lies behind a tag.
pub(super) struct Behind<'a> {
    /// Its ether type.
    pub(super) kind: u16,
    pub(super) bytes: &'a [u8],
    pub(super) missing: usize,
}

/// Bytes of integrity check value behind the data of MACsec (IEEE 802.1AE-2018 §9.11).
const CHECK_VALUE: usize = 16;
/// Nested service headers that are passed.
const NESTED: usize = 4;

/// Walks through what stands behind an ether type. `None` where nothing leads on, or has: then the packet is complete.
#[inline(never)]
pub(super) fn behind<'a>(kind: u16, rest: &'a [u8], missing: usize, packet: &mut Dissected<'a>) -> Option<Behind<'a>> {
    match kind {
        // destination and source interface, then an ether type
        ether_type::VN_TAG => {
            let [_, _, _, _, high, low, bytes @ ..] = rest else { return None };
            Some(Behind { kind: u16::from_be_bytes([*high, *low]), bytes, missing })
        }
        ether_type::MACSEC => macsec(rest, missing),
        // service identifier (IEEE 802.1Q-2018 §9.7), then a frame
        ether_type::BACKBONE => {
            inner_ethernet(rest.get(4..)?, missing, packet);
            None
        }
        // forwarding tag and TTL, then a frame
        ether_type::FABRIC_PATH => {
            inner_ethernet(rest.get(2..)?, missing, packet);
            None
        }
        ether_type::NSH => {
            service_header(rest, missing, packet);
            None
        }
        _ => None,
    }
}

/// MACsec that authenticates and does not encrypt (IEEE 802.1AE-2018 §9.3): TCI and AN, short length, packet number, and a
/// secure channel identifier where the tag says so.
///
/// ```text
///  0      1    2               6 or 14
/// +------+----+---------------+----------- ...  --+------------+
/// |V.SC.E| SL | packet number | ether type, data  | ICV        |
/// |C.. AN|    | (+8: SCI)     |                   | 16 bytes   |
/// +------+----+---------------+----------- ...  --+------------+
/// ```
fn macsec(rest: &[u8], missing: usize) -> Option<Behind<'_>> {
    const VERSION: u8 = 0x80;
    const EXPLICIT_CHANNEL: u8 = 0x20;
    const ENCRYPTED: u8 = 0x08;
    const CHANGED: u8 = 0x04;
    let (&control, &short) = (rest.first()?, rest.get(1)?);
    if control & (VERSION | ENCRYPTED | CHANGED) != 0 {
        return None;
    }
    let data = rest.get(if control & EXPLICIT_CHANNEL == 0 { 6 } else { 14 }..)?;
    let length = match usize::from(short & 0x3F) {
        0 => (data.len() + missing).checked_sub(CHECK_VALUE)?,
        short => short,
    };
    let (data, missing) = limit(data, length, missing);
    let [high, low, bytes @ ..] = data else { return None };
    Some(Behind { kind: u16::from_be_bytes([*high, *low]), bytes, missing })
}

/// A network service header (RFC 8300 §2.2): its length in words of four bytes, and the protocol behind it.
fn service_header<'a>(mut rest: &'a [u8], missing: usize, packet: &mut Dissected<'a>) {
    for _ in 0..NESTED {
        let [version, length, _, next, ..] = rest else { return };
        let length = 4 * usize::from(length & 0x3F);
        let Some(inside) = rest.get(length..).filter(|_| version >> 6 == 0 && length >= 8) else { return };
        match next {
            1 | 2 => {
                bare_ip(inside, missing, packet);
            }
            3 => {
                inner_ethernet(inside, missing, packet);
            }
            4 => {
                rest = inside;
                continue;
            }
            5 => mpls(inside, missing, packet),
            _ => {}
        }
        return;
    }
}

/// Whether a frame is addressed as Cisco's Inter-Switch Link does.
#[inline]
pub(super) fn is_isl(packet: &Dissected<'_>) -> bool {
    packet.dst_mac.is_some_and(|mac| matches!(mac.0, [0x01 | 0x03, 0x00, 0x0C, 0x00, 0x00, _]))
}

/// Cisco ISL behind its length field: SNAP, the vendor's part of the source, VLAN with one bit that marks BPDUs, index,
/// reserved; then a frame.
///
/// ```text
///  0          3          6       8       10         12
/// +----------+----------+-------+-------+----------+--------- ...
/// | AA AA 03 | HSA      | VLAN.B| index | reserved | frame
/// +----------+----------+-------+-------+----------+--------- ...
/// ```
pub(super) fn isl<'a>(inside: &'a [u8], missing: usize, packet: &mut Dissected<'a>) {
    let [0xAA, 0xAA, 0x03, _, _, _, high, low, _, _, _, _, frame @ ..] = inside else { return };
    let before = *packet;
    let vlan = u16::from_be_bytes([*high, *low]) >> 1 & 0x0FFF;
    if !packet.vlan.push(vlan) || !inner_ethernet(frame, missing, packet) {
        *packet = before;
    }
}

#[cfg(test)]
mod tests {
    use streamlens_model::{Frame, LinkType};

    use super::super::dissect;
    use super::*;

    /// UDP from 10.0.0.1:5000 to 10.0.0.2:5001, with three bytes.
    fn packet() -> Vec<u8> {
        let mut bytes = Vec::new();
        let builder = etherparse::PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(5000, 5001);
        builder.write(&mut bytes, b"abc").expect("it fits");
        bytes
    }

    fn ethernet(dst: [u8; 6], rest: &[&[u8]]) -> Vec<u8> {
        [&dst[..], &[2, 0, 0, 0, 0, 9], &rest.concat()].concat()
    }

    const TO: [u8; 6] = [2, 0, 0, 0, 0, 8];

    /// Every layout around one packet, and the VLAN identifiers of the flow that it has to lead to.
    fn wrapped() -> Vec<(&'static str, Vec<u8>, Vec<u16>)> {
        let packet = packet();
        let inner = ethernet(TO, &[&[0x08, 0x00], &packet]);
        let tagged = ethernet(TO, &[&[0x81, 0x00, 0x00, 7, 0x08, 0x00], &packet]);
        let check = [0xEE; CHECK_VALUE];
        let isl_length = (inner.len() + 12) as u16;
        vec![
            ("VN-Tag", ethernet(TO, &[&[0x89, 0x26, 0x80, 1, 0, 2, 0x08, 0x00], &packet]), vec![]),
            (
                "VN-Tag between VLANs",
                ethernet(TO, &[&[0x81, 0, 0, 5, 0x89, 0x26, 0x80, 1, 0, 2, 0x81, 0, 0, 6, 0x08, 0], &packet]),
                vec![5, 6],
            ),
            ("MACsec", ethernet(TO, &[&[0x88, 0xE5, 0x00, 33, 0, 0, 0, 1, 0x08, 0x00], &packet, &check]), vec![]),
            (
                "MACsec with a channel",
                ethernet(
                    TO,
                    &[&[0x88, 0xE5, 0x20, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 0, 1, 0x08, 0x00], &packet, &check],
                ),
                vec![],
            ),
            ("NSH type 1 of IPv4", ethernet(TO, &[&[0x89, 0x4F, 0x0F, 0xC6, 1, 1], &[0; 20], &packet]), vec![]),
            ("NSH type 2 of Ethernet", ethernet(TO, &[&[0x89, 0x4F, 0x0F, 0xC2, 2, 3], &[0; 4], &tagged]), vec![7]),
            ("802.1ah", ethernet(TO, &[&[0x88, 0xE7, 0x40, 0, 0, 9], &tagged]), vec![7]),
            (
                "ISL",
                ethernet(
                    [1, 0, 0x0C, 0, 0, 0],
                    &[&isl_length.to_be_bytes(), &[0xAA, 0xAA, 3, 0, 0, 0x0C, 0, 11 << 1, 0, 0, 0, 0], &inner],
                ),
                vec![11],
            ),
            ("FabricPath", ethernet(TO, &[&[0x89, 0x03, 0x00, 0x60], &inner]), vec![]),
        ]
    }

    #[test]
    fn what_stands_in_front_of_ip_changes_nothing_but_the_tags() {
        for (name, bytes, vlan) in wrapped() {
            let frame = Frame {
                number: 1,
                time: None,
                link_type: LinkType::ETHERNET,
                interface: 0,
                data: &bytes,
                original_length: bytes.len() as u32,
            };
            let mut packet = Dissected::new(&frame);
            assert!(dissect(&frame, &mut packet).is_ok(), "{name}");
            assert_eq!(
                packet.flow_key().to_string().split(" vlan").next(),
                Some("10.0.0.1:5000 -> 10.0.0.2:5001"),
                "{name}"
            );
            assert_eq!(packet.vlan.as_slice(), vlan, "{name}");
            assert_eq!((packet.payload, packet.missing), (&b"abc"[..], 0), "{name}");
        }
    }

    /// Cut anywhere, a frame is in some flow, and nothing is read that is not there.
    #[test]
    fn every_cut_of_every_layout_is_survived() {
        for (name, bytes, _) in wrapped() {
            for length in 14..bytes.len() {
                let data = bytes.get(..length).expect("shorter");
                let frame = Frame {
                    number: 1,
                    time: None,
                    link_type: LinkType::ETHERNET,
                    interface: 0,
                    data,
                    original_length: bytes.len() as u32,
                };
                let mut packet = Dissected::new(&frame);
                assert!(dissect(&frame, &mut packet).is_ok(), "{name} cut to {length}");
                assert!(packet.payload.len() + packet.missing <= bytes.len(), "{name} cut to {length}");
            }
        }
    }

    #[test]
    fn what_is_encrypted_stays_closed() {
        let mut bytes = ethernet(TO, &[&[0x88, 0xE5, 0x0C, 0, 0, 0, 0, 1, 0x08, 0x00], &packet(), &[0; CHECK_VALUE]]);
        for control in [0x0C, 0x08, 0x04, 0x80] {
            bytes[14] = control;
            let frame = Frame {
                number: 1,
                time: None,
                link_type: LinkType::ETHERNET,
                interface: 0,
                data: &bytes,
                original_length: bytes.len() as u32,
            };
            let mut packet = Dissected::new(&frame);
            assert!(dissect(&frame, &mut packet).is_ok());
            assert_eq!((packet.ip.is_none(), packet.ether_type), (true, Some(ether_type::MACSEC)), "{control:#04x}");
        }
    }
}
