//! Surveys whose reports only add findings see the flows while these are made. The result is that of surveys that see them
//! before, whatever waits and however many threads there are.

mod common;

use std::borrow::Cow;

use common::{Made, udp};
use streamlens_decoders::{
    Carrier, Confidence, DecodeError, DecodingResult, NetworkMonitor, NetworkReport, ObservedPdu, PacketType, Peer,
    StreamDecoder, Survey,
};
use streamlens_engine::{Engine, EngineOptions, FlowOrder, FlowSelection, Part};
use streamlens_model::{Analysis, FindingLog, Occurrence, Packet, Severity};
use streamlens_registry::DecoderRegistry;

/// A protocol of nothing but `B`, each of whose flows is remarked upon once all have been seen twice.
struct Beeps {
    describes_flows: bool,
}

struct Monitor {
    describes_flows: bool,
}

struct Look {
    describes_flows: bool,
    is_second: bool,
    seen: [Vec<u64>; 2],
}

impl StreamDecoder for Beeps {
    fn encoding_name(&self) -> &'static str {
        "Beeps"
    }
    fn carriers(&self) -> &[Carrier] {
        &[Carrier::Udp]
    }
    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        if packet.payload.starts_with(b"B") { Confidence::new(0.95, "it begins with B") } else { Confidence::NONE }
    }
    fn decode_packet(&self, packet: &Packet<'_>, _: &mut DecodingResult) -> Result<usize, DecodeError> {
        Ok(packet.payload.len())
    }
    fn packet_type(&self, _: PacketType) -> Cow<'static, str> {
        "beep".into()
    }
    fn is_independent(&self) -> bool {
        true
    }
    fn network_monitor(&self) -> Option<Box<dyn NetworkMonitor>> {
        Some(Box::new(Monitor { describes_flows: self.describes_flows }))
    }
}

impl NetworkMonitor for Monitor {
    fn observe(&mut self, _: &ObservedPdu<'_>) {}
    fn survey(&self) -> Box<dyn Survey + '_> {
        Box::new(Look { describes_flows: self.describes_flows, is_second: false, seen: Default::default() })
    }
}

impl Survey for Look {
    fn describes_flows(&self) -> bool {
        self.describes_flows
    }
    fn see(&mut self, number: u64, _: &Peer<'_>) {
        self.seen[usize::from(self.is_second)].push(number);
    }
    fn again(&mut self) -> bool {
        !std::mem::replace(&mut self.is_second, true)
    }
    fn report(self: Box<Self>, report: &mut NetworkReport) {
        let [mut first, mut second] = self.seen;
        first.sort_unstable();
        second.sort_unstable();
        assert_eq!(first, second, "both looks are at all flows, each once");
        report.facts.insert("flows".into(), (first.len() as u64).into());
        for number in first {
            let mut log = FindingLog::default();
            log.add("beeps.one-of-many", Severity::Info, None, Occurrence { frame: 1, time: None }, || {
                format!("one of {}", second.len())
            });
            report.flows.entry(number).or_default().findings.push(log);
        }
    }
}

fn frames() -> Vec<Made> {
    (0..300)
        .map(|n| udp(n, (n % 40) as u8, 200, if n % 7 == 0 { 8 } else { 9 }, if n % 5 == 0 { b"?" } else { b"B" }))
        .collect()
}

fn engine(describes_flows: bool, crowded_from: usize, threads: usize) -> Engine {
    let mut registry = DecoderRegistry::new();
    registry.register(Beeps { describes_flows });
    let mut engine = Engine::new(registry, EngineOptions { crowded_from, threads, ..EngineOptions::default() });
    frames().iter().for_each(|made| engine.push(&made.frame()));
    engine
}

fn text(analysis: &Analysis) -> String {
    serde_json::to_string(analysis).expect("it serializes")
}

#[test]
fn the_result_is_that_of_surveys_that_come_before() {
    let top = FlowSelection { order: FlowOrder::Bytes, top: Some(7), most_findings: None };
    let few = FlowSelection { most_findings: Some(5), ..top };
    for selection in [FlowSelection::default(), top, few] {
        let of = |describes, crowded_from, threads| {
            engine(describes, crowded_from, threads).finish_selected(Default::default(), selection)
        };
        let plain = of(true, usize::MAX, 1);
        let findings: u64 = plain.total_findings.values().sum();
        assert!(findings > 40 && plain.findings.iter().all(|one| one.place.flow.is_some()), "{findings}");
        assert_eq!(plain.networks["Beeps"]["flows"].as_u64(), Some(findings));
        for (describes, crowded_from, threads) in [(false, usize::MAX, 1), (false, 0, 1), (false, 0, 3), (true, 0, 2)] {
            let other = of(describes, crowded_from, threads);
            assert_eq!(text(&plain), text(&other), "{describes} {crowded_from} {threads} {selection:?}");
            assert_eq!(plain.total_findings, other.total_findings);
        }
    }
}

#[test]
fn a_snapshot_and_changes_since_one_are_too() {
    let of = |describes, crowded_from| {
        let mut engine = engine(describes, crowded_from, 2);
        let snapshot = text(&engine.snapshot(Default::default()));
        (snapshot, text(&engine.changes_since(280, Default::default())))
    };
    assert_eq!(of(true, usize::MAX), of(false, usize::MAX));
    assert_eq!(of(true, usize::MAX), of(false, 0));
}

/// Who has seen enough gets no more; what is known of all flows is known all the same.
#[test]
fn no_flow_is_seen_twice_where_no_more_is_wanted() {
    for (crowded_from, threads) in [(usize::MAX, 1), (0, 1), (0, 3)] {
        let mut pieces = 0;
        let make = |made: &mut Vec<bool>, part: Part<'_>| made.push(matches!(part, Part::Flow(_)));
        let engine = engine(false, crowded_from, threads);
        let analysis = engine.finish_in_pieces(Default::default(), FlowSelection::default(), make, |_, piece| {
            piece.clear();
            pieces += 1;
            false
        });
        assert_eq!(pieces, 1);
        let findings: u64 = analysis.total_findings.values().sum();
        assert_eq!(analysis.networks["Beeps"]["flows"].as_u64(), Some(findings));
    }
}
