//! Link types with IP inside.

use streamlens_model::{Frame, LinkType};
use streamlens_testing::{Host, udp};

use super::{Dissected, dissect};

/// The same datagram in each of these leads to the same flow.
#[test]
fn ip_is_found_in_nflog_and_pktap() {
    let frame = udp((Host::new([192, 0, 2, 1]), 5000), (Host::new([192, 0, 2, 2]), 5001), &[7; 41]);
    let packet = &frame[14..];
    let attribute = |kind: u16, value: &[u8], big: bool| {
        let half = |number: u16| if big { number.to_be_bytes() } else { number.to_le_bytes() };
        let mut out = [half(value.len() as u16 + 4), half(kind)].concat();
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    };
    let nflog = |big| {
        [vec![2, 0, 0, 1], attribute(1, &[8, 0, 3, 0], big), attribute(10, b"prefix\0", big), attribute(9, packet, big)]
            .concat()
    };
    let pktap = |link: u32, inner: &[u8]| {
        let head = [108_u32.to_le_bytes(), 1_u32.to_le_bytes(), link.to_le_bytes()].concat();
        [&head[..], &[0; 96], inner].concat()
    };
    for (link_type, data) in [
        (LinkType::NFLOG, nflog(false)),
        (LinkType::NFLOG, nflog(true)),
        (LinkType::PKTAP, pktap(1, &frame)),
        (LinkType::PKTAP, pktap(12, packet)),
        (LinkType::PKTAP, pktap(0, &[&2_u32.to_le_bytes()[..], packet].concat())),
    ] {
        for length in 0..=data.len() {
            let original_length = data.len() as u32;
            let frame =
                Frame { number: 1, time: None, link_type, interface: 0, original_length, data: &data[..length] };
            let mut packet = Dissected::new(&frame);
            let result = dissect(&frame, &mut packet);
            if length == data.len() {
                assert!(result.is_ok());
                assert_eq!(packet.flow_key().to_string(), "192.0.2.1:5000 -> 192.0.2.2:5001");
                assert_eq!((packet.payload, packet.missing), (&[7; 41][..], 0));
            }
        }
    }
}
