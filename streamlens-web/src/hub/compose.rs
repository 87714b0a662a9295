//! Messages of a view: the difference between what a client holds and now.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use smallvec::SmallVec;
use streamlens_model::row::{FindingId, FlowId, Level, RowId, RowName};
use streamlens_model::{Finding, Severity};
use streamlens_protocol::{self as protocol, Window};

use super::analysis::{Analysis, Board};
use super::text::push;
use super::view::{Listed, ViewSpec};

/// Rows of one message.
pub(crate) const MOST_ROWS: usize = 2_000;
/// Bytes of one message; a flow that has been begun is ended.
pub(crate) const MOST_BYTES: usize = 1 << 20;
/// Bytes of flows of one message, so that the rest of it finds room.
const FLOW_BYTES: usize = MOST_BYTES - (MOST_BYTES >> 2);
/// Findings of one message.
const MOST_FINDINGS: usize = 500;

/// A view of a client, and what the client holds of it.
pub(super) struct ClientView {
    pub(super) number: u8,
    pub(super) analysis: String,
    pub(super) spec: ViewSpec,
    pub(super) window: Option<Window>,
    /// Names of rows that are opened, and the rows that these are now.
    pub(super) expanded: Vec<String>,
    pub(super) rate: u8,
    pub(super) findings: bool,
    pub(super) history: bool,
    /// Whether flows are sent whole: to a client that has not subscribed, or wants them so.
    pub(super) is_whole: bool,
    /// Whether what is behind comes in pieces, one right after the other: to a hub, over a link that may be slow.
    pub(super) is_in_pieces: bool,
    pub(super) is_reset: bool,
    pub(super) next_due: Option<Instant>,
    held: HashMap<FlowId, Held>,
    order: Vec<Arc<str>>,
    from: u64,
    findings_held: HashMap<FindingId, Arc<Finding>>,
    findings_epoch: Option<u64>,
    last: Option<(protocol::Capture, u64, u64)>,
    is_complete: bool,
    /// The look of which the client has all.
    seen: Option<u64>,
}

/// A flow that a client holds.
#[derive(Debug)]
struct Held {
    key: Arc<str>,
    /// Number of the message that it was in last.
    seq: u64,
    /// Its rows, with the look that each was sent of.
    rows: SmallVec<[(RowId, u64); 1]>,
    /// The second that its history reaches to.
    second: i64,
}

/// What stands in a message beside the view.
pub(super) struct Frame<'a> {
    pub(super) seq: u64,
    pub(super) analysis: &'a Analysis,
    /// Bytes of flows, where it is one of several pieces.
    pub(super) piece: usize,
}

impl ClientView {
    pub(super) fn new(number: u8, analysis: String, spec: ViewSpec) -> Self {
        Self {
            number,
            analysis,
            spec,
            window: None,
            expanded: Vec::new(),
            rate: 10,
            findings: false,
            history: false,
            is_whole: false,
            is_in_pieces: false,
            is_reset: true,
            next_due: None,
            held: HashMap::new(),
            order: Vec::new(),
            from: 0,
            findings_held: HashMap::new(),
            findings_epoch: None,
            last: None,
            is_complete: false,
            seen: None,
        }
    }

    /// Forgets what the client holds.
    pub(super) fn begin_anew(&mut self) {
        self.is_reset = true;
        self.held.clear();
        self.order.clear();
        self.findings_held.clear();
        (self.findings_epoch, self.last, self.seen) = (None, None, None);
    }

    /// Takes over what the client holds by an earlier view.
    pub(super) fn follow(&mut self, before: Self) {
        let Self { held, order, from, findings_held, last, is_reset, next_due, .. } = before;
        (self.held, self.order, self.from, self.last, self.is_reset) = (held, order, from, last, is_reset);
        (self.findings_held, self.next_due) = (findings_held, next_due);
        if self.findings {
            self.findings_epoch = None;
        }
    }

    /// The message that brings the client up to date; `None` where nothing has changed.
    pub(super) fn message(&mut self, board: &mut Board, frame: &Frame<'_>) -> Option<Vec<u8>> {
        if self.seen == Some(board.table.epoch.0) {
            return None;
        }
        let expanded: HashSet<RowId> = self.expanded.iter().filter_map(|name| board.find(name)).collect();
        let listed = board.list(&self.spec.key, self.window, &expanded);
        let mut wanted: HashMap<FlowId, SmallVec<[RowId; 1]>> = HashMap::new();
        let mut flows: Vec<FlowId> = Vec::new();
        for row in &listed.rows {
            let rows = wanted.entry(row.flow).or_insert_with(|| {
                flows.push(row.flow);
                SmallVec::new()
            });
            rows.push(*row);
        }
        for (flow, rows) in &mut wanted {
            complete_tree(board, *flow, rows);
        }
        let second = if self.history { frame.analysis.second } else { 0 };
        let mut removed: Vec<Arc<str>> = Vec::new();
        self.held.retain(|flow, held| {
            let stays = wanted.contains_key(flow);
            if !stays {
                removed.push(Arc::clone(&held.key));
            }
            stays
        });
        // what has changed, the longest unsent first
        let mut pending: Vec<(u64, FlowId)> = flows
            .iter()
            .filter_map(|flow| {
                let rows = wanted.get(flow)?;
                match self.held.get(flow) {
                    None => Some((0, *flow)),
                    Some(held) if held.is_behind(board, rows, second) => Some((held.seq, *flow)),
                    Some(_) => None,
                }
            })
            .collect();
        pending.sort_by_key(|(seq, _)| *seq);
        if self.is_in_pieces {
            pending = active_first(board, pending);
        }
        let most_bytes = if self.is_in_pieces { frame.piece.min(FLOW_BYTES) } else { FLOW_BYTES };
        let (mut text, mut count, mut is_complete) = (Vec::new(), 0, true);
        for (_, flow) in pending {
            let Some(rows) = wanted.get(&flow) else { continue };
            if count > 0 && (count + rows.len() > MOST_ROWS || text.len() > most_bytes) {
                is_complete = false;
                break;
            }
            count += rows.len();
            let key = board.name(RowId::flow(flow));
            let held = self.held.remove(&flow);
            let is_anew = held.as_ref().is_some_and(|held| held.is_of_another_shape(board, rows));
            if is_anew && !self.is_whole {
                removed.push(Arc::clone(&key));
            }
            let held = held.filter(|_| !is_anew && !self.is_whole);
            let history = (self.history && held.as_ref().is_none_or(|held| held.second != second))
                .then(|| frame.analysis.history(flow));
            push(&mut text, &*key);
            text.push(b':');
            let sent = write_flow(board, rows, held.as_ref(), history, &mut text);
            text.push(b',');
            self.held.insert(flow, Held { key, seq: frame.seq, rows: sent, second });
        }
        let order = self.new_order(board, &listed);
        let findings = self.new_findings(board, &mut is_complete);
        let capture = board.capture(&frame.analysis.progress);
        let state = (capture, listed.total, listed.flows);
        let is_reset = std::mem::take(&mut self.is_reset);
        let has_news = is_reset
            || count > 0
            || !removed.is_empty()
            || order.is_some()
            || !findings.is_empty()
            || self.last.as_ref() != Some(&state)
            || is_complete != self.is_complete;
        self.is_complete = is_complete;
        self.seen = is_complete.then_some(board.table.epoch.0);
        if !has_news {
            return None;
        }
        let message = Message {
            frame,
            view: self.number,
            is_reset,
            is_complete,
            removed: &removed,
            flows: text.strip_suffix(b",").unwrap_or(&text),
            from: (listed.from, listed.from_flow),
            order: order.as_deref(),
            state: &state,
            findings: &findings,
        };
        let message = message.write(board);
        self.last = Some(state);
        Some(message)
    }

    /// Whether there is more to be sent than the last message had.
    pub(super) fn has_more(&self) -> bool {
        self.is_in_pieces && !self.is_complete && !self.is_reset
    }

    /// The names of the window's rows, where they are not those that the client holds.
    fn new_order(&mut self, board: &mut Board, listed: &Listed) -> Option<Vec<Arc<str>>> {
        if self.window.is_none() && listed.rows.len() > MOST_ROWS {
            return None;
        }
        let order: Vec<Arc<str>> = listed.rows.iter().map(|row| board.name(*row)).collect();
        if order == self.order && listed.from == self.from && !self.is_reset {
            return None;
        }
        (self.order, self.from) = (order.clone(), listed.from);
        Some(order)
    }

    fn new_findings(&mut self, board: &mut Board, is_complete: &mut bool) -> Vec<protocol::Finding> {
        if !self.findings || self.findings_epoch == Some(board.findings) {
            return Vec::new();
        }
        let mut news: Vec<(FindingId, Option<RowId>, Arc<Finding>, protocol::FindingState)> = Vec::new();
        for (id, (row, finding)) in &board.table.findings {
            let state = match self.findings_held.get(id) {
                None => protocol::FindingState::New,
                Some(held) if **held != **finding => protocol::FindingState::Grown,
                Some(_) => continue,
            };
            news.push((*id, *row, Arc::clone(finding), state));
        }
        news.sort_by(|one, other| {
            other.2.severity.cmp(&one.2.severity).then(one.2.first.frame.cmp(&other.2.first.frame))
        });
        let gone = self.findings_held.iter().filter(|(id, _)| !board.table.findings.contains_key(id));
        let gone: Vec<(FindingId, Arc<Finding>)> = gone.map(|(id, finding)| (*id, Arc::clone(finding))).collect();
        if news.len() > MOST_FINDINGS {
            news.truncate(MOST_FINDINGS);
            *is_complete = false;
        } else {
            self.findings_epoch = Some(board.findings);
        }
        let mut findings = Vec::new();
        for (id, row, finding, state) in news {
            let row = row.map(|row| board.name(row).to_string());
            findings.push(finding_message(id, row, &finding, state, board.table.finding_probes.get(&id)));
            self.findings_held.insert(id, finding);
        }
        for (id, finding) in gone {
            self.findings_held.remove(&id);
            findings.push(finding_message(id, None, &finding, protocol::FindingState::Resolved, None));
        }
        findings
    }
}

/// What has changed and what was never sent by turns, so that neither waits for the other; of what was never sent the most
/// active first.
fn active_first(board: &Board, pending: Vec<(u64, FlowId)>) -> Vec<(u64, FlowId)> {
    let (mut new, changed): (Vec<_>, Vec<_>) = pending.into_iter().partition(|(seq, _)| *seq == 0);
    let rate = |flow: FlowId| board.row(RowId::flow(flow)).and_then(|(row, _)| row.packet_rate).unwrap_or_default();
    new.sort_by(|(_, one), (_, other)| rate(*other).total_cmp(&rate(*one)).then(one.cmp(other)));
    let (mut new, mut changed, mut all) = (new.into_iter(), changed.into_iter(), Vec::new());
    loop {
        let before = all.len();
        all.extend(changed.next());
        all.extend(new.next());
        if all.len() == before {
            return all;
        }
    }
}

impl Held {
    /// Whether the client has to be told something of the flow.
    fn is_behind(&self, board: &Board, rows: &[RowId], second: i64) -> bool {
        let changed = |id: &RowId| board.stamps.get(id).map(|stamp| stamp.changed);
        self.second != second
            || self.rows.len() != rows.len()
            || self.rows.iter().zip(rows).any(|((id, version), row)| id != row || changed(row) != Some(*version))
    }

    /// Whether a row that the client holds is shown no more, or is called otherwise.
    fn is_of_another_shape(&self, board: &Board, rows: &[RowId]) -> bool {
        self.rows
            .iter()
            .any(|(id, version)| !rows.contains(id) || board.stamps.get(id).is_none_or(|stamp| stamp.named > *version))
    }
}

/// Adds the rows above those that are shown, and brings them into an order of their own: a window may begin within a flow.
fn complete_tree(board: &Board, flow: FlowId, rows: &mut SmallVec<[RowId; 1]>) {
    let own = RowId::flow(flow);
    if rows.as_slice() == [own] {
        return;
    }
    let mut all: std::collections::BTreeSet<RowId> = rows.iter().copied().collect();
    for row in rows.iter() {
        let mut next = *row;
        while let Some(parent) = board.row(next).and_then(|(row, _)| row.parent) {
            all.insert(parent);
            next = parent;
        }
    }
    all.insert(own);
    *rows = all.into_iter().collect();
}

/// Writes a flow whole, or what has changed since the client got it. Returns what the client holds then.
pub(super) fn write_flow(
    board: &mut Board,
    rows: &[RowId],
    held: Option<&impl HoldsRows>,
    history: Option<Vec<u64>>,
    out: &mut Vec<u8>,
) -> SmallVec<[(RowId, u64); 1]> {
    let mut below: BTreeMap<RowId, Vec<RowId>> = BTreeMap::new();
    let mut sent = SmallVec::new();
    for id in rows {
        if let Some((row, _)) = board.row(*id)
            && let Some(parent) = row.parent
        {
            below.entry(parent).or_default().push(*id);
        }
        sent.push((*id, board.stamps.get(id).map_or(0, |stamp| stamp.changed)));
    }
    let Some(flow) = rows.first().map(|row| RowId::flow(row.flow)) else { return sent };
    let mut writer = Writer { board, below, versions: held.map(HoldsRows::versions) };
    let begin = out.len();
    writer.row(flow, history, out);
    if out.len() == begin {
        out.extend_from_slice(b"{}");
    }
    sent
}

/// What knows which rows a client holds.
pub(super) trait HoldsRows {
    /// The rows, with the look that each was sent of.
    fn versions(&self) -> HashMap<RowId, u64>;
}

impl HoldsRows for Held {
    fn versions(&self) -> HashMap<RowId, u64> {
        self.rows.iter().copied().collect()
    }
}

struct Writer<'b> {
    board: &'b mut Board,
    below: BTreeMap<RowId, Vec<RowId>>,
    /// What the client holds; `None` where it holds nothing of the flow.
    versions: Option<HashMap<RowId, u64>>,
}

impl Writer<'_> {
    /// Writes a row with those below it as an object; nothing where nothing has changed.
    fn row(&mut self, id: RowId, history: Option<Vec<u64>>, out: &mut Vec<u8>) {
        let begin = out.len();
        let held = self.versions.as_ref().and_then(|versions| versions.get(&id)).copied();
        out.push(b'{');
        let mut health = Vec::new();
        if let Some(text) = self.board.text(id).filter(|text| held != Some(text.version)) {
            out.extend_from_slice(text.own.of(held.is_some()));
            health.extend_from_slice(text.health.of(held.is_some()));
        }
        if let Some(history) = history {
            comma(out);
            out.extend_from_slice(b"\"history\":");
            push(out, &history);
        }
        let below = self.below.remove(&id).unwrap_or_default();
        let (streams, others): (Vec<RowId>, Vec<RowId>) = below.into_iter().partition(|id| id.level == Level::Stream);
        self.list("streams", &streams, &mut health);
        if id.level == Level::Encoding && (held.is_none() || !health.is_empty()) {
            comma(out);
            out.extend_from_slice(b"\"health\":{");
            out.extend_from_slice(&health);
            out.push(b'}');
        }
        let key = match id.level {
            Level::Flow => "transport_protocols",
            Level::Transport => "application_encodings",
            _ => "packet_types",
        };
        self.list(key, &others, out);
        if held.is_some() && out.len() == begin + 1 {
            out.truncate(begin);
            return;
        }
        out.push(b'}');
    }

    fn list(&mut self, key: &str, rows: &[RowId], out: &mut Vec<u8>) {
        let before = out.len();
        comma(out);
        push(out, key);
        out.extend_from_slice(b":{");
        let begin = out.len();
        for id in rows {
            let name = match self.board.row(*id).and_then(|(_, name)| name) {
                Some(RowName::Named(name)) | Some(RowName::Stream(name, _)) => Arc::clone(name),
                _ => continue,
            };
            let here = out.len();
            if here > begin {
                out.push(b',');
            }
            push(out, &*name);
            out.push(b':');
            let value = out.len();
            self.row(*id, None, out);
            if out.len() == value {
                out.truncate(here);
            }
        }
        if out.len() == begin {
            out.truncate(before);
        } else {
            out.push(b'}');
        }
    }
}

/// Separates from what stands before, where something does.
fn comma(out: &mut Vec<u8>) {
    if out.last().is_some_and(|last| *last != b'{') {
        out.push(b',');
    }
}

/// A message in parts.
struct Message<'a> {
    frame: &'a Frame<'a>,
    view: u8,
    is_reset: bool,
    is_complete: bool,
    removed: &'a [Arc<str>],
    flows: &'a [u8],
    /// Rows, and flows, in front of the window.
    from: (u64, u64),
    order: Option<&'a [Arc<str>]>,
    state: &'a (protocol::Capture, u64, u64),
    findings: &'a [protocol::Finding],
}

impl Message<'_> {
    fn write(&self, board: &Board) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.flows.len() + 1024);
        let mut field = |key: &str, value: &dyn Fn(&mut Vec<u8>)| {
            comma(&mut out);
            if out.is_empty() {
                out.push(b'{');
            }
            push(&mut out, key);
            out.push(b':');
            value(&mut out);
        };
        let (capture, total, flows) = self.state;
        field("type", &|out| push(out, "flow_update"));
        if let Some(now) = board.table.now {
            field("timestamp", &|out| push(out, &now));
        }
        field("sent", &|out| push(out, &crate::clock::now()));
        field("start", &|out| push(out, &self.frame.analysis.start));
        field("analysis", &|out| push(out, &self.frame.analysis.id));
        field("seq", &|out| push(out, &self.frame.seq));
        field("epoch", &|out| push(out, &board.table.epoch.0));
        field("view", &|out| push(out, &self.view));
        if self.is_reset {
            field("reset", &|out| push(out, &true));
        }
        field("complete", &|out| push(out, &self.is_complete));
        if !self.removed.is_empty() {
            field("removed", &|out| push_texts(out, self.removed));
        }
        field("flows", &|out| {
            out.push(b'{');
            out.extend_from_slice(self.flows);
            out.push(b'}');
        });
        if let Some(order) = self.order {
            field("from", &|out| push(out, &self.from.0));
            field("from_flow", &|out| push(out, &self.from.1));
            field("order", &|out| push_texts(out, order));
        }
        field("total", &|out| push(out, total));
        field("total_flows", &|out| push(out, flows));
        field("capture", &|out| push(out, capture));
        if !self.findings.is_empty() {
            field("findings", &|out| push(out, self.findings));
        }
        out.push(b'}');
        out
    }
}

fn push_texts(out: &mut Vec<u8>, texts: &[Arc<str>]) {
    out.push(b'[');
    for (place, text) in texts.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push(out, &**text);
    }
    out.push(b']');
}

/// A finding as messages have it.
pub(super) fn finding_message(
    id: FindingId,
    row: Option<String>,
    finding: &Finding,
    state: protocol::FindingState,
    probes: Option<&Arc<[Arc<str>]>>,
) -> protocol::Finding {
    let occurrence = |at: &streamlens_model::Occurrence| protocol::Occurrence {
        frame: at.frame,
        time: at.time.map(|time| time.to_string()),
    };
    let place = &finding.place;
    protocol::Finding {
        id: format!("{:016x}", id.0),
        state,
        row,
        code: finding.code.to_string(),
        severity: severity(finding.severity),
        count: finding.count,
        first: occurrence(&finding.first),
        last: occurrence(&finding.last),
        place: protocol::Where {
            flow: place.flow.clone(),
            transport: place.transport.clone(),
            encoding: place.encoding.clone(),
            stream: place.stream.clone(),
        },
        text: finding.text.clone(),
        probes: probes.into_iter().flat_map(|probes| probes.iter()).map(|name| name.to_string()).collect(),
    }
}

pub(super) fn severity(of: Severity) -> protocol::Severity {
    match of {
        Severity::Info => protocol::Severity::Info,
        Severity::Warning => protocol::Severity::Warning,
        Severity::Error => protocol::Severity::Error,
    }
}

/// The part of an analysis that a view with the same would hold, for REST.
pub(super) fn page(
    board: &mut Board,
    analysis: &Analysis,
    spec: &ViewSpec,
    window: Window,
    expanded: &[String],
) -> Vec<u8> {
    let expanded: HashSet<RowId> = expanded.iter().filter_map(|name| board.find(name)).collect();
    let listed = board.list(&spec.key, Some(window), &expanded);
    let mut wanted: BTreeMap<FlowId, SmallVec<[RowId; 1]>> = BTreeMap::new();
    listed.rows.iter().for_each(|row| wanted.entry(row.flow).or_default().push(*row));
    let mut text = Vec::new();
    for (flow, mut rows) in wanted {
        complete_tree(board, flow, &mut rows);
        let key = board.name(RowId::flow(flow));
        push(&mut text, &*key);
        text.push(b':');
        write_flow(board, &rows, None::<&Held>, None, &mut text);
        text.push(b',');
    }
    let order: Vec<Arc<str>> = listed.rows.iter().map(|row| board.name(*row)).collect();
    let mut out = b"{".to_vec();
    let mut field = |key: &str, value: &dyn Fn(&mut Vec<u8>)| {
        comma(&mut out);
        push(&mut out, key);
        out.push(b':');
        value(&mut out);
    };
    if let Some(now) = board.table.now {
        field("timestamp", &|out| push(out, &now));
    }
    field("start", &|out| push(out, &analysis.start));
    field("analysis", &|out| push(out, &analysis.id));
    field("epoch", &|out| push(out, &board.table.epoch.0));
    field("flows", &|out| {
        out.push(b'{');
        out.extend_from_slice(text.strip_suffix(b",").unwrap_or(&text));
        out.push(b'}');
    });
    field("from", &|out| push(out, &listed.from));
    field("from_flow", &|out| push(out, &listed.from_flow));
    field("order", &|out| push_texts(out, &order));
    field("total", &|out| push(out, &listed.total));
    field("total_flows", &|out| push(out, &listed.flows));
    field("capture", &|out| push(out, &board.capture(&analysis.progress)));
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use streamlens_model::row::{Row, RowTable};

    use super::*;

    #[test]
    fn the_most_active_come_first_and_what_changed_is_not_kept_waiting() {
        let flow = |slot| FlowId { slot, generation: 0 };
        let mut table = RowTable::default();
        for slot in 0..6 {
            let row = Row { id: RowId::flow(flow(slot)), packet_rate: Some(f64::from(slot) * 100.0), ..Row::default() };
            table.rows.insert(row.id, (row, None));
        }
        let board = Board::of(table);
        let pending = vec![(0, flow(0)), (0, flow(1)), (0, flow(2)), (0, flow(3)), (7, flow(4)), (8, flow(5))];
        let order: Vec<u32> = active_first(&board, pending).into_iter().map(|(_, flow)| flow.slot).collect();
        assert_eq!(order, [4, 3, 5, 2, 1, 0]);
    }
}
