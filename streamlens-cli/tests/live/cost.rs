//! What a frame costs from an interface beside one from a file: printed, for the figures depend on the machine.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::Ordering;

use streamlens::live::{LiveOptions, LiveSource};
use streamlens::model::{FrameBatch, FrameSource, Interface, LinkType};
use streamlens::pcap::{CaptureReader, PcapngWriter};

use crate::compare::demo;
use crate::lab::with_lab;

const ROUNDS: u64 = 800;

/// CPU time of this thread in nanoseconds.
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// Reads a source to its end: frames, and CPU time of each in nanoseconds.
fn cost(mut source: impl FrameSource) -> (u64, f64) {
    let (mut batch, mut frames, begun) = (FrameBatch::default(), 0, cpu());
    while source.read_batch(&mut batch).unwrap() {
        frames += batch.len() as u64;
    }
    (frames, (cpu() - begun) as f64 / frames as f64)
}

fn rounds(path: &Path) {
    let interface = Interface { link_type: LinkType::ETHERNET, ..Interface::default() };
    let out = std::io::BufWriter::new(File::create(path).unwrap());
    let mut writer = PcapngWriter::new(out, &[interface]).unwrap();
    for _ in 0..ROUNDS {
        let mut reader = CaptureReader::open(demo()).unwrap();
        while let Some(frame) = reader.next_frame().unwrap() {
            writer.frame(&frame).unwrap();
        }
    }
    writer.flush().unwrap();
}

#[test]
#[ignore = "prints what frames cost, for a machine that does nothing else"]
fn a_frame_from_an_interface_beside_one_from_a_file() {
    with_lab("cost::a_frame_from_an_interface_beside_one_from_a_file", |lab| {
        let path = lab.folder.join("rounds.pcapng");
        rounds(&path);
        let file = cost(CaptureReader::open(&path).unwrap());
        lab.inside(&lab.b, || {
            let options = LiveOptions { interfaces: vec!["slvb".to_owned()], ..LiveOptions::default() };
            let source = LiveSource::open(&options).unwrap();
            let live = std::thread::scope(|scope| {
                let stop = &options.stop;
                scope.spawn(move || {
                    lab.replay(&["-K", "-t", "--loop", &ROUNDS.to_string()], &demo());
                    stop.store(true, Ordering::Relaxed);
                });
                cost(source)
            });
            println!(
                "file: {} frames, {:.1} ns each; interface: {} frames, {:.1} ns each; {:.2} times",
                file.0,
                file.1,
                live.0,
                live.1,
                live.1 / file.1
            );
            assert!(file.0 == ROUNDS * 1260 && live.0 > 0);
        });
    });
}
