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
    CaptureCounts, Delta, Epoch, FindingChange, FindingId, FindingState, FlowId, Level, Retired, Row, RowId,
};
use streamlens_model::stats::Bucket;
use streamlens_model::{Finding, Flow, Timestamp};

use self::meter::SECOND_NS;
pub(crate) use self::retire::may_be_idle;
use self::rows::Moment;
pub(crate) use self::shown::ShownFlow;
use crate::engine::Engine;
use crate::find::FrameSet;
use crate::report::{NetworkView, detail, survey};

/// Flows whose memory is touched before the first of them is looked at.
const TOUCHED_TOGETHER: usize = 32;

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

impl LookOptions {
    /// The lowest level that is shown of a flow.
    fn depth_of(&self, id: FlowId) -> Level {
        if !self.opened.is_empty() && self.opened.contains(&id) { Level::PacketType } else { self.depth }
    }
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
    /// How often the source has started over.
    round: u64,
    /// Whether there was a look in this round.
    has_looked: bool,
    /// Capture time of the last look.
    now: Option<Timestamp>,
    /// Capture time that a source has told without a frame.
    pub(crate) told: Option<Timestamp>,
    options: LookOptions,
    /// Flows by the last epoch in which they are known to have had frames, for a second: then they are looked at once more.
    recent: VecDeque<Recent>,
    /// Flows that a network monitor wants to see.
    surveyed: Vec<FlowId>,
    view: NetworkView,
    last_survey: Option<Timestamp>,
    /// What was published, and how many frames there were, when the last survey was made; whether surveyed flows had frames since.
    published: u64,
    surveyed_frames: u64,
    pub(crate) has_news: bool,
    /// Whether nothing more will come, which no look has shown yet: it may have changed any flow.
    pub(crate) has_concluded: bool,
    /// Findings that belong to no flow.
    findings: BTreeMap<FindingId, Arc<Finding>>,
    /// Last rows and findings of flows that ended since the last look.
    gone: Vec<Row>,
    resolved: Vec<FindingChange>,
    counts: CaptureCounts,
    pub(crate) retired: Retired,
}

impl Looks {
    /// What is kept where the source starts over: looks are numbered on.
    pub(crate) fn next_round(&self) -> Self {
        Self { epoch: self.epoch, round: self.round + 1, ..Self::default() }
    }

    /// The epoch as shards number it.
    pub(crate) fn shard_epoch(&self) -> u32 {
        self.epoch as u32
    }
}

/// Flows that had frames in an epoch.
#[derive(Default)]
struct Recent {
    epoch: u32,
    /// Capture time of the look that ended it.
    until: Option<Timestamp>,
    flows: Vec<FlowId>,
}

/// Where a flow is in the engine: the shard, and the place in it.
pub(crate) fn place_of(id: FlowId) -> (usize, u32) {
    (id.slot as usize % crate::route::SHARD_COUNT, id.slot / crate::route::SHARD_COUNT as u32)
}

/// The identifier of a flow.
pub(crate) fn id_of(shard: usize, place: u32, generation: u32) -> FlowId {
    FlowId { slot: place.saturating_mul(crate::route::SHARD_COUNT as u32).saturating_add(shard as u32), generation }
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
        let is_whole = !looks.has_looked || looks.options.depth != options.depth;
        let now = self.state.totals.last_seen().max(looks.told).max(looks.now);
        let since_last = now.zip(looks.now).map(|(now, last)| now.since(last));
        let is_beginning = !looks.has_looked;
        let looks_opened = looks.options.opened.clone();
        let moment =
            Moment { now, is_beginning, since_last, outlier_deviations: self.state.options.outlier_deviations };
        let settled = self.flows_settled(now, options.exact);
        // what the frames of one flow say of another, or all of them of one, is in its findings now at the latest
        let shows_all = std::mem::take(&mut self.looks.has_concluded) || is_whole;
        let changed = self.flows_changed(shows_all, now);
        let mut anew: BTreeSet<FlowId> = settled.into_iter().collect();
        anew.extend(options.opened.symmetric_difference(&looks_opened));
        self.looks.epoch += 1;
        self.looks.has_looked = true;
        let since = Some(Epoch(self.looks.epoch - 1));
        let (epoch, round) = (Epoch(self.looks.epoch), self.looks.round);
        let mut delta = Delta { since, epoch, round, now, ..Delta::default() };
        self.looks.options = options.clone();
        for id in &anew {
            self.show_flow(*id, true, &moment, &mut delta);
        }
        delta.rows.reserve(changed.len());
        for places in changed.chunks(TOUCHED_TOGETHER) {
            self.touch(places);
            for &(shard, place) in places {
                let Some(id) = self.begin_recent(shard, place) else { continue };
                if anew.is_empty() || !anew.contains(&id) {
                    self.show_flow(id, options.exact || shows_all, &moment, &mut delta);
                }
            }
        }
        for id in self.look_at_networks(now, options.exact) {
            self.show_flow(id, true, &moment, &mut delta);
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
            round: looks.round,
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

    /// The inter-arrival times of a row of the last look by their length, as they are now, in ascending order; `None` where there
    /// is no such row, and for streams. Walks all buckets.
    #[must_use]
    pub fn intervals(&self, id: RowId) -> Option<Vec<(Bucket, u64)>> {
        let flow = self.flow(id.flow)?;
        let shown = flow.shown.as_ref()?.rows.iter().find(|shown| shown.row.id == id)?;
        rows::buckets(&shown.source, flow)
    }

    /// The frames that are counted at a row of the last look, transports and below, by their numbers: those that brought its PDUs,
    /// with the fragments and segments before them. `None` where there is no such row, or frames are not listed
    /// ([`lists_frames`](crate::EngineOptions::lists_frames)).
    #[must_use]
    pub fn frames_of(&self, id: RowId) -> Option<FrameSet> {
        let flow = self.flow(id.flow).filter(|_| self.state.options.lists_frames)?;
        let shown = flow.shown.as_ref()?.rows.iter().find(|shown| shown.row.id == id)?;
        let mut set = FrameSet::default();
        rows::frames(&shown.source, flow, &mut |frame| set.insert(frame))?;
        Some(set)
    }

    /// The flows that had frames in this epoch, which ends here; all flows where all are to be shown.
    fn flows_changed(&mut self, is_whole: bool, now: Option<Timestamp>) -> Vec<(u16, u32)> {
        let epoch = self.looks.shard_epoch();
        let mut changed = Vec::with_capacity(self.state.shards.iter().map(|shard| shard.changed.len()).sum());
        for (number, shard) in (0..).zip(&mut self.state.shards) {
            if is_whole {
                changed.extend(shard.flows.iter().map(|(place, _)| (number, place)));
                shard.changed.clear();
            }
            changed.extend(shard.changed.drain(..).map(|place| (number, place)));
            shard.epoch = epoch + 1;
        }
        self.looks.recent.push_back(Recent { epoch, until: now, flows: Vec::new() });
        changed
    }

    /// Touches the memory of flows that are looked at next, so that its cache misses overlap; the loaded values are discarded.
    fn touch(&self, places: &[(u16, u32)]) {
        let flow = |&(shard, place): &(u16, u32)| self.state.shards.get(usize::from(shard))?.flows.get(place as usize);
        let mut sum = 0;
        for flow in places.iter().filter_map(flow) {
            sum ^= u64::from(flow.touched) ^ flow.transport.packets ^ flow.transport.timing.count();
        }
        for shown in places.iter().filter_map(flow).filter_map(|flow| flow.shown.as_deref()) {
            sum ^= shown.rows.len() as u64;
        }
        for shown in places.iter().filter_map(flow).filter_map(|flow| flow.shown.as_deref()?.rows.first()) {
            sum ^= shown.row.packets ^ shown.row.timing.count ^ u64::from(shown.is_new);
        }
        std::hint::black_box(sum);
    }

    /// Lists a flow as recent where it is not yet, and returns its identifier; `None` where it has ended.
    fn begin_recent(&mut self, shard: u16, place: u32) -> Option<FlowId> {
        let flow = self.state.shards.get_mut(usize::from(shard))?.flows.get_mut(place as usize)?;
        if flow.is_vacant {
            return None;
        }
        let id = id_of(usize::from(shard), place, flow.generation);
        if !std::mem::replace(&mut flow.shown.get_or_insert_default().is_recent, true) {
            self.looks.recent.back_mut()?.flows.push(id);
        }
        Some(id)
    }

    /// The flows that have had no frame for a second, of those that were listed as recent; in an exact look all of these.
    fn flows_settled(&mut self, now: Option<Timestamp>, is_exact: bool) -> Vec<FlowId> {
        let mut settled = Vec::new();
        let is_over = |recent: &mut Recent| {
            is_exact || now.zip(recent.until).is_none_or(|(now, then)| now.since(then) >= SECOND_NS)
        };
        while let Some(Recent { epoch, flows, .. }) = self.looks.recent.pop_front_if(is_over) {
            for id in flows {
                let (shard, place) = place_of(id);
                let flow = self.state.shards.get_mut(shard).and_then(|shard| shard.flows.get_mut(place as usize));
                let Some(flow) = flow.filter(|flow| !flow.is_vacant && flow.generation == id.generation) else {
                    continue;
                };
                // one that had frames since is looked at once more a second behind the last
                let is_later = |recent: &&mut Recent| flow.touched > epoch && recent.epoch == flow.touched;
                let later = self.looks.recent.iter_mut().find(is_later);
                if let Some(later) = later.filter(|_| !is_exact) {
                    later.flows.push(id);
                    continue;
                }
                if flow.touched <= epoch || is_exact {
                    flow.shown.iter_mut().for_each(|shown| shown.is_recent = false);
                    settled.push(id);
                } else if let Some(shown) = &mut flow.shown {
                    // it had a frame in the epoch that ends now, and is listed anew
                    shown.is_recent = false;
                }
            }
        }
        settled
    }

    /// Asks network monitors, and what is found of the capture as a whole, where something of it may have changed. Returns the
    /// flows of which they say, or said, something.
    fn look_at_networks(&mut self, now: Option<Timestamp>, is_exact: bool) -> Vec<FlowId> {
        self.forget_surveyed();
        let looks = &self.looks;
        let is_due = now.zip(looks.last_survey).is_none_or(|(now, last)| now.since(last) >= SECOND_NS);
        let has_news = looks.has_news
            || looks.published != self.state.networks.observed
            || looks.surveyed_frames != self.state.totals.packets;
        if looks.last_survey.is_some() && !(is_exact || has_news && is_due) {
            return Vec::new();
        }
        let flows: Vec<_> =
            looks.surveyed.iter().filter(|id| self.flow(**id).is_some()).map(|id| place_of(*id)).collect();
        let retired = Some(&looks.retired).filter(|retired| retired.flows > 0).cloned();
        let view = survey(&self.state, flows.into_iter(), retired);
        let of_view = |view: &NetworkView| view.flows().collect::<Vec<_>>();
        let concerned: BTreeSet<(usize, u32)> = of_view(&view).into_iter().chain(of_view(&self.looks.view)).collect();
        let looks = &mut self.looks;
        (looks.view, looks.last_survey, looks.has_news, looks.published) =
            (view, now, false, self.state.networks.observed);
        looks.surveyed_frames = self.state.totals.packets;
        let id = |(shard, place): (usize, u32)| {
            let flow = self.state.shards.get(shard)?.flows.get(place as usize).filter(|flow| !flow.is_vacant)?;
            Some(id_of(shard, place, flow.generation))
        };
        concerned.into_iter().filter_map(id).collect()
    }

    /// Whether a network monitor wants to see a flow.
    fn is_wanted(&self, flow: &crate::flow::FlowEntry) -> bool {
        let wanted = &self.state.networks.wanted;
        let is_wanted = |decoder: usize| wanted.get(decoder).copied().unwrap_or_default();
        let mut encodings = flow.transports().flat_map(|transport| &transport.encodings);
        encodings.any(|encoding| is_wanted(usize::from(encoding.decoder.0)))
    }

    /// Forgets identifiers of surveyed flows that ended, where there are many.
    fn forget_surveyed(&mut self) {
        let flows: usize = self.state.shards.iter().map(|shard| shard.flows.len()).sum();
        if self.looks.surveyed.len() > 2 * flows + 64 {
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
        let packets_not_in_flows = self.state.not_in_flows().values().sum();
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
