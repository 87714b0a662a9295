//! What a driver shows at the end of a source: all that the document says was found.

use std::path::{Path, PathBuf};
use std::time::Duration;

use streamlens::Analyzer;
use streamlens::engine::{Engine, EngineOptions, LookOptions};
use streamlens::model::Finding;
use streamlens::model::row::RowTable;
use streamlens::pcap::CaptureReader;
use streamlens::registry::DecoderRegistry;
use streamlens_live::{Driver, DriverOptions, Update};

use crate::corpus;

/// All files below a folder, in order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// What the looks of a driver add up to when the source has ended.
fn looked_at(capture: &Path, period_ns: Option<i64>) -> RowTable {
    let source = CaptureReader::open(capture).expect("it was opened before");
    let engine =
        Engine::new(DecoderRegistry::with_builtins(), EngineOptions { threads: 1, ..EngineOptions::default() });
    let options = DriverOptions { period_ns, look: LookOptions::default() };
    let driver = Driver::start(source, engine, options).expect("a thread");
    let (mut reader, mut table) = (driver.reader(), RowTable::default());
    loop {
        match reader.next(Duration::from_secs(1)) {
            Update::Changes(changes) => changes.iter().for_each(|delta| assert!(table.apply(delta))),
            Update::Nothing => {}
            Update::End => return table,
        }
    }
}

/// Findings as lines, sorted: looks have no order of theirs.
fn lines<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<String> {
    let mut lines: Vec<_> = findings.map(|finding| format!("{finding:?}")).collect();
    lines.sort();
    lines
}

#[test]
fn the_last_look_has_the_findings_of_the_document() {
    let Some(corpus) = corpus() else { return };
    let (mut compared, mut found, mut others) = (0, 0, Vec::new());
    for capture in files(&corpus.join("captures")) {
        let analyzer =
            Analyzer { options: EngineOptions { threads: 1, ..EngineOptions::default() }, ..Analyzer::default() };
        let Ok(analysis) = analyzer.run_files(&[&capture]) else { continue };
        let document = lines(analysis.findings.iter());
        for period_ns in [None, Some(100_000_000)] {
            let table = looked_at(&capture, period_ns);
            let shown = lines(table.findings.values().map(|(_, finding)| &**finding));
            if shown != document {
                let of = |some: &[String], other: &[String]| -> Vec<String> {
                    some.iter().filter(|line| !other.contains(line)).cloned().collect()
                };
                let (missing, more) = (of(&document, &shown), of(&shown, &document));
                others.push(format!("{} {period_ns:?}:\n  missing {missing:#?}\n  more {more:#?}", capture.display()));
            }
        }
        (compared, found) = (compared + 1, found + document.len());
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
    assert!(compared > 300 && found > 600, "{compared} captures with {found} findings");
}
