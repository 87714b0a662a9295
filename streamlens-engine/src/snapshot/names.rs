//! What is known of a single flow beside its counts, for the rows of a look.

use std::collections::BTreeMap;
use std::sync::Arc;

use streamlens_decoders::PacketType;
use streamlens_model::row::Level;
use streamlens_model::{CaptureSummary, Finding, Flow, StreamHealth};

use super::encoding::{is_mirrored, stream_health};
use super::findings::Findings;
use super::packed::Packed;
use super::rows::{FlowPlace, Shown};
use super::surveys::Surveys;
use super::{Additions, Snapshot};
use crate::engine::Engine;
use crate::flow::FlowEntry;
use crate::health::Stream;

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
    findings: Vec<Finding>,
}

impl NetworkView {
    /// The findings that belong to no flow.
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The flows of which network monitors say something.
    pub(crate) fn flows(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        self.additions.keys().map(|(at, _)| (usize::from(at.share), at.place))
    }
}

/// The figures of a stream, without a name.
pub(crate) fn stream_figures(stream: &Stream, flow: &FlowEntry) -> StreamHealth {
    stream_health(stream, is_mirrored(flow))
}

/// Shows these flows to the network monitors and returns what they say; `capture` is what is known of it so far.
pub(crate) fn survey(
    engine: &Engine,
    flows: impl Iterator<Item = (usize, u32)>,
    capture: &CaptureSummary,
) -> NetworkView {
    let (mut surveys, late) = Surveys::of(engine);
    surveys.join(late);
    let places: Vec<FlowPlace> = flows.map(|(share, place)| resident(share, place)).collect();
    let show = |surveys: &mut Surveys<'_>| {
        let mut notebook = surveys.notebook();
        for at in &places {
            if let Some(flow) =
                engine.shards.get(usize::from(at.share)).and_then(|shard| shard.flows.get(at.place as usize))
            {
                surveys.see(&mut notebook, *at, flow);
            }
        }
        surveys.gather([notebook]);
    };
    show(&mut surveys);
    if surveys.again() {
        show(&mut surveys);
    }
    let (networks, additions) = surveys.finish();
    let snapshot = Snapshot::of_view(engine, additions, networks);
    let mut findings = Findings::new(capture, None);
    snapshot.network_findings(&mut findings);
    findings.of_engine(engine);
    NetworkView { additions: snapshot.additions, findings: list(findings) }
}

/// What is known of each encoding of a flow, by places of transport and encoding. Rows down to `depth` are wanted.
pub(crate) fn names_of(
    engine: &Engine,
    view: &mut NetworkView,
    (share, place): (usize, u32),
    flow: &FlowEntry,
    depth: Level,
) -> BTreeMap<(u16, u16), EncodingNames> {
    let mut names = BTreeMap::new();
    let Some(shard) = engine.shards.get(share) else { return names };
    let mut snapshot = Snapshot::of_view(engine, std::mem::take(&mut view.additions), Vec::new());
    let shown = Shown { at: resident(share, place), shard, flow };
    for (t, transport) in (0..).zip(flow.transports()) {
        for (e, encoding) in (0..).zip(&transport.encodings) {
            let mut findings = Findings::new(&CaptureSummary::default(), None);
            snapshot.findings_alone(shown, transport, encoding, &mut findings);
            let findings = list(findings);
            if depth < Level::Encoding && findings.is_empty() {
                continue;
            }
            let Ok(told) = snapshot.told(shown, encoding) else { continue };
            names.insert((t, e), told.names(flow, encoding, depth, findings));
        }
    }
    view.additions = std::mem::take(&mut snapshot.additions);
    names
}

/// The whole of a flow, as it stands in a document.
pub(crate) fn detail(engine: &Engine, view: &mut NetworkView, (share, place): (usize, u32)) -> Option<Flow> {
    let shard = engine.shards.get(share)?;
    let flow = shard.flows.get(place as usize)?;
    let snapshot = Snapshot::of_view(engine, std::mem::take(&mut view.additions), Vec::new());
    let (mut made, mut findings) = (Vec::new(), Findings::new(&CaptureSummary::default(), None));
    snapshot.make_flows(&[Shown { at: resident(share, place), shard, flow }], &mut made, &mut findings);
    view.additions = snapshot.additions;
    made.pop()
}

fn resident(share: usize, place: u32) -> FlowPlace {
    FlowPlace { share: share as u16, place, is_held: false }
}

fn list(findings: Findings) -> Vec<Finding> {
    let (packed, _) = findings.into_list();
    let unpack = |packed: &Packed| {
        let mut finding = Packed::blank();
        packed.unpack(&mut finding);
        finding
    };
    packed.iter().map(unpack).collect()
}
