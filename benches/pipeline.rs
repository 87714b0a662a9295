//! Reading, dissection with the flow table, identification, statistics, health, end to end. Each iteration works on
//! the same mix of frames; criterion's throughput is frames per second.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use streamlens::model::{FrameBatch, Timestamp, TimingStatistics};
use streamlens::pcap::CaptureReader;
use streamlens::registry::DecoderRegistry;

mod common;

fn reading(c: &mut Criterion) {
    let frames = common::mix();
    let mut group = c.benchmark_group("reading");
    group.throughput(Throughput::Elements(frames.len() as u64));
    let files = [("pcap", common::pcap(&frames)), ("pcapng", streamlens_testing::pcapng("bench", "bench0", &frames))];
    for (name, file) in files {
        group.bench_function(name, |b| {
            let mut batch = FrameBatch::default();
            b.iter(|| {
                let mut reader = CaptureReader::from_bytes("bench", file.clone()).expect("a capture");
                while reader.read_batch(&mut batch).expect("memory is readable") {
                    black_box(batch.len());
                }
            });
        });
    }
    group.finish();
}

fn engine(c: &mut Criterion) {
    let mix = common::batches(&common::mix());
    let young = common::batches(&common::young(common::FRAMES));
    let mut group = c.benchmark_group("engine");
    group.throughput(Throughput::Elements(u64::from(common::FRAMES)));
    let cases = [
        ("dissection and flow table", DecoderRegistry::new(), &mix),
        ("one decoder", common::everything(false), &mix),
        ("one decoder with sequence and clock", common::everything(true), &mix),
        ("built-in decoders", DecoderRegistry::with_builtins(), &mix),
        ("identification: young flows without decoders", DecoderRegistry::new(), &young),
        ("identification: young flows", DecoderRegistry::with_builtins(), &young),
    ];
    for (name, registry, batches) in cases {
        group.bench_function(name, |b| b.iter(|| common::analyse(&registry, black_box(batches)).frames()));
    }
    group.finish();
}

fn statistics(c: &mut Criterion) {
    let times: Vec<Timestamp> = common::mix().iter().map(|frame| Timestamp::from_nanos(frame.time)).collect();
    let mut group = c.benchmark_group("statistics");
    group.throughput(Throughput::Elements(times.len() as u64));
    group.bench_function("push", |b| {
        b.iter(|| {
            let mut timing = TimingStatistics::default();
            for (number, &time) in (1..).zip(&times) {
                timing.push(Some(black_box(time)), number);
            }
            timing
        });
    });
    group.finish();
}

fn end_to_end(c: &mut Criterion) {
    let frames = common::mix();
    let file = common::pcap(&frames);
    let mut group = c.benchmark_group("end to end");
    group.throughput(Throughput::Elements(frames.len() as u64));
    for threads in [1, 2] {
        let mut analyzer = streamlens::Analyzer::default();
        analyzer.options.threads = threads;
        group.bench_function(format!("pcap, {threads} threads"), |b| {
            b.iter(|| {
                let reader = CaptureReader::from_bytes("bench", file.clone()).expect("a capture");
                analyzer.run(reader).expect("memory is readable").capture.packets
            });
        });
    }
    group.finish();
}

criterion_group!(benches, reading, engine, statistics, end_to_end);
criterion_main!(benches);
