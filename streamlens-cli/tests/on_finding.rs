//! `--on-finding`, `--buffer` and `--loop`, on captures.
#![cfg(feature = "live")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use std::path::PathBuf;

use common::{Scratch, pcap, rtp, udp};
use streamlens::pcap::CaptureReader;

/// A minute of RTP at ten packets a second, from 100 s on; of the numbers those in front of 30 s are missing.
fn minute() -> Vec<u8> {
    let frames: Vec<_> = (0..600_u16)
        .map(|n| {
            let sequence = if n < 300 { n } else { n + 5 };
            (u32::from(n) * 100, udp((1, 5000), (2, 5004), &rtp(sequence)))
        })
        .collect();
    pcap(&frames)
}

/// Times of the frames of a file in milliseconds after the hundredth second.
fn millis(path: &PathBuf) -> Vec<i64> {
    let mut reader = CaptureReader::open(path).unwrap();
    let mut found = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        found.push(frame.time.unwrap().as_nanos() / 1_000_000 - 100_000);
    }
    assert!(reader.warnings().is_empty());
    found
}

fn written(scratch: &Scratch, folder: &str) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        std::fs::read_dir(scratch.path().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn the_frames_around_a_finding_are_written_no_more_and_no_less() {
    let scratch = Scratch::new("around");
    scratch.file("minute.pcap", &minute());
    std::fs::create_dir(scratch.path().join("out")).unwrap();
    for replay in [&["--replay=0"][..], &["--replay=60"], &[]] {
        for (buffer, before) in [(&[][..], 10_000), (&["--buffer", "5s"], 5_000), (&["--buffer", "1h,64MiB"], 10_000)] {
            let mut arguments = vec!["minute.pcap", "-d", "udp.port==5004,rtp", "--format", "json"];
            arguments.extend(["--on-finding", "error,rtp.loss", "--write-dir", "out"]);
            arguments.extend(replay.iter().chain(buffer));
            let ran = scratch.run(&arguments);
            assert_eq!(ran.status, 0, "{}", ran.stderr);
            let paths = written(&scratch, "out");
            assert_eq!(paths.len(), 1, "{paths:?} {}", ran.stderr);
            assert!(paths[0].ends_with("rtp.loss-19700101000210-1.pcapng"), "{paths:?}");
            let expected: Vec<i64> =
                (0..600).map(|n| n * 100).filter(|ms| (30_000 - before..=35_000).contains(ms)).collect();
            assert_eq!(millis(&paths[0]), expected, "{replay:?} {buffer:?}");
            assert!(ran.stderr.contains("rtp.loss-19700101000210-1.pcapng"), "it is said: {}", ran.stderr);
            std::fs::remove_file(&paths[0]).unwrap();
        }
    }
}

#[test]
fn documents_are_the_same_with_and_without() {
    let scratch = Scratch::new("same");
    scratch.file("minute.pcap", &minute());
    let plain = scratch.run(&["minute.pcap", "--format", "json"]);
    let watched = scratch.run(&["minute.pcap", "--format", "json", "--on-finding", "error,modbus"]);
    assert_eq!(plain.stdout, watched.stdout);
}

#[test]
fn findings_that_are_not_grave_enough_or_others_get_no_file() {
    let scratch = Scratch::new("others");
    scratch.file("minute.pcap", &minute());
    for chosen in ["error,ptp", "error,rtp.reordered"] {
        let ran = scratch.run(&["minute.pcap", "--on-finding", chosen]);
        assert_eq!(ran.status, 0);
    }
    assert_eq!(written(&scratch, ".").len(), 1, "the capture alone");
}

#[test]
fn a_buffer_too_small_for_the_span_says_how_far_it_went() {
    let scratch = Scratch::new("small");
    let frames: Vec<_> = (0..600_u16)
        .flat_map(|n| {
            let sequence = if n < 300 { n } else { n + 5 };
            let at = u32::from(n) * 100;
            let filling = (0..20).map(move |_| (at, udp((1, 1), (2, 2), &[0x55; 1400])));
            filling.chain([(at, udp((1, 5000), (2, 5004), &rtp(sequence)))])
        })
        .collect();
    scratch.file("large.pcap", &pcap(&frames));
    let ran =
        scratch.run(&["large.pcap", "-d", "udp.port==5004,rtp", "--on-finding", "error,rtp.loss", "--buffer", "1MiB"]);
    assert!(ran.stderr.contains("the buffer went back"), "{}", ran.stderr);
    let path = written(&scratch, ".").into_iter().find(|path| path.extension().is_some_and(|end| end == "pcapng"));
    let found = millis(&path.unwrap());
    assert!(found.first().is_some_and(|first| *first > 20_000) && found.last() == Some(&35_000));
}

#[test]
fn a_folder_that_is_none_and_values_that_are_none_are_refused() {
    let scratch = Scratch::new("refused");
    scratch.file("minute.pcap", &minute());
    if cfg!(target_os = "linux") {
        // where not even root makes files
        let ran = scratch.run(&["minute.pcap", "--on-finding", "error", "--write-dir", "/proc"]);
        assert_eq!((ran.status, ran.stderr.contains("/proc: can't be written to: ")), (2, true), "{}", ran.stderr);
    }
    for (arguments, said) in [
        (&["--on-finding", "error", "--write-dir", "nowhere"][..], "nowhere: is no folder"),
        (&["--write-dir", "."], "--on-finding"),
        (&["--on-finding", "loud"], "expected info, warning or error"),
        (
            &["--on-finding", "error,nonsense"],
            "no finding has a code that begins with 'nonsense'; `streamlens findings`",
        ),
        (&["--on-finding", "error,iena.losses"], "did you mean iena.loss?"),
        (&["--on-finding", "error,ieno"], "begins with 'ieno'; did you mean iena?"),
        (&["--on-finding", "error", "--buffer", "0"], "has no unit"),
        (&["--on-finding", "error", "--buffer", "0MiB"], "too little"),
        (&["--on-finding", "error", "--buffer", "99999999999GiB"], "more than any memory"),
        (&["--loop"], "--replay"),
    ] {
        let mut all = vec!["minute.pcap"];
        all.extend(arguments);
        let ran = scratch.run(&all);
        assert_eq!(ran.status, 2, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_taken_if_only_by_a_link_is_left_alone() {
    let scratch = Scratch::new("taken");
    scratch.file("minute.pcap", &minute());
    let path = scratch.path().join("rtp.loss-19700101000210-1.pcapng");
    std::os::unix::fs::symlink("/dev/full", path).unwrap();
    let ran = scratch.run(&["minute.pcap", "-d", "udp.port==5004,rtp", "--on-finding", "error,rtp.loss"]);
    assert_eq!((ran.status, written(&scratch, ".").len()), (0, 3), "{}", ran.stderr);
}

#[test]
fn a_replay_goes_round_until_it_has_enough() {
    let scratch = Scratch::new("round");
    scratch.file("minute.pcap", &minute());
    let ran = scratch.run(&["minute.pcap", "--replay=0", "--loop", "-c", "1500", "--format", "json"]);
    let document = ran.json();
    // 600, 600 and 300: each round is a start of its own, and the result is that of the last
    assert_eq!(document["capture"]["packets"], 300);
    // two rounds of 59.9 s with a second behind each, and 29.9 s
    let seen = (&document["capture"]["first_seen"], &document["capture"]["last_seen"]);
    assert_eq!(seen.0, "1970-01-01T00:03:41.800000000Z");
    assert_eq!(seen.1, "1970-01-01T00:04:11.700000000Z");
    assert_eq!(document["capture"]["timestamps"]["backward_steps"], 0);
    let ran = scratch.run_on(&["-", "--replay", "--loop"], b"");
    assert_ne!(ran.status, 0);
    assert!(ran.stderr.contains("can't be read a second time"), "{}", ran.stderr);
}
