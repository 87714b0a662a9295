//! Documents read back, and what was read is written as the same bytes again.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use streamlens::Analyzer;
use streamlens::engine::EngineOptions;
use streamlens::model::{Analysis, SourceError};
use streamlens_testing::corpus;

/// Options that leave nothing out of a document.
fn all_there_is() -> EngineOptions {
    EngineOptions {
        interval_ns: Some(1_000_000_000),
        burst_windows_ns: vec![1_000_000, 10_000_000],
        link_speed: Some(1_000_000_000),
        samples_unidentified: true,
        ..EngineOptions::default()
    }
}

fn analysis(capture: &Path, options: EngineOptions) -> Result<Analysis, SourceError> {
    Analyzer { options, ..Analyzer::default() }.run_files(&[capture])
}

fn document(analysis: &Analysis) -> String {
    serde_json::to_string(analysis).expect("it serializes")
}

fn read(text: &str) -> Result<Analysis, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn reads_back(analysis: &Analysis, of: &Path) {
    let text = document(analysis);
    let again = read(&text).unwrap_or_else(|error| panic!("{}: {error}", of.display()));
    assert!(document(&again) == text, "{} is written otherwise", of.display());
    assert_eq!((again.total_flows, &again.total_findings), (analysis.total_flows, &analysis.total_findings));
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/captures").join(name)
}

#[test]
fn the_examples_read_back() {
    for name in ["demo.pcapng", "faults.pcapng"] {
        let capture = example(name);
        for options in [EngineOptions::default(), all_there_is()] {
            let analysis = analysis(&capture, options).expect("it is a capture");
            assert!(!analysis.flows.is_empty() && !analysis.findings.is_empty());
            reads_back(&analysis, &capture);
        }
    }
}

/// Every file below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

#[test]
fn the_documents_of_the_corpus_read_back() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for capture in files(&corpus.join("captures")) {
        for options in [EngineOptions::default(), all_there_is()] {
            // notes and tables lie beside the captures
            let Ok(analysis) = analysis(&capture, options) else { continue };
            reads_back(&analysis, &capture);
            compared += 1;
        }
    }
    assert!(compared > 900, "{compared} documents");
}

/// The document of the demo capture, with a value put in the place that a pointer (RFC 6901) names.
fn with(pointer: &str, value: Value) -> String {
    let analysis = analysis(&example("demo.pcapng"), EngineOptions::default()).expect("it is a capture");
    let mut document: Value = serde_json::from_str(&document(&analysis)).expect("a document");
    *document.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer}")) = value;
    document.to_string()
}

#[test]
fn what_is_no_document_is_refused_with_the_place() {
    for (pointer, value, says) in [
        ("/schema", json!("streamlens.analysis/2"), "\"streamlens.analysis/2\", expected streamlens.analysis/1"),
        ("/flows/0/src/address", json!("10.0.0.256"), "\"10.0.0.256\", expected an address"),
        ("/flows/0/vlan", json!([1, 2, 3, 4, 5, 6, 7]), "at most six VLAN identifiers"),
        ("/flows/0/vlan", json!([4096]), "at most six VLAN identifiers"),
        ("/flows/0/first_seen", json!("yesterday"), "\"yesterday\", expected an instant"),
        ("/flows/0/traffic_type", json!("anycast"), "unknown variant `anycast`"),
        ("/flows/0/transport_protocols", json!([]), "expected a map by name"),
        ("/flows/0", json!({}), "missing field"),
        ("/findings/0/severity", json!("fatal"), "unknown variant `fatal`"),
        ("/capture/interfaces/0/link_type", json!("Aether"), "\"Aether\", expected the name of a link type"),
        ("/capture/packets", json!(-1), "`-1`, expected u64"),
        ("/networks/PTP", json!({"domain": null}), "expected a flag, a number, text, a list or named values"),
    ] {
        let error = read(&with(pointer, value)).expect_err(pointer);
        assert!(error.contains(says), "{pointer}: {error}");
    }
}

#[test]
fn keys_that_come_later_are_passed_over() {
    let read = read(&with("/networks", json!({}))).expect("it reads");
    assert!(read.networks.is_empty());
    let mut later: Value = serde_json::from_str(&document(&read)).expect("a document");
    for place in ["", "/capture", "/flows/0", "/flows/0/transport_protocols/UDP", "/findings/0/where"] {
        later.pointer_mut(place).expect("it is there")["key_of_a_later_version"] = json!({"a": [1, null]});
    }
    let again = self::read(&later.to_string()).expect("it reads");
    assert_eq!(document(&again), document(&read));
}
