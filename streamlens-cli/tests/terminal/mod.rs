//! The terminal interface in a real terminal: tmux sends keys and shows what is on the screen. Without tmux the tests say so,
//! and fail where `CI` is set.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use streamlens_testing::demo;

use crate::common::Scratch;

/// Waiting for a screen gives up after this time; a machine that is busy needs some of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal of its own, in which a shell runs the command once and notes how the terminal was before and after.
struct Terminal {
    scratch: Scratch,
    socket: String,
}

impl Terminal {
    /// Starts the command with these arguments in 80 x 24; `None`, said loudly, where there is no tmux.
    fn start(test: &str, arguments: &str) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "there is no tmux");
            eprintln!("SKIPPED {test}: there is no tmux");
            return None;
        }
        let scratch = Scratch::new(test);
        scratch.file("demo.pcapng", &demo::capture());
        let terminal = Self { scratch, socket: format!("streamlens-{test}-{}", std::process::id()) };
        let script = format!(
            "stty -a > before; {} tui {arguments}; echo ended with $? > status; stty -a > after; mv status ended; sleep 600",
            env!("CARGO_BIN_EXE_streamlens")
        );
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "sh", "-c", &script]);
        Some(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket]).args(arguments).current_dir(self.scratch.path());
        command.env("LC_ALL", "C.UTF-8").env("TERM", "xterm-256color").env_remove("TMUX").env_remove("NO_COLOR");
        let output = command.env("XDG_CONFIG_HOME", self.scratch.path()).output().unwrap();
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until the screen is as wanted.
    fn wait(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        wait(|| Some(self.screen()).filter(|screen| is_so(screen))).unwrap_or_else(|| {
            panic!("{what} never came:\n{}", self.screen());
        })
    }

    /// Waits until the command has ended with a status, and holds the terminal against what it was before.
    fn ends_with(&self, status: &str) {
        let read = |name: &str| std::fs::read_to_string(self.scratch.path().join(name)).ok();
        let ended = wait(|| read("ended")).unwrap_or_else(|| panic!("it doesn't end:\n{}", self.screen()));
        assert_eq!(ended.trim(), format!("ended with {status}"));
        assert_eq!(read("before").unwrap(), read("after").unwrap(), "the terminal is not as it was");
    }

    /// The process of the command.
    fn process(&self) -> String {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        let children = format!("/proc/{0}/task/{0}/children", shell.trim());
        std::fs::read_to_string(children).unwrap().trim().to_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.socket, "kill-server"]).output();
    }
}

#[expect(clippy::disallowed_methods, reason = "it waits for other processes")]
fn wait<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if let Some(seen) = look() {
            return Some(seen);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}

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
    terminal.wait("the narrow screen", |screen| !screen.contains("ΔT p99") && screen.contains("flow 1 of 1"));

    terminal.keys(&["w"]);
    terminal.wait("the name of the file", |screen| screen.contains(".pcapng▏"));
    terminal.keys(&["C-u"]);
    terminal.keys(&["-l", "iena.pcapng"]);
    terminal.keys(&["Enter"]);
    terminal.wait("what was written", |screen| screen.contains("wrote 277 frames"));
    let written = terminal.scratch.path().join("iena.pcapng");
    assert_eq!(frames(&written, &terminal.scratch), 277);

    terminal.keys(&["q"]);
    terminal.ends_with("0");
}

#[test]
fn a_replay_is_frozen_and_goes_on() {
    let Some(terminal) = Terminal::start("freeze", "--replay=0.2 demo.pcapng") else { return };
    terminal.wait("flows", |screen| screen.contains("flow 1 of"));
    terminal.keys(&["p"]);
    terminal.wait("that it is frozen", |screen| screen.contains("frozen"));
    terminal.keys(&["p"]);
    terminal.wait("that it goes on", |screen| !screen.contains("frozen"));
    terminal.keys(&["C-c"]);
    terminal.ends_with("0");
}

#[test]
fn the_terminal_is_whole_after_a_signal() {
    let Some(terminal) = Terminal::start("signal", "demo.pcapng") else { return };
    terminal.wait("all flows", |screen| screen.contains("flow 1 of 23"));
    let killed = Command::new("kill").args(["-TERM", &terminal.process()]).status().unwrap();
    assert!(killed.success());
    terminal.ends_with("0");
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
