//! The command from outside: exit statuses, where captures come from, messages, pipes.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;
mod judged;
#[cfg(all(feature = "tui", unix))]
mod terminal;

use std::io::{Read, Write};
use std::process::Stdio;

use common::{Ran, Scratch, backwards, pcap, rtp, three_flows, udp};

/// Compares with a file of `tests/snapshots`; `STREAMLENS_BLESS=1` writes it anew.
fn assert_snapshot(name: &str, actual: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("STREAMLENS_BLESS").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == actual, "differs from {}; STREAMLENS_BLESS=1 writes it anew:\n{actual}", path.display());
}

#[test]
fn help_is_as_reviewed() {
    let scratch = Scratch::new("help");
    let ran = scratch.run(&["--help"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert_snapshot("help.txt", &ran.stdout);
}

#[test]
fn table_is_as_reviewed() {
    let scratch = Scratch::new("table");
    scratch.file("three.pcap", &three_flows());
    let ran = scratch.run(&["three.pcap"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert_snapshot("table.txt", &ran.stdout);
}

#[test]
fn a_sound_capture_ends_with_0_and_silence() {
    let scratch = Scratch::new("sound");
    let ran = scratch.run(&[scratch.file("a.pcap", &three_flows()), "--format", "json"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert_eq!(ran.json()["capture"]["packets"], 6);
}

#[test]
fn findings_end_with_1_only_when_asked_for_and_grave_enough() {
    let scratch = Scratch::new("findings");
    scratch.file("back.pcap", &backwards());
    let status = |arguments: &[&str]| scratch.run(&[&["back.pcap"], arguments].concat()).status;
    assert_eq!(status(&[]), 0);
    assert_eq!(status(&["--fail-on", "error"]), 0);
    assert_eq!(status(&["--fail-on", "warning"]), 1);
    assert_eq!(status(&["--fail-on", "info"]), 1);
    scratch.file("fine.pcap", &three_flows());
    assert_eq!(scratch.run(&["fine.pcap", "--fail-on", "info"]).status, 0);
}

#[test]
fn wrong_usage_ends_with_2_and_points_to_the_help() {
    let scratch = Scratch::new("usage");
    scratch.file("a.pcap", &three_flows());
    for arguments in [
        &[][..],
        &["--nonsense"],
        &["a.pcap", "--format", "xml"],
        &["a.pcap", "--interval", "1"],
        &["a.pcap", "--threads", "0"],
        &["a.pcap", "--max-flows", "0"],
        &["a.pcap", "-c", "few"],
        &["a.pcap", "-d", "udp.port=5004,rtp"],
        &["a.pcap", "-d", "flow,nonesuch"],
        &["completions", "tcsh"],
    ] {
        let ran = scratch.run(arguments);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.stderr.contains("--help"), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn what_is_no_capture_ends_with_3_and_the_message_names_file_and_place() {
    let scratch = Scratch::new("no-capture");
    scratch.file("text.pcap", b"this is no capture at all");
    scratch.file("empty.pcap", b"");
    for (name, place) in
        [("text.pcap", "byte 0"), ("empty.pcap", "byte 0"), ("missing.pcap", "no such file"), (".", "directory")]
    {
        let ran = scratch.run(&[name]);
        assert_eq!((ran.status, ran.stdout.as_str()), (3, ""), "{name}");
        assert!(
            ran.stderr.starts_with(&format!("streamlens: {name}: ")) && ran.stderr.contains(place),
            "{}",
            ran.stderr
        );
    }
}

#[cfg(unix)]
#[test]
fn a_missing_permission_ends_with_4() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new("permission");
    scratch.file("secret.pcap", &three_flows());
    let path = scratch.path().join("secret.pcap");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        eprintln!("not tested end to end: this user may read everything");
        return;
    }
    let ran = scratch.run(&["secret.pcap"]);
    assert_eq!(ran.status, 4);
    assert!(ran.stderr.contains("secret.pcap") && ran.stderr.contains("permission"), "{}", ran.stderr);
}

#[test]
fn a_cut_capture_ends_with_5_which_wins_over_1_and_shows_what_there_is() {
    let scratch = Scratch::new("cut");
    let mut bytes = backwards();
    bytes.truncate(bytes.len() - 1);
    scratch.file("cut.pcap", &bytes);
    for format in ["table", "json", "ndjson", "csv"] {
        let ran = scratch.run(&["cut.pcap", "--fail-on", "info", "--format", format]);
        assert_eq!(ran.status, 5, "{format}");
        assert!(ran.stdout.contains("10.0.0.1"), "{format}: {}", ran.stdout);
        assert!(ran.stderr.starts_with("streamlens: cut.pcap: ") && ran.stderr.contains("byte 85"), "{}", ran.stderr);
    }
}

#[test]
fn captures_come_from_standard_input_from_r_and_in_numbers() {
    let scratch = Scratch::new("sources");
    scratch.file("decoders", &three_flows());
    scratch.file("late.pcap", &pcap(&[(5, udp((9, 1), (8, 1), b"late"))]));
    let packets = |ran: Ran| (ran.status, ran.json()["capture"]["packets"].as_u64());
    assert_eq!(packets(scratch.run(&["--format", "json", "-r", "decoders"])), (0, Some(6)));
    assert_eq!(packets(scratch.run(&["--format", "json", "./decoders"])), (0, Some(6)));
    assert_eq!(packets(scratch.run_on(&["--format", "json", "-"], &three_flows())), (0, Some(6)));
    assert_eq!(packets(scratch.run_on(&["--format", "json", "-r", "-"], &three_flows())), (0, Some(6)));

    let merged = scratch.run(&["--format", "json", "-r", "late.pcap", "./decoders"]).json();
    assert_eq!(merged["capture"]["packets"], 7);
    assert_eq!(merged["flows"][1]["src"]["address"], "10.0.0.9", "merged by time: 5 ms comes second");
}

#[test]
fn reading_stops_after_c_frames() {
    let scratch = Scratch::new("count");
    scratch.file("a.pcap", &three_flows());
    for count in [0, 1, 3, 6, 100] {
        let ran = scratch.run(&["a.pcap", "--format", "json", "-c", &count.to_string()]);
        assert_eq!((ran.status, ran.json()["capture"]["packets"].as_u64()), (0, Some(count.min(6))));
    }
}

#[test]
fn decode_as_is_followed_where_the_evidence_alone_says_nothing() {
    let scratch = Scratch::new("decode-as");
    scratch.file("one.pcap", &pcap(&[(0, udp((1, 4001), (2, 4002), &rtp(1)))]));
    let encodings = |arguments: &[&str]| {
        let document = scratch.run(&[&["one.pcap", "--format", "json"], arguments].concat()).json();
        document["flows"][0]["transport_protocols"]["UDP"]["application_encodings"].as_object().unwrap().len()
    };
    assert_eq!(encodings(&[]), 0);
    assert_eq!(encodings(&["-d", "udp.port==4002,rtp"]), 1);
    assert_eq!(encodings(&["-d", "udp.port==4000-4001,RTP"]), 1);
    assert_eq!(encodings(&["-d", "flow,rtp"]), 1);
    assert_eq!(encodings(&["-d", "tcp.port==4002,rtp"]), 0);
}

#[test]
fn any_number_of_threads_gives_the_same_document() {
    let scratch = Scratch::new("threads");
    scratch.file("a.pcap", &three_flows());
    let of = |threads| scratch.run(&["a.pcap", "--format", "json", "--threads", threads]).stdout;
    assert_eq!(of("1"), of("4"));
}

#[test]
fn flows_beyond_the_bound_are_counted_aside() {
    let scratch = Scratch::new("max-flows");
    let document =
        scratch.run(&[scratch.file("a.pcap", &three_flows()), "--format", "json", "--max-flows", "1"]).json();
    assert_eq!(document["flows"].as_array().unwrap().len(), 1);
    assert_eq!(document["capture"]["not_in_flows"]["flow table full"], 3);
    let finding = document["findings"].as_array().unwrap().iter().find(|one| one["code"] == "capture.flow-table-full");
    let finding = finding.expect("that they are not analysed is found");
    assert_eq!((&finding["count"], &finding["severity"]), (&3.into(), &"warning".into()));
    assert!(finding["text"].as_str().unwrap().starts_with("3 frames ("), "{finding}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let scratch = Scratch::new("closed-pipe");
    let cases: [&[&str]; 5] =
        [&["-"], &["-", "--format", "json"], &["-", "--format", "ndjson"], &["-", "--format", "csv"], &["man"]];
    for arguments in cases {
        let mut child = scratch.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        // the output is closed before there is any input
        drop(child.stdout.take());
        let _ = child.stdin.take().unwrap().write_all(&three_flows());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn a_closed_standard_error_changes_no_status() {
    let scratch = Scratch::new("closed-stderr");
    let mut child = scratch.command(&["-"]).stdin(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

/// Standard output that is full fails, and says so.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let scratch = Scratch::new("full");
    scratch.file("a.pcap", &three_flows());
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = Ran::from(scratch.command(&["a.pcap"]).stdout(full).output().unwrap());
    assert_eq!(ran.status, 5);
    assert!(ran.stderr.starts_with("streamlens: standard output: "), "{}", ran.stderr);
}

/// Waits until a process catches Ctrl-C.
#[cfg(target_os = "linux")]
fn until_it_catches_interrupts(child: &std::process::Child) {
    let catches_interrupts = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0").trim();
        u64::from_str_radix(caught, 16).unwrap_or(0) & 2 != 0
    };
    for _ in 0..1000 {
        if catches_interrupts() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// What it prints once it was interrupted.
#[cfg(target_os = "linux")]
fn interrupted(child: std::process::Child) -> Ran {
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    Ran::from(child.wait_with_output().unwrap())
}

/// Ctrl-C ends a replay where it is, not where the file ends.
#[cfg(target_os = "linux")]
#[test]
fn a_replay_ends_at_ctrl_c() {
    let scratch = Scratch::new("replay-interrupted");
    scratch.file("demo.pcapng", &streamlens_testing::demo::capture());
    // five seconds take eight minutes
    let child = scratch.command(&["demo.pcapng", "--replay=0.01", "--format", "json"]).spawn().unwrap();
    until_it_catches_interrupts(&child);
    let ran = interrupted(child);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.json()["capture"]["packets"].as_u64().unwrap() < 1260);
}

/// Ctrl-C ends the waiting for a growing file, and the result has what was added meanwhile.
#[cfg(target_os = "linux")]
#[test]
fn a_growing_file_is_followed_until_ctrl_c() {
    use std::time::Duration;
    let scratch = Scratch::new("follow");
    let whole = three_flows();
    let (now, later) = whole.split_at(whole.len() - 61);
    scratch.file("growing.pcap", now);
    let child = scratch.command(&["growing.pcap", "--follow", "--format", "json"]).spawn().unwrap();
    until_it_catches_interrupts(&child);
    std::thread::sleep(Duration::from_millis(300));
    let mut file = std::fs::OpenOptions::new().append(true).open(scratch.path().join("growing.pcap")).unwrap();
    file.write_all(later).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let ran = interrupted(child);
    assert_eq!((ran.status, ran.json()["capture"]["packets"].as_u64()), (0, Some(6)), "{}", ran.stderr);
}

#[test]
fn decoders_are_listed_for_people_and_programs() {
    let scratch = Scratch::new("decoders");
    let list = scratch.run(&["decoders", "--format", "json"]).json();
    let table = scratch.run(&["decoders"]).stdout;
    assert!(!list.as_array().unwrap().is_empty());
    for decoder in list.as_array().unwrap() {
        assert!(table.contains(decoder["encoding_name"].as_str().unwrap()), "{decoder}");
        for key in ["standard", "carriers", "detection_ports", "packet_types"] {
            assert!(!decoder[key].is_null(), "{key}");
        }
    }
}

#[test]
fn fields_are_listed_for_people_and_programs() {
    let scratch = Scratch::new("fields");
    let list = scratch.run(&["fields", "--format", "json"]).json();
    let table = scratch.run(&["fields"]).stdout;
    for field in list.as_array().unwrap() {
        let name = field["name"].as_str().unwrap();
        assert!(table.lines().any(|line| line.split_whitespace().next() == Some(name)), "{name}");
        for key in ["levels", "type", "meaning"] {
            assert!(!field[key].is_null(), "{name}: {key}");
        }
    }
    let named = |name: &str| list.as_array().unwrap().iter().find(|field| field["name"] == name).unwrap();
    assert_eq!(named("dt")["csv"], "iat_mean_ns");
    assert_eq!((&named("dt")["type"], &named("dt")["unit"]), (&"duration".into(), &"ns".into()));
    assert_eq!(named("lost")["levels"], serde_json::json!(["encoding", "stream"]));
    assert_eq!(named("meta.KEY")["levels"], serde_json::json!(["transport", "encoding", "type"]));
}

#[test]
fn completions_and_the_man_page_know_the_options() {
    let scratch = Scratch::new("completions");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = scratch.run(&["completions", shell]);
        assert!(ran.status == 0 && ran.stdout.contains("max-flows"), "{shell}");
    }
    let man = scratch.run(&["man"]);
    assert!(
        man.status == 0 && man.stdout.contains(".TH streamlens 1") && man.stdout.contains("Exit status"),
        "{}",
        man.stdout
    );
    let wrong = scratch.run(&["man", "tiu"]);
    assert!(wrong.status == 2 && wrong.stderr.contains("there are decoders"), "{}", wrong.stderr);
}

#[test]
#[cfg(feature = "tui")]
fn the_terminal_interface_has_a_man_page() {
    let man = Scratch::new("man-tui").run(&["man", "tui"]);
    for part in [".TH streamlens-tui 1", "--print-config", "--no-mouse", "--replay", "STREAMLENS_THEME", "Keys"] {
        // roff writes a minus as \-
        assert!(man.stdout.replace("\\-", "-").contains(part), "{part}: {}", man.stdout);
    }
}
