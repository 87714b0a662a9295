//! From the engine's state to the result document.

mod encoding;
mod findings;
mod order;

use std::collections::BTreeMap;

use streamlens_decoders::{FlowReport, NetworkReport, Peer};
use streamlens_model::{
    Analysis, Candidate, CaptureSummary, Flow, LinkType, Metadata, SCHEMA, TrafficType, TransportProtocol, Value,
};

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
    /// What network monitors say of single encodings, by flow and decoder.
    additions: BTreeMap<(FlowPlace, u16), Vec<FlowReport>>,
    networks: Vec<(&'static str, NetworkReport)>,
}

/// Share and place of a flow.
type FlowPlace = (usize, usize);

impl<'e> Snapshot<'e> {
    pub(crate) fn new(engine: &'e Engine, since: u64) -> Self {
        let mut snapshot = Self { engine, since, additions: BTreeMap::new(), networks: Vec::new() };
        snapshot.ask_networks();
        snapshot
    }

    /// Lets every network monitor look at the flows of its encodings.
    fn ask_networks(&mut self) {
        for (index, monitor) in &self.engine.networks.monitors {
            let Some(own) = self.engine.registry.decoder(*index).map(|decoder| decoder.encoding_name()) else {
                continue;
            };
            let watched = monitor.watches();
            let (mut peers, mut places) = (Vec::new(), Vec::new());
            for (place, _, flow) in self.flows() {
                for encoding in flow.transports().flat_map(|transport| &transport.encodings) {
                    let Some(decoder) = self.engine.registry.decoder(encoding.decoder) else { continue };
                    let name = decoder.encoding_name();
                    if name == own || watched.contains(&name) {
                        peers.push(Peer { flow: &flow.key, decoder: encoding.flow_decoder.as_deref(), encoding: name });
                        places.push((place, encoding.decoder.0));
                    }
                }
            }
            let mut report = NetworkReport::default();
            monitor.report(&peers, &mut report);
            for (other, beside) in &self.engine.networks.monitors {
                let encoding = self.engine.registry.decoder(*other).map(|decoder| decoder.encoding_name());
                if encoding.is_some_and(|name| name != own && watched.contains(&name)) {
                    monitor.report_beside(beside.as_ref(), &mut report);
                }
            }
            for (peer, addition) in std::mem::take(&mut report.flows) {
                if let Some(&place) = places.get(peer) {
                    self.additions.entry(place).or_default().push(addition);
                }
            }
            self.networks.push((own, report));
        }
    }

    fn flows(&self) -> impl Iterator<Item = (FlowPlace, &'e Shard, &'e FlowEntry)> {
        let shards = self.engine.shards.iter().enumerate();
        shards.flat_map(|(share, shard)| {
            shard.flows.iter().enumerate().map(move |(place, flow)| ((share, place), shard, flow))
        })
    }

    /// The whole document.
    pub(crate) fn analysis(&self, mut capture: CaptureSummary, selection: FlowSelection) -> Analysis {
        self.engine.totals.fill(&mut capture);
        for (reason, frames) in self.engine.asides() {
            // several numbers of link types have one name
            *capture.not_in_flows.entry(reason_text(reason)).or_default() += frames;
        }
        let mut all: Vec<_> = self.flows().filter(|(_, _, flow)| flow.changed > self.since).collect();
        order::sort(&mut all, selection.order);
        let total_flows = all.len();
        let mut findings = findings::Findings::new(&capture, selection.most_findings);
        let rest = all.split_off(selection.top.unwrap_or(total_flows).min(total_flows));
        let flows = all.iter().map(|&(place, shard, flow)| self.flow(place, shard, flow, &mut findings)).collect();
        for (place, shard, flow) in rest {
            if !self.is_quiet(place, flow) {
                self.flow_findings(place, shard, flow, &mut findings);
            }
        }
        self.network_findings(&mut findings);
        findings.of_engine(self.engine);
        let (findings, total_findings) = findings.into_list();
        let networks = self.networks.iter().filter(|(_, report)| !report.facts.is_empty());
        Analysis {
            schema: SCHEMA,
            capture,
            flows,
            total_flows,
            findings,
            total_findings,
            networks: networks.map(|(name, report)| ((*name).to_owned(), report.facts.clone())).collect(),
        }
    }

    /// Whether a flow has no findings, told without making its part of the document.
    fn is_quiet(&self, place: FlowPlace, flow: &FlowEntry) -> bool {
        flow.transports().flat_map(|transport| &transport.encodings).all(|encoding| {
            encoding.findings.is_none()
                && encoding.conversation.is_none()
                && encoding.flow_decoder.as_ref().is_none_or(|own| own.is_quiet())
                && encoding
                    .streams
                    .iter()
                    .all(|stream| stream.sequence.as_ref().is_none_or(|sequence| sequence.trouble().is_none()))
                && self
                    .additions
                    .get(&(place, encoding.decoder.0))
                    .is_none_or(|reports| reports.iter().all(|report| report.findings.is_empty()))
        })
    }

    fn network_findings(&self, findings: &mut findings::Findings) {
        for (name, report) in &self.networks {
            for log in &report.findings {
                let place = findings::Where { encoding: Some(name), ..findings::Where::default() };
                findings.of_log(log, &place, |id| report.stream_names.get(&id).cloned());
            }
        }
    }

    fn flow(&self, place: FlowPlace, shard: &Shard, flow: &FlowEntry, findings: &mut findings::Findings) -> Flow {
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
            bit_rate: bit_rate(flow, total_packets, total_bytes),
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
    fn flow_findings(&self, place: FlowPlace, shard: &Shard, flow: &FlowEntry, findings: &mut findings::Findings) {
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
        findings: &mut findings::Findings,
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

/// Bits per second over the time between the first and the last frame. The last frame's own bits come after that time.
fn bit_rate(flow: &FlowEntry, packets: u64, bytes: u64) -> Option<f64> {
    let span = flow.last_seen?.since(flow.first_seen?);
    (packets > 1 && span > 0).then(|| bytes as f64 * (packets - 1) as f64 / packets as f64 * 8.0 / (span as f64 * 1e-9))
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
