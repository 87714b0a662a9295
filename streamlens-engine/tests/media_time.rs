//! How far the timestamps of an announced stream are behind PTP time: told for each, and judged by what a receiver holds, or by
//! the delay that is announced (`TSDELAY`, ST 2110-10:2022 §8.7).

use serde_json::Value;
use streamlens_engine::{Engine, EngineOptions};
use streamlens_registry::DecoderRegistry;
use streamlens_testing::{Host, Made, demo, udp};

/// The demo, where announcements are changed and the packets of the sound come so much later.
fn document(late_ns: i64, change: impl Fn(&str) -> String) -> Value {
    let is_sound =
        |data: &[u8]| data.get(30..34) == Some(&demo::media::AUDIO_GROUP.ip) && data.get(36..38) == Some(&[0x13, 0x8C]);
    let mut frames: Vec<Made> = demo::frames()
        .into_iter()
        .map(|made| {
            let text = made.data.windows(5).position(|bytes| bytes == b"v=0\r\n");
            let is_announcement = made.data.get(36..38) == Some(&[0x26, 0x93]);
            match text.filter(|_| is_announcement) {
                Some(at) => {
                    let text = change(std::str::from_utf8(&made.data[at..]).expect("text"));
                    let payload = [&made.data[42..at], text.as_bytes()].concat();
                    let [a, b, c, d, e, f, g, h] = made.data[26..34] else { panic!("two addresses") };
                    let (from, to) = (Host::new([a, b, c, d]), Host::group([e, f, g, h]));
                    Made { data: udp((from, 9875), (to, 9875), &payload), ..made }
                }
                None if is_sound(&made.data) => Made { time: made.time + late_ns, ..made },
                None => made,
            }
        })
        .collect();
    frames.sort_by_key(|made| made.time);
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions::default());
    frames.iter().for_each(|made| engine.push(&made.frame()));
    serde_json::to_value(engine.finish(Default::default())).expect("it serializes")
}

/// `behind_ptp` of the stream to that group, and the sentences of `rtp.media-time`.
fn told(document: &Value, group: &str) -> (Value, Vec<String>) {
    let flows = document["flows"].as_array().expect("flows");
    let flow = flows.iter().find(|flow| flow["dst"]["address"] == group).expect("the flow");
    let encodings = flow["transport_protocols"]["UDP"]["application_encodings"].as_object().expect("encodings");
    let mut streams = encodings.values().flat_map(|one| one["health"]["streams"].as_array().into_iter().flatten());
    let measure = streams.find_map(|stream| stream["measures"].get("behind_ptp")).cloned().unwrap_or_default();
    let findings = document["findings"].as_array().expect("findings").iter();
    let texts = findings.filter(|one| one["code"] == "rtp.media-time").map(|one| one["text"].to_string());
    (measure, texts.collect())
}

const SOUND: &str = "239.69.1.31";
const PICTURES: &str = "239.20.1.41";
/// A line of the sound's parameters with a delay.
fn with_delay(text: &str, microseconds: u32) -> String {
    let line = format!("a=rtpmap:97 L24/48000/2\r\na=fmtp:97 TSMODE=SAMP; TSDELAY={microseconds}\r\n");
    text.replace("a=rtpmap:97 L24/48000/2\r\n", &line)
}

#[test]
fn sound_is_judged_by_what_a_receiver_holds_or_by_the_announced_delay() {
    let late = 30_000_000;
    let (measure, findings) = told(&document(0, str::to_owned), SOUND);
    let before = measure["mean_ns"].as_f64().expect("measured");
    assert!(
        before.abs() < 5e6 && findings.is_empty() && measure.get("announced_ns").is_none(),
        "{measure} {findings:?}"
    );
    let (measure, findings) = told(&document(late, str::to_owned), SOUND);
    assert!((measure["mean_ns"].as_f64().expect("measured") - before - 30e6).abs() < 1e3, "{measure}");
    assert_eq!(findings.len(), 1, "{findings:?}");
    // as announced, and as it is not
    let (measure, findings) = told(&document(late, |text| with_delay(text, 30_000)), SOUND);
    assert!(measure["announced_ns"] == 30_000_000 && findings.is_empty(), "{measure} {findings:?}");
    let (_, findings) = told(&document(0, |text| with_delay(text, 60_000)), SOUND);
    assert!(findings.len() == 1 && findings[0].contains("60.00 ms are announced (TSDELAY)"), "{findings:?}");
}

/// Without an announced delay there is no limit for pictures; with one there is.
#[test]
fn pictures_are_judged_by_the_announced_delay() {
    let (measure, findings) = told(&document(0, str::to_owned), PICTURES);
    assert!(measure["min_ns"].is_i64() && findings.is_empty(), "{measure} {findings:?}");
    let with =
        |microseconds| move |text: &str| text.replace("depth=10; ", &format!("depth=10; TSDELAY={microseconds}; "));
    let (_, findings) = told(&document(0, with(1_000)), PICTURES);
    assert!(findings.is_empty(), "{findings:?}");
    let (_, findings) = told(&document(0, with(200_000)), PICTURES);
    assert!(findings.len() == 1 && findings[0].contains("200.0 ms are announced"), "{findings:?}");
}
