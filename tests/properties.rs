//! What holds for any traffic: the sums of the hierarchy, the independence of flows, and one result however frames come.

use std::collections::BTreeMap;

use proptest::prelude::*;
use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::{Analysis, Flow, Frame, FrameBatch, LinkType, Timestamp};
use streamlens::registry::DecoderRegistry;
use streamlens_testing::{Host, Made, Tcp, ethernet, fragments, tcp, udp, vlan};

fn engine(threads: usize) -> Engine {
    Engine::new(DecoderRegistry::with_builtins(), EngineOptions { threads, ..EngineOptions::default() })
}

fn pushed(frames: &[Made]) -> Analysis {
    let mut engine = engine(1);
    frames.iter().for_each(|made| engine.push(&made.frame()));
    engine.finish(Default::default())
}

fn batched(frames: &[Made], size: usize, threads: usize) -> Analysis {
    let mut engine = engine(threads);
    push_in_batches(&mut engine, frames, size);
    engine.finish(Default::default())
}

fn push_in_batches(engine: &mut Engine, frames: &[Made], size: usize) {
    let mut batch = FrameBatch::default();
    for part in frames.chunks(size) {
        batch.clear();
        part.iter().for_each(|made| assert!(batch.push(&made.frame())));
        engine.push_batch(&batch);
    }
}

fn json(analysis: &Analysis) -> String {
    serde_json::to_string_pretty(analysis).expect("it serializes")
}

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
fn traffic_of_hosts() -> impl Strategy<Value = Vec<(u8, Made)>> {
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

fn traffic() -> impl Strategy<Value = Vec<Made>> {
    traffic_of_hosts().prop_map(|frames| frames.into_iter().map(|(_, made)| made).collect())
}

fn sums_hold(analysis: &Analysis, frames: &[Made]) -> Result<(), TestCaseError> {
    let in_flows: u64 = analysis.flows.iter().map(|flow| flow.total_packets).sum();
    let aside: u64 = analysis.capture.not_in_flows.values().sum();
    prop_assert_eq!(in_flows + aside, frames.len() as u64);
    for flow in &analysis.flows {
        let transports = &flow.transport_protocols;
        prop_assert_eq!(flow.total_packets, transports.iter().map(|one| one.packet_count).sum::<u64>());
        prop_assert_eq!(flow.total_bytes, transports.iter().map(|one| one.byte_count).sum::<u64>());
        prop_assert_eq!(flow.timing_stats.count + flow.timing_stats.backwards, flow.total_packets - 1);
        for transport in transports {
            let timing = &transport.timing_stats;
            prop_assert_eq!(timing.count + timing.backwards, transport.packet_count - 1);
            let encodings = &transport.application_encodings;
            prop_assert!(encodings.iter().map(|one| one.packet_count).sum::<u64>() <= transport.packet_count);
            prop_assert!(encodings.iter().map(|one| one.byte_count).sum::<u64>() <= transport.byte_count);
            for encoding in encodings {
                let timing = &encoding.timing_stats;
                prop_assert_eq!(timing.count + timing.backwards, encoding.packet_count - 1);
                let types: u64 = encoding.packet_types.iter().map(|kind| kind.byte_count).sum();
                prop_assert!(types <= encoding.byte_count, "{} {}", types, encoding.byte_count);
                if encoding.encoding_name == "IENA" && encoding.malformed == 0 {
                    prop_assert_eq!(types, encoding.byte_count);
                }
            }
        }
    }
    Ok(())
}

/// A flow's part of the document without frame numbers, which do depend on what comes between.
fn own_part(flow: &Flow) -> String {
    let mut value = serde_json::to_value(flow).expect("it serializes");
    strip_frames(&mut value);
    value.to_string()
}

fn strip_frames(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.retain(|key, _| !key.contains("frame"));
            map.values_mut().for_each(strip_frames);
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(strip_frames),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_sums_of_the_hierarchy_hold(frames in traffic()) {
        sums_hold(&pushed(&frames), &frames)?;
    }

    #[test]
    fn batches_and_threads_make_no_difference(frames in traffic(), size in 1_usize..50) {
        let one = json(&pushed(&frames));
        prop_assert_eq!(&one, &json(&batched(&frames, frames.len(), 1)));
        prop_assert_eq!(&one, &json(&batched(&frames, frames.len(), 3)));
        prop_assert_eq!(json(&batched(&frames, size, 1)), json(&batched(&frames, size, 2)));
    }

    /// Flows that wait as frames come to the same result, also where there are more flows than are allowed.
    #[test]
    fn a_crowd_makes_no_difference(frames in traffic(), size in 1_usize..50, max_flows in 1_usize..30) {
        let of = |defer_above_flows, threads| {
            let options = EngineOptions { defer_above_flows, threads, max_flows, ..EngineOptions::default() };
            let mut engine = Engine::new(DecoderRegistry::with_builtins(), options);
            push_in_batches(&mut engine, &frames, size);
            json(&engine.finish(Default::default()))
        };
        let plain = of(usize::MAX, 1);
        prop_assert_eq!(&plain, &of(0, 1));
        prop_assert_eq!(&plain, &of(0, 2));
    }

    /// A snapshot in between decodes what waits, and changes nothing.
    #[test]
    fn snapshots_of_a_crowd_change_nothing(frames in traffic(), at in 0_usize..100) {
        let of = |defer_above_flows| {
            let mut engine =
                Engine::new(DecoderRegistry::with_builtins(), EngineOptions { defer_above_flows, ..EngineOptions::default() });
            let (before, after) = frames.split_at(at.min(frames.len()));
            before.iter().for_each(|made| engine.push(&made.frame()));
            let snapshot = json(&engine.report(Default::default(), Default::default()));
            after.iter().for_each(|made| engine.push(&made.frame()));
            (snapshot, json(&engine.finish(Default::default())))
        };
        prop_assert_eq!(of(usize::MAX), of(0));
    }

    /// Conversations that are moved against each other as a whole keep what is said of each of them.
    #[test]
    fn the_order_in_which_flows_interleave_makes_no_difference(frames in traffic_of_hosts()) {
        // the same frames at the same times, but those of one pair of hosts all before those of the next
        let mut apart = frames.clone();
        apart.sort_by_key(|(from, _)| *from);
        let bare = |frames: Vec<(u8, Made)>| -> Vec<Made> { frames.into_iter().map(|(_, made)| made).collect() };
        let (frames, apart) = (bare(frames), bare(apart));
        let by_key = |analysis: &Analysis| -> BTreeMap<String, String> {
            analysis.flows.iter().filter(|flow| flow.key.src.port.is_some())
                .map(|flow| (flow.key.to_string(), own_part(flow))).collect()
        };
        prop_assert_eq!(by_key(&pushed(&frames)), by_key(&pushed(&apart)));
    }

    #[test]
    fn any_bytes_on_any_link_are_counted(
        frames in proptest::collection::vec((0_u16..300, proptest::collection::vec(any::<u8>(), 0..200), 0_u32..400), 1..40),
    ) {
        let mut engine = engine(1);
        for (number, (link, data, more)) in (1..).zip(&frames) {
            engine.push(&Frame {
                number,
                time: (number % 5 != 0).then(|| Timestamp::from_nanos(i64::from(*more) * 1_000_000_007)),
                link_type: LinkType(*link),
                interface: u32::from(*link),
                original_length: data.len() as u32 + *more,
                data,
            });
        }
        let analysis = engine.finish(Default::default());
        let in_flows: u64 = analysis.flows.iter().map(|flow| flow.total_packets).sum();
        prop_assert_eq!(in_flows + analysis.capture.not_in_flows.values().sum::<u64>(), frames.len() as u64);
    }
}
