//! How many instructions a frame takes, held against `benches/instructions.txt`: more than a tenth above fails.
//!
//! Times differ from run to run and machine to machine; instructions hardly do. The command itself runs under callgrind
//! on one thread, on two captures of which one is twice as long: their difference leaves out the start and the end.
//! Needs valgrind; without it nothing is measured, which fails where `CI` is set.
//!
//! `cargo bench --bench instructions -- --write` notes what is measured now. `STREAMLENS_PROGRAM` names a release build that is
//! there already and is to be measured instead.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use streamlens_testing::{Made, telemetry};

/// What was measured before, one line each: name and instructions a frame.
const NOTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/instructions.txt");

/// Frames of the shorter capture of telemetry: enough for every flow to be past its youth.
const FRAMES: u32 = 40_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--test") {
        println!("instructions: measured by `cargo bench --bench instructions` alone");
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("instructions: SKIPPED, there is no valgrind (apt-get install valgrind)");
        return if std::env::var_os("CI").is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let measured = [
        ("telemetry", per_frame("telemetry", &(0..2 * FRAMES).map(telemetry).collect::<Vec<_>>())),
        ("mix", per_frame("mix", &common::mix())),
    ];
    if arguments.iter().any(|argument| argument == "--write") {
        let lines: String = measured.iter().map(|(name, now)| format!("{name} {now}\n")).collect();
        std::fs::write(NOTED, lines).expect("the file can be written");
    }
    let noted = std::fs::read_to_string(NOTED).expect("benches/instructions.txt is there");
    let mut is_fine = true;
    for (name, now) in measured {
        let before = noted.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        let Some(before) = before else { panic!("benches/instructions.txt has no line for {name}") };
        println!("{name}: {now} instructions a frame, {before} noted ({:+.1} %)", percent(now, before));
        if now * 10 > before * 11 {
            eprintln!("{name}: more than a tenth above; make it faster, or say why with --write");
            is_fine = false;
        } else if now * 10 < before * 9 {
            println!("{name}: more than a tenth below: note it with --write, so that it stays");
        }
    }
    if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn percent(now: u64, before: u64) -> f64 {
    (now as f64 / before as f64 - 1.0) * 100.0
}

/// Instructions for each frame of the second half.
fn per_frame(name: &str, frames: &[Made]) -> u64 {
    let half = frames.len() / 2;
    let files = [("half", &frames[..half]), ("whole", frames)].map(|(part, frames)| {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("instructions-{name}-{part}.pcap"));
        std::fs::write(&path, common::pcap(frames)).expect("the target folder can be written");
        path
    });
    let [half_count, whole_count] = files.map(|file| instructions(&file));
    (whole_count - half_count) / half as u64
}

/// What callgrind counts for the analysis of a capture.
fn instructions(capture: &Path) -> u64 {
    let program = std::env::var_os("STREAMLENS_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_streamlens").into());
    let out = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--threads", "1", "--top", "8"])
        .arg(capture)
        .output()
        .expect("valgrind runs");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{said}");
    let count = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    count.unwrap_or_else(|| panic!("callgrind counted nothing: {said}"))
}
