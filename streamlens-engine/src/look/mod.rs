//! Looks at the state while frames flow: what changed since the look before, at a cost that follows what changed.
//!
//! The first frame of a flow in an epoch puts it on its shard's list. A look takes these lists, brings the rows of those flows
//! up to date and keeps what it has shown with the flow, so that a reader that has missed looks gets all rows as copies.
//!
//! Counts, times and rates are exact at each look. Percentiles, the jitter and drift that decoders have a word in, names,
//! confidence and findings are made anew once a second of capture time for flows that have frames, a second behind their last
//! frame, and in an [exact](LookOptions::exact) look. What spans flows (announcements, masters, redundant pairs) is asked for
//! as often. A second also passes before a rate that has fallen to 0 is shown; until then that of the last look stands.

mod changes;
mod meter;
mod retire;
mod rows;
mod shown;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use streamlens_model::row::{
    CaptureCounts, Delta, Epoch, FindingChange, FindingId, FindingState, FlowId, Level, Retired, Row,
};
use streamlens_model::{CaptureSummary, Finding, Flow, Timestamp};

use self::meter::SECOND_NS;
pub(crate) use self::retire::may_be_idle;
use self::rows::Moment;
pub(crate) use self::shown::ShownFlow;
use crate::engine::Engine;
use crate::report::{NetworkView, detail, survey};

/// What a look is to show.
#[derive(Clone, Debug)]
pub struct LookOptions {
    /// The lowest level of which all rows are shown.
    pub depth: Level,
    /// Flows of which the rows of all levels are shown.
    pub opened: BTreeSet<FlowId>,
    /// Whether to make anew what may otherwise be a second old.
    pub exact: bool,
}

/// All rows.
impl Default for LookOptions {
    fn default() -> Self {
        Self { depth: Level::PacketType, opened: BTreeSet::new(), exact: false }
    }
}

/// What is remembered from look to look.
#[derive(Default)]
pub(crate) struct Looks {
    epoch: u64,
    /// Capture time of the last look.
    now: Option<Timestamp>,
    /// Capture time that a source has told without a frame.
    pub(crate) told: Option<Timestamp>,
    options: LookOptions,
    /// Flows by the look at which they had frames, for a second: then they are looked at once more.
    recent: VecDeque<(Option<Timestamp>, Vec<(FlowId, u32)>)>,
    /// Flows that a network monitor wants to see.
    surveyed: Vec<FlowId>,
    view: NetworkView,
    last_survey: Option<Timestamp>,
    /// What was published when the last survey was made, and whether surveyed flows had frames since.
    published: u64,
    has_news: bool,
    /// Findings that belong to no flow.
    findings: BTreeMap<FindingId, Arc<Finding>>,
    /// Last rows and findings of flows that ended since the last look.
    gone: Vec<Row>,
    resolved: Vec<FindingChange>,
    counts: CaptureCounts,
    pub(crate) retired: Retired,
}

/// Where a flow is in the engine: the shard, and the place in it.
pub(crate) fn place_of(id: FlowId) -> (usize, u32) {
    (id.slot as usize % crate::route::SHARES, id.slot / crate::route::SHARES as u32)
}

/// The identifier of a flow.
pub(crate) fn id_of(shard: usize, place: u32, generation: u32) -> FlowId {
    FlowId { slot: place.saturating_mul(crate::route::SHARES as u32).saturating_add(shard as u32), generation }
}

impl Engine {
    /// Tells the engine the capture time where no frame does: rates fall, and what is shown a second late becomes due.
    /// Times that run backwards are ignored.
    pub fn advance(&mut self, now: Timestamp) {
        self.looks.told = self.looks.told.max(Some(now));
    }

    /// Number of the last look; 0 before the first.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        Epoch(self.looks.epoch)
    }

    /// Looks at the state and returns the rows that changed, appeared or ended since the look before, and the findings that
    /// are new, grew or were resolved. The first look returns the whole state; so does one that asks for other rows than
    /// the look before ([`LookOptions::depth`]).
    pub fn look(&mut self, options: &LookOptions) -> Delta {
        self.release();
        if self.state.options.ends_idle_flows {
            self.enforce_flow_bound();
        }
        let looks = &self.looks;
        let is_whole = looks.epoch == 0 || looks.options.depth != options.depth;
        let now = self.state.totals.last_seen().max(looks.told).max(looks.now);
        let since_last = now.zip(looks.now).map(|(now, last)| now.since(last));
        let is_beginning = looks.epoch == 0;
        let moment =
            Moment { now, is_beginning, since_last, outlier_deviations: self.state.options.outlier_deviations };
        let mut due = self.flows_due(options, is_whole, now);
        due.extend(self.look_at_networks(now, options.exact, &due));
        let mut seen = BTreeSet::new();
        due.retain(|(id, _)| seen.insert(*id));
        self.looks.epoch += 1;
        let since = Some(Epoch(self.looks.epoch - 1));
        let mut delta = Delta { since, epoch: Epoch(self.looks.epoch), now, ..Delta::default() };
        self.looks.options = options.clone();
        for (id, needs_refresh) in due {
            self.show_flow(id, needs_refresh, &moment, &mut delta);
        }
        delta.gone = std::mem::take(&mut self.looks.gone);
        delta.findings.append(&mut self.looks.resolved);
        self.looks.compare_findings(&mut delta.findings);
        self.looks.now = now;
        delta.capture = self.counts();
        self.looks.counts.clone_from(&delta.capture);
        if is_whole { self.state() } else { delta }
    }

    /// All rows and findings as they were at the last look, to begin with or where looks were missed.
    #[must_use]
    pub fn state(&self) -> Delta {
        let looks = &self.looks;
        let mut delta = Delta {
            since: None,
            epoch: Epoch(looks.epoch),
            now: looks.now,
            capture: looks.counts.clone(),
            ..Delta::default()
        };
        let mut shown: Vec<&ShownFlow> = self
            .state
            .shards
            .iter()
            .flat_map(|shard| shard.flows.iter())
            .filter_map(|(_, flow)| flow.shown.as_deref())
            .collect();
        shown.sort_by_key(|shown| shown.id());
        for flow in shown {
            delta.rows.extend(flow.rows.iter().map(|shown| shown.row));
            delta.names.extend(flow.rows.iter().map(|shown| (shown.row.id, shown.name.clone())));
            delta.findings.extend(flow.findings.iter().map(|shown| shown.change(FindingState::New)));
        }
        let of_all = looks.findings.iter().map(|(id, finding)| FindingChange {
            id: *id,
            state: FindingState::New,
            row: None,
            finding: Arc::clone(finding),
        });
        delta.findings.extend(of_all);
        delta
    }

    /// The whole of a flow as in a document, as it is now; `None` where it has ended.
    #[must_use]
    pub fn detail(&mut self, id: FlowId) -> Option<Flow> {
        self.flow(id)?;
        detail(&self.state, &self.looks.view, place_of(id))
    }

    /// The flows to be looked at, and of each whether all about it is to be made anew.
    fn flows_due(&mut self, options: &LookOptions, is_whole: bool, now: Option<Timestamp>) -> Vec<(FlowId, bool)> {
        let epoch = self.looks.epoch as u32;
        let mut due = Vec::new();
        let mut changed = Vec::new();
        for (number, shard) in self.state.shards.iter_mut().enumerate() {
            if is_whole {
                due.extend(shard.flows.iter().map(|(place, flow)| (id_of(number, place, flow.generation), true)));
            }
            let flows = &shard.flows;
            changed.extend(shard.changed.drain(..).filter_map(|place| {
                let flow = flows.get(place as usize).filter(|flow| !flow.is_vacant)?;
                Some((id_of(number, place, flow.generation), epoch))
            }));
            shard.epoch = epoch + 1;
        }
        if is_whole {
            changed = due.iter().map(|(id, _)| (*id, epoch)).collect();
        }
        // a second after its last frame, a flow is looked at once more
        let looks = &mut self.looks;
        let mut settled = Vec::new();
        while let Some((then, _)) = looks.recent.front() {
            let is_over = now.zip(*then).is_none_or(|(now, then)| now.since(then) >= SECOND_NS);
            if !is_over && !options.exact {
                break;
            }
            settled.extend(looks.recent.pop_front().into_iter().flat_map(|(_, flows)| flows));
        }
        let is_done =
            |(id, then): &(FlowId, u32)| self.flow(*id).is_some_and(|flow| flow.touched == *then || options.exact);
        due.extend(settled.iter().filter(|entry| is_done(entry)).map(|(id, _)| (*id, true)));
        let opened: Vec<FlowId> = {
            let before = &self.looks.options.opened;
            options.opened.symmetric_difference(before).copied().collect()
        };
        due.extend(opened.into_iter().map(|id| (id, true)));
        due.extend(changed.iter().map(|(id, _)| (*id, options.exact)));
        self.looks.recent.push_back((now, changed));
        due
    }

    /// Asks network monitors where something they know may have changed. Returns the flows of which they say, or said,
    /// something.
    fn look_at_networks(
        &mut self,
        now: Option<Timestamp>,
        is_exact: bool,
        due: &[(FlowId, bool)],
    ) -> Vec<(FlowId, bool)> {
        self.note_surveyed(due);
        let looks = &self.looks;
        let is_due = now.zip(looks.last_survey).is_none_or(|(now, last)| now.since(last) >= SECOND_NS);
        let has_news = looks.has_news || looks.published != self.state.networks.observed;
        if looks.epoch > 0 && !(has_news && (is_due || is_exact)) {
            return Vec::new();
        }
        let flows: Vec<_> =
            looks.surveyed.iter().filter(|id| self.flow(**id).is_some()).map(|id| place_of(*id)).collect();
        let mut capture = CaptureSummary::default();
        self.state.totals.fill(&mut capture);
        let view = survey(&self.state, flows.into_iter(), &capture);
        let of_view = |view: &NetworkView| view.flows().collect::<Vec<_>>();
        let concerned: BTreeSet<(usize, u32)> = of_view(&view).into_iter().chain(of_view(&self.looks.view)).collect();
        let looks = &mut self.looks;
        (looks.view, looks.last_survey, looks.has_news, looks.published) =
            (view, now, false, self.state.networks.observed);
        let id = |(shard, place): (usize, u32)| {
            let flow = self.state.shards.get(shard)?.flows.get(place as usize).filter(|flow| !flow.is_vacant)?;
            Some((id_of(shard, place, flow.generation), true))
        };
        concerned.into_iter().filter_map(id).collect()
    }

    /// Lists flows that a network monitor wants to see, and records whether any of them had frames.
    fn note_surveyed(&mut self, due: &[(FlowId, bool)]) {
        let wanted = &self.state.networks.wanted;
        for (id, _) in due {
            let (shard, place) = place_of(*id);
            let Some(flow) = self.state.shards.get_mut(shard).and_then(|shard| shard.flows.get_mut(place as usize))
            else {
                continue;
            };
            let is_wanted = |decoder: usize| wanted.get(decoder).copied().unwrap_or_default();
            let mut encodings = flow.transports().flat_map(|transport| &transport.encodings);
            let is_seen = encodings.any(|encoding| is_wanted(usize::from(encoding.decoder.0)));
            drop(encodings);
            if !is_seen {
                continue;
            }
            self.looks.has_news = true;
            let shown = flow.shown.get_or_insert_default();
            if !std::mem::replace(&mut shown.is_surveyed, true) {
                self.looks.surveyed.push(*id);
            }
        }
        let flows: usize = self.state.shards.iter().map(|shard| shard.flows.len()).sum();
        if self.looks.surveyed.len() > 2 * flows + 64 {
            // identifiers of flows that ended
            let kept: Vec<_> = self.looks.surveyed.iter().copied().filter(|id| self.flow(*id).is_some()).collect();
            self.looks.surveyed = kept;
        }
    }

    /// The flow of an identifier; `None` where it has ended.
    pub(crate) fn flow(&self, id: FlowId) -> Option<&crate::flow::FlowEntry> {
        let (shard, place) = place_of(id);
        let flow = self.state.shards.get(shard)?.flows.get(place as usize)?;
        (!flow.is_vacant && flow.generation == id.generation).then_some(flow)
    }

    /// Counts of the capture. What is in no flow is what is left: the sum holds by the flow table's own count.
    fn counts(&self) -> CaptureCounts {
        let flows = self.state.shards.iter().map(|shard| shard.flow_count() as u64).sum();
        let packets_not_in_flows = self.state.asides().values().sum();
        let waiting: u64 = self.state.shards.iter().map(|shard| shard.waiting_fragments()).sum();
        let retired = self.looks.retired.clone();
        let packets = self.state.totals.packets;
        let packets_in_flows = packets - packets_not_in_flows - retired.packets - waiting;
        CaptureCounts {
            packets,
            bytes: self.state.totals.bytes(),
            flows,
            packets_in_flows,
            packets_not_in_flows,
            waiting,
            retired,
        }
    }
}
