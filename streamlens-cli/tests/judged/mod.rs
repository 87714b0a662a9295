//! Captures held against each other and against what is expected: `compare`, `learn`, `--expect`; what spans flows, and gaps.

use serde_json::Value;
use streamlens_testing::{Made, demo, pcapng};

use crate::common::Scratch;

/// The demo capture with some frames left out, moved or doubled.
fn changed(change: impl FnOnce(Vec<Made>) -> Vec<Made>) -> Vec<u8> {
    let mut frames = change(demo::frames());
    frames.sort_by_key(|frame| frame.time);
    pcapng("a test", "demo0", &frames)
}

/// Whether a frame is an iNetX packet of the demo, which loses none.
fn is_inetx(frame: &Made) -> bool {
    frame.data.get(12..16) == Some(&[0x81, 0, 0x80, 30]) && frame.data.get(40..42) == Some(&1023_u16.to_be_bytes())
}

/// The places of the iNetX packets.
fn inetx(frames: &[Made]) -> Vec<usize> {
    frames.iter().enumerate().filter(|(_, frame)| is_inetx(frame)).map(|(place, _)| place).collect()
}

/// What is not the same, by verdict and encoding, and the reasons.
fn compared(scratch: &Scratch, bad: &[u8]) -> Vec<(String, String, Value)> {
    scratch.file("good.pcapng", &demo::capture());
    scratch.file("bad.pcapng", bad);
    let ran = scratch.run(&["compare", "good.pcapng", "bad.pcapng", "--format", "json", "--fail-on", "worse"]);
    let document = ran.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let streams = document["streams"].as_array().unwrap();
    let others: Vec<_> = streams
        .iter()
        .filter(|one| one["verdict"] != "same")
        .map(|one| (text(&one["verdict"]), text(&one["encoding"]), one["reasons"].clone()))
        .collect();
    assert_eq!(ran.status, i32::from(others.iter().any(|(verdict, ..)| verdict == "worse" || verdict == "vanished")));
    others
}

#[test]
fn a_capture_is_as_itself() {
    let scratch = Scratch::new("compare-same");
    assert_eq!(compared(&scratch, &demo::capture()), []);
    let table = scratch.run(&["compare", "good.pcapng", "good.pcapng"]).stdout;
    assert!(table.contains("0 vanished, 0 worse, 0 appeared, 0 better, "), "{table}");
    let csv = scratch.run(&["compare", "good.pcapng", "good.pcapng", "--format", "csv"]);
    let columns = csv.lines()[0].split(',').count();
    assert!(csv.lines().len() > 20 && columns == 24, "{columns}");
}

#[test]
fn what_was_removed_delayed_or_doubled_is_found_and_nothing_else() {
    let scratch = Scratch::new("compare-changed");
    let removed = changed(|mut frames| {
        let gone: Vec<_> = inetx(&frames).into_iter().skip(10).take(3).collect();
        gone.into_iter().rev().for_each(|place| drop(frames.remove(place)));
        frames
    });
    let found = compared(&scratch, &removed);
    assert!(!found.is_empty() && found.iter().all(|(verdict, encoding, _)| verdict == "worse" && encoding == "iNetX"));
    assert!(found.iter().any(|(.., reasons)| reasons.to_string().contains("lost 3 (3.000 %), was 0")), "{found:?}");

    let delayed = changed(|mut frames| {
        let place = inetx(&frames)[20];
        frames[place].time += 30_000_000;
        frames
    });
    let found = compared(&scratch, &delayed);
    assert!(
        found.iter().any(|(.., reasons)| reasons.to_string().contains("longest time between packets 70")),
        "{found:?}"
    );
    assert!(found.iter().all(|(_, encoding, _)| encoding == "iNetX"), "{found:?}");

    let doubled = changed(|mut frames| {
        let place = inetx(&frames)[20];
        // later than a copy that the capture made would be
        let copy = Made { time: frames[place].time + 3_000_000, ..frames[place].clone() };
        frames.push(copy);
        frames
    });
    let found = compared(&scratch, &doubled);
    assert!(
        found.iter().any(|(.., reasons)| reasons.to_string().contains("duplicated 1 (1.000 %), was 0")),
        "{found:?}"
    );
    assert!(found.iter().all(|(_, encoding, _)| encoding == "iNetX"), "{found:?}");
}

#[test]
fn what_was_learned_is_expected() {
    let scratch = Scratch::new("expect");
    scratch.file("good.pcapng", &demo::capture());
    let learned = scratch.run(&["learn", "good.pcapng"]);
    scratch.file("learned.toml", learned.stdout.as_bytes());
    let codes = |capture: &str| {
        let ran = scratch.run(&["--expect", "learned.toml", "--format", "json", "--fail-on", "error", capture]);
        assert_eq!(ran.status, 1, "the demo has errors of its own");
        let document = ran.json();
        let findings = document["findings"].as_array().unwrap().clone();
        let mut codes: Vec<_> = findings.iter().filter_map(|one| one["code"].as_str()).map(str::to_owned).collect();
        codes.retain(|code| code.starts_with("expect."));
        codes
    };
    assert_eq!(codes("good.pcapng"), [""; 0]);

    let bad = changed(|mut frames| {
        let gone: Vec<_> = inetx(&frames).into_iter().skip(10).take(3).collect();
        gone.into_iter().rev().for_each(|place| drop(frames.remove(place)));
        frames
    });
    scratch.file("lossy.pcapng", &bad);
    assert_eq!(codes("lossy.pcapng"), ["expect.limit"]);
    scratch.file(
        "without.pcapng",
        &changed(|mut frames| {
            frames.retain(|frame| !is_inetx(frame));
            frames
        }),
    );
    assert_eq!(codes("without.pcapng"), ["expect.absent"]);
    scratch.file("learned.toml", "[[stream]]\nencoding = \"IENA\"\n".as_bytes());
    let unexpected = codes("good.pcapng");
    assert!(unexpected.len() > 10 && unexpected.iter().all(|code| code == "expect.unexpected"), "{unexpected:?}");
    scratch.file("learned.toml", "[[stream]]\nencodin = \"IENA\"\n".as_bytes());
    assert_eq!(scratch.run(&["--expect", "learned.toml", "good.pcapng"]).status, 2);
}

#[test]
fn every_loss_has_its_time() {
    let scratch = Scratch::new("gaps");
    scratch.file("demo.pcapng", &demo::capture());
    let ran = scratch.run(&["--gaps", "demo.pcapng"]);
    let gaps: Vec<_> = ran.lines().into_iter().filter(|line| line.contains(" missing before frame ")).collect();
    assert_eq!(ran.lines()[0], "Gaps      5");
    assert_eq!(gaps.len(), 5, "{gaps:?}");
    assert!(
        gaps.iter().any(|line| line.contains("3 packets missing before frame 1,017") && line.ends_with("key 0x0A01"))
    );
}

#[test]
fn what_spans_flows_is_shown() {
    let scratch = Scratch::new("networks");
    scratch.file("demo.pcapng", &demo::capture());
    let ran = scratch.run(&["--networks", "demo.pcapng"]);
    for line in [
        "PTP       domain 0: grandmaster 0200c0fffea80a01, class 6 (locked to a primary reference)",
        "Sessions  Commentary microphone: 239.69.1.31:5004, 97 L24/48000/2",
        "compared, agrees",
        "PROFINET  conveyor-io-1: device, Remote I/O 16",
        "EtherCAT  segment of 00:00:5e:00:53:01: cycle 4.000 ms, round trip 21.41 µs, 3 stations",
        "Modbus    unit 1 at 192.168.40.20:502, asked by 192.168.40.10:49200: 16 requests, answered in 3.373 ms",
    ] {
        assert!(ran.stdout.contains(line), "{line}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("Src:Port"));
}

#[test]
fn a_file_that_is_given_twice_is_said_to_be() {
    let scratch = Scratch::new("twice");
    scratch.file("demo.pcapng", &demo::capture());
    let document = scratch.run(&["demo.pcapng", "./demo.pcapng", "--format", "json"]).json();
    let warnings = document["capture"]["warnings"].as_array().unwrap();
    assert_eq!(warnings.iter().filter(|one| one["code"] == "capture.given-twice").count(), 1, "{warnings:?}");
}

#[test]
fn refined_encodings_can_be_told_and_are_listed() {
    let scratch = Scratch::new("refined");
    scratch.file("demo.pcapng", &demo::capture());
    let ran = scratch.run(&["-d", "udp.port==5000,st2110-20", "demo.pcapng"]);
    assert_eq!((ran.status, ran.stdout.contains("decode-as.nothing")), (0, false), "{}", ran.stderr);
    let unused = scratch.run(&["-d", "udp.port==9,rtp", "demo.pcapng"]).stdout;
    assert!(unused.contains("-d udp.port==9,rtp: no flow has packets that this rule speaks of"), "{unused}");
    let list = scratch.run(&["decoders"]).stdout;
    assert!(list.contains("  refined   ") && list.contains(" AES67,"), "{list}");
}
