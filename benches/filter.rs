//! A filter on 100,000 flows, against a bare pass that adds up their frames. Prints nanoseconds a row, the ratio, and how many
//! allocations there were; fails where it is slower than it has to be, or allocates.
//!
//! The rows are as reports make them: the engine keeps the times of a flow, its transport and its encoding once while all frames
//! are of one transport and one encoding, and `Summaries` of its report makes one `Shared` summary of what is kept once. So the
//! filter finds `jitter` of three rows in one place in memory. The second measure is of flows that nothing is shared in, as
//! where each has several encodings; it is printed and not judged.
//!
//! `cargo bench -p streamlens-filter`

use std::hint::black_box;
use std::time::Instant;

use streamlens_filter::{Catalogue, Filter};
use streamlens_model::row::{RowContext, rows};
use streamlens_model::{
    ApplicationEncoding, Flow, Health, PacketTypeStats, Shared, StreamHealth, TimingSummary, TransportProtocol,
};

const FLOWS: u64 = 100_000;
const FILTER: &str = "encoding == IENA and lost > 0 or jitter > 5ms";
/// The most that a pass may take, in seconds, and against the bare pass.
const MOST_SECONDS: f64 = 0.05;
const MOST_RATIO: f64 = 10.0;

/// A flow as most are: one transport and one encoding, which share their times as those of a report do; each tenth has a packet
/// type and a stream as well.
fn flow(number: u64, is_shared: bool) -> Flow {
    let jitter_ns = Some((number % 6_000) as f64 * 1e3);
    let new = || Shared::new(TimingSummary { count: 9, jitter_ns, ..TimingSummary::default() });
    let timing = new();
    let of_row = || if is_shared { timing.clone() } else { new() };
    let stream = StreamHealth { received: 10, expected: Some(11), lost: Some(number % 7), ..StreamHealth::default() };
    let kind = PacketTypeStats { type_name: "P-type".into(), packet_count: 10, ..PacketTypeStats::default() };
    let is_tenth = number.is_multiple_of(10);
    let encoding = ApplicationEncoding {
        encoding_name: if number.is_multiple_of(3) { "IENA" } else { "RTP" }.into(),
        packet_count: 10,
        timing_stats: of_row(),
        health: Health { streams: is_tenth.then_some(stream).into_iter().collect(), ..Health::default() },
        packet_types: is_tenth.then_some(kind).into_iter().collect(),
        ..ApplicationEncoding::default()
    };
    let transport = TransportProtocol {
        protocol_name: "UDP".into(),
        packet_count: 10,
        timing_stats: of_row(),
        application_encodings: vec![encoding],
        ..TransportProtocol::default()
    };
    Flow { total_packets: 10, timing_stats: of_row(), transport_protocols: vec![transport], ..Flow::default() }
}

fn main() {
    for is_shared in [true, false] {
        measure(is_shared);
    }
}

fn measure(is_shared: bool) {
    let is_test = std::env::args().any(|word| word == "--test");
    let rounds = if is_test { 1 } else { 15 };
    let flows: Vec<Flow> = (0..FLOWS).map(|number| flow(number, is_shared)).collect();
    let catalogue = Catalogue::new().encoding("IENA", None).encoding("RTP", None);
    let filter = Filter::parse(FILTER, &catalogue).expect("it is a filter");
    let context = RowContext::default();
    let bare = || flows.iter().flat_map(|flow| rows(flow, context)).map(|row| row.packets()).sum::<u64>();
    let ask = || flows.iter().flat_map(|flow| rows(flow, context)).filter(|row| filter.matches(row)).count();
    let (mut best_bare, mut best_ask) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..rounds {
        best_bare = best_bare.min(seconds(&bare));
        best_ask = best_ask.min(seconds(&ask));
    }
    let count = flows.iter().flat_map(|flow| rows(flow, context)).count();
    let matched = ask();
    let allocations = allocation_counter::measure(|| {
        black_box(ask());
    })
    .count_total;
    let ratio = best_ask / best_bare;
    println!("times {}", if is_shared { "shared, as reports make them" } else { "of each row its own" });
    println!("{FILTER}: {matched} of {count} rows in {FLOWS} flows, best of {rounds}");
    println!("bare pass  {:7.2} ms  {:6.1} ns a row", best_bare * 1e3, best_bare * 1e9 / count as f64);
    println!(
        "filter     {:7.2} ms  {:6.1} ns a row, {ratio:.1} times the bare pass",
        best_ask * 1e3,
        best_ask * 1e9 / count as f64
    );
    println!("{allocations} allocations");
    assert_eq!(allocations, 0);
    assert!(is_test || !is_shared || (best_ask < MOST_SECONDS && ratio < MOST_RATIO), "slower than it has to be");
}

#[expect(clippy::disallowed_methods, reason = "a bench measures")]
fn seconds<T>(work: &impl Fn() -> T) -> f64 {
    let begin = Instant::now();
    black_box(work());
    begin.elapsed().as_secs_f64()
}
