//! A filter shows of live rows what it shows of the document of the same frames.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use common::{FILTERS, catalogue, counts, demo, root};
use streamlens::engine::{Engine, EngineOptions, LookOptions};
use streamlens::model::FrameBatch;
use streamlens::model::row::{FlowId, Level, RowTable};
use streamlens_filter::Filter;

/// What live rows don't carry, or have for the last second only.
const OTHERWISE: [&str; 2] = ["mac.src == 02:00:00:80:00:01", "flow.rate >= 1Mbps"];

fn table(depth: Level) -> RowTable {
    let mut engine = Engine::new(streamlens::Analyzer::default().registry, EngineOptions::default());
    let mut source = streamlens::pcap::CaptureReader::open(root().join("examples/captures/demo.pcapng")).unwrap();
    let options = LookOptions { depth, ..LookOptions::default() };
    let (mut table, mut batch) = (RowTable::default(), FrameBatch::default());
    while source.read_batch(&mut batch).unwrap() {
        engine.push_batch(&batch);
        assert!(table.apply(&engine.look(&options)));
    }
    engine.end();
    assert!(table.apply(&engine.look(&options)));
    table
}

fn live_counts(filter: &Filter, table: &RowTable) -> [usize; 3] {
    let index = table.finding_index();
    let flows: Vec<FlowId> = table.rows.keys().filter(|id| id.level == Level::Flow).map(|id| id.flow).collect();
    let shown: Vec<_> = flows.iter().flat_map(|flow| filter.shown_live(table, *flow, Some(&index))).collect();
    assert!(shown.iter().all(|id| table.rows.contains_key(id)), "{filter}");
    [Level::Flow, Level::Encoding, Level::PacketType].map(|level| shown.iter().filter(|id| id.level == level).count())
}

#[test]
fn live_rows_answer_as_the_document_does() {
    let (table, analysis, catalogue) = (table(Level::PacketType), demo(), catalogue());
    let mut wrong = Vec::new();
    for (text, _) in FILTERS.into_iter().filter(|(text, _)| !OTHERWISE.contains(text)) {
        let filter = Filter::parse(text, &catalogue).unwrap();
        let (live, wanted) = (live_counts(&filter, &table), counts(&filter, &analysis));
        if live != wanted {
            wrong.push(format!("{text}: {live:?} rather than {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rates_of_live_rows_are_those_of_the_last_second() {
    let (mut table, catalogue) = (table(Level::PacketType), catalogue());
    let fast = *table.rows.keys().rfind(|id| id.level == Level::Encoding).unwrap();
    for (id, (row, _)) in &mut table.rows {
        row.bit_rate = (*id == fast).then_some(5e6);
    }
    let filter = Filter::parse("rate > 4Mbps", &catalogue).unwrap();
    assert_eq!(live_counts(&filter, &table), [1, 1, 0]);
    assert!(filter.shown_live(&table, fast.flow, None).contains(&fast));
}

#[test]
fn looks_down_to_encodings_have_the_sums() {
    let (table, catalogue) = (table(Level::Encoding), catalogue());
    let filter = Filter::parse("iena and lost > 0", &catalogue).unwrap();
    assert_eq!(live_counts(&filter, &table), [1, 1, 0]);
    let absent = Filter::parse("mac or dscp or meta.keys or type or stream", &catalogue).unwrap();
    assert_eq!(live_counts(&absent, &table), [0, 0, 0]);
}
