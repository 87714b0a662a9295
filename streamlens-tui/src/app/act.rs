//! What keys and the mouse do.

use std::time::Instant;

use crossterm::event::{Event, KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use streamlens_model::row::FlowId;
use streamlens_model::words::grouped;
use streamlens_model::{Severity, Timestamp};

use super::{App, Effect, View};
use crate::columns;
use crate::feed::Request;
use crate::format::Units;
use crate::keys::{Command, Key, Scope};
use crate::order::Order;

/// Lines that the wheel moves.
const WHEEL: isize = 3;
/// The line of the first row of the tree.
pub(crate) const FIRST_LINE: usize = 3;

impl App {
    /// Takes an event of the terminal.
    pub fn event(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key, now),
            Event::Paste(text) => self.paste(text, now),
            Event::Mouse(mouse) => self.mouse(mouse, now),
            Event::Resize(..) | Event::FocusGained => {}
            _ => return,
        }
        self.is_changed = true;
    }

    fn key(&mut self, key: &KeyEvent, now: Instant) {
        self.touched = Some(now);
        self.settle_chosen();
        if self.prompt.is_some() {
            return self.prompt_key(key, now);
        }
        let scope = match self.view() {
            View::Flows => Scope::Tree,
            View::Detail => Scope::Detail,
            _ => Scope::Any,
        };
        let found = self.options.keys.command(Key::of(key), scope);
        // help and lists have no keys of their own: all that mean something anywhere
        if let Some(command) = found.filter(|command| scope != Scope::Any || command.scope() == Scope::Any) {
            self.command(command, now);
        }
    }

    fn mouse(&mut self, mouse: &MouseEvent, now: Instant) {
        if self.prompt.is_some() {
            return;
        }
        self.touched = Some(now);
        match mouse.kind {
            MouseEventKind::ScrollUp => self.scroll_by(-WHEEL),
            MouseEventKind::ScrollDown => self.scroll_by(WHEEL),
            MouseEventKind::Down(MouseButton::Left) if self.view() == View::Flows => {
                let line =
                    usize::from(mouse.row).checked_sub(FIRST_LINE).and_then(|line| self.drawn.get(line)).cloned();
                if let Some(line) = line {
                    let lead = line.lead.chars().count();
                    if line.is_open.is_some() && (lead..=lead + 1).contains(&usize::from(mouse.column)) {
                        self.tree.turn(line.id);
                    }
                    self.tree.select(line.id, &self.table);
                }
            }
            _ => {}
        }
    }

    /// Moves what is selected, or what is shown.
    fn scroll_by(&mut self, by: isize) {
        match self.view() {
            View::Flows => self.tree.step(by, &self.table),
            View::Detail => {
                if let Some(detail) = &mut self.detail {
                    detail.scroll = detail.scroll.saturating_add_signed(by);
                }
            }
            View::Findings => self.step_finding(by),
            View::Capture | View::Help => self.scroll = self.scroll.saturating_add_signed(by),
        }
    }

    /// Does what a command says.
    pub fn command(&mut self, command: Command, now: Instant) {
        self.is_changed = true;
        let page = isize::try_from(self.height.saturating_sub(1).max(1)).unwrap_or(1);
        match command {
            Command::Quit => self.effects.push(Effect::Quit),
            Command::Suspend => self.effects.push(Effect::Suspend),
            Command::Freeze => {
                self.frozen = if self.frozen.is_some() { None } else { Some(now) };
            }
            Command::TimeFormat => {
                self.format.times = self.format.times.next();
                self.say(format!("times: {}", self.format.times.name()), now);
            }
            Command::Units => {
                let is_exact = self.format.units == Units::Exact;
                self.format.units = if is_exact { Units::Fitting } else { Units::Exact };
                let what = if is_exact { "figures with units" } else { "exact figures: ns, bytes, bit/s" };
                self.say(what, now);
            }
            Command::Filter => self.open_filter(),
            Command::Clear => {
                self.narrowing.clear();
                self.renew(now);
            }
            Command::Info => self.severity(Severity::Info, now),
            Command::Warnings => self.severity(Severity::Warning, now),
            Command::Errors => self.severity(Severity::Error, now),
            Command::Findings => self.turn_view(View::Findings),
            Command::Capture => self.turn_view(View::Capture),
            Command::Help => self.turn_view(View::Help),
            Command::Back => {
                if self.views.len() > 1 {
                    self.views.pop();
                }
            }
            Command::Up => self.scroll_by(-1),
            Command::Down => self.scroll_by(1),
            Command::PageUp => self.scroll_by(-page),
            Command::PageDown => self.scroll_by(page),
            Command::Write => self.write(now),
            Command::DecodeAs => self.open_decode_as(),
            Command::Mark => self.mark(now),
            Command::CopyValue => self.copy(Self::value_to_copy, now),
            Command::CopyRow => self.copy(Self::row_to_copy, now),
            _ => match self.view() {
                View::Flows => self.in_tree(command, now),
                View::Detail => self.in_detail(command),
                View::Findings => self.in_findings(command, now),
                View::Help | View::Capture => self.in_pages(command),
            },
        }
    }

    fn turn_view(&mut self, view: View) {
        self.scroll = 0;
        if self.view() == view {
            self.views.pop();
        } else {
            self.views.retain(|known| *known != view);
            self.views.push(view);
        }
    }

    fn in_tree(&mut self, command: Command, now: Instant) {
        let (tree, table) = (&mut self.tree, &self.table);
        match command {
            Command::First => tree.first(),
            Command::Last => tree.last(table),
            Command::Open => tree.open(table),
            Command::Close => tree.close(table),
            Command::Types => tree.turn_types(table),
            Command::OpenAll => tree.open_all(true, table),
            Command::CloseAll => tree.open_all(false, table),
            Command::Detail => self.open_detail(),
            Command::NextFinding => self.step_to_finding(true),
            Command::PreviousFinding => self.step_to_finding(false),
            Command::NextMatch => self.step_to_match(true),
            Command::PreviousMatch => self.step_to_match(false),
            Command::Idle => {
                self.narrowing.turn_idle();
                self.renew(now);
            }
            Command::Like => {
                if let Some(filter) = self.like() {
                    self.narrowing.write(&filter, &self.options.catalogue);
                    self.renew(now);
                }
            }
            Command::Turn => {
                self.order.turn();
                self.renew(now);
            }
            Command::ColumnLeft => self.column = self.column.saturating_sub(1),
            Command::ColumnRight => self.column += 1,
            Command::Sort => self.sort(now),
            Command::Columns => self.open_columns(self.width),
            _ => {}
        }
    }

    /// Sorts by the chosen column; by the one that it is sorted by already the other way round.
    fn sort(&mut self, now: Instant) {
        let layout = columns::layout(self.width, self.options.columns.as_deref(), false);
        let chosen = self.column.checked_sub(1).and_then(|column| layout.columns.get(column));
        let name = chosen.map_or("src", |shown| shown.field.name());
        if self.order.field().name() == name {
            self.order.turn();
        } else if let Some(order) = Order::by(name) {
            self.order = order;
        }
        self.renew(now);
    }

    fn in_detail(&mut self, command: Command) {
        if command == Command::Close {
            self.views.pop();
            return;
        }
        let Some(detail) = &mut self.detail else { return };
        match command {
            Command::NextTab | Command::Open => (detail.tab, detail.scroll) = (detail.tab.moved(1), 0),
            Command::PreviousTab => (detail.tab, detail.scroll) = (detail.tab.moved(4), 0),
            Command::First => detail.scroll = 0,
            Command::Last => detail.scroll = usize::MAX,
            Command::Log => detail.is_log = !detail.is_log,
            Command::Zoom => detail.is_zoomed = !detail.is_zoomed,
            Command::Wider => detail.span = (detail.span * 2).min(240),
            Command::NextOutlier => detail.step_to_outlier(true),
            Command::PreviousOutlier => detail.step_to_outlier(false),
            Command::Narrower => detail.span = (detail.span / 2).max(15),
            _ => {}
        }
    }

    fn in_findings(&mut self, command: Command, now: Instant) {
        match command {
            Command::First => self.step_finding(isize::MIN / 2),
            Command::Last => self.step_finding(isize::MAX / 2),
            Command::Sort => self.next_finding_order(),
            Command::Turn => self.findings.is_turned = !self.findings.is_turned,
            Command::Detail | Command::Open => self.go_to_finding(now),
            Command::Close => drop(self.views.pop()),
            _ => {}
        }
    }

    fn in_pages(&mut self, command: Command) {
        match command {
            Command::First => self.scroll = 0,
            Command::Last => self.scroll = usize::MAX,
            Command::NextTab | Command::PreviousTab => (self.page, self.scroll) = (1 - self.page.min(1), 0),
            Command::Close => drop(self.views.pop()),
            _ => {}
        }
    }

    fn severity(&mut self, severity: Severity, now: Instant) {
        self.narrowing.turn_severity(severity);
        self.renew(now);
    }

    /// Keeps the selected flow from ending for want of room, or lets it.
    fn mark(&mut self, now: Instant) {
        let Some(row) = self.tree.selected() else { return };
        let is_kept = !self.marked.remove(&row.flow);
        if is_kept {
            self.marked.insert(row.flow);
        }
        self.effects.push(Effect::Ask(Request::Keep(self.marked.clone())));
        self.say(if is_kept { "marked: the flow is kept" } else { "no longer marked" }, now);
    }

    /// Asks where packets are to be written: those of the row, around a finding, or of what is shown.
    fn write(&mut self, now: Instant) {
        let list = self.listed();
        if self.view() == View::Findings {
            let Some((_, (_, row, finding))) = self.selected_finding(&list) else {
                return self.say("there is no finding to write packets around", now);
            };
            let flow = row.map(|row| row.flow);
            return self.write_around(flow, finding.first.time, &finding.code, now);
        }
        let detail = self.detail.as_ref().filter(|_| self.view() == View::Detail);
        if let Some((id, outlier)) = detail.and_then(|detail| Some((detail.id, detail.chosen_outlier()?))) {
            let what = format!("frame {}", grouped(outlier.at.frame));
            return self.write_around(Some(id.flow), outlier.at.time, &what, now);
        }
        let is_whole =
            self.view() == View::Flows && (self.narrowing.filter().is_some() || self.narrowing.severity().is_some());
        if is_whole {
            let what = streamlens_model::words::counted(self.tree.order().len() as u64, "flow");
            self.open_write(self.packets_shown(), format!("the {what} shown"));
        } else if let Some((packets, what)) = self.packets_of_row() {
            self.open_write(packets, what);
        }
    }

    /// Asks where the packets around a moment are to be written.
    fn write_around(&mut self, flow: Option<FlowId>, time: Option<Timestamp>, what: &str, now: Instant) {
        match time {
            Some(time) => self.open_write(self.packets_around(flow, time), format!("5 s before to 5 s after {what}")),
            None => self.say("it has no time", now),
        }
    }

    fn copy(&mut self, text: fn(&Self) -> Option<String>, now: Instant) {
        if let Some(text) = text(self).filter(|text| !text.is_empty()) {
            let shown = crate::format::shortened(&text, 30).into_owned();
            self.effects.push(Effect::Copy(text));
            self.say(format!("copied: {shown}"), now);
        }
    }

    fn value_to_copy(&self) -> Option<String> {
        match self.view() {
            View::Findings => self.finding_text(|finding| finding.code.to_string()),
            _ => self.value(self.width),
        }
    }

    fn row_to_copy(&self) -> Option<String> {
        match self.view() {
            View::Findings => self.finding_text(|finding| {
                let place = finding.place.flow.clone().unwrap_or_default();
                format!("{}\t{}\tframe {}\t{}", finding.code, place, finding.first.frame, finding.text)
            }),
            _ => self.row_text(),
        }
    }

    fn finding_text(&self, text: impl Fn(&streamlens_model::Finding) -> String) -> Option<String> {
        let list = self.listed();
        self.selected_finding(&list).map(|(_, (_, _, finding))| text(finding))
    }
}
