//! Frames that the capture itself loses are counted, every one.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use streamlens::live::{LiveOptions, LiveSource};
use streamlens::model::{DropPlace, FrameBatch, FrameSource};

use crate::compare::demo;
use crate::lab::{Lab, with_lab};

/// A counter of the sending interface.
pub fn sent(lab: &Lab, counter: &str) -> u64 {
    let path = format!("/sys/class/net/slva/statistics/{counter}");
    let mut command = std::process::Command::new("ip");
    command.args(["netns", "exec", &lab.a, "cat", &path]);
    String::from_utf8(command.output().unwrap().stdout).unwrap().trim().parse().expect("a number")
}

/// Reads a source to its end; the frames that it gave.
fn drain(source: &mut LiveSource) -> u64 {
    let (mut batch, mut frames) = (FrameBatch::default(), 0);
    while source.read_batch(&mut batch).unwrap() {
        frames += batch.len() as u64;
    }
    frames
}

#[test]
fn a_small_ring_and_a_reader_that_sleeps_lose_frames_and_count_them_all() {
    with_lab("drops::a_small_ring_and_a_reader_that_sleeps_lose_frames_and_count_them_all", |lab| {
        lab.inside(&lab.b, || {
            let options =
                LiveOptions { interfaces: vec!["slvb".to_owned()], ring_bytes: 256 << 10, ..LiveOptions::default() };
            let mut source = LiveSource::open(&options).unwrap();
            assert_eq!(source.ring_bytes(), 256 << 10);
            let before = sent(lab, "tx_packets");
            lab.replay(&["-K", "-t", "--loop", "20"], Path::new(&demo()));
            std::thread::sleep(Duration::from_millis(500));
            options.stop.store(true, Ordering::Relaxed);
            let frames = drain(&mut source);
            let counts = source.interfaces()[0].counts.expect("it counts");
            assert!(counts.dropped.ring > 0, "{counts:?}");
            assert_eq!(frames + counts.dropped.ring, counts.accepted, "{counts:?}");
            // a veth peer's backlog drops before any packet socket
            assert_eq!(counts.accepted, sent(lab, "tx_packets") - before, "{counts:?}");
            assert_eq!(before + 20 * 1260, sent(lab, "tx_packets") + sent(lab, "tx_dropped"));
        });
    });
}

#[test]
fn the_frame_behind_those_that_were_dropped_is_told() {
    with_lab("drops::the_frame_behind_those_that_were_dropped_is_told", |lab| {
        lab.inside(&lab.b, || {
            let options =
                LiveOptions { interfaces: vec!["slvb".to_owned()], ring_bytes: 256 << 10, ..LiveOptions::default() };
            let (mut source, mut batch) = (LiveSource::open(&options).unwrap(), FrameBatch::default());
            lab.replay(&["-K", "-t", "--loop", "20"], Path::new(&demo()));
            std::thread::sleep(Duration::from_millis(500));
            // the ring is full; what it has came before anything was dropped
            let mut before = 0;
            loop {
                assert!(source.read_batch(&mut batch).unwrap());
                if batch.is_empty() {
                    break;
                }
                before += batch.len() as u64;
            }
            assert_eq!(source.drop_places(), []);
            lab.replay(&["--pps=4000", "--limit=100"], Path::new(&demo()));
            std::thread::sleep(Duration::from_millis(100));
            options.stop.store(true, Ordering::Relaxed);
            assert_eq!(drain(&mut source), 100);
            let dropped = source.interfaces()[0].counts.expect("it counts").dropped.ring;
            assert_eq!(source.drop_places(), [DropPlace { frame: before + 1, dropped }]);
            assert_eq!(before + dropped, 20 * 1260);
        });
    });
}

#[test]
fn nothing_passes_that_the_filter_refuses_also_while_the_capture_begins() {
    with_lab("drops::nothing_passes_that_the_filter_refuses_also_while_the_capture_begins", |lab| {
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| lab.replay(&["-K", "-t", "--loop", "200"], Path::new(&demo())));
            lab.inside(&lab.b, || {
                let mut opened = 0;
                while !sender.is_finished() {
                    let filter = "udp port 1 and vlan 4000".to_owned();
                    let interfaces = vec!["slvb".to_owned()];
                    let options = LiveOptions { interfaces, filter, ring_bytes: 1 << 20, ..LiveOptions::default() };
                    let mut source = LiveSource::open(&options).unwrap();
                    options.stop.store(true, Ordering::Relaxed);
                    assert_eq!(drain(&mut source), 0);
                    assert_eq!(source.interfaces()[0].counts.map(|counts| counts.accepted), Some(0));
                    opened += 1;
                }
                assert!(opened > 0);
            });
        });
    });
}

#[test]
fn silence_is_told_with_the_time() {
    with_lab("drops::silence_is_told_with_the_time", |lab| {
        lab.inside(&lab.b, || {
            let options = LiveOptions { interfaces: vec!["slvb".to_owned()], ..LiveOptions::default() };
            let (mut source, mut batch, mut times) =
                (LiveSource::open(&options).unwrap(), FrameBatch::default(), Vec::new());
            for _ in 0..5 {
                assert!(source.read_batch(&mut batch).unwrap());
                assert!(batch.is_empty());
                times.push(batch.now.expect("a time"));
            }
            assert!(times.is_sorted());
            let span = times[4].as_nanos() - times[0].as_nanos();
            assert!((100_000_000..2_000_000_000).contains(&span), "four waits of 50 ms took {span} ns");
        });
    });
}
