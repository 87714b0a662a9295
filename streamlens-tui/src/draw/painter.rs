//! Texts into a buffer: nothing that comes from the wire gets there raw.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::format::{shortened, width};
use crate::theme::{Role, Theme};

/// Draws into a part of a buffer, in columns and lines counted from 0.
pub(crate) struct Painter<'b> {
    buffer: &'b mut Buffer,
    area: Rect,
    theme: Theme,
}

impl<'b> Painter<'b> {
    pub(crate) fn new(buffer: &'b mut Buffer, theme: Theme) -> Self {
        let area = buffer.area;
        Self { buffer, area, theme }
    }

    pub(crate) fn width(&self) -> usize {
        usize::from(self.area.width)
    }

    pub(crate) fn height(&self) -> usize {
        usize::from(self.area.height)
    }

    /// Writes a text from a column on, in at most `limit` columns; returns the column behind it.
    pub(crate) fn text(&mut self, column: usize, line: usize, text: &str, limit: usize, role: Role) -> usize {
        if line >= self.height() || column >= self.width() {
            return column;
        }
        let text = shortened(text, limit.min(self.width() - column));
        let style = self.theme.style(role);
        let (x, y) = (self.area.x + column as u16, self.area.y + line as u16);
        let (end, _) = self.buffer.set_stringn(x, y, &text, limit, style);
        usize::from(end - self.area.x)
    }

    /// Writes a text that ends in front of a column.
    pub(crate) fn right(&mut self, end: usize, line: usize, text: &str, limit: usize, role: Role) {
        let text = shortened(text, limit);
        self.text(end.saturating_sub(width(&text)), line, &text, limit, role);
    }

    /// Gives a part of a line the look of a role, with what stands there.
    pub(crate) fn mark(&mut self, column: usize, line: usize, count: usize, role: Role) {
        if line < self.height() && column < self.width() {
            let count = count.min(self.width() - column);
            let area = Rect::new(self.area.x + column as u16, self.area.y + line as u16, count as u16, 1);
            self.buffer.set_style(area, self.theme.style(role));
        }
    }

    /// Takes what stands in a part of a line away, with its look.
    pub(crate) fn clear(&mut self, column: usize, line: usize, count: usize) {
        if line < self.height() {
            for column in column..(column + count).min(self.width()) {
                self.buffer[(self.area.x + column as u16, self.area.y + line as u16)].reset();
            }
        }
    }

    /// Texts in different roles behind each other, from a column on; returns the column behind them.
    pub(crate) fn texts<'t>(
        &mut self,
        column: usize,
        line: usize,
        texts: impl IntoIterator<Item = (&'t str, Role)>,
    ) -> usize {
        let limit = self.width();
        texts
            .into_iter()
            .fold(column, |column, (text, role)| self.text(column, line, text, limit.saturating_sub(column), role))
    }
}

/// Replaces what is no ASCII by what is most like it.
pub(crate) fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let symbol = cell.symbol();
        if symbol.is_ascii() {
            continue;
        }
        let like = match symbol {
            "▾" | "↓" => "v",
            "▸" | "→" | "›" => ">",
            "←" => "<",
            "↑" => "^",
            "├" | "└" | "┌" | "┐" | "┘" | "┴" | "┬" | "┼" | "┤" => "+",
            "─" => "-",
            "│" | "▏" | "╷" => "|",
            "●" => "*",
            "×" => "x",
            "µ" => "u",
            "Δ" => "d",
            "σ" => "s",
            "–" => "-",
            "…" => "~",
            "≥" => ">",
            "“" | "”" => "\"",
            "’" => "'",
            "▁" | "▂" => "_",
            "▃" | "▄" => "-",
            "▅" | "▆" => "=",
            "▇" | "█" => "#",
            "▎" | "▍" | "▌" | "▋" | "▊" | "▉" => "#",
            _ => "?",
        };
        cell.set_symbol(like);
    }
}
