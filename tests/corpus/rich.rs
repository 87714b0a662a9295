//! Encodings, frames and packet types of the protocol families against the richer expected files, and the refined names
//! of media streams.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::flows::address;
use crate::{Differences, corpus, count, document, entries, expected, folded, list, read_json, text};

/// Encodings that have no name here.
const IGNORED: [&str; 3] = ["unknown", "mdns", "malformed"];
/// Where the expected files count packet types in another way, or by inference.
const NO_TYPES: [&str; 9] = ["ndi", "rtp", "mpegts", "iena", "inetx", "npd", "tmns", "st20221", "profinet"];

type Place = (String, Option<u64>, String, Option<u64>, String);

#[derive(Clone, Debug, Default)]
struct Found {
    frames: u64,
    types: BTreeMap<String, u64>,
}

fn family(name: &str) -> String {
    let folded = folded(name);
    match folded.as_str() {
        name if name.starts_with("ndi") => "ndi".into(),
        name if name.starts_with("st20221fec") => "st20221".into(),
        _ => folded,
    }
}

/// RTP and everything that refines it.
fn is_rtp_like(name: &str) -> bool {
    matches!(name, "rtp" | "aes67" | "mpegts" | "st20221" | "st20222" | "st20225" | "st20226")
        || name.strip_prefix("st2110").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
}

fn actual(document: &Value) -> BTreeMap<Place, BTreeMap<String, Found>> {
    let mut out: BTreeMap<Place, BTreeMap<String, Found>> = BTreeMap::new();
    for flow in list(&document["flows"]) {
        let (src, dst) = (&flow["src"], &flow["dst"]);
        for (transport, own) in entries(&flow["transport_protocols"]) {
            let place = (
                address(&src["address"]),
                src["port"].as_u64(),
                address(&dst["address"]),
                dst["port"].as_u64(),
                folded(transport),
            );
            let into = out.entry(place).or_default();
            for (name, encoding) in entries(&own["application_encodings"]) {
                let found = into.entry(family(name)).or_default();
                found.frames += count(&encoding["packet_count"]);
                for (kind, stats) in entries(&encoding["packet_types"]) {
                    *found.types.entry(folded(kind)).or_default() += count(&stats["packet_count"]);
                }
            }
        }
    }
    out
}

#[test]
fn encodings_and_packet_types_agree_with_the_richer_files() {
    let Some(corpus) = corpus() else { return };
    let mut differences = Differences::default();
    let mut compared = 0;
    for folder in ["ptp", "industrial", "broadcast", "flight-test"] {
        for (path, capture, expected) in expected(&corpus, folder, folder) {
            if path.to_string_lossy().ends_with(".c10.json") || !expected["flows"].is_array() {
                continue;
            }
            let document: Value = serde_json::from_str(&document(&capture, 1)).expect("JSON");
            compare(&mut differences, &capture, &expected, &actual(&document));
            compared += 1;
        }
    }
    assert!(compared > 120, "{compared} captures");
    differences.are_only(&[
        // Frame 3150 is captured behind its own acknowledgement. It is the only arrival of its bytes, which tshark takes
        // for a retransmission and does not count.
        (
            "modbus-big.pcap",
            &["modbustcp types: {\"readcoilsresponse\": 1388, \"writesinglecoilresponse\": 1387} instead of \
               {\"readcoilsresponse\": 1387, \"writesinglecoilresponse\": 1387}"],
        ),
        // The file lists the transport IGMP once more as an encoding, of which there is none by that name.
        ("ndi-multicast.pcap", &["igmp is missing"]),
    ]);
}

fn compare(
    differences: &mut Differences,
    capture: &std::path::Path,
    expected: &Value,
    got: &BTreeMap<Place, BTreeMap<String, Found>>,
) {
    let is_lenient = expected["lenient"].as_bool().unwrap_or(false);
    let has_fragments = count(&expected["ip_fragments"]) > 0;
    let may: BTreeSet<String> = list(&expected["may_have"]).map(|name| family(&text(name))).collect();
    let mut wanted: BTreeMap<Place, BTreeMap<String, Found>> = BTreeMap::new();
    let (mut payload_frames, mut free) = (BTreeMap::<Place, u64>::new(), BTreeSet::new());
    for flow in list(&expected["flows"]) {
        let place = (
            address(&flow["src"]),
            flow["sport"].as_u64(),
            address(&flow["dst"]),
            flow["dport"].as_u64(),
            folded(&text(&flow["transport"])),
        );
        if flow["optional"].as_bool().unwrap_or(false) {
            free.insert(place);
            continue;
        }
        *payload_frames.entry(place.clone()).or_default() += count(&flow["payload_frames"]);
        for (name, encoding) in
            entries(&flow["encodings"]).filter(|(name, _)| !IGNORED.contains(&folded(name).as_str()))
        {
            let into = wanted.entry(place.clone()).or_default().entry(family(name)).or_default();
            into.frames += count(&encoding["frames"]);
            for (kind, pdus) in entries(&encoding["types"]) {
                *into.types.entry(folded(kind)).or_default() += count(pdus);
            }
        }
    }
    let none = BTreeMap::new();
    let places: BTreeSet<&Place> = wanted.keys().chain(got.keys()).filter(|place| !free.contains(*place)).collect();
    for place in places {
        let (want, have) = (wanted.get(place).unwrap_or(&none), got.get(place).unwrap_or(&none));
        for (name, expected) in want {
            let fits = |other: &str| {
                other == name || (matches!(name.as_str(), "rtp" | "mpegts" | "st20221") && is_rtp_like(other))
            };
            let matching: Vec<&Found> = have.iter().filter(|(other, _)| fits(other)).map(|(_, found)| found).collect();
            if matching.is_empty() {
                differences.check(capture, expected.frames == 0, || format!("{name} is missing"));
                continue;
            }
            let frames: u64 = matching.iter().map(|found| found.frames).sum();
            if name != "ndi" && !has_fragments && !is_lenient {
                let most = payload_frames.get(place).copied().filter(|frames| *frames > 0).unwrap_or(expected.frames);
                let rtp = ["rtp", "mpegts", "st20221"].iter().filter_map(|name| want.get(*name));
                let agrees =
                    (expected.frames..=most).contains(&frames) || rtp.clone().any(|found| found.frames == frames);
                differences
                    .check(capture, agrees, || format!("{name}: {frames} frames instead of {}", expected.frames));
            }
            if !is_lenient && !NO_TYPES.contains(&name.as_str()) && !is_rtp_like(name) {
                let mut types: BTreeMap<String, u64> = BTreeMap::new();
                for (kind, pdus) in matching.iter().flat_map(|found| &found.types) {
                    *types.entry(kind.clone()).or_default() += pdus;
                }
                differences.check(capture, types == expected.types, || {
                    format!("{name} types: {types:?} instead of {:?}", expected.types)
                });
            }
        }
        let is_rtp = want.keys().any(|name| matches!(name.as_str(), "rtp" | "mpegts" | "st20221"));
        for name in have.keys().filter(|name| !may.contains(*name)) {
            let fits = want.contains_key(name) || is_lenient || (is_rtp && is_rtp_like(name));
            differences.check(capture, fits, || format!("{name} is not expected"));
        }
    }
}

#[test]
fn media_streams_get_their_refined_names() {
    let Some(corpus) = corpus() else { return };
    let refined = read_json(&corpus.join("expected/broadcast/refined.json"));
    let mut streams = 0;
    for entry in list(&refined["captures"]) {
        let capture = corpus.join("captures/broadcast").join(text(&entry["capture"]));
        let document: Value = serde_json::from_str(&document(&capture, 1)).expect("JSON");
        for expected in list(&entry["flows"]) {
            let flow = list(&document["flows"])
                .find(|flow| {
                    address(&flow["src"]["address"]) == address(&expected["src"])
                        && address(&flow["dst"]["address"]) == address(&expected["dst"])
                        && flow["src"]["port"] == expected["sport"]
                        && flow["dst"]["port"] == expected["dport"]
                })
                .unwrap_or_else(|| panic!("{}: no flow {expected}", capture.display()));
            let encodings = &flow["transport_protocols"][&text(&expected["transport"])]["application_encodings"];
            let allowed: Vec<String> = list(&expected["any_of"]).map(text).collect();
            let found = entries(encodings).find(|(name, _)| allowed.contains(name));
            let (_, found) =
                found.unwrap_or_else(|| panic!("{}: {encodings} is none of {allowed:?}", capture.display()));
            let (score, least) = (found["confidence_score"].as_f64(), expected["least_confidence"].as_f64());
            assert!(score >= least, "{}: {score:?} is below {least:?}", capture.display());
            streams += 1;
        }
    }
    assert!(streams >= 20, "{streams} streams");
}
