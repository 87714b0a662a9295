//! What only shows across flows: a stream that stops while others go on, an identifier that two sources use.

use std::any::Any;

use streamlens_model::words::Span;
use streamlens_model::{Address, FindingLog, Occurrence, Severity, StreamId, Timestamp, VlanStack};

use super::Track;
#[cfg(feature = "iena")]
use crate::iena::IenaFlow;
#[cfg(feature = "inetx")]
use crate::inetx::InetxFlow;
#[cfg(feature = "npd")]
use crate::npd::NpdFlow;
use crate::sources::Sources;
#[cfg(feature = "tmns")]
use crate::tmns::TmnsFlow;
use crate::{FlowDecoder, NetworkMonitor, NetworkReport, ObservedPdu, Peer, Survey, SurveyNotes};

/// A stream that sent fewer packets than this has no rhythm that could be missed.
const RHYTHM_PACKETS: u64 = 10;

/// A flow's decoder that keeps streams over time.
pub(crate) trait TelemetryFlow {
    /// Shows each stream, ordered by identifier.
    fn visit(&self, see: &mut dyn FnMut(u32, &Track));
}

/// How an encoding speaks of its streams in findings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Naming {
    pub(crate) encoding: &'static str,
    /// The name of a stream.
    pub(crate) name: fn(u32) -> String,
    pub(crate) stopped: &'static str,
    pub(crate) two_sources: &'static str,
    /// The other encodings whose flows show until when the network was heard.
    pub(crate) watches: &'static [&'static str],
}

/// The network monitor of the telemetry encodings. It looks at the flows' decoders when a result is made and remembers
/// nothing itself.
#[derive(Debug)]
pub(crate) struct TelemetryMonitor {
    naming: Naming,
}

impl TelemetryMonitor {
    pub(crate) fn new(naming: Naming) -> Self {
        Self { naming }
    }

    /// A stream that stopped well before `end`.
    fn stopped(&self, rhythm: &Rhythm, end: Timestamp) -> Option<FindingLog> {
        let Rhythm { id, mean, longest, last, last_time, .. } = *rhythm;
        let silence = end.since(last_time);
        let patience = mean.saturating_mul(10).max(longest.saturating_mul(3)).max(1_000_000_000);
        if silence <= patience {
            return None;
        }
        let mut log = FindingLog::default();
        log.add(self.naming.stopped, Severity::Warning, Some(stream(id)), last, || {
            format!(
                "{} stopped {} before the last telemetry of the capture; until then a packet came every {} on average, \
                 {} at most",
                (self.naming.name)(id),
                Span(silence),
                Span(mean),
                Span(longest)
            )
        });
        Some(log)
    }
}

/// A stream that sent often enough for its end to be noticed.
struct Rhythm {
    /// The number of its flow.
    peer: u64,
    id: u32,
    mean: i64,
    longest: i64,
    last: Occurrence,
    last_time: Timestamp,
}

impl Rhythm {
    fn of(peer: u64, id: u32, track: &Track) -> Option<Self> {
        let (mean, last) = (track.mean_interval()?, track.last());
        let last_time = last.time?;
        (track.packets() >= RHYTHM_PACKETS).then(|| Self {
            peer,
            id,
            mean,
            longest: track.longest_interval(),
            last,
            last_time,
        })
    }
}

impl NetworkMonitor for TelemetryMonitor {
    fn observe(&mut self, _: &ObservedPdu<'_>) {}

    fn watches(&self) -> &'static [&'static str] {
        self.naming.watches
    }

    fn survey(&self) -> Box<dyn Survey + '_> {
        Box::new(Streams { monitor: self, noted: Noted::of(self.naming.encoding) })
    }
}

/// The streams of all flows.
struct Streams<'m> {
    monitor: &'m TelemetryMonitor,
    noted: Noted,
}

/// What is noted of flows.
struct Noted {
    /// The encoding whose streams these are.
    encoding: &'static str,
    /// Time of the last packet of any telemetry.
    end: Option<Timestamp>,
    rhythms: Vec<Rhythm>,
    sources: Sources<(VlanStack, u32), Address>,
}

impl Noted {
    fn of(encoding: &'static str) -> Self {
        Self { encoding, end: None, rhythms: Vec::new(), sources: Sources::default() }
    }
}

impl SurveyNotes for Noted {
    fn observe(&mut self, number: u64, peer: &Peer<'_>) {
        let Some(flow) = peer.decoder.and_then(telemetry) else { return };
        let is_own = peer.encoding == self.encoding;
        flow.visit(&mut |id, track| {
            self.end = self.end.max(track.last().time);
            if is_own {
                self.rhythms.extend(Rhythm::of(number, id, track));
                self.sources.note((peer.flow.vlan, id), peer.flow.src.address, track.first());
            }
        });
    }
}

impl Survey for Streams<'_> {
    fn adds_facts_to_flows(&self) -> bool {
        false
    }

    fn observe(&mut self, number: u64, peer: &Peer<'_>) {
        self.noted.observe(number, peer);
    }

    fn empty_notes(&self) -> Option<Box<dyn SurveyNotes>> {
        Some(Box::new(Noted::of(self.noted.encoding)))
    }

    fn merge(&mut self, notes: Box<dyn SurveyNotes>) {
        let Ok(mut notes) = (notes as Box<dyn Any>).downcast::<Noted>() else { return };
        let noted = &mut self.noted;
        noted.end = noted.end.max(notes.end);
        noted.rhythms.append(&mut notes.rhythms);
        noted.sources.append(notes.sources);
    }

    fn report(self: Box<Self>, report: &mut NetworkReport) {
        let (naming, noted) = (self.monitor.naming, self.noted);
        for rhythm in &noted.rhythms {
            if let Some(log) = noted.end.and_then(|end| self.monitor.stopped(rhythm, end)) {
                report.flows.entry(rhythm.peer).or_default().findings.push(log);
            }
        }
        let mut log = FindingLog::default();
        for ((_, id), sources) in noted.sources.several() {
            let [(first, _), (second, at)] = sources.first;
            let (id, count, name) = (stream(id), sources.all.len(), (naming.name)(id));
            report.stream_names.insert(id, name.clone());
            log.add(naming.two_sources, Severity::Warning, Some(id), at, || match count {
                2 => format!("{name} comes from two sources: {first} and {second}"),
                _ => format!("{name} comes from {count} sources, first {first} and {second}"),
            });
        }
        if !log.is_empty() {
            report.findings.push(log);
        }
    }
}

/// How these encodings make a stream identifier of theirs.
pub(crate) fn stream(id: u32) -> StreamId {
    StreamId(u128::from(id))
}

fn telemetry(decoder: &dyn FlowDecoder) -> Option<&dyn TelemetryFlow> {
    let decoder: &dyn Any = decoder;
    #[cfg(feature = "iena")]
    if let Some(flow) = decoder.downcast_ref::<IenaFlow>() {
        return Some(flow);
    }
    #[cfg(feature = "inetx")]
    if let Some(flow) = decoder.downcast_ref::<InetxFlow>() {
        return Some(flow);
    }
    #[cfg(feature = "npd")]
    if let Some(flow) = decoder.downcast_ref::<NpdFlow>() {
        return Some(flow);
    }
    #[cfg(feature = "tmns")]
    if let Some(flow) = decoder.downcast_ref::<TmnsFlow>() {
        return Some(flow);
    }
    None
}
