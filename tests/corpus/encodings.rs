//! PTP and RTP in ordinary traffic against what tshark finds, and nothing that it does not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::flows::{Key, actual_key, expected_key};
use crate::{Differences, corpus, count, document, entries, expected, folded, list, read_json, text};

/// The name under which tshark knows an encoding.
fn family(name: &str) -> String {
    let folded = folded(name);
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| folded.starts_with(prefix));
    if folded == "srtp" || starts(&["st2110", "st2022", "aes67"]) {
        return "rtp".into();
    }
    match folded.as_str() {
        "srtcp" => "rtcp".into(),
        _ => folded,
    }
}

/// Encodings by flow and transport.
fn by_place(flows: &Value, key: impl Fn(&Value) -> Key) -> BTreeMap<(Key, String), Value> {
    list(flows).map(|flow| ((key(flow), folded(&text(&flow["transport"]))), flow["encodings"].clone())).collect()
}

#[test]
fn ptp_and_rtp_are_found_and_nothing_else_that_is_not_there() {
    let Some(corpus) = corpus() else { return };
    let mut differences = Differences::default();
    let mut found = 0;
    for folder in ["ptp", "link", "negative"] {
        let from = if folder == "ptp" { "flows/ptp" } else { folder };
        for (path, capture, expected) in expected(&corpus, from, folder) {
            if path.to_string_lossy().ends_with(".rtp.json") || expected["readable"] == Value::Bool(false) {
                continue;
            }
            let heuristic = path.with_extension("rtp.json");
            let may = if heuristic.is_file() {
                by_place(&read_json(&heuristic)["flows"], expected_key)
            } else {
                BTreeMap::new()
            };
            let wanted = by_place(&expected["flows"], expected_key);
            // what the capture carries although the independent tool has no name for it
            let may_have: BTreeSet<String> =
                list(&expected["may_have"]).filter_map(Value::as_str).map(family).collect();
            let inner: BTreeMap<_, BTreeSet<String>> = list(&expected["flows"])
                .map(|flow| {
                    let place = (expected_key(flow), folded(&text(&flow["transport"])));
                    (place, entries(&flow["inner_encodings"]).map(|(name, _)| family(name)).collect())
                })
                .collect();
            let document: Value = serde_json::from_str(&document(&capture, 1)).expect("JSON");
            for flow in list(&document["flows"]) {
                for (transport, own) in entries(&flow["transport_protocols"]) {
                    let place = (actual_key(flow), folded(transport));
                    let mut mine: BTreeMap<String, (u64, BTreeMap<String, u64>)> = BTreeMap::new();
                    for (name, encoding) in entries(&own["application_encodings"]) {
                        let into = mine.entry(family(name)).or_default();
                        into.0 += count(&encoding["packet_count"]);
                        for (kind, stats) in entries(&encoding["packet_types"]) {
                            *into.1.entry(folded(kind)).or_default() += count(&stats["packet_count"]);
                        }
                    }
                    let want = wanted.get(&place).cloned().unwrap_or_default();
                    for (name, encoding) in
                        entries(&want).filter(|(name, _)| matches!(family(name).as_str(), "ptp" | "rtp"))
                    {
                        let family = family(name);
                        // RTP that carries a transport stream may be told by that name
                        let has = mine.get(&family).or_else(|| mine.get("mpegts").filter(|_| family == "rtp"));
                        let (frames, types) = has.cloned().unwrap_or_default();
                        let expected_frames = count(&encoding["frames"]);
                        differences.check(&capture, frames == expected_frames, || {
                            format!(
                                "{name} {}:{:?}: {frames} frames instead of {expected_frames}",
                                place.0.0, place.0.1
                            )
                        });
                        let every =
                            if encoding["types_all"].is_object() { &encoding["types_all"] } else { &encoding["types"] };
                        for (kind, packets) in entries(every) {
                            let got = types.get(&folded(kind)).copied().unwrap_or(0);
                            differences.check(&capture, got == count(packets), || {
                                format!("{name} {}:{:?} {kind}: {got} instead of {packets}", place.0.0, place.0.1)
                            });
                        }
                        found += 1;
                    }
                    let known: BTreeSet<String> = entries(&want).map(|(name, _)| family(name)).collect();
                    let allowed: BTreeSet<String> = may
                        .get(&place)
                        .map(|more| entries(more).map(|(name, _)| family(name)).collect())
                        .unwrap_or_default();
                    for name in mine.keys() {
                        let fits = known.contains(name)
                            || allowed.contains(name)
                            || may_have.contains(name)
                            || inner.get(&place).is_some_and(|inner| inner.contains(name))
                            || (name == "mpegts" && known.contains("rtp"));
                        differences.check(&capture, fits, || format!("{name} in {:?} is not expected", place.0));
                    }
                }
            }
        }
    }
    assert!(found > 80, "{found} encodings");
    differences.are_only(&[
        (
            // SRTCP of the calls whose RTP (SSRC 0x0B865519, 0x549AA5DA) is at the ports beside: version, type and length of a
            // report, the E flag with indices from 1 on, and a tag of 80 bits (RFC 3711 3.4). tshark has to be told of SRTP.
            "KakaoTalk_talk.pcap",
            &[
                "rtcp in (\"1.201.1.174\", Some(23045), \"10.24.82.188\", Some(11321), []) is not expected",
                "rtcp in (\"1.201.1.174\", Some(23047), \"10.24.82.188\", Some(10269), []) is not expected",
                "rtcp in (\"10.24.82.188\", Some(10269), \"1.201.1.174\", Some(23047), []) is not expected",
                "rtcp in (\"10.24.82.188\", Some(11321), \"1.201.1.174\", Some(23045), []) is not expected",
            ],
        ),
        (
            // A TCP stream of RTP behind lengths (RFC 4571): lengths of 1,212, version 2, numbers that run on from packet to
            // packet, timestamps by 1,200. tshark reads it when told (Decode As).
            "rtp.pcapng",
            &["rtp in (\"172.16.168.24\", Some(40252), \"172.16.168.64\", Some(5000), []) is not expected"],
        ),
        (
            // Every second frame is a copy of the one before, equal behind the link header and within 1 ms (a mirror port):
            // the encoding counts the frame, and no packet type a second PDU. tshark, which made the file, knows no copies.
            "skinny.pcap",
            &[
                "RTP 192.168.195.50:Some(17718) PT 0: 17 instead of 33",
                "RTP 192.168.195.58:Some(32144) PT 0: 18 instead of 36",
            ],
        ),
        (
            // Frames 181, 185 and 186 are RTCP: their second octets are 207, 207 and 201 (RFC 5761 §4). tshark's chain of
            // protocols names RTP in front of RTCP; here a frame counts for one encoding.
            "stun.pcap",
            &[
                "RTP 142.250.82.99:Some(3478): 0 frames instead of 2",
                "RTP 192.168.12.169:Some(49153): 6 frames instead of 7",
            ],
        ),
    ]);
}
