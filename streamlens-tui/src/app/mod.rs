//! The state of the interface, and how it changes. It draws from this state alone, and hands back what is to be done.

mod act;
mod detail;
mod findings;
mod history;
mod like;
mod narrow;
mod pick;
mod prompt;
mod rates;
mod rows;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use streamlens_filter::Catalogue;
use streamlens_model::row::{Delta, FindingState, FlowId, Level, Row, RowId, RowName, RowTable};
use streamlens_model::{CaptureSummary, FlowKey, Severity};

use crate::feed::{Answer, Feed, Kind, Request, Status};
use crate::format::Format;
use crate::keys::Keymap;
use crate::order::Order;
use crate::pending::Pending;
use crate::theme::Theme;
use crate::tree::Tree;

pub(crate) use self::detail::Detail;
pub use self::detail::Tab;
pub(crate) use self::findings::FindingList;
pub(crate) use self::history::{History, Sample};
pub(crate) use self::narrow::Narrowing;
pub(crate) use self::pick::Picker;
pub(crate) use self::prompt::{Editor, Prompt, SUGGESTIONS};
pub(crate) use self::rates::Rates;
pub(crate) use self::rows::cells;

/// The order is renewed so often.
const RENEWAL: Duration = Duration::from_secs(1);
/// One in so many times what hardly changes is looked at as well.
const SELDOM: u32 = 10;
/// It is left alone for so long behind a key.
const CALM: Duration = Duration::from_secs(2);
/// What is said stands for so long.
const SAID: Duration = Duration::from_secs(6);

/// What can be told before the interface starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// Colours.
    pub theme: Theme,
    /// Keys.
    pub keys: Keymap,
    /// Only ASCII on the screen.
    pub is_ascii: bool,
    /// Whether the mouse is taken.
    pub has_mouse: bool,
    /// The least time between two drawings.
    pub refresh: Duration,
    /// The columns, where they were chosen.
    pub columns: Option<Vec<String>>,
    /// The column that flows are ordered by.
    pub sort: Option<String>,
    /// The filter in the beginning.
    pub filter: String,
    /// The names that filters may use.
    pub catalogue: Catalogue,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            theme: Theme::default(),
            keys: Keymap::default(),
            is_ascii: false,
            has_mouse: true,
            refresh: Duration::from_millis(100),
            columns: None,
            sort: None,
            filter: String::new(),
            catalogue: Catalogue::new(),
        }
    }
}

/// Which screen is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The tree of flows.
    Flows,
    /// The detail of a row.
    Detail,
    /// All findings.
    Findings,
    /// The capture and its interfaces.
    Capture,
    /// The keys.
    Help,
}

/// What is to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Put a text on the clipboard of the terminal.
    Copy(String),
    /// Ask whoever runs the interface.
    Ask(Request),
    /// Stop the process until it is continued.
    Suspend,
    /// End.
    Quit,
}

/// The interface.
#[derive(Debug)]
pub struct App {
    pub(crate) options: Options,
    pub(crate) table: RowTable,
    /// Changed rows that are not in the table yet.
    pending: Pending,
    pub(crate) tree: Tree,
    pub(crate) status: Status,
    pub(crate) format: Format,
    pub(crate) views: Vec<View>,
    pub(crate) narrowing: Narrowing,
    pub(crate) order: Order,
    /// The column that is chosen, by its place in the layout.
    pub(crate) column: usize,
    /// Since when nothing new is shown.
    pub(crate) frozen: Option<Instant>,
    /// Findings by severity.
    pub(crate) counts: [usize; 3],
    /// Columns of the screen, as drawn last.
    pub(crate) width: usize,
    /// Rows of the screen for the tree, as drawn last.
    pub(crate) height: usize,
    /// Flows that may not end for want of room.
    pub(crate) marked: BTreeSet<FlowId>,
    pub(crate) detail: Option<Detail>,
    pub(crate) history: History,
    /// How much passes.
    pub(crate) rates: Rates,
    pub(crate) findings: FindingList,
    /// What is typed into, or chosen from.
    pub(crate) prompt: Option<Prompt>,
    /// The first line of help or capture.
    pub(crate) scroll: usize,
    /// The page of the help.
    pub(crate) page: usize,
    /// What is known of the capture as a whole, and since when.
    pub(crate) capture: Option<(Box<CaptureSummary>, Instant)>,
    /// What there is to say of the process.
    pub(crate) process: Vec<(&'static str, String)>,
    /// The lines of the tree as drawn last, from the third line on, for the mouse.
    pub(crate) drawn: Vec<crate::tree::Line>,
    /// A flow that ends, since it is decoded otherwise from now on, and is to be selected again when it is back.
    awaited: Option<(FlowId, FlowKey)>,
    said: Option<(String, Instant)>,
    effects: Vec<Effect>,
    renewed: Option<Instant>,
    renewals: u32,
    /// Whether flows appeared or ended since the rows were brought up to date.
    has_others: bool,
    touched: Option<Instant>,
    is_changed: bool,
}

impl App {
    /// An interface that knows nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let order = options.sort.as_deref().and_then(Order::by).unwrap_or_default();
        let narrowing = Narrowing::new(&options.filter, &options.catalogue);
        Self {
            order,
            narrowing,
            options,
            table: RowTable::default(),
            pending: Pending::default(),
            tree: Tree::default(),
            status: Status::default(),
            format: Format::default(),
            views: vec![View::Flows],
            column: 0,
            frozen: None,
            counts: [0; 3],
            width: 80,
            height: 1,
            marked: BTreeSet::new(),
            detail: None,
            history: History::default(),
            rates: Rates::default(),
            findings: FindingList::default(),
            prompt: None,
            scroll: 0,
            page: 0,
            capture: None,
            process: Vec::new(),
            drawn: Vec::new(),
            awaited: None,
            said: None,
            effects: Vec::new(),
            renewed: None,
            renewals: 0,
            has_others: false,
            touched: None,
            is_changed: true,
        }
    }

    /// The screen that is shown.
    #[must_use]
    pub fn view(&self) -> View {
        self.views.last().copied().unwrap_or(View::Flows)
    }

    /// The row that is selected in the tree.
    #[must_use]
    pub fn selected(&self) -> Option<RowId> {
        self.tree.selected()
    }

    /// Whether something changed since the last drawing; asking takes it back.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    /// What is to be done outside; asking takes it away.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether nothing new is shown: changes are to be left where they are.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Takes in what changed.
    pub fn learn(&mut self, changes: &[Arc<Delta>]) {
        for delta in changes {
            if delta.since.is_none() {
                self.order.forget();
                self.narrowing.forget();
                self.history.clear();
                self.rates.clear();
                self.has_others = true;
                self.detail.iter_mut().for_each(Detail::forget);
                (self.format.began, self.renewed) = (None, None);
            }
            let Self { pending, table, order, narrowing, format, .. } = self;
            // once over all that changed: it may be all there is
            let is_next = pending.take(delta, table, |first| {
                order.touch(first.id.flow);
                narrowing.touch(first.id.flow);
                if first.id.level == Level::Flow {
                    format.began = [format.began, first.first_seen].into_iter().flatten().min();
                }
            });
            if !is_next {
                continue;
            }
            for row in &delta.gone {
                self.order.touch(row.id.flow);
                self.narrowing.touch(row.id.flow);
            }
            for change in &delta.findings {
                change.row.into_iter().for_each(|row| self.narrowing.touch(row.flow));
            }
            let is_flow = |id: &RowId| id.level == Level::Flow;
            self.has_others |=
                delta.names.iter().any(|(id, _)| is_flow(id)) || delta.gone.iter().any(|row| is_flow(&row.id));
            self.learn_times(delta);
            self.rates.take(self.table.now, &self.table.capture);
            if self.history.is_due(self.table.now) {
                self.history.flows().for_each(|flow| self.pending.settle(flow, &mut self.table));
                self.history.sample(self.table.now, &self.table);
            }
            self.is_changed = true;
        }
        if !changes.is_empty() {
            self.count_findings(changes);
            self.select_awaited();
        }
    }

    /// Selects the flow that is waited for, where it is back.
    fn select_awaited(&mut self) {
        let Some((before, key)) = &self.awaited else { return };
        let is_back = |(row, name): &(Row, Option<RowName>)| {
            row.id.flow != *before && matches!(name, Some(RowName::Flow(own, _)) if own == key)
        };
        if let Some((row, _)) = self.table.rows.values().find(|row| is_back(row)) {
            self.tree.select(row.id, &self.table);
            self.awaited = None;
        }
    }

    fn learn_times(&mut self, delta: &Delta) {
        self.format.now = self.table.now;
        if self.status.kind == Kind::File {
            self.settle_all();
            for row in &delta.rows {
                if let Some((row, _)) = self.table.rows.get_mut(&row.id) {
                    row.use_span_rates();
                }
            }
        }
    }

    /// Takes in all figures that wait.
    pub(crate) fn settle_all(&mut self) {
        self.pending.settle_all(&mut self.table);
    }

    /// Takes in the figures of flows that are looked at.
    pub(crate) fn settle(&mut self, flows: impl IntoIterator<Item = FlowId>) {
        flows.into_iter().for_each(|flow| self.pending.settle(flow, &mut self.table));
    }

    /// Takes in the figures of the row that is selected, and of the one whose detail is open.
    pub(crate) fn settle_chosen(&mut self) {
        let chosen = [self.tree.selected(), self.detail.as_ref().map(|detail| detail.id)];
        self.settle(chosen.into_iter().flatten().map(|id| id.flow));
    }

    fn count_findings(&mut self, changes: &[Arc<Delta>]) {
        let is_other = |delta: &Arc<Delta>| {
            delta.since.is_none() || delta.findings.iter().any(|change| change.state != FindingState::Grown)
        };
        if changes.iter().any(is_other) {
            self.counts = [0; 3];
            for (_, finding) in self.table.findings.values() {
                self.counts[finding.severity as usize] += 1;
            }
        }
    }

    /// Takes in how it stands with the source.
    pub fn set_status(&mut self, status: Status, now: Instant) {
        if status != self.status {
            if let Some(new) = status.notices.iter().find(|notice| !self.status.notices.contains(notice)) {
                self.say(new.clone(), now);
            }
            self.status = status;
            self.is_changed = true;
        }
    }

    /// Takes in what came of a request.
    pub fn answer(&mut self, answer: Answer, now: Instant) {
        match answer {
            Answer::Said(text) => self.say(text, now),
            Answer::Series(flow, series) => {
                if let Some(detail) = self.detail.as_mut().filter(|detail| detail.id.flow == flow) {
                    detail.series = Some(series);
                }
            }
        }
        self.is_changed = true;
    }

    /// Says something in the status line for a while.
    pub(crate) fn say(&mut self, text: impl Into<String>, now: Instant) {
        self.said = Some((text.into(), now));
        self.is_changed = true;
    }

    /// What is being said.
    #[must_use]
    pub fn said(&self) -> Option<&str> {
        self.said.as_ref().map(|(text, _)| text.as_str())
    }

    /// Time goes on: what was said is taken back, and the order is renewed where that is due.
    pub fn tick(&mut self, now: Instant) {
        if self.said.as_ref().is_some_and(|(_, since)| now.saturating_duration_since(*since) >= SAID) {
            self.said = None;
            self.is_changed = true;
        }
        if self.frozen.is_some_and(|since| now.saturating_duration_since(since).subsec_millis() < 100) {
            // how long ago it was
            self.is_changed = true;
        }
        let passed = |since: Option<Instant>, at_least| {
            since.is_none_or(|since| now.saturating_duration_since(since) >= at_least)
        };
        let is_calm = passed(self.touched, CALM);
        if self.renewed.is_none() || is_calm && passed(self.renewed, RENEWAL) {
            self.renew(now);
        } else {
            self.add_new();
        }
    }

    /// Brings flows and rows up to date: which are shown, and in which order.
    pub(crate) fn renew(&mut self, now: Instant) {
        (self.renewed, self.has_others) = (Some(now), false);
        // what is first seen changes where times run backwards, if ever
        self.renewals += 1;
        let reads_changed =
            self.order.asks_figures() || self.status.kind == Kind::File || self.renewals.is_multiple_of(SELDOM);
        if self.narrowing.asks_figures() || reads_changed {
            self.settle_all();
        }
        self.narrowing.renew(&self.table, &mut self.tree);
        let mut flows: Vec<FlowId> = self.flows().collect();
        self.order.sort(&mut flows, &self.table, reads_changed);
        if flows != self.tree.order() {
            self.tree.set_order(flows);
            self.is_changed = true;
        }
    }

    /// Puts flows that appeared behind the others, and takes away those that ended; the others stay where they are.
    fn add_new(&mut self) {
        if !std::mem::take(&mut self.has_others) {
            return;
        }
        if self.narrowing.asks_figures() {
            self.settle_all();
        }
        self.narrowing.renew_new(&self.table, &mut self.tree);
        let known: BTreeSet<FlowId> = self.tree.order().iter().copied().collect();
        let shown: BTreeSet<FlowId> = self.flows().collect();
        if known != shown {
            let mut order: Vec<FlowId> =
                self.tree.order().iter().copied().filter(|flow| shown.contains(flow)).collect();
            order.extend(shown.difference(&known));
            self.tree.set_order(order);
            self.is_changed = true;
        }
    }

    /// The flows that are to be shown.
    fn flows(&self) -> impl Iterator<Item = FlowId> + '_ {
        let all = self.table.rows.keys().filter(|id| id.level == Level::Flow).map(|id| id.flow);
        all.filter(|flow| self.tree.is_flow_left(*flow) && self.narrowing.shows(*flow, &self.table))
    }

    /// Asks for what the screen that is shown needs.
    pub fn fetch(&mut self, feed: &mut dyn Feed, now: Instant) {
        self.renew_detail(feed, now);
        let is_old = |(_, since): &(_, Instant)| now.saturating_duration_since(*since) >= RENEWAL;
        // every screen says in its first line that an interface is down
        let is_shown = self.view() == View::Capture;
        let is_wanted = is_shown || self.status.kind == crate::feed::Kind::Live;
        if is_wanted && self.capture.as_ref().is_none_or(is_old) && !self.is_frozen() {
            let (capture, process) = (feed.capture().unwrap_or_default(), feed.process());
            let links = |of: &CaptureSummary| -> Vec<_> {
                of.interfaces.iter().map(|of| of.counts.and_then(|counts| counts.link)).collect()
            };
            let is_known = |(known, _): &(Box<CaptureSummary>, _)| match is_shown {
                true => {
                    (known.packets, &known.interfaces, &known.warnings)
                        == (capture.packets, &capture.interfaces, &capture.warnings)
                }
                false => links(known) == links(&capture),
            };
            let has_changed = !self.capture.as_ref().is_some_and(is_known) || is_shown && process != self.process;
            self.is_changed |= has_changed;
            (self.capture, self.process) = (Some((capture, now)), process);
        }
    }

    /// The gravest finding at a row or below it.
    pub(crate) fn gravest(&self, id: RowId) -> Option<Severity> {
        crate::tree::gravest(&self.table, id)
    }
}
