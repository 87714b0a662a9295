//! Surveys whose reports only add findings see the flows while these are made, and some let each thread take notes. The result
//! is that of surveys that see all flows themselves and before, whatever waits and however many threads there are.

mod common;

use std::any::Any;
use std::borrow::Cow;

use common::{MILLISECOND, Made, udp};
use streamlens_decoders::{
    Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, NetworkMonitor, NetworkReport, ObservedPdu,
    PacketType, Peer, StreamDecoder, Survey, SurveyNotes,
};
use streamlens_engine::{Engine, EngineOptions, FlowOrder, FlowSelection, ReportChunk, ReportSink};
use streamlens_model::{Analysis, CaptureSummary, Finding, FindingLog, Flow, Occurrence, Packet, Severity};
use streamlens_registry::DecoderRegistry;

/// A protocol of nothing but `B`, each of whose flows is remarked upon once all have been seen twice.
struct Beeps(Manner);

struct Monitor(Manner);

/// How its survey looks at flows.
#[derive(Clone, Copy, Debug, Default)]
struct Manner {
    adds_facts_to_flows: bool,
    takes_notes: bool,
}

struct Look {
    manner: Manner,
    is_second: bool,
    seen: [Vec<u64>; 2],
}

#[derive(Default)]
struct Notes(Vec<u64>);

impl SurveyNotes for Notes {
    fn observe(&mut self, number: u64, _: &Peer<'_>) {
        self.0.push(number);
    }
}

static BEEPS: DecoderInfo = DecoderInfo::new("Beeps", &[Carrier::Udp]);

impl StreamDecoder for Beeps {
    fn info(&self) -> &DecoderInfo {
        &BEEPS
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
    fn network_monitor(&self) -> Option<Box<dyn NetworkMonitor>> {
        Some(Box::new(Monitor(self.0)))
    }
}

impl NetworkMonitor for Monitor {
    fn observe(&mut self, _: &ObservedPdu<'_>) {}
    fn survey(&self) -> Box<dyn Survey + '_> {
        Box::new(Look { manner: self.0, is_second: false, seen: Default::default() })
    }
}

impl Survey for Look {
    fn adds_facts_to_flows(&self) -> bool {
        self.manner.adds_facts_to_flows
    }
    fn empty_notes(&self) -> Option<Box<dyn SurveyNotes>> {
        self.manner.takes_notes.then(|| Box::<Notes>::default() as Box<dyn SurveyNotes>)
    }
    fn merge(&mut self, notes: Box<dyn SurveyNotes>) {
        let notes: Box<dyn Any> = notes;
        self.seen[usize::from(self.is_second)].extend(notes.downcast::<Notes>().expect("its own notes").0);
    }
    fn observe(&mut self, number: u64, _: &Peer<'_>) {
        assert!(!self.manner.takes_notes, "all is noted");
        self.seen[usize::from(self.is_second)].push(number);
    }
    fn needs_second_pass(&mut self) -> bool {
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
        .map(|n| {
            udp(
                n * MILLISECOND,
                (n % 40) as u8,
                200,
                if n % 7 == 0 { 8 } else { 9 },
                if n % 5 == 0 { b"?" } else { b"B" },
            )
        })
        .collect()
}

const DESCRIBING: Manner = Manner { adds_facts_to_flows: true, takes_notes: false };
const LATE: Manner = Manner { adds_facts_to_flows: false, takes_notes: false };
const NOTING: Manner = Manner { adds_facts_to_flows: true, takes_notes: true };
const NOTING_LATE: Manner = Manner { adds_facts_to_flows: false, takes_notes: true };

fn engine(manner: Manner, defer_above_flows: usize, threads: usize) -> Engine {
    let mut registry = DecoderRegistry::new();
    registry.register(Beeps(manner));
    let mut engine = Engine::new(registry, EngineOptions { defer_above_flows, threads, ..EngineOptions::default() });
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
        let of = |manner, defer_above_flows, threads| {
            let mut engine = engine(manner, defer_above_flows, threads);
            engine.end();
            engine.report(Default::default(), selection)
        };
        let plain = of(DESCRIBING, usize::MAX, 1);
        let findings: u64 = plain.total_findings.values().sum();
        assert!(findings > 40 && plain.findings.iter().all(|one| one.place.flow.is_some()), "{findings}");
        assert_eq!(plain.networks["Beeps"]["flows"].as_u64(), Some(findings));
        for manner in [DESCRIBING, LATE, NOTING, NOTING_LATE] {
            for (defer_above_flows, threads) in [(usize::MAX, 1), (0, 1), (0, 3)] {
                let other = of(manner, defer_above_flows, threads);
                assert_eq!(text(&plain), text(&other), "{manner:?} {defer_above_flows} {threads} {selection:?}");
                assert_eq!(plain.total_findings, other.total_findings);
            }
        }
    }
}

#[test]
fn a_report_before_the_end_is_too() {
    let of = |manner, defer_above_flows| {
        let mut engine = engine(manner, defer_above_flows, 2);
        let snapshot = text(&engine.report(Default::default(), FlowSelection::default()));
        (snapshot, text(&engine.finish(Default::default())))
    };
    for manner in [LATE, NOTING, NOTING_LATE] {
        assert_eq!(of(DESCRIBING, usize::MAX), of(manner, usize::MAX));
        assert_eq!(of(DESCRIBING, usize::MAX), of(manner, 0));
    }
}

/// Wants no more after the first chunk.
#[derive(Default)]
struct First {
    chunks: usize,
}

impl ReportChunk for First {
    fn empty(&self) -> Self {
        Self::default()
    }
    fn add_flow(&mut self, _: &mut Flow) {}
    fn add_finding(&mut self, _: &Finding) {
        panic!("no finding is wanted");
    }
}

impl ReportSink for First {
    type Chunk = Self;
    fn chunk(&self) -> Self {
        Self::default()
    }
    fn write(&mut self, _: &CaptureSummary, _: &mut Self) -> bool {
        self.chunks += 1;
        false
    }
}

/// Who has seen enough gets no more; what is known of all flows is known all the same.
#[test]
fn no_flow_is_seen_twice_where_no_more_is_wanted() {
    for (manner, defer_above_flows, threads) in
        [(LATE, usize::MAX, 1), (NOTING_LATE, 0, 1), (LATE, 0, 3), (NOTING_LATE, 0, 3)]
    {
        let (mut engine, mut first) = (engine(manner, defer_above_flows, threads), First::default());
        engine.end();
        let analysis = engine.report_to(Default::default(), FlowSelection::default(), &mut first);
        assert_eq!(first.chunks, 1);
        let findings: u64 = analysis.total_findings.values().sum();
        assert_eq!(analysis.networks["Beeps"]["flows"].as_u64(), Some(findings));
    }
}
