//! Real captures against what an independent tool counted in them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;
use streamlens_model::{Transport, Value};

use super::{Network, decode, field, number};
use crate::ptp::PtpDecoder;
use crate::testing::{Captured, corpus, payloads};
use crate::{PduState, StreamDecoder};

/// PTP messages of a capture, as the engine would find them.
pub(super) fn messages(corpus: &Path, capture: &str) -> Vec<Captured> {
    let all = payloads(corpus, &format!("ptp/{capture}")).into_iter();
    all.filter(|p| p.transport == Transport::UDP || p.ether_type == Some(0x88F7))
        .filter(|p| PtpDecoder.can_decode(&p.packet()).value() >= 0.5)
        .collect()
}

/// Names of the PTP captures with expected figures.
pub(super) fn captures(corpus: &Path) -> Vec<String> {
    let folder = corpus.join("expected/ptp");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .expect("expected figures")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.strip_suffix(".json").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 20, "the corpus has the PTP captures");
    names
}

fn expected(corpus: &Path, capture: &str) -> Json {
    let text = std::fs::read(corpus.join("expected/ptp").join(format!("{capture}.json"))).expect("expected figures");
    serde_json::from_slice(&text).expect("JSON")
}

/// `0x02005efffe100001-1` and `00:30:05:1d:1e:27-1` as written here.
fn port(text: &Json) -> String {
    text.as_str().expect("an identity").replace("0x", "").replace(':', "")
}

/// How the facts name a domain: 802.1AS domains are apart.
fn domain_names(domain: &Json) -> Vec<String> {
    match domain {
        Json::String(name) => vec![name.clone()],
        number => vec![number.to_string(), format!("gPTP {number}")],
    }
}

#[derive(Default)]
struct Seen {
    count: u64,
    numbers: Vec<u16>,
}

#[test]
fn message_counts_and_sequence_numbers_agree_with_the_corpus() {
    let Some(corpus) = corpus() else { return };
    for capture in captures(&corpus) {
        let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
        for packet in messages(&corpus, &capture) {
            let (used, result) = decode(&packet, false).expect("identified messages decode");
            assert_eq!((used, result.state), (packet.payload.len(), PduState::Whole), "{capture}");
            let mark = result.marks()[0];
            let name = PtpDecoder.stream_name(mark.id).replace("gPTP ", "").replace("domain ", "");
            let entry = seen.entry(name).or_default();
            entry.count += 1;
            entry.numbers.extend(mark.sequence.map(|s| s.number as u16));
        }
        for row in expected(&corpus, &capture)["ptp"]["messages"].as_array().expect("messages") {
            let domain = row["domain"].to_string().replace('"', "");
            let name = format!("{domain} {} {}", port(&row["source_port_identity"]), row["type"].as_str().unwrap());
            let ours = seen.remove(&name).unwrap_or_default();
            assert_eq!(Some(ours.count), row["count"].as_u64(), "{capture}: {name}");
            let Some(missing) = row["missing_sequence_ids"].as_u64() else {
                assert!(ours.numbers.is_empty(), "{capture}: {name} repeats the numbers of requests");
                continue;
            };
            let steps: Vec<_> = ours.numbers.windows(2).map(|w| w[1].wrapping_sub(w[0])).collect();
            let lost: u64 = steps.iter().filter(|d| (2..0x8000).contains(*d)).map(|d| u64::from(*d) - 1).sum();
            let repeated = steps.iter().filter(|d| **d == 0).count() as u64;
            let backward = steps.iter().filter(|d| **d >= 0x8000).count() as u64;
            assert_eq!(lost, missing, "{capture}: {name}");
            assert_eq!(Some(repeated), row["repeated"].as_u64(), "{capture}: {name}");
            assert_eq!(Some(backward), row["backward"].as_u64(), "{capture}: {name}");
        }
        assert!(seen.is_empty(), "{capture}: {:?} are not expected", seen.keys());
    }
}

#[test]
fn announced_grandmasters_and_management_ids_agree_with_the_corpus() {
    let Some(corpus) = corpus() else { return };
    for capture in captures(&corpus) {
        let (mut announced, mut ids) = (Vec::new(), BTreeMap::<String, u64>::new());
        for packet in messages(&corpus, &capture) {
            let (_, result) = decode(&packet, true).expect("identified messages decode");
            if let (Some(Value::Text(gm)), Some(domain)) =
                (field(&result, "grandmaster_identity"), field(&result, "domain").and_then(|d| number(&d)))
            {
                let entry = (domain as u64, gm.into_owned(), packet.frame);
                if announced.last().is_none_or(|(d, g, _): &(u64, String, u64)| (*d, g) != (entry.0, &entry.1)) {
                    announced.push(entry);
                }
            }
            if let (Some(Value::List(tlvs)), Some(Value::Unsigned(0xD))) =
                (field(&result, "tlvs"), Some(Value::Unsigned(result.packet_type.0.into())))
            {
                for tlv in tlvs {
                    let Value::Map(map) = tlv else { continue };
                    if let Some(Value::Unsigned(id)) = map.get("management_id") {
                        *ids.entry(id.to_string()).or_default() += 1;
                    }
                }
            }
        }
        let doc = expected(&corpus, &capture);
        let rows = doc["ptp"]["announced_grandmasters_in_order"].as_array().expect("a list");
        let rows: Vec<_> = rows
            .iter()
            .map(|r| (r["domain"].as_u64().unwrap(), port(&r["grandmaster"]), r["frame"].as_u64().unwrap()))
            .collect();
        assert_eq!(announced, rows, "{capture}");
        let rows = doc["ptp"]["management_ids"].as_object().expect("a map");
        let rows: BTreeMap<_, _> = rows.iter().map(|(id, n)| (id.clone(), n.as_u64().unwrap())).collect();
        assert_eq!(ids, rows, "{capture}");
    }
}

/// The whole capture through the monitor.
pub(super) fn watch(corpus: &Path, capture: &str) -> Network {
    let mut network = Network::default();
    for packet in messages(corpus, capture) {
        network.captured(&packet);
    }
    network
}

/// Sums a figure over the ports (or masters) of all domains.
fn sum(network: &Network, table: &str, path: &[&str]) -> u64 {
    let Some(Value::Map(domains)) = network.report(&[]).facts.get("domains").cloned() else { return 0 };
    let mut total = 0.0;
    for name in domains.keys() {
        let Some(Value::Map(rows)) = network.fact(name, &[table]) else { continue };
        for row in rows.keys() {
            let path: Vec<_> = [table, row].into_iter().chain(path.iter().copied()).collect();
            total += network.number(name, &path).unwrap_or(0.0);
        }
    }
    total as u64
}

#[test]
fn incomplete_exchanges_agree_with_the_corpus() {
    let Some(corpus) = corpus() else { return };
    for capture in captures(&corpus) {
        let network = watch(&corpus, &capture);
        let ours = [
            sum(&network, "ports", &["delay_requests", "without_answer"]),
            sum(&network, "masters", &["syncs_without_follow_up"]),
            sum(&network, "masters", &["follow_ups_without_sync"]),
        ];
        let doc = expected(&corpus, &capture);
        let rows = ["delay_req_without_resp", "two_step_sync_without_follow_up", "follow_up_without_sync"];
        let rows = rows.map(|name| doc["ptp"]["incomplete"][name].as_u64().unwrap());
        assert_eq!(ours, rows, "{capture}");
    }
}

#[test]
fn capture_clock_figures_agree_with_the_corpus() {
    let Some(corpus) = corpus() else { return };
    for capture in captures(&corpus) {
        let network = watch(&corpus, &capture);
        for row in expected(&corpus, &capture)["ptp"]["capture_clock"].as_array().expect("a list") {
            let master = port(&row["master"]);
            let names = domain_names(&row["domain"]);
            let compare = |path: &[&str], expected: &Json| {
                for (key, ours) in [("count", "count"), ("min", "min_ns"), ("max", "max_ns"), ("mean", "mean_ns")] {
                    let path: Vec<_> =
                        ["masters", &master].into_iter().chain(path.iter().copied()).chain([ours]).collect();
                    let value = names.iter().find_map(|name| network.number(name, &path));
                    let value = value.unwrap_or_else(|| panic!("{capture}: {path:?} is missing"));
                    let expected = expected[key].as_f64().unwrap();
                    // The oracle drops the fractions of the two corrections: up to 2 ns. Means are rounded, and as
                    // floats of differences as large as 10^17 ns, hold 16 digits.
                    let allowed = 2.1 + expected.abs() * 4e-16;
                    assert!((value - expected).abs() <= allowed, "{capture}: {path:?}: {value}, expected {expected}");
                }
            };
            compare(&["sync_capture_minus_origin"], &row["sync_capture_minus_origin_ns"]);
            let b = &row["delay_resp_receive_minus_capture_ns"];
            if b.is_object() {
                let Some(Value::Map(requesters)) =
                    names.iter().find_map(|name| network.fact(name, &["masters", &master, "by_requester"]))
                else {
                    panic!("{capture}: no path")
                };
                assert_eq!(requesters.len(), 1, "{capture}: one requester");
                let requester = requesters.keys().next().unwrap();
                compare(&["by_requester", requester, "delay_resp_receive_minus_capture"], b);
            }
        }
    }
}

#[test]
fn healthy_captures_have_no_findings() {
    let Some(corpus) = corpus() else { return };
    for capture in captures(&corpus) {
        let network = watch(&corpus, &capture);
        let findings = network.findings(streamlens_model::Severity::Info);
        eprintln!("{capture}: {findings:#?}");
        let is_healthy = capture.starts_with("ptp") && capture.contains("p4l") || capture.starts_with("ptpd");
        if is_healthy && !capture.contains("gm-change") {
            assert!(findings.is_empty(), "{capture}: {findings:?}");
        }
    }
}

#[test]
fn the_change_of_grandmaster_is_found_where_the_slave_saw_it() {
    let Some(corpus) = corpus() else { return };
    let network = watch(&corpus, "ptp4l-gm-change.pcap");
    let Some(Value::List(history)) = network.fact("0", &["grandmasters_in_order"]) else { panic!("no history") };
    let order: Vec<_> = history
        .iter()
        .map(|entry| match entry {
            Value::Map(map) => map.get("grandmaster").cloned(),
            _ => None,
        })
        .collect();
    let clock = |last: u8| Some(Value::text(format!("02005efffe1000{last:02x}")));
    assert_eq!(order, [clock(3), clock(1), clock(3)]);
    let codes = network.codes();
    assert_eq!(codes, ["ptp.announce-timeout", "ptp.grandmaster-changed", "ptp.unanswered-delay-request"]);
}

#[test]
fn nothing_else_becomes_ptp_on_its_ports() {
    let Some(corpus) = corpus() else { return };
    let mut tried = 0_u64;
    let mut wrong = Vec::new();
    for folder in ["negative", "link", "industrial", "broadcast", "flight-test"] {
        let Ok(entries) = std::fs::read_dir(corpus.join("captures").join(folder)) else { continue };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !name.ends_with(".pcap") && !name.ends_with(".pcapng") && !name.ends_with(".cap") {
                continue;
            }
            let capture = format!("{folder}/{name}");
            let Ok(all) = std::panic::catch_unwind(|| payloads(&corpus, &capture)) else { continue };
            for mut packet in all.into_iter().filter(|p| p.transport == Transport::UDP) {
                let own_ports = (packet.flow.src.port, packet.flow.dst.port);
                for ports in [own_ports, (Some(319), Some(319)), (Some(320), Some(320)), (Some(5004), Some(319))] {
                    (packet.flow.src.port, packet.flow.dst.port) = ports;
                    let confidence = PtpDecoder.can_decode(&packet.packet());
                    tried += 1;
                    if confidence.value() >= 0.5 {
                        wrong.push((capture.clone(), packet.frame, ports, confidence));
                    }
                }
            }
        }
    }
    eprintln!("{tried} payloads tried on PTP's ports and their own");
    assert!(tried > 10_000, "the corpus was tried");
    assert!(wrong.is_empty(), "{} became PTP: {:?}", wrong.len(), wrong.iter().take(20).collect::<Vec<_>>());
}
