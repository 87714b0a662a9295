//! From the engine's state to the result document.

mod encoding;
mod findings;
mod flow;
mod names;
mod packed;
mod parts;
mod rows;
mod surveys;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use streamlens_decoders::{FlowReport, NetworkReport};
use streamlens_model::{Analysis, CaptureSummary, Finding, Flow, LinkType, Metadata, SCHEMA};
use streamlens_registry::DecoderIndex;

use self::findings::{Findings, Mirrored};
pub(crate) use self::names::{EncodingNames, NetworkView, detail, names_of, stream_figures, survey};
pub(crate) use self::packed::Packed;
pub use self::parts::Part;
pub(crate) use self::parts::whole;
use self::rows::{Card, FlowPlace, Note, Shown};
use self::surveys::{Additions, Notebook, Surveys};
use crate::dissect::Aside;
use crate::engine::Engine;
use crate::flow::{EncodingEntry, FlowEntry};
use crate::options::FlowSelection;
use crate::parallel::{each, in_order, runs_in_order};
use crate::shard::{Shard, TOGETHER};

/// Reads the engine's state; changes nothing.
pub(crate) struct Snapshot<'e> {
    engine: &'e Engine,
    /// Flows that had no frame after this one are left out.
    since: u64,
    selection: FlowSelection,
    /// The flows that wait as frames.
    cards: Vec<Card>,
    /// Their findings, where not all are to be made, as each thread noted them.
    notes: Option<Vec<Vec<Note>>>,
    /// What they say of mirror ports, where their findings are noted.
    mirrored: Mirrored,
    /// What network monitors say of single encodings, by flow and decoder.
    additions: Additions,
    networks: Vec<(Cow<'static, str>, NetworkReport)>,
    /// The surveys that are shown the flows while these are made.
    late: Surveys<'e>,
}

impl<'e> Snapshot<'e> {
    pub(crate) fn new(engine: &'e Engine, since: u64, selection: FlowSelection) -> Self {
        let makes_all = selection.most_findings.is_none();
        let (mut early, mut late) = Surveys::of(engine);
        if !makes_all || since > 0 {
            // flows that wait are decoded now, for their findings; or not all flows are made
            early.join(std::mem::replace(&mut late, Surveys::none(engine)));
        }
        let (cards, notes) = (Vec::new(), (!makes_all).then(Vec::new));
        let (mirrored, additions, networks) = (Mirrored::default(), Additions::new(), Vec::new());
        let mut snapshot = Self { engine, since, selection, cards, notes, mirrored, additions, networks, late };
        snapshot.show_flows(&mut early);
        if makes_all {
            snapshot.list_held();
            snapshot.show_held(&mut early);
        } else {
            snapshot.read_held(&mut early);
        }
        if early.again() {
            snapshot.show_flows(&mut early);
            snapshot.show_held(&mut early);
        }
        (snapshot.networks, snapshot.additions) = early.finish();
        snapshot
    }

    /// For what is asked of single flows: what network monitors say is known already.
    fn of_view(engine: &'e Engine, additions: Additions, networks: Vec<(Cow<'static, str>, NetworkReport)>) -> Self {
        let (cards, notes, mirrored) = (Vec::new(), None, Mirrored::default());
        let (selection, late) = (FlowSelection::default(), Surveys::none(engine));
        Self { engine, since: 0, selection, cards, notes, mirrored, additions, networks, late }
    }

    /// What network monitors say of networks, by encoding.
    fn network_facts(&self) -> BTreeMap<String, Metadata> {
        let networks = self.networks.iter().filter(|(_, report)| !report.facts.is_empty());
        networks.map(|(name, report)| (name.to_string(), report.facts.clone())).collect()
    }

    /// The places of the flows that wait.
    fn held_places(&self) -> Vec<FlowPlace> {
        let place = |share, place| FlowPlace { share, place: place as u32, is_held: true };
        (0..)
            .zip(&self.engine.shards)
            .flat_map(|(share, shard)| shard.held.places().map(move |at| place(share, at)))
            .collect()
    }

    /// Finds out what the flows that wait are, notes their findings, and shows them to the surveys.
    fn read_held(&mut self, surveys: &mut Surveys<'_>) {
        let places = self.held_places();
        let mut cards = Vec::with_capacity(places.len());
        let begin = || (Shard::for_replay(), Findings::notes(), Vec::new(), surveys.notebook());
        let read = |state: &mut (Shard, Findings, Vec<Note>, Notebook), cards: &mut Vec<Card>, run: &[FlowPlace]| {
            let (replay, findings, notes, notebook) = state;
            self.show(replay, run, |shown| {
                shown.iter().for_each(|&Shown { at, flow, .. }| surveys.see(notebook, at, flow));
                for &shown in shown {
                    let Shown { at, flow, .. } = shown;
                    findings.of_copies(flow);
                    self.flow_findings(shown, findings);
                    notes.extend(findings.take_notes().map(|(severity, frame)| Note { severity, frame, at }));
                    cards.push(Card::new(at, flow, self.selection.order));
                }
            });
        };
        let parts = runs_in_order(self.engine.threads, &places, begin, read, |more| cards.append(more));
        for (_, findings, notes, notebook) in parts {
            surveys.gather([notebook]);
            self.mirrored.merge(findings.mirrored);
            self.notes.get_or_insert_default().push(notes);
        }
        self.cards = cards;
    }

    /// Lists the flows that wait, which are decoded later.
    fn list_held(&mut self) {
        let places = self.held_places();
        let mut cards = Vec::with_capacity(places.len());
        // most often the first frame of each says when it was first seen, and that is all that the order asks for
        let is_brief = self.selection.order.is_by_beginning()
            && self.engine.shards.iter().all(|shard| shard.held.begin_with_earliest());
        let heads = if is_brief { 1 } else { usize::MAX };
        let deferrable = (0..64).filter(|&index| self.engine.registry.is_deferrable(DecoderIndex(index)));
        let decoders = deferrable.fold(0, |all, index| all | 1 << index);
        let list =
            |(): &mut (), cards: &mut Vec<Card>, run: &[FlowPlace]| cards.extend(self.unread(run, heads, decoders));
        runs_in_order(self.engine.threads, &places, || (), list, |more| cards.append(more));
        self.cards = cards;
    }

    /// Shows the flows that do not wait to the surveys.
    fn show_flows(&self, surveys: &mut Surveys<'_>) {
        let mut notebook = surveys.notebook();
        self.flows().for_each(|(at, _, flow)| surveys.see(&mut notebook, at, flow));
        surveys.gather([notebook]);
    }

    /// Shows the flows that wait to the surveys that want them.
    fn show_held(&self, surveys: &mut Surveys<'_>) {
        let wanted = |card: &&Card| surveys.want(card.packets.into(), card.decoders);
        let held: Vec<_> = self.cards.iter().filter(wanted).map(|card| card.row.at).collect();
        let begin = || (Shard::for_replay(), surveys.notebook());
        let see = |(replay, notebook): &mut (Shard, Notebook), (): &mut (), run: &[FlowPlace]| {
            self.show(replay, run, |shown| {
                shown.iter().for_each(|&Shown { at, flow, .. }| surveys.see(notebook, at, flow));
            });
        };
        let states = runs_in_order(self.engine.threads, &held, begin, see, |()| ());
        surveys.gather(states.into_iter().map(|(_, notebook)| notebook));
    }

    /// The flows that do not wait.
    fn flows(&self) -> impl Iterator<Item = (FlowPlace, &'e Shard, &'e FlowEntry)> + use<'e> {
        (0..).zip(&self.engine.shards).flat_map(|(share, shard)| {
            let place = move |place| FlowPlace { share, place, is_held: false };
            shard.flows.iter().map(move |(at, flow)| (place(at), shard, flow))
        })
    }

    /// The whole document.
    pub(crate) fn analysis(self, capture: CaptureSummary) -> Analysis {
        whole(|make, take| self.in_pieces(capture, make, take).0)
    }

    /// The document, but for its flows and findings: these are handed on in pieces, until `take` wants no more. The findings
    /// are given back as they were kept, so that nobody has to wait until their memory is given back.
    pub(crate) fn in_pieces<T: Default + Send>(
        mut self,
        mut capture: CaptureSummary,
        make: &(impl Fn(&mut T, Part<'_>) + Sync + ?Sized),
        mut take: impl FnMut(&CaptureSummary, &mut T) -> bool,
    ) -> (Analysis, Vec<Packed>) {
        self.engine.totals.fill(&mut capture);
        for (reason, frames) in self.engine.asides() {
            // several numbers of link types have one name
            *capture.not_in_flows.entry(reason_text(reason)).or_default() += frames;
        }
        capture.retired = Some(&self.engine.looks.retired).filter(|retired| retired.flows > 0).cloned();
        let total_flows = self.total_flows();
        let shown = self.rows(total_flows);
        let mut findings = Findings::new(&capture, self.selection.most_findings);
        findings.mirrored.merge(self.mirrored);
        let threads = self.engine.threads;
        let is_over = AtomicBool::new(false);
        let mut take = |piece: &mut T| {
            if !is_over.load(Ordering::Relaxed) {
                is_over.store(!take(&capture, piece), Ordering::Relaxed);
            }
        };
        let show = |worker: &mut Worker, piece: &mut T, run: &[FlowPlace]| {
            let Worker { replay, findings, notebook, made } = worker;
            self.show(replay, run, |shown| {
                self.see_late(shown, notebook, findings);
                if is_over.load(Ordering::Relaxed) {
                    return shown.iter().for_each(|shown| self.flow_findings(*shown, findings));
                }
                self.make_flows(shown, made, findings);
                made.iter_mut().for_each(|flow| make(piece, Part::Flow(flow)));
                made.clear();
            });
        };
        let mut workers =
            runs_in_order(threads, &shown, || self.worker_for(shown.len() / threads, &findings), show, &mut take);
        if shown.len() < total_flows {
            self.look_at_others(&shown, &mut findings);
        }
        drop(shown);
        each(threads, &mut workers, |worker| worker.findings.sort());
        self.gather(workers, |of| findings.merge(of));
        self.finish_late(&mut findings);
        self.network_findings(&mut findings);
        findings.of_engine(self.engine);
        let (findings, total_findings) = findings.into_list();
        let show = |finding: &mut Finding, piece: &mut T, packed: &Packed| {
            packed.unpack(finding);
            make(piece, Part::Finding(finding));
        };
        if !is_over.load(Ordering::Relaxed) {
            in_order(threads, &findings, Packed::blank, show, &mut take);
        }
        let networks = self.network_facts();
        let flows = Vec::new();
        let analysis =
            Analysis { schema: SCHEMA, capture, flows, total_flows, findings: Vec::new(), total_findings, networks };
        (analysis, findings)
    }

    /// A worker with a list for findings that is like another, and empty.
    fn worker(&self, findings: &Findings) -> Worker {
        Worker {
            replay: Shard::for_replay(),
            findings: findings.empty(),
            notebook: self.late.notebook(),
            made: Vec::with_capacity(TOGETHER),
        }
    }

    /// A worker with room for the findings of so many flows, as most have one where there are many.
    fn worker_for(&self, flows: usize, findings: &Findings) -> Worker {
        let mut worker = self.worker(findings);
        worker.findings.reserve(flows);
        worker
    }

    /// Takes over what workers noted and found.
    fn gather(&mut self, workers: Vec<Worker>, mut take: impl FnMut(Findings)) {
        for worker in workers {
            self.late.gather([worker.notebook]);
            take(worker.findings);
        }
    }

    /// Adds the findings of the flows that are not shown.
    fn look_at_others(&mut self, shown: &[FlowPlace], findings: &mut Findings) {
        let (threads, shown) = (self.engine.threads, shown.iter().copied().collect());
        let look = |worker: &mut Worker, (): &mut (), run: &[FlowPlace]| {
            let Worker { replay, findings, notebook, .. } = worker;
            self.show(replay, run, |shown| {
                self.see_late(shown, notebook, findings);
                shown.iter().for_each(|shown| self.flow_findings(*shown, findings));
            });
        };
        let others = runs_in_order(threads, &self.rest(&shown), || self.worker(findings), look, |()| ());
        let (worst, counted) = self.noted(&shown, self.selection.most_findings.unwrap_or(usize::MAX));
        let noted = runs_in_order(threads, &worst, || self.worker(findings), look, |()| ());
        counted.into_iter().for_each(|severity| findings.count(severity));
        self.gather(others, |of| findings.merge(of));
        self.gather(noted, |of| findings.extend(of));
    }

    /// Takes note of flows that are made, or whose findings are.
    fn see_late(&self, shown: &[Shown<'_>], notebook: &mut Notebook, findings: &mut Findings) {
        for Shown { at, flow, .. } in shown {
            self.late.see(notebook, *at, flow);
            if at.is_held && self.notes.is_none() {
                findings.of_copies(flow);
            }
        }
    }

    /// Adds what the late surveys have to say.
    fn finish_late(&mut self, findings: &mut Findings) {
        let mut late = std::mem::replace(&mut self.late, Surveys::none(self.engine));
        if late.again() {
            self.show_flows(&mut late);
            self.show_held(&mut late);
        }
        let (networks, additions) = late.finish();
        self.networks.extend(networks);
        let additions: Vec<_> = additions.into_iter().collect();
        let add = |worker: &mut Worker, (): &mut (), item: &((FlowPlace, u16), Vec<FlowReport>)| {
            let (Worker { replay, findings, .. }, ((at, decoder), reports)) = (worker, item);
            self.show(replay, &[*at], |shown| {
                shown.iter().for_each(|shown| self.added_findings(*shown, *decoder, reports, findings));
            });
        };
        let workers = in_order(self.engine.threads, &additions, || self.worker(findings), add, |()| ());
        workers.into_iter().for_each(|worker| findings.merge(worker.findings));
    }

    fn network_findings(&self, findings: &mut Findings) {
        for (name, report) in &self.networks {
            for log in &report.findings {
                let place = findings::Where { encoding: Some(name), ..findings::Where::default() };
                findings.of_log(log, |see| see(&place), |id| report.stream_names.get(&id).cloned());
            }
        }
    }

    /// The findings of a flow that is not shown.
    fn flow_findings(&self, shown: Shown<'_>, findings: &mut Findings) {
        for transport in shown.flow.transports() {
            for encoding in &transport.encodings {
                self.findings_alone(shown, transport, encoding, findings);
            }
        }
    }

    /// What network monitors say of an encoding.
    fn additions_to(&self, at: FlowPlace, encoding: &EncodingEntry) -> &[FlowReport] {
        self.additions.get(&(at, encoding.decoder.0)).map_or(&[][..], Vec::as_slice)
    }
}

/// What a thread needs to make flows.
struct Worker {
    replay: Shard,
    findings: Findings,
    /// For the late surveys.
    notebook: Notebook,
    /// Flows that are handed on next.
    made: Vec<Flow>,
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
