//! Any traffic between few hosts, for property tests.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses a part")]

pub mod intervals;

use proptest::prelude::*;
use streamlens_testing::{Host, Made, Tcp, ethernet, fragments, tcp, udp, vlan};

/// One frame of traffic between few hosts: known protocols, unknown ones, fragments, garbage.
#[derive(Clone, Debug)]
enum Kind {
    Iena { key: u16, sequence: u16, words: u8 },
    Rtp { ssrc: u32, sequence: u16 },
    Garbage { port: u16, payload: Vec<u8> },
    Segment { port: u16, sequence: u32, payload: Vec<u8> },
    Fragmented { identification: u16, payload: Vec<u8> },
    Layer2 { ether_type: u16, payload: Vec<u8> },
    Tagged { id: u16, payload: Vec<u8> },
    Broken { data: Vec<u8> },
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..120)
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        (1_u16..3, 0_u16..40, 0_u8..20).prop_map(|(key, sequence, words)| Kind::Iena { key, sequence, words }),
        (1_u32..3, 0_u16..40).prop_map(|(ssrc, sequence)| Kind::Rtp { ssrc, sequence }),
        (1_u16..5, payload()).prop_map(|(port, payload)| Kind::Garbage { port, payload }),
        (500_u16..503, 0_u32..400, payload()).prop_map(|(port, sequence, payload)| Kind::Segment {
            port,
            sequence,
            payload
        }),
        (0_u16..4, proptest::collection::vec(any::<u8>(), 40..400))
            .prop_map(|(identification, payload)| Kind::Fragmented { identification, payload }),
        (prop_oneof![Just(0x88F7_u16), Just(0x88A4), Just(0x8892), any::<u16>()], payload())
            .prop_map(|(ether_type, payload)| Kind::Layer2 { ether_type, payload }),
        (0_u16..4095, payload()).prop_map(|(id, payload)| Kind::Tagged { id, payload }),
        proptest::collection::vec(any::<u8>(), 0..80).prop_map(|data| Kind::Broken { data }),
    ]
}

/// The frames of one event; a fragmented datagram gives several.
fn made(kind: &Kind, from: u8, time: i64) -> Vec<Made> {
    let (a, b) = (Host::new([10, 0, 0, from]), Host::new([10, 0, 1, from]));
    let data = match kind {
        Kind::Iena { key, sequence, words } => {
            let mut body = vec![0_u8; usize::from(*words) * 2];
            let size = 8 + u16::from(*words);
            let mut packet = [key.to_be_bytes(), size.to_be_bytes()].concat();
            packet.extend([0, 0, 0, 0, 1, 0, 0, 0]);
            packet.extend(sequence.to_be_bytes());
            packet.append(&mut body);
            packet.extend([0xDE, 0xAD]);
            udp((a, 5000), (b, 5001), &packet)
        }
        Kind::Rtp { ssrc, sequence } => {
            let mut packet = vec![0x80, 96];
            packet.extend(sequence.to_be_bytes());
            packet.extend((u32::from(*sequence) * 160).to_be_bytes());
            packet.extend(ssrc.to_be_bytes());
            packet.extend([7; 40]);
            udp((a, 6000), (b, 6000), &packet)
        }
        Kind::Garbage { port, payload } => udp((a, *port), (b, *port), payload),
        Kind::Segment { port, sequence, payload } => {
            let head = Tcp { sequence: *sequence, acknowledgement: 1, flags: 0x10 };
            tcp((a, 40_000), (b, *port), head, payload)
        }
        Kind::Fragmented { identification, payload } => {
            let pieces = fragments((a, 7000), (b, 7001), *identification, 64, payload);
            return pieces.into_iter().map(|data| Made { time, data }).collect();
        }
        Kind::Layer2 { ether_type, payload } => {
            ethernet([2, 0, 0, 0, 0, from], [2, 0, 0, 0, 1, from], *ether_type, payload)
        }
        Kind::Tagged { id, payload } => vlan(&udp((a, 9), (b, 9), payload), 0, *id),
        Kind::Broken { data } => data.clone(),
    };
    vec![Made { time, data }]
}

/// The frames in the order of their times, each with the pair of hosts it belongs to.
pub fn traffic_of_hosts() -> impl Strategy<Value = Vec<(u8, Made)>> {
    proptest::collection::vec((kind(), 1_u8..4, 0_i64..2_000_000), 1..120).prop_map(|events| {
        let mut time = 1_700_000_000_000_000_000;
        let mut frames = Vec::new();
        for (kind, from, step) in &events {
            time += step;
            frames.extend(made(kind, *from, time).into_iter().map(|made| (*from, made)));
        }
        frames
    })
}

pub fn traffic() -> impl Strategy<Value = Vec<Made>> {
    traffic_of_hosts().prop_map(|frames| frames.into_iter().map(|(_, made)| made).collect())
}
