//! Drives a decoder with bytes of the fuzzer's choice, as the engine would drive it.

use streamlens_decoders::{
    Carrier, DecodingResult, FlowReport, NetworkReport, ObservedPdu, Peer, StreamDecoder,
};
use streamlens_model::{Address, FlowKey, MacAddress, Occurrence, Packet, Timestamp, Transport};
use streamlens_registry::DecoderRegistry;

/// Takes the built-in decoder of that name through a conversation: the input is cut into payloads, each with a byte that
/// says in which direction it goes, how much time has passed, and whether the capture has cut it.
pub fn drive(name: &str, data: &[u8]) {
    let registry = DecoderRegistry::with_builtins();
    let decoder = registry.get(name).expect("a built-in decoder");
    let carriers = &decoder.info().carriers;
    let Some((&first, rest)) = data.split_first() else { return };
    let carrier = carriers[usize::from(first) % carriers.len()];
    conversation(decoder, carrier, rest);
}

fn conversation(decoder: &dyn StreamDecoder, carrier: Carrier, mut data: &[u8]) {
    let (transport, ether_type) = match carrier {
        Carrier::Udp => (Transport::UDP, None),
        Carrier::Tcp => (Transport::TCP, None),
        Carrier::EtherType(kind) => (Transport::Ethernet, Some(kind)),
        Carrier::IpProtocol(number) => (Transport::Ip(number), None),
        Carrier::Chapter10File => (Transport::Chapter10File, None),
    };
    let port = decoder.info().ports.first().copied().unwrap_or(5000);
    let mut there = FlowKey::default();
    if matches!(transport, Transport::Ethernet) {
        there.src.address = Address::Mac(MacAddress([0, 1, 2, 3, 4, 5]));
        there.dst.address = Address::Mac(MacAddress([0, 1, 2, 3, 4, 6]));
    } else {
        there.src.address = Address::V4([10, 0, 0, 1].into());
        there.dst.address = Address::V4([10, 0, 0, 2].into());
        (there.src.port, there.dst.port) = (Some(port), Some(port));
    }
    let back = FlowKey { src: there.dst, dst: there.src, vlan: there.vlan };
    let keys = [there, back];
    let mut flows = [decoder.flow_decoder(&keys[0]), decoder.flow_decoder(&keys[1])];
    let (mut talk, mut network) = (decoder.conversation_monitor(), decoder.network_monitor());
    let (mut frame, mut nanos) = (0, 1_700_000_000_000_000_000_i64);
    let mut result = DecodingResult::new(true);
    while let [control, low, high, rest @ ..] = data {
        let length = usize::from(u16::from_le_bytes([*low, *high & 0x0F])).min(rest.len());
        let (payload, tail) = rest.split_at(length);
        data = tail;
        frame += 1;
        let direction = usize::from(control & 1);
        nanos += [1_000, 1_000_000, 20_000_000, -5_000][usize::from(control >> 1 & 3)];
        let missing = if control & 0x10 != 0 { usize::from(*high) } else { 0 };
        let at = Occurrence { frame, time: Some(Timestamp::from_nanos(nanos)) };
        if control & 0x20 != 0
            && let Some(own) = &mut flows[direction]
        {
            own.on_gap(Some(u64::from(*low)), at);
        }
        if !decoder.info().announcement_ports.is_empty() && !payload.is_empty() {
            let mut flow = keys[direction];
            flow.src.port = decoder.info().announcement_ports.first().copied();
            let (transport, wire_length) = (Transport::UDP, payload.len() as u32 + 42);
            let packet = Packet {
                frame,
                time: at.time,
                flow: &flow,
                transport,
                ether_type: None,
                wire_length,
                payload,
                offset: 0,
                missing,
                is_stream: false,
            };
            result.clear();
            decoder.inspect_foreign(&packet, &mut result);
            if let (Some(network), Some(bytes)) = (&mut network, result.published()) {
                network.observe(&ObservedPdu { at, flow: &flow, packet_type: result.packet_type, bytes });
            }
        }
        let mut offset = 0;
        while offset < payload.len() {
            let packet = Packet {
                frame,
                time: at.time,
                flow: &keys[direction],
                transport,
                ether_type,
                wire_length: payload.len() as u32 + 42,
                payload: &payload[offset..],
                offset,
                missing,
                is_stream: transport == Transport::TCP && missing == 0,
            };
            let sure = decoder.can_decode(&packet).value();
            assert!((0.0..=1.0).contains(&sure));
            let _ = decoder.resynchronise(&packet).inspect(|skip| assert!(*skip <= packet.payload.len()));
            result.clear();
            let alone = decoder.decode_packet(&packet, &mut result);
            assert!(alone.is_err() || alone.is_ok_and(|taken| taken <= packet.payload.len()));
            let taken = match &mut flows[direction] {
                Some(own) => {
                    result.clear();
                    own.decode_packet(&packet, &mut result)
                }
                None => alone,
            };
            let Ok(taken) = taken else { break };
            assert!(taken <= packet.payload.len(), "it takes more than there is");
            if taken == 0 {
                break;
            }
            result.marks().iter().for_each(|mark| drop(decoder.stream_name(mark.id)));
            let _ = decoder.packet_type(result.packet_type);
            let packet_type = result.packet_type;
            let flow = &keys[direction];
            if let Some(talk) = &mut talk {
                talk.observe(&ObservedPdu { at, flow, packet_type, bytes: &packet.payload[..taken] });
            }
            if let (Some(network), Some(bytes)) = (&mut network, result.published()) {
                network.observe(&ObservedPdu { at, flow, packet_type, bytes });
            }
            offset += taken;
        }
    }
    for (key, own) in keys.iter().zip(&flows) {
        let mut report = FlowReport::default();
        own.iter().for_each(|own| own.report(&mut report));
        talk.iter().for_each(|talk| talk.report(key, &mut report));
    }
    if let Some(network) = network {
        let peers: Vec<Peer<'_>> = keys
            .iter()
            .zip(&flows)
            .map(|(flow, own)| Peer { flow, decoder: own.as_deref(), encoding: &decoder.info().name, interface: None })
            .collect();
        network.report(&peers, &mut NetworkReport::default());
    }
}
