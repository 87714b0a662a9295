//! The capture of faults: its bytes are those that the generator makes, and the command says what is wrong in it.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use std::path::{Path, PathBuf};

use common::Scratch;
use serde_json::Value;
use streamlens_testing::faults;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/captures").join(name)
}

fn run(more: &[&str]) -> common::Ran {
    let capture = path("faults.pcapng");
    Scratch::new("faults").run(&[&[capture.to_str().unwrap(), "--format", "json"], more].concat())
}

fn findings(document: &Value, code: &str) -> Vec<Value> {
    document["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == code).cloned().collect()
}

#[test]
fn the_committed_file_is_what_the_generator_makes() {
    let file = std::fs::read(path("faults.pcapng")).unwrap();
    assert!(file == faults::capture(), "run `cargo run --example make_demo` and commit what it writes");
}

#[test]
fn redundancy_its_loss_and_a_clock_that_is_off_are_found() {
    let document = run(&[]).json();
    let lost = |range: std::ops::Range<u16>| u64::from(range.end - range.start);
    let pair = &document["networks"]["RTP"]["st2022_7_pairs"][0];
    assert!(pair.is_object(), "{}", document["networks"]);
    let merged = &findings(&document, "st2022-7.loss-after-merge")[0];
    assert!(merged["text"].as_str().unwrap().starts_with(&format!("{} of", lost(faults::BOTH_LOST))), "{merged}");
    let of_paths: Vec<_> =
        findings(&document, "rtp.loss").iter().map(|finding| finding["packets"].as_u64().unwrap()).collect();
    let both = lost(faults::BOTH_LOST);
    assert_eq!(of_paths, [lost(faults::RED_LOST) + both, lost(faults::BLUE_LOST) + both]);
    let clock = &findings(&document, "iena.clock-offset")[0];
    assert!(clock["text"].as_str().unwrap().contains("+18 s (GPS time less UTC)"), "{clock}");
    let names: Vec<_> = document["flows"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|flow| {
            flow["transport_protocols"]["UDP"]["application_encodings"]["AES67"]["health"]["streams"][0]["name"]
                .as_str()
        })
        .collect();
    assert_eq!(names, ["Referee microphone (red)", "Referee microphone (blue)"]);
}

#[test]
fn the_expectation_file_gives_its_verdicts() {
    let expectations = path("faults.toml");
    let ran = run(&["--expect", expectations.to_str().unwrap(), "--fail-on", "error"]);
    assert_eq!(ran.status, 1);
    let document = ran.json();
    let [absent] = &findings(&document, "expect.absent")[..] else { panic!("{document}") };
    assert!(absent["text"].as_str().unwrap().contains("key 0x0C04"), "{absent}");
    let [limit] = &findings(&document, "expect.limit")[..] else { panic!("{document}") };
    assert!(limit["where"]["flow"].as_str().unwrap().contains("239.70.1.31"), "{limit}");
    assert!(findings(&document, "expect.unexpected").is_empty());
}

/// Each report in each form holds what is wrong in the capture.
#[test]
fn reports_hold_what_is_wrong() {
    let scratch = Scratch::new("reports");
    let capture = path("faults.pcapng");
    let capture = capture.to_str().unwrap();
    for (kind, parts) in [
        (
            "flight-test",
            &["key 0x0C03", "192.168.20.13:40001", "+18 s (GPS time less UTC)", "grandmaster 0200c0fffea80a01"][..],
        ),
        ("media", &["Referee microphone (red)", "239.70.2.31:5004", "3 packets lost after merging", "7"]),
    ] {
        for format in ["text", "csv", "html"] {
            let ran = scratch.run(&["report", kind, capture, "--format", format]);
            assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
            for part in parts {
                assert!(ran.stdout.contains(part), "{kind} {format} has no {part}:\n{}", ran.stdout);
            }
        }
        let html = scratch.run(&["report", kind, capture, "--format", "html"]).stdout;
        assert!(html.starts_with("<!DOCTYPE html>") && html.contains("<svg") && html.trim_end().ends_with("</html>"));
        assert!(
            !html.contains("http://") && !html.contains("https://") && !html.contains("<script"),
            "nothing is loaded"
        );
    }
    let media = scratch.run(&["report", "media", capture]).stdout;
    let factor =
        "19.73 µs at most, 19.72 µs on average, 19.71 µs at least, limit 17.00 ms (narrow 1.000 ms), worst at frame 63";
    assert!(media.contains(factor) && !media.contains("_ns"), "{media}");
    let demo = path("demo.pcapng");
    let plant = scratch.run(&["report", "plant", demo.to_str().unwrap()]).stdout;
    for part in ["PROFINET", "EtherCAT", "Modbus", "exception"] {
        assert!(plant.contains(part), "{plant}");
    }
    let csv = scratch.run(&["report", "plant", demo.to_str().unwrap(), "--format", "csv"]).stdout;
    assert!(csv.starts_with("section,"), "{csv}");
}

/// Cells of the lines of a section, each behind the title of its column.
fn cells(csv: &str, title: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    let of_section = csv.lines().filter(|line| line.starts_with(&format!("\"{title}\"")));
    let lines =
        of_section.map(|line| line.trim_matches('"').split("\",\"").skip(1).map(str::to_owned).collect::<Vec<_>>());
    lines.map(|cells| cells.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()).collect()
}

#[test]
fn the_path_delay_of_links_stands_in_the_table_and_in_reports() {
    let scratch = Scratch::new("links");
    let demo = path("demo.pcapng");
    let demo = demo.to_str().unwrap();
    for command in [&[demo, "--networks"][..], &["report", "flight-test", demo]] {
        let text = scratch.run(command).stdout;
        let link =
            text.lines().map(str::trim).find(|line| line.starts_with("link 020000fffe800002-1 -> 020000fffe800001-1"));
        assert!(
            link.is_some_and(|link| link.contains(": path delay ") && link.ends_with("s (peer to peer)")),
            "{text}"
        );
    }
}

#[test]
fn reports_in_csv_have_numbers_that_sort() {
    let scratch = Scratch::new("report-numbers");
    for (kind, name) in [("flight-test", "demo.pcapng"), ("media", "faults.pcapng"), ("plant", "demo.pcapng")] {
        let csv = scratch.run(&["report", kind, path(name).to_str().unwrap(), "--format", "csv"]).stdout;
        let streams = cells(&csv, "Streams");
        assert!(!streams.is_empty(), "{csv}");
        for (stream, title) in streams
            .iter()
            .flat_map(|stream| ["Received", "Lost", "Jitter/ns", "Clock less capture/ns"].map(|title| (stream, title)))
        {
            let cell = &stream[title];
            assert!(cell.parse::<f64>().is_ok() || cell.starts_with('('), "{title}: {cell}");
        }
        assert!(cells(&csv, "Findings").iter().all(|finding| finding["Frame"].parse::<u64>().is_ok()), "{csv}");
    }
}

#[test]
fn reports_say_of_each_stream_why_it_has_no_drift() {
    let scratch = Scratch::new("report-drift");
    let why = |kind: &str, name: &str, stream: &str| {
        let csv = scratch.run(&["report", kind, path(name).to_str().unwrap(), "--format", "csv"]).stdout;
        let found = cells(&csv, "Streams").into_iter().find(|cells| cells["Stream"].contains(stream));
        found.unwrap_or_else(|| panic!("{stream} in {csv}"))["Drift/ppm"].clone()
    };
    assert_eq!(why("flight-test", "demo.pcapng", "channel 0"), "(no clock in its packets)");
    assert_eq!(why("media", "demo.pcapng", "Commentary microphone"), "(less than 1 s)");
}

/// A line for each direction of a segment, with what came back and what didn't.
#[test]
fn the_report_of_a_plant_has_lines_for_segments() {
    let scratch = Scratch::new("report-segments");
    let csv = scratch.run(&["report", "plant", path("demo.pcapng").to_str().unwrap(), "--format", "csv"]).stdout;
    let streams = cells(&csv, "Streams");
    let segments: Vec<_> = streams.iter().filter(|cells| cells["Encoding"] == "EtherCAT").collect();
    let sent = segments.iter().find(|cells| cells["Source"] == "00:00:5e:00:53:01").unwrap();
    assert!(sent["What"].contains("cycle") && sent["What"].ends_with("1 working counter too low"), "{sent:?}");
    assert_eq!((sent["Received"].as_str(), sent["Lost"].as_str()), (sent["Expected"].as_str(), "0"));
    assert!(segments.iter().any(|cells| cells["What"] == "frames that came back"), "{segments:?}");
}
