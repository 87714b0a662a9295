//! A flow of the document, with its transports.

use smallvec::SmallVec;
use streamlens_model::{Candidate, Flow, Metadata, TransportProtocol, Value};

use super::encoding::EncodingView;
use super::findings::Findings;
use super::rows::bit_rate;
use super::timing::Summaries;
use super::{FlowWriter, add_holes, rounded};
use crate::deferred::store::{TOGETHER, VisitedFlow};
use crate::flow::{FlowEntry, TransportEntry};

/// A transport with what is known of its encodings.
struct TransportView<'r, 's> {
    transport: &'s TransportEntry,
    encodings: Vec<Result<EncodingView<'r, 's>, Candidate>>,
}

type TransportViews<'r, 's> = SmallVec<[TransportView<'r, 's>; 1]>;

impl<'w> FlowWriter<'w> {
    /// Makes flows. What is known of their encodings is asked for before, for the reason why flows are visited some at a time:
    /// it takes about as many instructions as the rest.
    pub(super) fn make_flows(&self, visited: &[VisitedFlow<'_>], made: &mut Vec<Flow>, findings: &mut Findings) {
        let views: SmallVec<[_; TOGETHER]> = visited.iter().map(|visited| self.transport_views(visited)).collect();
        made.extend(visited.iter().zip(views).map(|(visited, views)| self.flow(visited, views, findings)));
    }

    fn transport_views<'s>(&self, visited: &VisitedFlow<'s>) -> TransportViews<'w, 's> {
        let view = |transport: &'s TransportEntry| {
            let encodings = transport.encodings.iter();
            let encodings = encodings.map(|encoding| self.encoding_view(visited, transport, encoding)).collect();
            TransportView { transport, encodings }
        };
        visited.flow.transports().map(view).collect()
    }

    fn flow<'s>(&self, visited: &VisitedFlow<'s>, views: TransportViews<'_, 's>, findings: &mut Findings) -> Flow {
        let flow = visited.flow;
        let traffic_type = flow.facts.cast(flow.key.dst.address);
        let (total_packets, total_bytes, facts) = (flow.packets(), flow.bytes(), flow.facts.lists());
        let mut summaries = Summaries::new(self.state.options.outlier_deviations, self.has_histograms);
        let timing_stats = summaries.of(flow.timing());
        // no larger than it has to be: there may be a million
        let mut transport_protocols = Vec::with_capacity(views.len());
        transport_protocols.extend(views.into_iter().map(|view| self.transport(flow, view, &mut summaries, findings)));
        Flow {
            id: visited.handle.flow_id(flow.generation),
            key: flow.key,
            traffic_type,
            first_seen: flow.first_seen,
            last_seen: flow.last_seen,
            total_packets,
            total_bytes,
            bit_rate: bit_rate(flow.first_seen, flow.last_seen, total_packets, total_bytes),
            timing_stats,
            macs: facts.macs,
            dscp: facts.dscp,
            ttl: facts.ttl,
            changes_not_kept: facts.not_kept,
            bursts: flow.bursts.as_ref().map_or_else(Vec::new, |bursts| bursts.figures(None)),
            outer: self.state.outer.paths(&flow.key),
            transport_protocols,
            intervals: flow.series.as_ref().map_or_else(Vec::new, |series| series.list()),
        }
    }

    fn transport<'s>(
        &self,
        flow: &FlowEntry,
        TransportView { transport, encodings }: TransportView<'_, 's>,
        summaries: &mut Summaries<'s>,
        findings: &mut Findings,
    ) -> TransportProtocol {
        add_holes(flow, transport, findings);
        let timing_stats = summaries.of(&transport.timing);
        let mut application_encodings = Vec::with_capacity(encodings.len());
        let mut candidates = Vec::new();
        for view in encodings {
            match view {
                Ok(view) => application_encodings.push(self.encoding(view, summaries, findings)),
                Err(candidate) => candidates.push(candidate),
            }
        }
        application_encodings
            .sort_by(|a, b| b.packet_count.cmp(&a.packet_count).then(a.encoding_name.cmp(&b.encoding_name)));
        let known = transport.young.as_ref().map(|young| young.candidates(None));
        for (decoder, confidence) in known.as_ref().unwrap_or(&transport.candidates) {
            let Some(decoder) = self.state.registry.decoder(*decoder) else { continue };
            candidates.push(Candidate {
                encoding_name: decoder.info().name.clone(),
                confidence_score: rounded(confidence.value()),
                reason: confidence.reason().into(),
            });
        }
        TransportProtocol {
            protocol_name: transport.transport.name(),
            ports: flow.key.src.port.zip(flow.key.dst.port),
            packet_count: transport.packets,
            byte_count: transport.bytes,
            timing_stats,
            application_encodings,
            candidates,
            metadata: transport_facts(transport),
            sample: transport.sample.as_ref().filter(|_| transport.encodings.is_empty()).map(|sample| sample.shown()),
            intervals: transport.series.as_ref().map_or_else(Vec::new, |series| series.list()),
        }
    }
}

fn transport_facts(transport: &TransportEntry) -> Metadata {
    let types = transport.foreign_types.value().filter(|_| transport.encodings.is_empty());
    let mut metadata: Metadata = types.into_iter().map(|value| ("ether_types", value)).collect();
    let Some(stream) = &transport.tcp else { return metadata };
    let facts = [
        ("retransmitted_segments", stream.retransmitted),
        ("out_of_order_segments", stream.out_of_order),
        ("gaps", stream.gaps),
        ("gap_bytes", stream.gap_bytes),
    ];
    metadata.extend(facts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, Value::from(count))));
    metadata
}
