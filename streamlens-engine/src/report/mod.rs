//! From the engine's state to the result.
//!
//! A report is made in four steps: [`Report::collect`] finds out which flows it holds and what network monitors say,
//! [`Report::write_flows`] makes the flows and their findings, [`Report::settle_findings`] adds all others, and
//! [`Report::write_findings`] makes those that are wanted.

mod artefacts;
mod drops;
mod encoding;
mod finding_record;
mod findings;
mod flow;
mod names;
mod packet_types;
mod rows;
mod sink;
mod surveys;
mod timing;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use streamlens_decoders::FlowReport;
use streamlens_model::{Analysis, CaptureSummary, Flow, Interface, LinkType, SCHEMA};

use self::artefacts::Artefacts;
pub(crate) use self::drops::Drops;
pub(crate) use self::encoding::stream_health;
use self::finding_record::FindingRecord;
use self::findings::{FindingNote, FindingNotes, FindingSink, Findings, Where};
pub(crate) use self::names::{EncodingNames, NetworkView, detail, holes_of, names_of, survey};
use self::rows::{FlowSet, SortRow};
pub(crate) use self::sink::Collected;
pub use self::sink::{ReportChunk, ReportSink};
use self::surveys::{Additions, EncodingPath, NetworkReports, SurveyShard, Surveys, interface_name};
use crate::deferred::store::{FlowFigures, FlowHandle, FlowStore, ScratchShard, TOGETHER, VisitedFlow};
use crate::dissect::NotInFlow;
use crate::flow::{EncodingEntry, FlowEntry, IntervalSeries, TransportEntry};
use crate::options::FlowSelection;
use crate::state::EngineState;
use crate::workers::{for_each_parallel, map_chunks_ordered};

/// How a report comes to its flows and findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// All findings are made: a flow is visited when it is written, and before only by surveys that describe flows.
    Everything,
    /// So many findings are made, the gravest: all flows are visited before, and their findings noted.
    Gravest { findings: usize },
}

impl Plan {
    fn of(selection: FlowSelection) -> Self {
        match selection.most_findings {
            Some(findings) => Self::Gravest { findings },
            None => Self::Everything,
        }
    }
}

/// A report that is being made.
pub(crate) struct Report<'e> {
    state: &'e EngineState,
    store: FlowStore<'e>,
    plan: Plan,
    selection: FlowSelection,
    capture: CaptureSummary,
    interfaces: Arc<[Interface]>,
    total_flows: usize,
    /// The flows that are written, in their order.
    shown: Vec<FlowHandle>,
    /// Those whose findings are settled without being written, and the findings that were noted of them.
    others: Vec<FlowHandle>,
    notes: Vec<FindingNote>,
    /// What network monitors say of single encodings, by flow and decoder.
    additions: Additions,
    networks: NetworkReports,
    /// The surveys that visit flows while these are written.
    late: Surveys<'e>,
    findings: Findings,
    artefacts: Artefacts,
}

impl<'e> Report<'e> {
    /// Finds out which flows the report holds, in which order, and what network monitors say of them.
    pub(crate) fn collect(state: &'e EngineState, mut capture: CaptureSummary, selection: FlowSelection) -> Self {
        fill(&mut capture, state);
        let plan = Plan::of(selection);
        let store = FlowStore { shards: &state.shards, env: state.env(), is_final: state.is_finished };
        let interfaces: Arc<[Interface]> = capture.interfaces.clone().into();
        let (mut early, late) = Surveys::of(state, &interfaces);
        let mut report = Self {
            state,
            store,
            plan,
            selection,
            total_flows: store.len(),
            shown: Vec::new(),
            others: Vec::new(),
            notes: Vec::new(),
            additions: Additions::new(),
            networks: Vec::new(),
            late,
            findings: Findings::new(&capture, selection.most_findings).moved(state.is_moved),
            capture,
            interfaces,
            artefacts: Artefacts::default(),
        };
        let rows = match plan {
            Plan::Everything => {
                report.visit_for(&mut early);
                report.unvisited_rows()
            }
            Plan::Gravest { .. } => {
                early.join(std::mem::replace(&mut report.late, Surveys::none(state, &report.interfaces)));
                report.visited_rows(&mut early)
            }
        };
        if early.needs_second_pass() {
            report.visit_for(&mut early);
        }
        (report.networks, report.additions) = early.finish();
        report.choose(rows);
        report
    }

    /// Decides which flows are written, and of which others the findings are made.
    fn choose(&mut self, rows: Vec<SortRow>) {
        let top = self.selection.top.unwrap_or(usize::MAX);
        let handles: Vec<_> = rows.iter().map(|row| row.handle).filter(|_| rows.len() > top).collect();
        self.shown = self.sorted(rows);
        if handles.is_empty() {
            return;
        }
        let mut settled: FlowSet = self.shown.iter().copied().collect();
        if let Plan::Gravest { findings } = self.plan {
            // what was noted of flows to which network monitors add something is not all that there is of them
            let mut added: Vec<_> = self.additions.keys().map(|place| place.flow).collect();
            added.retain(|handle| settled.insert(*handle));
            self.notes.retain(|note| !settled.contains(&note.handle));
            self.others = findings::gravest(&mut self.notes, findings);
            self.others.extend(added);
        } else {
            self.others = handles.into_iter().filter(|handle| !settled.contains(handle)).collect();
        }
    }

    /// Lets surveys visit the flows that they may want.
    fn visit_for(&self, surveys: &mut Surveys<'_>) {
        if surveys.are_closed() {
            return;
        }
        let handles = self.store.worth_visiting(|packets, decoders| surveys.want(packets, decoders));
        let begin = || (ScratchShard::default(), surveys.notebook());
        let visit = |(scratch, notebook): &mut (ScratchShard, SurveyShard), (): &mut (), chunk: &[FlowHandle]| {
            self.store.visit(scratch, chunk, |visited| visited.iter().for_each(|flow| surveys.see(notebook, flow)));
        };
        let states = map_chunks_ordered(self.state.threads, &handles, begin, || (), visit, |()| ());
        surveys.gather(states.into_iter().map(|(_, notebook)| notebook));
    }

    /// The rows of all flows, of which no more is looked at than their order needs.
    fn unvisited_rows(&self) -> Vec<SortRow> {
        let (handles, order) = (self.store.handles(), self.selection.order);
        let mut rows = Vec::with_capacity(handles.len());
        let list = |(): &mut (), rows: &mut Vec<SortRow>, chunk: &[FlowHandle]| {
            let figures = self.store.figures(chunk, order.is_by_beginning());
            rows.extend(figures.iter().map(|(handle, figures)| SortRow::new(*handle, figures, order)));
        };
        map_chunks_ordered(self.state.threads, &handles, || (), Vec::new, list, |more| rows.append(more));
        rows
    }

    /// Lets surveys visit all flows, and notes on the way what the plan needs to know of them.
    fn visited_rows(&mut self, surveys: &mut Surveys<'_>) -> Vec<SortRow> {
        let (handles, order) = (self.store.handles(), self.selection.order);
        // where all flows are written, none of their findings need be noted
        let has_notes =
            matches!(self.plan, Plan::Gravest { .. }) && handles.len() > self.selection.top.unwrap_or(usize::MAX);
        let mut rows = Vec::with_capacity(handles.len());
        let begin = || (ScratchShard::default(), surveys.notebook(), Artefacts::default(), FindingNotes::default());
        let visit = |state: &mut (ScratchShard, SurveyShard, Artefacts, FindingNotes),
                     rows: &mut Vec<SortRow>,
                     chunk: &[FlowHandle]| {
            let (scratch, notebook, artefacts, notes) = state;
            self.store.visit(scratch, chunk, |visited| {
                visited.iter().for_each(|flow| surveys.see(notebook, flow));
                for flow in visited {
                    artefacts.add(flow.flow, self.state.env());
                    if has_notes {
                        notes.begin(flow.handle);
                        self.writer().flow_findings(flow, notes);
                    }
                    rows.push(SortRow::new(flow.handle, &FlowFigures::of(flow.flow), order));
                }
            });
        };
        let threads = self.state.threads;
        let states = map_chunks_ordered(threads, &handles, begin, Vec::new, visit, |more| rows.append(more));
        for (_, notebook, artefacts, notes) in states {
            surveys.gather([notebook]);
            self.artefacts.merge(artefacts);
            self.notes.extend(notes);
        }
        rows
    }

    /// Makes the report: writes its flows and findings, and returns the rest of the document.
    pub(crate) fn write<S: ReportSink>(mut self, sink: &mut S) -> Analysis {
        let is_open = self.write_flows(sink);
        self.settle_findings();
        let (findings, total_findings) = std::mem::take(&mut self.findings).into_list();
        if is_open {
            self.write_findings(sink, &findings);
        }
        let networks = self.networks.into_iter().filter(|(_, report)| !report.facts.is_empty());
        Analysis {
            schema: SCHEMA,
            capture: self.capture,
            flows: Vec::new(),
            total_flows: self.total_flows,
            findings: Vec::new(),
            total_findings,
            networks: networks.map(|(name, report)| (name.into_owned(), report.facts)).collect(),
        }
    }

    /// Writes the flows in their order, and collects their findings. Returns whether the sink wants more.
    fn write_flows<S: ReportSink>(&mut self, sink: &mut S) -> bool {
        let (threads, shown) = (self.state.threads, std::mem::take(&mut self.shown));
        let (blank, is_open) = (sink.chunk(), AtomicBool::new(true));
        let begin = || self.worker(shown.len() / threads);
        let make = |worker: &mut Worker, chunk: &mut S::Chunk, handles: &[FlowHandle]| {
            self.store.visit(&mut worker.scratch, handles, |visited| {
                self.note_visit(visited, &mut worker.notebook, &mut worker.artefacts);
                if is_open.load(Ordering::Relaxed) {
                    self.writer().make_flows(visited, &mut worker.made, &mut worker.findings);
                    worker.made.iter_mut().for_each(|flow| chunk.add_flow(flow));
                    worker.made.clear();
                } else {
                    visited.iter().for_each(|flow| self.writer().flow_findings(flow, &mut worker.findings));
                }
            });
        };
        let take = |chunk: &mut S::Chunk| {
            if is_open.load(Ordering::Relaxed) {
                is_open.store(sink.write(&self.capture, chunk), Ordering::Relaxed);
            }
        };
        let mut workers = map_chunks_ordered(threads, &shown, begin, || blank.empty(), make, take);
        for_each_parallel(threads, &mut workers, |worker| worker.findings.sort());
        self.gather(workers);
        is_open.into_inner()
    }

    /// Adds the findings that are not those of written flows.
    fn settle_findings(&mut self) {
        // those of flows that are visited again are counted then
        let visited: FlowSet = self.others.iter().copied().collect();
        for note in std::mem::take(&mut self.notes).iter().filter(|note| !visited.contains(&note.handle)) {
            self.findings.count(note.severity);
        }
        let others = std::mem::take(&mut self.others);
        let look = |worker: &mut Worker, (): &mut (), chunk: &[FlowHandle]| {
            self.store.visit(&mut worker.scratch, chunk, |visited| {
                self.note_visit(visited, &mut worker.notebook, &mut worker.artefacts);
                visited.iter().for_each(|flow| self.writer().flow_findings(flow, &mut worker.findings));
            });
        };
        let workers = map_chunks_ordered(self.state.threads, &others, || self.worker(0), || (), look, |()| ());
        self.gather(workers);
        self.finish_late();
        add_common_findings(self.state, &self.networks, &self.artefacts, &self.capture, &mut self.findings);
    }

    /// Ends the late surveys, and adds what they have to say.
    fn finish_late(&mut self) {
        let mut late = std::mem::replace(&mut self.late, Surveys::none(self.state, &self.interfaces));
        if late.needs_second_pass() {
            self.visit_for(&mut late);
        }
        let (networks, additions) = late.finish();
        self.networks.extend(networks);
        let additions: Vec<_> = additions.into_iter().collect();
        let add = |worker: &mut Worker, (): &mut (), items: &[(EncodingPath, Vec<FlowReport>)]| {
            for (place, reports) in items {
                self.store.visit(&mut worker.scratch, &[place.flow], |visited| {
                    visited
                        .iter()
                        .for_each(|flow| self.writer().added_findings(flow, *place, reports, &mut worker.findings));
                });
            }
        };
        let workers = map_chunks_ordered(self.state.threads, &additions, || self.worker(0), || (), add, |()| ());
        self.gather(workers);
    }

    /// Writes the findings in their order.
    fn write_findings<S: ReportSink>(&self, sink: &mut S, findings: &[FindingRecord]) {
        let (blank, mut is_open) = (sink.chunk(), true);
        let make = |finding: &mut _, chunk: &mut S::Chunk, records: &[FindingRecord]| {
            for record in records {
                record.read_into(finding);
                chunk.add_finding(finding);
            }
        };
        let take = |chunk: &mut S::Chunk| is_open = is_open && sink.write(&self.capture, chunk);
        map_chunks_ordered(self.state.threads, findings, FindingRecord::blank, || blank.empty(), make, take);
    }

    /// Notes flows that are visited for their findings.
    fn note_visit(&self, visited: &[VisitedFlow<'_>], notebook: &mut SurveyShard, artefacts: &mut Artefacts) {
        visited.iter().for_each(|flow| self.late.see(notebook, flow));
        // in other plans all flows were visited before
        if self.plan == Plan::Everything {
            visited.iter().for_each(|flow| artefacts.add(flow.flow, self.state.env()));
        }
    }

    /// A worker with room for so many findings, as most flows have one where there are many.
    fn worker(&self, findings: usize) -> Worker {
        Worker {
            scratch: ScratchShard::default(),
            findings: self.findings.empty(findings),
            artefacts: Artefacts::default(),
            notebook: self.late.notebook(),
            made: Vec::with_capacity(TOGETHER),
        }
    }

    /// Takes over what workers noted and found.
    fn gather(&mut self, workers: Vec<Worker>) {
        for worker in workers {
            self.late.gather([worker.notebook]);
            self.artefacts.merge(worker.artefacts);
            self.findings.merge(worker.findings);
        }
    }

    /// Makes flows and their findings.
    fn writer(&self) -> FlowWriter<'_> {
        FlowWriter {
            state: self.state,
            additions: &self.additions,
            interfaces: &self.interfaces,
            has_histograms: false,
        }
    }
}

/// Makes flows of a report, and their findings.
#[derive(Clone, Copy)]
struct FlowWriter<'w> {
    state: &'w EngineState,
    /// What network monitors say of single encodings.
    additions: &'w Additions,
    /// Names of interfaces.
    interfaces: &'w [Interface],
    /// Whether the figures of intervals come with their histograms.
    has_histograms: bool,
}

impl<'w> FlowWriter<'w> {
    /// Adds the findings of a flow that is not written.
    fn flow_findings(&self, visited: &VisitedFlow<'_>, findings: &mut impl FindingSink) {
        for transport in visited.flow.transports() {
            add_holes(visited.flow, transport, findings);
            for encoding in &transport.encodings {
                self.encoding_findings(visited, transport, encoding, findings);
            }
        }
    }

    /// What network monitors say of a path of an encoding.
    fn additions_to(&self, handle: FlowHandle, encoding: &EncodingEntry, path: u8) -> &'w [FlowReport] {
        let place = EncodingPath { flow: handle, decoder: encoding.decoder.0, path };
        self.additions.get(&place).map_or(&[][..], Vec::as_slice)
    }
}

/// Adds the holes of a TCP stream in which nothing was identified; those of others are findings of the encoding.
fn add_holes(flow: &FlowEntry, transport: &TransportEntry, findings: &mut impl FindingSink) {
    let holes = transport.tcp.as_ref().and_then(|stream| stream.holes.as_ref());
    if let Some(log) = holes.filter(|_| transport.encodings.is_empty()) {
        let place = Where { flow: Some(&flow.key), transport: Some(transport.transport), ..Where::default() };
        findings.add_log(log, |see| see(&place), |_| None);
    }
}

/// What a thread needs to make flows and findings.
struct Worker {
    scratch: ScratchShard,
    findings: Findings,
    artefacts: Artefacts,
    /// For the late surveys.
    notebook: SurveyShard,
    /// Flows that are handed on next.
    made: Vec<Flow>,
}

/// Adds what is found beyond single flows.
fn add_common_findings(
    state: &EngineState,
    networks: &NetworkReports,
    artefacts: &Artefacts,
    capture: &CaptureSummary,
    findings: &mut Findings,
) {
    for (name, report) in networks {
        let place = Where { encoding: Some(name), ..Where::default() };
        for log in &report.findings {
            findings.add_log(log, |see| see(&place), |id| report.stream_names.get(&id).cloned());
        }
    }
    let span = capture.span();
    findings.add_artefacts(artefacts, &capture.interfaces, span);
    findings.add_rules(&state.options.decode_as, &artefacts.rules, span);
    let unfinished = state.shards.iter().map(|shard| shard.unfinished_datagrams()).sum();
    findings.add_unfinished(unfinished, span);
    if state.options.interval_ns.is_some() {
        let flows = state.shards.iter().flat_map(|shard| shard.flows.iter());
        let is_full = |series: &Option<Box<IntervalSeries>>| series.as_ref().is_some_and(|series| series.is_full());
        let full = flows.filter(|(_, flow)| {
            let mut encodings = flow.transports().flat_map(|transport| &transport.encodings);
            is_full(&flow.series) || encodings.any(|encoding| is_full(&encoding.series))
        });
        findings.add_full_intervals(full.count() as u64, span);
    }
}

/// Adds what was counted to what a source knows of its capture.
fn fill(capture: &mut CaptureSummary, state: &EngineState) {
    state.totals.fill(capture);
    state.outer.fill(capture);
    state.totals.fill_bursts(capture, &state.options);
    fill_not_in_flows(capture, state);
}

/// Adds the frames that are in no flow.
fn fill_not_in_flows(capture: &mut CaptureSummary, state: &EngineState) {
    for (reason, frames) in state.not_in_flows() {
        // several numbers of link types have one name
        *capture.not_in_flows.entry(reason_text(reason)).or_default() += frames;
    }
}

/// A confidence with three figures, free of the noise of single precision.
fn rounded(confidence: f32) -> f64 {
    (f64::from(confidence) * 1000.0).round() / 1000.0
}

/// Why a frame is in no flow where there are as many as are kept apart.
const FLOW_TABLE_FULL: &str = "flow table full";

fn reason_text(reason: NotInFlow) -> String {
    match reason {
        NotInFlow::LinkType(number) if LinkType(number) == LinkType::UNDESCRIBED => "undescribed interface".to_owned(),
        NotInFlow::LinkType(number) => format!("unsupported link type {}", LinkType(number).name()),
        NotInFlow::TooShort => "shorter than its link-layer header".to_owned(),
        NotInFlow::Cut => "cut off by the capture within its link-layer header".to_owned(),
        NotInFlow::VlanDepth => "more VLAN tags than a network has".to_owned(),
        NotInFlow::TableFull => FLOW_TABLE_FULL.to_owned(),
    }
}
