//! What is typed into: the filter bar with its suggestions and mistakes, names of files, lists.

use super::painter::Painter;
use crate::app::{App, Editor, Picker, Prompt, SUGGESTIONS};
use crate::format::width;
use crate::theme::Role;
use streamlens_model::row::column;

/// Draws what is typed into, over the screen.
pub(crate) fn draw(app: &App, painter: &mut Painter<'_>) {
    match &app.prompt {
        Some(Prompt::Filter { editor, place, .. }) => filter(app, editor, *place, painter),
        Some(Prompt::Write { editor, what, .. }) => {
            let line = painter.height().saturating_sub(2);
            blank(painter, line);
            blank(painter, line + 1);
            let what = what.replace(" -> ", " → ");
            let room = painter.width().saturating_sub(42).max(10);
            let text = format!("Write {} to ", crate::format::shortened(&what, room));
            let column = painter.text(1, line, &text, room + 12, Role::Strong);
            self::editor(editor, column, line, painter.width(), painter);
            painter.text(1, line + 1, "Enter writes, Esc leaves", 40, Role::Faint);
        }
        Some(Prompt::DecodeAs { picker, transport, .. }) => {
            list(picker, &format!("{} of this {transport}", picker.title), "Enter decodes, Esc leaves", painter);
        }
        Some(Prompt::Columns(picker)) => list(picker, &picker.title, "Space ticks, Enter takes, Esc leaves", painter),
        None => {}
    }
}

fn blank(painter: &mut Painter<'_>, line: usize) {
    painter.clear(0, line, painter.width());
}

/// A text with its cursor, between two columns; the part around the cursor where it is long. Returns the first byte that is shown.
fn editor(editor: &Editor, column: usize, line: usize, end: usize, painter: &mut Painter<'_>) -> usize {
    let room = end.saturating_sub(column + 2).max(1);
    let before = editor.text.get(..editor.cursor).unwrap_or_default();
    let behind = editor.text.get(editor.cursor..).unwrap_or_default();
    let mut skipped = 0;
    let mut shown = before;
    while width(shown) > room {
        let first = shown.chars().next().map_or(1, char::len_utf8);
        shown = shown.get(first..).unwrap_or_default();
        skipped += first;
    }
    let column = painter.texts(column, line, [(shown, Role::Plain), ("▏", Role::Key)]);
    painter.text(column, line, behind, end.saturating_sub(column), Role::Plain);
    skipped
}

fn filter(app: &App, editor: &Editor, place: Option<usize>, painter: &mut Painter<'_>) {
    blank(painter, 1);
    let column = painter.text(1, 1, "Filter  ", 20, Role::Strong);
    let end = painter.width().saturating_sub(1);
    let vain = if app.narrowing.is_vain() { "nothing matches" } else { "" };
    let skipped = self::editor(editor, column, 1, end.saturating_sub(width(vain)), painter);
    painter.right(end, 1, vain, 20, Role::Warning);
    let (range, suggestions) = app.suggestions();
    if let Some(error) = app.narrowing.error() {
        let wrong = error.place();
        // of what is still being typed nothing is said
        let is_unfinished =
            wrong.end >= editor.text.len() && editor.cursor == editor.text.len() && !suggestions.is_empty();
        if !is_unfinished {
            let text = |to: usize| width(editor.text.get(skipped..to).unwrap_or_default());
            let from = column + text(wrong.start) + usize::from(wrong.start >= editor.cursor);
            blank(painter, 2);
            blank(painter, 3);
            let marks = text(wrong.end).saturating_sub(text(wrong.start)).max(1);
            painter.text(from, 2, &"^".repeat(marks), marks, Role::Error);
            let hint = if error.message().contains("did you mean") { "Tab takes it, Esc leaves" } else { "Esc leaves" };
            let room = painter.width().saturating_sub(width(hint) + 4);
            painter.text(1, 3, error.message(), room, Role::Error);
            painter.right(painter.width().saturating_sub(1), 3, hint, 30, Role::Faint);
            return;
        }
    }
    let begun = !editor.text.get(range.clone()).unwrap_or_default().is_empty();
    if suggestions.is_empty() || (!begun && place.is_none() && !editor.text.is_empty()) {
        return;
    }
    let left = (column + width(editor.text.get(skipped..range.start).unwrap_or_default())).min(painter.width() / 2);
    let first = place.map_or(0, |place| place.saturating_sub(SUGGESTIONS - 1));
    let rows: Vec<String> = suggestions.iter().skip(first).take(SUGGESTIONS).map(|text| described(text)).collect();
    let room = painter.width().saturating_sub(left + 4);
    let widest = rows.iter().map(|row| width(row)).max().unwrap_or(0).min(room);
    boxed(painter, left, 2, widest, rows.len());
    for (slot, row) in rows.iter().enumerate() {
        painter.text(left + 2, 3 + slot, row, widest, Role::Plain);
        if place == Some(first + slot) {
            painter.mark(left + 1, 3 + slot, widest + 2, Role::Selected);
        }
    }
}

/// A suggestion, and what it means where it is a field.
fn described(text: &str) -> String {
    let name = text.rsplit_once('.').filter(|(prefix, _)| ["flow", "transport", "encoding", "type"].contains(prefix));
    match column(text).or_else(|| name.and_then(|(_, name)| column(name))) {
        Some(of) => format!("{text:<14} {:<11} {}", of.kind.name(), of.meaning),
        None => text.to_owned(),
    }
}

/// An empty box for so many columns and lines.
fn boxed(painter: &mut Painter<'_>, left: usize, top: usize, columns: usize, lines: usize) {
    let border = "─".repeat(columns + 2);
    for line in 0..=lines + 1 {
        let text = match line {
            0 => format!("┌{border}┐"),
            line if line == lines + 1 => format!("└{border}┘"),
            _ => format!("│{}│", " ".repeat(columns + 2)),
        };
        painter.clear(left, top + line, columns + 4);
        painter.text(left, top + line, &text, columns + 4, Role::Faint);
    }
}

fn list(picker: &Picker, title: &str, hint: &str, painter: &mut Painter<'_>) {
    let items = picker.shown();
    let lines = painter.height().saturating_sub(8).clamp(1, 16);
    let columns = painter.width().saturating_sub(8).min(60);
    let (left, top) = ((painter.width() - columns) / 2 - 2, 2);
    boxed(painter, left, top, columns, lines + 2);
    painter.texts(left + 2, top + 1, [(title, Role::Strong), ("  ", Role::Plain), (picker.typed.as_str(), Role::Key)]);
    let first = picker.place.saturating_sub(lines - 1);
    for (slot, item) in items.iter().skip(first).take(lines).enumerate() {
        let tick = match &picker.ticked {
            Some(ticked) if ticked.iter().any(|name| name == item) => "[x] ",
            Some(_) => "[ ] ",
            None => "",
        };
        let line = top + 2 + slot;
        painter.text(left + 2, line, &format!("{tick}{}", described(item)), columns, Role::Plain);
        if first + slot == picker.place {
            painter.mark(left + 1, line, columns + 2, Role::Selected);
        }
    }
    if items.is_empty() {
        painter.text(left + 2, top + 2, "nothing is called so", columns, Role::Faint);
    }
    painter.text(left + 2, top + lines + 2, hint, columns, Role::Faint);
}
