//! The whole corpus against what independent tools saw: flows, encodings, packet types, and one document for any number
//! of threads. The corpus lies where the environment variable `STREAMLENS_CORPUS` says.

mod encodings;
mod findings;
mod flows;
mod intervals;
mod looks;
mod ports;
mod rich;
mod segments;
#[path = "../traffic/intervals.rs"]
mod sums;
mod terms;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use streamlens::Analyzer;
use streamlens::engine::{EngineOptions, FlowOrder, FlowSelection};
use streamlens_testing::corpus;

/// The folders whose flows independent tools have listed.
const FOLDERS: [&str; 6] = ["link", "negative", "ptp", "industrial", "broadcast", "flight-test"];

/// The document of a capture, as the command prints it.
fn document(capture: &Path, threads: usize) -> String {
    document_with(capture, EngineOptions { threads, ..EngineOptions::default() })
}

fn document_with(capture: &Path, options: EngineOptions) -> String {
    let analyzer = Analyzer { options, ..Analyzer::default() };
    let analysis = analyzer.run_files(&[capture]).unwrap_or_else(|error| panic!("{error}"));
    serde_json::to_string(&analysis).expect("it serializes")
}

/// Expected files of a folder with their captures, in order of their names.
fn expected(corpus: &Path, expected: &str, captures: &str) -> Vec<(PathBuf, PathBuf, Value)> {
    let folder = corpus.join("expected").join(expected);
    let mut list: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter_map(|path| {
            let capture = corpus.join("captures").join(captures).join(path.file_stem()?);
            capture.is_file().then_some((path, capture))
        })
        .map(|(path, capture)| {
            let json = read_json(&path);
            (path, capture, json)
        })
        .collect();
    list.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(!list.is_empty(), "{} has no expected files", folder.display());
    list
}

fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Lower case, letters and digits alone: names are compared like this.
fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Differences by capture; a test passes where there are none but those that are listed with a reason.
#[derive(Default)]
struct Differences(BTreeMap<String, BTreeSet<String>>);

impl Differences {
    fn check(&mut self, capture: &Path, holds: bool, line: impl FnOnce() -> String) {
        if !holds {
            let name = capture.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.0.entry(name).or_default().insert(line());
        }
    }

    /// Fails unless the differences are exactly the exceptions: captures in which the other tool is wrong, each with
    /// the lines that differ.
    fn are_only(self, exceptions: &[(&str, &[&str])]) {
        let listed: BTreeMap<String, BTreeSet<String>> = exceptions
            .iter()
            .map(|(name, lines)| ((*name).to_owned(), lines.iter().map(|line| (*line).to_owned()).collect()))
            .collect();
        assert_eq!(self.0, listed);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_document() {
    let compared = each_capture(|capture| {
        let one = document(capture, 1);
        assert!(one == document(capture, 2) && one == document(capture, 5), "{}", capture.display());
    });
    assert!(compared.is_none_or(|compared| compared > 200), "{compared:?} captures");
}

/// Flows that wait as frames come to the same result, findings that are only noted come to the same few.
#[test]
fn a_crowd_gives_the_same_document() {
    let document = |capture: &Path, defer_above_flows, threads, selection| {
        let options = EngineOptions { defer_above_flows, threads, ..EngineOptions::default() };
        let analyzer = Analyzer { options, selection, ..Analyzer::default() };
        let analysis = analyzer.run_files(&[capture]).unwrap_or_else(|error| panic!("{error}"));
        let json = serde_json::to_string(&analysis).expect("it serializes");
        (json, analysis.total_flows, analysis.total_findings)
    };
    let few = FlowSelection { order: FlowOrder::Bytes, top: Some(3), most_findings: Some(2) };
    let compared = each_capture(|capture| {
        let mut totals = BTreeSet::new();
        for selection in [FlowSelection::default(), few] {
            let plain = document(capture, usize::MAX, 1, selection);
            totals.insert(plain.2.clone());
            for threads in [1, 3] {
                assert!(plain == document(capture, 0, threads, selection), "{} {selection:?}", capture.display());
            }
        }
        assert_eq!(totals.len(), 1, "{}", capture.display());
    });
    assert!(compared.is_none_or(|compared| compared > 200), "{compared:?} captures");
}

/// Calls `compare` for each capture of the corpus below 2 MiB; says how many there were, `None` without a corpus.
fn each_capture(mut compare: impl FnMut(&Path)) -> Option<usize> {
    let corpus = corpus()?;
    let mut compared = 0;
    for folder in FOLDERS {
        let mut captures: Vec<_> = std::fs::read_dir(corpus.join("captures").join(folder))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension != "md" && extension != "json"))
            .filter(|path| !path.to_string_lossy().ends_with(".log"))
            .collect();
        captures.sort();
        for capture in captures.iter().filter(|path| path.metadata().is_ok_and(|data| data.len() < 2 << 20)) {
            compare(capture);
            compared += 1;
        }
    }
    Some(compared)
}
