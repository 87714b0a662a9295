use std::sync::{Arc, Mutex};

use streamlens_model::{DroppedBy, FrameRecord, FrameSource, LinkType, LiveCounts, SourceError, Warning};
use streamlens_pcap::CaptureReader;

use super::*;
use crate::record::{Limits, Recorder};

/// Frames of 60 bytes, one a second, in batches of three.
struct Clockwork {
    frames: u8,
    next: u8,
    interfaces: Vec<Interface>,
}

impl Clockwork {
    fn new(frames: u8) -> Self {
        let dropped = DroppedBy { ring: 2, adapter: Some(1) };
        let counts = LiveCounts { accepted: 7, dropped, ..LiveCounts::default() };
        let interface = Interface {
            name: Some("clock".into()),
            link_type: LinkType::ETHERNET,
            resolution_ns: 1,
            counts: Some(counts),
            ..Interface::default()
        };
        Self { frames, next: 0, interfaces: vec![interface] }
    }
}

impl FrameSource for Clockwork {
    fn read_batch(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        batch.clear();
        for number in self.next..self.frames.min(self.next + 3) {
            let offset = batch.bytes.len() as u32;
            batch.bytes.extend([number; 60]);
            batch.records.push(FrameRecord {
                offset,
                captured_length: 60,
                original_length: 60,
                interface: 0,
                time: Some(Timestamp::from_nanos(i64::from(number) * 1_000_000_000)),
                link_type: LinkType::ETHERNET,
            });
            self.next += 1;
        }
        Ok(!batch.is_empty())
    }
    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }
    fn warnings(&self) -> &[Warning] {
        &[]
    }
    fn format(&self) -> &'static str {
        "clockwork"
    }
    fn name(&self) -> &'static str {
        "clock"
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("streamlens-live-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// First bytes of the frames of a file, and its drops.
fn read(path: &Path) -> (Vec<u8>, Option<u64>) {
    let mut reader = CaptureReader::open(path).expect("a capture");
    let mut found = Vec::new();
    while let Some(frame) = reader.next_frame().expect("reads") {
        found.push(frame.data[0]);
    }
    assert!(reader.warnings().is_empty());
    (found, reader.interfaces()[0].dropped)
}

fn record(target: Target, limits: Limits, frames: u8) -> Recorder<Clockwork> {
    let mut recorder = Recorder::new(Clockwork::new(frames), Some(target), limits, Arc::default()).expect("a file");
    let mut batch = FrameBatch::default();
    while recorder.read_batch(&mut batch).expect("reads") {}
    assert!(!recorder.read_batch(&mut batch).expect("reads"), "the end stays the end");
    recorder
}

#[test]
fn what_passes_is_written_with_the_counters_at_the_end() {
    let folder = folder("one");
    let path = folder.join("a.pcapng");
    let told = Arc::new(Mutex::new(0));
    let count = Arc::clone(&told);
    let on_file = Box::new(move |_: &File| *count.lock().expect("no panic") += 1);
    let recorder = record(Target::File(path.clone(), on_file), Limits::default(), 10);
    assert_eq!((recorder.frames(), *told.lock().expect("no panic")), (10, 1));
    assert_eq!(read(&path), ((0..10).collect(), Some(3)));
    fs::remove_dir_all(folder).expect("it is ours");
}

#[test]
fn a_limit_of_frames_cuts_batch_and_file_alike() {
    let folder = folder("limit");
    let path = folder.join("a.pcapng");
    let limits = Limits { frames: Some(4), ..Limits::default() };
    let recorder = record(Target::File(path.clone(), Box::new(|_| ())), limits, 10);
    assert_eq!((recorder.frames(), read(&path).0), (4, vec![0, 1, 2, 3]));
    assert!(recorder.stop.load(std::sync::atomic::Ordering::Relaxed), "the source is told");
    fs::remove_dir_all(folder).expect("it is ours");
}

#[test]
fn a_ring_by_time_keeps_its_last_files() {
    let folder = folder("ring");
    let ring = Ring { nanos: Some(4_000_000_000), bytes: None, files: Some(2) };
    let recorder = record(Target::Ring(folder.join("a.pcapng"), ring, Box::new(|_| ())), Limits::default(), 10);
    assert_eq!(recorder.frames(), 10);
    let mut paths: Vec<_> =
        fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let frames: Vec<_> = paths.iter().map(|path| read(path).0).collect();
    assert_eq!(frames, [vec![4, 5, 6, 7], vec![8, 9]]);
    assert!(paths[0].ends_with("a_00002_19700101000004.pcapng"), "{paths:?}");
    fs::remove_dir_all(folder).expect("it is ours");
}

#[test]
fn a_ring_by_bytes_begins_a_new_file_behind_the_frame_that_filled_one() {
    let folder = folder("bytes");
    let ring = Ring { nanos: None, bytes: Some(300), files: None };
    record(Target::Ring(folder.join("a.pcapng"), ring, Box::new(|_| ())), Limits::default(), 6);
    let mut paths: Vec<_> =
        fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let all: Vec<u8> = paths.iter().flat_map(|path| read(path).0).collect();
    assert_eq!(all, [0, 1, 2, 3, 4, 5], "none is lost between files");
    assert!(paths.len() > 1);
    fs::remove_dir_all(folder).expect("it is ours");
}

/// Takes some bytes, and then has no room.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.checked_sub(bytes.len()) {
            Some(left) => {
                self.0 = left;
                Ok(bytes.len())
            }
            None => Err(io::ErrorKind::StorageFull.into()),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told_and_the_capture_goes_on() {
    let recorder = record(Target::Writer(Box::new(Full(200))), Limits::default(), 10);
    let told: Vec<_> = recorder.warnings().iter().map(|warning| (&*warning.code, warning.incomplete)).collect();
    assert_eq!((recorder.frames(), told), (10, vec![("capture.not-written", true)]));
}
