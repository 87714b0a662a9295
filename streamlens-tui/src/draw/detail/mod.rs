//! The detail of a row.

mod over_time;
mod tabs;
mod timing;

use std::time::Instant;

use streamlens_model::row::{Level, RowContext, RowId, RowName, RowRef};
use streamlens_model::words::grouped;

use super::flows::{hints, state};
use super::painter::Painter;
use crate::app::{App, Detail, Tab};
use crate::format::{confidence, width};
use crate::keys::Command;
use crate::theme::Role;

pub(super) use self::timing::bursts;

/// A line of texts in their roles.
pub(super) type Texts = Vec<(String, Role)>;

const HINTS: [(&[Command], &str); 12] = [
    (&[Command::Back], "back"),
    (&[Command::NextTab], "next"),
    (&[Command::Log], "log"),
    (&[Command::Wider, Command::Narrower], "span"),
    (&[Command::DecodeAs], "decode as"),
    (&[Command::Write], "write"),
    (&[Command::CopyRow], "copy"),
    (&[Command::Help], "help"),
    (&[Command::Up, Command::Down], "scroll"),
    (&[Command::NextOutlier], "outlier"),
    (&[Command::Zoom], "zoom"),
    (&[Command::Freeze], "freeze"),
];

/// Draws the detail that is open.
pub(crate) fn draw(app: &mut App, painter: &mut Painter<'_>, now: Instant) {
    let Some(mut detail) = app.detail.take() else { return };
    app.history.watch(std::iter::once(detail.id));
    header(app, &detail, painter, now);
    tabs_line(app, &detail, painter);
    let height = painter.height().saturating_sub(4);
    let lines = lines(app, &detail, painter.width());
    if std::mem::take(&mut detail.is_outlier_new) {
        let is_chosen = |line: &Texts| line.iter().any(|(_, role)| *role == Role::Selected);
        let place = lines.iter().position(is_chosen).unwrap_or(0);
        detail.scroll = detail.scroll.clamp((place + 1).saturating_sub(height), place);
    }
    detail.scroll = detail.scroll.min(lines.len().saturating_sub(height));
    for (place, line) in lines.iter().skip(detail.scroll).take(height).enumerate() {
        painter.texts(0, 2 + place, line.iter().map(|(text, role)| (text.as_str(), *role)));
    }
    let below = lines.len().saturating_sub(detail.scroll + height);
    footer(app, &detail, painter, below);
    hints(app, painter, painter.height().saturating_sub(1), &HINTS);
    app.height = height;
    app.detail = Some(detail);
}

/// What a row is called, with what it lies in.
pub(crate) fn title(app: &App, id: RowId) -> String {
    let name = |id: RowId| app.table.rows.get(&id).and_then(|(_, name)| name.as_ref());
    let flow = match name(RowId::flow(id.flow)) {
        Some(RowName::Flow(key, _)) => {
            let vlan: String = key.vlan.as_slice().iter().map(|id| format!(" v{id}")).collect();
            format!("{} → {}{vlan}", crate::draw::flows::ends(&key.src), crate::draw::flows::ends(&key.dst))
        }
        _ => "flow".to_owned(),
    };
    let own = match name(id) {
        Some(RowName::Named(name)) => name.to_string(),
        Some(RowName::Stream(stream, name)) => crate::format::stream(stream, name.as_deref()),
        _ => return flow,
    };
    let encoding = match (id.level, name(RowId::encoding(id.flow, id.transport, id.encoding))) {
        (Level::Stream | Level::PacketType, Some(RowName::Named(name))) => format!("{name} "),
        _ => String::new(),
    };
    format!("{encoding}{own}  {flow}")
}

fn header(app: &App, detail: &Detail, painter: &mut Painter<'_>, now: Instant) {
    let columns = painter.width();
    painter.mark(0, 0, columns, Role::Header);
    let state = state(app, now);
    let room = columns.saturating_sub(width(&state) + 3);
    let mut text = title(app, detail.id);
    if let Some(row) = detail.row(RowContext::default()) {
        if let (Level::Encoding, Some(encoding)) = (row.level(), row.encoding()) {
            text = text.replacen("  ", &format!(" {}  ", confidence(encoding.confidence_score)), 1);
        }
        if columns >= 100 {
            if let Some(cast) = row.flow().traffic_type {
                text.push_str(&format!("  {}", cast.name()));
            }
            if let Some(dscp) = row.flow().dscp.last() {
                text.push_str(&format!("  DSCP {}", dscp.value));
            }
            if let Some(ttl) = row.flow().ttl.last() {
                text.push_str(&format!("  TTL {}", ttl.value));
            }
        }
    }
    painter.text(1, 0, &text, room, Role::Header);
    painter.right(columns.saturating_sub(1), 0, &state, columns, Role::Header);
}

fn tabs_line(app: &App, detail: &Detail, painter: &mut Painter<'_>) {
    let mut column = 0;
    for tab in Tab::ALL {
        let count = match (tab, detail.row(RowContext::default())) {
            (Tab::Streams, Some(row)) => match row.encoding() {
                Some(_) if row.stream().is_some() => 1,
                Some(encoding) => encoding.health.streams.len(),
                None => row.flow().encodings().map(|encoding| encoding.health.streams.len()).sum(),
            },
            (Tab::Findings, _) => app.findings_of(detail.id).len(),
            _ => 0,
        };
        let count = if count > 0 && painter.width() >= 60 { format!(" {count}") } else { String::new() };
        let (text, role) = match tab == detail.tab {
            true => (format!("[{}{count}] ", tab.name()), Role::Key),
            false => (format!(" {}{count}  ", tab.name()), Role::Plain),
        };
        column = painter.text(column, 1, &text, 40, role);
    }
    let next = format!("{} next", app.options.keys.hint(Command::NextTab));
    if column + width(&next) + 1 < painter.width() {
        painter.right(painter.width() - 1, 1, &next, 20, Role::Faint);
    }
}

fn lines(app: &App, detail: &Detail, columns: usize) -> Vec<Texts> {
    let Some(row) = detail.row(RowContext::default()) else {
        let text = if detail.flow.is_none() && app.table.rows.contains_key(&detail.id) {
            " asking for it"
        } else {
            " it has ended, or nothing is known of it"
        };
        return vec![vec![(text.to_owned(), Role::Faint)]];
    };
    match detail.tab {
        Tab::Timing => timing::lines(app, detail, &row, columns),
        Tab::Streams => tabs::streams(app, &row, columns, true),
        Tab::Facts => tabs::facts(app, &row, columns),
        Tab::Findings => match tabs::findings(app, detail.id, columns) {
            found if found.is_empty() => vec![vec![(" nothing was found here".to_owned(), Role::Faint)]],
            found => found,
        },
        Tab::Why => tabs::why(&row, columns),
    }
}

fn footer(app: &App, detail: &Detail, painter: &mut Painter<'_>, below: usize) {
    let (columns, line) = (painter.width(), painter.height().saturating_sub(2));
    let place = match detail.row(RowContext::default()).and_then(|row| row.timing().map(|timing| timing.count)) {
        Some(count) => streamlens_model::words::counted(count, "interval"),
        None => String::new(),
    };
    let mut left = if below > 0 { format!("{place}  … {}", more_lines(below)) } else { place };
    if let (true, Some(moment)) = (app.is_frozen(), detail.moment) {
        left.push_str(&format!("  as of {}", app.format.time(moment)));
    }
    if let Some(said) = app.said() {
        left = said.to_owned();
    }
    painter.text(1, line, &left, columns, Role::Faint);
    let worst = app.findings_of(detail.id).into_iter().max_by_key(|finding| finding.severity);
    if let Some(finding) = worst.filter(|_| app.said().is_none()) {
        let (count, frame) = (grouped(finding.count), grouped(finding.first.frame));
        let text = format!("{} {count}× at frame {frame}", finding.code);
        let room = columns.saturating_sub(width(&left) + 3);
        painter.right(columns.saturating_sub(1), line, &text, room, super::flows::mark(finding.severity).1);
    }
}

/// How many lines lie below the screen.
pub(in crate::draw) fn more_lines(count: usize) -> String {
    streamlens_model::words::counted(count as u64, "more line")
}

/// A text of one role.
pub(super) fn plain(text: impl Into<String>) -> Texts {
    vec![(text.into(), Role::Plain)]
}

/// A heading.
pub(super) fn heading(text: impl Into<String>) -> Texts {
    vec![(text.into(), Role::Heading)]
}

/// The element's own facts.
pub(super) fn is_flow(row: &RowRef<'_>) -> bool {
    row.level() == Level::Flow
}
