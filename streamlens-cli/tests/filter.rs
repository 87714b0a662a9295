//! `-Y`: what is shown in every format, findings, totals, order, mistakes.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use common::{Ran, Scratch};
use serde_json::Value;

/// The command on the demo capture.
fn demo(scratch: &Scratch, arguments: &[&str]) -> Ran {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/captures/demo.pcapng");
    let ran = scratch.run(&[&[path.to_str().unwrap()], arguments].concat());
    assert!(ran.status < 2, "{arguments:?}: {}", ran.stderr);
    ran
}

fn json(scratch: &Scratch, arguments: &[&str]) -> Value {
    demo(scratch, &[&["--format", "json"], arguments].concat()).json()
}

fn encodings(flow: &Value) -> Vec<&Value> {
    let transports = flow["transport_protocols"].as_object().unwrap().values();
    transports.flat_map(|transport| transport["application_encodings"].as_object().unwrap().values()).collect()
}

#[test]
fn only_what_matches_and_what_leads_to_it_is_shown() {
    let scratch = Scratch::new("filter-json");
    let whole = json(&scratch, &[]);
    let document = json(&scratch, &["-Y", "type in {Sync, Follow_Up}"]);
    let flows = document["flows"].as_array().unwrap();
    assert_eq!(flows.len(), 3);
    for flow in flows {
        for encoding in encodings(flow) {
            assert!(
                encoding["packet_types"].as_object().unwrap().keys().all(|name| name == "Sync" || name == "Follow_Up")
            );
            let named = &encoding["encoding_name"];
            let known = whole["flows"].as_array().unwrap().iter().find(|known| known["src"] == flow["src"]).unwrap();
            let known = encodings(known).into_iter().find(|known| known["encoding_name"] == *named).unwrap();
            assert_eq!(encoding["packet_count"], known["packet_count"], "figures are those of the whole row");
        }
    }
    assert_eq!(document["capture"], whole["capture"], "so are the totals of the capture");
    assert_eq!(document["findings"].as_array().unwrap().len(), 0);
    let lossy = json(&scratch, &["-Y", "encoding == IENA and lost > 0"]);
    let codes: Vec<_> = lossy["findings"].as_array().unwrap().iter().map(|finding| &finding["code"]).collect();
    assert_eq!(codes, ["iena.loss"]);
}

#[test]
fn the_empty_filter_and_one_that_all_match_change_nothing() {
    let scratch = Scratch::new("filter-all");
    for format in ["json", "ndjson", "csv"] {
        let plain = demo(&scratch, &["--format", format]).stdout;
        assert_eq!(demo(&scratch, &["--format", format, "-Y", ""]).stdout, plain);
        // it asks for findings, which takes a look at them before
        let all = demo(&scratch, &["--format", format, "-Y", "packets > 0 or findings > 0"]).stdout;
        let without = |text: &str| text.lines().filter(|line| !line.contains("capture.")).count();
        assert_eq!(without(&all), without(&plain), "{format}");
        if format != "ndjson" {
            assert_eq!(all.len(), plain.len(), "{format}");
        }
    }
}

#[test]
fn networks_keep_what_names_a_flow_that_is_shown() {
    let scratch = Scratch::new("filter-networks");
    let names = |filter: &str| {
        let document = json(&scratch, &["-Y", filter]);
        document["networks"].as_object().map_or_else(Vec::new, |networks| networks.keys().cloned().collect())
    };
    assert_eq!(names("iena"), Vec::<String>::new());
    assert_eq!(names("ptp"), ["PTP"]);
    assert_eq!(names("239.69.1.31"), ["SAP"]);
    let document = json(&scratch, &["-Y", "239.69.1.31"]);
    let sessions = document["networks"]["SAP"]["sdp_sessions"].as_array().unwrap();
    assert!(sessions.len() == 1 && sessions[0].to_string().contains("239.69.1.31"), "{sessions:?}");
    let mut domains: Vec<_> =
        json(&scratch, &["-Y", "ptp"])["networks"]["PTP"]["domains"].as_object().unwrap().keys().cloned().collect();
    domains.sort();
    let mut all: Vec<_> =
        json(&scratch, &[])["networks"]["PTP"]["domains"].as_object().unwrap().keys().cloned().collect();
    all.sort();
    assert_eq!(domains, all);
}

#[test]
fn every_format_shows_the_same_rows() {
    let scratch = Scratch::new("filter-formats");
    for (filter, counts) in [("lost > 0", [4, 4, 9]), ("not ptp", [18, 14, 24]), ("jitter > 5ms", [6, 6, 3])] {
        let csv = demo(&scratch, &["--format", "csv", "-Y", filter]).stdout;
        let of = |level: &str| csv.lines().filter(|line| line.split(',').next() == Some(level)).count();
        assert_eq!(["flow", "encoding", "type"].map(of), counts, "{filter}");
        let table = demo(&scratch, &["-Y", filter]).stdout;
        assert!(table.contains(&format!("{} of 23 flows; 1,260 frames", counts[0])), "{table}");
        let ndjson = demo(&scratch, &["--format", "ndjson", "-Y", filter]).stdout;
        let flows = ndjson.lines().filter(|line| line.starts_with("{\"flow\"")).count();
        assert_eq!(flows, counts[0]);
        let rows = demo(&scratch, &["--format", "ndjson", "--columns", "packets", "-Y", filter]).stdout;
        let of = |level: &str| rows.lines().filter(|line| line.contains(&format!("\"level\":\"{level}\""))).count();
        assert_eq!(["flow", "encoding", "type"].map(of), counts, "{filter}");
        let document = json(&scratch, &["-Y", filter]);
        assert_eq!(document["flows"].as_array().unwrap().len(), counts[0]);
    }
}

#[test]
fn order_number_depth_and_fail_on_act_on_what_is_shown() {
    let scratch = Scratch::new("filter-options");
    let lost = |arguments: &[&str]| {
        let document = json(&scratch, &[&["-Y", "lost > 0", "--sort", "lost"], arguments].concat());
        let flows = document["flows"].as_array().unwrap().clone();
        let sum = |flow: &Value| -> u64 {
            let streams = encodings(flow).into_iter().flat_map(|of| of["health"]["streams"].as_array().unwrap());
            streams.filter_map(|stream| stream["lost"].as_u64()).sum()
        };
        flows.iter().map(sum).collect::<Vec<_>>()
    };
    let all = lost(&[]);
    assert!(all.len() == 4 && all.is_sorted_by(|one, other| one >= other), "{all:?}");
    assert_eq!(lost(&["--top", "2"]), all[..2]);
    let table = demo(&scratch, &["-Y", "lost > 0", "--top", "2"]).stdout;
    assert!(table.contains("4 of 23 flows, 2 shown; 1,260 frames"), "{table}");
    let flat = demo(&scratch, &["-Y", "lost > 0", "--depth", "encoding"]).stdout;
    assert!(flat.contains("IENA") && !flat.contains("P-type"), "{flat}");
    let streams = demo(&scratch, &["-Y", "stream contains wing", "--depth", "stream"]).stdout;
    assert!(streams.contains("Wing strain") && !streams.contains("Cockpit clock"), "{streams}");
    let status = |filter: &str| demo(&scratch, &["-Y", filter, "--fail-on", "error"]).status;
    assert_eq!((status("lost > 0"), status("ptp"), status("modbustcp")), (1, 0, 0));
}

#[test]
fn mistakes_are_marked_before_anything_is_opened() {
    let scratch = Scratch::new("filter-mistakes");
    let ran = scratch.run(&["missing.pcap", "-Y", "ptp and jiter > 5ms", "--sdp", "missing.sdp"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    let wanted = "streamlens: the filter is wrong: there is no field 'jiter'; did you mean jitter?\n  ptp and jiter > 5ms\n          ^^^^^\n";
    assert_eq!(ran.stderr, wanted);
}
