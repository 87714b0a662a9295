//! The capture as a whole: interfaces, drops, frames in no flow, warnings.

use std::time::Instant;

use streamlens_model::CaptureSummary;
use streamlens_model::words::{bytes, counted, duration, grouped};

use super::detail::{Texts, heading, plain};
use super::flows::{hints, state};
use super::painter::Painter;
use crate::app::App;
use crate::format::wrapped;
use crate::keys::Command;
use crate::theme::Role;

const HINTS: [(&[Command], &str); 3] =
    [(&[Command::Up, Command::Down], "scroll"), (&[Command::Back], "back"), (&[Command::Help], "help")];

/// Draws the screen of the capture.
pub(crate) fn draw(app: &mut App, painter: &mut Painter<'_>, now: Instant) {
    let (columns, height) = (painter.width(), painter.height());
    painter.mark(0, 0, columns, Role::Header);
    painter.text(1, 0, &format!("Capture  {}", app.status.name), columns, Role::Header);
    painter.right(columns.saturating_sub(1), 0, &state(app, now), 30, Role::Header);
    let lines = match &app.capture {
        Some((capture, _)) => lines(app, capture, columns),
        None => vec![vec![(" asking for it".to_owned(), Role::Faint)]],
    };
    let room = height.saturating_sub(3);
    app.height = room;
    app.scroll = app.scroll.min(lines.len().saturating_sub(room));
    for (place, line) in lines.iter().skip(app.scroll).take(room).enumerate() {
        painter.texts(0, 1 + place, line.iter().map(|(text, role)| (text.as_str(), *role)));
    }
    let below = lines.len().saturating_sub(app.scroll + room);
    if below > 0 {
        painter.text(1, height.saturating_sub(2), &format!("… {below} more lines"), columns, Role::Faint);
    }
    hints(app, painter, height.saturating_sub(1), &HINTS);
}

fn lines(app: &App, capture: &CaptureSummary, columns: usize) -> Vec<Texts> {
    let mut lines = Vec::new();
    let counts = &app.table.capture;
    let mut row =
        |name: &str, text: String| lines.push(vec![(format!(" {name:<14}"), Role::Faint), (text, Role::Plain)]);
    row("format", capture.format.clone().unwrap_or_default());
    row("link", capture.link_types.join(", "));
    row("frames", format!("{}, {}", grouped(capture.packets), bytes(capture.bytes)));
    let time = |time: Option<_>| time.map_or_else(|| "–".to_owned(), |time| app.format.time(time));
    row("first, last", format!("{}, {}", time(capture.first_seen), time(capture.last_seen)));
    row("flows", format!("{}, with {} frames", grouped(counts.flows), grouped(counts.packets_in_flows)));
    if counts.retired.flows > 0 {
        let retired = &counts.retired;
        row("ended", format!("{} flows, with {} frames", grouped(retired.flows), grouped(retired.packets)));
    }
    let stamps = &capture.timestamps;
    let step = stamps.resolution_ns.map_or_else(|| "–".to_owned(), |step| duration(step as f64));
    let back = match stamps.backward_steps {
        0 => String::new(),
        steps => format!(", {} backwards", counted(steps, "step")),
    };
    row("stamps", format!("{}, steps of {step}{back}", stamps.source));
    lines.push(Texts::new());
    lines.push(heading(" Interfaces"));
    for (number, interface) in capture.interfaces.iter().enumerate() {
        let name = interface.name.clone().unwrap_or_else(|| number.to_string());
        let mut text = format!("  {name}  {:?}", interface.link_type);
        if let Some(counts) = interface.counts {
            text.push_str(&format!("  {} accepted", grouped(counts.accepted)));
            text.push_str(&format!("  {} dropped by the ring", grouped(counts.dropped.ring)));
            if let Some(adapter) = counts.dropped.adapter {
                text.push_str(&format!("  {} by the adapter", grouped(adapter)));
            }
        } else if let Some(dropped) = interface.dropped {
            text.push_str(&format!("  {} dropped", grouped(dropped)));
        }
        lines.push(plain(text));
    }
    lines.push(Texts::new());
    lines.push(heading(format!(" Frames in no flow: {}", grouped(counts.packets_not_in_flows))));
    for (reason, count) in &capture.not_in_flows {
        lines.push(plain(format!("  {:>12}  {reason}", grouped(*count))));
    }
    let warnings = capture.warnings.iter().map(|warning| warning.text.as_str());
    let failure = app.status.failure.as_deref();
    let texts: Vec<&str> = warnings.chain(failure).collect();
    if !texts.is_empty() {
        lines.push(Texts::new());
        lines.push(vec![(" Warnings".to_owned(), Role::Warning)]);
    }
    for text in texts {
        lines.extend(wrapped(text, columns.saturating_sub(4)).into_iter().map(|line| plain(format!("  {line}"))));
    }
    lines
}
