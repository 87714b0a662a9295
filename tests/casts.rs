//! To how many receivers a flow goes, where the link says it and the address doesn't.

use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::{Frame, LinkType, TrafficType};
use streamlens::registry::DecoderRegistry;
use streamlens_testing::{Host, udp};

/// What becomes of a cooked frame with this packet type, address of the sender, protocol and payload.
fn cast(packet_type: u8, protocol: u16, payload: &[u8], version_2: bool) -> Option<TrafficType> {
    let protocol = protocol.to_be_bytes();
    let address = [2, 0, 0, 0, 0, 1, 0, 0];
    let (link_type, head) = if version_2 {
        let rest = [0, 0, 0, 0, 0, 3, 0, 1, packet_type, 6];
        (LinkType::LINUX_SLL2, [&protocol[..], &rest, &address].concat())
    } else {
        (LinkType::LINUX_SLL, [&[0, packet_type, 0, 1, 0, 6][..], &address, &protocol].concat())
    };
    let data = [&head[..], payload].concat();
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions::default());
    let original_length = data.len() as u32;
    engine.push(&Frame { number: 1, time: None, link_type, interface: 0, original_length, data: &data });
    let analysis = engine.finish(Default::default());
    analysis.flows[0].traffic_type
}

#[test]
fn a_cooked_capture_says_to_how_many_where_the_address_does_not() {
    let ip = |to| udp((Host::new([192, 168, 1, 2]), 5000), (Host::new(to), 5001), &[1, 2, 3, 4])[14..].to_vec();
    let (directed, one) = (ip([192, 168, 1, 255]), ip([192, 168, 1, 3]));
    for version_2 in [false, true] {
        let ip = |packet_type, packet: &[u8]| cast(packet_type, 0x0800, packet, version_2);
        assert_eq!(ip(1, &directed), Some(TrafficType::Broadcast));
        assert_eq!([0, 3, 4].map(|packet_type| ip(packet_type, &one)), [Some(TrafficType::Unicast); 3]);
        let without = |packet_type| cast(packet_type, 0x88B5, &[0; 46], version_2);
        assert_eq!([0, 3].map(without), [Some(TrafficType::Unicast); 2]);
        assert_eq!([1, 2].map(without), [Some(TrafficType::Broadcast), Some(TrafficType::Multicast)]);
        assert_eq!(without(4), None, "sent by this host, to whom is not known");
    }
}
