//! Tiny captures, and the command run over them.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, reason = "each test file uses a part")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory of its own for one test; taken away in the end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Writes a file and gives its name back.
    pub fn file<'a>(&self, name: &'a str, bytes: &[u8]) -> &'a str {
        std::fs::write(self.0.join(name), bytes).unwrap();
        name
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The command, in this directory, with an environment that is the same everywhere.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_streamlens"));
        command.args(arguments).current_dir(&self.0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in ["COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }

    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        Ran::from(self.command(arguments).envs(environment.iter().copied()).output().unwrap())
    }

    pub fn run_on(&self, arguments: &[&str], stdin: &[u8]) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        Ran::from(child.wait_with_output().unwrap())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What the command gave.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// Standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// Standard output without its last line feed, by line.
    pub fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }
}

/// A pcap of these frames, each at so many milliseconds after the hundredth second.
pub fn pcap(frames: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut out = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    for (millis, data) in frames {
        let length = data.len() as u32;
        for word in [100 + millis / 1000, millis % 1000 * 1000, length, length] {
            out.extend(word.to_le_bytes());
        }
        out.extend(data);
    }
    out
}

/// An Ethernet frame with a UDP datagram from 10.0.0.`src` to 10.0.0.`dst`; checksums left out.
pub fn udp((src, src_port): (u8, u16), (dst, dst_port): (u8, u16), payload: &[u8]) -> Vec<u8> {
    let mut out = vec![2, 0, 0, 0, 0, dst, 2, 0, 0, 0, 0, src, 8, 0, 0x45, 0];
    out.extend((28 + payload.len() as u16).to_be_bytes());
    out.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, src, 10, 0, 0, dst]);
    out.extend(src_port.to_be_bytes());
    out.extend(dst_port.to_be_bytes());
    out.extend((8 + payload.len() as u16).to_be_bytes());
    out.extend([0, 0]);
    out.extend(payload);
    out
}

/// An Ethernet frame with a UDP datagram between two long IPv6 addresses.
pub fn udp6(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60, 0, 0, 0];
    out.extend((8 + payload.len() as u16).to_be_bytes());
    out.extend([17, 64]);
    for last in [1, 2] {
        out.extend([0x20, 1, 0x0d, 0xb8, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf1, 0x11, 0x22, 0x33, last]);
    }
    out.extend([0x9c, 0x40, 0x9c, 0x41]);
    out.extend((8 + payload.len() as u16).to_be_bytes());
    out.extend([0, 0]);
    out.extend(payload);
    out
}

/// An RTP packet of payload type 97 with 48 bytes of payload.
pub fn rtp(sequence: u16) -> Vec<u8> {
    let mut out = vec![0x80, 97];
    out.extend(sequence.to_be_bytes());
    out.extend((u32::from(sequence) * 48).to_be_bytes());
    out.extend([0xca, 0xfe, 0, 1]);
    out.extend((0..48u16).map(|index| (index * sequence) as u8));
    out
}

/// Three flows that nothing is identified in: of 3, 2 and 1 frames; the second one is the largest in bytes.
pub fn three_flows() -> Vec<u8> {
    pcap(&[
        (0, udp((1, 4001), (2, 4002), b"hello")),
        (10, udp((1, 4001), (2, 4002), b"hello")),
        (20, udp((3, 4003), (2, 4002), &[b'x'; 500])),
        (30, udp((1, 4001), (2, 4002), b"hello")),
        (50, udp((3, 4003), (2, 4002), &[b'x'; 500])),
        (1060, udp((2, 4002), (1, 4001), b"bye")),
    ])
}

/// Frames whose times run backwards, which is a warning.
pub fn backwards() -> Vec<u8> {
    pcap(&[(20, udp((1, 4001), (2, 4002), b"one")), (10, udp((1, 4001), (2, 4002), b"two"))])
}
