//! Damaged captures: nothing panics or hangs, and no frame that can be read is lost.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::FrameBatch;
use streamlens::pcap::CaptureReader;
use streamlens::registry::DecoderRegistry;
use streamlens_testing::corpus;

const DEMO: &[u8] = include_bytes!("../examples/captures/demo.pcapng");

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.is_file() && path.extension().is_some_and(|extension| extension != "md"));
    files.sort();
    files
}

/// Frames that the reader hands out; 0 where it is no capture.
fn read(bytes: Vec<u8>) -> usize {
    let Ok(mut reader) = CaptureReader::from_bytes("test", bytes) else { return 0 };
    let (mut batch, mut frames) = (FrameBatch::default(), 0);
    while reader.read_batch(&mut batch).expect("memory can be read") {
        frames += batch.len();
    }
    frames
}

/// Frames that the engine counts, in flows and aside.
fn analysed(bytes: Vec<u8>) -> u64 {
    let Ok(mut reader) = CaptureReader::from_bytes("test", bytes) else { return 0 };
    let options = EngineOptions { threads: 1, ..EngineOptions::default() };
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), options);
    engine.run(|batch| reader.read_batch(batch)).expect("memory can be read");
    let analysis = engine.finish(Default::default());
    serde_json::to_string(&analysis).expect("it serializes");
    let in_flows: u64 = analysis.flows.iter().map(|flow| flow.total_packets).sum();
    in_flows + analysis.capture.not_in_flows.values().sum::<u64>()
}

/// Runs `check` for every index below `count`, on both halves at once.
fn for_all(count: usize, check: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    check(index);
                }
            });
        }
    });
}

#[test]
fn malformed_captures_give_at_least_what_tshark_reads() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for path in files(&corpus.join("captures/malformed")) {
        let bytes = std::fs::read(&path).expect("a file");
        let frames = analysed(bytes.clone());
        assert_eq!(frames, read(bytes) as u64, "{}: every frame is counted", path.display());
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let expected = corpus.join("expected/malformed").join(format!("{name}.json"));
        let Ok(text) = std::fs::read_to_string(expected) else { continue };
        let expected: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        // other containers are refused with a message
        let container = expected["container"].as_str().unwrap_or_default();
        if !container.starts_with("pcap") && !name.ends_with(".snoop") {
            eprintln!("not compared: {name} is {}", expected["container"]);
            continue;
        }
        if expected["readable"].as_bool() == Some(true) {
            let mut least = expected["frames"].as_u64().expect("a count");
            if name == "suricata-fuzz.pcap" {
                // its first record takes bytes 24 to 228, and the header there claims 1,409,179,648 bytes: tshark takes
                // the file for a modified pcap with longer record headers, and a second record for read
                least = 1;
            }
            assert!(frames >= least, "{name}: {frames} frames instead of {least}");
            compared += 1;
        }
    }
    assert!(compared > 80, "{compared} captures");
}

#[test]
fn a_cut_anywhere_keeps_the_frames_before_it() {
    let Some(corpus) = corpus() else { return };
    let mut captures = Vec::new();
    for folder in ["link", "ptp", "industrial", "flight-test"] {
        for path in files(&corpus.join("captures").join(folder)) {
            let bytes = std::fs::read(&path).expect("a file");
            let is_plain = path.extension().is_some_and(|kind| kind == "pcap" || kind == "pcapng");
            if bytes.len() >= 4096 || !is_plain {
                continue;
            }
            captures.push((path, bytes));
        }
    }
    for_all(captures.len(), |index| {
        let (path, bytes) = &captures[index];
        let mut before = 0;
        for cut in 0..=bytes.len() {
            let frames = read(bytes[..cut].to_vec());
            assert!((before..=before + 1).contains(&frames), "{} cut at {cut}: {frames}", path.display());
            before = frames;
            if cut % 61 == 0 {
                assert_eq!(analysed(bytes[..cut].to_vec()), frames as u64, "{} cut at {cut}", path.display());
            }
        }
    });
    assert!(captures.len() > 40, "{} captures", captures.len());
}

#[test]
fn a_cut_of_the_demo_around_record_borders_keeps_the_frames_before_it() {
    // borders of blocks, walked by their lengths
    let (mut at, mut borders, mut frames_before) = (0, Vec::new(), vec![0_usize]);
    while let Some(head) = DEMO.get(at..at + 8) {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let is_packet = head[0] == 6;
        at += length;
        borders.push(at);
        frames_before.push(frames_before[frames_before.len() - 1] + usize::from(is_packet));
    }
    assert!(borders.len() > 1000);
    for_all(borders.len() / 5, |index| {
        let index = index * 5;
        let (border, frames) = (borders[index], frames_before[index + 1]);
        for cut in border.saturating_sub(2)..(border + 3).min(DEMO.len()) {
            let expected = if cut < border { frames_before[index] } else { frames };
            assert_eq!(read(DEMO[..cut].to_vec()), expected, "cut at {cut}");
        }
    });
}

#[test]
fn a_flipped_byte_of_the_demo_costs_no_more_than_its_block() {
    let all = read(DEMO.to_vec());
    // one value per byte; which bits flip changes from byte to byte
    for_all(DEMO.len(), |at| {
        let mut bytes = DEMO.to_vec();
        bytes[at] ^= 1 << (at % 8) | u8::from(at % 3 == 0) << 7;
        let frames = read(bytes.clone());
        assert!(frames + 1 >= all, "byte {at}: {frames} frames of {all}");
        if at % 601 == 0 {
            assert_eq!(analysed(bytes), frames as u64, "byte {at}");
        }
    });
}
