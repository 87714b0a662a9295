//! What concerns several flows and is counted while they are visited: what the capturing machine made of frames (copies that a
//! mirror port delivered, packets that receive offload joined), and what came of the rules that the user told.

use streamlens_model::Occurrence;
use streamlens_model::stats::Events;

use crate::flow::{FlowEntry, JoinedCounts};
use crate::work::Settings;

/// Copies make a mirrored flow from this share of its frames on (two in five: nearly every frame has one).
const MIRRORED_SHARE: f64 = 0.4;

/// What the capturing machine made of the frames of some flows.
#[derive(Clone, Default)]
pub(super) struct Artefacts {
    pub(super) mirrored: Copies,
    pub(super) copies: Copies,
    pub(super) joined: JoinedFlows,
    /// Of each rule of [`EngineOptions::decode_as`](crate::EngineOptions), in their order.
    pub(super) rules: Vec<RuleUse>,
}

/// What came of a rule of the user's.
#[derive(Clone, Copy, Default)]
pub(super) struct RuleUse {
    /// Flows with packets that it speaks of.
    pub(super) flows: u64,
    /// Those of them with packets that were decoded so.
    pub(super) decoded: u64,
}

/// Frames that are copies of others, over some flows: those of which nearly all are there twice, as mirror ports deliver them, and
/// those that have a few.
#[derive(Clone, Copy, Default)]
pub(super) struct Copies {
    pub(super) flows: u64,
    pub(super) frames: Option<Events>,
}

/// Datagrams that hold several packets which the receiving machine joined, over some flows.
#[derive(Clone, Copy, Default)]
pub(super) struct JoinedFlows {
    pub(super) flows: u64,
    /// Those that were taken apart, the packets in them, and those that could not be.
    pub(super) apart: u64,
    pub(super) packets: u64,
    pub(super) whole: u64,
    /// The first and the last of both.
    pub(super) span: Option<(Occurrence, Occurrence)>,
}

impl Artefacts {
    /// Adds a flow.
    pub(super) fn add(&mut self, flow: &FlowEntry, env: Settings<'_>) {
        if !env.options.decode_as.is_empty() {
            self.add_rules(flow, env);
        }
        if let Some(&found) = flow.copies.found() {
            let kind = if is_mirrored(flow, found.count) { &mut self.mirrored } else { &mut self.copies };
            kind.merge(Copies { flows: 1, frames: Some(found) });
        }
        let encodings = flow.transports().flat_map(|transport| &transport.encodings);
        let mut counts = encodings.filter_map(|encoding| encoding.joined.counts()).peekable();
        if counts.peek().is_some() {
            self.joined.flows += 1;
            counts.for_each(|counts| self.joined.add(counts));
        }
    }

    #[cold]
    fn add_rules(&mut self, flow: &FlowEntry, env: Settings<'_>) {
        self.rules.resize(env.options.decode_as.len(), RuleUse::default());
        for transport in flow.transports() {
            let mut rules = env.options.decode_as.iter().zip(&mut self.rules);
            if let Some((rule, told)) = rules.find(|(rule, _)| (rule.selector)(&flow.key, transport.transport)) {
                let decoder = env.registry.position(&rule.encoding_name);
                told.flows += 1;
                told.decoded += u64::from(transport.encodings.iter().any(|encoding| Some(encoding.decoder) == decoder));
            }
        }
    }

    /// Adds those of other flows.
    pub(super) fn merge(&mut self, other: Self) {
        self.mirrored.merge(other.mirrored);
        self.copies.merge(other.copies);
        if self.rules.len() < other.rules.len() {
            self.rules.resize(other.rules.len(), RuleUse::default());
        }
        for (told, more) in self.rules.iter_mut().zip(&other.rules) {
            told.flows += more.flows;
            told.decoded += more.decoded;
        }
        let JoinedFlows { flows, apart, packets, whole, span } = other.joined;
        if let Some((first, last)) = span {
            self.joined.flows += flows;
            self.joined.add(&JoinedCounts { apart, packets, whole, first, last });
        }
    }
}

impl Copies {
    fn merge(&mut self, other: Self) {
        self.flows += other.flows;
        self.frames = match (self.frames, other.frames) {
            (Some(own), Some(others)) => {
                let ((first, _), (_, last)) = (by_frame(own.first, others.first), by_frame(own.last, others.last));
                Some(Events { count: own.count + others.count, first, last })
            }
            (own, others) => own.or(others),
        };
    }
}

impl JoinedFlows {
    fn add(&mut self, counts: &JoinedCounts) {
        let JoinedCounts { apart, packets, whole, first, last } = *counts;
        self.apart += apart;
        self.packets += packets;
        self.whole += whole;
        self.span =
            Some(self.span.map_or((first, last), |(from, until)| (by_frame(from, first).0, by_frame(until, last).1)));
    }
}

/// Two of the capture's frames, the earlier one first.
fn by_frame(a: Occurrence, b: Occurrence) -> (Occurrence, Occurrence) {
    if a.frame <= b.frame { (a, b) } else { (b, a) }
}

/// Whether nearly every frame of a flow is followed by a copy of itself, where so many are copies.
fn is_mirrored(flow: &FlowEntry, copies: u64) -> bool {
    copies >= 2 && copies as f64 >= MIRRORED_SHARE * flow.packets() as f64
}
