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
    let codes = |document: &Value| -> Vec<String> {
        let findings = document["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes(&document), ["capture.copies"], "what concerns the capture as a whole stays");
    let lossy = json(&scratch, &["-Y", "encoding == IENA and lost > 0"]);
    assert_eq!(codes(&lossy), ["iena.loss", "capture.copies"]);
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

/// Codes of the findings of a document.
fn codes(document: &serde_json::Value) -> Vec<&str> {
    document["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[test]
fn findings_at_no_flow_are_shown_with_what_they_concern() {
    const PAIR: &str = "st2022-7.loss-after-merge";
    let scratch = Scratch::new("filter-spanning");
    let faults = example("faults.pcapng");
    let shown = |filter: &str| scratch.run(&[&faults, "--format", "json", "-Y", filter]).json();
    for (filter, is_shown) in [
        ("rtp", true),
        ("src == 192.168.60.31", true),
        ("stream contains referee", true),
        ("iena", false),
        ("rtp and not stream contains referee", false),
        ("port == 1 and rtp", false),
    ] {
        assert_eq!(codes(&shown(filter)).contains(&PAIR), is_shown, "{filter}");
    }
    let table = scratch.run(&[&faults, "-Y", "rtp"]).stdout;
    assert!(table.contains(PAIR), "{table}");
    // streams that were announced and never came
    let early = scratch.run(&[&faults, "-c", "40", "--format", "json", "-Y", "sap"]).json();
    assert_eq!(codes(&early), ["sdp.not-sent"; 2]);
    // the legs of the pair, and nothing else
    let legs = shown(&format!("finding == {PAIR}"));
    let of: Vec<_> = legs["flows"].as_array().unwrap().iter().map(|flow| flow["dst"]["address"].clone()).collect();
    assert_eq!(of, ["239.70.1.31", "239.70.2.31"]);
    let status = |filter: &str| scratch.run(&[&faults, "--fail-on", "error", "-Y", filter]).status;
    assert_eq!((status(&format!("finding == {PAIR}")), status("iena and lost == 0")), (1, 0));
    // while frames are read, and what the sum of the lines holds is what the document does
    for (filter, is_shown) in [("rtp", true), ("iena", false)] {
        let lines = scratch.run(&[&faults, "--format", "ndjson", "--every", "100ms", "-Y", filter]).stdout;
        let is_told = |line: &str| line.starts_with("{\"update\"") && line.contains(PAIR);
        assert_eq!(lines.lines().any(is_told), is_shown, "{filter}");
    }
}

#[test]
fn columns_of_findings_are_the_same_with_and_without_a_filter() {
    let scratch = Scratch::new("filter-columns");
    let faults = example("faults.pcapng");
    let rows = |more: &[&str]| {
        let options =
            ["--columns", "level,name,findings,finding,severity", "--format", "csv", "--depth", "stream", &faults];
        scratch.run(&[&options, more].concat()).stdout
    };
    let all = rows(&[]);
    assert!(all.lines().any(|line| line.contains("rtp.loss") && line.contains("error")), "{all}");
    assert!(all.contains("st2022-7.loss-after-merge"), "{all}");
    assert_eq!(rows(&["-Y", "level"]), all);
    // flows by what stands at them and below
    let first = |sort: &str| rows(&["--sort", sort, "--top", "1"]);
    assert!(first("findings").contains("rtp.loss") && first("severity").contains("rtp.loss"));
    // nothing is taken away where all is shown
    for capture in ["demo.pcapng", "faults.pcapng"].map(example) {
        let networks =
            |more: &[&str]| scratch.run(&[&[&*capture, "--format", "json"], more].concat()).json()["networks"].clone();
        assert_eq!(networks(&["-Y", "level"]), networks(&[]));
        let ptp = &networks(&["-Y", "ptp"])["PTP"];
        assert!(ptp.is_null() || ptp == &networks(&[])["PTP"], "{ptp}");
    }
}

#[test]
fn legs_on_interfaces_of_their_own_are_of_the_pair() {
    let Some(corpus) = streamlens_testing::corpus() else { return };
    let scratch = Scratch::new("filter-legs");
    let path = corpus.join("captures/reports/st2022-7-same-addresses-two-interfaces.pcapng");
    let shown = scratch.run(&[path.to_str().unwrap(), "--format", "json", "-Y", "rtp"]).json();
    assert!(codes(&shown).contains(&"st2022-7.loss-after-merge"), "{:?}", codes(&shown));
}

#[test]
fn findings_of_the_capture_are_always_shown() {
    let scratch = Scratch::new("filter-capture");
    let path = example("demo.pcapng");
    // the same file twice: its times run backwards where it begins again
    let shown = scratch.run(&[&path, &path, "--format", "json", "-Y", "ptp"]).json();
    let all = scratch.run(&[&path, &path, "--format", "json"]).json();
    let of_capture =
        |document: &serde_json::Value| codes(document).iter().filter(|code| code.starts_with("capture.")).count();
    assert!(of_capture(&all) > 0, "{:?}", codes(&all));
    assert_eq!(of_capture(&shown), of_capture(&all));
}

/// The path of a capture of the project.
fn example(name: &str) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("examples/captures").join(name).to_str().unwrap().to_owned()
}

#[test]
fn reports_expectations_and_comparisons_are_of_what_matches() {
    let scratch = Scratch::new("filter-elsewhere");
    let demo = example("demo.pcapng");
    let report =
        |filter: &[&str]| scratch.run(&[&["report", "flight-test", &demo, "--format", "csv"], filter].concat());
    let (all, iena) = (report(&[]).stdout, report(&["-Y", "iena"]).stdout);
    assert!(all.contains("Chapter10") && all.contains("192.168.20.11:40001"), "{all}");
    assert!(!iena.contains("Chapter10") && iena.contains("192.168.20.11:40001"), "{iena}");
    let fields = |line: &str| line.split('"').step_by(2).map(|between| between.matches(',').count()).sum::<usize>();
    let widths: std::collections::BTreeSet<_> = all.lines().chain(iena.lines()).map(fields).collect();
    assert_eq!(widths.len(), 1, "every line has as many fields");
    assert!(iena.lines().any(|line| line.contains(",\"Filter\",\"iena\",")), "{iena}");
    let text = scratch.run(&["report", "flight-test", &demo, "-Y", "iena"]).stdout;
    assert!(text.lines().any(|line| line.starts_with("Filter") && line.ends_with("iena")), "{text}");

    let learned = scratch.run(&["learn", &demo, "-Y", "iena and lost > 0"]).stdout;
    assert_eq!(
        (learned.matches("[[stream]]").count(), learned.contains("others = \"allowed\"")),
        (1, true),
        "{learned}"
    );
    scratch.file("iena.toml", learned.as_bytes());
    let judged = scratch.run(&[&demo, "--expect", "iena.toml", "--format", "json"]);
    assert!(!judged.stdout.contains("expect."), "{}", judged.stdout);

    scratch.file("strict.toml", b"others = \"unexpected\"\n[[stream]]\nencoding = \"IENA\"\nmax_rate = 0.001\n");
    let strict = scratch.run(&[&demo, "--expect", "strict.toml", "--format", "json"]).json();
    let flows = strict["flows"].as_array().unwrap();
    let name = |flow: &serde_json::Value| {
        let end = |end: &serde_json::Value| format!("{}:{}", end["address"].as_str().unwrap_or("-"), end["port"]);
        format!("{} -> {}", end(&flow["src"]), end(&flow["dst"]))
    };
    let mut judged = 0;
    for finding in strict["findings"].as_array().unwrap() {
        let is_own = ["expect.limit", "expect.unexpected"].contains(&finding["code"].as_str().unwrap());
        let Some(flow) = flows.iter().find(|flow| is_own && finding["where"]["flow"] == name(flow)) else { continue };
        let time = finding["first"]["time"].as_str();
        assert!((flow["first_seen"].as_str()..=flow["last_seen"].as_str()).contains(&time), "{finding}");
        judged += 1;
    }
    assert!(judged > 2, "{judged}");
    // where the stream begins that is judged, not its flow
    let begins = |stream: &str| {
        let mut findings = strict["findings"].as_array().unwrap().iter();
        let finding =
            findings.find(|finding| finding["code"] == "expect.limit" && finding["where"]["stream"] == stream);
        finding.map(|finding| finding["first"]["frame"].clone())
    };
    assert_eq!((begins("key 0x0A01"), begins("key 0x0B02")), (Some(3.into()), Some(7.into())));

    let compare = |filter: &[&str]| {
        let ran = scratch.run(&[&["compare", &demo, &example("faults.pcapng"), "--format", "json"], filter].concat());
        ran.json()["streams"].as_array().unwrap().clone()
    };
    let table = scratch.run(&["compare", &demo, &demo, "-Y", "ptp"]).stdout;
    assert!(table.lines().any(|line| line.starts_with("Filter") && line.ends_with("ptp")), "{table}");
    let nothing = scratch.run(&["learn", &demo, "-Y", "port == 1"]);
    assert!(nothing.status == 0 && nothing.stderr.contains("shows no stream"), "{}", nothing.stderr);
    let (all, ptp) = (compare(&[]), compare(&["-Y", "ptp"]));
    let of_ptp: Vec<_> = all.iter().filter(|stream| stream["encoding"] == "PTP").cloned().collect();
    assert!(!ptp.is_empty() && ptp.len() < all.len());
    assert_eq!(ptp, of_ptp);
    for command in
        [&["report", "media", "missing.pcap"][..], &["learn", "missing.pcap"], &["compare", "a.pcap", "b.pcap"]]
    {
        let ran = scratch.run(&[command, &["-Y", "jiter > 5ms"]].concat());
        assert!(ran.status == 2 && ran.stderr.contains("did you mean jitter?"), "{command:?}: {}", ran.stderr);
    }
}

#[test]
fn codes_of_findings_are_known_and_options_of_the_table_say_so_elsewhere() {
    let scratch = Scratch::new("filter-codes");
    let demo_path = example("demo.pcapng");
    let ran = scratch.run(&[&demo_path, "-Y", "finding == iena.los"]);
    assert!(ran.status == 2 && ran.stderr.contains("did you mean iena.loss?"), "{}", ran.stderr);
    assert_eq!(json(&scratch, &["-Y", "finding == IENA.LOSS"])["flows"].as_array().unwrap().len(), 1);
    assert_eq!(json(&scratch, &["-Y", "vlan == 0x1E"])["flows"], json(&scratch, &["-Y", "vlan == 30"])["flows"]);
    for (option, format, is_said) in [
        ("--gaps", "json", true),
        ("--networks", "csv", true),
        ("--unidentified", "csv", true),
        ("--unidentified", "json", false),
        ("--gaps", "table", false),
    ] {
        let ran = demo(&scratch, &[option, "--format", format]);
        assert_eq!(ran.stderr.contains("shows in the format table only"), is_said, "{option} {format}: {}", ran.stderr);
    }
    let ran = scratch.run(&[&demo_path, "--decap", "all,none"]);
    assert!(ran.status == 2 && ran.stderr.contains("all and none contradict each other"), "{}", ran.stderr);
}

#[test]
fn what_was_not_recognised_is_there_for_who_asks_for_no_encoding() {
    let scratch = Scratch::new("expect-unidentified");
    let demo_path = example("demo.pcapng");
    let document = json(&scratch, &["-Y", "not encoding"]);
    let flow = &document["flows"][0];
    let end = |end: &Value| match (&end["address"], &end["port"]) {
        (Value::String(address), Value::Number(port)) => format!("{address}:{port}"),
        (address, _) => address.as_str().unwrap().to_owned(),
    };
    let expected = |more: &str| {
        let text = format!(
            "others = \"allowed\"\n[[stream]]\nsrc = \"{}\"\ndst = \"{}\"\n{more}",
            end(&flow["src"]),
            end(&flow["dst"])
        );
        scratch.file("there.toml", text.as_bytes());
        let found = scratch.run(&[&demo_path, "--expect", "there.toml", "--format", "json"]).json();
        let codes =
            found["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned());
        codes.filter(|code| code.starts_with("expect.")).collect::<Vec<_>>()
    };
    assert_eq!(expected(""), Vec::<String>::new());
    assert_eq!(expected("encoding = \"RTP\""), ["expect.absent"]);
    assert_eq!(expected("min_rate = 1e9"), ["expect.limit"]);
    assert_eq!(expected("max_loss_percent = 1.0"), ["expect.limit"], "of what is unknown nothing is promised");
}

#[test]
fn mistakes_are_marked_before_anything_is_opened() {
    let scratch = Scratch::new("filter-mistakes");
    let ran = scratch.run(&["missing.pcap", "-Y", "ptp and jiter > 5ms", "--sdp", "missing.sdp"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    let wanted = "streamlens: the filter is wrong: there is no field 'jiter'; did you mean jitter?\n  ptp and jiter > 5ms\n          ^^^^^\n";
    assert_eq!(ran.stderr, wanted);
}
