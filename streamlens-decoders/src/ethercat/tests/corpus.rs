//! The captures of the corpus against the expected files.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;
use streamlens_model::{Transport, Value};

use super::harness::Segment;
use crate::StreamDecoder;
use crate::ethercat::EtherCatDecoder;
use crate::testing::{Captured, captures, corpus, expected, number, payloads};

fn segment(corpus: &Path, capture: &str) -> Segment {
    let mut segment = Segment::default();
    let own = |p: &&Captured| p.ether_type == Some(0x88A4) || p.transport == Transport::UDP;
    payloads(corpus, capture).iter().filter(own).for_each(|p| segment.payload(p));
    segment
}

#[test]
fn types_are_the_expected_ones() {
    let Some(corpus) = corpus() else { return };
    for capture in captures(&corpus, "industrial") {
        let want = expected(&corpus, &capture);
        let segment = segment(&corpus, &capture);
        let mut wanted = 0;
        for flow in want["flows"].as_array().expect("flows") {
            let ethercat = &flow["encodings"]["EtherCAT"];
            let Some(types) = ethercat["types"].as_object() else { continue };
            wanted += 1;
            let (src, dst) = (&flow["src"], &flow["dst"]);
            let found = segment
                .types
                .iter()
                .find(|(f, _)| f.src.address.to_string() == *src && f.dst.address.to_string() == *dst);
            let (key, found) = found.unwrap_or_else(|| panic!("{capture}: {src} -> {dst} is not found"));
            let types: BTreeMap<String, u64> =
                types.iter().map(|(k, n)| (k.clone(), n.as_u64().expect("a count"))).collect();
            assert_eq!(*found, types, "{capture}: {key}");
            assert_eq!(segment.frames[key], ethercat["frames"], "{capture}: {key}");
        }
        assert_eq!(segment.types.len(), wanted, "{capture}: {:?}", segment.types);
    }
}

#[test]
fn exchanges_are_the_expected_ones() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for capture in captures(&corpus, "industrial").into_iter().filter(|c| c.contains("ethercat")) {
        let want = expected(&corpus, &capture)["ethercat"].clone();
        let reports = segment(&corpus, &capture).reports();
        let frames: Vec<&Value> = reports.iter().filter_map(|(_, r)| r.metadata.get("frames")).collect();
        let datagrams: Vec<&Value> = reports.iter().filter_map(|(_, r)| r.metadata.get("datagrams")).collect();
        let sum = |list: &[&Value], name: &str| list.iter().map(|f| number(f, name)).sum::<u64>();
        assert_eq!(sum(&frames, "sent"), want["frames_sent"], "{capture}");
        assert_eq!(sum(&frames, "returned"), want["frames_returned"], "{capture}");
        assert_eq!(sum(&frames, "lost") + sum(&frames, "open_at_end"), want["sent_without_return"], "{capture}");
        assert_eq!(sum(&frames, "returned_without_sent"), want["returned_without_sent"], "{capture}");
        assert_eq!(sum(&datagrams, "count"), want["datagrams"], "{capture}");
        let most = datagrams.iter().map(|d| number(d, "most_per_frame")).max();
        assert_eq!(most, want["max_datagrams_per_frame"].as_u64(), "{capture}");
        // The oracle counts zero working counters of matched frames only.
        if want["returned_without_sent"] == 0 {
            let zero = sum(&datagrams, "returned_with_zero_working_counter");
            assert_eq!(zero, want["returned_datagrams_with_zero_working_counter"], "{capture}");
        }
        round_trips(
            &capture,
            &reports.iter().filter_map(|(_, r)| r.metadata.get("round_trip")).collect::<Vec<_>>(),
            &want,
        );
        compared += 1;
    }
    assert!(compared >= 11, "only {compared} captures were compared");
}

fn round_trips(capture: &str, times: &[&Value], want: &Json) {
    let want = &want["round_trip_ns"];
    let Some(count) = want["count"].as_u64() else {
        assert!(times.is_empty(), "{capture}");
        return;
    };
    assert_eq!(times.len(), 1, "{capture}");
    let time = times[0];
    assert_eq!((number(time, "count"), number(time, "min_ns")), (count, want["min"].as_u64().unwrap()), "{capture}");
    assert_eq!(number(time, "max_ns"), want["max"].as_u64().unwrap(), "{capture}");
    let Value::Map(map) = time else { panic!("no map") };
    let Some(Value::Float(mean)) = map.get("mean_ns") else { panic!("no mean") };
    assert!((mean - want["mean"].as_f64().unwrap()).abs() < 0.1, "{capture}: {mean}");
    let Some(Value::Float(deviation)) = map.get("std_dev_ns") else { panic!("no deviation") };
    assert!((deviation - want["std_dev"].as_f64().unwrap()).abs() < 0.1, "{capture}: {deviation}");
}

#[test]
fn mailbox_messages_are_the_expected_ones() {
    let Some(corpus) = corpus() else { return };
    let mut messages = 0;
    for capture in captures(&corpus, "industrial").into_iter().filter(|c| c.contains("ethercat")) {
        let want = expected(&corpus, &capture)["ethercat"]["mailbox_types"]["3"].as_u64().unwrap_or(0);
        let mut have = 0;
        let segment = segment(&corpus, &capture);
        // as packet types: each time that a frame holds one, which is how the oracle counts
        assert!(segment.messages.keys().all(|name| name.starts_with("CoE ")), "{capture}: {:?}", segment.messages);
        assert_eq!(segment.messages.values().sum::<u64>(), want, "{capture}: {:?}", segment.messages);
        for (_, report) in segment.reports() {
            let Some(Value::Map(mailbox)) = report.metadata.get("mailbox") else { continue };
            for (name, count) in mailbox {
                assert!(name.starts_with("CoE "), "{capture}: {name}");
                let Value::Unsigned(count) = count else { panic!("no count") };
                // The oracle sees a message to a station twice: going out and coming back.
                have += count * if *name == "CoE SDO Request" { 2 } else { 1 };
                messages += count;
            }
        }
        assert_eq!(have, want, "{capture}");
    }
    assert!(messages > 100);
}

/// The codes and how often, by capture; start-up has its state changes, nothing else is found of healthy segments.
#[test]
fn finds_what_is_known_of_the_captures_and_no_more() {
    let Some(corpus) = corpus() else { return };
    for capture in captures(&corpus, "industrial").into_iter().filter(|c| c.contains("ethercat")) {
        let mut found: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, report) in segment(&corpus, &capture).reports() {
            for (code, _, finding) in report.findings.iter().flat_map(|log| log.iter()) {
                *found.entry(code).or_default() += finding.count;
            }
        }
        // Stations that were left in error before the master acknowledged it.
        let in_error = found.remove("ethercat.al-status").unwrap_or(0);
        found.remove("ethercat.state-changed");
        let want: &[(&str, u64)] = match capture.as_str() {
            "industrial/ethercat-soem-no-slaves.pcapng" => &[("ethercat.no-return", 1)],
            "industrial/ethercat-soem-akd-coe.pcapng" => &[("ethercat.lost-frame", 3)],
            _ => &[],
        };
        assert_eq!(found.into_iter().collect::<Vec<_>>(), want, "{capture}");
        assert!(in_error <= 8, "{capture}: {in_error}");
    }
}

#[test]
fn states_cycles_and_clocks_of_a_start_up_are_read() {
    let Some(corpus) = corpus() else { return };
    let reports = segment(&corpus, "industrial/ethercat-dc-replay.pcapng").reports();
    let report = reports.iter().map(|(_, r)| r).find(|r| r.metadata.contains_key("cycles")).expect("the sent flow");
    assert_eq!(report.metadata["station_count"], Value::Unsigned(3));
    let Value::List(stations) = &report.metadata["stations"] else { panic!("no list") };
    let changes: Vec<u64> = stations.iter().map(|s| number(s, "state_changes")).collect();
    assert_eq!(changes, [6, 6, 6], "up to OP and down again");
    let Value::List(counters) = &report.metadata["working_counters"] else { panic!("no list") };
    assert_eq!((number(&counters[0], "expected"), number(&counters[0], "returned")), (4, 257));
}

#[test]
fn never_takes_other_protocols() {
    let Some(corpus) = corpus() else { return };
    let decoder = EtherCatDecoder::new();
    let mut tried = 0;
    for folder in ["industrial", "negative", "link", "broadcast", "flight-test", "ptp"] {
        for capture in captures(&corpus, folder).into_iter().filter(|c| !c.contains("ethercat")) {
            let mut all = payloads(&corpus, &capture);
            all.truncate(600);
            for payload in all {
                // As a datagram of any port, and of the port of EtherCAT.
                for port in [None, Some(34_980)] {
                    let mut datagram = Captured { ether_type: None, transport: Transport::UDP, ..payload.clone() };
                    datagram.flow.dst.port = port.or(datagram.flow.dst.port);
                    let confidence = decoder.can_decode(&datagram.packet());
                    tried += 1;
                    let what = format!("{capture} frame {} port {port:?}: {confidence:?}", payload.frame);
                    assert!(confidence.value() < 0.5, "{what}");
                }
            }
        }
    }
    assert!(tried > 30_000, "only {tried} payloads were tried");
}
