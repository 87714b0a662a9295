//! How the screens are drawn.

mod capture;
mod charts;
mod detail;
mod findings;
mod flows;
mod help;
pub(crate) mod painter;
mod prompts;

use std::time::Instant;

use ratatui::buffer::Buffer;

use self::painter::{Painter, to_ascii};
use crate::app::{App, View};
use crate::theme::Role;

pub(crate) use self::detail::title;

/// The least screen.
const LEAST: (usize, usize) = (40, 10);

/// Draws the screen that is shown.
pub fn draw(app: &mut App, buffer: &mut Buffer, now: Instant) {
    let mut painter = Painter::new(buffer, app.options.theme);
    let (columns, lines) = (painter.width(), painter.height());
    if columns < LEAST.0 || lines < LEAST.1 {
        painter.text(0, 0, &format!("needs {} x {}", LEAST.0, LEAST.1), columns, Role::Plain);
        painter.text(0, 1, &format!("here {columns} x {lines}"), columns, Role::Plain);
    } else {
        app.settle_chosen();
        match app.view() {
            View::Flows => flows::draw(app, &mut painter, now),
            View::Detail => detail::draw(app, &mut painter, now),
            View::Findings => findings::draw(app, &mut painter, now),
            View::Capture => capture::draw(app, &mut painter, now),
            View::Help => help::draw(app, &mut painter),
        }
        prompts::draw(app, &mut painter);
    }
    if app.options.is_ascii {
        to_ascii(buffer);
    }
}
