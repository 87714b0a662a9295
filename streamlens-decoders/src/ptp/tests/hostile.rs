//! Arbitrary and damaged bytes: nothing panics, nothing is taken that is not there.

use proptest::prelude::*;
use streamlens_model::{Packet, Timestamp};

use super::{Builder, MASTER, Network, SLAVE, on_ethernet, on_udp};
use crate::ptp::PtpDecoder;
use crate::testing::{Captured, corpus, udp};
use crate::{DecodingResult, StreamDecoder};

/// All entry points with one payload, on every carrier.
fn try_everything(payload: &[u8], missing: usize, network: &mut Network, frame: u64, nanos: i64) {
    let on: [Captured; 4] = [on_udp(payload, 319), on_udp(payload, 320), udp(payload), on_ethernet(payload)];
    for mut captured in on {
        captured.frame = frame;
        captured.time = Some(Timestamp::from_nanos(nanos));
        let packet = Packet { missing, ..captured.packet() };
        let _ = PtpDecoder.can_decode(&packet);
        let mut result = DecodingResult::new(true);
        if let Ok(used) = PtpDecoder.decode_packet(&packet, &mut result) {
            assert!(used > 0 && used == payload.len());
            for mark in result.marks() {
                let _ = PtpDecoder.stream_name(mark.id);
            }
        }
        network.captured(&captured);
    }
}

/// A lawful message of any type with TLVs of every known type behind it.
fn sample(kind: u8, tlv: u16, content: &[u8]) -> Vec<u8> {
    let body = match kind {
        0x0 | 0x1 | 0x8 => Builder::new(kind, MASTER, 1).time(1_000),
        0xB => Builder::new(kind, MASTER, 1).time(0).octets(&[0; 20]),
        0xC => Builder::new(kind, SLAVE, 1).port(MASTER),
        0xD => Builder::new(kind, SLAVE, 1).port(MASTER).octets(&[0, 0, 2, 0]),
        _ => Builder::new(kind, MASTER, 1).time(1_000).port(SLAVE),
    };
    let length = (content.len() as u16).to_be_bytes();
    body.octets(&tlv.to_be_bytes()).octets(&length).octets(content).bytes()
}

const TLVS: [u16; 19] = [
    0x0001, 0x0002, 0x0003, 0x0004, 0x0005, 0x0006, 0x0008, 0x0009, 0x2003, 0x4000, 0x4001, 0x8000, 0x8001, 0x8003,
    0x8004, 0x8005, 0x8006, 0x8007, 0x8009,
];
const KINDS: [u8; 10] = [0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xA, 0xB, 0xC, 0xD];

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        payloads in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..200), 0_usize..100, any::<i64>()), 1..8),
    ) {
        let mut network = Network::default();
        for (frame, (payload, missing, nanos)) in payloads.iter().enumerate() {
            try_everything(payload, *missing, &mut network, frame as u64, *nanos);
        }
        let _ = network.report(&[]);
    }

    #[test]
    fn lawful_messages_with_any_tlv_never_panic(
        kind in prop::sample::select(&KINDS[..]),
        tlv in prop::sample::select(&TLVS[..]),
        management_id in prop::sample::select(&[0_u16, 1, 2, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2015, 0x2017, 0x2018,
            0x201A, 0x201F, 0x4000, 0x4001, 0xC000, 0xC001, 0xC005][..]),
        mut content in prop::collection::vec(any::<u8>(), 2..300),
        nanos in any::<i64>(),
        flips in prop::collection::vec((0_usize..400, any::<u8>()), 0..4),
    ) {
        if tlv == 0x0001 {
            content[..2].copy_from_slice(&management_id.to_be_bytes());
        }
        let mut bytes = sample(kind, tlv, &content);
        for (at, value) in flips {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        let mut network = Network::default();
        try_everything(&bytes, 0, &mut network, 1, nanos);
        try_everything(&bytes, 0, &mut network, 2, nanos.wrapping_add(3_000_000_000));
        let _ = network.report(&[]);
    }

    #[test]
    fn every_message_type_in_any_order_keeps_the_monitor_sound(
        messages in prop::collection::vec((0_usize..10, 0_u16..4, 0_u64..3, any::<bool>(), -5_000_000_000_i64..5_000_000_000, any::<i64>()), 1..60),
    ) {
        let mut network = Network::default();
        for (index, (kind, sequence, clock, two_step, nanos, correction)) in messages.into_iter().enumerate() {
            let kind = KINDS[kind];
            let mut bytes = sample(kind, 8, &[0; 8]);
            bytes[8..16].copy_from_slice(&correction.to_be_bytes());
            bytes[6] = u8::from(two_step) * 2;
            bytes[27] = clock as u8 + 1;
            bytes[31] = sequence as u8;
            let mut captured = on_udp(&bytes, 319);
            captured.frame = index as u64;
            captured.time = Some(Timestamp::from_nanos(1_700_000_000_000_000_000 + nanos));
            network.captured(&captured);
        }
        let _ = network.report(&[]);
    }
}

#[test]
fn real_packets_with_any_one_octet_changed_never_panic() {
    let Some(corpus) = corpus() else { return };
    for capture in ["ptp4l-management.pcap", "ptp4l-g8275.2-unicast.pcap", "ptpv1.pcap", "ptp4l-gptp.pcap"] {
        let mut network = Network::default();
        for packet in super::corpus::messages(&corpus, capture).into_iter().take(60) {
            for at in 0..packet.payload.len() {
                for value in [0x00, 0x01, 0x7F, 0xFF] {
                    let mut bytes = packet.payload.clone();
                    bytes[at] = value;
                    try_everything(&bytes, 0, &mut network, packet.frame, at as i64);
                }
            }
        }
        let _ = network.report(&[]);
    }
}

/// A flood of clocks and domains ends at the bounds, and what went beyond them is counted.
#[test]
fn a_flood_of_ports_is_bounded() {
    let mut network = Network::default();
    for clock in 1..6_000_u64 {
        network.sees(clock as i64, &Builder::new(0x0, clock, 1).time(5));
    }
    assert_eq!(network.number("0", &["messages_of_unfollowed_ports"]), Some(5_999.0 - 4_096.0));
}
