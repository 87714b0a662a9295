//! From the engine's state to the result document.

mod encoding;
mod findings;
mod parallel;
mod rows;
mod surveys;

use std::collections::{BTreeMap, HashSet};

use streamlens_decoders::{FlowReport, NetworkReport};
use streamlens_model::{
    Analysis, Candidate, CaptureSummary, Flow, LinkType, Metadata, SCHEMA, TrafficType, TransportProtocol, Value,
};

use self::findings::{Findings, Mirrored};
use self::parallel::in_order;
use self::rows::{Card, FlowPlace, Note, Row, bit_rate};
use self::surveys::{Additions, Surveys};
use crate::dissect::Aside;
use crate::engine::Engine;
use crate::flow::{EncodingEntry, FlowEntry, TransportEntry};
use crate::options::FlowSelection;
use crate::shard::Shard;

/// Reads the engine's state; changes nothing.
pub(crate) struct Snapshot<'e> {
    engine: &'e Engine,
    /// Flows that had no frame after this one are left out.
    since: u64,
    /// The flows that wait as frames.
    cards: Vec<Card>,
    /// Their findings, where not all are to be made, as each thread noted them.
    notes: Option<Vec<Vec<Note>>>,
    /// What they say of mirror ports.
    mirrored: Mirrored,
    /// What network monitors say of single encodings, by flow and decoder.
    additions: Additions,
    networks: Vec<(&'static str, NetworkReport)>,
}

impl<'e> Snapshot<'e> {
    /// `makes_all` says that all findings will be wanted.
    pub(crate) fn new(engine: &'e Engine, since: u64, makes_all: bool) -> Self {
        let (cards, notes) = (Vec::new(), (!makes_all).then(Vec::new));
        let (mirrored, additions, networks) = (Mirrored::default(), Additions::new(), Vec::new());
        let mut snapshot = Self { engine, since, cards, notes, mirrored, additions, networks };
        let mut surveys = Surveys::new(engine);
        snapshot.flows().for_each(|(at, _, flow)| surveys.see(at, flow));
        snapshot.read_held(&surveys);
        if surveys.again() {
            snapshot.flows().for_each(|(at, _, flow)| surveys.see(at, flow));
            let wanted = |card: &&Card| surveys.want(card.row.packets, card.decoders);
            let held: Vec<_> = snapshot.cards.iter().filter(wanted).map(|card| card.row.at).collect();
            let see = |replay: &mut Shard, at: &FlowPlace| snapshot.show(replay, *at, |_, flow| surveys.see(*at, flow));
            in_order(engine.threads, &held, Shard::for_replay, see, |_| true);
        }
        (snapshot.networks, snapshot.additions) = surveys.finish();
        snapshot
    }

    /// Finds out what the flows that wait are, and shows them to the surveys.
    fn read_held(&mut self, surveys: &Surveys<'_>) {
        let places: Vec<_> = (0..)
            .zip(&self.engine.shards)
            .flat_map(|(share, shard)| {
                shard.held.places().map(move |place| FlowPlace { share, place: place as u32, is_held: true })
            })
            .collect();
        let mut cards = Vec::with_capacity(places.len());
        let begin = || (Shard::for_replay(), Findings::notes(), self.notes.as_ref().map(|_| Vec::new()));
        let make = |(replay, findings, notes): &mut (Shard, Findings, Option<Vec<Note>>), &at: &FlowPlace| {
            self.show(replay, at, |shard, flow| {
                findings.of_copies(flow);
                surveys.see(at, flow);
                if let Some(notes) = notes {
                    self.flow_findings(at, shard, flow, findings);
                    notes.extend(findings.take_notes().map(|(severity, frame)| Note { severity, frame, at }));
                }
                Card::new(at, flow)
            })
        };
        let parts = in_order(self.engine.threads, &places, begin, make, |card| {
            cards.extend(card);
            true
        });
        for (_, findings, notes) in parts {
            self.mirrored.merge(findings.mirrored);
            if let (Some(all), Some(notes)) = (&mut self.notes, notes) {
                all.push(notes);
            }
        }
        self.cards = cards;
    }

    /// The flows that do not wait.
    fn flows(&self) -> impl Iterator<Item = (FlowPlace, &'e Shard, &'e FlowEntry)> + use<'e> {
        (0..).zip(&self.engine.shards).flat_map(|(share, shard)| {
            let place = move |place| FlowPlace { share, place, is_held: false };
            (0..).zip(shard.flows.iter()).map(move |(at, flow)| (place(at), shard, flow))
        })
    }

    /// The whole document.
    pub(crate) fn analysis(&self, capture: CaptureSummary, selection: FlowSelection) -> Analysis {
        with_flows(|take| self.by_flow(capture, selection, &|flow| flow, take))
    }

    /// The document, but for its flows: these are handed on as they are made.
    pub(crate) fn by_flow<T: Send>(
        &self,
        mut capture: CaptureSummary,
        selection: FlowSelection,
        make: &(impl Fn(Flow) -> T + Sync),
        mut take: impl FnMut(&CaptureSummary, T) -> bool,
    ) -> Analysis {
        self.engine.totals.fill(&mut capture);
        for (reason, frames) in self.engine.asides() {
            // several numbers of link types have one name
            *capture.not_in_flows.entry(reason_text(reason)).or_default() += frames;
        }
        let total_flows = self.flows().filter(|(_, _, flow)| flow.changed > self.since).count() + self.cards.len();
        let shown = self.rows(selection.order, selection.top);
        let mut findings = Findings::new(&capture, selection.most_findings);
        findings.mirrored.merge(self.mirrored);
        let threads = self.engine.threads;
        let begin = || (Shard::for_replay(), findings.empty());
        let mut taken = 0;
        let show = |(replay, findings): &mut (Shard, Findings), row: &Row| {
            self.show(replay, row.at, |shard, flow| make(self.flow(row.at, shard, flow, findings)))
        };
        let mut parts = in_order(threads, &shown, begin, show, |part| {
            taken += 1;
            part.is_none_or(|part| take(&capture, part))
        });
        let taken: HashSet<_> = shown.iter().take(taken).map(|row| row.at).collect();
        let look = |(replay, findings): &mut (Shard, Findings), at: &FlowPlace| {
            self.show(replay, *at, |shard, flow| self.flow_findings(*at, shard, flow, findings));
        };
        let not_noted = self.rest(&taken);
        parts.extend(in_order(threads, &not_noted, begin, look, |()| true));
        let (worst, counted) = self.noted(&taken, selection.most_findings.unwrap_or(usize::MAX));
        let noted = in_order(threads, &worst, begin, look, |()| true);
        counted.into_iter().for_each(|severity| findings.count(severity));
        parts.into_iter().for_each(|(_, part)| findings.merge(part));
        noted.into_iter().for_each(|(_, part)| findings.extend(part));
        self.network_findings(&mut findings);
        findings.of_engine(self.engine);
        let (findings, total_findings) = findings.into_list();
        let networks = self.networks.iter().filter(|(_, report)| !report.facts.is_empty());
        Analysis {
            schema: SCHEMA,
            capture,
            flows: Vec::new(),
            total_flows,
            findings,
            total_findings,
            networks: networks.map(|(name, report)| ((*name).to_owned(), report.facts.clone())).collect(),
        }
    }

    fn network_findings(&self, findings: &mut Findings) {
        for (name, report) in &self.networks {
            for log in &report.findings {
                let place = findings::Where { encoding: Some(name), ..findings::Where::default() };
                findings.of_log(log, || place.place(), |id| report.stream_names.get(&id).cloned());
            }
        }
    }

    fn flow(&self, place: FlowPlace, shard: &Shard, flow: &FlowEntry, findings: &mut Findings) -> Flow {
        let traffic_type =
            if flow.facts.broadcast { TrafficType::Broadcast } else { flow.key.dst.address.traffic_type() };
        let (total_packets, total_bytes, facts) = (flow.packets(), flow.bytes(), flow.facts.lists());
        let transport_protocols =
            flow.transports().map(|transport| self.transport(place, shard, flow, transport, findings)).collect();
        Flow {
            key: flow.key,
            traffic_type,
            first_seen: flow.first_seen,
            last_seen: flow.last_seen,
            total_packets,
            total_bytes,
            bit_rate: bit_rate(flow.first_seen, flow.last_seen, total_packets, total_bytes),
            timing_stats: flow.timing().summary(self.engine.options.outlier_deviations),
            macs: facts.macs,
            dscp: facts.dscp,
            ttl: facts.ttl,
            changes_not_kept: facts.not_kept,
            transport_protocols,
            intervals: flow.series.as_ref().map_or_else(Vec::new, |series| series.list().to_vec()),
        }
    }

    /// The findings of a flow that is not shown.
    fn flow_findings(&self, place: FlowPlace, shard: &Shard, flow: &FlowEntry, findings: &mut Findings) {
        for transport in flow.transports() {
            for encoding in &transport.encodings {
                let additions = self.additions_to(place, encoding);
                self.findings_alone(shard, flow, transport, encoding, additions, findings);
            }
        }
    }

    fn additions_to(&self, place: FlowPlace, encoding: &EncodingEntry) -> &[FlowReport] {
        self.additions.get(&(place, encoding.decoder.0)).map_or(&[][..], Vec::as_slice)
    }

    fn transport(
        &self,
        place: FlowPlace,
        shard: &Shard,
        flow: &FlowEntry,
        transport: &TransportEntry,
        findings: &mut Findings,
    ) -> TransportProtocol {
        let mut application_encodings = Vec::new();
        let mut candidates = Vec::new();
        for encoding in &transport.encodings {
            let additions = self.additions_to(place, encoding);
            match self.encoding(shard, flow, transport, encoding, additions, findings) {
                Ok(encoding) => application_encodings.push(encoding),
                Err(candidate) => candidates.push(candidate),
            }
        }
        application_encodings
            .sort_by(|a, b| b.packet_count.cmp(&a.packet_count).then(a.encoding_name.cmp(&b.encoding_name)));
        let known = transport.young.as_ref().map(|young| young.candidates());
        for (decoder, confidence) in known.as_ref().unwrap_or(&transport.candidates) {
            let Some(decoder) = self.engine.registry.decoder(*decoder) else { continue };
            candidates.push(Candidate {
                encoding_name: decoder.encoding_name().to_owned(),
                confidence_score: rounded(confidence.value()),
                reason: confidence.reason().to_owned(),
            });
        }
        TransportProtocol {
            protocol_name: transport.transport.name().into_owned(),
            ports: flow.key.src.port.zip(flow.key.dst.port),
            packet_count: transport.packets,
            byte_count: transport.bytes,
            timing_stats: transport.timing.summary(self.engine.options.outlier_deviations),
            application_encodings,
            candidates,
            metadata: tcp_facts(transport),
            intervals: transport.series.as_ref().map_or_else(Vec::new, |series| series.list().to_vec()),
        }
    }
}

/// A document with its flows, of one that hands them on.
pub(crate) fn with_flows(make: impl FnOnce(&mut dyn FnMut(&CaptureSummary, Flow) -> bool) -> Analysis) -> Analysis {
    let mut flows = Vec::new();
    let mut analysis = make(&mut |_, flow| {
        flows.push(flow);
        true
    });
    analysis.flows = flows;
    analysis
}

fn tcp_facts(transport: &TransportEntry) -> Metadata {
    let Some(stream) = &transport.tcp else { return BTreeMap::new() };
    let facts = [
        ("retransmitted_segments", stream.retransmitted),
        ("out_of_order_segments", stream.out_of_order),
        ("gaps", stream.gaps),
        ("gap_bytes", stream.gap_bytes),
    ];
    facts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name.into(), Value::from(count))).collect()
}

/// A confidence with three figures, free of the noise of single precision.
fn rounded(confidence: f32) -> f64 {
    (f64::from(confidence) * 1000.0).round() / 1000.0
}

fn reason_text(reason: Aside) -> String {
    match reason {
        Aside::LinkType(number) => format!("unsupported link type {}", LinkType(number).name()),
        Aside::TooShort => "shorter than its link-layer header".to_owned(),
        Aside::VlanDepth => "more VLAN tags than a network has".to_owned(),
        Aside::TableFull => "flow table full".to_owned(),
    }
}
