//! What `-Y` leaves of a result: flows with the rows that are shown, the findings of these, what names them in the networks.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use streamlens::engine::{Engine, FlowSelection, ReportChunk, ReportSink};
use streamlens::model::row::{Element, FindingIndex, RowContext, RowRef, ShownRows, rows};
use streamlens::model::{
    Analysis, CaptureSummary, Endpoint, Finding, Flow, MacAddress, Metadata, Place, Severity, Value,
};
use streamlens_filter::Filter;

/// The most names of shown flows that are kept for the networks; from so many on these are left whole.
const MOST_NAMES: usize = 1 << 16;

/// Collects the findings of a report.
struct Indexed<'i>(&'i mut FindingIndex);

impl ReportSink for Indexed<'_> {
    type Chunk = FoundChunk;

    fn chunk(&self) -> FoundChunk {
        FoundChunk::default()
    }

    fn write(&mut self, _: &CaptureSummary, chunk: &mut FoundChunk) -> bool {
        chunk.0.drain(..).for_each(|finding| self.0.add(&finding));
        true
    }
}

#[derive(Default)]
struct FoundChunk(Vec<Finding>);

impl ReportChunk for FoundChunk {
    fn empty(&self) -> Self {
        Self::default()
    }

    fn add_flow(&mut self, _: &mut Flow) {}

    fn add_finding(&mut self, finding: &Finding) {
        self.0.push(finding.clone());
    }
}

/// So many lists share the hashes.
const LISTS: usize = 1 << 12;
/// A list grows by one in so many of what it holds: there are never two copies of all hashes, as in a table that doubles.
const GROWTH: usize = 16;

/// A set of hashes that takes six bytes for each, whatever their number: lists by their lowest bits, of which the others are
/// kept but for the highest four.
struct Hashes(Vec<HashList>);

type HashList = Mutex<Vec<[u8; 6]>>;

impl Hashes {
    fn new() -> Self {
        Self((0..LISTS).map(|_| Mutex::default()).collect())
    }

    /// The list of a hash, and what is kept of it there.
    fn place(&self, hash: u64) -> Option<(&HashList, [u8; 6])> {
        let list = self.0.get(hash as usize % LISTS)?;
        let [a, b, c, d, e, f, ..] = (hash >> LISTS.trailing_zeros()).to_le_bytes();
        Some((list, [a, b, c, d, e, f]))
    }

    fn add(&self, hash: u64) {
        let Some((list, kept)) = self.place(hash) else { return };
        let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() == list.capacity() {
            let more = list.len() / GROWTH + 1;
            list.reserve_exact(more);
        }
        list.push(kept);
    }

    fn has(&self, hash: u64) -> bool {
        let place = self.place(hash);
        place.is_some_and(|(list, kept)| list.lock().unwrap_or_else(PoisonError::into_inner).contains(&kept))
    }
}

/// Takes one more look at the findings, for filters and columns that ask for them.
pub(crate) fn index_of(engine: &mut Engine, capture: &CaptureSummary) -> FindingIndex {
    let mut index = FindingIndex::default();
    // no flow is written for this: the findings alone are asked for
    let selection = FlowSelection { top: Some(0), ..FlowSelection::default() };
    let _ = engine.report_to(capture.clone(), selection, &mut Indexed(&mut index));
    index.sort();
    index
}

/// A filter at work, for several threads. What was shown is kept as hashes with keys of its own for each run, a few bytes a
/// flow.
pub(crate) struct Filtered<'f> {
    filter: &'f Filter,
    hasher: RandomState,
    /// Flows of which all is shown, and of others the rows that are, down to encodings.
    rows: Hashes,
    /// What these flows are named by.
    names: RwLock<HashSet<u64>>,
    /// What findings that stand at no flow go by.
    shown: RwLock<ShownRows>,
    /// The same of all flows: what is not among it never came.
    all: RwLock<ShownRows>,
    flows: AtomicUsize,
    /// Whether a row was not shown.
    hides: AtomicBool,
    findings: [AtomicU64; 3],
}

impl<'f> Filtered<'f> {
    pub(crate) fn new(filter: &'f Filter) -> Self {
        Self {
            filter,
            hasher: RandomState::new(),
            rows: Hashes::new(),
            names: RwLock::default(),
            shown: RwLock::default(),
            all: RwLock::default(),
            flows: AtomicUsize::new(0),
            hides: AtomicBool::new(false),
            findings: Default::default(),
        }
    }

    /// Whether a flow is shown; what is shown of it is kept in mind.
    pub(crate) fn shows(&self, flow: &Flow, context: RowContext<'_>) -> bool {
        let shown = self.filter.shown(flow, context);
        let is_full = self.all.read().unwrap_or_else(PoisonError::into_inner).is_full();
        let count = (!is_full).then(|| {
            let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
            rows(flow, context).inspect(|row| all.add(row)).count()
        });
        if shown.is_empty() {
            self.hides.store(true, Ordering::Relaxed);
            return false;
        }
        self.flows.fetch_add(1, Ordering::Relaxed);
        let places: Vec<u64> = if shown.len() == count.unwrap_or_else(|| rows(flow, context).count()) {
            flow.key.with_text(|flow| vec![self.whole(flow)])
        } else {
            self.hides.store(true, Ordering::Relaxed);
            shown.iter().filter_map(|row| self.place_of(row)).collect()
        };
        places.into_iter().for_each(|place| self.rows.add(place));
        let mut encodings = shown.iter().filter(|row| matches!(row.element(), Element::Encoding(_))).peekable();
        if encodings.peek().is_some() {
            let mut kept = self.shown.write().unwrap_or_else(PoisonError::into_inner);
            encodings.for_each(|row| kept.add(row));
        }
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() < MOST_NAMES {
            self.names_of(&shown, &mut |name| {
                names.insert(self.hasher.hash_one(name));
            });
        }
        true
    }

    /// Takes away the rows of a flow that are not shown.
    pub(crate) fn prune(&self, flow: &mut Flow, context: RowContext<'_>) {
        self.filter.prune(flow, context);
    }

    /// How many flows were shown.
    pub(crate) fn flows(&self) -> usize {
        self.flows.load(Ordering::Relaxed)
    }

    /// Whether a finding stands at what is shown: at a flow, a transport or an encoding. One of a stream stands at its encoding.
    /// One that stands at no flow is kept where it concerns an encoding that is shown, and where it is of the whole capture.
    pub(crate) fn keeps(&self, finding: &Finding) -> bool {
        let Place { flow, transport, encoding, .. } = &finding.place;
        let is_kept = match flow.as_deref() {
            Some(flow) => {
                let place = self.hasher.hash_one((flow, transport.as_deref(), encoding.as_deref()));
                self.rows.has(self.whole(flow)) || self.rows.has(place)
            }
            None => {
                let [shown, all] =
                    [&self.shown, &self.all].map(|rows| rows.read().unwrap_or_else(PoisonError::into_inner));
                shown.concern(finding) || shown.concern_with_nobody(finding, &all)
            }
        };
        if is_kept {
            let count = Severity::ALL.iter().zip(&self.findings).find(|(severity, _)| **severity == finding.severity);
            if let Some((_, count)) = count {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        is_kept
    }

    /// How many findings of each severity were kept.
    pub(crate) fn total_findings(&self) -> BTreeMap<Severity, u64> {
        let counts = self.findings.iter().map(|count| count.load(Ordering::Relaxed));
        Severity::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
    }

    /// Stands for all rows of a flow.
    fn whole(&self, flow: &str) -> u64 {
        self.hasher.hash_one(("all rows", flow))
    }

    fn place_of(&self, row: &RowRef<'_>) -> Option<u64> {
        let (transport, encoding) = match row.element() {
            Element::Flow(_) => (None, None),
            Element::Transport(transport) => (Some(&*transport.protocol_name), None),
            Element::Encoding(encoding) => (Some(&*row.transport()?.protocol_name), Some(&*encoding.encoding_name)),
            Element::Stream(_) | Element::PacketType(_) => return None,
        };
        Some(row.flow().key.with_text(|flow| self.hasher.hash_one((flow, transport, encoding))))
    }

    /// Names of a flow: its text, endpoints, addresses, and identifiers and names of its streams.
    fn names_of(&self, shown: &[RowRef<'_>], see: &mut dyn FnMut(&str)) {
        let Some(flow) = shown.first().map(RowRef::flow) else { return };
        flow.key.with_text(&mut *see);
        for end in [flow.key.src, flow.key.dst] {
            end.with_text(&mut *see);
            Endpoint { port: None, ..end }.with_text(&mut *see);
        }
        let macs = flow.macs.iter().flat_map(|change| [change.value.src, change.value.dst]).flatten();
        macs.for_each(|mac: MacAddress| see(&mac.to_string()));
        for encoding in shown.iter().filter_map(|row| match row.element() {
            Element::Encoding(encoding) => Some(encoding),
            _ => None,
        }) {
            for stream in &encoding.health.streams {
                see(&stream.id);
                stream.name.as_deref().into_iter().for_each(&mut *see);
                // such as the port identity in `domain 0 0200c0fffea80a01-1 Sync`
                stream.id.split_whitespace().filter(|word| is_identifier(word)).for_each(&mut *see);
            }
        }
    }

    /// Takes away what names no flow that is shown: maps and lists are gone down until a map has such a name, and that is kept
    /// whole; of those around it their own facts stay. Where all is shown, all stays.
    pub(crate) fn prune_networks(&self, networks: &mut BTreeMap<String, Metadata>) {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MOST_NAMES || !self.hides.load(Ordering::Relaxed) {
            return;
        }
        let is_name = |text: &str| {
            let is_one = |text: &str| names.contains(&self.hasher.hash_one(text));
            is_one(text) || text.split([' ', ',']).filter(|word| is_identifier(word)).any(is_one)
        };
        for facts in networks.values_mut() {
            let kept = std::mem::take(facts);
            *facts = kept_of(kept, &is_name).unwrap_or_default();
        }
        networks.retain(|_, facts| !facts.is_empty());
    }
}

/// Leaves of a result what a filter shows.
pub(crate) fn narrow(analysis: &mut Analysis, filter: Option<&Filter>) {
    let Some(filter) = filter else { return };
    let index = filter.asks_for_findings().then(|| FindingIndex::new(&analysis.findings));
    let filtered = Filtered::new(filter);
    let context = RowContext { now: analysis.capture.last_seen, findings: index.as_ref(), live: None };
    analysis.flows.retain_mut(|flow| {
        let is_shown = filtered.shows(flow, context);
        if is_shown {
            filtered.prune(flow, context);
        }
        is_shown
    });
    analysis.findings.retain(|finding| filtered.keeps(finding));
    analysis.total_findings = filtered.total_findings();
    filtered.prune_networks(&mut analysis.networks);
}

/// Whether a word can only be meant as a name: long enough, and with digits in it.
fn is_identifier(word: &str) -> bool {
    word.len() >= 7 && word.bytes().any(|letter| letter.is_ascii_digit())
}

fn kept_of(facts: Metadata, is_name: &dyn Fn(&str) -> bool) -> Option<Metadata> {
    let names_one = facts.iter().any(|(key, value)| match value {
        Value::Text(text) => is_name(text),
        Value::List(items) => items.iter().any(|item| item.as_str().is_some_and(is_name)),
        Value::Map(_) => is_name(key),
        _ => false,
    });
    if names_one && !facts.iter().any(|(key, value)| matches!(value, Value::Map(_)) && is_name(key)) {
        return Some(facts);
    }
    let (nested, own): (Metadata, Metadata) = facts
        .into_iter()
        .partition(|(_, value)| matches!(value, Value::Map(_) | Value::List(_)) || value.as_str().is_some_and(is_name));
    let kept = nested.into_iter().filter_map(|(key, value)| match value {
        Value::Map(map) if is_name(&key) => Some((key, Value::Map(map))),
        Value::Map(map) => kept_of(map, is_name).map(|map| (key, Value::Map(map))),
        Value::List(items) => {
            let items: Vec<_> = items.into_iter().filter_map(|item| kept_item(item, is_name)).collect();
            (!items.is_empty()).then_some((key, Value::List(items)))
        }
        Value::Text(text) if is_name(&text) => Some((key, Value::Text(text))),
        _ => None,
    });
    let mut kept: Metadata = kept.collect();
    (!kept.is_empty()).then(|| {
        kept.extend(own);
        kept
    })
}

fn kept_item(item: Value, is_name: &dyn Fn(&str) -> bool) -> Option<Value> {
    match item {
        Value::Map(map) => kept_of(map, is_name).map(Value::Map),
        Value::Text(text) if is_name(&text) => Some(Value::Text(text)),
        Value::List(items) => {
            let items: Vec<_> = items.into_iter().filter_map(|item| kept_item(item, is_name)).collect();
            (!items.is_empty()).then_some(Value::List(items))
        }
        _ => None,
    }
}
