//! The rows of one probe: messages of the protocol made into looks.

mod lay;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use streamlens_model::row::{
    CaptureCounts, Delta, Epoch, FindingChange, FindingId, FindingState, FlowId, Level, Row, RowId, RowName, Sighting,
};
use streamlens_model::{Finding, FlowKey, Occurrence, Place, Severity, Timestamp};
use streamlens_protocol::{self as protocol, FlowUpdate, RowPart, RowPath};

use self::lay::{Laid, below, count, counts, flow_key};

/// Flows of one probe.
const MOST_FLOWS: usize = 65_536;
/// Rows of one flow.
const MOST_ROWS: usize = 8_192;
/// Rows of one probe.
const MOST_ROWS_OF_PROBE: usize = 500_000;
/// Findings of one probe.
const MOST_FINDINGS: usize = 10_000;
/// An offset that is other by less than that is the same one, measured again.
const LEAST_CORRECTION_NS: u64 = 1_000_000;
/// Bytes of a name in a row, and of the sentence of a finding.
const MOST_NAME: usize = 1_024;
const MOST_SENTENCE: usize = 4_096;

/// A flow as a probe has it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) key: FlowKey,
    /// The flow's row, and those below it, from the top.
    pub(super) rows: Rows,
    pub(super) lost: Option<u64>,
    places: Places,
}

/// Rows of a flow in order of their identifiers: there are so many of them that they take no more room than they need.
#[derive(Debug, Default)]
pub(super) struct Rows(Box<[(Row, RowName)]>);

impl Rows {
    pub(super) fn get(&self, id: &RowId) -> Option<&(Row, RowName)> {
        let place = self.0.binary_search_by_key(id, |(row, _)| row.id).ok()?;
        self.0.get(place)
    }

    pub(super) fn values(&self) -> std::slice::Iter<'_, (Row, RowName)> {
        self.0.iter()
    }

    fn values_mut(&mut self) -> std::slice::IterMut<'_, (Row, RowName)> {
        self.0.iter_mut()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Numbers of rows below others, by their names: the same for as long as the flow lives.
#[derive(Debug, Default)]
struct Places {
    of: HashMap<(RowId, Level, Arc<str>), u32>,
    next: HashMap<(RowId, Level), u32>,
}

/// All that a probe shows.
#[derive(Debug, Default)]
pub(super) struct ProbeRows {
    pub(super) flows: HashMap<FlowId, Held>,
    pub(super) by_key: HashMap<String, FlowId>,
    pub(super) findings: BTreeMap<FindingId, (Option<RowId>, Arc<Finding>)>,
    pub(super) capture: CaptureCounts,
    count: usize,
    next: u32,
    epoch: u64,
    now: Option<Timestamp>,
    /// Nanoseconds that are taken off its times; `None` where they are shown as they came.
    shift: Option<i64>,
    /// What was there before the probe began to say all anew, and was not said yet.
    unseen: Option<(BTreeSet<FlowId>, BTreeSet<FindingId>)>,
}

/// What came of a message.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) delta: Delta,
    /// Flows that came, changed or went, with their keys.
    pub(super) flows: Vec<(FlowId, FlowKey)>,
    /// What was not taken, and why.
    pub(super) refused: Option<&'static str>,
}

/// A row that can't be, and why.
type Wrong = &'static str;

impl ProbeRows {
    /// Takes a message. Times of `name`'s own clock stay as they are.
    pub(super) fn take(&mut self, update: FlowUpdate, sighting: &Arc<Sighting>) -> Change {
        let mut change = self.change(update.timestamp.as_deref());
        // a further view has some flows more often, and says nothing of others
        let is_all = update.view == 1;
        if update.reset && is_all {
            self.unseen = Some((self.flows.keys().copied().collect(), self.findings.keys().copied().collect()));
        }
        for key in update.removed.iter().filter(|_| is_all) {
            self.by_key.get(key).copied().into_iter().for_each(|id| self.remove(id, &mut change));
        }
        for (key, flow) in update.flows {
            match self.take_flow(&key, &flow, sighting, &mut change) {
                Ok(id) => {
                    if let Some((flows, _)) = &mut self.unseen {
                        flows.remove(&id);
                    }
                }
                Err(why) => change.refused = Some(why),
            }
        }
        for finding in update.findings {
            if let Err(why) = self.take_finding(finding, sighting, &mut change) {
                change.refused = Some(why);
            }
        }
        if update.complete
            && is_all
            && let Some((flows, findings)) = self.unseen.take()
        {
            flows.into_iter().for_each(|id| self.remove(id, &mut change));
            findings.into_iter().for_each(|id| self.resolve(id, &mut change));
        }
        match counts(&update.capture) {
            Ok(counts) => self.capture = counts,
            Err(why) => change.refused = Some(why),
        }
        change.delta.capture = self.capture.clone();
        change
    }

    /// Forgets all: the probe has started anew.
    pub(super) fn clear(&mut self) -> Change {
        let mut change = self.change(None);
        let all: Vec<FlowId> = self.flows.keys().copied().collect();
        all.into_iter().for_each(|id| self.remove(id, &mut change));
        let findings: Vec<FindingId> = self.findings.keys().copied().collect();
        findings.into_iter().for_each(|id| self.resolve(id, &mut change));
        self.capture = CaptureCounts::default();
        change
    }

    /// All that there is, as a look that follows on none.
    pub(super) fn state(&mut self, sighting: &Arc<Sighting>) -> Delta {
        let mut delta = Delta { since: None, ..self.change(None).delta };
        for (flow, held) in &self.flows {
            for (row, name) in held.rows.values() {
                delta.rows.push(*row);
                delta.names.push((row.id, name.clone()));
            }
            delta.sightings.push((*flow, Arc::clone(sighting)));
        }
        for (id, (row, finding)) in &self.findings {
            let (id, row, finding) = (*id, *row, Arc::clone(finding));
            delta.findings.push(FindingChange { id, state: FindingState::New, row, finding });
            delta.finding_probes.push((id, [Arc::clone(&sighting.totals_of)].into()));
        }
        (delta.capture, delta.now) = (self.capture.clone(), self.now);
        delta
    }

    /// Takes the rates away: nothing is known of the last second.
    pub(super) fn silence(&mut self, now: Option<&str>) -> Change {
        let mut change = self.change(now);
        for (id, held) in &mut self.flows {
            let mut is_changed = false;
            for (row, _) in held.rows.values_mut().filter(|(row, _)| row.packet_rate.or(row.bit_rate).is_some()) {
                (row.packet_rate, row.bit_rate, is_changed) = (None, None, true);
                change.delta.rows.push(*row);
            }
            if is_changed {
                change.flows.push((*id, held.key));
            }
        }
        change.delta.capture = self.capture.clone();
        change
    }

    /// Nanoseconds that are taken off its times.
    pub(super) fn shift_ns(&self) -> i64 {
        self.shift.unwrap_or_default()
    }

    /// Whether its times are corrected.
    pub(super) fn is_corrected(&self) -> bool {
        self.shift.is_some()
    }

    /// Takes so many nanoseconds off all times, those that are there too; what changes, where it is more than was known before
    /// by a millisecond.
    pub(super) fn correct(&mut self, offset_ns: i64) -> Option<Change> {
        if self.shift.is_some_and(|known| known.abs_diff(offset_ns) <= LEAST_CORRECTION_NS) {
            return None;
        }
        let more = offset_ns.saturating_sub(self.shift.replace(offset_ns).unwrap_or_default());
        self.now = self.now.map(|now| earlier(now, more));
        let mut change = self.change(None);
        for (id, held) in &mut self.flows {
            for (row, _) in held.rows.values_mut() {
                for time in [&mut row.first_seen, &mut row.last_seen] {
                    *time = time.map(|time| earlier(time, more));
                }
                change.delta.rows.push(*row);
            }
            change.flows.push((*id, held.key));
        }
        for (id, (row, finding)) in &mut self.findings {
            let of = Arc::make_mut(finding);
            for at in [&mut of.first, &mut of.last] {
                at.time = at.time.map(|time| earlier(time, more));
            }
            let (id, row, finding) = (*id, *row, Arc::clone(finding));
            change.delta.findings.push(FindingChange { id, state: FindingState::Grown, row, finding });
        }
        change.delta.capture = self.capture.clone();
        Some(change)
    }

    /// The flow of that key.
    pub(super) fn find(&self, key: &str) -> Option<FlowId> {
        self.by_key.get(key).copied()
    }

    fn change(&mut self, now: Option<&str>) -> Change {
        let since = (self.epoch > 0).then_some(Epoch(self.epoch));
        self.epoch += 1;
        let shift = self.shift_ns();
        self.now = now.and_then(streamlens_filter::instant).map(|time| earlier(time, shift)).or(self.now);
        let now = self.now;
        let delta = Delta { since, epoch: Epoch(self.epoch), now, ..Delta::default() };
        Change { delta, flows: Vec::new(), refused: None }
    }

    fn remove(&mut self, id: FlowId, change: &mut Change) {
        let Some(held) = self.flows.remove(&id) else { return };
        self.count -= held.rows.len();
        self.by_key.retain_key(&held.key, id);
        if let Some((row, _)) = held.rows.get(&RowId::flow(id)) {
            change.delta.gone.push(*row);
        }
        change.delta.rows.retain(|row| row.id.flow != id);
        change.delta.names.retain(|(row, _)| row.flow != id);
        change.delta.sightings.retain(|(flow, _)| *flow != id);
        change.flows.push((id, held.key));
    }

    fn take_flow(
        &mut self,
        key: &str,
        flow: &protocol::Flow,
        sighting: &Arc<Sighting>,
        change: &mut Change,
    ) -> Result<FlowId, Wrong> {
        let id = self.by_key.get(key).copied();
        if id.is_none() && self.flows.len() >= MOST_FLOWS {
            return Err("more flows than a probe may have");
        }
        let flow_key = flow_key(flow)?;
        if flow_key.to_string() != key {
            return Err("a flow under another key than its own");
        }
        let is_new = id.is_none();
        let id = id.unwrap_or(FlowId { slot: self.next, generation: 0 });
        let empty = || Held { key: flow_key, rows: Rows::default(), lost: None, places: Places::default() };
        let mut held = self.flows.remove(&id).unwrap_or_else(empty);
        let shift_ns = self.shift.unwrap_or_default();
        let mut laid = Laid { places: &mut held.places, rows: BTreeMap::new(), shift_ns };
        let result = laid.flow(id, flow, flow_key);
        let rows = laid.rows;
        if let Err(why) = result.and_then(|()| match rows.len() + self.count - held.rows.len() {
            0..=MOST_ROWS_OF_PROBE => Ok(()),
            _ => Err("more rows than a probe may have"),
        }) {
            if !is_new {
                self.flows.insert(id, held);
            }
            return Err(why);
        }
        let rows = Rows(rows.into_values().collect());
        for (row, _) in held.rows.values().filter(|(row, _)| rows.get(&row.id).is_none()) {
            change.delta.gone.push(*row);
        }
        for (row, name) in rows.values() {
            if held.rows.get(&row.id).is_none_or(|(_, known)| known != name) {
                change.delta.names.push((row.id, name.clone()));
            }
            change.delta.rows.push(*row);
        }
        self.count = self.count + rows.len() - held.rows.len();
        held.rows = rows;
        held.lost = flow.lost;
        self.flows.insert(id, held);
        change.flows.push((id, flow_key));
        if is_new {
            self.next += 1;
            self.by_key.insert(key.to_owned(), id);
            change.delta.sightings.push((id, Arc::clone(sighting)));
        }
        Ok(id)
    }

    fn take_finding(&mut self, of: protocol::Finding, sighting: &Sighting, change: &mut Change) -> Result<(), Wrong> {
        let id = FindingId(u64::from_str_radix(&of.id, 16).map_err(|_| "a finding without an identifier")?);
        if of.state == protocol::FindingState::Resolved {
            self.resolve(id, change);
            return Ok(());
        }
        let is_new = !self.findings.contains_key(&id);
        if is_new && self.findings.len() >= MOST_FINDINGS {
            return Err("more findings than a probe may have");
        }
        let texts = [&of.place.flow, &of.place.transport, &of.place.encoding, &of.place.stream];
        let is_long = |text: &&Option<String>| text.as_ref().is_some_and(|text| text.len() > MOST_NAME);
        if of.code.len() > 64 || of.text.len() > MOST_SENTENCE || texts.iter().any(is_long) {
            return Err("a finding that is too long");
        }
        if !of.code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) {
            return Err("a finding with a code that is none");
        }
        let row = of.row.as_deref().and_then(|name| self.row(name));
        let shift = self.shift_ns();
        let occurrence = |at: &protocol::Occurrence| Occurrence {
            frame: at.frame,
            time: at.time.as_deref().and_then(streamlens_filter::instant).map(|time| earlier(time, shift)),
        };
        let (first, last) = (occurrence(&of.first), occurrence(&of.last));
        let finding = Arc::new(Finding {
            code: of.code.into(),
            severity: match of.severity {
                protocol::Severity::Info => Severity::Info,
                protocol::Severity::Warning => Severity::Warning,
                protocol::Severity::Error => Severity::Error,
            },
            count: count(of.count)?,
            packets: None,
            first,
            last,
            place: Place {
                flow: of.place.flow,
                transport: of.place.transport,
                encoding: of.place.encoding,
                stream: of.place.stream,
            },
            text: of.text,
        });
        let state = if is_new { FindingState::New } else { FindingState::Grown };
        change.delta.findings.push(FindingChange { id, state, row, finding: Arc::clone(&finding) });
        change.delta.finding_probes.push((id, [Arc::clone(&sighting.totals_of)].into()));
        self.findings.insert(id, (row, finding));
        if let Some((_, findings)) = &mut self.unseen {
            findings.remove(&id);
        }
        Ok(())
    }

    fn resolve(&mut self, id: FindingId, change: &mut Change) {
        if let Some((row, finding)) = self.findings.remove(&id) {
            change.delta.findings.push(FindingChange { id, state: FindingState::Resolved, row, finding });
        }
    }

    /// The row of that name.
    fn row(&self, name: &str) -> Option<RowId> {
        let path: RowPath = name.parse().ok()?;
        let flow = self.find(path.flow())?;
        let held = self.flows.get(&flow)?;
        let mut row = RowId::flow(flow);
        for part in path.parts() {
            let (level, name) = match part {
                RowPart::Transport(name) => (Level::Transport, name),
                RowPart::Encoding(name) => (Level::Encoding, name),
                RowPart::Stream(name) => (Level::Stream, name),
                RowPart::Type(name) => (Level::PacketType, name),
            };
            let place = *held.places.of.get(&(row, level, Arc::from(name.as_str())))?;
            row = below(row, level, place).ok()?;
        }
        Some(row)
    }
}

/// A time so many nanoseconds before another.
fn earlier(time: Timestamp, ns: i64) -> Timestamp {
    Timestamp::from_nanos(time.as_nanos().saturating_sub(ns))
}

/// Takes a flow out of the list of keys, where it is still the one of its key.
trait RetainKey {
    fn retain_key(&mut self, key: &FlowKey, id: FlowId);
}

impl RetainKey for HashMap<String, FlowId> {
    fn retain_key(&mut self, key: &FlowKey, id: FlowId) {
        let text = key.to_string();
        if self.get(&text) == Some(&id) {
            self.remove(&text);
        }
    }
}
