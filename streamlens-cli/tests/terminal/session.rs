//! A terminal of tmux, in which the command is used as people do.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, reason = "each test program uses a part")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use streamlens_testing::demo;

use crate::common::Scratch;

/// Waiting for a screen gives up after this time; a machine that is busy needs some of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal of its own, in which a shell runs the command once and notes how the terminal was before and after.
pub(crate) struct Terminal {
    pub(crate) scratch: Scratch,
    socket: String,
}

impl Terminal {
    /// Starts the command with these arguments in 80 x 24; `None`, said loudly, where there is no tmux.
    pub(crate) fn start(test: &str, arguments: &str) -> Option<Self> {
        Self::configured(test, arguments, "")
    }

    /// As [`Self::start`], in a tmux with this configuration.
    pub(crate) fn configured(test: &str, arguments: &str, configuration: &str) -> Option<Self> {
        let command = format!("{} tui {arguments}", env!("CARGO_BIN_EXE_streamlens"));
        Self::of(test, &command, configuration, &demo::capture())
    }

    /// A command of the shell in such a terminal, beside a file `demo.pcapng`. All that it writes to the terminal is kept in a file.
    pub(crate) fn of(test: &str, command: &str, configuration: &str, capture: &[u8]) -> Option<Self> {
        if !is_there("tmux", "-V", test) {
            return None;
        }
        let scratch = Scratch::new(test);
        scratch.file("demo.pcapng", capture);
        scratch.file("tmux.conf", configuration.as_bytes());
        let script = format!(
            "while [ ! -e go ]; do sleep 0.02; done; stty -a > before; {command}; echo ended with $? > status; \
             stty -a > after; mv status ended; sleep 600"
        );
        scratch.file("script", script.as_bytes());
        let terminal = Self { scratch, socket: format!("streamlens-{test}-{}", std::process::id()) };
        terminal.tmux(&["-f", "tmux.conf", "new-session", "-d", "-x", "80", "-y", "24", "sh", "script"]);
        let raw = terminal.scratch.path().join("raw");
        terminal.tmux(&["pipe-pane", &format!("cat > '{}'", raw.display())]);
        terminal.scratch.file("go", b"");
        Some(terminal)
    }

    /// All that was written to the terminal so far.
    pub(crate) fn raw(&self) -> Vec<u8> {
        std::fs::read(self.scratch.path().join("raw")).unwrap_or_default()
    }

    /// Presses a key and waits until the screen is as wanted.
    pub(crate) fn press(&self, key: &str, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        self.keys(&[key]);
        self.wait(what, is_so)
    }

    pub(crate) fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket]).args(arguments).current_dir(self.scratch.path());
        command.env("LC_ALL", "C.UTF-8").env("TERM", "xterm-256color").env_remove("TMUX").env_remove("NO_COLOR");
        let output = command.env("XDG_CONFIG_HOME", self.scratch.path()).output().unwrap();
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// As [`Self::wait`], looking as often as it can: where it is the time that is asked for.
    pub(crate) fn wait_closely(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let looked = wait_at(Duration::ZERO, || Some(self.screen()).filter(|screen| is_so(screen)));
        looked.unwrap_or_else(|| panic!("{what} never came:\n{}", self.screen()))
    }

    /// Waits until the screen is as wanted.
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        wait(|| Some(self.screen()).filter(|screen| is_so(screen))).unwrap_or_else(|| {
            panic!("{what} never came:\n{}", self.screen());
        })
    }

    /// Waits until the command has ended with a status, and holds the terminal against what it was before.
    pub(crate) fn ends_with(&self, status: &str) {
        let read = |name: &str| std::fs::read_to_string(self.scratch.path().join(name)).ok();
        let ended = wait(|| read("ended")).unwrap_or_else(|| panic!("it doesn't end:\n{}", self.screen()));
        assert_eq!(ended.trim(), format!("ended with {status}"));
        // its size is left out, which tests change
        let settings =
            |name: &str| read(name).and_then(|text| text.split_once("; line = ").map(|(_, rest)| rest.to_owned()));
        assert_eq!(settings("before").unwrap(), settings("after").unwrap(), "the terminal is not as it was");
    }

    /// The process of the command.
    pub(crate) fn process(&self) -> String {
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

pub(crate) fn wait<T>(look: impl FnMut() -> Option<T>) -> Option<T> {
    wait_at(Duration::from_millis(50), look)
}

/// Looks at this pace until there is something to see.
#[expect(clippy::disallowed_methods, reason = "it waits for other processes")]
fn wait_at<T>(pace: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if let Some(seen) = look() {
            return Some(seen);
        }
        std::thread::sleep(pace);
    }
    None
}

/// Whether a program can be run: says loudly where it can't, which is a failure in CI.
pub(crate) fn is_there(program: &str, asked: &str, test: &str) -> bool {
    let is_there = Command::new(program).arg(asked).output().is_ok();
    if !is_there {
        assert!(std::env::var_os("CI").is_none(), "there is no {program}");
        eprintln!("\n******** TEST NOT RUN: {test}: there is no {program} ********\n");
    }
    is_there
}

/// Lengths and times of the frames of a capture that pass a filter, by tshark; `None`, said loudly, where there is none.
pub(crate) fn by_tshark(test: &str, path: &Path, filter: &str) -> Option<Vec<String>> {
    if !is_there("tshark", "-v", test) {
        return None;
    }
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(path).args([
        "-Y",
        filter,
        "-T",
        "fields",
        "-e",
        "frame.len",
        "-e",
        "frame.time_epoch",
    ]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "tshark: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

/// The sum of the lengths that tshark gave.
pub(crate) fn bytes_of(frames: &[String]) -> u64 {
    frames.iter().filter_map(|frame| frame.split_whitespace().next()?.parse::<u64>().ok()).sum()
}

/// Whether a screen is one of 80 columns as the command draws it: tmux cuts the lines of a wide one off before it tells.
pub(crate) fn is_narrow(screen: &str) -> bool {
    !screen.contains("ΔT p99") && screen.lines().nth(2).is_some_and(|line| line.contains("#Frames"))
}
