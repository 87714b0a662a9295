//! Seamless protection (ST 2022-7): the same stream on two paths, what each lost, how far apart they are, and what a
//! receiver that merges them still misses.
//!
//! The same content is recognised by equal SSRCs and, for sampled packets, equal sequence numbers and timestamps.
//! Copies that differ in the VLAN alone are taken for a mirror port's and not for a pair. Two paths may be one flow, captured by two
//! interfaces: separate networks may use the same addresses.

use std::any::Any;
use std::collections::BTreeMap;

use streamlens_model::stats::{Events, MissingRange};
use streamlens_model::words::{Counted, Grouped, duration};
use streamlens_model::{FindingLog, FlowKey, Occurrence, Severity, StreamId, Subject, Value};

use super::decoder::RtpFlow;
use super::path::Path;
use crate::{NetworkMonitor, NetworkReport, ObservedPdu, Peer, Survey};

/// So many sampled packets have to agree.
const MIN_MATCHES: usize = 8;
/// The most paths of one stream that are compared.
const MAX_PATHS: usize = 8;
/// Path differential that a receiver of class A, B and C takes (ST 2022-7:2019 §5).
const CLASSES: [(&str, u64); 4] = [("D", 150_000), ("A", 10_000_000), ("B", 50_000_000), ("C", 450_000_000)];

/// Looks for pairs when a result is made; all it needs lies in the memory of the flows.
#[derive(Debug)]
pub(super) struct RedundantPaths;

/// One stream in one flow.
struct Leg {
    peer: u64,
    flow: FlowKey,
    interface: Option<String>,
    id: StreamId,
    first: Occurrence,
    last: Occurrence,
    path: Path,
}

/// What the comparison of two paths gave.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comparison {
    /// Numbers in the stretch that both paths cover.
    pub(super) overlap: u64,
    /// Of these lost on the first path, on the second, and on both.
    pub(super) lost: [u64; 3],
    /// The first gap on both.
    pub(super) losses: Option<Events>,
    /// Arrival on the second path less arrival on the first in ns: smallest, mean, largest.
    pub(super) skew: [f64; 3],
    /// Sampled packets that agreed.
    pub(super) matches: usize,
    /// Whether there were more gaps than are kept, so that the losses are at least these.
    pub(super) is_incomplete: bool,
}

/// Compares two paths; `None` where they carry different content.
pub(super) fn compare(a: &Path, b: &Path) -> Option<Comparison> {
    let index: BTreeMap<(u16, u32), _> =
        b.samples.iter().map(|sample| ((sample.number as u16, sample.timestamp), sample)).collect();
    let (mut matches, mut shift, mut skew, mut sum) = (0_usize, None, [f64::INFINITY, 0.0, f64::NEG_INFINITY], 0.0);
    for sample in &a.samples {
        let Some(other) = index.get(&(sample.number as u16, sample.timestamp)) else { continue };
        let apart = other.number.wrapping_sub(sample.number);
        if *shift.get_or_insert(apart) != apart {
            continue;
        }
        let difference = other.time.since(sample.time) as f64;
        (skew[0], skew[2]) = (skew[0].min(difference), skew[2].max(difference));
        sum += difference;
        matches += 1;
    }
    let shift = shift.filter(|_| matches >= MIN_MATCHES)?;
    skew[1] = sum / matches as f64;
    // Numbers of the second path, as the first one counts.
    let moved = |number: u64| number.wrapping_sub(shift);
    let (range_a, range_b) = (a.range(), b.range());
    let (first, last) = (range_a.0.max(moved(range_b.0)), range_a.1.min(moved(range_b.1)));
    if first > last {
        return None;
    }
    let clip = |run: MissingRange| MissingRange { first: run.first.max(first), last: run.last.min(last), ..run };
    let within = |run: &MissingRange| run.first <= run.last;
    let on_a: Vec<_> = a.missing().copied().map(clip).filter(within).collect();
    let on_b = b.missing().map(|run| MissingRange { first: moved(run.first), last: moved(run.last), ..*run });
    let on_b: Vec<_> = on_b.map(clip).filter(within).collect();
    let (mut i, mut j, mut on_both, mut losses) = (0, 0, 0, None);
    while let (Some(x), Some(y)) = (on_a.get(i), on_b.get(j)) {
        let both = MissingRange { first: x.first.max(y.first), last: x.last.min(y.last), at: x.at };
        if within(&both) {
            on_both += both.count();
            let at = if x.at.frame >= y.at.frame { x.at } else { y.at };
            match &mut losses {
                Some(losses) => Events::push(losses, at),
                none => *none = Some(Events::once(at)),
            }
        }
        if x.last < y.last {
            i += 1;
        } else {
            j += 1;
        }
    }
    let total = |runs: &[MissingRange]| runs.iter().map(MissingRange::count).sum();
    Some(Comparison {
        overlap: last - first + 1,
        lost: [total(&on_a), total(&on_b), on_both],
        losses,
        skew,
        matches,
        is_incomplete: a.not_kept() > 0 || b.not_kept() > 0,
    })
}

impl Comparison {
    /// The largest differential, whichever path is ahead.
    fn differential_ns(&self) -> u64 {
        self.skew[0].abs().max(self.skew[2].abs()) as u64
    }

    fn class(&self) -> Option<&'static str> {
        CLASSES.iter().find(|(_, limit)| self.differential_ns() <= *limit).map(|(name, _)| *name)
    }

    fn value(&self, other: &Leg, lost: u64) -> Value {
        let mut pairs = vec![
            ("other_path", Value::from(other.name())),
            ("overlap_packets", self.overlap.into()),
            ("lost_on_this_path", lost.into()),
            ("lost_after_merge", self.lost[2].into()),
            ("skew_min_ns", self.skew[0].into()),
            ("skew_mean_ns", self.skew[1].into()),
            ("skew_max_ns", self.skew[2].into()),
            ("sampled_packets", (self.matches as u64).into()),
        ];
        pairs.extend(self.class().map(|class| ("differential_class", class.into())));
        if self.is_incomplete {
            pairs.push(("gaps_not_kept", true.into()));
        }
        Value::map(pairs)
    }

    /// The same seen from the second path.
    fn reversed(&self) -> Self {
        let [a, b, both] = self.lost;
        let [smallest, mean, largest] = self.skew;
        Self { lost: [b, a, both], skew: [-largest, -mean, -smallest], ..self.clone() }
    }
}

impl Leg {
    /// The path, for people.
    fn name(&self) -> String {
        match &self.interface {
            Some(interface) => format!("{} on {interface}", self.flow),
            None => self.flow.to_string(),
        }
    }
}

impl NetworkMonitor for RedundantPaths {
    fn observe(&mut self, _: &ObservedPdu<'_>) {}

    fn survey(&self) -> Box<dyn Survey + '_> {
        Box::<Legs>::default()
    }
}

/// The streams of which there are several. The first look finds which those are: most streams have no pair, and the paths of
/// these are not copied.
#[derive(Default)]
struct Legs {
    /// Flows by SSRC and payload type.
    flows_of: BTreeMap<(u32, u8), usize>,
    is_known: bool,
    legs: BTreeMap<(u32, u8), Vec<Leg>>,
}

impl Survey for Legs {
    fn least_frames(&self) -> u64 {
        MIN_MATCHES as u64
    }

    fn sees_paths(&self) -> bool {
        true
    }

    fn observe(&mut self, number: u64, peer: &Peer<'_>) {
        let flow = peer.decoder.and_then(|decoder| (decoder as &dyn Any).downcast_ref::<RtpFlow>());
        for stream in flow.into_iter().flat_map(|flow| &flow.streams).filter(|stream| stream.proven) {
            let Some(path) = stream.path.as_ref().filter(|path| path.samples.len() >= MIN_MATCHES) else { continue };
            let key = (stream.ssrc, stream.payload_type);
            if !self.is_known {
                *self.flows_of.entry(key).or_default() += 1;
            } else if self.flows_of.contains_key(&key) {
                let (flow, id, first, last) = (*peer.flow, stream.id(), stream.first, stream.last);
                let same = self.legs.entry(key).or_default();
                // in the order in which they began, for flows come in any
                let place = same.partition_point(|leg| (leg.first.frame, leg.peer) < (first.frame, number));
                let interface = peer.interface.map(str::to_owned);
                same.insert(place, Leg { peer: number, flow, interface, id, first, last, path: path.clone() });
                same.truncate(MAX_PATHS);
            }
        }
    }

    fn needs_second_pass(&mut self) -> bool {
        self.is_known = true;
        self.flows_of.retain(|_, flows| *flows > 1);
        !self.flows_of.is_empty()
    }

    fn report(self: Box<Self>, report: &mut NetworkReport) {
        let mut pairs = Vec::new();
        let mut findings = FindingLog::default();
        for same in self.legs.values().filter(|same| same.len() > 1) {
            let Some((a, others)) = same.split_first() else { continue };
            for b in others {
                if (a.flow.src, a.flow.dst) == (b.flow.src, b.flow.dst) && a.flow != b.flow {
                    continue;
                }
                // what a relay sends back to a sender is an echo, and no second way to a receiver
                if a.flow.src.address == b.flow.dst.address || a.flow.dst.address == b.flow.src.address {
                    continue;
                }
                let Some(comparison) = compare(&a.path, &b.path) else { continue };
                let reversed = comparison.reversed();
                let id = a.id;
                for (leg, other, seen) in [(a, b, &comparison), (b, a, &reversed)] {
                    let facts = report.flows.entry(leg.peer).or_default().stream(id);
                    facts.measures.insert("st2022_7".into(), seen.value(other, seen.lost[0]));
                    let [lost, _, both] = seen.lost;
                    if !seen.is_incomplete {
                        facts.recovered = facts.recovered.max(lost.saturating_sub(both));
                    }
                }
                note(&comparison, a, b, &mut findings);
                let name = format!("0x{:08x}", id.0);
                report.stream_names.insert(id, name.clone());
                pairs.push(Value::map([
                    ("ssrc", Value::from(name)),
                    ("path", a.name().into()),
                    ("lost_on_other_path", comparison.lost[1].into()),
                    ("comparison", comparison.value(b, comparison.lost[0])),
                ]));
            }
        }
        if !pairs.is_empty() {
            report.facts.insert("st2022_7_pairs".into(), Value::List(pairs));
        }
        if !findings.is_empty() {
            report.findings.push(findings);
        }
    }
}

fn note(comparison: &Comparison, a: &Leg, b: &Leg, findings: &mut FindingLog) {
    let id = Some(a.id);
    let [lost_a, lost_b, both] = comparison.lost;
    if let Some(Events { count, first, last }) = comparison.losses {
        let (what, place) = (("st2022-7.loss-after-merge", Severity::Error), (id, Subject::default()));
        findings.add_loss(what, place, (count, both), (first, last), || {
            format!(
                "{} of {} {} missing on both paths ({} lost {lost_a}, {} lost {lost_b})",
                Grouped(both),
                Counted(comparison.overlap, "packet"),
                Counted(both, "").are(),
                a.name(),
                b.name()
            )
        });
    }
    let differential = comparison.differential_ns();
    if differential > CLASSES[1].1 {
        let severity = if comparison.class().is_some() { Severity::Info } else { Severity::Warning };
        findings.add("st2022-7.skew", severity, id, b.last, || {
            let fits = comparison.class().map_or_else(
                || "more than any class of receiver takes".to_owned(),
                |class| format!("for receivers of class {class}"),
            );
            format!("the paths {} and {} are up to {} apart, {fits}", a.name(), b.name(), duration(differential as f64))
        });
    }
}
