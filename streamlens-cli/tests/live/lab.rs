//! Two network namespaces with a pair of virtual interfaces between them, made for one test and deleted behind it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use serde_json::Value;

pub const BINARY: &str = env!("CARGO_BIN_EXE_streamlens");
/// Set in the process that has namespaces of its own.
const INSIDE: &str = "STREAMLENS_LIVE_TEST_INSIDE";
/// How long any one command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test where namespaces can be made: here, or, for a user who is not root, in a user namespace. Where neither can be
/// had, says so loudly; in CI that is a failure.
pub fn with_lab(name: &str, test: impl FnOnce(&Lab)) {
    if Uid::effective().is_root() || std::env::var_os(INSIDE).is_some() {
        return match Lab::new() {
            Ok(lab) => test(&lab),
            Err(why) => not_here(name, &why),
        };
    }
    let script = "mount -t tmpfs tmpfs /run && exec \"$0\" --exact \"$1\" --nocapture";
    let program = std::env::current_exe().expect("this test");
    let mut inside = Command::new("unshare");
    inside.args(["-Urnm", "sh", "-c", script]).arg(program).arg(name).env(INSIDE, "1");
    match inside.output() {
        Ok(output) if output.status.success() => print!("{}", String::from_utf8_lossy(&output.stdout)),
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("test result: FAILED") => {
            panic!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        }
        Ok(output) => not_here(name, &String::from_utf8_lossy(&output.stderr)),
        Err(error) => not_here(name, &error.to_string()),
    }
}

/// Whether this process is root of the whole system, which tests of users need.
pub fn is_real_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    Uid::effective().is_root() && map.split_whitespace().last() == Some("4294967295")
}

/// Says that a test did not run.
pub fn not_here(name: &str, why: &str) {
    let message = format!("LIVE TEST NOT RUN: {name}: {}", why.trim());
    assert!(std::env::var_os("CI").is_none(), "{message}");
    eprintln!("\n******** {message} ********\n");
}

/// Says that a test of users did not run, which is no failure where the tests do not run as root.
pub fn needs_root(name: &str) {
    eprintln!("\n******** LIVE TEST IGNORED: {name}: tests of users need root ********\n");
}

/// Whether a program can be run.
pub fn has(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Sender and receiver: interface `slva` in the one namespace, `slvb` in the other.
pub struct Lab {
    pub a: String,
    pub b: String,
    pub folder: PathBuf,
}

impl Lab {
    fn new() -> Result<Self, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let tag = format!("{}x{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let lab = Self {
            a: format!("sl{tag}a"),
            b: format!("sl{tag}b"),
            folder: std::env::temp_dir().join(format!("streamlens-live-{tag}")),
        };
        for space in [&lab.a, &lab.b] {
            ip(&["netns", "add", space])?;
            ip(&["-n", space, "link", "set", "lo", "up"])?;
            // else the kernels talk to each other
            for which in ["all", "default"] {
                let setting = format!("net.ipv6.conf.{which}.disable_ipv6=1");
                ip(&["netns", "exec", space, "sysctl", "-qw", &setting])?;
            }
        }
        ip(&["link", "add", "slva", "netns", &lab.a, "type", "veth", "peer", "name", "slvb", "netns", &lab.b])?;
        for (space, interface) in [(&lab.a, "slva"), (&lab.b, "slvb")] {
            ip(&["-n", space, "link", "set", interface, "mtu", "65535", "arp", "off", "up"])?;
        }
        std::fs::create_dir_all(&lab.folder).map_err(|error| error.to_string())?;
        Ok(lab)
    }

    /// A command in the receiver's namespace.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.b, program]);
        command
    }

    /// Starts a capture and waits until it says that it captures.
    pub fn capture(&self, arguments: &[&str]) -> Capture {
        let mut command = self.command(BINARY);
        command.args(arguments);
        Capture::start(command)
    }

    /// Sends the frames of a capture as they are.
    pub fn replay(&self, options: &[&str], path: &Path) {
        self.try_replay(options, path).unwrap();
    }

    /// As [`Self::replay`]; what tcpreplay says where it can't.
    pub fn try_replay(&self, options: &[&str], path: &Path) -> Result<(), String> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.a, "tcpreplay", "-q", "-i", "slva"]).args(options).arg(path);
        let output = command.output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        if output.status.success() { Ok(()) } else { Err(format!("tcpreplay: {said}")) }
    }

    /// Runs something on a thread in one of the namespaces.
    pub fn inside<T: Send>(&self, space: &str, run: impl FnOnce() -> T + Send) -> T {
        let file = File::open(format!("/run/netns/{space}")).expect("the namespace");
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                setns(file, CloneFlags::CLONE_NEWNET).expect("the namespace is entered");
                run()
            });
            thread.join().expect("no panic")
        })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for space in [&self.a, &self.b] {
            let _ = ip(&["netns", "del", space]);
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Runs `ip`; what it said where it failed.
pub fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}

/// A capture that runs.
pub struct Capture {
    child: Child,
    said: Receiver<String>,
    /// Lines of standard error so far.
    pub lines: Vec<String>,
}

/// How a capture ended.
pub struct Ended {
    pub status: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ended {
    /// The JSON document that it printed.
    pub fn document(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stderr))
    }
}

impl Capture {
    pub fn start(command: Command) -> Self {
        Self::start_until(command, "capturing on")
    }

    /// Starts a command and waits until it says something.
    pub fn start_until(mut command: Command, what: &str) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let stderr = child.stderr.take().expect("a pipe");
        let (send, said) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let mut capture = Self { child, said, lines: Vec::new() };
        capture.wait_for(what);
        capture
    }

    /// Waits until it says something.
    pub fn wait_for(&mut self, what: &str) {
        while !self.lines.iter().any(|line| line.contains(what)) {
            match self.said.recv_timeout(PATIENCE) {
                Ok(line) => self.lines.push(line),
                Err(_) => panic!("it never says `{what}`, but: {}", self.lines.join("\n")),
            }
        }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it runs");
    }

    /// Lets frames that are under way arrive, ends it as Ctrl-C does, and waits.
    pub fn interrupt(mut self) -> Ended {
        std::thread::sleep(Duration::from_millis(300));
        self.signal(Signal::SIGINT);
        self.end()
    }

    /// Waits for its end.
    pub fn end(&mut self) -> Ended {
        let mut stdout = Vec::new();
        self.child.stdout.take().expect("a pipe").read_to_end(&mut stdout).expect("it writes");
        let status = self.child.wait().expect("it ends").code();
        while let Ok(line) = self.said.recv_timeout(Duration::from_secs(5)) {
            self.lines.push(line);
        }
        Ended { status, stdout, stderr: self.lines.join("\n") }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// Runs a command to its end.
pub fn run(mut command: Command) -> Output {
    command.output().expect("it runs")
}
