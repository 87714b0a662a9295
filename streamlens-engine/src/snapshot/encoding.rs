//! One encoding of a flow, with what its decoder, its conversation and the network say of it.

use std::borrow::Cow;
use std::cell::OnceCell;

use smallvec::SmallVec;
use streamlens_decoders::{FlowReport, PacketType, Refinement, StreamDecoder, StreamReport};
use streamlens_model::{
    ApplicationEncoding, Candidate, FindingLog, Health, Metadata, PacketTypeStats, Shared, StreamHealth,
    TimingStatistics, TimingSummary, Value,
};

use super::findings::{Findings, Where};
use super::rows::Shown;
use super::{Snapshot, rounded};
use crate::flow::{EncodingEntry, FlowEntry, TransportEntry, TypeEntry};
use crate::health::Stream;
use crate::identify::{ENOUGH, standing};

/// Copies make a mirrored flow from this share of its frames on (two in five: nearly every frame has one).
const MIRRORED_SHARE: f64 = 0.4;

/// What is known of an encoding before its part of the document is made.
pub(super) struct Told<'a> {
    decoder: &'a dyn StreamDecoder,
    /// What its own decoder and the monitor of its conversation say.
    report: FlowReport,
    /// What network monitors say of it.
    additions: &'a [FlowReport],
    /// The encoding of the base and its score, where the name is a refinement.
    base: Option<(&'static str, f64)>,
    name: Cow<'static, str>,
    score: f64,
}

impl Told<'_> {
    fn all(&self) -> impl Iterator<Item = &FlowReport> {
        std::iter::once(&self.report).chain(self.additions)
    }

    fn refinement(&self) -> Option<&Refinement> {
        let best = best_refinement(self.all().flat_map(|report| &report.refinements));
        best.filter(|refinement| refinement.confidence >= ENOUGH)
    }
}

impl Snapshot<'_> {
    /// The encoding.
    pub(super) fn encoding<'t>(
        &self,
        mut told: Told<'_>,
        flow: &FlowEntry,
        transport: &'t TransportEntry,
        encoding: &'t EncodingEntry,
        summaries: &mut Summaries<'t>,
        findings: &mut Findings,
    ) -> ApplicationEncoding {
        let mut metadata = std::mem::take(&mut told.report.metadata);
        told.additions.iter().for_each(|report| metadata.extend(report.metadata.clone()));
        let mut reasons = vec![self.reason(encoding)];
        reasons.extend(told.report.reasons.drain(..).map(Cow::Owned));
        told.additions.iter().for_each(|report| reasons.extend(report.reasons.iter().cloned().map(Cow::Owned)));
        if let (Some((base, score)), Some(refinement)) = (told.base, told.refinement()) {
            metadata.insert("base_encoding".into(), Value::text(base));
            metadata.insert("base_confidence".into(), Value::from(score));
            reasons.insert(0, refinement.reason.clone().into());
        }
        let mut streams: SmallVec<[&Stream; 4]> = encoding.streams.iter().collect();
        streams.sort_by_key(|stream| stream.id);
        let streams = streams.into_iter().map(|stream| told.health(flow, transport, stream, findings)).collect();
        told.log(flow, transport, told.logs(encoding), findings);
        ApplicationEncoding {
            confidence_score: told.score,
            packet_count: encoding.packets,
            byte_count: encoding.bytes,
            timing_stats: summaries.of(transport.encoding_timing(encoding)),
            decoder_metadata: metadata,
            reasons,
            identified_at_frame: encoding.identified_at,
            counted_from_start: encoding.counted_from_start,
            malformed: encoding.malformed,
            health: Health { streams, streams_not_kept: encoding.streams.not_kept },
            packet_types: self.packet_types(
                told.decoder,
                transport,
                encoding,
                &mut encoding.types.iter(),
                &|| told.all(),
                summaries,
            ),
            intervals: encoding.series.as_ref().map_or_else(Vec::new, |series| series.list()),
            encoding_name: told.name,
        }
    }

    /// The findings of an encoding whose part of the document is not wanted.
    pub(super) fn findings_alone(
        &self,
        shown: Shown<'_>,
        transport: &TransportEntry,
        encoding: &EncodingEntry,
        findings: &mut Findings,
    ) {
        let flow = shown.flow;
        let Some(decoder) = self.engine.registry.decoder(encoding.decoder) else { return };
        if own_score(encoding) < f64::from(ENOUGH) {
            return;
        }
        let is_faulty = |stream: &&Stream| stream.sequence.as_ref().is_some_and(|sequence| sequence.faults().is_some());
        let mut streams: SmallVec<[&Stream; 4]> = encoding.streams.iter().filter(is_faulty).collect();
        streams.sort_by_key(|stream| stream.id);
        if encoding.conversation.is_some() || !self.additions_to(shown.at, encoding).is_empty() {
            let Ok(mut told) = self.told(shown, encoding) else { return };
            streams.into_iter().for_each(|stream| drop(told.health(flow, transport, stream, findings)));
            told.log(flow, transport, told.logs(encoding), findings);
            return;
        }
        // all that the decoder knows only matters for the place of a finding that is made
        let told = OnceCell::new();
        let told = || told.get_or_init(|| self.told(shown, encoding).ok()).as_ref();
        for stream in streams {
            let health = stream_health(stream, is_mirrored(flow));
            findings.of_stream(decoder.finding_prefix(), stream, &health, |see| {
                let Some(told) = told() else { return see(&Where::default()) };
                let own = told.report.streams.get(stream.id).cloned();
                see(&told.place(flow, transport, Some(&told.named_health(flow, stream, own))));
            });
        }
        let mut see = |log: &FindingLog| {
            let place = |see: &mut dyn FnMut(&Where<'_>)| {
                see(&told().map(|told| told.place(flow, transport, None)).unwrap_or_default());
            };
            findings.of_log(log, place, |id| Some(decoder.stream_name(id)));
        };
        if let Some(own) = &encoding.flow_decoder {
            own.visit_findings(&mut see);
        }
        encoding.findings.as_deref().into_iter().for_each(see);
    }

    /// The findings that reports of late surveys add to the encodings of a decoder.
    pub(super) fn added_findings(
        &self,
        shown: Shown<'_>,
        decoder: u16,
        reports: &[FlowReport],
        findings: &mut Findings,
    ) {
        for transport in shown.flow.transports() {
            for encoding in transport.encodings.iter().filter(|encoding| encoding.decoder.0 == decoder) {
                let Ok(told) = self.told(shown, encoding) else { continue };
                told.log(shown.flow, transport, reports.iter().flat_map(|report| &report.findings), findings);
            }
        }
    }

    /// What is known of an encoding, or, where the evidence has fallen away, the candidate that is left of it.
    pub(super) fn told(&self, shown: Shown<'_>, encoding: &EncodingEntry) -> Result<Told<'_>, Candidate> {
        let decoder = self.engine.registry.decoder(encoding.decoder);
        let Some(decoder) = decoder else { return Err(Candidate::default()) };
        let own_score = own_score(encoding);
        if own_score < f64::from(ENOUGH) {
            return Err(Candidate {
                encoding_name: decoder.encoding_name().into(),
                confidence_score: own_score,
                reason: format!("{}; later payloads were refused", encoding.reason).into(),
            });
        }
        let mut report = FlowReport::default();
        if let Some(own) = &encoding.flow_decoder {
            own.report(&mut report);
        }
        let monitor = encoding.conversation.and_then(|place| shown.shard.conversations.monitors.get(place as usize));
        if let Some(monitor) = monitor {
            monitor.report(&shown.flow.key, &mut report);
        }
        let (name, base) = (Cow::Borrowed(decoder.encoding_name()), None);
        let additions = self.additions_to(shown.at, encoding);
        let mut told = Told { decoder, report, additions, base, name, score: own_score };
        let limit = told.all().filter_map(|report| report.confidence_limit).fold(1.0, f32::min);
        told.score = own_score.min(rounded(limit));
        if let Some((name, confidence)) = told.refinement().map(|found| (found.encoding_name.clone(), found.confidence))
        {
            told.base = Some((decoder.encoding_name(), told.score));
            (told.name, told.score) = (name, rounded(confidence));
        }
        Ok(told)
    }

    fn reason(&self, encoding: &EncodingEntry) -> Cow<'static, str> {
        let next =
            encoding.preferred_to.and_then(|(decoder, value)| Some((self.engine.registry.decoder(decoder)?, value)));
        next.map_or(Cow::Borrowed(encoding.reason), |(next, value)| {
            let (reason, name) = (encoding.reason, next.encoding_name());
            format!("{reason}; preferred to {name} at {}", rounded(value)).into()
        })
    }

    /// The figures of packet types, with those that lie in them.
    fn packet_types<'r, 't, I: Iterator<Item = &'r FlowReport>>(
        &self,
        decoder: &dyn StreamDecoder,
        transport: &'t TransportEntry,
        encoding: &'t EncodingEntry,
        types: &mut dyn Iterator<Item = &'t TypeEntry>,
        reports: &impl Fn() -> I,
        summaries: &mut Summaries<'t>,
    ) -> Vec<PacketTypeStats> {
        let name_of = |kind: PacketType| {
            let told = reports().find_map(|report| report.type_names.get(&kind).cloned());
            told.unwrap_or_else(|| decoder.packet_type(kind))
        };
        let mut named: SmallVec<[_; 4]> = types.map(|kind| (name_of(kind.kind), kind)).collect();
        // stable: kinds of one name stay in their order
        named.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut made = Vec::with_capacity(named.len());
        made.extend(named.chunk_by_mut(|(a, _), (b, _)| a == b).map(|of_one_name| {
            let type_name = of_one_name.first_mut().map(|(name, _)| std::mem::take(name)).unwrap_or_default();
            let kinds = of_one_name.iter().map(|(_, kind)| *kind);
            let packets: u64 = kinds.clone().map(|kind| kind.packets).sum();
            let mut characteristics = lengths(kinds.clone(), packets);
            for kind in kinds.clone() {
                reports().filter_map(|report| report.packet_types.get(&kind.kind)).for_each(|facts| {
                    characteristics.extend(facts.clone());
                });
            }
            let lies_in = |within: PacketType| kinds.clone().any(|kind| kind.kind == within);
            let inside = encoding.nested.iter().filter(|nested| lies_in(nested.within));
            let inside = &mut inside.map(|nested| &nested.entry);
            PacketTypeStats {
                type_name,
                packet_types: if encoding.nested.is_empty() {
                    Vec::new()
                } else {
                    self.packet_types(decoder, transport, encoding, inside, reports, summaries)
                },
                packet_count: packets,
                byte_count: kinds.clone().map(|kind| kind.bytes).sum(),
                incomplete: kinds.clone().map(|kind| kind.incomplete).sum(),
                timing_stats: summaries.of_all(kinds.clone().map(|kind| encoding.type_timing(kind, &transport.timing))),
                payload_characteristics: characteristics,
                intervals: kinds.filter_map(|kind| kind.series.as_ref()).flat_map(|series| series.list()).collect(),
            }
        }));
        made
    }
}

/// Makes the figures of intervals. Levels of a flow that share their intervals come one after the other: those are made
/// once.
pub(super) struct Summaries<'t> {
    outlier_deviations: f64,
    last: Option<(&'t TimingStatistics, Shared<TimingSummary>)>,
}

impl<'t> Summaries<'t> {
    pub(super) fn new(outlier_deviations: f64) -> Self {
        Self { outlier_deviations, last: None }
    }

    /// The figures of some intervals.
    pub(super) fn of(&mut self, timing: &'t TimingStatistics) -> Shared<TimingSummary> {
        match &self.last {
            Some((last, summary)) if std::ptr::eq(*last, timing) => summary.clone(),
            _ => {
                let summary = Shared::new(timing.summary(self.outlier_deviations));
                self.last = Some((timing, summary.clone()));
                summary
            }
        }
    }

    /// The figures of several together.
    fn of_all(&mut self, mut timings: impl Iterator<Item = &'t TimingStatistics>) -> Shared<TimingSummary> {
        let Some(first) = timings.next() else { return Shared::default() };
        let Some(second) = timings.next() else { return self.of(first) };
        let mut all = first.clone();
        all.merge(second);
        timings.for_each(|timing| all.merge(timing));
        all.summary(self.outlier_deviations).into()
    }
}

impl Told<'_> {
    /// The health of a stream; what is wrong with it is added to the findings.
    fn health(
        &mut self,
        flow: &FlowEntry,
        transport: &TransportEntry,
        stream: &Stream,
        findings: &mut Findings,
    ) -> StreamHealth {
        let own = self.report.streams.take(stream.id);
        let health = self.named_health(flow, stream, own);
        let place = |see: &mut dyn FnMut(&Where<'_>)| see(&self.place(flow, transport, Some(&health)));
        findings.of_stream(self.decoder.finding_prefix(), stream, &health, place);
        health
    }

    /// `own` is what the flow's decoder and the monitor of the conversation say of the stream.
    fn named_health(&self, flow: &FlowEntry, stream: &Stream, own: Option<StreamReport>) -> StreamHealth {
        let mut health = stream_health(stream, is_mirrored(flow));
        health.id = self.decoder.stream_name(stream.id);
        let added = self.additions.iter().filter_map(|report| report.streams.get(stream.id)).cloned();
        for known in own.into_iter().chain(added) {
            health.name = known.name.or(health.name);
            health.jitter_ns = known.jitter_ns.or(health.jitter_ns);
            health.drift_ppm = known.drift_ppm.or(health.drift_ppm);
            if health.measures.is_empty() {
                health.measures = known.measures;
            } else {
                health.measures.extend(known.measures);
            }
        }
        health
    }

    /// The place of a finding, of a stream where it is one's.
    fn place<'p>(
        &'p self,
        flow: &'p FlowEntry,
        transport: &TransportEntry,
        health: Option<&'p StreamHealth>,
    ) -> Where<'p> {
        Where {
            flow: Some(&flow.key),
            transport: Some(transport.transport),
            encoding: Some(&self.name),
            stream: health.map(|health| health.name.as_deref().unwrap_or(&health.id)),
        }
    }

    /// What decoders and monitors have found.
    fn logs<'l>(&'l self, encoding: &'l EncodingEntry) -> impl Iterator<Item = &'l FindingLog> {
        self.all().flat_map(|report| &report.findings).chain(encoding.findings.as_deref())
    }

    /// Adds the findings of logs.
    fn log<'l>(
        &self,
        flow: &FlowEntry,
        transport: &TransportEntry,
        logs: impl Iterator<Item = &'l FindingLog>,
        findings: &mut Findings,
    ) {
        let stream_name = |id| Some(self.decoder.stream_name(id));
        let place = |see: &mut dyn FnMut(&Where<'_>)| see(&self.place(flow, transport, None));
        logs.for_each(|log| findings.of_log(log, place, stream_name));
    }
}

/// Whether nearly every frame of a flow is followed by a copy of itself.
pub(super) fn is_mirrored(flow: &FlowEntry) -> bool {
    flow.copies.count >= 2 && flow.copies.count as f64 >= MIRRORED_SHARE * flow.packets() as f64
}

fn best_refinement<'a>(all: impl Iterator<Item = &'a Refinement>) -> Option<&'a Refinement> {
    // of equals the first
    all.reduce(|best, next| if next.confidence > best.confidence { next } else { best })
}

fn lengths<'t>(kinds: impl Iterator<Item = &'t TypeEntry> + Clone, packets: u64) -> Metadata {
    let shortest = kinds.clone().map(|kind| kind.shortest).min().unwrap_or(0);
    let longest = kinds.clone().map(|kind| kind.longest).max().unwrap_or(0);
    let sum: u64 = kinds.map(|kind| kind.length_sum).sum();
    let mut facts = Metadata::new();
    if packets > 0 {
        facts.reserve(3);
        facts.insert("max_length".into(), Value::from(longest));
        facts.insert("mean_length".into(), Value::from(sum as f64 / packets as f64));
        facts.insert("min_length".into(), Value::from(shortest));
    }
    facts
}

/// The evidence so far for an encoding.
fn own_score(encoding: &EncodingEntry) -> f64 {
    standing(encoding.confidence, encoding.taken, encoding.follows, encoding.refused)
}

/// The health of a stream, without a name.
fn stream_health(stream: &Stream, is_mirrored: bool) -> StreamHealth {
    let mut health = StreamHealth {
        received: stream.received,
        jitter_ns: stream.clock.as_ref().and_then(|clock| clock.jitter_ns()),
        drift_ppm: stream.clock.as_ref().and_then(|clock| clock.drift_ppm()),
        ..StreamHealth::default()
    };
    let Some(sequence) = &stream.sequence else { return health };
    let copies = if is_mirrored { stream.copies } else { 0 };
    health.received = stream.received - copies;
    (health.expected, health.lost) = (Some(sequence.expected()), Some(sequence.lost()));
    let faults = sequence.faults();
    health.duplicated = Some(faults.map_or(0, |faults| faults.duplicated - copies.min(faults.duplicated)));
    health.reordered = Some(faults.map_or(0, |faults| faults.reordered));
    health.restarts = Some(faults.map_or(0, |faults| faults.restarts));
    health.longest_gap = Some(faults.and_then(|faults| faults.longest_gap).map_or(0, |(gap, _)| gap));
    health.longest_gap_at = faults.and_then(|faults| faults.longest_gap).map(|(_, at)| at);
    health.largest_reorder_distance = faults.map(|faults| faults.largest_distance).filter(|distance| *distance > 0);
    health
}
