//! Captures held against each other and against what is expected: `compare`, `learn`, `--expect`; what spans flows, and gaps.

use serde_json::Value;
use streamlens::model::Timestamp;
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

/// What is not the same.
fn compared(scratch: &Scratch, bad: &[u8]) -> Vec<Value> {
    scratch.file("good.pcapng", &demo::capture());
    scratch.file("bad.pcapng", bad);
    let ran = scratch.run(&["compare", "good.pcapng", "bad.pcapng", "--format", "json", "--fail-on", "worse"]);
    let mut others = ran.json()["streams"].as_array().unwrap().clone();
    others.retain(|one| one["verdict"] != "same");
    let is_worse = |one: &Value| one["verdict"] == "worse" || one["verdict"] == "vanished";
    assert_eq!(ran.status, i32::from(others.iter().any(is_worse)));
    others
}

#[test]
fn a_capture_is_as_itself() {
    let scratch = Scratch::new("compare-same");
    assert_eq!(compared(&scratch, &demo::capture()), [Value::Null; 0]);
    let table = scratch.run(&["compare", "good.pcapng", "good.pcapng"]).stdout;
    assert!(table.contains("0 vanished, 0 worse, 0 appeared, 0 better, "), "{table}");
    let csv = scratch.run(&["compare", "good.pcapng", "good.pcapng", "--format", "csv"]);
    let columns = csv.lines()[0].split(',').count();
    assert!(csv.lines().len() > 20 && columns == 26, "{columns}");
}

/// Frames of one stream that are removed, delayed or doubled are found in just that stream and what it is in, with these figures.
#[test]
fn what_was_removed_delayed_or_doubled_is_found_and_nothing_else() {
    let scratch = Scratch::new("compare-changed");
    let (flow, encoding) = ("192.168.30.7:1023 -> 235.0.0.1:1023 vlan 30", "iNetX");
    let [removed, delayed, doubled, crossed] = [
        changed(|mut frames| {
            let gone: Vec<_> = inetx(&frames).into_iter().skip(10).take(3).collect();
            gone.into_iter().rev().for_each(|place| drop(frames.remove(place)));
            frames
        }),
        changed(|mut frames| {
            let place = inetx(&frames)[20];
            frames[place].time += 30_000_000;
            frames
        }),
        changed(|mut frames| {
            let place = inetx(&frames)[20];
            // later than a copy that the capture made would be
            let copy = Made { time: frames[place].time + 3_000_000, ..frames[place].clone() };
            frames.push(copy);
            frames
        }),
        changed(|mut frames| {
            let place = inetx(&frames)[20];
            frames[place].time += 50_000_000;
            frames
        }),
    ];
    let figures = |of: &Value| ["packets", "expected", "lost", "duplicated", "reordered"].map(|key| of[key].as_u64());
    let before = [Some(100), Some(100), Some(0), Some(0), Some(0)];
    let cases = [
        ("removed", removed, [97, 100, 3, 0, 0], "lost 3 (3.000 %), was 0"),
        ("delayed", delayed, [100, 100, 0, 0, 0], "longest time between packets 70.0"),
        ("doubled", doubled, [101, 100, 0, 1, 0], "duplicated 1 (1.000 %), was 0"),
        ("crossed", crossed, [100, 100, 0, 0, 1], "reordered 1 (1.000 %), was 0"),
    ];
    for (what, bad, after, reason) in cases {
        let found = compared(&scratch, &bad);
        assert!(!found.is_empty(), "{what}");
        for one in &found {
            assert_eq!((&one["flow"], &one["encoding"]), (&flow.into(), &encoding.into()), "{what}: {one}");
            assert_eq!((&one["verdict"], figures(&one["good"])), (&"worse".into(), before), "{what}: {one}");
            assert_eq!(figures(&one["bad"]), after.map(Some), "{what}: {one}");
        }
        assert!(found.iter().any(|one| one["reasons"].to_string().contains(reason)), "{what}: {found:?}");
        let table = scratch.run(&["compare", "good.pcapng", "bad.pcapng"]).stdout;
        let packets = format!("packets{:>35}  {:>14}", 100, after[0]);
        assert!(table.contains(&packets), "{what}: good and bad side by side:\n{table}");
    }
}

/// What spans flows is compared by what is found of it: a redundant pair that misses packets on both paths, a request of PTP
/// without an answer.
#[test]
fn what_is_found_across_flows_is_compared() {
    let scratch = Scratch::new("compare-across");
    scratch.file("good.pcapng", &demo::capture());
    let is_answer = |frame: &Made| {
        let payload = frame.data.get(42..).unwrap_or_default();
        frame.data.get(34..36) == Some(&320_u16.to_be_bytes()) && payload.first().is_some_and(|kind| kind & 15 == 9)
    };
    let without = changed(|mut frames| {
        let answers = frames.iter().filter(|frame| is_answer(frame)).count();
        assert!(answers > 2, "the demo has Delay_Resp");
        let mut left = 2;
        frames.retain(|frame| {
            left -= i32::from(is_answer(frame));
            left != 0 || !is_answer(frame)
        });
        frames
    });
    scratch.file("bad.pcapng", &without);
    let run = |one: &str, other: &str, format| {
        scratch.run(&["compare", one, other, "--format", format, "--fail-on", "worse"])
    };
    let ran = run("good.pcapng", "bad.pcapng", "json");
    let found = ran.json()["findings"].clone();
    let code = "ptp.unanswered-delay-request";
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!((&found[0]["code"], &found[0]["verdict"], ran.status), (&code.into(), &"worse".into(), 1), "{found}");
    assert!(run("good.pcapng", "bad.pcapng", "table").stdout.contains(&format!(": new finding {code}\n")));
    let csv = run("good.pcapng", "bad.pcapng", "csv").stdout;
    assert!(csv.lines().any(|line| line.starts_with("worse,,,PTP,") && line.contains(code)), "{csv}");
    let back = run("bad.pcapng", "good.pcapng", "json");
    assert_eq!((&back.json()["findings"][0]["verdict"], back.status), (&"better".into(), 0));
    assert_eq!(run("bad.pcapng", "bad.pcapng", "json").json()["findings"], Value::Array(Vec::new()));
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
    // of each stream its own rate: 50 and 20 packets a second of one encoding, of the first less those that were lost
    let own: toml::Table = toml::from_str(&learned.stdout).unwrap();
    let rate = |id: &str| {
        let named = |one: &&toml::Value| one["stream"].as_str() == Some(id);
        let one = own["stream"].as_array().unwrap().iter().find(named).unwrap();
        f64::midpoint(one["min_rate"].as_float().unwrap(), one["max_rate"].as_float().unwrap())
    };
    assert!((49.0..50.5).contains(&rate("key 0x0A01")) && (19.5..20.5).contains(&rate("key 0x0B02")), "{own:?}");

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

/// What is found of a stream stands where it began, also in a flow that began before; what is absent, over all of the capture.
#[test]
fn what_is_judged_stands_where_it_began() {
    let scratch = Scratch::new("expect-place");
    let mut frames = demo::frames();
    frames.sort_by_key(|frame| frame.time);
    scratch.file("demo.pcapng", &demo::capture());
    let expected =
        "others = \"allowed\"\n[[stream]]\nstream = \"key 0x0B02\"\nmin_rate = 1e9\n[[stream]]\nstream = \"nobody\"\n";
    scratch.file("expected.toml", expected.as_bytes());
    let document = scratch.run(&["--expect", "expected.toml", "--format", "json", "demo.pcapng"]).json();
    let found = |code: &str| {
        let all = document["findings"].as_array().unwrap();
        let [one] = &all.iter().filter(|one| one["code"] == code).collect::<Vec<_>>()[..] else { panic!("{document}") };
        let time = |at: &Value| at["time"].as_str().map(|time| time.parse::<Timestamp>().unwrap().as_nanos());
        [&one["first"], &one["last"]].map(|at| (at["frame"].as_u64().unwrap() as usize, time(at)))
    };
    let place = |is_one: &dyn Fn(&Made) -> bool| frames.iter().position(is_one).map(|place| place + 1).unwrap();
    let of_key = |key: [u8; 2]| {
        let port = 5600_u16.to_be_bytes();
        move |frame: &Made| frame.data.get(36..38) == Some(&port) && frame.data.get(42..44) == Some(&key)
    };
    let first = place(&of_key([0x0B, 2]));
    assert!(place(&of_key([0x0A, 1])) < first, "the flow has another key before");
    assert_eq!(found("expect.limit"), [(first, Some(frames[first - 1].time)); 2]);
    let ends = [1, frames.len()].map(|place| (place, Some(frames[place - 1].time)));
    assert_eq!(found("expect.absent"), ends);
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
    scratch.file("faults.pcapng", &streamlens_testing::faults::capture());
    let pair = scratch.run(&["--networks", "faults.pcapng"]).stdout;
    for line in [
        "Pairs     0x52454645: 3 packets lost after merging, of 600 packets, up to 300.0 µs apart, class A",
        "            192.168.60.31:5004 -> 239.70.1.31:5004: 7 lost",
        "            192.168.61.31:5004 -> 239.70.2.31:5004: 5 lost",
    ] {
        assert!(pair.contains(line), "{line}: {pair}");
    }
    let Some(corpus) = streamlens_testing::corpus() else { return };
    let changed = corpus.join("captures/ptp/ptp4l-gm-change.pcap");
    let changed = scratch.run(&["--networks", changed.to_str().unwrap(), "--columns", "packets"]).stdout;
    assert!(changed.replace("\n          ", " ").contains("UTC offset 37 s, 1 change of grandmaster"), "{changed}");
    let ndi = corpus.join("captures/broadcast/ndi-tcp.pcap");
    let ndi = scratch.run(&["--networks", ndi.to_str().unwrap()]).stdout;
    assert!(ndi.contains("NDI       VM (StreamLens test): bcsender.local, "), "{ndi}");
}

/// Streams of which names are known, or that miss something, are in the table unless told, and all are at depth stream.
#[test]
fn streams_are_shown_with_their_names() {
    let scratch = Scratch::new("streams");
    scratch.file("demo.pcapng", &demo::capture());
    let table = scratch.run(&["demo.pcapng"]).stdout;
    for name in [
        "channel 2 (Wing strain) (stream)",
        "key 0x0A01 (stream)",
        "key 0x0B02 (stream)",
        "Commentary microphone (stream 0x",
        "FrameID 0x8002 of conveyor-io-1 (stream)",
    ] {
        assert!(table.contains(&format!("─ {name}")), "{name}: {table}");
    }
    let Some(corpus) = streamlens_testing::corpus() else { return };
    let shown = |name: &str| scratch.run(&[corpus.join("captures").join(name).to_str().unwrap()]).stdout;
    let keys = shown("flight-test/gen_iena_3keys.pcap");
    for (key, lost) in [("0x1001", "48"), ("0x2002", "11"), ("0x3003", "15")] {
        let line = keys.lines().find(|line| line.contains(&format!("─ key {key} (stream)")));
        let cells: Vec<_> = line.unwrap_or_default().split_whitespace().collect();
        assert!(cells.contains(&lost), "{key}: {keys}");
    }
    let pids = shown("broadcast/mpegts-udp.pcap");
    assert!(pids.contains("─ PID 0x0100 H.264 (0x1b), program 1"), "{pids}");
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

/// A hole of a byte stream is a loss as others are: `--gaps` and reports, which show losses with their times, have it.
#[test]
fn a_hole_of_a_byte_stream_is_among_the_losses() {
    let scratch = Scratch::new("hole");
    let is_response = |frame: &Made| frame.data.get(34..36) == Some(&502_u16.to_be_bytes()) && frame.data.len() > 62;
    let capture = changed(|mut frames| {
        frames.sort_by_key(|frame| frame.time);
        let gone = frames.iter().enumerate().filter(|(_, frame)| is_response(frame)).map(|(place, _)| place).nth(2);
        frames.remove(gone.expect("the demo has Modbus"));
        frames
    });
    scratch.file("hole.pcapng", &capture);
    let document = scratch.run(&["--format", "json", "hole.pcapng"]).json();
    let all = document["findings"].as_array().unwrap();
    let hole = all.iter().find(|one| one["code"] == "tcp.gap").unwrap_or_else(|| panic!("{document}"));
    let (frame, text) = (&hole["first"]["frame"], hole["text"].as_str().unwrap());
    let gaps = scratch.run(&["--gaps", "hole.pcapng"]).stdout;
    let line = format!("frame {frame}: {text}  192.168.40.20:502 -> 192.168.40.10:49200, ModbusTCP");
    assert!(gaps.contains(&line) && gaps.contains("Gaps      6\n"), "{line}\n{gaps}");
    let report = scratch.run(&["report", "plant", "hole.pcapng", "--format", "csv"]).stdout;
    let is_told = |section: &str, part: &str| {
        let lines = report.lines().filter(|line| line.starts_with(&format!("\"{section}\"")));
        lines.filter(|line| line.contains(text) && line.contains(part)).count()
    };
    assert_eq!((is_told("Losses", "byte stream"), is_told("Findings", "tcp.gap")), (1, 1), "{report}");
    // of several streams in one encoding each has a rate
    assert!(!report.contains("several streams"), "{report}");
}
