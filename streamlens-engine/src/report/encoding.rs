//! One encoding of a flow, with what its decoder, its conversation and the network say of it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;
use streamlens_decoders::{FlowReport, Refinement, StreamDecoder, StreamReport};
use streamlens_model::row::Level;
use streamlens_model::{ApplicationEncoding, Candidate, Finding, FindingLog, Health, StreamHealth, Value};

use super::drops::CarrierGaps;
use super::findings::{FindingSink, Findings, LossCause, Where};
use super::packet_types::{PacketTypes, type_name};
use super::timing::Summaries;
use super::{EncodingNames, EncodingPath, FlowWriter, interface_name, rounded};
use crate::deferred::store::VisitedFlow;
use crate::flow::{EncodingEntry, FlowEntry, TransportEntry};
use crate::health::{SequenceTracker, Stream};
use crate::identify::{MIN_CONFIDENCE, current_confidence};

/// An encoding of a flow, with all that is known of it.
pub(super) struct EncodingView<'r, 's> {
    decoder: &'r dyn StreamDecoder,
    flow: &'s FlowEntry,
    transport: &'s TransportEntry,
    encoding: &'s EncodingEntry,
    /// What its decoder, the monitor of its conversation and network monitors say of it.
    report: FlowReport,
    /// The names of the paths by which it came, where they are several, and what is said of those behind the first.
    paths: Vec<(String, FlowReport)>,
    /// The encoding of the base and its score, where the name is a refinement.
    base: Option<(Cow<'static, str>, f64)>,
    /// Where the streams that carry others miss packets, once someone has asked.
    carrier_gaps: OnceCell<CarrierGaps>,
    name: Cow<'static, str>,
    score: f64,
}

impl<'w> FlowWriter<'w> {
    /// What is known of an encoding, or, where the evidence has fallen away, the candidate that is left of it.
    pub(super) fn encoding_view<'s>(
        &self,
        visited: &VisitedFlow<'s>,
        transport: &'s TransportEntry,
        encoding: &'s EncodingEntry,
    ) -> Result<EncodingView<'w, 's>, Candidate> {
        let Some(decoder) = self.state.registry.decoder(encoding.decoder) else { return Err(Candidate::default()) };
        let score = own_score(encoding);
        if score < f64::from(MIN_CONFIDENCE) {
            return Err(Candidate {
                encoding_name: decoder.info().name.clone(),
                confidence_score: score,
                reason: format!("{}; later payloads were refused", encoding.reason).into(),
            });
        }
        let report_of = |path| {
            let mut report = FlowReport::default();
            if let Some(own) = encoding.decoder_of(path) {
                own.report(&mut report);
            }
            report
        };
        let mut report = report_of(0);
        let monitor = encoding.conversation.and_then(|index| visited.conversations.monitor(index));
        if let Some(monitor) = monitor {
            monitor.report(&visited.flow.key, &mut report);
        }
        self.additions_to(visited.handle, encoding, 0).iter().for_each(|addition| add(&mut report, addition));
        let paths = (0..encoding.path_count()).filter_map(|path| {
            let name = interface_name(self.interfaces, encoding.interface_of(path)?).into_owned();
            let mut of_path = if path == 0 { FlowReport::default() } else { report_of(path) };
            let additions = self.additions_to(visited.handle, encoding, path).iter().filter(|_| path > 0);
            additions.for_each(|addition| add(&mut of_path, addition));
            Some((name, of_path))
        });
        let paths: Vec<_> = paths.collect();
        let others = paths.iter().skip(1).map(|(name, of_path)| (name.clone(), Value::Map(of_path.metadata.clone())));
        if paths.len() > 1 {
            report.metadata.insert("other_paths".into(), Value::map(others));
        }
        let mut paths = paths;
        if self.state.is_moved {
            let names = decoder.info().against_capture;
            paths.iter_mut().map(|(_, of_path)| of_path).chain([&mut report]).for_each(|of| of.remove_all(names));
        }
        let score = score.min(report.confidence_limit.map_or(1.0, |limit| rounded(limit.min(1.0))));
        let base = decoder.info().name.clone();
        let (base, name, score) = match best_refinement(&report) {
            Some(best) => (Some((base, score)), best.encoding_name.clone(), rounded(best.confidence)),
            None => (None, base, score),
        };
        let (flow, carrier_gaps) = (visited.flow, OnceCell::new());
        Ok(EncodingView { decoder, flow, transport, encoding, report, paths, base, carrier_gaps, name, score })
    }

    /// The encoding as the document has it.
    pub(super) fn encoding<'s>(
        &self,
        mut view: EncodingView<'_, 's>,
        summaries: &mut Summaries<'s>,
        findings: &mut Findings,
    ) -> ApplicationEncoding {
        let EncodingView { decoder, transport, encoding, .. } = view;
        let mut reasons = vec![self.reason(encoding)];
        reasons.extend(std::mem::take(&mut view.report.reasons).into_iter().map(Cow::Owned));
        if let (Some((base, score)), Some(refinement)) = (view.base.take(), best_refinement(&view.report)) {
            reasons.insert(0, refinement.reason.clone().into());
            view.report.metadata.insert("base_encoding".into(), Value::text(base));
            view.report.metadata.insert("base_confidence".into(), Value::from(score));
        }
        if encoding.has_copies() {
            view.report.metadata.insert("copies".into(), Value::from(encoding.copies));
        }
        let sorted = sorted(encoding.streams.iter());
        let series = encoding.series.as_deref();
        let places: BTreeMap<_, _> = match series {
            Some(_) => encoding.streams.iter().enumerate().map(|(place, of)| ((of.id, of.path), place)).collect(),
            None => BTreeMap::new(),
        };
        // no larger than it has to be: there may be a million
        let mut streams = Vec::with_capacity(sorted.len());
        streams.extend(sorted.into_iter().map(|stream| {
            let mut health = view.health(stream, findings);
            if let (Some(series), Some(&place)) = (series, places.get(&(stream.id, stream.path))) {
                health.intervals = series.stream_list(place);
            }
            if let Some((sequence, gaps)) = stream.sequence.as_ref().and_then(|of| Some((of, of.gaps()?))) {
                (health.gap_count, health.gaps) = (Some(gaps.count), sequence.listed_gaps());
            }
            health
        }));
        view.add_logs(findings);
        let packet_types = PacketTypes { decoder, report: &view.report, transport, encoding };
        ApplicationEncoding {
            confidence_score: view.score,
            packet_count: encoding.packets,
            byte_count: encoding.bytes,
            timing_stats: summaries.of(transport.encoding_timing(encoding)),
            reasons,
            identified_at_frame: encoding.identified_at,
            counted_from_start: encoding.counted_from_start,
            malformed: encoding.malformed,
            health: Health {
                streams,
                streams_not_kept: encoding.streams.not_kept(),
                stream_gaps: encoding.stream_gaps(),
            },
            packet_types: packet_types.list(summaries),
            decoder_metadata: view.report.metadata,
            intervals: encoding.series.as_ref().map_or_else(Vec::new, |series| series.list()),
            encoding_name: view.name,
        }
    }

    fn reason(&self, encoding: &EncodingEntry) -> Cow<'static, str> {
        let next =
            encoding.preferred_to.and_then(|(decoder, value)| Some((self.state.registry.decoder(decoder)?, value)));
        next.map_or(Cow::Borrowed(encoding.reason), |(next, value)| {
            let (reason, name) = (encoding.reason, &next.info().name);
            format!("{reason}; preferred to {name} at {}", rounded(value)).into()
        })
    }

    /// Adds the findings of an encoding that is not written.
    pub(super) fn encoding_findings(
        &self,
        visited: &VisitedFlow<'_>,
        transport: &TransportEntry,
        encoding: &EncodingEntry,
        findings: &mut impl FindingSink,
    ) {
        let Some(decoder) = self.state.registry.decoder(encoding.decoder) else { return };
        if own_score(encoding) < f64::from(MIN_CONFIDENCE) {
            return;
        }
        let has_faults = |stream: &&Stream| stream.sequence.as_ref().is_some_and(|of| of.faults().is_some());
        let streams = sorted(encoding.streams.iter().filter(has_faults)).into_iter();
        let has_more = encoding.path_count() > 1 || !self.additions_to(visited.handle, encoding, 0).is_empty();
        if encoding.conversation.is_some() || has_more {
            let Ok(mut view) = self.encoding_view(visited, transport, encoding) else { return };
            streams.for_each(|stream| drop(view.health(stream, findings)));
            view.add_logs(findings);
            return;
        }
        // all else that the decoder knows only matters for the place of a finding that is made
        let view = OnceCell::new();
        let view = || view.get_or_init(|| self.encoding_view(visited, transport, encoding).ok()).as_ref();
        let gaps = OnceCell::new();
        for stream in streams {
            let health = stream_health(stream);
            let cause = |sequence: &SequenceTracker, reach| cause_of(&gaps, encoding, stream, sequence, reach);
            findings.add_stream(&decoder.info().finding_prefix, stream, &health, cause, |see| {
                let Some(view) = view() else { return see(&Where::default()) };
                see(&view.place(Some(&view.named_health(stream, view.known(stream)))));
            });
        }
        let mut see = |log: &FindingLog| {
            let place = |see: &mut dyn FnMut(&Where<'_>)| {
                see(&view().map(|view| view.place(None)).unwrap_or_default());
            };
            findings.add_log(log, place, |id| Some(decoder.stream_name(id)));
        };
        if let Some(own) = encoding.decoder_of(0).filter(|own| own.may_have_findings()) {
            let mut report = FlowReport::default();
            own.report(&mut report);
            report.findings.iter().for_each(&mut see);
        }
        encoding.findings.as_deref().into_iter().for_each(see);
    }

    /// Adds the findings that reports of late surveys add to a path of the encodings of a decoder.
    pub(super) fn added_findings(
        &self,
        visited: &VisitedFlow<'_>,
        place: EncodingPath,
        reports: &[FlowReport],
        findings: &mut Findings,
    ) {
        for transport in visited.flow.transports() {
            for encoding in transport.encodings.iter().filter(|encoding| encoding.decoder.0 == place.decoder) {
                let Ok(view) = self.encoding_view(visited, transport, encoding) else { continue };
                reports
                    .iter()
                    .flat_map(|report| &report.findings)
                    .for_each(|log| view.add_log(log, place.path, findings));
            }
        }
    }
}

impl EncodingView<'_, '_> {
    /// The names of the encoding and of what lies below it, as far down as is wanted.
    pub(super) fn names(&self, depth: Level, findings: Vec<Finding>) -> EncodingNames {
        let (encoding, decoder) = (self.encoding, self.decoder);
        let streams = encoding.streams.iter().filter(|_| depth >= Level::Encoding);
        let streams = streams.map(|stream| self.named_health(stream, self.known(stream)));
        let name_of = |kind| type_name(decoder, &self.report, kind);
        let nested = encoding.nested.iter().map(|nested| nested.entry.kind);
        let kinds = encoding.types.iter().map(|kind| kind.kind).chain(nested).filter(|_| depth >= Level::PacketType);
        EncodingNames {
            name: (*self.name).into(),
            score: self.score,
            streams: streams.collect(),
            types: kinds.map(|kind| (kind, Arc::from(&*name_of(kind)))).collect(),
            findings,
        }
    }

    /// The health of a stream; what is wrong with it is added to the findings.
    fn health(&mut self, stream: &Stream, findings: &mut impl FindingSink) -> StreamHealth {
        let own = match stream.path.checked_sub(1) {
            None => self.report.streams.take(stream.id),
            Some(_) => self.known(stream),
        };
        let recovered = own.as_ref().map_or(0, |own| own.recovered);
        let health = self.named_health(stream, own);
        let place = |see: &mut dyn FnMut(&Where<'_>)| see(&self.place(Some(&health)));
        let cause = |sequence: &SequenceTracker, reach| match health.lost {
            Some(lost) if lost <= recovered => LossCause::Recovered,
            _ => cause_of(&self.carrier_gaps, self.encoding, stream, sequence, reach),
        };
        findings.add_stream(&self.decoder.info().finding_prefix, stream, &health, cause, place);
        health
    }

    /// What is known of a stream beyond its figures.
    fn known(&self, stream: &Stream) -> Option<StreamReport> {
        let other = self.paths.get(usize::from(stream.path)).filter(|_| stream.path > 0);
        other.map_or(&self.report, |(_, report)| report).streams.get(stream.id).cloned()
    }

    /// The name of a stream, with the path by which it came where there are several.
    fn with_path(&self, name: String, path: u8) -> String {
        match self.paths.get(usize::from(path)) {
            Some((interface, _)) => format!("{name} on {interface}"),
            None => name,
        }
    }

    /// The health of a stream with what is known of it beyond its figures.
    fn named_health(&self, stream: &Stream, known: Option<StreamReport>) -> StreamHealth {
        let mut health = stream_health(stream);
        health.id = self.with_path(self.decoder.stream_name(stream.id), stream.path);
        if let Some(known) = known {
            health.name = known.name.map(|name| self.with_path(name, stream.path));
            health.jitter_ns = known.jitter_ns.or(health.jitter_ns);
            health.drift_ppm = known.drift_ppm.or(health.drift_ppm);
            health.measures = known.measures;
        }
        health
    }

    /// The place of a finding, of a stream where it is one's.
    fn place<'p>(&'p self, health: Option<&'p StreamHealth>) -> Where<'p> {
        Where {
            flow: Some(&self.flow.key),
            transport: Some(self.transport.transport),
            encoding: Some(&self.name),
            stream: health.map(|health| health.name.as_deref().unwrap_or(&health.id)),
        }
    }

    /// Adds what decoders and monitors have found.
    fn add_logs(&self, findings: &mut impl FindingSink) {
        self.report.findings.iter().for_each(|log| self.add_log(log, 0, findings));
        for (path, (_, report)) in (0..).zip(&self.paths).skip(1) {
            report.findings.iter().for_each(|log| self.add_log(log, path, findings));
        }
        if let Some(log) = self.encoding.findings.as_deref() {
            let name = |id| Some(self.decoder.stream_name(id));
            findings.add_log(log, |see| see(&self.place(None)), name);
        }
    }

    /// Adds what was found on a path.
    fn add_log(&self, log: &FindingLog, path: u8, findings: &mut impl FindingSink) {
        let name = |id| Some(self.with_path(self.decoder.stream_name(id), path));
        findings.add_log(log, |see| see(&self.place(None)), name);
    }
}

/// Adds what a network monitor says of an encoding to what others do.
fn add(report: &mut FlowReport, addition: &FlowReport) {
    report.metadata.extend(addition.metadata.clone());
    for (id, added) in addition.streams.clone() {
        let known = report.stream(id);
        known.name = added.name.or(known.name.take());
        known.jitter_ns = added.jitter_ns.or(known.jitter_ns);
        known.drift_ppm = added.drift_ppm.or(known.drift_ppm);
        known.recovered = known.recovered.max(added.recovered);
        known.measures.extend(added.measures);
    }
    for (kind, facts) in &addition.packet_types {
        report.packet_types.entry(*kind).or_default().extend(facts.clone());
    }
    for (kind, name) in &addition.type_names {
        report.type_names.entry(*kind).or_insert_with(|| name.clone());
    }
    report.refinements.extend_from_slice(&addition.refinements);
    report.findings.extend_from_slice(&addition.findings);
    report.reasons.extend_from_slice(&addition.reasons);
    let limits = report.confidence_limit.into_iter().chain(addition.confidence_limit);
    report.confidence_limit = limits.reduce(f32::min);
}

/// The surest refinement, of equals the first, where it is sure enough.
fn best_refinement(report: &FlowReport) -> Option<&Refinement> {
    let best =
        report.refinements.iter().reduce(|best, next| if next.confidence > best.confidence { next } else { best });
    best.filter(|refinement| refinement.confidence >= MIN_CONFIDENCE)
}

/// Streams in the order of their identifiers.
fn sorted<'s>(streams: impl Iterator<Item = &'s Stream>) -> SmallVec<[&'s Stream; 4]> {
    let mut streams: SmallVec<[&Stream; 4]> = streams.collect();
    streams.sort_by_key(|stream| (stream.id, stream.path));
    streams
}

/// Whether all that a stream misses was lost with the streams of the encoding that carry it.
fn cause_of(
    gaps: &OnceCell<CarrierGaps>,
    encoding: &EncodingEntry,
    stream: &Stream,
    sequence: &SequenceTracker,
    reach: u64,
) -> LossCause {
    let carriers = || CarrierGaps::of(encoding.streams.iter().filter(|stream| stream.id.is_carrier()));
    let is_lost_with = !stream.id.is_carrier() && gaps.get_or_init(carriers).explain(stream.path, sequence, reach);
    if is_lost_with { LossCause::Carrier } else { LossCause::Unknown }
}

/// The evidence so far for an encoding.
fn own_score(encoding: &EncodingEntry) -> f64 {
    current_confidence(encoding.confidence, encoding.taken, encoding.follows, encoding.refused)
}

/// The health of a stream, without a name.
pub(crate) fn stream_health(stream: &Stream) -> StreamHealth {
    let mut health = StreamHealth {
        is_carrier: stream.id.is_carrier(),
        first: Some(stream.first),
        latest: stream.latest,
        received: stream.received,
        jitter_ns: stream.clock.as_ref().and_then(|clock| clock.jitter_ns()),
        drift_ppm: stream.clock.as_ref().and_then(|clock| clock.drift_ppm()),
        ..StreamHealth::default()
    };
    let Some(sequence) = &stream.sequence else { return health };
    (health.expected, health.lost) = (Some(sequence.expected()), Some(sequence.lost()));
    let faults = sequence.faults();
    health.duplicated = Some(faults.map_or(0, |faults| faults.duplicated));
    health.reordered = Some(faults.map_or(0, |faults| faults.reordered));
    health.restarts = Some(faults.map_or(0, |faults| faults.restarts));
    let longest = sequence.longest_gap();
    health.longest_gap = Some(longest.map_or(0, |gap| gap.packets));
    health.longest_gap_at = longest.map(|gap| gap.at);
    health.largest_reorder_distance = faults.map(|faults| faults.largest_distance).filter(|distance| *distance > 0);
    health
}
