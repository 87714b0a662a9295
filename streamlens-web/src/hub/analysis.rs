//! What the hub knows of one analysis: all rows as they are now, when each changed, and what they are called.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use streamlens_engine::LookOptions;
use streamlens_live::{Driver, Reader, Update};
use streamlens_model::row::{Delta, FindingState, FlowId, Level, Row, RowId, RowName, RowTable};
use streamlens_model::{Severity, Timestamp};
use streamlens_protocol::{self as protocol, RowPart, RowPath};

use super::asleep::Sleep;
use super::detail::Watches;
use super::past::Past;
use super::text::{FlowExtra, RowText};
use super::view::Views;
use crate::feed::OnWatch;
use crate::packets::Packets;
use crate::source::Progress;

/// Nanoseconds of a second.
pub(super) const SECOND: i64 = 1_000_000_000;
/// Seconds of history that are kept of a flow.
const HISTORY: i64 = 60;

/// When a row changed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stamp {
    /// The look at which anything of it changed last.
    pub(super) changed: u64,
    /// The look at which it appeared, or got another name.
    pub(super) named: u64,
}

/// Rows as they were at one look: now, or at a time that somebody asked for.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(super) table: RowTable,
    pub(super) stamps: HashMap<RowId, Stamp>,
    names: HashMap<RowId, Arc<str>>,
    by_name: HashMap<Arc<str>, RowId>,
    counts: HashMap<RowId, [u64; 3]>,
    pub(super) texts: HashMap<RowId, RowText>,
    /// The look at which a row appeared, ended or got another name last, and that of findings.
    pub(super) structure: u64,
    pub(super) findings: u64,
    pub(super) totals: [u64; 3],
    /// Flows that changed since the views were brought up to date; `None` for all.
    pub(super) changed: Option<BTreeSet<FlowId>>,
    pub(super) views: Views,
    /// Whether frames come at a pace of their own; else rates are those of the whole span.
    pub(super) is_paced: bool,
}

impl Board {
    /// A board of a state.
    pub(super) fn of(table: RowTable) -> Self {
        let mut board = Self::default();
        let mut state = Delta {
            epoch: table.epoch,
            round: table.round,
            now: table.now,
            capture: table.capture.clone(),
            ..Delta::default()
        };
        for (id, (row, name)) in &table.rows {
            state.rows.push(*row);
            state.names.extend(name.clone().map(|name| (*id, name)));
        }
        state.findings.extend(table.findings.iter().map(|(id, (row, finding))| streamlens_model::row::FindingChange {
            id: *id,
            state: FindingState::New,
            row: *row,
            finding: Arc::clone(finding),
        }));
        state.sightings.extend(table.sightings.iter().map(|(flow, of)| (*flow, Arc::clone(of))));
        state.finding_probes.extend(table.finding_probes.iter().map(|(id, of)| (*id, Arc::clone(of))));
        board.apply(&state);
        board
    }

    /// Takes what changed.
    pub(super) fn apply(&mut self, delta: &Delta) {
        let epoch = delta.epoch.0;
        if delta.since.is_none() {
            let (views, is_paced) = (std::mem::take(&mut self.views), self.is_paced);
            *self = Self { views, is_paced, ..Self::default() };
        }
        // names that fall away, before the rows do
        for gone in &delta.gone {
            self.forget(gone.id);
            self.structure = epoch;
        }
        if !self.table.apply(delta) {
            return;
        }
        if let Some(changed) = &mut self.changed {
            changed.extend(delta.rows.iter().chain(&delta.gone).map(|row| row.id.flow));
        }
        for row in &delta.rows {
            self.stamps.entry(row.id).or_insert(Stamp { changed: epoch, named: epoch }).changed = epoch;
            if row.id.level != Level::Flow {
                self.stamps.entry(RowId::flow(row.id.flow)).or_default().changed = epoch;
            }
        }
        // a row says how many there are right below it
        let named = delta.names.iter().filter_map(|(id, _)| self.table.rows.get(id)?.0.parent);
        let parents: Vec<RowId> = named.chain(delta.gone.iter().filter_map(|row| row.parent)).collect();
        for parent in parents {
            self.stamps.get_mut(&parent).into_iter().for_each(|stamp| stamp.changed = epoch);
        }
        for (id, _) in &delta.names {
            self.structure = epoch;
            if let Some(stamp) = self.stamps.get_mut(id) {
                *stamp = Stamp { changed: epoch, named: epoch };
            }
            if self.names.contains_key(id) {
                // names of rows below begin with it
                let flow: Vec<RowId> = self.rows(id.flow).map(|(row, _)| row.id).collect();
                for id in &flow {
                    if let Some(old) = self.names.remove(id) {
                        self.by_name.remove(&old);
                    }
                }
                flow.into_iter().for_each(|id| drop(self.name(id)));
            } else {
                self.name(*id);
            }
        }
        if !delta.findings.is_empty() {
            self.findings = epoch;
            self.count_findings(delta);
        }
    }

    fn forget(&mut self, id: RowId) {
        let mut ids = vec![id];
        if id.level == Level::Flow {
            let below = self.table.rows.range(id..).map(|(below, _)| *below).take_while(|below| below.flow == id.flow);
            ids = below.collect();
        }
        for id in ids {
            self.stamps.remove(&id);
            self.texts.remove(&id);
            self.counts.remove(&id);
            if let Some(name) = self.names.remove(&id)
                && self.by_name.get(&name) == Some(&id)
            {
                self.by_name.remove(&name);
            }
        }
    }

    fn count_findings(&mut self, delta: &Delta) {
        let epoch = delta.epoch.0;
        let concerned: BTreeSet<RowId> = delta.findings.iter().filter_map(|change| change.row).collect();
        let flows: BTreeSet<FlowId> = concerned.iter().map(|row| row.flow).collect();
        // of a row by severity; few rows have many
        let mut counts: HashMap<RowId, [u64; 3]> = HashMap::new();
        self.totals = [0; 3];
        for (row, finding) in self.table.findings.values() {
            let place = place_of(finding.severity);
            self.totals[place] += 1;
            if let Some(row) = row.filter(|row| flows.contains(&row.flow)) {
                counts.entry(row).or_default()[place] += 1;
                if row.level != Level::Flow {
                    counts.entry(RowId::flow(row.flow)).or_default()[place] += 1;
                }
            }
        }
        for row in concerned.into_iter().chain(flows.iter().map(|flow| RowId::flow(*flow))) {
            let new = counts.get(&row).copied().unwrap_or_default();
            if self.counts.insert(row, new).unwrap_or_default() != new
                && let Some(stamp) = self.stamps.get_mut(&row)
            {
                stamp.changed = epoch;
            }
        }
        if let Some(changed) = &mut self.changed {
            changed.extend(flows);
        }
    }

    /// The rows of a flow, from the top by level.
    pub(super) fn rows(&self, flow: FlowId) -> impl Iterator<Item = (&Row, Option<&RowName>)> {
        let own = RowId::flow(flow);
        let rows = self.table.rows.range(own..).take_while(move |(id, _)| id.flow == flow);
        rows.map(|(_, (row, name))| (row, name.as_ref()))
    }

    pub(super) fn row(&self, id: RowId) -> Option<(&Row, Option<&RowName>)> {
        self.table.rows.get(&id).map(|(row, name)| (row, name.as_ref()))
    }

    /// The row of that name.
    pub(super) fn find(&self, name: &str) -> Option<RowId> {
        self.by_name.get(name).copied()
    }

    /// What a row is called.
    pub(super) fn name(&mut self, id: RowId) -> Arc<str> {
        if let Some(name) = self.names.get(&id) {
            return Arc::clone(name);
        }
        let name: Arc<str> = self.path(id).map_or_else(|| Arc::from(""), |path| path.to_string().into());
        self.names.insert(id, Arc::clone(&name));
        self.by_name.insert(Arc::clone(&name), id);
        name
    }

    fn path(&self, id: RowId) -> Option<RowPath> {
        let (row, name) = self.row(id)?;
        let name = name?;
        Some(match (name, row.parent) {
            (RowName::Flow(key, _), _) => {
                let suffix = self.table.sightings.get(&id.flow).map_or("", |sighting| &sighting.suffix);
                RowPath::of_flow(format!("{key}{suffix}"))
            }
            (RowName::Stream(stream, _), Some(parent)) => self.path(parent)?.with(RowPart::Stream(stream.to_string())),
            (RowName::Named(name), Some(parent)) => {
                let name = name.to_string();
                self.path(parent)?.with(match id.level {
                    Level::Transport => RowPart::Transport(name),
                    Level::Encoding => RowPart::Encoding(name),
                    _ => RowPart::Type(name),
                })
            }
            _ => return None,
        })
    }

    /// The fields of a row as messages have them.
    pub(super) fn text(&mut self, id: RowId) -> Option<&RowText> {
        let version = self.stamps.get(&id)?.changed;
        if self.texts.get(&id).is_none_or(|text| text.version != version) {
            let mut text = self.texts.remove(&id).unwrap_or_default();
            let (row, name) = self.row(id)?;
            let extra = if id.level == Level::Flow { self.extra(id.flow) } else { self.extra_below(id) };
            text.write(version, row, name, &extra, self.counts.get(&id).copied().unwrap_or_default());
            self.texts.insert(id, text);
        }
        self.texts.get(&id)
    }

    fn extra_below(&self, id: RowId) -> FlowExtra<'_> {
        let ports = match self.row(RowId::flow(id.flow)) {
            Some((_, Some(RowName::Flow(key, _)))) if id.level == Level::Transport => key.src.port.zip(key.dst.port),
            _ => None,
        };
        let below = match id.level {
            Level::Stream => 0,
            _ => self.rows(id.flow).filter(|(row, _)| row.parent == Some(id)).count() as u64,
        };
        FlowExtra { ports, below, ..FlowExtra::default() }
    }

    fn extra(&self, flow: FlowId) -> FlowExtra<'_> {
        let sighting = self.table.sightings.get(&flow).filter(|sighting| !sighting.lines.is_empty());
        let mut extra = FlowExtra { sighting: sighting.map(|sighting| &**sighting), ..FlowExtra::default() };
        let add =
            |sum: &mut Option<u64>, more: Option<u64>| *sum = sum.map_or(more, |sum| Some(sum + more.unwrap_or(0)));
        for (row, name) in self.rows(flow) {
            match (row.id.level, name) {
                (Level::Transport, Some(RowName::Named(name))) => extra.transports.push(name),
                (Level::Encoding, Some(RowName::Named(name))) => {
                    if !extra.encodings.contains(&&**name) {
                        extra.encodings.push(name);
                    }
                    add(&mut extra.lost, row.health.lost);
                    add(&mut extra.expected, row.health.expected);
                }
                _ => {}
            }
        }
        extra
    }

    /// How many findings there are at a row by severity, the gravest last; of flows with those below.
    pub(super) fn finding_counts(counts: [u64; 3]) -> Option<protocol::FindingCounts> {
        let [info, warning, error] = counts.map(|count| (count > 0).then_some(count));
        (counts != [0; 3]).then_some(protocol::FindingCounts { info, warning, error })
    }

    /// Counts of the capture as messages have them.
    pub(super) fn capture(&self, progress: &Progress) -> protocol::Capture {
        let counts = &self.table.capture;
        let kept = |of: &BTreeMap<String, streamlens_model::row::RetiredCounts>| {
            let kept = of
                .iter()
                .map(|(name, of)| (name.clone(), protocol::RetiredCounts { packets: of.packets, bytes: of.bytes }));
            kept.collect()
        };
        let dropped = progress.told().dropped;
        protocol::Capture {
            packets: counts.packets,
            bytes: counts.bytes,
            flows: counts.flows,
            packets_in_flows: counts.packets_in_flows,
            packets_not_in_flows: counts.packets_not_in_flows,
            waiting: (counts.waiting > 0).then_some(counts.waiting),
            retired: (counts.retired.flows > 0).then(|| protocol::Retired {
                flows: counts.retired.flows,
                packets: counts.retired.packets,
                bytes: counts.retired.bytes,
                transports: kept(&counts.retired.transports),
                encodings: kept(&counts.retired.encodings),
            }),
            dropped: (!dropped.is_empty()).then_some(dropped),
            findings: Self::finding_counts(self.totals),
        }
    }
}

fn place_of(severity: Severity) -> usize {
    match severity {
        Severity::Info => 0,
        Severity::Warning => 1,
        Severity::Error => 2,
    }
}

/// Bits of a flow by the second.
#[derive(Debug, Default)]
struct History {
    bytes: u64,
    seconds: VecDeque<(i64, u64)>,
}

/// One analysis.
pub(crate) struct Analysis {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: protocol::AnalysisKind,
    /// When it was started, or started over, by the clock: its identity.
    pub(super) start: String,
    pub(super) progress: Arc<Progress>,
    pub(super) packets: Option<Arc<Packets>>,
    /// `None` before the source is open, and where it can't be opened.
    pub(super) driver: Option<Driver>,
    reader: Option<Reader>,
    /// Looks of an engine elsewhere that have not been taken.
    pub(super) fed: Vec<Arc<Delta>>,
    /// Who gives details of one whose engine is elsewhere.
    pub(super) on_watch: Option<OnWatch>,
    /// Whether its rows are left with who feeds it while nobody looks.
    pub(super) sleep: Sleep,
    pub(super) has_ended: bool,
    pub(super) board: Board,
    pub(super) past: Past,
    pub(super) watches: Watches,
    history: HashMap<FlowId, History>,
    /// The second that history reaches to, and that before which its rows were not looked at.
    pub(super) second: i64,
    history_from: Option<i64>,
    next_look: Option<Instant>,
}

impl Analysis {
    pub(super) fn new(id: String, name: String, kind: protocol::AnalysisKind, progress: Arc<Progress>) -> Self {
        let is_paced = !matches!(kind, protocol::AnalysisKind::Capture | protocol::AnalysisKind::Upload);
        Self {
            id,
            name,
            kind,
            start: crate::clock::now().to_string(),
            progress,
            packets: None,
            driver: None,
            reader: None,
            fed: Vec::new(),
            on_watch: None,
            sleep: Sleep::default(),
            has_ended: false,
            board: Board { is_paced, ..Board::default() },
            past: Past::default(),
            watches: Watches::default(),
            history: HashMap::new(),
            second: 0,
            history_from: None,
            next_look: None,
        }
    }

    /// Whether frames come at a pace of their own, and looks with them.
    pub(super) fn is_paced(&self) -> bool {
        self.board.is_paced
    }

    pub(super) fn open(&mut self, driver: Driver) {
        self.reader = Some(driver.reader());
        self.driver = Some(driver);
    }

    pub(super) fn info(&self) -> protocol::Analysis {
        let told = self.progress.told();
        let has_failed = told.failure.is_some();
        let state = match (has_failed, self.has_ended) {
            (true, _) => protocol::AnalysisState::Failed,
            (false, true) => protocol::AnalysisState::Ended,
            (false, false) => protocol::AnalysisState::Running,
        };
        let exit_status = match (has_failed, self.has_ended, told.is_incomplete) {
            (true, ..) => Some(3),
            (_, true, true) => Some(5),
            (_, true, false) => Some(0),
            _ => None,
        };
        protocol::Analysis {
            id: self.id.clone(),
            name: self.name.clone(),
            kind: self.kind,
            state,
            start: self.start.clone(),
            bytes_read: self.progress.bytes_read.load(Ordering::Relaxed),
            bytes_total: told.bytes_total,
            frames: self.progress.frames.load(Ordering::Relaxed),
            format: told.format,
            exit_status,
            messages: told.failure.into_iter().chain(told.messages).chain(told.warnings).collect(),
            has_packets: self.packets.is_some(),
        }
    }

    /// Takes what has been published since; whether anything was.
    pub(super) fn read(&mut self, now: Instant) -> bool {
        let Some(reader) = &mut self.reader else {
            let fed = std::mem::take(&mut self.fed);
            fed.iter().for_each(|delta| self.take(delta));
            return !fed.is_empty();
        };
        if self.has_ended {
            return false;
        }
        if matches!(self.kind, protocol::AnalysisKind::Capture | protocol::AnalysisKind::Upload)
            && self.next_look.is_none_or(|next| now >= next)
            && let Some(driver) = self.driver.as_ref().filter(|driver| !driver.has_ended())
        {
            // a file has no pace of its own: it is looked at by the clock
            driver.show(LookOptions::default());
            self.next_look = Some(now + Duration::from_millis(100));
        }
        match reader.next(Duration::ZERO) {
            Update::Changes(deltas) => {
                deltas.iter().for_each(|delta| self.take(delta));
                true
            }
            Update::Nothing => false,
            Update::End => {
                self.has_ended = true;
                true
            }
        }
    }

    fn take(&mut self, delta: &Arc<Delta>) {
        if delta.round != self.board.table.round {
            // the source has started over, and all there was is of a start that is no more
            self.start = crate::clock::now().to_string();
            self.history.clear();
        }
        self.note_history(delta);
        if matches!(self.sleep, Sleep::Asleep(_)) {
            self.past = Past::default();
        } else {
            self.past.note(delta, &self.board.table);
        }
        self.board.apply(delta);
    }

    fn note_history(&mut self, delta: &Delta) {
        let Some(now) = delta.now.filter(|_| self.is_paced()) else { return };
        // a look is in front of its time
        let second = (now.as_nanos() - 1).div_euclid(SECOND);
        if delta.since.is_none() && !matches!(self.sleep, Sleep::Never) {
            // what its flows did while it was asleep is not known
            self.history.clear();
            self.history_from = Some(second);
        }
        if second > self.second {
            self.second = second;
            let is_old = |history: &History| history.seconds.back().is_none_or(|(last, _)| *last < second - HISTORY);
            if second % HISTORY == 0 {
                self.history.retain(|_, history| !is_old(history));
            }
        }
        for gone in delta.gone.iter().filter(|row| row.id.level == Level::Flow) {
            self.history.remove(&gone.id.flow);
        }
        for row in delta.rows.iter().filter(|row| row.id.level == Level::Flow) {
            let bytes = row.bytes.unwrap_or_default();
            let before = self.board.row(row.id).and_then(|(row, _)| row.bytes);
            let history = self.history.entry(row.id.flow).or_default();
            if history.seconds.is_empty() {
                history.bytes = before.unwrap_or(if delta.since.is_none() { bytes } else { 0 });
            }
            let bits = bytes.saturating_sub(history.bytes) * 8;
            history.bytes = bytes;
            match history.seconds.back_mut() {
                Some((last, sum)) if *last == second => *sum += bits,
                _ => history.seconds.push_back((second, bits)),
            }
            while history.seconds.front().is_some_and(|(first, _)| *first < second - HISTORY) {
                history.seconds.pop_front();
            }
        }
    }

    /// Bits of each of the last whole seconds of a flow, since it was first seen.
    pub(super) fn history(&self, flow: FlowId) -> Vec<u64> {
        let Some((row, _)) = self.board.row(RowId::flow(flow)) else { return Vec::new() };
        let second_of = |time: Timestamp| time.as_nanos().div_euclid(SECOND);
        let first = row.first_seen.map_or(self.second, second_of).max(self.second - HISTORY);
        let first = self.history_from.map_or(first, |from| first.max(from));
        let known = self.history.get(&flow);
        let at =
            |second| known.and_then(|of| of.seconds.iter().find(|(at, _)| *at == second)).map_or(0, |(_, bits)| *bits);
        (first..self.second).map(at).collect()
    }
}
