//! A flow of the document, with its transports.

use streamlens_model::row::FlowId;
use streamlens_model::{Candidate, Flow, Metadata, TrafficType, TransportProtocol, Value};

use super::encoding::{Summaries, Told};
use super::findings::Findings;
use super::rows::{Shown, bit_rate};
use super::{Snapshot, rounded};
use crate::flow::TransportEntry;

impl Snapshot<'_> {
    /// Makes flows. What decoders say of them is asked for before, for the reason why flows are shown some at a time: it takes
    /// about as many instructions as the rest.
    pub(super) fn make_flows(&self, shown: &[Shown<'_>], made: &mut Vec<Flow>, findings: &mut Findings) {
        let transports =
            shown.iter().flat_map(|shown| shown.flow.transports().map(move |transport| (shown, transport)));
        let encodings = transports.flat_map(|(shown, transport)| transport.encodings.iter().map(move |of| (shown, of)));
        let told: Vec<_> = encodings.map(|(shown, encoding)| self.told(*shown, encoding)).collect();
        let told = &mut told.into_iter();
        made.extend(shown.iter().map(|shown| self.flow(*shown, told, findings)));
    }

    fn flow<'a>(
        &'a self,
        shown: Shown<'_>,
        told: &mut impl Iterator<Item = Result<Told<'a>, Candidate>>,
        findings: &mut Findings,
    ) -> Flow {
        let flow = shown.flow;
        let traffic_type =
            if flow.facts.broadcast { TrafficType::Broadcast } else { flow.key.dst.address.traffic_type() };
        let (total_packets, total_bytes, facts) = (flow.packets(), flow.bytes(), flow.facts.lists());
        let mut summaries = Summaries::new(self.engine.options.outlier_deviations);
        let timing_stats = summaries.of(flow.timing());
        let transports = flow.transports();
        let transport_protocols =
            transports.map(|of| self.transport(shown, of, told, &mut summaries, findings)).collect();
        Flow {
            // numbered by the frame that made it
            id: FlowId { slot: flow.created as u32, generation: (flow.created >> 32) as u32 },
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
            transport_protocols,
            intervals: flow.series.as_ref().map_or_else(Vec::new, |series| series.list().to_vec()),
        }
    }

    fn transport<'a, 't>(
        &'a self,
        shown: Shown<'_>,
        transport: &'t TransportEntry,
        told: &mut impl Iterator<Item = Result<Told<'a>, Candidate>>,
        summaries: &mut Summaries<'t>,
        findings: &mut Findings,
    ) -> TransportProtocol {
        let timing_stats = summaries.of(&transport.timing);
        let mut application_encodings = Vec::with_capacity(transport.encodings.len());
        let mut candidates = Vec::new();
        for (encoding, told) in transport.encodings.iter().zip(told) {
            match told {
                Ok(told) => {
                    application_encodings
                        .push(self.encoding(told, shown.flow, transport, encoding, summaries, findings));
                }
                Err(candidate) => candidates.push(candidate),
            }
        }
        application_encodings
            .sort_by(|a, b| b.packet_count.cmp(&a.packet_count).then(a.encoding_name.cmp(&b.encoding_name)));
        let known = transport.young.as_ref().map(|young| young.candidates(None));
        for (decoder, confidence) in known.as_ref().unwrap_or(&transport.candidates) {
            let Some(decoder) = self.engine.registry.decoder(*decoder) else { continue };
            candidates.push(Candidate {
                encoding_name: decoder.encoding_name().into(),
                confidence_score: rounded(confidence.value()),
                reason: confidence.reason().into(),
            });
        }
        TransportProtocol {
            protocol_name: transport.transport.name(),
            ports: shown.flow.key.src.port.zip(shown.flow.key.dst.port),
            packet_count: transport.packets,
            byte_count: transport.bytes,
            timing_stats,
            application_encodings,
            candidates,
            metadata: tcp_facts(transport),
            intervals: transport.series.as_ref().map_or_else(Vec::new, |series| series.list().to_vec()),
        }
    }
}

fn tcp_facts(transport: &TransportEntry) -> Metadata {
    let Some(stream) = &transport.tcp else { return Metadata::new() };
    let facts = [
        ("retransmitted_segments", stream.retransmitted),
        ("out_of_order_segments", stream.out_of_order),
        ("gaps", stream.gaps),
        ("gap_bytes", stream.gap_bytes),
    ];
    facts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, Value::from(count))).collect()
}
