use std::fs;
use std::path::Path;
use std::sync::Arc;

use streamlens_model::row::{Epoch, FindingChange, FindingId};
use streamlens_model::{FrameBatch, FrameSource, Occurrence, Place};

use super::*;
use crate::moments::tests::{Times, times};
use crate::moments::{BufferLimits, Remember};

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("streamlens-finding-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn ms(ms: i64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

/// A look with these findings: code, severity, and time in milliseconds.
fn delta(epoch: u64, findings: &[(&'static str, Severity, i64)]) -> Delta {
    let change = |&(code, severity, at): &(&'static str, Severity, i64)| {
        let at = Occurrence { frame: 1, time: Some(ms(at)) };
        let (count, place, text) = (1, Place::default(), String::new());
        let finding = Finding { code: code.into(), severity, count, packets: None, first: at, last: at, place, text };
        FindingChange { id: FindingId(epoch), state: FindingState::New, row: None, finding: Arc::new(finding) }
    };
    let findings: Vec<_> = findings.iter().map(change).collect();
    Delta { since: Some(Epoch(epoch - 1)), epoch: Epoch(epoch), findings, ..Delta::default() }
}

fn files(folder: &Path) -> Vec<(String, Vec<i64>)> {
    let mut found: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    found.sort();
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    found.iter().map(|path| (name(path), times(fs::read(path).expect("a file")))).collect()
}

/// Reads so many batches.
fn advance(source: &mut Remember<Times>, batches: usize) {
    let mut batch = FrameBatch::default();
    for _ in 0..batches {
        source.read_batch(&mut batch).expect("it reads");
    }
}

fn begin(folder: &Path, prefix: &str, frames: i64) -> (Remember<Times>, OnFinding) {
    let source = Remember::new(Times::new((0..frames).map(|n| n * 100), 60, 10), BufferLimits::default());
    let options =
        OnFindingOptions { prefix: prefix.to_owned(), folder: folder.to_owned(), ..OnFindingOptions::default() };
    let on_finding = OnFinding::new(options, source.moments());
    (source, on_finding)
}

#[test]
fn a_file_has_the_frames_from_ten_seconds_before_to_five_after_and_no_others() {
    let folder = folder("span");
    let (mut source, mut on_finding) = begin(&folder, "", 600);
    // 21.9 s have passed when the finding of 20.05 s comes up
    advance(&mut source, 22);
    let said = on_finding.look(&delta(1, &[("a.loss", Severity::Error, 20_050)]));
    assert!(said.len() == 1 && said[0].contains("a.loss-19700101000020-1.pcapng"), "{said:?}");
    advance(&mut source, 38);
    let expected: Vec<i64> = (101..=250).map(|n| n * 100).collect();
    assert_eq!(files(&folder), [("a.loss-19700101000020-1.pcapng".to_owned(), expected)]);
    assert!(source.warnings().is_empty());
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn a_file_is_whole_where_the_capture_ends_before_its_span() {
    let folder = folder("end");
    let (mut source, mut on_finding) = begin(&folder, "", 100);
    advance(&mut source, 8);
    on_finding.look(&delta(1, &[("a.loss", Severity::Error, 7_500)]));
    advance(&mut source, 3);
    // and where the finding comes up with the last look of all
    on_finding.look(&delta(2, &[("b.loss", Severity::Error, 9_000)]));
    let all: Vec<i64> = (0..100).map(|n| n * 100).collect();
    let found = files(&folder);
    assert_eq!(found.iter().map(|(_, times)| times).collect::<Vec<_>>(), [&all, &all]);
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn each_code_gets_a_file_at_most_once_in_thirty_seconds_and_a_capture_twenty() {
    let folder = folder("flood");
    let (mut source, mut on_finding) = begin(&folder, "a.", 2000);
    let mut told = Vec::new();
    for second in 0..200_i64 {
        advance(&mut source, 1);
        let codes = [
            ("a.one", Severity::Error, second * 1000),
            ("a.info", Severity::Info, second * 1000),
            ("b.other", Severity::Error, second * 1000),
        ];
        told.extend(on_finding.look(&delta(second as u64 + 1, &codes)));
    }
    // at 0 s, 30 s, ... 180 s
    assert_eq!((told.len(), files(&folder).len()), (7, 7), "{told:?}");
    const CODES: [&str; 20] = [
        "a.a", "a.b", "a.c", "a.d", "a.e", "a.f", "a.g", "a.h", "a.i", "a.j", "a.k", "a.l", "a.m", "a.n", "a.o", "a.p",
        "a.q", "a.r", "a.s", "a.t",
    ];
    let flood: Vec<_> = CODES.iter().map(|code| (*code, Severity::Warning, 199_000)).collect();
    let told = on_finding.look(&delta(300, &flood));
    assert_eq!((told.len(), files(&folder).len()), (14, 20), "{told:?}");
    assert!(told[13].contains("no more"));
    assert!(on_finding.look(&delta(301, &flood)).is_empty(), "it is said once");
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn files_that_can_not_be_made_are_none_of_the_twenty() {
    let folder = folder("full");
    let (mut source, mut on_finding) = begin(&folder, "", 400);
    advance(&mut source, 10);
    fs::remove_dir_all(&folder).expect("removed");
    let codes: Vec<String> = (0..30).map(|number| format!("a.{number}")).collect();
    let flood: Vec<_> = codes.iter().map(|code| (&*code.clone().leak(), Severity::Error, 9_000_i64)).collect();
    let told = on_finding.look(&delta(1, &flood));
    assert!(told.len() == 20 && told.iter().all(|told| told.contains("nothing more is written")), "{told:?}");
    assert!(told[19].ends_with("others that can't be written are not told of"), "{}", told[19]);
    assert_eq!(source.moments().failed().len(), 20);
    fs::create_dir_all(&folder).expect("a folder");
    let told = on_finding.look(&delta(2, &[("b.loss", Severity::Error, 9_500)]));
    assert!(told[0].contains("b.loss-19700101000009-"), "{told:?}");
    assert_eq!(files(&folder).len(), 1);
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn older_files_are_left_alone_and_a_folder_that_is_gone_is_told() {
    let folder = folder("older");
    fs::write(folder.join("a.loss-19700101000001-1.pcapng"), "older").expect("written");
    let (mut source, mut on_finding) = begin(&folder, "", 100);
    advance(&mut source, 5);
    let said = on_finding.look(&delta(1, &[("a.loss", Severity::Error, 1_000)]));
    assert!(said[0].contains("a.loss-19700101000001-2.pcapng"), "{said:?}");
    assert_eq!(fs::read(folder.join("a.loss-19700101000001-1.pcapng")).expect("it is there"), b"older");
    fs::remove_dir_all(&folder).expect("removed");
    let said = on_finding.look(&delta(2, &[("../x", Severity::Error, 1_000)]));
    assert!(said[0].contains("nothing more is written"), "{said:?}");
    source.gather_warnings();
    assert!(source.warnings().iter().any(|warning| warning.incomplete && warning.code == "capture.not-written"));
}
