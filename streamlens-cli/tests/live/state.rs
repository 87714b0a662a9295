//! Interfaces that are not there, down, or go away; wrong command lines.

use std::time::Duration;

use crate::lab::{BINARY, Capture, ip, run, with_lab};
use crate::made::{capture, datagram};

fn failure(lab: &crate::lab::Lab, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = lab.command(BINARY);
    command.args(arguments);
    let output = run(command);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_can_not_be_captured_on_is_told_with_the_way_out() {
    with_lab("state::what_can_not_be_captured_on_is_told_with_the_way_out", |lab| {
        let (status, said) = failure(lab, &["-i", "slvx"]);
        assert_eq!(status, Some(4), "{said}");
        assert!(said.contains("slvx: no such interface; did you mean slvb?; -D lists"), "{said}");

        ip(&["-n", &lab.b, "link", "set", "slvb", "down"]).unwrap();
        let (status, said) = failure(lab, &["-i", "slvb"]);
        assert_eq!((status, said.contains("slvb: is down")), (Some(4), true), "{said}");

        let (status, said) = failure(lab, &["-i", "slvb", "-f", "udp prot 5"]);
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains("udp prot 5\n") && said.contains("    ^^^^"), "{said}");
    });
}

#[test]
fn interfaces_are_listed() {
    with_lab("state::interfaces_are_listed", |lab| {
        ip(&["-n", &lab.b, "addr", "add", "10.9.1.2/24", "dev", "slvb"]).unwrap();
        let mut command = lab.command(BINARY);
        command.arg("-D");
        let text = String::from_utf8(run(command).stdout).unwrap();
        let line = text.lines().find(|line| line.starts_with("slvb")).expect("it is there");
        assert!(line.contains("Ethernet") && line.contains("up") && line.contains("10.9.1.2"), "{line}");
        assert!(text.lines().any(|line| line.starts_with("lo") && line.contains("loopback")), "{text}");
        let mut command = lab.command(BINARY);
        command.args(["--list-time-stamp-types", "-i", "slvb"]);
        assert_eq!(String::from_utf8(run(command).stdout).unwrap(), "slvb: host\n");
        let (status, said) = failure(lab, &["--list-time-stamp-types", "-i", "slvx"]);
        assert_eq!((status, said.contains("slvx: no such interface")), (Some(4), true), "{said}");
    });
}

#[test]
fn an_interface_that_is_down_is_waited_for() {
    with_lab("state::an_interface_that_is_down_is_waited_for", |lab| {
        ip(&["-n", &lab.b, "link", "set", "slvb", "down"]).unwrap();
        let (space, path) = (lab.b.clone(), capture(&lab.folder, "one.pcapng", &[datagram(&[], 1, 60)]));
        let raised = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(700));
            ip(&["-n", &space, "link", "set", "slvb", "up"]).unwrap();
        });
        // begins at once, and has frames as soon as the interface is up
        let mut live = lab.capture(&["-i", "slvb", "--wait", "-c", "1", "-a", "duration:20", "--format", "json"]);
        live.wait_for("slvb: is up again");
        raised.join().unwrap();
        // the other end of a pair sends once it has seen its carrier, a second later at most
        std::thread::sleep(Duration::from_millis(1500));
        lab.replay(&[], &path);
        let ended = live.end();
        assert_eq!(ended.document()["capture"]["packets"], 1);
        assert!(ended.stderr.contains("slvb: is down, and was when the capture began"), "{}", ended.stderr);
    });
}

#[test]
fn waiting_ends_as_a_capture_does() {
    with_lab("state::waiting_ends_as_a_capture_does", |lab| {
        // what is there is captured on meanwhile
        ip(&["-n", &lab.b, "link", "set", "slvb", "down"]).unwrap();
        let mut live = lab.capture(&["-i", "lo", "-i", "slvb", "--wait", "-a", "duration:2", "--format", "json"]);
        let ping = ["netns", "exec", &lab.b, "bash", "-c", "echo > /dev/udp/127.0.0.1/9"];
        ip(&ping).unwrap();
        let ended = live.end();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        assert!(ended.document()["capture"]["packets"].as_u64() >= Some(1), "{}", ended.stderr);

        // what is not there is waited for, but not beyond the time of the capture
        let (status, said) = failure(lab, &["-i", "slvx", "--wait", "-a", "duration:1"]);
        assert_eq!(status, Some(4), "{said}");
        assert!(said.contains("slvx: waits until it is there"), "{said}");
        assert!(said.contains("slvx: no such interface; did you mean slvb?") && said.contains("waited for"), "{said}");

        let mut command = lab.command(BINARY);
        command.args(["-i", "slvx", "--wait"]);
        let mut live = Capture::start_until(command, "slvx: waits until it is there");
        live.signal(nix::sys::signal::Signal::SIGINT);
        let ended = live.end();
        assert_eq!((ended.status, ended.stderr.contains("waited for")), (Some(4), true), "{}", ended.stderr);
    });
}

#[test]
fn an_interface_that_goes_down_comes_back_and_costs_no_cpu() {
    with_lab("state::an_interface_that_goes_down_comes_back_and_costs_no_cpu", |lab| {
        let frames: Vec<_> = (0..50).map(|_| datagram(&[], 6000, 60)).collect();
        let path = capture(&lab.folder, "fifty.pcapng", &frames);
        let mut live = lab.capture(&["-i", "slvb", "--format", "json"]);
        lab.replay(&[], &path);
        ip(&["-n", &lab.b, "link", "set", "slvb", "down"]).unwrap();
        live.wait_for("is down since");
        let before = ticks(&live);
        std::thread::sleep(Duration::from_secs(2));
        let spent = ticks(&live) - before;
        assert!(spent <= 40, "{spent} hundredths of a second in two seconds of nothing");
        ip(&["-n", &lab.b, "link", "set", "slvb", "up"]).unwrap();
        // what it says of it is looked up once a second
        std::thread::sleep(Duration::from_millis(1500));
        lab.replay(&[], &path);
        let ended = live.interrupt();
        let found = ended.document();
        assert_eq!((ended.status, found["capture"]["packets"].as_u64()), (Some(0), Some(100)));
        let warnings = found["capture"]["warnings"].to_string();
        assert!(warnings.contains("capture.interface-down") && warnings.contains("is up again; "), "{warnings}");
        // on its way down it may be seen without a carrier first
        assert!(warnings.contains("was down from "), "{warnings}");
    });
}

#[test]
fn a_pulled_cable_is_told_and_each_outage_is_kept() {
    with_lab("state::a_pulled_cable_is_told_and_each_outage_is_kept", |lab| {
        let path = capture(&lab.folder, "one.pcapng", &[datagram(&[], 1, 60)]);
        let mut live = lab.capture(&["-i", "slvb", "--format", "json"]);
        for _ in 0..2 {
            // what the other end of a pair is, the carrier is
            ip(&["-n", &lab.a, "link", "set", "slva", "down"]).unwrap();
            live.wait_for("has no carrier since");
            std::thread::sleep(Duration::from_millis(1200));
            ip(&["-n", &lab.a, "link", "set", "slva", "up"]).unwrap();
            std::thread::sleep(Duration::from_millis(2500));
            lab.replay(&[], &path);
        }
        let ended = live.interrupt();
        let found = ended.document();
        assert_eq!((ended.status, found["capture"]["packets"].as_u64()), (Some(0), Some(2)));
        let warnings = found["capture"]["warnings"].to_string();
        assert_eq!(warnings.matches("had no carrier from").count(), 2, "{warnings}");
        let said = |what: &str| ended.stderr.matches(what).count();
        assert_eq!(
            (said("has no carrier since"), said("is up again; had no carrier from")),
            (2, 2),
            "{}",
            ended.stderr
        );
    });
}

#[test]
fn no_frame_has_a_time_within_an_outage() {
    with_lab("state::no_frame_has_a_time_within_an_outage", |lab| {
        std::os::unix::fs::chown(&lab.folder, Some(65_534), Some(65_534)).ok();
        let recording = lab.folder.join("out.pcapng");
        let live = lab.capture(&["-i", "slvb", "-w", recording.to_str().unwrap(), "--format", "json"]);
        std::thread::scope(|scope| {
            // what is sent while the other end is down is thrown away
            let sender = scope.spawn(|| lab.try_replay(&["--pps=1000", "--loop=3"], &crate::compare::demo()));
            for _ in 0..3 {
                std::thread::sleep(Duration::from_millis(300));
                ip(&["-n", &lab.b, "link", "set", "slvb", "down"]).unwrap();
                std::thread::sleep(Duration::from_millis(300));
                ip(&["-n", &lab.b, "link", "set", "slvb", "up"]).unwrap();
            }
            sender.join().unwrap()
        })
        .ok();
        std::thread::sleep(Duration::from_millis(1500));
        let ended = live.interrupt();
        let warnings = ended.document()["capture"]["warnings"].to_string();
        let times = warnings.split("from ").skip(1).map(|text| {
            let (from, until) = text.split_once(" until ").expect("an outage");
            (from.to_owned(), until.split([';', ',', '"']).next().expect("its end").to_owned())
        });
        let outages: Vec<(String, String)> = times.collect();
        assert!(outages.len() >= 3, "{warnings}");
        let mut reader = streamlens::pcap::CaptureReader::open(&recording).unwrap();
        let mut frames = 0;
        while let Some(frame) = reader.next_frame().unwrap() {
            let time = frame.time.unwrap().to_string();
            // as texts of the same length they are in the order of the times
            let within = outages.iter().find(|(from, until)| *from < time && time < *until);
            assert_eq!(within, None, "frame {} at {time}", frame.number);
            frames += 1;
        }
        assert!(frames > 100, "{frames} frames");
    });
}

/// Processor time of a capture, in hundredths of a second.
fn ticks(live: &Capture) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", live.pid())).unwrap();
    let behind_name = stat.rsplit_once(") ").unwrap().1;
    behind_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
fn an_interface_that_is_deleted_ends_the_capture_with_what_there_was() {
    with_lab("state::an_interface_that_is_deleted_ends_the_capture_with_what_there_was", |lab| {
        let path = capture(&lab.folder, "one.pcapng", &[datagram(&[], 1, 60)]);
        let mut live = lab.capture(&["-i", "slvb", "--format", "json"]);
        lab.replay(&[], &path);
        std::thread::sleep(Duration::from_millis(200));
        ip(&["-n", &lab.b, "link", "del", "slvb"]).unwrap();
        let ended = live.end();
        assert_eq!(ended.status, Some(5), "{}", ended.stderr);
        assert_eq!(ended.document()["capture"]["packets"], 1);
        assert!(ended.stderr.contains("slvb: was deleted at"), "{}", ended.stderr);
    });
}
