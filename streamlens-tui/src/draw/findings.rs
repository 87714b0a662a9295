//! The list of findings.

use std::time::Instant;

use streamlens_model::words::{Counted, grouped};

use super::flows::{hints, mark, state};
use super::painter::Painter;
use crate::app::App;
use crate::format::width;
use crate::keys::Command;
use crate::theme::Role;

/// Lines of a finding.
const LINES: usize = 3;

const HINTS: [(&[Command], &str); 6] = [
    (&[Command::Detail], "go to its row"),
    (&[Command::Sort], "sort"),
    (&[Command::Write], "write packets around it"),
    (&[Command::CopyRow], "copy"),
    (&[Command::Back], "back"),
    (&[Command::Help], "help"),
];

/// Draws the screen of the findings.
pub(crate) fn draw(app: &mut App, painter: &mut Painter<'_>, now: Instant) {
    let (columns, lines) = (painter.width(), painter.height());
    let list = app.listed();
    painter.mark(0, 0, columns, Role::Header);
    let title = format!("Findings  {} of {}", list.len(), app.table.findings.len());
    let state = state(app, now);
    let room = columns.saturating_sub(width(&state) + 3);
    painter.text(1, 0, &title, room, Role::Header);
    painter.right(columns.saturating_sub(1), 0, &state, columns, Role::Header);
    let [info, warning, error] = app.counts;
    let least = app.narrowing.severity().map_or("info", |severity| severity.name());
    let (errors, warnings) = (Counted(error as u64, "error"), Counted(warning as u64, "warning"));
    let counts = format!("Severity ≥ {least}   ({errors}, {warnings}, {info} info)");
    let column = painter.text(1, 1, &counts, columns, Role::Faint);
    if app.narrowing.filter().is_some() {
        painter.text(column, 1, &format!("   where {}", app.narrowing.text()), columns, Role::Faint);
    }
    let selected = app.selected_finding(&list).map(|(place, _)| place);
    let room = (lines.saturating_sub(4) / LINES).max(1);
    app.height = room;
    let top = selected.unwrap_or(0).saturating_sub(room.saturating_sub(1));
    for (slot, (place, (_, _, finding))) in list.iter().enumerate().skip(top).take(room).enumerate() {
        let line = 2 + slot * LINES;
        let (sign, role) = mark(finding.severity);
        painter.text(0, line, sign, 1, role);
        painter.text(2, line, &finding.code, 26, Role::Strong);
        let time = finding.first.time.map_or_else(String::new, |time| app.format.time(time));
        let when = format!("{}×  {time}  frame {}", grouped(finding.count), grouped(finding.first.frame));
        painter.text(29.min(columns / 2), line, &when, columns, Role::Plain);
        painter.text(4, line + 1, &place_of(finding), columns.saturating_sub(5), Role::Faint);
        painter.text(4, line + 2, &finding.text, columns.saturating_sub(5), Role::Plain);
        if Some(place) == selected {
            (line..line + LINES).for_each(|line| painter.mark(0, line, columns, Role::Selected));
        }
    }
    if list.is_empty() {
        painter.text(1, 3, "nothing was found", columns, Role::Faint);
    }
    let place = match selected {
        Some(place) => format!("finding {} of {}", place + 1, list.len()),
        None => "no finding".to_owned(),
    };
    painter.text(1, lines.saturating_sub(2), app.said().unwrap_or(&place), columns, Role::Faint);
    painter.right(columns.saturating_sub(1), lines.saturating_sub(2), app.findings.order.name(), 20, Role::Faint);
    hints(app, painter, lines.saturating_sub(1), &HINTS);
}

/// Where a finding stands.
pub(crate) fn place_of(finding: &streamlens_model::Finding) -> String {
    let place = &finding.place;
    let parts = [place.flow.as_deref(), place.encoding.as_deref(), place.stream.as_deref()];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join(", ").replace(" -> ", " → ");
    if text.is_empty() { "the capture".to_owned() } else { text }
}
