//! Views: which flows are shown in which order. Equal ones are worked out once for all clients that have them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use streamlens_filter::{Catalogue, Filter};
use streamlens_model::row::{
    Field, FindingIndex, FlowId, Gather, Level, LiveFlow, RowContext, RowId, RowName, RowRef, ShownRows, SortKey,
    mean_bit_rate, rows,
};
use streamlens_model::{Analysis, Flow, FlowKey, Timestamp};
use streamlens_protocol::{Depth, FilterPlace, Problem, Window};

use super::analysis::Board;

/// Different views that are kept.
const MOST_VIEWS: usize = 64;

/// What tells views apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ViewKey {
    filter: String,
    sort: String,
    depth: Depth,
}

/// What a view is to show.
#[derive(Clone, Debug)]
pub(crate) struct ViewSpec {
    pub(crate) key: ViewKey,
    filter: Option<Filter>,
    sort: Field,
    is_reversed: bool,
}

impl ViewSpec {
    /// # Errors
    ///
    /// Where the filter or the column is wrong.
    pub(crate) fn new(
        filter: Option<&str>,
        sort: Option<&str>,
        depth: Depth,
        catalogue: &Catalogue,
    ) -> Result<Self, Problem> {
        let text = filter.unwrap_or_default();
        let filter = Filter::parse(text, catalogue).map_err(|error| filter_problem(text, &error))?;
        let named = sort.unwrap_or("first_seen");
        let (name, is_reversed) = named.strip_prefix('-').map_or((named, false), |name| (name, true));
        let sort = Field::find(name).ok_or_else(|| {
            Problem::new("column", "There is no such column", 400, format!("there is no column '{name}' to sort by"))
        })?;
        let printed = filter.to_string();
        let filter = Some(filter).filter(|filter| !filter.is_everything());
        Ok(Self { key: ViewKey { filter: printed, sort: named.to_owned(), depth }, filter, sort, is_reversed })
    }

    /// Whether a client of another view can be told the difference.
    pub(crate) fn shows_what(&self, other: &Self) -> bool {
        (&self.key.filter, self.key.depth) == (&other.key.filter, other.key.depth)
    }

    /// Leaves of a document what the view shows, in its order.
    pub(crate) fn apply(&self, document: &mut Analysis, filter: &Filter, now: Option<Timestamp>) {
        let index = FindingIndex::new(&document.findings);
        let context = RowContext { now, findings: Some(&index), live: None };
        let mut flows = std::mem::take(&mut document.flows);
        let (mut shown, mut all) = (ShownRows::default(), ShownRows::default());
        flows.retain_mut(|flow| {
            if !filter.is_everything() {
                rows(flow, context).for_each(|row| all.add(&row));
            }
            let is_shown = filter.prune(flow, context);
            if is_shown && !filter.is_everything() {
                rows(flow, context).for_each(|row| shown.add(&row));
            }
            is_shown
        });
        flows = self.sorted(flows, |flow| SortKey::of(rows(flow, context), &self.sort));
        if !filter.is_everything() {
            let keys: HashSet<String> = flows.iter().map(|flow| flow.key.to_string()).collect();
            document.findings.retain(|finding| {
                let spans = || shown.concern(finding) || shown.concern_with_nobody(finding, &all);
                finding.place.flow.as_ref().map_or_else(spans, |flow| keys.contains(flow))
            });
        }
        for flow in &mut flows {
            prune(flow, self.key.depth);
        }
        document.flows = flows;
    }

    /// Puts flows in order by their keys.
    fn sorted<F>(&self, flows: Vec<F>, key: impl Fn(&F) -> Option<SortKey>) -> Vec<F> {
        if self.key.sort == "first_seen" {
            return flows;
        }
        let gather = self.sort.gather();
        let mut keyed: Vec<(Option<SortKey>, F)> = flows.into_iter().map(|flow| (key(&flow), flow)).collect();
        keyed.sort_by(|(one, _), (other, _)| match (one, other) {
            (Some(_), Some(_)) if self.is_reversed => SortKey::compare(other.as_ref(), one.as_ref(), gather),
            (one, other) => SortKey::compare(one.as_ref(), other.as_ref(), gather),
        });
        keyed.into_iter().map(|(_, flow)| flow).collect()
    }

    /// Whether streams are rows of the view.
    pub(crate) fn shows_streams(&self) -> bool {
        self.key.depth >= Depth::Stream
    }

    /// Shows the rows of each flow of a document that the view shows, in its order.
    ///
    /// # Errors
    ///
    /// What `see` fails with.
    pub(crate) fn each_flow(
        &self,
        document: &Analysis,
        filter: &Filter,
        now: Option<Timestamp>,
        see: &mut dyn FnMut(&[RowRef<'_>]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let index = FindingIndex::new(&document.findings);
        let context = RowContext { now, findings: Some(&index), live: None };
        let flows: Vec<&Flow> = document.flows.iter().filter(|flow| filter.shows(flow, context)).collect();
        let shown = |flow: &&Flow| SortKey::of(filter.shown(flow, context).into_iter(), &self.sort);
        for flow in self.sorted(flows, shown) {
            let mut rows = filter.shown(flow, context);
            rows.retain(|row| is_at(self.key.depth, row.level()));
            see(&rows)?;
        }
        Ok(())
    }

    fn goes_by_time(&self) -> bool {
        let asks = |word: &str| self.key.filter.contains(word) || self.key.sort.contains(word);
        asks("age") || asks("idle")
    }
}

/// Whether rows of a level are shown at a depth.
fn is_at(depth: Depth, level: Level) -> bool {
    depth
        >= match level {
            Level::Flow => Depth::Flow,
            Level::Transport => Depth::Transport,
            Level::Encoding => Depth::Encoding,
            Level::PacketType => Depth::Type,
            Level::Stream => Depth::Stream,
        }
}

/// Takes away the levels below a depth.
fn prune(flow: &mut Flow, depth: Depth) {
    if depth == Depth::Flow {
        flow.transport_protocols.clear();
    }
    for transport in &mut flow.transport_protocols {
        if depth == Depth::Transport {
            transport.application_encodings.clear();
            transport.candidates.clear();
        }
        if depth < Depth::Type {
            transport.application_encodings.iter_mut().for_each(|encoding| encoding.packet_types.clear());
        }
    }
}

/// What is wrong with a filter, with its place.
pub(crate) fn filter_problem(text: &str, error: &streamlens_filter::FilterError) -> Problem {
    let place = utf16(text, error.place());
    Problem { place: Some(place), ..Problem::new("filter", "The filter is wrong", 400, error.message()) }
}

/// A place in bytes as one in UTF-16 code units.
pub(crate) fn utf16(text: &str, place: std::ops::Range<usize>) -> FilterPlace {
    let units = |end: usize| text.get(..end).map_or(0, |before| before.encode_utf16().count()) as u32;
    FilterPlace { start: units(place.start), end: units(place.end) }
}

/// A place in UTF-16 code units as one in bytes, at the border of a character.
pub(crate) fn bytes_of(text: &str, units: u32) -> usize {
    let mut left = units as usize;
    for (at, letter) in text.char_indices() {
        if left == 0 {
            return at;
        }
        left = left.saturating_sub(letter.len_utf16());
    }
    text.len()
}

/// Whether rows of a level are shown down to a depth.
fn shows(depth: Depth, level: Level) -> bool {
    depth
        >= match level {
            Level::Flow => Depth::Flow,
            Level::Transport => Depth::Transport,
            Level::Encoding => Depth::Encoding,
            Level::PacketType => Depth::Type,
            Level::Stream => Depth::Stream,
        }
}

/// All views of a board.
#[derive(Debug, Default)]
pub(crate) struct Views {
    views: HashMap<ViewKey, SharedView>,
    uses: u64,
}

/// Flows that are marked as changed by a bit; those beyond are looked up.
const MOST_MARKS: usize = 1 << 22;

#[derive(Debug)]
struct SharedView {
    spec: ViewSpec,
    /// Flows that are shown, in their order.
    entries: Vec<Entry>,
    /// Their places; made where somebody has rows expanded, for that goes over all flows.
    ranks: OnceLock<HashMap<FlowId, u32>>,
    /// Rows of filtered flows that are shown.
    shown: HashMap<FlowId, Arc<HashSet<RowId>>>,
    /// Rows in front of each flow, at depths below flows; one more than there are flows.
    before: Vec<u64>,
    /// The look that it is of.
    epoch: u64,
    last_use: u64,
    /// Whether clients have it.
    users: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    sort: Option<SortKey>,
    key: FlowKey,
    id: FlowId,
}

/// Rows of a window, from the top.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) rows: Vec<RowId>,
    pub(super) from: u64,
    /// Flows in front of that of the first row.
    pub(super) from_flow: u64,
    pub(super) total: u64,
    pub(super) flows: u64,
}

impl Views {
    /// Makes room for a view and brings it up to date.
    ///
    /// # Errors
    ///
    /// Where there are as many different ones as there may be, and all are in use.
    pub(super) fn add(&mut self, spec: &ViewSpec, is_held: bool) -> Result<(), Problem> {
        self.uses += 1;
        if !self.views.contains_key(&spec.key) && self.views.len() >= MOST_VIEWS {
            let unused = self.views.iter().filter(|(_, view)| view.users == 0).min_by_key(|(_, view)| view.last_use);
            let Some(key) = unused.map(|(key, _)| key.clone()) else {
                return Err(Problem::new(
                    "views",
                    "Too many different views",
                    503,
                    format!(
                        "{MOST_VIEWS} different filters and orders are in use; use one of another client's, or close some"
                    ),
                ));
            };
            self.views.remove(&key);
        }
        let last_use = self.uses;
        let view = self.views.entry(spec.key.clone()).or_insert_with(|| SharedView {
            spec: spec.clone(),
            entries: Vec::new(),
            ranks: OnceLock::new(),
            shown: HashMap::new(),
            before: Vec::new(),
            epoch: 0,
            last_use,
            users: 0,
        });
        view.last_use = last_use;
        view.users += usize::from(is_held);
        Ok(())
    }

    /// Whether there is such a view.
    pub(super) fn has(&self, key: &ViewKey) -> bool {
        self.views.contains_key(key)
    }

    /// Whether a view is that of a look.
    pub(super) fn is_fresh(&self, key: &ViewKey, epoch: u64) -> bool {
        self.views.get(key).is_some_and(|view| view.epoch == epoch)
    }

    /// Says that a client has no more use for a view.
    pub(super) fn give_up(&mut self, key: &ViewKey) {
        if let Some(view) = self.views.get_mut(key) {
            view.users = view.users.saturating_sub(1);
        }
    }
}

impl Board {
    /// Brings the views up to date that clients have.
    pub(super) fn update_views(&mut self) {
        let mut views = std::mem::take(&mut self.views);
        let epoch = self.table.epoch.0;
        let asks = views
            .views
            .values()
            .any(|view| view.users > 0 && view.spec.filter.as_ref().is_some_and(Filter::asks_for_findings));
        let index = asks.then(|| self.table.finding_index());
        for view in views.views.values_mut().filter(|view| view.users > 0 && view.epoch != epoch) {
            let is_next = view.epoch != 0 && !view.spec.goes_by_time();
            let changed = self.changed.as_ref().filter(|_| is_next);
            view.update(self, changed, index.as_ref());
        }
        // one that nobody had is behind by more than this
        views.views.values_mut().filter(|view| view.users == 0).for_each(|view| view.epoch = 0);
        self.views = views;
        self.changed = Some(BTreeSet::new());
    }

    /// Brings one view up to date.
    pub(super) fn update_view(&mut self, key: &ViewKey) {
        let mut views = std::mem::take(&mut self.views);
        if let Some(view) = views.views.get_mut(key).filter(|view| view.epoch != self.table.epoch.0 || view.epoch == 0)
        {
            let asks = view.spec.filter.as_ref().is_some_and(Filter::asks_for_findings);
            let index = asks.then(|| self.table.finding_index());
            view.update(self, None, index.as_ref());
            if view.users == 0 {
                // it does not take part in what follows
                view.last_use = 0;
            }
        }
        self.views = views;
    }

    /// The rows of a window of a view that is up to date.
    pub(super) fn list(&self, key: &ViewKey, window: Option<Window>, expanded: &HashSet<RowId>) -> Listed {
        let Some(view) = self.views.views.get(key) else { return Listed::default() };
        view.list(self, window, expanded)
    }

    /// The rows that are shown of a flow, from the top.
    fn tree(
        &self,
        flow: FlowId,
        depth: Depth,
        expanded: &HashSet<RowId>,
        shown: Option<&HashSet<RowId>>,
    ) -> Vec<RowId> {
        let own = RowId::flow(flow);
        if depth == Depth::Flow && !expanded.contains(&own) {
            return vec![own];
        }
        let mut below: BTreeMap<RowId, Vec<RowId>> = BTreeMap::new();
        for (row, name) in self.rows(flow) {
            if let (Some(parent), Some(_)) = (row.parent, name)
                && shown.is_none_or(|shown| shown.contains(&row.id))
                && (shows(depth, row.id.level) || expanded.contains(&parent))
            {
                below.entry(parent).or_default().push(row.id);
            }
        }
        let (mut list, mut waiting) = (Vec::new(), vec![own]);
        while let Some(id) = waiting.pop() {
            list.push(id);
            waiting.extend(below.get(&id).into_iter().flatten().rev());
        }
        list
    }
}

impl SharedView {
    fn update(&mut self, board: &Board, changed: Option<&BTreeSet<FlowId>>, index: Option<&FindingIndex>) {
        self.epoch = board.table.epoch.0;
        let mut fresh: Vec<Entry> = Vec::new();
        match changed {
            Some(changed) => {
                // of very many flows a few have changed: of the others a bit says so
                let slots = changed.last().map_or(0, |last| last.slot as usize + 1).min(MOST_MARKS);
                let mut marks = vec![false; slots];
                for id in changed {
                    marks.get_mut(id.slot as usize).into_iter().for_each(|mark| *mark = true);
                }
                // those without a mark of their own are looked up
                let is_marked = |id: &FlowId| marks.get(id.slot as usize).copied().unwrap_or(slots == MOST_MARKS);
                let is_old = |id: &FlowId| !(is_marked(id) && changed.contains(id));
                self.entries.retain(|entry| is_old(&entry.id));
                self.shown.retain(|id, _| is_old(id));
                fresh.extend(changed.iter().filter_map(|id| self.entry(board, *id, index)));
            }
            None => {
                self.entries.clear();
                self.shown.clear();
                let flows: Vec<FlowId> =
                    board.table.rows.keys().filter(|id| id.level == Level::Flow).map(|id| id.flow).collect();
                fresh.extend(flows.into_iter().filter_map(|id| self.entry(board, id, index)));
            }
        }
        let (gather, is_reversed) = (self.spec.sort.gather(), self.spec.is_reversed);
        fresh.sort_by(|one, other| compare(one, other, gather, is_reversed));
        self.entries = merged(std::mem::take(&mut self.entries), fresh, |one, other| {
            compare(one, other, gather, is_reversed).is_le()
        });
        self.ranks = OnceLock::new();
        self.before.clear();
        let depth = self.spec.key.depth;
        if depth > Depth::Flow {
            let (mut sum, none) = (0, HashSet::new());
            self.before.push(0);
            for entry in &self.entries {
                sum += board.tree(entry.id, depth, &none, self.shown.get(&entry.id).map(|shown| &**shown)).len() as u64;
                self.before.push(sum);
            }
        }
    }

    /// A flow's place, where it is shown.
    fn entry(&mut self, board: &Board, id: FlowId, index: Option<&FindingIndex>) -> Option<Entry> {
        let (row, name) = board.row(RowId::flow(id))?;
        let Some(RowName::Flow(key, _)) = name else { return None };
        let name = self.spec.sort.name();
        let plain = match name {
            "first_seen" => Some(row.first_seen.map(|time| SortKey::Instant(time.as_nanos()))),
            "packets" => Some(Some(SortKey::Number(row.packets as f64))),
            "bytes" => Some(row.bytes.map(|bytes| SortKey::Number(bytes as f64))),
            "rate" if board.is_paced => Some(row.bit_rate.map(SortKey::Number)),
            "rate" => {
                let bytes = row.bytes.unwrap_or_default();
                Some(mean_bit_rate(row.first_seen, row.last_seen, row.packets, bytes).map(SortKey::Number))
            }
            "pps" => Some(row.packet_rate.map(SortKey::Number)),
            _ => None,
        };
        if let (Some(sort), None) = (&plain, &self.spec.filter) {
            return Some(Entry { sort: sort.clone(), key: *key, id });
        }
        let live = LiveFlow::new(&board.table, id)?;
        let context = live.context(&board.table, index);
        if let Some(filter) = &self.spec.filter {
            let shown = filter.shown(live.flow(), context);
            if shown.is_empty() {
                return None;
            }
            let shown = shown.iter().filter_map(|row| live.row(row)).map(|row| row.id).collect();
            self.shown.insert(id, Arc::new(shown));
        }
        let sort = plain.unwrap_or_else(|| SortKey::of(rows(live.flow(), context), &self.spec.sort));
        Some(Entry { sort, key: *key, id })
    }

    /// The place of a flow.
    fn rank(&self, id: &FlowId) -> Option<usize> {
        let ranks = self.ranks.get_or_init(|| (0..).zip(&self.entries).map(|(rank, entry)| (entry.id, rank)).collect());
        ranks.get(id).map(|rank| *rank as usize)
    }

    fn list(&self, board: &Board, window: Option<Window>, expanded: &HashSet<RowId>) -> Listed {
        let depth = self.spec.key.depth;
        let tree = |id: FlowId| board.tree(id, depth, expanded, self.shown.get(&id).map(|shown| &**shown));
        let before =
            |rank: usize| if depth > Depth::Flow { self.before.get(rank).copied().unwrap_or(0) } else { rank as u64 };
        let open: BTreeSet<FlowId> = expanded.iter().map(|row| row.flow).collect();
        // flows with more rows than their depth has, in their order, with the rows in front of what follows
        let mut opened: Vec<(usize, Vec<RowId>)> =
            open.into_iter().filter_map(|id| self.rank(&id).map(|rank| (rank, tree(id)))).collect();
        opened.sort_by_key(|(rank, _)| *rank);
        let mut extra = 0;
        let mut marks: Vec<(usize, u64)> = Vec::new();
        for (rank, rows) in &opened {
            extra += (rows.len() as u64).saturating_sub(before(rank + 1) - before(*rank));
            marks.push((*rank, extra));
        }
        let opened: HashMap<usize, Vec<RowId>> = opened.into_iter().collect();
        let offset = |rank: usize| {
            let more = marks.partition_point(|(at, _)| *at < rank);
            before(rank) + more.checked_sub(1).and_then(|at| marks.get(at)).map_or(0, |(_, extra)| *extra)
        };
        let flows = self.entries.len();
        let total = offset(flows);
        let window = window.unwrap_or(Window { from: 0, count: u64::MAX });
        let from = window.from.min(total);
        let (mut low, mut high) = (0, flows);
        while low < high {
            let middle = (low + high) / 2;
            if offset(middle + 1) > from { high = middle } else { low = middle + 1 }
        }
        let mut skip = usize::try_from(from - offset(low).min(from)).unwrap_or(0);
        let count = usize::try_from(window.count).unwrap_or(usize::MAX);
        let mut list = Vec::new();
        for (rank, entry) in self.entries.iter().enumerate().skip(low) {
            if list.len() >= count {
                break;
            }
            match opened.get(&rank) {
                Some(rows) => list.extend(rows.iter().skip(skip)),
                None if depth == Depth::Flow => list.push(RowId::flow(entry.id)),
                None => list.extend(tree(entry.id).iter().skip(skip)),
            }
            skip = 0;
        }
        list.truncate(count);
        Listed { rows: list, from, from_flow: low as u64, total, flows: flows as u64 }
    }
}

fn compare(one: &Entry, other: &Entry, gather: Gather, is_reversed: bool) -> Ordering {
    let by_field = match (&one.sort, &other.sort) {
        (Some(_), Some(_)) if is_reversed => SortKey::compare(other.sort.as_ref(), one.sort.as_ref(), gather),
        (a, b) => SortKey::compare(a.as_ref(), b.as_ref(), gather),
    };
    by_field.then_with(|| one.key.cmp(&other.key)).then_with(|| one.id.cmp(&other.id))
}

/// Two sorted lists as one.
fn merged<T>(old: Vec<T>, new: Vec<T>, is_first: impl Fn(&T, &T) -> bool) -> Vec<T> {
    if new.is_empty() {
        return old;
    }
    let mut all = Vec::with_capacity(old.len() + new.len());
    let mut old = old.into_iter().peekable();
    for next in new {
        while old.peek().is_some_and(|first| is_first(first, &next)) {
            all.extend(old.next());
        }
        all.push(next);
    }
    all.extend(old);
    all
}
