//! What has changed of a flow's rows and findings since they were shown last.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;

use streamlens_model::row::{Delta, FindingChange, FindingId, FindingState, FlowId, Level, Row, RowId};
use streamlens_model::{Finding, Severity};

use super::rows::{Moment, list, update};
use super::shown::{Shape, ShownFinding, ShownFlow, ShownRow};
use super::{Looks, SECOND_NS, place_of};
use crate::engine::Engine;
use crate::flow::FlowEntry;
use crate::report::{EncodingNames, holes_of, names_of};

impl ShownFlow {
    /// The identifier of the flow.
    pub(super) fn id(&self) -> FlowId {
        self.rows.first().map(|shown| shown.row.id.flow).unwrap_or_default()
    }

    /// The last row of a flow that ends, and its findings, which end with it.
    pub(crate) fn last_words(self) -> (Option<Row>, Vec<FindingChange>) {
        let findings = self.findings.iter().map(|shown| shown.change(FindingState::Resolved)).collect();
        (self.rows.first().map(|shown| shown.row), findings)
    }
}

impl ShownFinding {
    pub(super) fn change(&self, state: FindingState) -> FindingChange {
        FindingChange { id: self.id, state, row: self.row, finding: Arc::clone(&self.finding) }
    }
}

impl Engine {
    /// Brings what is shown of a flow up to date, and adds to the delta what has changed.
    pub(super) fn show_flow(&mut self, id: FlowId, is_due: bool, moment: &Moment, delta: &mut Delta) {
        let (shard, place) = place_of(id);
        let Self { state, looks, .. } = self;
        let Some(flow) = state.shards.get_mut(shard).and_then(|shard| shard.flows.get_mut(place as usize)) else {
            return;
        };
        if flow.is_vacant || flow.generation != id.generation {
            return;
        }
        let Some(mut shown) = flow.shown.take() else { return self.show_anew(id, moment, delta) };
        looks.has_news |= shown.is_surveyed;
        let depth = looks.options.depth_of(id);
        let is_old = moment.now.zip(shown.refreshed).is_none_or(|(now, then)| now.since(then) >= SECOND_NS);
        let is_fresh = is_due || is_old || shown.shape.is_outdated(&Shape::of(flow, depth), shown.rows.len());
        if !is_fresh {
            shown.rows.iter_mut().for_each(|shown| refresh(shown, flow, moment, delta));
        }
        flow.shown = Some(shown);
        if is_fresh {
            self.show_anew(id, moment, delta);
        }
    }

    /// As [`Self::show_flow`], with names, percentiles and findings made anew.
    #[inline(never)]
    fn show_anew(&mut self, id: FlowId, moment: &Moment, delta: &mut Delta) {
        let (shard, place) = place_of(id);
        let mut of_shard = self.state.shards.get_mut(shard);
        let flow = of_shard.as_mut().and_then(|shard| shard.flows.get_mut(place as usize));
        let Some(mut shown) = flow.map(|flow| flow.shown.take().unwrap_or_default()) else { return };
        if let Some(flow) = self.flow(id) {
            let depth = self.looks.options.depth_of(id);
            let shape = Shape::of(flow, depth);
            let names = names_of(&self.state, &self.looks.view, (shard, place), flow, depth);
            let is_opened = shown.shape.depth.is_some_and(|before| before != depth);
            let moment = &Moment { is_beginning: moment.is_beginning || is_opened, ..*moment };
            (shown.shape, shown.refreshed) = (shape, moment.now);
            shown.rows = merged(std::mem::take(&mut shown.rows), list(flow, id, depth, &names), delta);
            let found = found(id, &names, holes_of(&self.state, flow));
            compare(&mut shown.findings, found, &mut delta.findings);
            let ShownFlow { rows, findings, .. } = &mut *shown;
            let worst = worst(findings);
            rows.iter_mut().for_each(|shown| refresh_all(shown, flow, &names, &worst, moment, delta));
            if !shown.is_surveyed && self.is_wanted(flow) {
                shown.is_surveyed = true;
                self.looks.surveyed.push(id);
            }
            self.looks.has_news |= shown.is_surveyed;
        }
        let flow = self.state.shards.get_mut(shard).and_then(|shard| shard.flows.get_mut(place as usize));
        flow.into_iter().for_each(|flow| flow.shown = Some(std::mem::take(&mut shown)));
    }
}

/// Brings the figures of a row up to date that are exact at each look. All of them follow from the packets and the rates.
#[inline]
fn refresh(shown: &mut ShownRow, flow: &FlowEntry, moment: &Moment, delta: &mut Delta) {
    let before = (shown.row.packets, shown.row.packet_rate, shown.row.bit_rate, shown.row.malformed);
    update(shown, flow, None, moment);
    let is_new = std::mem::take(&mut shown.is_new);
    let row = &shown.row;
    if is_new || (row.packets, row.packet_rate, row.bit_rate, row.malformed) != before {
        delta.rows.push(*row);
    }
}

/// Brings all figures of a row up to date.
fn refresh_all(
    shown: &mut ShownRow,
    flow: &FlowEntry,
    names: &BTreeMap<(u16, u16), EncodingNames>,
    worst: &BTreeMap<RowId, (u32, Severity)>,
    moment: &Moment,
    delta: &mut Delta,
) {
    let before = shown.row;
    update(shown, flow, Some(names), moment);
    let found = worst.get(&shown.row.id);
    (shown.row.findings, shown.row.severity) = found.map_or((0, None), |(count, gravest)| (*count, Some(*gravest)));
    if std::mem::take(&mut shown.is_new) || shown.row != before {
        delta.rows.push(shown.row);
    }
}

/// How many findings there are at each row that has some, and the gravest.
fn worst(findings: &[ShownFinding]) -> BTreeMap<RowId, (u32, Severity)> {
    let mut worst = BTreeMap::new();
    for shown in findings {
        let Some(row) = shown.row else { continue };
        let severity = shown.finding.severity;
        let (count, gravest) = worst.entry(row).or_insert((0, severity));
        (*count, *gravest) = (*count + 1, severity.max(*gravest));
    }
    worst
}

/// The new list of rows, with the figures that old ones had. Rows that are no longer there are gone; names that are new or
/// others are added to the delta.
fn merged(old: Vec<ShownRow>, mut new: Vec<ShownRow>, delta: &mut Delta) -> Vec<ShownRow> {
    let mut known: BTreeMap<RowId, ShownRow> = old.into_iter().map(|shown| (shown.row.id, shown)).collect();
    for shown in &mut new {
        let before = known.remove(&shown.row.id);
        if before.as_ref().is_none_or(|before| before.name != shown.name) {
            delta.names.push((shown.row.id, shown.name.clone()));
        }
        if let Some(before) = before {
            (shown.meter, shown.row) = (before.meter, Row { parent: shown.row.parent, ..before.row });
            shown.is_new = before.is_new;
        }
    }
    delta.gone.extend(known.into_values().map(|shown| shown.row));
    new
}

/// What was found, by row.
fn found(
    id: FlowId,
    names: &BTreeMap<(u16, u16), EncodingNames>,
    of_transports: Vec<(u16, Finding)>,
) -> Vec<ShownFinding> {
    let shown = |row, finding| ShownFinding { id: FindingId(0), row: Some(row), finding: Arc::new(finding) };
    let of_transports = of_transports.into_iter();
    let mut found: Vec<_> = of_transports.map(|(t, finding)| shown(RowId::transport(id, t), finding)).collect();
    for (&(t, e), names) in names {
        let encoding = RowId::encoding(id, t, e);
        let mut streams = HashMap::new();
        if names.findings.iter().any(|finding| finding.place.stream.is_some()) {
            for (place, of) in (0..).zip(&names.streams) {
                streams.entry(of.name.as_deref().unwrap_or(&of.id)).or_insert(place);
            }
        }
        for finding in &names.findings {
            // a finding about one stream stands at its row
            let place = finding.place.stream.as_deref().and_then(|name| streams.get(name));
            let row = place.map_or(encoding, |place| encoding.below(Level::Stream, *place));
            found.push(shown(row, finding.clone()));
        }
    }
    number(&mut found, Some(id));
    found
}

/// Gives each finding its identifier: what it says stays the same while it grows.
fn number(found: &mut [ShownFinding], flow: Option<FlowId>) {
    let state = foldhash::fast::FixedState::default();
    let mut used = BTreeSet::new();
    for shown in found {
        let finding = &shown.finding;
        let key =
            (flow.map(|id| (id.slot, id.generation)), &finding.code, &finding.place.encoding, &finding.place.stream);
        let mut id = FindingId(state.hash_one((key, finding.first.frame)));
        while !used.insert(id) {
            id = FindingId(id.0.wrapping_add(1));
        }
        shown.id = id;
    }
}

/// Puts what was found in the place of what was shown, and lists what is new, grew or was resolved.
fn compare(shown: &mut Vec<ShownFinding>, found: Vec<ShownFinding>, changes: &mut Vec<FindingChange>) {
    let mut before: BTreeMap<FindingId, ShownFinding> = shown.drain(..).map(|one| (one.id, one)).collect();
    for one in found {
        match before.remove(&one.id) {
            None => changes.push(one.change(FindingState::New)),
            Some(known) if known.finding != one.finding || known.row != one.row => {
                changes.push(one.change(FindingState::Grown))
            }
            Some(_) => {}
        }
        shown.push(one);
    }
    changes.extend(before.into_values().map(|gone| gone.change(FindingState::Resolved)));
}

impl Looks {
    /// Compares the findings that belong to no flow with those shown before.
    pub(super) fn compare_findings(&mut self, changes: &mut Vec<FindingChange>) {
        let unnumbered =
            |finding: &Finding| ShownFinding { id: FindingId(0), row: None, finding: Arc::new(finding.clone()) };
        let mut found: Vec<_> = self.view.findings().iter().map(unnumbered).collect();
        number(&mut found, None);
        let mut shown: Vec<_> = std::mem::take(&mut self.findings)
            .into_iter()
            .map(|(id, finding)| ShownFinding { id, row: None, finding })
            .collect();
        compare(&mut shown, found, changes);
        self.findings = shown.into_iter().map(|one| (one.id, one.finding)).collect();
    }
}
