//! The terminal interface in a real terminal: tmux sends keys and shows what is on the screen. Without tmux the tests say so,
//! and fail where `CI` is set.

mod hostile;
mod large;
pub(crate) mod session;
mod written;

use std::path::Path;
use std::process::Command;

use session::{Terminal, by_tshark, bytes_of, is_narrow, is_there, wait};
use streamlens_testing::demo;

use crate::common::Scratch;

fn frames(path: &Path, scratch: &Scratch) -> u64 {
    let path = path.to_str().unwrap();
    scratch.run(&["--format", "json", path]).json()["capture"]["packets"].as_u64().unwrap()
}

#[test]
fn the_demo_is_walked_narrowed_resized_written_and_left() {
    let Some(terminal) = Terminal::start("walk", "demo.pcapng") else { return };
    terminal.wait("all flows", |screen| screen.contains("flow 1 of 23") && screen.contains("whole"));
    terminal.keys(&["Right"]);
    terminal.wait("the encoding", |screen| screen.contains("Chapter10 99.9 %"));

    // the last good filter stands while a mistake is typed; it is marked, and Tab takes the correction
    terminal.keys(&["/"]);
    terminal.keys(&["-l", "iena and jiter > 1us"]);
    let screen = terminal.wait("the mistake", |screen| screen.contains("did you mean jitter?"));
    assert!(screen.contains("^^^^^"), "{screen}");
    terminal.keys(&["Tab"]);
    terminal.wait("the correction", |screen| screen.contains("iena and jitter▏ > 1us"));
    terminal.keys(&["Enter"]);
    terminal.wait("one flow", |screen| screen.contains("flow 1 of 1"));

    terminal.tmux(&["resize-window", "-x", "200", "-y", "60"]);
    terminal.wait("the wide screen", |screen| screen.contains("ΔT p99") && screen.contains("Findings"));
    terminal.tmux(&["resize-window", "-x", "80", "-y", "24"]);
    terminal.wait("the narrow screen", |screen| is_narrow(screen) && screen.contains("flow 1 of 1"));

    terminal.keys(&["w"]);
    terminal.wait("the name of the file", |screen| screen.contains(".pcapng▏"));
    terminal.keys(&["C-u"]);
    terminal.keys(&["-l", "iena.pcapng"]);
    terminal.keys(&["Enter"]);
    terminal.wait("what was written", |screen| screen.contains("wrote 277 frames"));
    let written = terminal.scratch.path().join("iena.pcapng");
    assert_eq!(frames(&written, &terminal.scratch), 277);
    let flow = "ip.src == 192.168.20.11 && udp.srcport == 40001 && ip.dst == 192.168.20.50 && udp.dstport == 5600";
    let of = |path: &Path, filter: &str| by_tshark("walk", path, filter);
    let read = terminal.scratch.path().join("demo.pcapng");
    if let (Some(written), Some(read)) = (of(&written, ""), of(&read, flow)) {
        assert_eq!((written.len(), bytes_of(&written)), (277, 25_546));
        assert_eq!(written, read, "lengths and times are those of the file");
    }

    terminal.keys(&["q"]);
    terminal.ends_with("0");
}

#[test]
fn a_replay_is_frozen_and_goes_on() {
    let Some(terminal) = Terminal::start("freeze", "--replay=0.2 demo.pcapng") else { return };
    terminal.wait("flows", |screen| screen.contains("flow 1 of"));
    terminal.press("p", "that it is frozen", |screen| screen.contains("frozen"));
    // while frames come: what is shown stands, whatever the size
    let frames = |screen: &str| screen.lines().nth(3).map(|line| line.split_whitespace().nth(5).map(str::to_owned));
    let before = frames(&terminal.screen());
    terminal.wait("that time passes", |screen| screen.contains("frozen 2 s ago"));
    assert_eq!(frames(&terminal.screen()), before);
    terminal.press("p", "that it goes on", |screen| !screen.contains("frozen"));
    for _ in 0..2 {
        terminal.tmux(&["resize-window", "-x", "200", "-y", "60"]);
        terminal.wait("the wide screen", |screen| screen.contains("ΔT p99") && screen.lines().count() == 60);
        terminal.tmux(&["resize-window", "-x", "80", "-y", "24"]);
        terminal.wait("the narrow screen", is_narrow);
    }
    terminal.keys(&["C-c"]);
    terminal.ends_with("0");
}

#[test]
fn the_terminal_is_whole_after_a_signal() {
    for signal in ["-TERM", "-QUIT", "-HUP", "-INT"] {
        let Some(terminal) = Terminal::start(&format!("signal{signal}"), "demo.pcapng") else { return };
        terminal.wait("all flows", |screen| screen.contains("flow 1 of 23"));
        let killed = Command::new("kill").args([signal, &terminal.process()]).status().unwrap();
        assert!(killed.success());
        terminal.ends_with("0");
    }
}

#[test]
fn the_keys_of_signals_end_it() {
    for (test, key) in [("key-c", "C-c"), ("key-backslash", "C-\\")] {
        let Some(terminal) = Terminal::start(test, "demo.pcapng") else { return };
        terminal.wait("all flows", |screen| screen.contains("flow 1 of 23"));
        terminal.keys(&[key]);
        terminal.ends_with("0");
    }
}

#[test]
fn a_capture_that_was_cut_off_says_so_and_so_does_the_status() {
    let whole = demo::capture();
    let command = format!("{} tui demo.pcapng 2> said", env!("CARGO_BIN_EXE_streamlens"));
    let Some(terminal) = Terminal::of("cut", &command, "", &whole[..whole.len() / 2]) else { return };
    terminal.wait("how it stands", |screen| screen.contains("flow 1 of") && screen.contains("cut off"));
    terminal.keys(&["q"]);
    terminal.ends_with("5");
    let said = std::fs::read_to_string(terminal.scratch.path().join("said")).unwrap();
    assert!(said.contains("demo.pcapng: "), "{said}");
}

#[test]
fn the_terminal_is_whole_after_a_panic() {
    let Some(terminal) = Terminal::start("panic", "--panic demo.pcapng") else { return };
    terminal.ends_with("101");
    // what it says may be longer than the screen
    let said = terminal.tmux(&["capture-pane", "-p", "-S", "-"]);
    assert!(said.contains("as --panic wants it"), "{said}");
}

#[test]
fn it_ends_where_the_terminal_goes_away() {
    let Some(terminal) = Terminal::start("gone", "demo.pcapng") else { return };
    terminal.wait("all flows", |screen| screen.contains("flow 1 of 23"));
    let process = terminal.process();
    terminal.tmux(&["kill-server"]);
    let is_gone = || (!Path::new(&format!("/proc/{process}")).exists()).then_some(());
    wait(is_gone).expect("it ends with its terminal");
}

#[test]
fn colours_are_those_for_the_background_that_the_terminal_says_it_has() {
    // the header's background
    for (back, header) in [("#fdf6e3", "48;2;221;221;221"), ("#002b36", "48;2;58;58;58")] {
        let configuration = format!("set -g window-style bg={back}\nset -g default-terminal tmux-256color\n");
        let test = format!("background-{}", &back[1..]);
        let Some(terminal) = Terminal::configured(&test, "demo.pcapng", &configuration) else { return };
        terminal.wait("all flows", |screen| screen.contains("flow 1 of 23"));
        let found = terminal.tmux(&["capture-pane", "-e", "-p"]);
        assert!(found.contains(header), "{found:?}");
        terminal.keys(&["q"]);
        terminal.ends_with("0");
    }
}

#[test]
fn the_packets_around_an_outlier_are_written() {
    let Some(terminal) = Terminal::start("outlier", "-Y iena demo.pcapng") else { return };
    terminal.wait("one flow", |screen| screen.contains("flow 1 of 1"));
    terminal.keys(&["Enter"]);
    terminal.wait("the outliers", |screen| screen.contains("Outliers"));
    terminal.keys(&["n"]);
    terminal.wait("the chosen one", |screen| screen.contains('▸'));
    terminal.keys(&["w"]);
    terminal.wait("what is written", |screen| screen.contains("5 s before to 5 s after frame 1,016"));
    terminal.keys(&["C-u"]);
    terminal.keys(&["-l", "around.pcapng"]);
    terminal.keys(&["Enter"]);
    terminal.wait("what was written", |screen| screen.contains("wrote 277 frames"));
    assert_eq!(frames(&terminal.scratch.path().join("around.pcapng"), &terminal.scratch), 277);
    terminal.keys(&["q"]);
    terminal.ends_with("0");
}

#[test]
fn it_is_stopped_and_goes_on() {
    if !is_there("bash", "--version", "stopped") {
        return;
    }
    // a shell with jobs, which looks at the terminal while the command is stopped
    let command = format!(
        "bash -c 'set -m; {} tui demo.pcapng; stty -a > stopped; while [ ! -e again ]; do sleep 0.02; done; fg'",
        env!("CARGO_BIN_EXE_streamlens")
    );
    let Some(terminal) = Terminal::of("stopped", &command, "", &demo::capture()) else { return };
    terminal.wait("all flows", |screen| screen.contains("flow 1 of 23"));
    terminal.keys(&["C-z"]);
    let stopped = terminal.scratch.path().join("stopped");
    wait(|| std::fs::read_to_string(&stopped).ok().filter(|text| text.contains("echo"))).expect("it is stopped");
    let read = |name: &str| std::fs::read_to_string(terminal.scratch.path().join(name)).unwrap();
    assert_eq!(read("stopped"), read("before"), "the terminal is the shell's while it is stopped");
    terminal.wait("the shell's screen", |screen| !screen.contains("flow 1 of 23"));
    terminal.scratch.file("again", b"");
    terminal.wait("the whole screen again", |screen| screen.contains("flow 1 of 23") && screen.contains("? help"));
    terminal.press("Down", "that keys arrive", |screen| screen.contains("flow 2 of 23"));
    terminal.keys(&["q"]);
    terminal.ends_with("0");
}

#[test]
fn standard_input_is_shown_and_is_not_read_again() {
    let command = format!("cat demo.pcapng | {} tui -", env!("CARGO_BIN_EXE_streamlens"));
    let Some(terminal) = Terminal::of("stdin", &command, "", &demo::capture()) else { return };
    terminal.wait("all flows", |screen| screen.contains("flow 1 of 23") && screen.contains("whole"));
    let screen =
        terminal.press("Enter", "the detail", |screen| screen.contains("[Timing]") && screen.contains("ΔT min"));
    assert!(!screen.contains("reading again"), "{screen}");
    terminal.press("w", "the name of the file", |screen| screen.contains(".pcapng▏"));
    terminal.press("Enter", "why not", |screen| screen.contains("can't be read a second time"));
    terminal.keys(&["q"]);
    terminal.ends_with("0");
}

#[test]
fn what_is_no_terminal_and_what_is_wrong_in_the_configuration_is_told() {
    let scratch = Scratch::new("tui-refused");
    let capture = scratch.file("demo.pcapng", &demo::capture());
    let ran = scratch.run_with(&["tui", capture], &[("TERM", "xterm")]);
    assert_eq!((ran.status, ran.stderr.contains("`streamlens FILE`")), (2, true), "{}", ran.stderr);
    for (text, line) in [
        ("[keys]\nfreeze = [\"q\"]\n", "wrong.toml: line 2: the key q is that of freeze and of quit"),
        ("\n[keys]\nfreze = [\"p\"]\n", "wrong.toml: line 3: no key can do 'freze'; there are up, down"),
        ("colour = 1\n", "wrong.toml: TOML parse error at line 1"),
    ] {
        let wrong = scratch.file("wrong.toml", text.as_bytes());
        let ran = scratch.run(&["tui", "--config", wrong, capture]);
        assert_eq!((ran.status, ran.stderr.contains(line)), (2, true), "{}", ran.stderr);
    }
    std::fs::write(scratch.path().join("bytes.toml"), b"theme = \"dark\"\n# caf\xe9\n").unwrap();
    let ran = scratch.run(&["tui", "--config", scratch.path().join("bytes.toml").to_str().unwrap(), capture]);
    assert!(ran.status == 2 && ran.stderr.contains("line 2: it is no UTF-8 from byte 6"), "{}", ran.stderr);
    let ran = scratch.run_with(&["tui", "--print-config"], &[("STREAMLENS_THEME", "pink")]);
    assert!(ran.status == 2 && ran.stderr.contains("STREAMLENS_THEME: there is no theme"), "{}", ran.stderr);
    let printed = scratch.run(&["tui", "--print-config", "--theme", "light", "--sort", "rate", capture]);
    assert!(
        printed.stdout.contains("theme = \"light\"") && printed.stdout.contains("sort = \"rate\""),
        "{}",
        printed.stdout
    );
    let printed = scratch.run(&["tui", "--print-config"]);
    let own = scratch.file("own.toml", printed.stdout.as_bytes());
    // it is read, and only the terminal is missing
    let ran = scratch.run(&["tui", "--config", own, capture]);
    assert!(ran.status == 2 && ran.stderr.contains("needs a terminal"), "{}", ran.stderr);
}

#[test]
fn a_terminal_that_is_dumb_is_refused() {
    // a name each: the tmux of the first may still be ending when the second begins
    for (test, term) in [("dumb", "TERM=dumb"), ("unnamed", "TERM=")] {
        let command = format!("{term} {} tui demo.pcapng 2> said", env!("CARGO_BIN_EXE_streamlens"));
        let Some(terminal) = Terminal::of(test, &command, "", &demo::capture()) else { return };
        terminal.ends_with("2");
        let said = std::fs::read_to_string(terminal.scratch.path().join("said")).unwrap();
        assert!(said.contains("`streamlens FILE`"), "{said}");
    }
}
