//! Against the captures of the corpus and what is expected of them.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::streams::Plant;
use super::*;
use crate::testing::{captures, corpus, expected, payloads};

/// Flow and names of packet types with their counts.
type Counts = BTreeMap<String, BTreeMap<String, u64>>;

fn key(src: &str, sport: Option<u64>, dst: &str, dport: Option<u64>) -> String {
    format!("{src} {sport:?} {dst} {dport:?}")
}

/// The expected files' words for kinds, in the standard's.
fn standard_name(name: &str) -> String {
    match name {
        "RTC1" | "RTC1 or UDP" => "RT Class 1".to_owned(),
        _ if name.starts_with("CM ") => format!("IO {name}"),
        _ => name.to_owned(),
    }
}

fn wanted(document: &Json) -> Counts {
    let mut counts = Counts::new();
    for flow in document["flows"].as_array().unwrap() {
        let Some(encoding) = flow["encodings"].get("PROFINET") else { continue };
        let text = |name: &str| flow[name].as_str().unwrap().to_owned();
        let key = key(&text("src"), flow["sport"].as_u64(), &text("dst"), flow["dport"].as_u64());
        let into = counts.entry(key).or_default();
        for (name, count) in encoding["types"].as_object().unwrap() {
            *into.entry(standard_name(name)).or_default() += count.as_u64().unwrap();
        }
    }
    counts
}

/// What there is to point out in a capture; in most nothing is.
fn findings(capture: &str) -> &'static [&'static str] {
    match capture.trim_start_matches("industrial/") {
        "profinet-dcp-identify-dos.pcap" | "profinet-dos-1click.pcap" => {
            &["profinet.dcp-set", "profinet.duplicate-station-name"]
        }
        "profinet-dcp-set-attack.pcap" => {
            &["profinet.cm-error", "profinet.dcp-set", "profinet.relation-ended", "profinet.relation-ended"]
        }
        "profinet-dcp-set-ip.pcap" | "profinet-wireshark-bug.pcap" => &["profinet.dcp-set"],
        "profinet-io-cm-connect.pcapng" | "profinet-io-cm.pcap" => &["profinet.cm-error", "profinet.module-difference"],
        "profinet-io-cm-mixed-1.pcap" => &[
            "profinet.module-difference",
            "profinet.relation-ended",
            "profinet.relation-ended",
            "profinet.station-problem",
        ],
        "profinet-port-stealing.pcap" => {
            &["profinet.provider-lost", "profinet.relation-ended", "profinet.relation-ended"]
        }
        _ => &[],
    }
}

#[test]
fn frames_and_types_of_every_flow_are_those_expected() {
    let Some(corpus) = corpus() else { return };
    let names = captures(&corpus, "industrial");
    let names: Vec<_> = names.iter().filter(|name| name.contains("/profinet-")).collect();
    assert!(names.len() >= 17, "{names:?}");
    let decoder = ProfinetDecoder::new();
    for name in names {
        let mut counts = Counts::new();
        let mut plant = Plant::new();
        for captured in payloads(&corpus, name) {
            if decoder.can_decode(&captured.packet()).value() < 0.5 {
                continue;
            }
            let result = plant.take(&captured).unwrap_or_else(|| panic!("{name}: frame {} refused", captured.frame));
            let (src, dst) = (captured.flow.src, captured.flow.dst);
            let port = |port: Option<u16>| port.map(u64::from);
            let key = key(&src.address.to_string(), port(src.port), &dst.address.to_string(), port(dst.port));
            let kind = decoder.packet_type(result.packet_type).into_owned();
            *counts.entry(key).or_default().entry(kind).or_default() += 1;
        }
        assert_eq!(counts, wanted(&expected(&corpus, name)), "{name}");
        assert_eq!(plant.report().codes(), findings(name), "{name}");
    }
}

#[test]
fn cyclic_streams_have_the_steps_statuses_and_intervals_expected() {
    let Some(corpus) = corpus() else { return };
    let decoder = ProfinetDecoder::new();
    let mut compared = 0;
    for name in captures(&corpus, "industrial").iter().filter(|name| name.contains("/profinet-")) {
        let document = expected(&corpus, name);
        let Some(cyclic) = document["profinet"]["cyclic"].as_array() else { continue };
        let mut plant = Plant::new();
        for captured in payloads(&corpus, name) {
            if decoder.can_decode(&captured.packet()).value() >= 0.5 {
                plant.take(&captured);
            }
        }
        let report = plant.report();
        for stream in cyclic {
            let id = u16::from_str_radix(&stream["frame_id"].as_str().unwrap()[2..], 16).unwrap();
            let src = stream["src"].as_str().unwrap();
            let of_stream =
                |key: &FlowKey| key.src.address.to_string() == src && key.dst.address.to_string() == stream["dst"];
            let (_, flow) = report
                .flows
                .iter()
                .find(|(key, flow)| {
                    of_stream(key) && flow.streams.get(streamlens_model::StreamId(u128::from(id))).is_some()
                })
                .unwrap();
            let measures = &flow.streams[&streamlens_model::StreamId(u128::from(id))].measures;
            let json = serde_json::to_value(measures).unwrap();
            assert_eq!(json["frames"], stream["frames"], "{name}");
            assert_eq!(json["counter_steps"], stream["cycle_counter_steps"], "{name}");
            assert_eq!(json["data_status_counts"], stream["data_status"], "{name}");
            assert_eq!(json["transfer_status_counts"], stream["transfer_status"], "{name}");
            for figure in ["count", "min", "max"] {
                assert_eq!(json["interval_ns"][figure], stream["interval_ns"][figure], "{name} {figure}");
            }
            for figure in ["mean", "std_dev"] {
                let (ours, theirs) = (json["interval_ns"][figure].as_f64(), stream["interval_ns"][figure].as_f64());
                assert!((ours.unwrap() - theirs.unwrap()).abs() < 0.1, "{name} {figure}: {ours:?}, {theirs:?}");
            }
            compared += 1;
        }
    }
    assert!(compared >= 6, "{compared}");
}

#[test]
fn nothing_else_is_taken_for_profinet_not_even_on_its_ports() {
    let Some(corpus) = corpus() else { return };
    let decoder = ProfinetDecoder::new();
    let folders = ["industrial", "negative", "link", "broadcast", "flight-test", "ptp"];
    let (mut seen, mut wrong) = (0, Vec::new());
    for name in folders.iter().flat_map(|folder| captures(&corpus, folder)) {
        if name.contains("/profinet-") {
            continue;
        }
        // As the engine judges a young flow: eight payloads, the doubt of the first less a share for each that decodes.
        let mut flows: BTreeMap<(FlowKey, u16), (u32, f32)> = BTreeMap::new();
        for mut captured in payloads(&corpus, &name) {
            seen += 1;
            if captured.transport != Transport::UDP {
                assert!(!decoder.can_decode(&captured.packet()).is_some() || captured.ether_type == Some(ETHER_TYPE));
                if captured.ether_type == Some(ETHER_TYPE) {
                    wrong.push((name.clone(), captured.frame, 0, 1.0));
                }
                continue;
            }
            let own = captured.flow;
            for port in [0, PORTS[0], PORTS[1], PORTS[2]] {
                captured.flow.dst.port = if port == 0 { own.dst.port } else { Some(port) };
                let confidence = decoder.can_decode(&captured.packet()).value();
                let (count, doubt) = flows.entry((own, port)).or_insert((0, 1.0));
                if *count >= 500 {
                    break;
                }
                let taken = decoder.decode_packet(&captured.packet(), &mut DecodingResult::new(false)).is_ok();
                *count += 1;
                *doubt = match (taken, *doubt < 1.0) {
                    (true, true) => (*doubt * 0.85).min(1.0 - confidence),
                    (true, false) => 1.0 - confidence,
                    (false, _) => 1.0 - (1.0 - *doubt) * 0.5,
                };
                if *doubt <= 0.5 {
                    wrong.push((name.clone(), captured.frame, port, 1.0 - *doubt));
                }
            }
        }
    }
    assert!(seen > 50_000, "{seen} payloads");
    assert_eq!(wrong, []);
}
