//! The capture as a whole: interfaces, drops, frames in no flow, warnings.

use std::time::Instant;

use streamlens_model::text::escaped;
use streamlens_model::words::{bit_rate, bytes, counted, duration, grouped};
use streamlens_model::{CaptureSummary, Interface, LinkState};

use super::detail::{Texts, heading, more_lines, plain};
use super::flows::{hints, state};
use super::painter::Painter;
use crate::app::App;
use crate::format::{width, wrapped};
use crate::keys::Command;
use crate::theme::Role;

const HINTS: [(&[Command], &str); 3] =
    [(&[Command::Up, Command::Down], "scroll"), (&[Command::Back], "back"), (&[Command::Help], "help")];

/// Draws the screen of the capture.
pub(crate) fn draw(app: &mut App, painter: &mut Painter<'_>, now: Instant) {
    let (columns, height) = (painter.width(), painter.height());
    painter.mark(0, 0, columns, Role::Header);
    let state = state(app, now);
    let room = columns.saturating_sub(width(&state) + 3);
    painter.text(1, 0, &format!("Capture  {}", app.status.name), room, Role::Header);
    painter.right(columns.saturating_sub(1), 0, &state, columns, Role::Header);
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
    if let Some(said) = app.said() {
        painter.text(1, height.saturating_sub(2), said, columns, Role::Strong);
    } else if below > 0 {
        painter.text(1, height.saturating_sub(2), &format!("… {}", more_lines(below)), columns, Role::Faint);
    }
    hints(app, painter, height.saturating_sub(1), &HINTS);
}

fn lines(app: &App, capture: &CaptureSummary, columns: usize) -> Vec<Texts> {
    let mut lines = Vec::new();
    let counts = &app.table.capture;
    row("format", &capture.format.clone().unwrap_or_default(), columns, &mut lines);
    row("link", &capture.link_types.join(", "), columns, &mut lines);
    row("frames", &format!("{}, {}", grouped(capture.packets), bytes(capture.bytes)), columns, &mut lines);
    let time = |time: Option<_>| time.map_or_else(|| "–".to_owned(), |time| app.format.time(time));
    row("first, last", &format!("{}, {}", time(capture.first_seen), time(capture.last_seen)), columns, &mut lines);
    let flows = format!("{}, with {}", grouped(counts.flows), counted(counts.packets_in_flows, "frame"));
    row("flows", &flows, columns, &mut lines);
    if counts.retired.flows > 0 {
        let retired = &counts.retired;
        let ended = format!("{}, with {}", counted(retired.flows, "flow"), counted(retired.packets, "frame"));
        row("ended", &ended, columns, &mut lines);
    }
    let stamps = &capture.timestamps;
    let step = stamps.resolution_ns.map_or_else(|| "–".to_owned(), |step| duration(step as f64));
    let back = match stamps.backward_steps {
        0 => String::new(),
        steps => format!(", {} backwards", counted(steps, "step")),
    };
    row("stamps", &format!("{}, steps of {step}{back}", stamps.source), columns, &mut lines);
    for (name, text) in &app.process {
        row(name, text, columns, &mut lines);
    }
    lines.push(Texts::new());
    lines.push(heading(" Interfaces"));
    for (number, interface) in capture.interfaces.iter().enumerate() {
        for (place, text) in of_interface(app, number, interface).iter().enumerate() {
            let lead = if place == 0 { "  " } else { "    " };
            let wrapped = wrapped(text, columns.saturating_sub(5));
            lines.extend(wrapped.into_iter().map(|line| plain(format!("{lead}{line}"))));
        }
    }
    for of in &capture.bursts {
        let bursts = super::detail::bursts(app, &of.bursts, &format!("{}: ", of.interface), columns.saturating_sub(5));
        for mut line in bursts {
            line.insert(0, ("  ".to_owned(), Role::Plain));
            lines.push(line);
        }
    }
    lines.push(Texts::new());
    lines.push(heading(format!(" Frames in no flow: {}", grouped(counts.packets_not_in_flows))));
    for (reason, count) in &capture.not_in_flows {
        lines.push(plain(format!("  {:>12}  {reason}", grouped(*count))));
    }
    let warnings = capture.warnings.iter().map(|warning| match &warning.path {
        Some(path) => format!("{}: {}", path.display(), warning.text),
        None => warning.text.clone(),
    });
    let texts: Vec<String> = warnings.chain(app.status.failure.clone()).collect();
    if !texts.is_empty() {
        lines.push(Texts::new());
        lines.push(vec![(" Warnings".to_owned(), Role::Warning)]);
    }
    for text in texts {
        let text = escaped(&text);
        lines.extend(wrapped(&text, columns.saturating_sub(4)).into_iter().map(|line| plain(format!("  {line}"))));
    }
    lines
}

/// A line of a name and what there is to say, and lines below where that is long.
fn row(name: &str, text: &str, columns: usize, lines: &mut Vec<Texts>) {
    for (place, text) in wrapped(&escaped(text), columns.saturating_sub(17)).into_iter().enumerate() {
        let name = if place == 0 { name } else { "" };
        lines.push(vec![(format!(" {name:<14}"), Role::Faint), (text, Role::Plain)]);
    }
}

/// What there is to say of an interface, the first line with its name.
fn of_interface(app: &App, number: usize, interface: &Interface) -> Vec<String> {
    let name = interface.name.clone().unwrap_or_else(|| number.to_string());
    let mut first = format!("{}  {}", escaped(&name), interface.link_type.name());
    if let Some(speed) = interface.speed {
        first.push_str(&format!("  {}", bit_rate(speed as f64)));
    }
    let Some(counts) = interface.counts else {
        if let Some(dropped) = interface.dropped {
            first.push_str(&format!("  {} dropped", grouped(dropped)));
        }
        return vec![first];
    };
    let since = |since| app.format.time(since);
    match counts.link {
        Some(LinkState::Up) => first.push_str("  up"),
        Some(LinkState::Down(time)) => first.push_str(&format!("  down since {}", since(time))),
        Some(LinkState::NoCarrier(time)) => first.push_str(&format!("  no carrier since {}", since(time))),
        Some(LinkState::Gone(time)) => first.push_str(&format!("  deleted at {}", since(time))),
        None => {}
    }
    let dropped = counts.dropped;
    let mut passed = format!(
        "{} passed the filter, {} dropped by the ring",
        counted(counts.accepted, "frame"),
        grouped(dropped.ring)
    );
    if let Some(adapter) = dropped.adapter {
        passed.push_str(&format!(", {} by the adapter", grouped(adapter)));
    }
    let mut lines = vec![first, passed];
    if let Some(ring) = counts.ring {
        let (waited, all) = (bytes(ring.waited), bytes(ring.bytes));
        lines.push(format!("ring of {all}: at most {waited} waited in the last second"));
    }
    if let Some(ahead) = counts.adapter_ahead_ns {
        let side = if ahead < 0 { "behind" } else { "ahead of" };
        let distance = ahead.unsigned_abs() as f64 * 1e-9;
        let stamped = counted(counts.stamped_by_adapter, "frame");
        lines.push(format!("{stamped} stamped by the adapter, whose clock began {distance:.6} s {side} system time"));
    } else if counts.ring.is_some() {
        lines.push("stamped by the kernel, whose clock is system time".to_owned());
    }
    if counts.merged.frames > 0 {
        let longest = bytes(counts.merged.longest.into());
        lines.push(format!("{} merged by the adapter, of up to {longest}", counted(counts.merged.frames, "frame")));
    }
    lines
}
