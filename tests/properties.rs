//! What holds for any traffic: the sums of the hierarchy, the independence of flows, and one result however frames come.

mod traffic;

use std::collections::BTreeMap;

use proptest::prelude::*;
use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::{Analysis, Flow, Frame, FrameBatch, LinkType, Timestamp};
use streamlens::registry::DecoderRegistry;
use streamlens_testing::Made;

use traffic::intervals::wrong_sums;
use traffic::{traffic, traffic_of_hosts};

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
    fn intervals_add_up(frames in traffic(), interval_ns in 1_u64..3_000_000_000) {
        let options = EngineOptions { interval_ns: Some(interval_ns), ..EngineOptions::default() };
        let mut engine = Engine::new(DecoderRegistry::with_builtins(), options);
        push_in_batches(&mut engine, &frames, 40);
        let wrong = wrong_sums(&engine.finish(Default::default()));
        prop_assert!(wrong.is_empty(), "{wrong:#?}");
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
