//! `--every` and `--replay`: lines while frames are read, and the same document in the end.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::Path;

use common::{Scratch, three_flows};
use serde_json::Value;

fn demo() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    root.join("examples/captures/demo.pcapng").display().to_string()
}

/// The lines of updates, and what comes behind them.
fn split(printed: &str) -> (Vec<Value>, String) {
    let is_update = |line: &&str| line.starts_with("{\"update\"");
    let updates =
        printed.lines().filter(is_update).map(|line| serde_json::from_str::<Value>(line).unwrap()["update"].take());
    let rest: Vec<&str> = printed.lines().filter(|line| !is_update(line)).collect();
    (updates.collect(), rest.join("\n"))
}

#[test]
fn lines_add_up_to_the_document_that_follows() {
    let scratch = Scratch::new("every");
    let plain = scratch.run(&["--format", "ndjson", &demo()]);
    let looked = scratch.run(&["--every", "100ms", "--format", "ndjson", &demo()]);
    let (updates, rest) = split(&looked.stdout);
    assert_eq!(rest.trim_end(), plain.stdout.trim_end());
    assert_eq!(looked.status, 0);
    // from 0.0 to 3.98 s: a look at each of 39 multiples, and one at the end
    assert_eq!(updates.len(), 40);
    let mut rows = BTreeMap::new();
    for (number, update) in (1_u64..).zip(&updates) {
        assert_eq!(update["epoch"].as_u64(), Some(number));
        for row in update["rows"].as_array().unwrap() {
            rows.insert(row["id"].as_str().unwrap().to_owned(), row.clone());
        }
    }
    let now: Vec<&str> = updates.iter().map(|update| update["now"].as_str().unwrap()).collect();
    assert_eq!((now[0], now[39]), ("2026-03-02T09:00:00.100000000Z", "2026-03-02T09:00:03.983159086Z"));
    let flows: BTreeMap<String, u64> = rest
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter_map(|line| line.get("flow").cloned())
        .map(|flow| {
            (format!("{}{}{}", flow["src"], flow["dst"], flow["vlan"]), flow["total_packets"].as_u64().unwrap())
        })
        .collect();
    let shown: BTreeMap<String, u64> = rows
        .values()
        .filter(|row| row["level"] == "flow")
        .map(|row| (format!("{}{}{}", row["src"], row["dst"], row["vlan"]), row["packets"].as_u64().unwrap()))
        .collect();
    assert_eq!((shown.len(), shown), (23, flows));
    assert_eq!(updates[39]["capture"]["packets"], 1260);
}

#[test]
fn a_replay_ends_in_the_same_document() {
    let scratch = Scratch::new("replay");
    let plain = scratch.run(&["--format", "json", &demo()]);
    for speed in ["--replay=0", "--replay=50"] {
        let replayed = scratch.run(&[speed, "--format", "json", &demo()]);
        assert_eq!((replayed.status, replayed.stdout == plain.stdout), (0, true), "{speed}");
    }
    // a value stands behind = alone: the capture is none
    let counted = scratch.run(&["--replay=0", "-c", "10", "--every", "1ms", "--format", "ndjson", &demo()]);
    let (updates, _) = split(&counted.stdout);
    assert_eq!(updates.last().unwrap()["capture"]["packets"], 10);
}

#[test]
fn depth_chooses_the_rows_of_lines() {
    let scratch = Scratch::new("every-depth");
    let levels = |depth: &str| {
        let ran = scratch.run(&["--every", "10s", "--depth", depth, "--format", "ndjson", &demo()]);
        let (updates, _) = split(&ran.stdout);
        let rows = updates.iter().flat_map(|update| update["rows"].as_array().unwrap().clone());
        let mut counts = BTreeMap::<String, usize>::new();
        rows.for_each(|row| *counts.entry(row["level"].as_str().unwrap().to_owned()).or_default() += 1);
        counts.into_iter().map(|(level, count)| format!("{level} {count}")).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(levels("flow"), "flow 23");
    assert_eq!(levels("encoding"), "encoding 19, flow 23, transport 23");
    assert_eq!(levels("type"), "encoding 19, flow 23, transport 23, type 35");
}

/// Lines of a filter have the rows that the filter shows of the result: the same flows, encodings and packet types in the end.
#[test]
fn a_filter_acts_on_lines_too() {
    let scratch = Scratch::new("every-filter");
    let rows = |filter: &str| {
        let ran = scratch.run(&["-Y", filter, "--every", "10s", "--depth", "stream", "--format", "ndjson", &demo()]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let (updates, _) = split(&ran.stdout);
        let mut counts = [0; 3];
        for row in updates.iter().flat_map(|update| update["rows"].as_array().unwrap().clone()) {
            let level = ["flow", "encoding", "type"].iter().position(|level| row["level"] == *level);
            level.into_iter().for_each(|level| counts[level] += 1);
        }
        (counts, updates.iter().map(|update| update["findings"].as_array().unwrap().len()).sum::<usize>())
    };
    assert_eq!(rows("ptp").0, [5, 5, 11]);
    // with the finding of the capture as a whole
    assert_eq!(rows("encoding == IENA and lost > 0"), ([1, 1, 2], 2));
    assert_eq!(rows("type in {Sync, Follow_Up}").0, [3, 3, 4]);
    assert_eq!(rows("finding contains \"loss\"").0, [4, 4, 9]);
    assert_eq!(rows("not encoding").0, [4, 0, 0]);
}

/// A reader who takes what is told and gives up what is gone holds the rows of the document that follows.
#[test]
fn rows_that_no_longer_match_are_gone() {
    let scratch = Scratch::new("every-filter-gone");
    let mut taken_back = 0;
    for filter in [
        "packets < 100 and level == flow",
        "packets in {5..40}",
        "packets != 4",
        "udp",
        "level == flow and packets in {5, 10..18}",
    ] {
        let options = ["-Y", filter, "--every", "100ms", "--depth", "type", "--format", "ndjson"];
        let ran = scratch.run(&[&options[..], &[&demo()]].concat());
        let (updates, _) = split(&ran.stdout);
        let mut held = std::collections::BTreeMap::new();
        let id = |row: &serde_json::Value| row["id"].as_str().unwrap().to_owned();
        let each = |update: &serde_json::Value, key: &str| update[key].as_array().unwrap().clone();
        let mut left = 0;
        for update in &updates {
            for row in each(update, "gone") {
                assert!(held.remove(&id(&row)).is_some(), "{filter}: {row} is not held");
                left += 1;
            }
            held.extend(each(update, "rows").into_iter().map(|row| (id(&row), row)));
        }
        let count = |level: &str| held.values().filter(|row| row["level"] == level).count();
        let shown = scratch.run(&["-Y", filter, "--columns", "level,packets", "--format", "ndjson", &demo()]).stdout;
        let of_document =
            |level: &str| shown.lines().filter(|line| line.contains(&format!("\"level\":\"{level}\""))).count();
        for level in ["flow", "transport", "encoding", "type"] {
            assert_eq!(count(level), of_document(level), "{filter}: {level}");
        }
        assert!(of_document("flow") > 0, "{filter}: {shown}");
        taken_back += left;
    }
    assert!(taken_back > 20);
}

#[test]
fn lines_need_the_format_of_lines() {
    let scratch = Scratch::new("every-format");
    let capture = scratch.file("three.pcap", &three_flows());
    let ran = scratch.run(&["--every", "1s", capture]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("--format ndjson"), "{}", ran.stderr);
}

/// Every capture of the corpus: looks and replay change nothing in its document.
#[test]
fn looks_change_no_document_of_the_corpus() {
    let Some(corpus) = streamlens_testing::corpus() else { return };
    let scratch = Scratch::new("every-corpus");
    let mut captures = 0;
    for folder in ["broadcast", "flight-test", "industrial", "link", "malformed", "negative", "ptp"] {
        for entry in std::fs::read_dir(corpus.join("captures").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_file() || path.extension().is_some_and(|extension| extension == "md") {
                continue;
            }
            let path = path.display().to_string();
            let plain = scratch.run(&["--format", "ndjson", &path]);
            let looked = scratch.run(&["--every", "100ms", "--format", "ndjson", &path]);
            let replayed = scratch.run(&["--replay=0", "--format", "ndjson", &path]);
            let (_, rest) = split(&looked.stdout);
            assert!(
                rest.trim_end() == plain.stdout.trim_end() && looked.status == plain.status,
                "--every changes {path}"
            );
            assert!(replayed.stdout == plain.stdout && replayed.status == plain.status, "--replay=0 changes {path}");
            captures += 1;
        }
    }
    assert!(captures > 300, "{captures} captures");
}

/// What comes through a pipe is shown as it comes, and not once a buffer is full: the rest waits for the first line.
#[test]
fn frames_of_a_pipe_are_shown_as_they_come() {
    let scratch = Scratch::new("every-pipe");
    let capture = std::fs::read(demo()).unwrap();
    let mut child = scratch
        .command(&["--every", "100ms", "--format", "ndjson", "-"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    // less than a pipe holds, so that neither side waits for the other
    let (first, second) = capture.split_at(32 << 10);
    input.write_all(first).unwrap();
    let mut lines = std::io::BufReader::new(output).lines();
    let line = lines.next().unwrap().unwrap();
    assert!(line.starts_with("{\"update\""), "{line}");
    std::thread::scope(|scope| {
        // it writes while it reads
        scope.spawn(move || input.write_all(second).unwrap());
        assert!(lines.count() > 30);
    });
    assert!(child.wait().unwrap().success());
}
