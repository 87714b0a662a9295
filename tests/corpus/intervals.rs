//! Counts per interval, over the corpus and the captures of reports: see [`super::sums`].

use std::path::Path;

use streamlens::Analyzer;
use streamlens::engine::EngineOptions;
use streamlens_testing::corpus;

use super::{Differences, each_capture, sums};

#[test]
fn intervals_add_up_to_what_they_are_of() {
    let mut differences = Differences::default();
    let mut compared = 0;
    let mut compare = |capture: &Path| {
        // late packets of some streams lie some intervals behind, those of most captures fit into what is kept
        let options = EngineOptions { interval_ns: Some(50_000_000), ..EngineOptions::default() };
        let analyzer = Analyzer { options, ..Analyzer::default() };
        let analysis = analyzer.run_files(&[capture]).unwrap_or_else(|error| panic!("{error}"));
        let is_whole = !analysis.findings.iter().any(|finding| finding.code == "capture.intervals-not-kept");
        if is_whole && analysis.capture.timestamps.without_time == 0 {
            compared += 1;
            sums::wrong_sums(&analysis).into_iter().for_each(|wrong| differences.check(capture, false, || wrong));
        }
    };
    if each_capture(&mut compare).is_none() {
        return;
    }
    let reports = corpus().map(|corpus| corpus.join("captures/reports"));
    for entry in reports.iter().flat_map(|folder| std::fs::read_dir(folder).expect("a folder")) {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension != "md") {
            compare(&path);
        }
    }
    assert!(compared > 200, "{compared} captures");
    differences.are_only(&[]);
}
