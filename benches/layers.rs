//! The layers of an analysis on the same frames, each as nanoseconds per frame and against the layer below it.
//!
//! `cargo bench --bench layers` prints a table; criterion has the distribution of each in `pipeline`.

use std::hint::black_box;
use std::time::Instant;

use streamlens::model::{FrameBatch, Timestamp, TimingStatistics};
use streamlens::pcap::CaptureReader;
use streamlens::registry::DecoderRegistry;

mod common;

/// One layer: what it does, and the layers that it stands on.
struct Layer<'a> {
    name: &'static str,
    below: &'static [&'static str],
    work: Box<dyn FnMut() + 'a>,
    best_ns: f64,
}

fn main() {
    let is_test = std::env::args().any(|word| word == "--test");
    let rounds = if is_test { 1 } else { 40 };
    let frames = common::mix();
    let mix = common::batches(&frames);
    let young = common::batches(&common::young(common::FRAMES));
    let (pcap, pcapng) = (common::pcap(&frames), streamlens_testing::pcapng("bench", "bench0", &frames));
    let (none, builtins) = (DecoderRegistry::new(), DecoderRegistry::with_builtins());
    let (plain, marked) = (common::everything(false), common::everything(true));
    let (two, forty) = (common::one_of(2), common::one_of(40));
    let times: Vec<i64> = frames.iter().map(|frame| frame.time).collect();

    let mut layers: Vec<Layer<'_>> = Vec::new();
    let mut add = |name, below, work| layers.push(Layer { name, below, work, best_ns: f64::INFINITY });
    add("copy of the file", &[], Box::new(|| drop(black_box(pcap.clone()))));
    add("reading pcap", &["copy of the file"], Box::new(|| read_all(&pcap)));
    add("reading pcapng", &["copy of the file"], Box::new(|| read_all(&pcapng)));
    add("pass over headers", &[], Box::new(|| pass(&mix)));
    let engine = |registry, batches| -> Box<dyn FnMut()> {
        Box::new(move || {
            black_box(common::analyse(registry, batches).frames());
        })
    };
    add("dissection and flow table", &["pass over headers"], engine(&none, &mix));
    add("one decoder", &["dissection and flow table"], engine(&plain, &mix));
    add("sequence and jitter", &["one decoder"], engine(&marked, &mix));
    add("one of two decoders", &["dissection and flow table"], engine(&two, &mix));
    add("one of forty decoders", &["one of two decoders"], engine(&forty, &mix));
    add("built-in decoders", &["dissection and flow table"], engine(&builtins, &mix));
    add("statistics of one level", &[], Box::new(|| statistics(&times)));
    add("young flows, no decoders", &["pass over headers"], engine(&none, &young));
    add("young flows, built-in decoders", &["young flows, no decoders"], engine(&builtins, &young));
    add("end to end", &["reading pcap", "built-in decoders"], Box::new(|| end_to_end(&pcap)));

    // in turn, so that what else the machine does falls on all of them alike
    for _ in 0..rounds {
        layers.iter_mut().for_each(|layer| layer.best_ns = layer.best_ns.min(time_of(&mut layer.work)));
    }
    println!("{} frames, {} flows, best of {rounds} rounds, one thread\n", frames.len(), common::FLOWS);
    println!("| layer | ns a frame | floor: the layers below | ns a frame | ratio |\n|---|--:|---|--:|--:|");
    let per_frame = |ns: f64| ns / f64::from(common::FRAMES);
    for layer in &layers {
        let ns = per_frame(layer.best_ns);
        let below = layers.iter().filter(|other| layer.below.contains(&other.name));
        let floor: f64 = below.map(|other| per_frame(other.best_ns)).sum();
        let name = layer.name;
        if layer.below.is_empty() {
            println!("| {name} | {ns:.1} | | | |");
        } else {
            println!("| {name} | {ns:.1} | {} | {floor:.1} | {:.2} |", layer.below.join(" + "), ns / floor);
        }
    }
}

/// Reads the first 42 bytes of every frame: Ethernet, IPv4 and UDP headers.
fn pass(batches: &[FrameBatch]) {
    let frames = batches.iter().flat_map(FrameBatch::iter);
    let sums = frames.map(|frame| u64::from(frame.data.iter().take(42).fold(0_u8, |sum, byte| sum ^ byte)));
    black_box(sums.sum::<u64>());
}

fn statistics(times: &[i64]) {
    let mut timing = TimingStatistics::default();
    for (number, &time) in (1..).zip(times) {
        timing.push(Some(Timestamp::from_nanos(black_box(time))), number);
    }
    black_box(timing.count());
}

fn end_to_end(pcap: &[u8]) {
    let mut analyzer = streamlens::Analyzer::default();
    analyzer.options.threads = 1;
    let reader = CaptureReader::from_bytes("bench", pcap.to_vec()).expect("a pcap file");
    black_box(analyzer.run(reader).expect("memory is readable").capture.packets);
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

/// Nanoseconds that the work takes.
#[allow(clippy::disallowed_methods, reason = "a bench measures the machine's time")]
fn time_of(work: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64
}
