//! Flows, frames, bytes, times and intervals against what tshark lists.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use streamlens::engine::{EngineOptions, Tunnel, Tunnels};

use crate::{Differences, FOLDERS, corpus, count, document_with, entries, expected, folded, list, text};

/// Links on which every flow must be found; on others they may be left out.
const LINKS: [&str; 6] = ["Ethernet", "Linux SLL", "Linux SLL2", "Raw IP", "BSD null", "BSD loop"];

/// Endpoints and VLANs of a flow.
pub(crate) type Key = (String, Option<u64>, String, Option<u64>, Vec<u64>);

pub(crate) fn expected_key(flow: &Value) -> Key {
    let vlan = list(&flow["vlan"]).map(count).collect();
    (address(&flow["src"]), flow["sport"].as_u64(), address(&flow["dst"]), flow["dport"].as_u64(), vlan)
}

pub(crate) fn actual_key(flow: &Value) -> Key {
    let (src, dst) = (&flow["src"], &flow["dst"]);
    let vlan = list(&flow["vlan"]).map(count).collect();
    (address(&src["address"]), src["port"].as_u64(), address(&dst["address"]), dst["port"].as_u64(), vlan)
}

/// One way to write an address.
pub(crate) fn address(value: &Value) -> String {
    let text = text(value).to_lowercase();
    text.parse::<std::net::IpAddr>().map_or(text, |ip| ip.to_string())
}

/// Nanoseconds since 1970 of an instant of the document.
fn nanoseconds(value: &Value) -> Option<i128> {
    let text = value.as_str()?;
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, by: char| text.split(by).map(|part| part.parse().ok()).collect::<Option<Vec<i128>>>();
    let (date, (time, fraction)) = (numbers(date, '-')?, time.split_once('.')?);
    let time = numbers(time, ':')?;
    // days by the proleptic Gregorian calendar, counted from March
    let (year, month) = if date[1] > 2 { (date[0], date[1] - 3) } else { (date[0] - 1, date[1] + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + date[2] - 1 - 719_468;
    Some((((days * 24 + time[0]) * 60 + time[1]) * 60 + time[2]) * 1_000_000_000 + fraction.parse::<i128>().ok()?)
}

fn int(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

#[test]
fn flows_agree_with_what_tshark_lists() {
    let Some(corpus) = corpus() else { return };
    let mut differences = Differences::default();
    let mut compared = 0;
    for folder in FOLDERS {
        let from = if matches!(folder, "link" | "negative") { folder.to_owned() } else { format!("flows/{folder}") };
        for (path, capture, expected) in expected(&corpus, &from, folder) {
            if path.to_string_lossy().ends_with(".rtp.json") || expected["readable"] == Value::Bool(false) {
                continue;
            }
            // the lists are of the outermost addresses, those of the mirror where a capture is of one
            let options = EngineOptions { decap: Tunnels::NONE, threads: 1, ..EngineOptions::default() };
            let document = serde_json::from_str(&document_with(&capture, options)).expect("JSON");
            compare(&mut differences, &capture, &expected, &document);
            compared += 1;
        }
    }
    assert!(compared > 250, "{compared} captures");
    // tshark was not told to look into PKTAP, in which there is IP
    let pktap = "more flows: [(\"10.32.4.27\", Some(63538), \"10.32.100.15\", Some(53), [])]";
    differences.are_only(&[("unsupported-pktap.pcap", &[pktap])]);
}

fn compare(differences: &mut Differences, capture: &Path, expected: &Value, document: &Value) {
    let same = |differences: &mut Differences, what: &str, want: Option<i128>, got: Option<i128>| {
        differences.check(capture, want == got, || format!("{what}: {got:?} instead of {want:?}"));
    };
    let summary = &document["capture"];
    same(differences, "frames", int(&expected["frames"]), int(&summary["packets"]));
    same(differences, "bytes", int(&expected["bytes"]), int(&summary["bytes"]));
    if count(&expected["frames"]) > 0 && count(&expected["frames_without_time"]) == 0 {
        same(differences, "first", int(&expected["first_ns"]), nanoseconds(&summary["first_seen"]));
        same(differences, "last", int(&expected["last_ns"]), nanoseconds(&summary["last_seen"]));
    }
    let in_flows: u64 = list(&document["flows"]).map(|flow| count(&flow["total_packets"])).sum();
    let aside: u64 = entries(&summary["not_in_flows"]).map(|(_, frames)| count(frames)).sum();
    same(differences, "in flows and aside", int(&expected["frames"]), Some(i128::from(in_flows + aside)));

    let mut wanted: BTreeMap<Key, Vec<&Value>> = BTreeMap::new();
    list(&expected["flows"]).for_each(|flow| wanted.entry(expected_key(flow)).or_default().push(flow));
    let mut got: BTreeMap<Key, &Value> = list(&document["flows"]).map(|flow| (actual_key(flow), flow)).collect();
    for (key, transports) in wanted {
        let Some(flow) = got.remove(&key) else {
            let optional = transports.iter().all(|entry| !LINKS.contains(&text(&entry["link"]).as_str()));
            differences.check(capture, optional, || format!("{key:?} is missing"));
            continue;
        };
        let sum = |field: &str| Some(transports.iter().map(|entry| i128::from(count(&entry[field]))).sum());
        same(differences, &format!("{key:?} frames"), sum("frames"), int(&flow["total_packets"]));
        same(differences, &format!("{key:?} bytes"), sum("bytes"), int(&flow["total_bytes"]));
        if sum("untimed") == Some(0) {
            let first = transports.iter().filter_map(|entry| int(&entry["first_ns"])).min();
            let last = transports.iter().filter_map(|entry| int(&entry["last_ns"])).max();
            same(differences, &format!("{key:?} first"), first, nanoseconds(&flow["first_seen"]));
            same(differences, &format!("{key:?} last"), last, nanoseconds(&flow["last_seen"]));
        }
        let mut mine: BTreeMap<String, &Value> =
            entries(&flow["transport_protocols"]).map(|(name, entry)| (folded(name), entry)).collect();
        for entry in transports {
            let name = text(&entry["transport"]);
            let Some(own) = mine.remove(&folded(&name)) else {
                differences.check(capture, false, || format!("{key:?} has no {name}"));
                continue;
            };
            let place = format!("{key:?} {name}");
            same(differences, &format!("{place} frames"), int(&entry["frames"]), int(&own["packet_count"]));
            same(differences, &format!("{place} bytes"), int(&entry["bytes"]), int(&own["byte_count"]));
            intervals(differences, capture, &place, entry, &own["timing_stats"]);
        }
        differences.check(capture, mine.is_empty(), || format!("{key:?} has more transports: {:?}", mine.keys()));
    }
    differences.check(capture, got.is_empty(), || format!("more flows: {:?}", got.keys()));
}

fn intervals(differences: &mut Differences, capture: &Path, place: &str, entry: &Value, timing: &Value) {
    let delta = &entry["delta_ns"];
    if count(&entry["untimed"]) > 0 || count(&delta["backwards"]) > 0 {
        return;
    }
    for (field, own) in [("count", "count"), ("min", "min_ns"), ("max", "max_ns")] {
        let (want, got) = (int(&delta[field]), int(&timing[own]));
        differences.check(capture, want == got, || format!("{place} {field}: {got:?} instead of {want:?}"));
    }
    if count(&delta["count"]) > 0 {
        let mean = delta["sum"].as_f64().unwrap_or(f64::NAN) / count(&delta["count"]) as f64;
        let got = timing["mean_ns"].as_f64().unwrap_or(f64::NAN);
        let agrees = (got - mean).abs() <= 1.0 + mean.abs() * 1e-9;
        differences.check(capture, agrees, || format!("{place} mean: {got} instead of {mean}"));
    }
}

/// A mirror's frames are those of the network that it mirrors.
#[test]
fn a_mirror_is_opened() {
    let Some(corpus) = corpus() else { return };
    let document: Value =
        serde_json::from_str(&crate::document(&corpus.join("captures/link/erspan-ii.pcap"), 1)).expect("JSON");
    let flows: Vec<_> = list(&document["flows"]).collect();
    assert!(flows.iter().all(|flow| flow["outer"][0]["layer"] == "ERSPAN II" && flow["outer"][0]["src"] == "2.2.2.2"));
    let frames: u64 = flows.iter().map(|flow| count(&flow["total_packets"])).sum();
    // 14 + 20 + 8 + 8 around each frame
    assert_eq!((frames, count(&document["capture"]["outer_bytes"])), (4, 4 * 50));
}

/// Frames behind EtherCAT Switch Link are those of EtherCAT that a capture of it holds beside the plain ones.
#[test]
fn ethercat_switch_link_is_taken_off_where_asked_for() {
    let Some(corpus) = corpus() else { return };
    let capture = corpus.join("captures/industrial/ethercat-twincat-scan-devices-2.pcapng");
    let frames = |decap| {
        let document = document_with(&capture, EngineOptions { decap, ..EngineOptions::default() });
        let document: Value = serde_json::from_str(&document).expect("JSON");
        let encodings = list(&document["flows"]).flat_map(|flow| entries(&flow["transport_protocols"]));
        encodings
            .map(|(_, transport)| count(&transport["application_encodings"]["EtherCAT"]["packet_count"]))
            .sum::<u64>()
    };
    assert_eq!((frames(Tunnels::MIRRORS), frames(Tunnels::MIRRORS.with(Tunnel::Esl))), (10, 13));
}
