//! Frames that two interfaces of a capture brought are two paths: each stream has its own figures on each, whatever the
//! protocol, and none of the other's.

use proptest::prelude::*;
use serde_json::{Value, json};
use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::Frame;
use streamlens::registry::DecoderRegistry;
use streamlens_testing::{Made, demo};

fn analysed(frames: &[(u32, Made)]) -> Value {
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions::default());
    frames.iter().for_each(|(interface, frame)| engine.push(&Frame { interface: *interface, ..frame.frame() }));
    serde_json::to_value(engine.finish(Default::default())).expect("it serializes")
}

/// The figures of each stream that is not carried by TCP, whose bytes are one stream however they came.
fn streams(document: &Value) -> Vec<(String, Value)> {
    let mut list = Vec::new();
    for flow in document["flows"].as_array().into_iter().flatten() {
        for (name, transport) in
            flow["transport_protocols"].as_object().into_iter().flatten().filter(|(name, _)| *name != "TCP")
        {
            for (encoding, found) in transport["application_encodings"].as_object().into_iter().flatten() {
                for stream in found["health"]["streams"].as_array().into_iter().flatten() {
                    let place = format!("{} > {} {name} {encoding} {}", flow["src"], flow["dst"], stream["id"]);
                    let figures = ["received", "expected", "lost", "duplicated", "reordered", "restarts", "jitter_ns"];
                    list.push((place, json!(figures.map(|key| stream[key].clone()))));
                }
            }
        }
    }
    list
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn each_interface_has_figures_of_its_own(behind in 1_i64..400_000, without in 400_usize..600) {
        let frames = demo::frames();
        let alone: Vec<_> = frames.iter().map(|frame| (0, frame.clone())).collect();
        // the second path is later, and lacks some frames
        let other = frames.iter().enumerate().filter(|(place, _)| place % without != 0);
        let other: Vec<_> = other.map(|(_, frame)| (1, Made { time: frame.time + behind, data: frame.data.clone() })).collect();
        let mut both: Vec<_> = alone.iter().chain(&other).cloned().collect();
        both.sort_by_key(|(_, frame)| frame.time);
        let found = streams(&analysed(&both));
        let mut compared = 0;
        for (interface, expected) in [(0, streams(&analysed(&alone))), (1, streams(&analysed(&other)))] {
            for (place, figures) in expected {
                let place = format!("{} on interface {interface}\"", place.trim_end_matches('"'));
                let own = found.iter().find(|(found, _)| *found == place).map(|(_, figures)| figures);
                prop_assert_eq!(own, Some(&figures), "{}", place);
                compared += 1;
            }
        }
        prop_assert!(compared > 20, "{}", compared);
    }
}
