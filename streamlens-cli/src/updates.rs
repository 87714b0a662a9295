//! `--every`: a line of JSON for each look while frames are read, with the rows that changed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use streamlens::Analyzer;
use streamlens::engine::{Engine, EngineOptions, LookOptions};
use streamlens::model::row::{
    CaptureCounts, Delta, FindingChange, FindingId, FindingIndex, FindingState, FlowId, Level, Row, RowContext, RowId,
    RowName, RowRef, ShownRows, rows,
};
use streamlens::model::{CaptureSummary, Finding, FirstFrames, FrameSource, SourceError, Timestamp};
use streamlens_filter::Filter;
use streamlens_live::{DriverOptions, drive};

use crate::args::{AnalyzeArgs, Depth};

/// Capture time between two looks of which nothing is printed.
const UNTOLD_PERIOD_NS: i64 = 100_000_000;

/// Reads all that a source gives; where `--every` asks for it, with a line for each look, and where `--on-finding` does, with a
/// file for each new finding. Returns the engine with what is known of the capture.
pub(crate) fn read(
    analyzer: &Analyzer,
    source: impl FrameSource,
    args: &AnalyzeArgs,
    filter: Option<&Filter>,
) -> Result<(Engine, CaptureSummary), SourceError> {
    if args.every.is_none() && args.live.on_finding.is_none() {
        return analyzer.read(source);
    }
    let source = FirstFrames::new(source, analyzer.max_frames);
    crate::on_finding::watch(source, &args.live, |source, on_look| look_on(analyzer, source, args, filter, on_look))
}

/// Reads all that a source gives, and looks at the state as often as `--every` asks for, or a tenth of a second.
fn look_on(
    analyzer: &Analyzer,
    source: &mut dyn FrameSource,
    args: &AnalyzeArgs,
    filter: Option<&Filter>,
    on_look: &mut dyn FnMut(&Delta),
) -> Result<Engine, SourceError> {
    // each look decodes all frames: to defer flows would only take time
    let options = EngineOptions { defer_above_flows: usize::MAX, ..analyzer.options.clone() };
    let mut engine = Engine::new(analyzer.registry.clone(), options);
    let depth = match args.depth {
        _ if args.every.is_none() => Level::Flow,
        Depth::Flow => Level::Flow,
        Depth::Transport => Level::Transport,
        Depth::Encoding => Level::Encoding,
        Depth::Type | Depth::Stream => Level::PacketType,
    };
    let look = LookOptions { depth, ..LookOptions::default() };
    let period_ns = args.every.map_or(UNTOLD_PERIOD_NS, |period| i64::try_from(period).unwrap_or(i64::MAX));
    let options = DriverOptions { period_ns: Some(period_ns), look };
    let mut kept = filter.map(Kept::new);
    let mut lines =
        args.every.map(|_| Lines { out: crate::updates_output(args), depth: args.depth, names: BTreeMap::new() });
    let mut source = source;
    let result = drive(&mut engine, &mut source, &options, |engine, delta| {
        on_look(delta);
        let Some(lines) = &mut lines else { return true };
        lines.learn(delta);
        let written = match &mut kept {
            Some(kept) => lines.write(&kept.of(engine, delta, &lines.names)),
            None => lines.write(delta),
        };
        lines.forget(delta);
        written.is_ok()
    });
    result.map(|()| engine)
}

/// Writes the lines.
struct Lines {
    out: Box<dyn Write>,
    depth: Depth,
    /// What the rows are called, and which rows are above them: a delta says it once.
    names: Names,
}

type Names = BTreeMap<RowId, (RowName, Option<RowId>)>;

impl Lines {
    /// Records what rows are called.
    fn learn(&mut self, delta: &Delta) {
        if delta.names.is_empty() {
            return;
        }
        let parents: BTreeMap<RowId, Option<RowId>> = delta.rows.iter().map(|row| (row.id, row.parent)).collect();
        for (id, name) in &delta.names {
            let parent = parents.get(id).copied().or_else(|| self.names.get(id).map(|(_, parent)| *parent)).flatten();
            self.names.insert(*id, (name.clone(), parent));
        }
    }

    fn write(&mut self, delta: &Delta) -> io::Result<()> {
        let row = |row| NamedRow { row, name: self.names.get(&row.id).map(|(name, _)| name) };
        let shown = |row: &&Row| self.depth.shows(row.id.level);
        let update = Update {
            epoch: delta.epoch.0,
            now: delta.now,
            rows: delta.rows.iter().filter(shown).map(row).collect(),
            gone: delta.gone.iter().filter(shown).map(row).collect(),
            findings: delta.findings.iter().map(Change).collect(),
            capture: Counts(&delta.capture),
        };
        let mut line = serde_json::to_vec(&Line { update })?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }

    /// Drops the names of rows that are gone; those that a filter takes back may come again.
    fn forget(&mut self, delta: &Delta) {
        delta.gone.iter().for_each(|gone| drop(self.names.remove(&gone.id)));
        let flows: HashSet<FlowId> =
            delta.gone.iter().filter(|gone| gone.id.level == Level::Flow).map(|gone| gone.id.flow).collect();
        if !flows.is_empty() {
            self.names.retain(|id, _| !flows.contains(&id.flow));
        }
    }
}

/// What `-Y` leaves of a look: rows that match or lead to one that does, the findings of flows that are shown, and those that
/// stand at no flow and concern these flows or the capture.
struct Kept<'f> {
    filter: &'f Filter,
    /// The rows of flows as they are, told or not: one that begins to match is told though it did not change.
    flows: HashMap<FlowId, FlowRows>,
    /// Findings so far, for filters that ask for them.
    findings: BTreeMap<FindingId, Arc<Finding>>,
    /// Findings at no flow that were told: what becomes of them is told too, whatever is shown then.
    spanning: HashSet<FindingId>,
}

/// The rows of a flow, from the top.
#[derive(Default)]
struct FlowRows {
    rows: BTreeMap<RowId, Row>,
    /// Those that a reader holds.
    told: BTreeSet<RowId>,
}

impl<'f> Kept<'f> {
    fn new(filter: &'f Filter) -> Self {
        Self { filter, flows: HashMap::new(), findings: BTreeMap::new(), spanning: HashSet::new() }
    }

    fn of(&mut self, engine: &mut Engine, delta: &Delta, names: &Names) -> Delta {
        for change in &delta.findings {
            match change.state {
                FindingState::Resolved => drop(self.findings.remove(&change.id)),
                _ => drop(self.findings.insert(change.id, Arc::clone(&change.finding))),
            }
        }
        let index = self.filter.asks_for_findings().then(|| FindingIndex::new(self.findings.values().map(|of| &**of)));
        let context = RowContext { now: delta.now, findings: index.as_ref(), live: None };
        let mut changed: BTreeMap<FlowId, BTreeSet<RowId>> = BTreeMap::new();
        for row in &delta.rows {
            changed.entry(row.id.flow).or_default().insert(row.id);
            self.flows.entry(row.id.flow).or_default().rows.insert(row.id, *row);
        }
        let (mut told, mut gone) = (Vec::new(), Vec::new());
        for (id, changed) in changed {
            let (Some(flow), Some(held)) = (engine.detail(id), self.flows.get_mut(&id)) else { continue };
            let matching: HashSet<String> = self.filter.shown(&flow, context).iter().map(path_of).collect();
            let all: HashSet<String> = rows(&flow, context).map(|row| path_of(&row)).collect();
            for (row_id, row) in &held.rows {
                let path = path(*row_id, names).filter(|path| all.contains(path));
                // an encoding that is about to be refined is called otherwise here: it stays as it was told until then
                let is_shown = path.map_or(held.told.contains(row_id), |path| matching.contains(&path));
                if is_shown && (held.told.insert(*row_id) || changed.contains(row_id)) {
                    told.push(*row);
                } else if !is_shown && held.told.remove(row_id) {
                    gone.push(*row);
                }
            }
        }
        let findings = self.findings_of(engine, delta, context);
        for row in &delta.gone {
            let Some(held) = self.flows.get_mut(&row.id.flow) else { continue };
            held.rows.remove(&row.id);
            if held.told.remove(&row.id) {
                gone.push(*row);
            }
            if row.id.level == Level::Flow {
                self.flows.remove(&row.id.flow);
            }
        }
        Delta {
            rows: told,
            gone,
            findings,
            names: Vec::new(),
            capture: delta.capture.clone(),
            sightings: Vec::new(),
            finding_probes: Vec::new(),
            ..*delta
        }
    }

    fn shows(&self, flow: FlowId) -> bool {
        self.flows.get(&flow).is_some_and(|held| !held.told.is_empty())
    }

    /// The findings of a look that are told.
    fn findings_of(&mut self, engine: &mut Engine, delta: &Delta, context: RowContext<'_>) -> Vec<FindingChange> {
        let mut shown_rows = None;
        let mut kept = Vec::new();
        for change in &delta.findings {
            let is_kept = match change.row {
                Some(row) => self.shows(row.flow),
                None if self.spanning.contains(&change.id) => true,
                None => {
                    let rows = shown_rows.get_or_insert_with(|| self.shown_rows(engine, context));
                    rows.concern(&change.finding)
                }
            };
            if !is_kept {
                continue;
            }
            match (change.row, change.state) {
                (Some(_), _) => {}
                (None, FindingState::Resolved) => drop(self.spanning.remove(&change.id)),
                (None, _) => drop(self.spanning.insert(change.id)),
            }
            kept.push(change.clone());
        }
        kept
    }

    /// The encodings that are shown, for findings that stand at no flow. Takes time with all flows that are shown.
    fn shown_rows(&self, engine: &mut Engine, context: RowContext<'_>) -> ShownRows {
        let mut shown = ShownRows::default();
        let held = self.flows.iter().filter(|(_, held)| !held.told.is_empty());
        for flow in held.filter_map(|(id, _)| engine.detail(*id)) {
            let rows = self.filter.shown(&flow, context);
            rows.iter().for_each(|row| shown.add(row));
        }
        shown
    }
}

/// The names that lead from the flow to a row of a document.
fn path_of(row: &RowRef<'_>) -> String {
    let mut path = String::new();
    let mut add = |kind: &str, name: &str| path.extend(["/", kind, name]);
    row.transport().into_iter().for_each(|transport| add("", &transport.protocol_name));
    row.encoding().into_iter().for_each(|encoding| add("", &encoding.encoding_name));
    row.stream().into_iter().for_each(|stream| add("stream ", &stream.id));
    row.type_path().iter().for_each(|name| add("type ", name));
    path
}

/// As [`path_of`], for a row of a look.
fn path(id: RowId, names: &Names) -> Option<String> {
    let (name, parent) = names.get(&id)?;
    let above = parent.map_or_else(|| Some(String::new()), |parent| path(parent, names))?;
    Some(match name {
        RowName::Flow(..) => String::new(),
        RowName::Named(name) if id.level == Level::PacketType => format!("{above}/type {name}"),
        RowName::Named(name) => format!("{above}/{name}"),
        RowName::Stream(stream, _) => format!("{above}/stream {stream}"),
    })
}

#[derive(Serialize)]
struct Line<'a> {
    update: Update<'a>,
}

#[derive(Serialize)]
struct Update<'a> {
    epoch: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<Timestamp>,
    rows: Vec<NamedRow<'a>>,
    gone: Vec<NamedRow<'a>>,
    findings: Vec<Change<'a>>,
    capture: Counts<'a>,
}

struct NamedRow<'a> {
    row: &'a Row,
    name: Option<&'a RowName>,
}

/// The keys are those of the document; what is undefined is left out.
impl Serialize for NamedRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Row { id, parent, packets, bytes, first_seen, last_seen, bit_rate, packet_rate, timing, health, .. } =
            self.row;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &id.to_string())?;
        optional(&mut map, "parent", parent.map(|parent| parent.to_string()).as_ref())?;
        map.serialize_entry("level", id.level.name())?;
        match self.name {
            Some(RowName::Flow(key, cast)) => {
                map.serialize_entry("src", &key.src)?;
                map.serialize_entry("dst", &key.dst)?;
                map.serialize_entry("vlan", &key.vlan)?;
                optional(&mut map, "traffic_type", cast.as_ref())?;
            }
            Some(RowName::Named(name)) => map.serialize_entry("name", &**name)?,
            Some(RowName::Stream(stream, name)) => {
                map.serialize_entry("stream", &**stream)?;
                optional(&mut map, "name", name.as_deref().as_ref())?;
            }
            None => {}
        }
        map.serialize_entry("packets", packets)?;
        optional(&mut map, "bytes", bytes.as_ref())?;
        optional(&mut map, "first_seen", first_seen.as_ref())?;
        optional(&mut map, "last_seen", last_seen.as_ref())?;
        optional(&mut map, "bit_rate", bit_rate.as_ref())?;
        optional(&mut map, "packet_rate", packet_rate.as_ref())?;
        if id.level != Level::Stream {
            map.serialize_entry("timing_stats", timing)?;
        }
        if *health != Default::default() {
            map.serialize_entry("health", health)?;
        }
        optional(&mut map, "confidence_score", self.row.confidence.as_ref())?;
        optional(&mut map, "malformed", (self.row.malformed > 0).then_some(&self.row.malformed))?;
        optional(&mut map, "findings", (self.row.findings > 0).then_some(&self.row.findings))?;
        optional(&mut map, "severity", self.row.severity.as_ref())?;
        map.end()
    }
}

struct Change<'a>(&'a FindingChange);

impl Serialize for Change<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let FindingChange { id, state, row, finding } = self.0;
        let Finding { code, severity, count, packets, first, last, place, text } = &**finding;
        let state = match state {
            FindingState::New => "new",
            FindingState::Grown => "grown",
            FindingState::Resolved => "resolved",
        };
        let mut map = serializer.serialize_map(None)?;
        // 64 bits are more than readers of JSON keep of a number
        map.serialize_entry("id", &format!("{:016x}", id.0))?;
        map.serialize_entry("state", state)?;
        optional(&mut map, "row", row.map(|row| row.to_string()).as_ref())?;
        map.serialize_entry("code", code)?;
        map.serialize_entry("severity", severity)?;
        map.serialize_entry("count", count)?;
        optional(&mut map, "packets", packets.as_ref())?;
        map.serialize_entry("first", first)?;
        map.serialize_entry("last", last)?;
        map.serialize_entry("where", place)?;
        map.serialize_entry("text", text)?;
        map.end()
    }
}

struct Counts<'a>(&'a CaptureCounts);

impl Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let CaptureCounts { packets, bytes, flows, packets_in_flows, packets_not_in_flows, waiting, retired } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("packets", packets)?;
        map.serialize_entry("bytes", bytes)?;
        map.serialize_entry("flows", flows)?;
        map.serialize_entry("packets_in_flows", packets_in_flows)?;
        map.serialize_entry("packets_not_in_flows", packets_not_in_flows)?;
        optional(&mut map, "waiting", (*waiting > 0).then_some(waiting))?;
        optional(&mut map, "retired", (retired.flows > 0).then_some(retired))?;
        map.end()
    }
}

fn optional<M: SerializeMap, T: Serialize + ?Sized>(map: &mut M, key: &str, value: Option<&T>) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(key, value),
        None => Ok(()),
    }
}
