//! Frames that are in a capture twice change nothing but the counts of frames: the demo capture, in which every protocol
//! family has its part, with a copy of every frame some microseconds later.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use streamlens::engine::{Engine, EngineOptions};
use streamlens::registry::DecoderRegistry;
use streamlens_testing::{Made, demo};

/// What counts frames, and so holds copies, or numbers them.
const COUNTS: &[&str] = &[
    "packet_count",
    "byte_count",
    "total_packets",
    "total_bytes",
    "bit_rate",
    "packets",
    "frame",
    "since_frame",
    "identified_at_frame",
    "macs",
    "dscp",
    "ttl",
    "last_seen",
    "wire_bytes",
    "copies",
    "length",
];

fn analysed(frames: &[Made], threads: usize) -> Value {
    let mut engine =
        Engine::new(DecoderRegistry::with_builtins(), EngineOptions { threads, ..EngineOptions::default() });
    frames.iter().for_each(|frame| engine.push(&frame.frame()));
    serde_json::to_value(engine.finish(Default::default())).expect("it serializes")
}

/// The value without what counts or numbers frames; packet types keep their counts, which are those of PDUs.
fn without_counts(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(name, _)| !COUNTS.contains(&name.as_str()) && !name.ends_with("_frame"));
            let mut kept: Map<_, _> = kept.map(|(name, value)| (name.clone(), without_counts(value))).collect();
            if let Some(Value::Object(types)) = map.get("packet_types") {
                let counts = types.iter().map(|(name, kind)| (name.clone(), kind["packet_count"].clone()));
                kept.insert("counts_of_types".to_owned(), Value::Object(counts.collect()));
            }
            Value::Object(kept)
        }
        Value::Array(list) => Value::Array(list.iter().map(without_counts).collect()),
        other => other.clone(),
    }
}

/// What is said of the encodings of a flow: intervals of the levels above are those of all frames.
fn encodings(flow: &Value) -> Vec<Value> {
    let transports = flow["transport_protocols"].as_object().into_iter().flatten();
    transports.map(|(name, transport)| json!([name, without_counts(&transport["application_encodings"])])).collect()
}

/// Code, severity, count, place and sentence of the findings, but of the one that says that there are copies.
fn findings(analysis: &Value) -> Vec<Value> {
    let all = analysis["findings"].as_array().expect("a list").iter();
    let own = all.filter(|finding| finding["code"] != "capture.mirrored-twice" && finding["code"] != "capture.copies");
    let mut own: Vec<_> = own
        .map(|finding| {
            let text = without_frame(finding["text"].as_str().unwrap_or_default());
            json!([finding["code"], finding["severity"], finding["count"], finding["where"], text])
        })
        .collect();
    own.sort_by_key(ToString::to_string);
    own
}

/// A sentence without the number of a frame that it names.
fn without_frame(text: &str) -> String {
    let mut parts = text.split(" frame ");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(" frame ");
        kept.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    kept
}

fn is_fragment(frame: &Made) -> bool {
    frame.data.get(12..14) == Some(&[8, 0])
        && frame.data.get(20..22).is_some_and(|flags| flags != [0, 0] && flags != [0x40, 0])
}

/// EtherCAT frames come back to where they were sent from: no copy of one is later than the frame takes on the wire.
fn latest_copy(frame: &Made) -> i64 {
    if frame.data.get(12..14) == Some(&[0x88, 0xA4]) { 5_000 } else { 50_000 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn copies_enter_no_statistics(delays in proptest::collection::vec(0_i64..=50_000, 64), threads in 1_usize..3) {
        let plain: Vec<Made> = demo::frames().into_iter().filter(|frame| !is_fragment(frame)).collect();
        let copies = plain.iter().zip(delays.iter().cycle()).map(|(frame, delay)| {
            Made { time: frame.time + delay % (latest_copy(frame) + 1), data: frame.data.clone() }
        });
        let mut doubled: Vec<Made> = plain.iter().cloned().zip(copies).flat_map(|(frame, copy)| [frame, copy]).collect();
        // stable: a frame stays in front of its copy
        doubled.sort_by_key(|frame| frame.time);
        let (expected, found) = (analysed(&plain, threads), analysed(&doubled, threads));
        prop_assert_eq!(found["capture"]["packets"].as_u64(), expected["capture"]["packets"].as_u64().map(|n| 2 * n));
        prop_assert_eq!(findings(&found), findings(&expected));
        let said: Vec<_> = found["findings"].as_array().into_iter().flatten()
            .filter(|finding| finding["code"] == "capture.mirrored-twice").map(|finding| &finding["count"]).collect();
        prop_assert_eq!(said.len(), 1);
        let flows = |analysis: &Value| analysis["flows"].as_array().cloned().expect("a list");
        prop_assert_eq!(flows(&found).len(), flows(&expected).len());
        for (found, expected) in flows(&found).iter().zip(&flows(&expected)) {
            let key = format!("{} -> {}", expected["src"], expected["dst"]);
            prop_assert_eq!(found["total_packets"].as_u64(), expected["total_packets"].as_u64().map(|n| 2 * n), "{}", key);
            prop_assert_eq!(encodings(found), encodings(expected), "{}", key);
        }
        prop_assert_eq!(without_counts(&found["networks"]), without_counts(&expected["networks"]));
    }
}

/// A few copies are too few for a mirror, and are told: frames less copies are the packets of streams and types.
#[test]
fn a_few_copies_are_told() {
    let mut frames: Vec<Made> = demo::frames();
    let is_rtp = |frame: &Made| frame.data.get(36..38) == Some(&5004_u16.to_be_bytes()[..]);
    let place = frames.iter().position(is_rtp).expect("RTP");
    let copy = Made { time: frames[place].time + 20_000, data: frames[place].data.clone() };
    let time = copy.time;
    frames.push(copy);
    frames.sort_by_key(|frame| frame.time);
    let document = analysed(&frames, 1);
    let said: Vec<_> = document["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|finding| finding["code"] == "capture.copies")
        .collect();
    assert_eq!((said.len(), said[0]["severity"].as_str()), (1, Some("info")));
    let first = streamlens::model::Timestamp::from_nanos(time).to_string();
    assert_eq!(said[0]["first"]["time"].as_str(), Some(&*first));
    let flow =
        document["flows"].as_array().into_iter().flatten().find(|flow| flow["dst"]["port"] == 5004).expect("the flow");
    let encodings = flow["transport_protocols"]["UDP"]["application_encodings"].as_object().expect("encodings");
    let encoding = encodings.values().next().expect("an encoding");
    let count = |of: &Value| of.as_u64().unwrap_or(0);
    let received: u64 =
        encoding["health"]["streams"].as_array().into_iter().flatten().map(|of| count(&of["received"])).sum();
    assert_eq!(count(&encoding["decoder_metadata"]["copies"]), 1);
    assert_eq!(count(&flow["total_packets"]), received + 1);
}
