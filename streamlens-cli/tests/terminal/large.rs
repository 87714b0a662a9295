//! What the interface takes on a large file, beside the command's table. It prints what it measures, and judges no time: machines
//! are busy. `STREAMLENS_LARGE=/tmp/media.pcap cargo test --release -p streamlens-cli --test cli large -- --ignored --nocapture`,
//! with a file of 1 GB such as `make_bench.py media` writes.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::session::Terminal;

/// So often each is measured, in turn: the least time of each counts.
const ROUNDS: usize = 5;

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn clock() -> Instant {
    Instant::now()
}

/// Until the first rows are on the screen, and until it says that the whole is read.
fn interface(round: usize, file: &str) -> Option<(Duration, Duration)> {
    let command = format!("{} tui --refresh 20ms '{file}'", env!("CARGO_BIN_EXE_streamlens"));
    let terminal = Terminal::of(&format!("large-{round}"), &command, "", b"")?;
    let begun = clock();
    terminal.wait_closely("rows", |screen| screen.contains("flow 1 of "));
    let rows = begun.elapsed();
    let screen =
        terminal.wait_closely("the end", |screen| screen.lines().next().is_some_and(|first| first.contains(" whole ")));
    let whole = begun.elapsed();
    assert!(screen.contains("flow 1 of "), "{screen}");
    terminal.keys(&["q"]);
    terminal.ends_with("0");
    Some((rows, whole))
}

#[test]
#[ignore = "it measures, on a file of 1 GB"]
fn a_large_file_is_shown_while_it_is_read_and_read_as_fast() {
    let file = std::env::var("STREAMLENS_LARGE").expect("STREAMLENS_LARGE names a file");
    let (mut rows, mut whole, mut table) = (Duration::MAX, Duration::MAX, Duration::MAX);
    for round in 0..ROUNDS {
        let begun = clock();
        let mut command = Command::new(env!("CARGO_BIN_EXE_streamlens"));
        assert!(command.arg(&file).stdout(Stdio::null()).status().unwrap().success());
        table = table.min(begun.elapsed());
        let Some((first, all)) = interface(round, &file) else { return };
        (rows, whole) = (rows.min(first), whole.min(all));
    }
    let ratio = whole.as_secs_f64() / table.as_secs_f64();
    println!("first rows {rows:.2?}, the whole {whole:.2?}; `streamlens FILE` {table:.2?}; ratio {ratio:.3}");
}
