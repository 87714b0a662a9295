//! A hub and its probes as processes, on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/captures/demo.pcapng")
}

/// A folder of its own for one test; taken away in the end.
pub(crate) struct Lab(pub(crate) PathBuf);

impl Lab {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("remote-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_streamlens"));
        command.args(arguments).current_dir(&self.0).env("XDG_STATE_HOME", &self.0).env_remove("STREAMLENS_TOKEN");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What the command prints.
    pub(crate) fn output(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A hub at a free port, or at one that it had before.
    pub(crate) fn hub(&self, port: u16, arguments: &[&str]) -> Hub {
        let listen = format!("127.0.0.1:{port}");
        let arguments = [&["hub", "--listen", &listen], arguments].concat();
        let process = Process::start(self.command(&arguments));
        let line = process.line_with("shows the flows");
        let address = line.split("//").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
        Hub { address: address.parse().unwrap(), process }
    }

    pub(crate) fn probe(&self, hub: &Hub, name: &str, arguments: &[&str]) -> Process {
        let url = format!("ws://{}", hub.address);
        let arguments = [&["probe", "--hub", &url, "--name", name], arguments].concat();
        Process::start(self.command(&arguments))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process that ends with the test.
pub(crate) struct Process {
    pub(crate) child: Child,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (line, lines) = channel();
        let errors = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for read in errors.lines().map_while(Result::ok) {
                let _ = line.send(read);
            }
        });
        Self { child, lines }
    }

    /// Waits for a line on standard error.
    pub(crate) fn line_with(&self, part: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => seen.push(line),
                Err(error) => panic!("no line with '{part}': {error}; there were {seen:#?}"),
            }
        }
    }

    /// Ends it as nobody can help.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A hub that is asked.
pub(crate) struct Hub {
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
}

impl Hub {
    /// Status and body of an answer.
    pub(crate) fn ask(&self, path: &str, headers: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", self.address);
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        (head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0), body.to_owned())
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let (status, body) = self.ask(&format!("/api/v1/{path}"), "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Asks until it is so.
    pub(crate) fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..600 {
            let (status, body) = self.ask(&format!("/api/v1/{path}"), "");
            // what is not there yet may come
            let answer = serde_json::from_str(&body).unwrap_or_default();
            if status == 200 && is_so(&answer) {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{path}: {:#}", self.json(path));
    }

    /// The probe of a name, once it is so.
    pub(crate) fn probe(&self, name: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let all = self.until("probes", |all| named(all, name).is_some_and(&is_so));
        named(&all, name).unwrap().clone()
    }
}

/// The probe of a name in a list.
pub(crate) fn named<'a>(all: &'a Value, name: &str) -> Option<&'a Value> {
    all.as_array()?.iter().find(|probe| probe["name"] == name)
}

/// As text in an address.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
