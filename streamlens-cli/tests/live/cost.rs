//! What a frame costs from an interface beside one from a file: printed, for the figures depend on the machine.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use streamlens::live::{LiveOptions, LiveSource};
use streamlens::model::{FrameBatch, FrameSource, Interface, LinkType};
use streamlens::pcap::{CaptureReader, PcapngWriter};

use crate::compare::demo;
use crate::drops::sent;
use crate::lab::{BINARY, Lab, with_lab};

const ROUNDS: u64 = 800;
/// How often the file is read.
const READINGS: u64 = 5;
/// Frames of a recording that is read beside a minute of the sender.
const RECORDED: u64 = 1_000_000;

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

/// Processor time in nanoseconds, by the fields of `/proc/PID/stat` that are given, counted from 0 behind the name.
fn spent(pid: &str, fields: [usize; 2]) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let behind_name: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields.iter().map(|field| behind_name[*field].parse::<u64>().unwrap() * 10_000_000).sum()
}

fn resident_kib(pid: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Processor time in nanoseconds that the command takes for a file.
fn of_reading(path: &Path) -> u64 {
    let file = File::create(path.with_extension("json")).unwrap();
    let mut child = std::process::Command::new(BINARY);
    let mut child = child.args([path.to_str().unwrap(), "--format", "json"]).stdout(file).spawn().unwrap();
    // its times stay to be read until it is waited for
    let pid = child.id().to_string();
    let has_ended = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") Z ");
    while !has_ended() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let spent = spent(&pid, [11, 12]);
    assert!(child.wait().unwrap().success());
    spent
}

/// Records the first frames of the sender.
fn record(lab: &Lab, path: &Path) {
    let (count, path) = (RECORDED.to_string(), path.to_str().unwrap());
    let mut live = lab.capture(&["-i", "slvb", "-w", path, "-c", &count, "--format", "json"]);
    std::thread::scope(|scope| {
        scope.spawn(|| lab.replay(&["-K", "-t", "--loop", "0", "--duration=20"], &demo()));
        assert_eq!(live.end().document()["capture"]["packets"].as_u64(), Some(RECORDED));
    });
}

/// The command as fast as the sender goes for a minute: every frame is counted or told as dropped, memory stays, and a frame
/// costs at most 1.3 times what the same frames from a file do.
#[test]
#[ignore = "takes a minute of a machine that does nothing else, and a build that is optimised"]
fn a_minute_as_fast_as_the_sender_goes() {
    const SECONDS: u64 = 60;
    with_lab("cost::a_minute_as_fast_as_the_sender_goes", |lab| {
        let before = sent(lab, "tx_packets");
        let live = lab.capture(&["-i", "slvb", "--format", "json"]);
        let pid = live.pid().to_string();
        let (early, at_start) = std::thread::scope(|scope| {
            let duration = format!("--duration={SECONDS}");
            scope.spawn(move || lab.replay(&["-K", "-t", "--loop", "0", &duration], &demo()));
            let at_start = spent(&pid, [11, 12]);
            std::thread::sleep(std::time::Duration::from_secs(10));
            (resident_kib(&pid), at_start)
        });
        std::thread::sleep(std::time::Duration::from_millis(300));
        let (late, nanos) = (resident_kib(&pid), spent(&pid, [11, 12]) - at_start);
        let document = live.interrupt().document();
        let count = |key: &str| document["capture"][key].as_u64().unwrap();
        let dropped = document["capture"]["dropped"]["slvb"].as_u64().unwrap();
        let frames = count("packets");
        println!("{frames} frames, {dropped} dropped; {early} KiB after 10 s, {late} KiB at the end");
        // a veth peer's backlog drops before any packet socket, and the sender's end counts these as not sent
        assert_eq!(frames + dropped, sent(lab, "tx_packets") - before);
        assert!(late <= early + early / 20, "{early} KiB grew to {late} KiB");

        // the same frames are those of this sender, at its pace: what frames cost depends on their times. The file too is read
        // while the sender sends: two threads of one core slow each other down, whatever they do
        let path = lab.folder.join("recorded.pcapng");
        record(lab, &path);
        let done = AtomicBool::new(false);
        let of_file = std::thread::scope(|scope| {
            let sender = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    lab.replay(&["-K", "-t", "--loop", "0", "--duration=1"], &demo());
                }
            });
            std::thread::sleep(std::time::Duration::from_millis(300));
            let spent = (0..READINGS).map(|_| of_reading(&path)).sum::<u64>();
            done.store(true, Ordering::Relaxed);
            sender.join().unwrap();
            spent as f64 / (READINGS * RECORDED) as f64
        });
        let of_live = nanos as f64 / frames as f64;
        println!("a frame: {of_live:.0} ns live, {of_file:.0} ns from a file, {:.2} times", of_live / of_file);
        assert!(of_live <= of_file * 1.3);
    });
}
