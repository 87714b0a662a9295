//! The captures of the corpus against the expected files.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;
use streamlens_model::{Transport, Value};

use super::harness::{Outcome, Session};
use crate::modbus::{ModbusRtuDecoder, ModbusTcpDecoder};
use crate::testing::{Captured, captures, corpus, expected, number, payloads};
use crate::{FlowReport, StreamDecoder};

/// A capture in which an acknowledgement stands before the segment that it acknowledges. The oracle takes the segment
/// for a retransmission and leaves its PDU out; it is the only arrival.
const OVERTAKEN: &str = "modbus-big";

#[test]
fn a_segment_behind_its_own_acknowledgement_counts() {
    let Some(corpus) = corpus() else { return };
    let outcome = run(&corpus, "industrial/modbus-big.pcap", &ModbusTcpDecoder::new());
    let count = |name: &str| outcome.iter().filter_map(|o| o.types.get(name)).sum::<u64>();
    assert_eq!((count("Read Coils Request"), count("Read Coils Response")), (1387, 1388));
    let facts = outcome.iter().find_map(|o| transactions(&o.report)).expect("transactions");
    assert_eq!(
        (number(facts, "matched"), number(facts, "unmatched_at_start"), number(facts, "open_at_end")),
        (2774, 1, 0)
    );
}

fn run(corpus: &Path, capture: &str, decoder: &dyn StreamDecoder) -> Vec<Outcome> {
    let mut session = Session::new(decoder, true);
    payloads(corpus, capture).iter().filter(|p| p.transport == Transport::TCP).for_each(|p| session.segment(p));
    session.outcome()
}

fn transactions(report: &FlowReport) -> Option<&Value> {
    report.metadata.get("transactions")
}

#[test]
fn types_are_the_expected_ones() {
    let Some(corpus) = corpus() else { return };
    for capture in captures(&corpus, "industrial") {
        let want = expected(&corpus, &capture);
        let outcome = run(&corpus, &capture, &ModbusTcpDecoder::new());
        let lenient = want["lenient"] == true;
        let mut wanted = 0;
        for flow in want["flows"].as_array().expect("flows") {
            let modbus = &flow["encodings"]["ModbusTCP"];
            let Some(types) = modbus["types"].as_object() else { continue };
            wanted += 1;
            let found = outcome.iter().find(|o| {
                o.flow.src.address.to_string() == flow["src"]
                    && o.flow.dst.address.to_string() == flow["dst"]
                    && o.flow.src.port.map(u64::from) == flow["sport"].as_u64()
                    && o.flow.dst.port.map(u64::from) == flow["dport"].as_u64()
            });
            let found = found.unwrap_or_else(|| panic!("{capture}: {} -> {} is not found", flow["src"], flow["dst"]));
            let types: BTreeMap<String, u64> =
                types.iter().map(|(k, n)| (k.clone(), n.as_u64().expect("a count"))).collect();
            if !lenient && !capture.contains(OVERTAKEN) {
                assert_eq!(found.types, types, "{capture}: {}", found.flow);
            }
        }
        if !lenient {
            assert_eq!(outcome.len(), wanted, "{capture}: {:?}", outcome.iter().map(|o| &o.types).collect::<Vec<_>>());
        }
    }
}

#[test]
fn transactions_are_the_expected_ones() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for capture in captures(&corpus, "industrial").into_iter().filter(|c| c.contains("/mod")) {
        let want = expected(&corpus, &capture);
        // The expected files count what the oracle makes of damaged streams differently.
        if want["lenient"] == true || capture.contains(OVERTAKEN) {
            continue;
        }
        let outcome = run(&corpus, &capture, &ModbusTcpDecoder::new());
        let facts: Vec<&Value> = outcome.iter().filter_map(|o| transactions(&o.report)).collect();
        let sum = |name: &str| facts.iter().map(|f| number(f, name)).sum::<u64>();
        let want = &want["modbus"];
        assert_eq!(sum("matched"), want["matched"], "{capture}: matched");
        assert_eq!(sum("unanswered") + sum("open_at_end"), want["unanswered"], "{capture}: unanswered");
        assert_eq!(sum("unsolicited") + sum("unmatched_at_start"), want["unmatched_responses"], "{capture}: unmatched");
        let of = |name: &str| want[name].as_object().expect("counts").values().filter_map(Json::as_u64).sum::<u64>();
        assert_eq!(sum("requests"), of("requests"), "{capture}");
        assert_eq!(sum("responses"), of("responses"), "{capture}");
        assert_eq!(sum("exceptions"), of("exceptions_by_code"), "{capture}");
        response_times(&capture, &outcome, &want["response_time_us"]);
        exceptions(&capture, &outcome, &want["exceptions_by_code"]);
        compared += 1;
    }
    assert!(compared >= 12, "only {compared} captures were compared");
}

fn exceptions(capture: &str, outcome: &[Outcome], want: &Json) {
    let mut by_code = BTreeMap::new();
    for list in outcome.iter().filter_map(|o| o.report.metadata.get("exceptions")) {
        let Value::List(list) = list else { panic!("no list") };
        for line in list {
            *by_code.entry(number(line, "code").to_string()).or_insert(0) += number(line, "count");
        }
    }
    let want: BTreeMap<String, u64> =
        want.as_object().expect("codes").iter().map(|(k, n)| (k.clone(), n.as_u64().expect("a count"))).collect();
    assert_eq!(by_code, want, "{capture}");
}

fn response_times(capture: &str, outcome: &[Outcome], want: &Json) {
    let times: Vec<&Value> = outcome.iter().filter_map(|o| o.report.metadata.get("response_time")).collect();
    let Some(count) = want["count"].as_u64() else {
        assert!(times.is_empty(), "{capture}");
        return;
    };
    assert_eq!(times.iter().map(|t| number(t, "count")).sum::<u64>(), count, "{capture}");
    let nanos = |name: &str| (want[name].as_f64().expect("a time") * 1000.0).round() as u64;
    assert_eq!(times.iter().map(|t| number(t, "min_ns")).min(), Some(nanos("min")), "{capture}: min");
    assert_eq!(times.iter().map(|t| number(t, "max_ns")).max(), Some(nanos("max")), "{capture}: max");
    let mean = |t: &&Value| match t {
        Value::Map(map) => match map.get("mean_ns") {
            Some(Value::Float(mean)) => *mean * number(t, "count") as f64,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let mean = times.iter().map(mean).sum::<f64>() / count as f64;
    assert!((mean - want["mean"].as_f64().expect("a time") * 1000.0).abs() < 1.0, "{capture}: mean {mean}");
}

#[test]
fn rtu_over_tcp_is_told_apart_and_complete() {
    let Some(corpus) = corpus() else { return };
    let capture = "industrial/neg-modbus-rtu-over-tcp-5020.pcap";
    assert!(run(&corpus, capture, &ModbusTcpDecoder::new()).is_empty());
    let outcome = run(&corpus, capture, &ModbusRtuDecoder::new());
    assert_eq!(outcome.len(), 2);
    let counts: Vec<u64> = outcome.iter().map(|o| o.types.values().sum()).collect();
    assert_eq!(counts, [67, 67], "{:?}", outcome.iter().map(|o| &o.types).collect::<Vec<_>>());
    let client = outcome.iter().find_map(|o| transactions(&o.report)).expect("transactions");
    assert_eq!((number(client, "matched"), number(client, "requests")), (67, 67));
    let types = &outcome.iter().find(|o| o.flow.dst.port == Some(5020)).expect("requests").types;
    assert!(types.keys().all(|name| name.ends_with("Request")), "{types:?}");
}

/// Everything else that is known, wherever it runs: no stream of it is taken. Datagrams and frames are tried as if TCP
/// carried them.
#[test]
fn never_takes_other_protocols() {
    let Some(corpus) = corpus() else { return };
    let decoders: [&dyn StreamDecoder; 2] = [&ModbusTcpDecoder::new(), &ModbusRtuDecoder::new()];
    let mut tried = 0;
    for folder in ["industrial", "negative", "link", "broadcast", "flight-test", "ptp"] {
        for capture in captures(&corpus, folder) {
            if capture.starts_with("industrial/mod") {
                continue;
            }
            let mut all = payloads(&corpus, &capture);
            all.truncate(600);
            for (decoder, port) in decoders.iter().flat_map(|d| [(*d, None), (*d, Some(502))]) {
                if decoder.info().name == "ModbusRTU" && capture.contains("rtu-over-tcp") {
                    continue;
                }
                let mut session = Session::new(decoder, true);
                for payload in &all {
                    let Captured { mut flow, transport, .. } = payload.clone();
                    // A DNS header passes for MBAP headers of function 0, and nobody sends it to TCP port 502.
                    if port.is_some() && transport != Transport::TCP {
                        continue;
                    }
                    if port.is_some() {
                        let lower = if flow.src.port < flow.dst.port { &mut flow.src } else { &mut flow.dst };
                        lower.port = port;
                    }
                    tried += 1;
                    let tcp_sequence = payload.tcp_sequence.filter(|_| transport == Transport::TCP);
                    session.segment(&Captured { flow, transport: Transport::TCP, tcp_sequence, ..payload.clone() });
                }
                if let Some(outcome) = session.outcome().first() {
                    panic!("{capture} port {port:?}: {} as {:?}", outcome.flow, outcome.types);
                }
            }
        }
    }
    assert!(tried > 30_000, "only {tried} payloads were tried");
}

#[test]
fn every_cut_of_a_session_gives_the_same_pdus() {
    let Some(corpus) = corpus() else { return };
    for capture in ["industrial/modbus-pymodbus-all-functions.pcap", "industrial/modbus-2502-split-responses.pcap"] {
        let decoder = ModbusTcpDecoder::new();
        let whole = run(&corpus, capture, &decoder);
        for size in [1, 2, 5, 7, 13, 1000] {
            let mut streams: BTreeMap<_, Vec<u8>> = BTreeMap::new();
            let mut first: BTreeMap<_, Captured> = BTreeMap::new();
            for p in payloads(&corpus, capture).iter().filter(|p| p.transport == Transport::TCP) {
                streams.entry(p.flow).or_default().extend_from_slice(&p.payload);
                first.entry(p.flow).or_insert_with(|| p.clone());
            }
            let mut session = Session::new(&decoder, false);
            for (flow, bytes) in &streams {
                for piece in bytes.chunks(size) {
                    let payload = piece.to_vec();
                    session.segment(&Captured { payload, tcp_sequence: None, ..first[flow].clone() });
                }
            }
            let types = |o: &Outcome| (o.flow, o.types.clone());
            let (cut, uncut): (Vec<_>, Vec<_>) =
                (session.outcome().iter().map(types).collect(), whole.iter().map(types).collect());
            assert_eq!(cut, uncut, "{capture} in pieces of {size}");
        }
    }
}
