//! The files that are written: one, a ring of several, or standard output.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use streamlens_model::{FrameBatch, Interface, Timestamp};
use streamlens_pcap::{InterfaceCounts, PcapngWriter};

use crate::written_file::WrittenFile;

const BUFFER: usize = 1 << 18;

/// Who is told of a new file, to give it to another user.
pub type OnFile = Box<dyn FnMut(&File) + Send>;

/// When a ring begins its next file, and how many it keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ring {
    /// After so many nanoseconds of capture time.
    pub nanos: Option<u64>,
    /// After so many bytes.
    pub bytes: Option<u64>,
    /// The oldest are deleted beyond so many.
    pub files: Option<usize>,
}

/// Where a recording goes.
pub enum Target {
    /// Anything that takes bytes, such as standard output.
    Writer(Box<dyn Write + Send>),
    /// One file, which is replaced.
    File(PathBuf, OnFile),
    /// Files `NAME_00001_TIME.EXTENSION`, numbered on.
    Ring(PathBuf, Ring, OnFile),
}

/// Why a recording can't begin.
#[derive(Debug, thiserror::Error)]
#[error("{}: can't be written: {source}; {}", path.display(), remedy(source.kind()))]
pub struct RecordError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// What to do.
const fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "make its folder, or name another file",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room, or name another file",
        _ => "name another file",
    }
}

type Out = PcapngWriter<BufWriter<Box<dyn Write + Send>>>;

pub(super) struct Files {
    out: Out,
    path: PathBuf,
    ring: Option<Turn>,
}

/// A ring of files, and how far it has come.
struct Turn {
    base: PathBuf,
    ring: Ring,
    on_file: OnFile,
    number: u64,
    /// Capture time at which the current file began.
    begun: Option<Timestamp>,
    kept: VecDeque<PathBuf>,
}

impl Files {
    pub(super) fn create(target: Target, interfaces: &[Interface]) -> Result<Self, RecordError> {
        let (path, made, ring) = match target {
            Target::Writer(writer) => (PathBuf::from("-"), Ok(writer), None),
            Target::File(path, mut on_file) => {
                let made = make(&path, &mut on_file);
                (path, made, None)
            }
            Target::Ring(base, ring, on_file) => {
                let mut turn = Turn { base, ring, on_file, number: 0, begun: None, kept: VecDeque::new() };
                let (path, made) = turn.next(crate::clock::now());
                (path, made, Some(turn))
            }
        };
        match made.and_then(|out| begin(out, interfaces)) {
            Ok(out) => Ok(Self { out, path, ring }),
            Err(source) => Err(RecordError { path, source }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn frames(&mut self, batch: &FrameBatch, interfaces: &[Interface]) -> io::Result<()> {
        for interface in interfaces.iter().skip(self.out.interfaces() as usize) {
            self.out.interface(interface)?;
        }
        for frame in batch.iter() {
            if let Some(turn) = &mut self.ring
                && turn.is_due(frame.time, self.out.bytes())
            {
                let time = frame.time.unwrap_or_else(crate::clock::now);
                self.flush(interfaces, time)?;
                self.turn(interfaces, time)?;
            }
            self.out.frame(&frame)?;
        }
        Ok(())
    }

    /// Begins the next file of a ring.
    pub(super) fn turn(&mut self, interfaces: &[Interface], time: Timestamp) -> io::Result<()> {
        let Some(turn) = &mut self.ring else { return Err(io::ErrorKind::Unsupported.into()) };
        let (path, made) = turn.next(time);
        self.path = path;
        self.out = begin(made?, interfaces)?;
        Ok(())
    }

    /// Lets out what is kept back, behind the counters of the interfaces.
    pub(super) fn flush(&mut self, interfaces: &[Interface], time: Timestamp) -> io::Result<()> {
        for (interface, number) in interfaces.iter().zip(0..self.out.interfaces()) {
            if let Some(counts) = interface.counts {
                let counts = InterfaceCounts {
                    accepted: Some(counts.accepted),
                    dropped_by_adapter: counts.dropped.adapter,
                    dropped_by_system: Some(counts.dropped.ring),
                };
                self.out.statistics(number, time, &counts)?;
            }
        }
        self.out.flush()
    }
}

fn begin(out: Box<dyn Write + Send>, interfaces: &[Interface]) -> io::Result<Out> {
    let mut out = PcapngWriter::new(BufWriter::with_capacity(BUFFER, out), interfaces)?;
    // whoever opens the file at once finds a capture
    out.flush()?;
    Ok(out)
}

fn make(path: &Path, on_file: &mut OnFile) -> io::Result<Box<dyn Write + Send>> {
    let file = File::create(path)?;
    on_file(&file);
    Ok(Box::new(WrittenFile::new(file)))
}

impl Turn {
    fn is_due(&mut self, time: Option<Timestamp>, bytes: u64) -> bool {
        let begun = *self.begun.get_or_insert(time.unwrap_or(Timestamp::from_nanos(0)));
        let past = time.map_or(0, |time| u64::try_from(time.as_nanos().saturating_sub(begun.as_nanos())).unwrap_or(0));
        let is_due =
            self.ring.nanos.is_some_and(|most| past >= most) || self.ring.bytes.is_some_and(|most| bytes >= most);
        if is_due {
            self.begun = time;
        }
        is_due
    }

    /// Makes the next file, and deletes the oldest where there are too many.
    fn next(&mut self, time: Timestamp) -> (PathBuf, io::Result<Box<dyn Write + Send>>) {
        self.number += 1;
        let stem = self.base.file_stem().unwrap_or_default().to_string_lossy();
        let extension = self.base.extension().map_or("pcapng".into(), |extension| extension.to_string_lossy());
        // 2026-11-22T21:43:05.123456789Z
        let digits: String = time.to_string().chars().take(19).filter(char::is_ascii_digit).collect();
        let path = self.base.with_file_name(format!("{stem}_{:05}_{digits}.{extension}", self.number));
        let made = make(&path, &mut self.on_file);
        if made.is_ok() {
            self.kept.push_back(path.clone());
            while self.ring.files.is_some_and(|most| self.kept.len() > most.max(1)) {
                if let Some(oldest) = self.kept.pop_front() {
                    // one that somebody took away is no loss
                    let _ = fs::remove_file(oldest);
                }
            }
        }
        (path, made)
    }
}

#[cfg(test)]
mod tests;
