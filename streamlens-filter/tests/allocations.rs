//! Nothing is allocated for a row.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use common::{FILTERS, catalogue, demo};
use streamlens::model::row::{FindingIndex, RowContext};
use streamlens_filter::Filter;

#[test]
fn asking_a_row_allocates_nothing() {
    let (analysis, catalogue) = (demo(), catalogue());
    let index = FindingIndex::new(&analysis.findings);
    let context = RowContext { now: analysis.capture.last_seen, findings: Some(&index), live: None };
    for (text, _) in FILTERS {
        let filter = Filter::parse(text, &catalogue).unwrap();
        let count = || analysis.rows(context).filter(|row| filter.matches(row)).count();
        // the pattern's first search makes room that it keeps
        let first = count();
        let mut again = 0;
        let counted = allocation_counter::measure(|| again = count());
        assert_eq!((counted.count_total, again), (0, first), "{text}");
        let shows = allocation_counter::measure(|| {
            again = analysis.flows.iter().filter(|flow| filter.shows(flow, context)).count();
        });
        assert_eq!(shows.count_total, 0, "{text}");
    }
}
