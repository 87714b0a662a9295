//! The packets of a row below a flow, from a capture and from the last moments of an interface.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;

use streamlens::model::FrameSource;
use streamlens::model::row::{Level, RowId, RowName, RowTable};
use streamlens::pcap::CaptureReader;
use streamlens_live::{BufferLimits, Remember};
use streamlens_testing::{Made, mixed, pcapng};
use streamlens_tui::RowPath;

use super::*;

fn analysis() -> Analysis {
    Analysis { registry: DecoderRegistry::with_builtins(), options: EngineOptions::default() }
}

/// The row of an encoding in a table.
fn row_of(table: &RowTable, encoding: &str) -> Option<RowId> {
    let is_meant = |name: &Option<RowName>| matches!(name, Some(RowName::Named(name)) if &**name == encoding);
    table.rows.iter().find(|(id, (_, name))| id.level == Level::Encoding && is_meant(name)).map(|(id, _)| *id)
}

/// A request for the packets of an encoding in these frames.
fn asked(frames: &[Made], encoding: &str) -> Packets {
    let Analysis { registry, options } = analysis();
    let mut engine = Engine::new(registry, options);
    frames.iter().for_each(|frame| engine.push(&frame.frame()));
    let mut table = RowTable::default();
    table.apply(&engine.look(&LookOptions { exact: true, ..LookOptions::default() }));
    let id = row_of(&table, encoding).unwrap_or_else(|| panic!("there is no {encoding}"));
    let (_, name) = &table.rows[&RowId::flow(id.flow)];
    let Some(RowName::Flow(key, _)) = name else { panic!("{name:?}") };
    Packets { flows: BTreeSet::from([*key]), span: None, row: RowPath::of(&table, id) }
}

/// A capture of these frames.
fn source(frames: &[Made]) -> Box<dyn FrameSource> {
    let path = path(&format!("source-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    std::fs::write(&path, pcapng("a test", "demo0", frames)).expect("a capture");
    let source = Box::new(CaptureReader::open(&path).expect("a capture"));
    // what is open can be read on
    std::fs::remove_file(path).expect("a capture");
    source
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A file that isn't there yet.
fn path(test: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("streamlens-{test}-{}.pcapng", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

/// The frames of a capture, which is then removed.
fn read(path: &Path) -> Vec<Made> {
    let mut found = Vec::new();
    each(&mut CaptureReader::open(path).expect("a capture"), |_, frame| {
        found.push(Made { time: frame.time.expect("a time").as_nanos(), data: frame.data.to_vec() });
        Ok(())
    })
    .expect("a capture");
    std::fs::remove_file(path).expect("a capture");
    found
}

/// Whether a frame of the mixed flow is a message of PTP, which says how many bytes it has.
fn is_ptp(frame: &Made) -> bool {
    usize::from(u16::from_be_bytes([frame.data[44], frame.data[45]])) == frame.data.len() - 42
}

#[test]
fn of_a_capture_the_packets_of_an_encoding_are_written() {
    let frames = mixed();
    for (encoding, is_meant) in [("PTP", true), ("IENA", false)] {
        let expected: Vec<Made> = frames.iter().filter(|frame| is_ptp(frame) == is_meant).cloned().collect();
        let path = path(encoding);
        let sources = (Some(source(&frames)), source(&frames));
        let said = write(sources, asked(&frames, encoding), &path, &analysis());
        assert!(said.starts_with(&format!("wrote {} frames to ", expected.len())), "{said}");
        assert!(read(&path) == expected, "{encoding}");
    }
}

#[test]
fn of_the_last_moments_the_packets_of_an_encoding_are_written() {
    let frames = mixed();
    let mut remember = Remember::new(source(&frames), BufferLimits::default());
    let moments = remember.moments();
    let mut batch = FrameBatch::default();
    while remember.read_batch(&mut batch).expect("a capture") {}
    let path = path("moments");
    let said = write_moments(&moments, asked(&frames, "IENA"), &path, None, &analysis());
    let expected: Vec<Made> = frames.iter().filter(|frame| !is_ptp(frame)).cloned().collect();
    assert!(said.starts_with(&format!("wrote {} frames to ", expected.len())), "{said}");
    assert!(read(&path) == expected);
}

#[test]
fn a_row_that_is_not_there_again_is_told_and_leaves_no_file() {
    let frames = mixed();
    let only_ptp: Vec<Made> = frames.iter().filter(|frame| is_ptp(frame)).cloned().collect();
    let path = path("missing");
    let sources = (Some(source(&only_ptp)), source(&only_ptp));
    let said = write(sources, asked(&frames, "IENA"), &path, &analysis());
    assert_eq!(said, "none of the packets that can be read again is known as IENA");
    assert!(!path.exists());
}
