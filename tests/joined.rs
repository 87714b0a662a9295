//! Packets that the receiving machine has joined in one datagram (receive offload) count as the packets they are, whatever
//! the protocol: each stream has the figures that it has with one packet in a datagram.

#[path = "traffic/intervals.rs"]
mod sums;

use proptest::prelude::*;
use serde_json::{Value, json};
use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::Analysis;
use streamlens::registry::DecoderRegistry;
use streamlens_testing::{Host, Made, udp};
use sums::wrong_sums;

/// A protocol whose packets are numbered.
#[derive(Clone, Copy, Debug)]
enum Protocol {
    Rtp,
    Iena,
    Inetx,
    Npd,
    Tmns,
}

impl Protocol {
    /// A packet with so many words of 32 bits behind its header.
    fn packet(self, number: u16, words: u16) -> Vec<u8> {
        let wide = u32::from(number).to_be_bytes();
        let body: Vec<u8> = (0..words * 4).map(|byte| (byte.wrapping_mul(31) ^ number.wrapping_mul(7)) as u8).collect();
        let long = u32::from(words) * 4;
        match self {
            Self::Rtp => {
                let timestamp = u32::from(number).wrapping_mul(160).to_be_bytes();
                [&[0x80, 97][..], &number.to_be_bytes(), &timestamp, &[0xAB, 1, 2, 3], &body].concat()
            }
            Self::Iena => {
                let size = (8 + words * 2).to_be_bytes();
                let time = (1_000_000 + u64::from(number) * 1000).to_be_bytes();
                [&[1, 2][..], &size, &time[2..], &[0, 0], &number.to_be_bytes(), &body, &[0xDE, 0xAD]].concat()
            }
            Self::Inetx => {
                let time = [1_700_000_000_u32.to_be_bytes(), (u32::from(number) * 10_000).to_be_bytes()].concat();
                [&[0x11, 0, 0, 0, 0, 0, 0, 9][..], &wide, &(28 + long).to_be_bytes(), &time, &[0; 4], &body].concat()
            }
            Self::Npd => {
                let length = (5 + words).to_be_bytes();
                let mut segment = (u32::from(words) * 4).to_be_bytes();
                segment.rotate_left(2);
                let head =
                    [&[0x35, 0x50][..], &length, &[0, 0], &number.to_be_bytes(), &[0, 0, 0, 7, 239, 0, 0, 1]].concat();
                let segment = [&[0; 4][..], &segment[..2], &[0, 0]].concat();
                let rest = body.get(8..).unwrap_or_default();
                [&head[..], &[0x65, 0, 0, 0], &segment, rest].concat()
            }
            Self::Tmns => {
                let time = [1_700_000_000_u32.to_be_bytes(), (u32::from(number) * 10_000).to_be_bytes()].concat();
                [&[0x10, 0, 0, 0, 0, 0, 0, 5][..], &wide, &(24 + long).to_be_bytes(), &time, &body].concat()
            }
        }
    }
}

/// The document of these datagrams, so many packets each, a millisecond from packet to packet.
fn analysed(datagrams: &[(Vec<u8>, usize)]) -> Value {
    serde_json::to_value(counted(datagrams, None)).expect("it serializes")
}

/// As [`analysed`], with counts per interval.
fn counted(datagrams: &[(Vec<u8>, usize)], interval_ns: Option<u64>) -> Analysis {
    let options = EngineOptions { interval_ns, ..EngineOptions::default() };
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), options);
    let mut packets = 0;
    for (payload, count) in datagrams {
        let data = udp((Host::new([10, 0, 0, 1]), 6000), (Host::group([239, 0, 0, 1]), 6000), payload);
        engine.push(&Made { time: 1_700_000_000_000_000_000 + packets * 1_000_000, data }.frame());
        packets += *count as i64;
    }
    engine.finish(Default::default())
}

/// The encodings with the counts of their packet types, and what became of the numbers of their streams.
fn figures(document: &Value) -> Vec<Value> {
    let encodings = &document["flows"][0]["transport_protocols"]["UDP"]["application_encodings"];
    let encodings = encodings.as_object().into_iter().flatten().map(|(name, encoding)| {
        let types = encoding["packet_types"].as_object().into_iter().flatten();
        let types: Vec<_> = types.map(|(name, kind)| json!([name, kind["packet_count"]])).collect();
        let streams = encoding["health"]["streams"].as_array().into_iter().flatten();
        let of = |stream: &Value| {
            ["id", "received", "expected", "lost", "duplicated", "reordered", "restarts"].map(|key| stream[key].clone())
        };
        json!([name, types, streams.map(of).collect::<Vec<_>>()])
    });
    encodings.collect()
}

fn joined_count(document: &Value) -> Option<u64> {
    let mut findings = document["findings"].as_array().into_iter().flatten();
    findings.find(|finding| finding["code"] == "capture.merged").and_then(|finding| finding["count"].as_u64())
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![
        Just(Protocol::Rtp),
        Just(Protocol::Iena),
        Just(Protocol::Inetx),
        Just(Protocol::Npd),
        Just(Protocol::Tmns),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any stream, with losses too, its packets joined in any way.
    #[test]
    fn joined_packets_give_the_figures_of_the_stream(
        protocol in protocol(),
        start: u16,
        words in 3_u16..60,
        lost in proptest::collection::hash_set(12_u16..100, 0..6),
        groups in proptest::collection::vec(1_usize..9, 100),
    ) {
        let numbers = (0..100_u16).filter(|number| !lost.contains(number));
        let packets: Vec<_> = numbers.map(|number| protocol.packet(start.wrapping_add(number), words)).collect();
        let plain: Vec<_> = packets.iter().map(|packet| (packet.clone(), 1)).collect();
        let (mut rest, mut joined) = (packets.as_slice(), Vec::new());
        for count in groups {
            let (group, behind) = rest.split_at(count.min(rest.len()));
            if !group.is_empty() {
                joined.push((group.concat(), group.len()));
            }
            rest = behind;
        }
        let (expected, found) = (analysed(&plain), analysed(&joined));
        prop_assert!(joined_count(&expected).is_none());
        prop_assert!(!figures(&expected).is_empty(), "the stream is recognised");
        prop_assert_eq!(figures(&found), figures(&expected));
        let wrong = wrong_sums(&counted(&joined, Some(7_000_000)));
        prop_assert!(wrong.is_empty(), "{wrong:#?}");
        let several = joined.iter().filter(|(_, count)| *count > 1).count() as u64;
        prop_assert_eq!(joined_count(&found).unwrap_or(0), several);
    }
}

/// A datagram that begins like a joined one and goes on otherwise is one packet, and is told.
#[test]
fn what_cannot_be_taken_apart_is_said() {
    let packet = |number| Protocol::Rtp.packet(number, 30);
    let mut datagrams: Vec<_> = (0..40).map(|number| (packet(number), 1)).collect();
    datagrams.push(([packet(40), packet(41), vec![0; 60]].concat(), 1));
    let document = analysed(&datagrams);
    assert_eq!(joined_count(&document), Some(1));
    let findings = document["findings"].as_array().expect("a list");
    let text = findings.iter().find(|finding| finding["code"] == "capture.merged").and_then(|one| one["text"].as_str());
    assert!(text.is_some_and(|text| text.contains("1 could not be")), "{text:?}");
}
