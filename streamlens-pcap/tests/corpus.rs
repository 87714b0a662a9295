//! What the reader says of real captures, against what another tool said of them.
//!
//! Needs the corpus of captures and expected results; `STREAMLENS_CORPUS` names its folder.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::fs;
use std::path::Path;

use serde_json::Value;
use streamlens_model::FrameBatch;
use streamlens_pcap::{CaptureError, CaptureReader};
use streamlens_testing::corpus;

macro_rules! fuzz {
    ($name:literal) => {
        concat!($name, ".pcap")
    };
}

macro_rules! cluster {
    ($name:literal) => {
        concat!("pcapplusplus-clusterfuzz-testcase-minimized-FuzzTarget-", $name, ".pcap")
    };
}

/// Captures of which the other tool says something else, and why that is no fault here.
const EXCEPTIONS: [(&str, &str); 10] = [
    (fuzz!("ndpi-fuzz-2021-06-07-c6c72a0a56"), "tshark limits original lengths to 31 bits"),
    (fuzz!("ndpi-fuzz-2021-10-13"), "more than a second of nanoseconds, which tshark prints without carrying them"),
    (cluster!("5196221831708672"), "absurd microseconds, times 1000 beyond 32 bits in tshark"),
    (cluster!("5468403752632320"), "absurd microseconds, times 1000 beyond 32 bits in tshark"),
    (cluster!("5700358767902720"), "absurd microseconds, times 1000 beyond 32 bits in tshark"),
    (cluster!("6303070823907328"), "absurd microseconds, times 1000 beyond 32 bits in tshark"),
    (cluster!("5766899836387328"), "version 2.3, in which the smaller of the two lengths is the captured one"),
    (fuzz!("suricata-fuzz"), "tshark takes the usual magic number for one with longer record headers"),
    (fuzz!("tcpdump-atm-oam-heapoverflow"), "tshark takes a pseudo header of four bytes off ATM frames"),
    (fuzz!("tcpdump-timestamp_invalid_nano"), "a whole second of nanoseconds, which tshark prints without carrying it"),
];

#[derive(Debug, Default, PartialEq)]
struct Totals {
    frames: u64,
    bytes: u64,
    captured_bytes: u64,
    first_ns: Option<i64>,
    last_ns: Option<i64>,
    untimed: u64,
}

fn totals(reader: &mut CaptureReader) -> Totals {
    let (mut batch, mut totals) = (FrameBatch::default(), Totals::default());
    while reader.read_batch(&mut batch).unwrap() {
        for frame in batch.iter() {
            totals.frames += 1;
            totals.bytes += u64::from(frame.original_length);
            totals.captured_bytes += frame.data.len() as u64;
            match frame.time.map(|time| time.as_nanos()) {
                Some(time) => {
                    totals.first_ns = Some(totals.first_ns.map_or(time, |first| first.min(time)));
                    totals.last_ns = Some(totals.last_ns.map_or(time, |last| last.max(time)));
                }
                None => totals.untimed += 1,
            }
        }
    }
    totals
}

fn expected(corpus: &Path, folder: &str, name: &str) -> Option<Value> {
    let name = format!("{name}.json");
    [corpus.join("expected").join(folder), corpus.join("expected/flows").join(folder)]
        .iter()
        .find_map(|folder| fs::read_to_string(folder.join(&name)).ok())
        .map(|text| serde_json::from_str(&text).unwrap())
        .filter(|value: &Value| value["captured_bytes"].is_u64())
}

fn check(path: &Path, expected: Option<&Value>) -> Result<(), String> {
    let mut reader = match CaptureReader::open(path) {
        Ok(reader) => reader,
        Err(error @ (CaptureError::NotACapture { .. } | CaptureError::BrokenCompression { .. })) => {
            let readable = expected.is_some_and(|value| value["readable"] != false);
            return if readable { Err(error.to_string()) } else { Ok(()) };
        }
        Err(error) => return Err(error.to_string()),
    };
    let totals = totals(&mut reader);
    let Some(expected) = expected.filter(|value| value["readable"] != false) else { return Ok(()) };
    let number = |name: &str| expected[name].as_u64().unwrap_or_default();
    let wanted = Totals {
        frames: number("frames"),
        bytes: number("bytes"),
        captured_bytes: number("captured_bytes"),
        first_ns: expected["first_ns"].as_i64(),
        last_ns: expected["last_ns"].as_i64(),
        untimed: number("frames_without_time"),
    };
    let warned = reader.warnings().iter().any(|warning| warning.incomplete);
    let broken = expected["damaged"] == true || expected["truncated"] == true;
    if broken != warned {
        return Err(format!("broken {broken}, but warnings {:?}", reader.warnings()));
    }
    // The other tool stops at the first damage; there may be more behind it.
    let more = expected["damaged"] == true && totals.frames >= wanted.frames;
    if totals == wanted || more {
        Ok(())
    } else {
        Err(format!("{totals:?}, expected {wanted:?}, {:?}", reader.warnings()))
    }
}

#[test]
fn captures_of_the_corpus_have_the_expected_frames_bytes_and_times() {
    let Some(corpus) = corpus() else { return };
    let (mut compared, mut failures) = (0, Vec::new());
    let mut folders: Vec<_> =
        fs::read_dir(corpus.join("captures")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let folder_name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.is_file()) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let is_capture =
                [".pcap", ".pcapng", ".gz", ".zst", ".lz4", ".bin", ".cap"].iter().any(|end| name.ends_with(end));
            if !is_capture {
                continue;
            }
            let expected = expected(&corpus, &folder_name, &name);
            compared += usize::from(expected.is_some());
            if let Err(text) = check(file, expected.as_ref())
                && !EXCEPTIONS.iter().any(|(exception, _)| *exception == name)
            {
                failures.push(format!("{folder_name}/{name}: {text}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {compared}:\n{}", failures.len(), failures.join("\n"));
    assert!(compared > 200, "only {compared} captures were compared");
    eprintln!("{compared} captures compared");
}
