//! What is known of a single flow beside its counts, for the rows of a look.

use std::collections::BTreeMap;
use std::sync::Arc;

use streamlens_decoders::PacketType;
use streamlens_model::row::{Level, Retired};
use streamlens_model::{CaptureSummary, Finding, Flow, Interface, StreamHealth};

use super::artefacts::Artefacts;
use super::drops::Drops;
use super::finding_record::FindingRecord;
use super::findings::Findings;
use super::surveys::Surveys;
use super::{Additions, FlowWriter, add_common_findings, add_holes, fill_not_in_flows};
use crate::deferred::store::{FlowHandle, FlowStore, VisitedFlow};
use crate::flow::FlowEntry;
use crate::state::EngineState;

/// An encoding of a flow: its names, and the figures that its decoder has a word in.
pub(crate) struct EncodingNames {
    pub(crate) name: Arc<str>,
    /// How sure the identification is.
    pub(crate) score: f64,
    /// In the order in which they came.
    pub(crate) streams: Vec<StreamHealth>,
    /// Names of its packet types, those within others among them.
    pub(crate) types: BTreeMap<PacketType, Arc<str>>,
    pub(crate) findings: Vec<Finding>,
}

/// What network monitors say: of the networks, by encoding, and of single encodings of flows.
#[derive(Default)]
pub(crate) struct NetworkView {
    additions: Additions,
    interfaces: Arc<[Interface]>,
    findings: Vec<Finding>,
}

impl NetworkView {
    /// The findings that belong to no flow.
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The flows of which network monitors say something.
    pub(crate) fn flows(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        self.additions.keys().map(|place| place.flow.position())
    }
}

/// Shows these flows to the network monitors and returns what they say, and what is found of the capture as a whole so far.
pub(crate) fn survey(
    state: &EngineState,
    flows: impl Iterator<Item = (usize, u32)>,
    retired: Option<Retired>,
) -> NetworkView {
    let mut capture =
        CaptureSummary { interfaces: state.told.interfaces.clone(), retired, ..CaptureSummary::default() };
    state.totals.fill(&mut capture);
    fill_not_in_flows(&mut capture, state);
    let interfaces: Arc<[Interface]> = capture.interfaces.clone().into();
    let (mut surveys, late) = Surveys::of(state, &interfaces);
    surveys.join(late);
    let handles: Vec<_> = flows.map(|(shard, place)| FlowHandle::resident(shard, place)).collect();
    let show = |surveys: &mut Surveys<'_>| {
        let mut notebook = surveys.notebook();
        for flow in handles.iter().filter_map(|handle| visited(state, *handle)) {
            surveys.see(&mut notebook, &flow);
        }
        surveys.gather([notebook]);
    };
    show(&mut surveys);
    if surveys.needs_second_pass() {
        show(&mut surveys);
    }
    let (networks, additions) = surveys.finish();
    let (mut findings, mut artefacts) =
        (Findings::with_drops(drops(state), None).moved(state.is_moved), Artefacts::default());
    findings.add_capture(&capture);
    state.shards.iter().flat_map(|shard| shard.flows.iter()).for_each(|(_, flow)| artefacts.add(flow, state.env()));
    add_common_findings(state, &networks, &artefacts, &capture, &mut findings);
    NetworkView { additions, interfaces, findings: list(findings) }
}

/// What is known of each encoding of a flow, by places of transport and encoding. Rows down to `depth` are wanted.
pub(crate) fn names_of(
    state: &EngineState,
    view: &NetworkView,
    (shard, place): (usize, u32),
    flow: &FlowEntry,
    depth: Level,
) -> BTreeMap<(u16, u16), EncodingNames> {
    let mut names = BTreeMap::new();
    let Some(shard_state) = state.shards.get(shard) else { return names };
    let writer = FlowWriter { state, additions: &view.additions, interfaces: &view.interfaces, has_histograms: false };
    let handle = FlowHandle::resident(shard, place);
    let visited = VisitedFlow { handle, flow, conversations: &shard_state.conversations };
    for (t, transport) in (0..).zip(flow.transports()) {
        for (e, encoding) in (0..).zip(&transport.encodings) {
            let mut findings = Findings::with_drops(drops(state), None).moved(state.is_moved);
            writer.encoding_findings(&visited, transport, encoding, &mut findings);
            let findings = list(findings);
            if depth < Level::Encoding && findings.is_empty() {
                continue;
            }
            let Ok(view) = writer.encoding_view(&visited, transport, encoding) else { continue };
            names.insert((t, e), view.names(depth, findings));
        }
    }
    names
}

/// What was found of transports of a flow in which nothing was identified, by their places.
pub(crate) fn holes_of(state: &EngineState, flow: &FlowEntry) -> Vec<(u16, Finding)> {
    let mut found = Vec::new();
    for (t, transport) in (0..).zip(flow.transports()) {
        if transport.tcp.as_ref().is_some_and(|stream| stream.holes.is_some()) {
            let mut findings = Findings::with_drops(drops(state), None).moved(state.is_moved);
            add_holes(flow, transport, &mut findings);
            found.extend(list(findings).into_iter().map(|finding| (t, finding)));
        }
    }
    found
}

/// The whole of a flow, as it stands in a document.
pub(crate) fn detail(state: &EngineState, view: &NetworkView, (shard, place): (usize, u32)) -> Option<Flow> {
    let visited = visited(state, FlowHandle::resident(shard, place))?;
    let (mut made, mut findings) = (Vec::new(), Findings::with_drops(drops(state), None).moved(state.is_moved));
    FlowWriter { state, additions: &view.additions, interfaces: &view.interfaces, has_histograms: true }.make_flows(
        &[visited],
        &mut made,
        &mut findings,
    );
    made.pop()
}

/// What the capture itself has dropped so far.
fn drops(state: &EngineState) -> Drops {
    state.told.drops.among(state.totals.packets)
}

/// A flow of a table.
fn visited(state: &EngineState, handle: FlowHandle) -> Option<VisitedFlow<'_>> {
    let store = FlowStore { shards: &state.shards, env: state.env(), is_final: false };
    let (shard, flow) = store.resident(handle)?;
    Some(VisitedFlow { handle, flow, conversations: &shard.conversations })
}

fn list(findings: Findings) -> Vec<Finding> {
    let (records, _) = findings.into_list();
    let read = |record: &FindingRecord| {
        let mut finding = FindingRecord::blank();
        record.read_into(&mut finding);
        finding
    };
    records.iter().map(read).collect()
}
