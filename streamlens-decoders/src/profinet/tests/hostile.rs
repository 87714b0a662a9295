//! Whatever the bytes, nothing panics, and what is taken is never more than there is.

use proptest::prelude::*;
use streamlens_model::{Occurrence, Packet};

use super::*;
use crate::{FlowReport, NetworkReport, ObservedPdu, Peer};

/// Runs payloads through decoder, flow and monitor, and asks for reports.
fn run(payloads: &[Vec<u8>], over_ethernet: bool, port: u16) {
    let decoder = ProfinetDecoder::new();
    let mut monitor = decoder.network_monitor().unwrap();
    let mut result = DecodingResult::new(true);
    let mut flow = None;
    for (number, payload) in payloads.iter().enumerate() {
        let mut captured = if over_ethernet { frame(DEVICE, CONTROLLER, 1, 0, payload) } else { udp(payload) };
        captured.frame = number as u64 + 1;
        if !over_ethernet {
            captured.flow.dst.port = Some(port);
        }
        for missing in [0, 7] {
            let packet = Packet { missing, ..captured.packet() };
            let confidence = decoder.can_decode(&packet).value();
            assert!((0.0..=1.0).contains(&confidence));
            for stateful in [false, true] {
                result.clear();
                let taken = if stateful {
                    let flow = flow.get_or_insert_with(|| decoder.flow_decoder(packet.flow).unwrap());
                    flow.decode_packet(&packet, &mut result)
                } else {
                    decoder.decode_packet(&packet, &mut result)
                };
                if let Ok(taken) = taken {
                    assert_eq!(taken, payload.len());
                    assert!(!decoder.packet_type(result.packet_type).is_empty());
                }
                if let Some(bytes) = result.published() {
                    let at = Occurrence { frame: captured.frame, time: captured.time };
                    let packet_type = result.packet_type;
                    monitor.observe(&ObservedPdu { at, flow: &captured.flow, packet_type, bytes });
                }
            }
        }
    }
    if let Some(flow) = &flow {
        flow.report(&mut FlowReport::default());
        let key = frame(DEVICE, CONTROLLER, 1, 0, &[]).flow;
        let peer = Peer { flow: &key, decoder: Some(&**flow), encoding: NAME, interface: None };
        monitor.report(&[peer], &mut NetworkReport::default());
    }
}

/// Real PDUs to damage: one of each kind.
pub(in super::super) fn samples() -> Vec<Vec<u8>> {
    let connect = super::streams::connect_body();
    vec![
        cyclic(0x8000, 512, 0x35, 0),
        cyclic(0xC000, 512, 0x35, 0),
        hex(IDENTIFY),
        hex(ANSWER),
        hex(
            "fc01 0001 0002 11 11 ffff fffe 001c 0001 001a 0100 0004 00000000 0003 0001 00000010 00000020 0800 0000 0000",
        ),
        hex("ff40 00000000 00000000 00000000 1025 0000 00000000 0c06 ac64171fa9c6 0000 0000"),
        rpc(0, 0, 5, true, &connect),
        rpc(0, 0, 6, false, &connect),
    ]
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..8),
        over_ethernet: bool,
        port in prop::sample::select(vec![34_962_u16, 34_963, 34_964, 5000]),
    ) {
        run(&payloads, over_ethernet, port);
    }

    #[test]
    fn damaged_pdus_never_panic(
        damage in prop::collection::vec((0_usize..8, 0_usize..800, any::<u8>(), 0_usize..800), 1..12),
        over_ethernet: bool,
    ) {
        let samples = samples();
        let payloads: Vec<_> = damage.into_iter().map(|(which, at, byte, cut)| {
            let mut payload = samples[which].clone();
            let at = at % payload.len();
            payload[at] = byte;
            payload.truncate(cut.max(2));
            payload
        }).collect();
        run(&payloads, over_ethernet, 34_964);
        run(&payloads, over_ethernet, 34_962);
    }
}

#[test]
fn every_truncation_of_every_kind_is_taken_or_refused() {
    for sample in samples() {
        for length in 0..sample.len() {
            run(&[sample[..length].to_vec()], true, 0);
            run(&[sample[..length].to_vec()], false, 34_962);
        }
    }
}

#[test]
fn tables_are_bounded_whatever_comes() {
    let decoder = ProfinetDecoder::new();
    let mut result = DecodingResult::new(false);
    let key = frame(DEVICE, CONTROLLER, 1, 0, &[]).flow;
    let mut flow = decoder.flow_decoder(&key).unwrap();
    for number in 0..60_000_u32 {
        let id = 0x0100 + (number % 0xF000) as u16;
        let payload = cyclic(id, number as u16, number as u8, (number >> 3) as u8);
        result.clear();
        let captured = frame(DEVICE, CONTROLLER, u64::from(number), i64::from(number), &payload);
        flow.decode_packet(&captured.packet(), &mut result).unwrap();
    }
    let mut report = FlowReport::default();
    flow.report(&mut report);
    assert!(report.streams.len() <= 64, "{}", report.streams.len());
}
