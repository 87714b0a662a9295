//! How much memory the process has, where the system tells.

use std::fs::File;
use std::io::{Read, Seek};

/// The file in which Linux tells it: it is opened before rights are given up.
pub(super) struct Memory(File);

impl Memory {
    /// `None` where there is no such file.
    pub(super) fn open() -> Option<Self> {
        File::open("/proc/self/status").ok().map(Self)
    }

    /// Bytes that lie in memory.
    pub(super) fn bytes(&self) -> Option<u64> {
        let (mut file, mut text) = (&self.0, String::new());
        file.rewind().ok()?;
        file.read_to_string(&mut text).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
    }
}
