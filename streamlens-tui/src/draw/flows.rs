//! The tree of flows.

use std::time::Instant;

use streamlens_model::row::{Kind, Level, RowId, RowName};
use streamlens_model::text::escaped;
use streamlens_model::{LinkState, Severity, Timestamp};

use super::charts::{fitted, sparkline};
use super::findings::place_of;
use super::painter::Painter;
use crate::app::App;
use crate::app::cells;
use crate::columns::{self, Layout};
use crate::feed;
use crate::format::{self, Units, clock, confidence, packet_rate, shortened, width};
use crate::keys::Command;
use crate::theme::Role;
use crate::tree::Line;

/// Draws the screen of the flows.
pub(crate) fn draw(app: &mut App, painter: &mut Painter<'_>, now: Instant) {
    let (columns, lines) = (painter.width(), painter.height());
    header(app, painter, now);
    filter_line(app, painter);
    app.width = columns;
    let is_file = app.status.kind == feed::Kind::File;
    let mut layout = columns::layout(columns, app.options.columns.as_deref(), app.format.units == Units::Exact);
    layout.has_chart &= !is_file;
    app.column = app.column.min(layout.columns.len());
    headings(app, painter, &layout);
    let below = findings_height(app, lines);
    let height = lines.saturating_sub(5 + below).max(1);
    app.height = height;
    let rows = app.tree.on_screen(height, &app.table);
    app.settle(rows.iter().map(|line| line.id.flow));
    app.history.watch(rows.iter().map(|line| line.id));
    let is_of_findings = |column: &columns::Shown| matches!(column.field.name(), "finding" | "findings" | "severity");
    let index = layout.columns.iter().any(is_of_findings).then(|| app.table.finding_index());
    let texts = cells(&rows, &layout.columns, &app.table, index.as_ref(), &app.format);
    for (place, (row, texts)) in rows.iter().zip(&texts).enumerate() {
        draw_row(app, painter, 3 + place, row, &texts.cells, &layout);
    }
    if rows.is_empty() {
        let text = match (app.table.rows.is_empty(), app.status.has_ended, app.table.capture.packets) {
            (false, ..) => "nothing matches; x clears the filter",
            (true, false, _) => "no packets yet",
            (true, true, 0) => "no packets",
            (true, true, _) => "none of the frames is in a flow; i tells why",
        };
        painter.text(3, 4, text, columns, Role::Faint);
    }
    if below > 0 {
        findings(app, painter, lines.saturating_sub(2 + below), below);
    }
    app.drawn = rows;
    status(app, painter, lines.saturating_sub(2));
    hints(app, painter, lines.saturating_sub(1), &HINTS);
}

const HINTS: [(&[Command], &str); 13] = [
    (&[Command::Up, Command::Down], "move"),
    (&[Command::Open], "open"),
    (&[Command::Close], "close"),
    (&[Command::Types], "types"),
    (&[Command::Detail], "detail"),
    (&[Command::Filter], "filter"),
    (&[Command::Findings], "findings"),
    (&[Command::Help], "help"),
    (&[Command::Sort], "sort"),
    (&[Command::Freeze], "freeze"),
    (&[Command::Write], "write packets"),
    (&[Command::CopyValue], "copy"),
    (&[Command::Quit], "quit"),
];

/// The first line: what is read, how it stands, how much passes.
pub(crate) fn header(app: &App, painter: &mut Painter<'_>, now: Instant) {
    let columns = painter.width();
    painter.mark(0, 0, columns, Role::Header);
    let figures = figures(app, columns);
    let room = columns.saturating_sub(width(&figures) + 2);
    let title = if columns < 60 { "" } else { "StreamLens  " };
    let left = painter.text(1, 0, title, room, Role::Header);
    let state = state(app, now);
    let name = shortened(&app.status.name, room.saturating_sub(left + width(&state) + 1)).into_owned();
    let left = painter.text(left, 0, &name, room, Role::Header);
    painter.text(left, 0, &format!(" {state}"), room.saturating_sub(left), Role::Header);
    painter.right(columns.saturating_sub(1), 0, &figures, columns, Role::Header);
}

/// Live, frozen, so much read.
pub(crate) fn state(app: &App, now: Instant) -> String {
    let status = &app.status;
    let passed = app.format.now.zip(app.format.began).map(|(now, began)| clock(now.since(began)));
    let passed = passed.unwrap_or_default();
    if let Some(since) = app.frozen {
        return format!("frozen {} s ago", now.saturating_duration_since(since).as_secs());
    }
    if status.failure.is_some() {
        return "failed".to_owned();
    }
    if let Some((name, what, since)) = outage(app).filter(|_| !status.has_ended) {
        return format!("○ {name} {what} {} {passed}", app.format.time(since));
    }
    let word = match (status.kind, status.has_ended) {
        (feed::Kind::Live, false) => "● live",
        (feed::Kind::Replay, false) => "● replay",
        (feed::Kind::Live | feed::Kind::Replay, true) => status.lacking.unwrap_or("ended"),
        (feed::Kind::File, true) => status.lacking.unwrap_or("whole"),
        (feed::Kind::File, false) => {
            let position = status.position;
            return match position.total_bytes.filter(|total| *total > 0) {
                Some(total) => {
                    let percent = u128::from(position.read_bytes) * 100 / u128::from(total);
                    format!("{} % read", percent.min(100))
                }
                None => format!("{}B read", format::size(position.read_bytes as f64)),
            };
        }
    };
    format!("{word} {passed}")
}

/// The first interface that gives no frames now: its name, why, and since when.
fn outage(app: &App) -> Option<(String, &'static str, Timestamp)> {
    let (capture, _) = app.capture.as_ref()?;
    let interfaces = &capture.interfaces;
    interfaces.iter().find_map(|interface| {
        let (what, since) = match interface.counts?.link? {
            LinkState::Up => return None,
            LinkState::Down(since) => ("down since", since),
            LinkState::NoCarrier(since) => ("no carrier since", since),
            LinkState::Gone(since) => ("deleted at", since),
        };
        Some((escaped(interface.name.as_deref()?).into_owned(), what, since))
    })
}

fn figures(app: &App, columns: usize) -> String {
    let rows = app.tree.order().len();
    let counts = &app.table.capture;
    let mut parts = Vec::new();
    if app.status.kind == feed::Kind::File {
        parts.push(streamlens_model::words::counted(counts.packets, "frame"));
        parts.push(format!("{}B", format::size(counts.bytes as f64)));
    } else {
        let (packets, bits) = app.rates.per_second().unwrap_or_default();
        parts.push(format!("{} pkt/s", packet_rate(packets)));
        parts.push(streamlens_model::words::bit_rate(bits));
        if let Some(dropped) = app.status.dropped {
            parts.push(format!("{} dropped", streamlens_model::words::grouped(dropped)));
        }
    }
    if columns >= 110
        && let Some(ring) = app.status.ring
    {
        let size = |bytes| streamlens_model::words::bytes(bytes);
        parts.insert(2, format!("{} of {} ring", size(ring.waited), size(ring.bytes)));
    }
    if columns >= 100 {
        if !app.status.stamps.is_empty() {
            parts.insert(0, format!("{} stamps", app.status.stamps));
        }
        parts.push(streamlens_model::words::counted(rows as u64, "flow"));
    }
    if columns < 60 {
        parts.truncate(1);
    }
    parts.join("  ")
}

fn filter_line(app: &App, painter: &mut Painter<'_>) {
    let column = painter.text(1, 1, "Filter  ", 20, Role::Faint);
    let narrowing = &app.narrowing;
    let text = if narrowing.text().is_empty() { "none" } else { narrowing.text() };
    let role = if narrowing.filter().is_some() { Role::Strong } else { Role::Faint };
    let limit = painter.width().saturating_sub(column);
    let mut column = painter.text(column, 1, text, limit, role);
    if let Some(severity) = narrowing.severity() {
        column = painter.texts(column + 2, 1, [("findings ≥ ", Role::Faint), (severity.name(), Role::Strong)]);
    }
    if narrowing.hides_idle() {
        painter.text(column + 2, 1, "without idle flows", 20, Role::Faint);
    }
}

fn headings(app: &App, painter: &mut Painter<'_>, layout: &Layout) {
    let is_chosen = |place: usize| place == app.column;
    let role = |place| if is_chosen(place) { Role::Key } else { Role::Heading };
    painter.text(0, 2, "Src:Port", layout.tree.saturating_sub(1), role(0));
    if layout.destination > 0 {
        painter.text(layout.tree, 2, "Dst:Port", layout.destination, Role::Heading);
    }
    let mut column = layout.tree + layout.destination;
    for (place, shown) in layout.columns.iter().enumerate() {
        if is_left(shown.field.kind()) {
            painter.text(column, 2, &shown.heading, shown.width.saturating_sub(1), role(place + 1));
        } else {
            painter.right(column + shown.width - 1, 2, &shown.heading, shown.width, role(place + 1));
        }
        column += shown.width;
    }
    if layout.has_chart {
        painter.text(column + 1, 2, "Last 60 s", columns::CHART, Role::Heading);
    }
}

/// Whether a column is set to the left: texts are, figures are not.
fn is_left(kind: Kind) -> bool {
    !matches!(kind, Kind::Number(_))
}

fn draw_row(app: &App, painter: &mut Painter<'_>, y: usize, line: &Line, cells: &[String], layout: &Layout) {
    let Some((row, name)) = app.table.rows.get(&line.id) else { return };
    let role = if app.is_faint(line.id) { Role::Faint } else { Role::Plain };
    let marker = match (line.is_open, line.id.level) {
        (Some(true), _) => "▾",
        (Some(false), _) => "▸",
        (None, Level::Flow) => " ",
        (None, _) => "─",
    };
    let mut at = painter.text(0, y, &line.lead, layout.tree, Role::Faint);
    at = painter.text(at, y, marker, 1, Role::Faint) + 1;
    let room = layout.tree.saturating_sub(at + 1);
    match name {
        Some(RowName::Flow(key, _)) => {
            let source = ends(&key.src);
            let tag = if layout.columns.iter().any(|column| column.field.name() == "vlan") {
                String::new()
            } else {
                key.vlan.as_slice().iter().map(|id| format!(" v{id}")).collect()
            };
            let fits = shortened(&source, room.saturating_sub(width(&tag))).into_owned();
            let mark = if app.marked.contains(&line.id.flow) { "*" } else { "" };
            painter.text(at, y, &format!("{fits}{tag}{mark}"), room, role);
            painter.text(layout.tree, y, &ends(&key.dst), layout.destination.saturating_sub(1), role);
        }
        Some(RowName::Named(name)) => {
            let mut text = name.to_string();
            if let Some(score) = row.confidence {
                text.push_str(&format!(" {}", confidence(score)));
            }
            let lost = row.health.lost.filter(|lost| *lost > 0 && line.id.level == Level::Encoding);
            let lost = lost.map(|lost| format!("{} lost", streamlens_model::words::grouped(lost)));
            let room = if lost.is_none() { room + layout.destination } else { room };
            painter.text(at, y, &text, room, role);
            if let Some(lost) = lost {
                painter.text(layout.tree, y, &lost, layout.destination, Role::Warning);
            }
        }
        Some(RowName::Stream(id, name)) => {
            painter.text(at, y, &format::stream(id, name.as_deref()), room + layout.destination, role);
        }
        None => {}
    }
    let mut column = layout.tree + layout.destination;
    for (shown, text) in layout.columns.iter().zip(cells) {
        if is_left(shown.field.kind()) {
            painter.text(column, y, text, shown.width.saturating_sub(1), role);
        } else {
            painter.right(column + shown.width - 1, y, text, shown.width, role);
        }
        column += shown.width;
    }
    if layout.has_chart {
        let samples: Vec<Option<f64>> = app.history.of(line.id).rev().take(60).map(|sample| sample.bit_rate).collect();
        let missing = 60 - samples.len();
        let values: Vec<_> = vec![None; missing].into_iter().chain(samples.into_iter().rev()).collect();
        let chart = sparkline(&fitted(&values, columns::CHART - 1));
        painter.text(column + 1, y, &chart, columns::CHART, Role::Chart);
    }
    if let Some(severity) = app.gravest(line.id) {
        let (mark, role) = mark(severity);
        painter.text(painter.width().saturating_sub(1), y, mark, 1, role);
    }
    if app.tree.selected() == Some(line.id) {
        painter.mark(0, y, painter.width(), Role::Selected);
    }
}

pub(crate) fn ends(end: &streamlens_model::Endpoint) -> String {
    streamlens_model::row::Cell::Endpoint(*end).to_string()
}

/// The mark of a severity, and how it looks.
pub(crate) fn mark(severity: Severity) -> (&'static str, Role) {
    match severity {
        Severity::Error => ("!", Role::Error),
        Severity::Warning => ("w", Role::Warning),
        Severity::Info => ("i", Role::Info),
    }
}

/// Lines for findings below the tree, where there is room for both.
fn findings_height(app: &App, lines: usize) -> usize {
    if lines < 36 || app.table.findings.is_empty() { 0 } else { (app.table.findings.len() + 2).min(lines / 4) }
}

/// The newest findings, below the tree.
fn findings(app: &App, painter: &mut Painter<'_>, top: usize, height: usize) {
    let columns = painter.width();
    let title = "─── Findings ";
    let rule = format!("{title}{}", "─".repeat(columns.saturating_sub(width(title))));
    painter.text(0, top, &rule, columns, Role::Faint);
    let list = app.listed();
    let room = height.saturating_sub(2);
    for (place, (_, _, finding)) in list.iter().take(room).enumerate() {
        let line = top + 1 + place;
        let (sign, role) = mark(finding.severity);
        painter.text(1, line, sign, 1, role);
        painter.text(4, line, &finding.code, 24, Role::Strong);
        let count = format!("{}×", streamlens_model::words::grouped(finding.count));
        painter.right(35, line, &count, 7, Role::Plain);
        let time = finding.first.time.map_or_else(String::new, |time| app.format.time(time));
        let text = format!("{time}  {}: {}", place_of(finding), finding.text);
        painter.text(37, line, &text, columns.saturating_sub(38), Role::Plain);
    }
    let more = list.len().saturating_sub(room);
    if more > 0 {
        let text = format!("… {more} more: {}", app.options.keys.hint(Command::Findings));
        painter.text(4, top + height - 1, &text, columns, Role::Faint);
    }
}

fn status(app: &App, painter: &mut Painter<'_>, line: usize) {
    let columns = painter.width();
    let arrow = if app.order.is_ascending() { "↑" } else { "↓" };
    let name = app.order.field().name().replace('_', " ");
    let order = format!("{name} {arrow}");
    let counts = ["info", "warning", "error"].iter().zip(app.counts).rev().filter(|(_, count)| *count > 0);
    let counts = counts.map(|(name, count)| match *name {
        "info" => format!("{count} info"),
        name => streamlens_model::words::counted(count as u64, name),
    });
    let counts = counts.collect::<Vec<_>>().join(" ");
    let right = format!("{counts}  {order}");
    painter.right(columns.saturating_sub(1), line, &right, columns, Role::Faint);
    let room = columns.saturating_sub(width(&right) + 3);
    if let Some(said) = app.said() {
        painter.text(1, line, said, room.max(columns / 2), Role::Strong);
        return;
    }
    let place = match app.tree.place() {
        Some(place) => format!("flow {place} of {}", app.tree.order().len()),
        None => "no flow".to_owned(),
    };
    painter.text(1, line, &place, room, Role::Faint);
}

/// The last line: the most useful keys, as many as there is room for.
pub(crate) fn hints(app: &App, painter: &mut Painter<'_>, line: usize, hints: &[(&[Command], &str)]) {
    let columns = painter.width();
    let mut column = 1;
    for (commands, what) in hints {
        let keys: String = commands.iter().map(|command| app.options.keys.hint(*command)).collect();
        if keys.is_empty() || column + width(&keys) + 1 + width(what) > columns {
            continue;
        }
        column =
            painter.texts(column, line, [(keys.as_str(), Role::Key), (" ", Role::Plain), (*what, Role::Plain)]) + 1;
    }
}

impl App {
    /// Whether a row is shown for the sake of what lies below it alone.
    fn is_faint(&self, id: RowId) -> bool {
        self.narrowing.filter().is_some() && !self.matches(id)
    }
}
