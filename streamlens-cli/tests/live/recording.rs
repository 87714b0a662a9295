//! What is written while it passes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use streamlens::pcap::CaptureReader;

use crate::compare::demo;
use crate::lab::{Capture, Lab, has, not_here, with_lab};

/// The frames of a capture, how many of its warnings say that it is incomplete, and the drops of its first interface.
fn frames(path: &Path) -> (Vec<Vec<u8>>, usize, Option<u64>) {
    let mut reader = CaptureReader::open(path).unwrap();
    let mut found = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        found.push(frame.data.to_vec());
    }
    let incomplete = reader.warnings().iter().filter(|warning| warning.incomplete).count();
    (found, incomplete, reader.interfaces().first().and_then(|interface| interface.dropped))
}

fn recorded(lab: &Lab, name: &str) -> PathBuf {
    std::os::unix::fs::chown(&lab.folder, Some(65_534), Some(65_534)).ok();
    lab.folder.join(name)
}

#[test]
fn what_is_written_is_what_was_sent_and_others_read_it() {
    with_lab("recording::what_is_written_is_what_was_sent_and_others_read_it", |lab| {
        let path = recorded(lab, "out.pcapng");
        let live = lab.capture(&["-i", "slvb", "-w", path.to_str().unwrap(), "--format", "json"]);
        lab.replay(&["--pps=2000"], &demo());
        let ended = live.interrupt();
        assert_eq!(ended.document()["capture"]["packets"], 1260);
        let (sent, ..) = frames(&demo());
        let (written, incomplete, dropped) = frames(&path);
        assert!(written == sent, "{} frames of {}", written.len(), sent.len());
        assert_eq!((incomplete, dropped), (0, Some(0)));
        if !has("tshark") {
            return not_here("recording, by tshark", "tshark is missing");
        }
        let tshark = |arguments: &[&str], path: &Path| {
            let output = Command::new("tshark").args(["-n", "-r"]).arg(path).args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let fields = ["-T", "fields", "-e", "frame.len", "-e", "vlan.id", "-e", "eth.type"];
        assert_eq!(tshark(&fields, &path), tshark(&fields, &demo()));
    });
}

#[test]
fn what_was_written_a_second_before_a_kill_is_there() {
    with_lab("recording::what_was_written_a_second_before_a_kill_is_there", |lab| {
        let path = recorded(lab, "out.pcapng");
        let mut live = lab.capture(&["-i", "slvb", "-w", path.to_str().unwrap()]);
        lab.replay(&["--pps=4000"], &demo());
        std::thread::sleep(Duration::from_millis(1300));
        live.signal(Signal::SIGKILL);
        live.end();
        assert!(frames(&path).0 == frames(&demo()).0);
    });
}

#[test]
fn a_recording_that_others_delete_or_shorten_is_told_of_at_once() {
    with_lab("recording::a_recording_that_others_delete_or_shorten_is_told_of_at_once", |lab| {
        let path = recorded(lab, "out.pcapng");
        let begin = || {
            let live = lab.capture(&["-i", "slvb", "-w", path.to_str().unwrap(), "--format", "json"]);
            lab.replay(&["--pps=4000"], &demo());
            std::thread::sleep(Duration::from_millis(1300));
            live
        };
        let ends = |mut live: Capture, what: &str| {
            live.wait_for(&format!("out.pcapng: {what}"));
            lab.replay(&["--pps=4000"], &demo());
            let ended = live.interrupt();
            let capture = &ended.document()["capture"];
            let warnings = capture["warnings"].to_string();
            assert_eq!((ended.status, capture["packets"].as_u64()), (Some(5), Some(2 * 1260)), "{}", ended.stderr);
            assert!(warnings.contains("capture.not-written") && warnings.contains(what), "{warnings}");
        };
        let live = begin();
        std::fs::remove_file(&path).unwrap();
        ends(live, "was deleted; nothing more is written to it, and the capture goes on");

        let live = begin();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(100).unwrap();
        ends(live, "has 100 bytes, and ");
        std::fs::remove_file(&path).unwrap();

        // of a ring only that file is lost
        let mut live =
            lab.capture(&["-i", "slvb", "-w", path.to_str().unwrap(), "-b", "duration:3600", "--format", "json"]);
        lab.replay(&["--pps=4000"], &demo());
        std::thread::sleep(Duration::from_millis(1300));
        let files = || std::fs::read_dir(&lab.folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
        std::fs::remove_file(&files()[0]).unwrap();
        live.wait_for("was deleted; the next file of the ring goes on");
        lab.replay(&["--pps=4000"], &demo());
        let ended = live.interrupt();
        assert_eq!(ended.status, Some(5), "{}", ended.stderr);
        let [next] = &files()[..] else { panic!("{:?}", files()) };
        assert!(frames(next).0 == frames(&demo()).0);
    });
}

#[test]
fn a_ring_of_three_files_keeps_the_last_three() {
    with_lab("recording::a_ring_of_three_files_keeps_the_last_three", |lab| {
        let path = recorded(lab, "ring.pcapng");
        let arguments =
            ["-i", "slvb", "-w", path.to_str().unwrap(), "-b", "filesize:50", "-b", "files:3", "--format", "json"];
        let live = lab.capture(&arguments);
        lab.replay(&["--pps=2000"], &demo());
        let ended = live.interrupt();
        assert_eq!(
            (ended.status, ended.document()["capture"]["packets"].as_u64()),
            (Some(0), Some(1260)),
            "{}",
            ended.stderr
        );
        let mut paths: Vec<_> = std::fs::read_dir(&lab.folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert_eq!(paths.len(), 3, "{paths:?}");
        let written: Vec<_> = paths.iter().flat_map(|path| frames(path).0).collect();
        let sent = frames(&demo()).0;
        assert!(sent.ends_with(&written) && written.len() < sent.len(), "{} frames", written.len());
    });
}

#[test]
fn a_recording_on_standard_output_is_read_behind_a_pipe() {
    with_lab("recording::a_recording_on_standard_output_is_read_behind_a_pipe", |lab| {
        let live = lab.capture(&["-i", "slvb", "-w", "-"]);
        lab.replay(&["--pps=4000"], &demo());
        let ended = live.interrupt();
        assert!(
            ended.stderr.contains("1,260") || ended.stderr.contains("1260"),
            "the result is there: {}",
            ended.stderr
        );
        let path = lab.folder.join("piped.pcapng");
        std::fs::write(&path, &ended.stdout).unwrap();
        assert!(frames(&path).0 == frames(&demo()).0);
    });
}

#[test]
fn limits_end_a_capture() {
    with_lab("recording::limits_end_a_capture", |lab| {
        let begun = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let mut live = lab.capture(&["-i", "slvb", "-a", "duration:1", "--format", "json"]);
        assert_eq!(live.end().document()["capture"]["packets"], 0);
        let took = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap() - begun;
        assert!((1..8).contains(&took.as_secs()), "{took:?}");
        let mut live = lab.capture(&["-i", "slvb", "-a", "packets:100", "-a", "duration:30", "--format", "json"]);
        lab.replay(&["--pps=4000"], &demo());
        assert_eq!(live.end().document()["capture"]["packets"], 100);
    });
}
