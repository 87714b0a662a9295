//! The layers of an analysis on the same frames, each as nanoseconds per frame and against the layer below it.
//!
//! `cargo bench --bench layers` prints a table; criterion has the distribution of each in `pipeline`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use streamlens::model::{FrameBatch, Timestamp, TimingStatistics};
use streamlens::pcap::CaptureReader;
use streamlens::registry::DecoderRegistry;

mod common;

fn main() {
    let is_test = std::env::args().any(|word| word == "--test");
    let rounds = if is_test { 1 } else { 40 };
    let frames = common::mix();
    let batch = common::batch(&frames);
    let (pcap, pcapng) = (common::pcap(&frames), streamlens_testing::pcapng("bench", "bench0", &frames));
    let (none, builtins) = (DecoderRegistry::new(), DecoderRegistry::with_builtins());
    let (plain, marked) = (common::everything(false), common::everything(true));
    let times: Vec<i64> = frames.iter().map(|frame| frame.time).collect();

    println!("{} frames, {} flows, best of {rounds}, one thread", frames.len(), common::FLOWS);
    println!("{:<44} {:>9} {:>9} {:>7}", "layer", "ns/frame", "floor", "ratio");
    let row = |name: &str, floor: Option<f64>, work: &mut dyn FnMut()| {
        let nanos = best(rounds, work) / f64::from(common::FRAMES);
        let ratio = floor.map_or(String::new(), |floor| format!("{:.2}", nanos / floor));
        let floor = floor.map_or(String::new(), |floor| format!("{floor:.1}"));
        println!("{name:<44} {nanos:>9.1} {floor:>9} {ratio:>7}");
        nanos
    };

    let copy = row("copy of the file in memory", None, &mut || drop(black_box(pcap.clone())));
    let read = row("reading pcap (floor: copy)", Some(copy), &mut || read_all(&pcap));
    row("reading pcapng (floor: copy)", Some(copy), &mut || read_all(&pcapng));
    let touch = row("one pass over batch records and headers", None, &mut || {
        let bytes = batch.iter().map(|frame| u64::from(frame.data.iter().take(42).fold(0_u8, |sum, byte| sum ^ byte)));
        black_box(bytes.sum::<u64>());
    });
    let push = |name: &str, floor, registry: &DecoderRegistry| {
        row(name, Some(floor), &mut || {
            black_box(common::analyse(registry, &batch).frames());
        })
    };
    let flows = push("dissection and flow table (floor: pass)", touch, &none);
    let decoded = push("+ one decoder, four levels (floor: flows)", flows, &plain);
    push("+ sequence and jitter (floor: decoder)", decoded, &marked);
    let all = push("built-in decoders (floor: flows)", flows, &builtins);
    row("statistics: one interval", None, &mut || {
        let mut timing = TimingStatistics::default();
        for (number, &time) in (1..).zip(&times) {
            timing.push(Some(Timestamp::from_nanos(black_box(time))), number);
        }
        black_box(timing.count());
    });

    let young = common::batch(&common::young(common::FRAMES));
    let table = row("young flows, no decoder", None, &mut || {
        black_box(common::analyse(&none, &young).frames());
    });
    row("young flows, built-in decoders asked", Some(table), &mut || {
        black_box(common::analyse(&builtins, &young).frames());
    });
    row("end to end, pcap (floor: reading + built-in)", Some(read + all), &mut || {
        let analyzer = streamlens::Analyzer {
            options: streamlens::engine::EngineOptions { threads: 1, ..Default::default() },
            ..Default::default()
        };
        let reader = CaptureReader::from_bytes("bench", pcap.clone()).expect("a pcap file");
        black_box(analyzer.run(reader).expect("memory is readable").capture.packets);
    });
}

fn read_all(file: &[u8]) {
    let mut reader = CaptureReader::from_bytes("bench", file.to_vec()).expect("a capture");
    let mut batch = FrameBatch::default();
    let mut frames = 0;
    while reader.read_batch(&mut batch).expect("memory is readable") {
        frames += batch.len();
    }
    assert_eq!(frames, common::FRAMES as usize);
}

/// Nanoseconds of the fastest of several rounds: the one that others on the machine disturbed least.
#[allow(clippy::disallowed_methods, reason = "a bench measures the machine's time")]
fn best(rounds: u32, work: &mut dyn FnMut()) -> f64 {
    let round = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..rounds).map(round).min().unwrap_or(Duration::ZERO).as_nanos() as f64
}
