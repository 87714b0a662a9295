//! Which flows and rows are shown: the filter, findings at least as grave as was asked for, idle flows.

use std::collections::HashMap;

use streamlens_filter::{Catalogue, Filter, FilterError};
use streamlens_model::Severity;
use streamlens_model::row::{FindingIndex, FlowId, LiveFlow, RowId, RowTable, rows};

use crate::touched::Touched;
use crate::tree::{Tree, gravest};

/// What narrows the tree.
#[derive(Debug, Default)]
pub(crate) struct Narrowing {
    /// The filter as it was written last.
    text: String,
    /// The last good filter, which is in force; `None` for everything.
    filter: Option<Filter>,
    /// What is wrong with the text.
    error: Option<FilterError>,
    /// Whether the text would leave nothing, so that what was in force before still is.
    is_vain: bool,
    /// Only flows with findings of this severity or a graver one.
    severity: Option<Severity>,
    /// Whether flows without packets in the last second are left out.
    hides_idle: bool,
    /// Flows that changed since they were asked.
    changed: Touched,
    /// Whether all flows have to be asked.
    is_new: bool,
}

impl Narrowing {
    pub(crate) fn new(text: &str, catalogue: &Catalogue) -> Self {
        let mut narrowing = Self { is_new: true, ..Self::default() };
        narrowing.write(text, catalogue);
        narrowing
    }

    /// Takes a text as the filter. Where it is wrong, the last good one stays in force.
    pub(crate) fn write(&mut self, text: &str, catalogue: &Catalogue) {
        self.text = text.to_owned();
        self.is_vain = false;
        match Filter::parse(text, catalogue) {
            Ok(filter) => {
                let filter = (!filter.is_everything()).then_some(filter);
                self.error = None;
                if filter != self.filter {
                    self.filter = filter;
                    self.is_new = true;
                }
            }
            Err(error) => self.error = Some(error),
        }
    }

    /// Takes a text of which the last word is being typed: what is in force stays so, and nothing is wrong yet.
    pub(crate) fn begin(&mut self, text: &str) {
        self.text = text.to_owned();
        (self.error, self.is_vain) = (None, false);
    }

    /// Takes a text as the filter while it is being typed: one that leaves nothing doesn't take the screen away.
    pub(crate) fn try_out(&mut self, text: &str, catalogue: &Catalogue, table: &RowTable) {
        let is_vain = Filter::parse(text, catalogue).is_ok_and(|filter| {
            let index = filter.asks_for_findings().then(|| table.finding_index());
            let mut flows = table.rows.keys().filter(|id| **id == RowId::flow(id.flow)).map(|id| id.flow);
            !filter.is_everything()
                && !flows
                    .any(|flow| self.shows(flow, table) && !filter.shown_live(table, flow, index.as_ref()).is_empty())
        });
        if is_vain {
            self.begin(text);
            self.is_vain = true;
        } else {
            self.write(text, catalogue);
        }
    }

    /// Whether the text would leave nothing.
    pub(crate) fn is_vain(&self) -> bool {
        self.is_vain
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    pub(crate) fn error(&self) -> Option<&FilterError> {
        self.error.as_ref()
    }

    pub(crate) fn severity(&self) -> Option<Severity> {
        self.severity
    }

    /// Asks for findings of a severity; a second time takes it back.
    pub(crate) fn turn_severity(&mut self, severity: Severity) {
        self.severity = if self.severity == Some(severity) { None } else { Some(severity) };
    }

    pub(crate) fn hides_idle(&self) -> bool {
        self.hides_idle
    }

    pub(crate) fn turn_idle(&mut self) {
        self.hides_idle = !self.hides_idle;
    }

    /// Nothing narrows any more.
    pub(crate) fn clear(&mut self) {
        self.is_new |= self.filter.is_some();
        (self.text, self.filter, self.error, self.is_vain) = (String::new(), None, None, false);
        (self.severity, self.hides_idle) = (None, false);
    }

    /// Whether figures decide what is shown.
    pub(crate) fn asks_figures(&self) -> bool {
        self.filter.is_some() || self.severity.is_some() || self.hides_idle
    }

    /// A flow changed.
    pub(crate) fn touch(&mut self, flow: FlowId) {
        // without a filter all flows are asked when there is one
        if self.filter.is_some() {
            self.changed.add(flow);
        }
    }

    /// All flows are others.
    pub(crate) fn forget(&mut self) {
        self.is_new = true;
    }

    /// Asks all flows that may answer otherwise than before.
    pub(crate) fn renew(&mut self, table: &RowTable, tree: &mut Tree) {
        let Some(filter) = &self.filter else {
            tree.set_left(None);
            self.changed.clear();
            self.is_new = false;
            return;
        };
        let words = |word: &str| self.text.contains(word);
        let asks_time = words("age") || words("idle") || words("$");
        let asks_findings = filter.asks_for_findings();
        let index = asks_findings.then(|| table.finding_index());
        let all = self.is_new || asks_time || asks_findings;
        let mut left = if all { HashMap::new() } else { tree.left_mut().map(std::mem::take).unwrap_or_default() };
        let ask: Vec<FlowId> = if all {
            table.rows.keys().filter(|id| **id == RowId::flow(id.flow)).map(|id| id.flow).collect()
        } else {
            self.changed.each().to_vec()
        };
        for flow in ask {
            ask_flow(filter, flow, table, index.as_ref(), &mut left);
        }
        tree.set_left(Some(left));
        self.changed.clear();
        self.is_new = false;
    }

    /// Asks flows that have not been asked yet; others wait until all are renewed.
    pub(crate) fn renew_new(&mut self, table: &RowTable, tree: &mut Tree) {
        if self.is_new || self.filter.is_none() {
            return self.renew(table, tree);
        }
        let (Some(filter), Some(left)) = (&self.filter, tree.left_mut()) else { return };
        if filter.asks_for_findings() {
            return;
        }
        let new: Vec<FlowId> = self.changed.each().iter().copied().filter(|flow| !left.contains_key(flow)).collect();
        for flow in new {
            ask_flow(filter, flow, table, None, left);
        }
    }

    /// Whether a flow is shown.
    pub(crate) fn shows(&self, flow: FlowId, table: &RowTable) -> bool {
        let own = RowId::flow(flow);
        let is_grave = self.severity.is_none_or(|severity| gravest(table, own) >= Some(severity));
        let is_busy =
            !self.hides_idle || table.rows.get(&own).is_some_and(|(row, _)| row.packet_rate.unwrap_or(0.0) > 0.0);
        is_grave && is_busy
    }
}

fn ask_flow(
    filter: &Filter,
    flow: FlowId,
    table: &RowTable,
    index: Option<&FindingIndex>,
    left: &mut HashMap<FlowId, Vec<RowId>>,
) {
    let mut shown = filter.shown_live(table, flow, index);
    shown.sort_unstable();
    left.insert(flow, shown);
}

impl super::App {
    /// Whether a row itself matches the filter.
    pub(crate) fn matches(&self, id: RowId) -> bool {
        let Some(filter) = self.narrowing.filter() else { return true };
        let Some(live) = LiveFlow::new(&self.table, id.flow) else { return false };
        let index = filter.asks_for_findings().then(|| self.table.finding_index());
        let context = live.context(&self.table, index.as_ref());
        rows(live.flow(), context).any(|row| live.row(&row).is_some_and(|own| own.id == id) && filter.matches(&row))
    }
}
