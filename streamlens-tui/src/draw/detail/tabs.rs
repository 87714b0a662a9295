//! The other tabs: streams, facts, findings, reasons.

use streamlens_model::row::{Element, RowId, RowRef};
use streamlens_model::words::{bit_rate, duration, grouped};
use streamlens_model::{Metadata, StreamHealth, Value};

use super::{Texts, heading, is_flow, plain};
use crate::app::App;
use crate::draw::flows::mark;
use crate::format::{self, confidence, shortened, wrapped};
use crate::theme::Role;

/// From this width on a stream's line has all its figures.
const ALL_FROM: usize = 110;

/// The stream, the streams of the encoding, or those of all encodings of a flow; with all that was measured of them, or a line
/// each.
pub(super) fn streams(app: &App, row: &RowRef<'_>, columns: usize, is_whole: bool) -> Vec<Texts> {
    let mut lines = Vec::new();
    let own = row.encoding().into_iter();
    let all = row.flow().encodings().filter(|_| row.encoding().is_none());
    for encoding in own.chain(all) {
        if encoding.health.streams.is_empty() {
            continue;
        }
        if row.encoding().is_none() {
            lines.push(heading(encoding.encoding_name.to_string()));
        }
        let has_all = columns >= ALL_FROM;
        let name = columns.saturating_sub(if has_all { 80 } else { 58 }).clamp(12, 40);
        let (expected, restarts) = if has_all { ("  Expected", "  Restarts") } else { ("", "") };
        lines.push(heading(format!(
            "{:<name$} {:>9}{expected} {:>6} {:>5} {:>5}{restarts} {:>4} {:>8} {:>9}",
            "Stream", "Received", "Lost", "Dup", "Reord", "Gap", "Jitter", "Drift"
        )));
        let is_meant = |stream: &&StreamHealth| row.stream().is_none_or(|own| std::ptr::eq(own, *stream));
        for stream in encoding.health.streams.iter().filter(is_meant) {
            let count = |count: Option<u64>| count.map_or_else(|| "–".to_owned(), |count| format::count(count, 6));
            let wide = |number: Option<u64>| match has_all {
                true => format!(" {:>9}", number.map_or_else(|| "–".to_owned(), |number| format::count(number, 9))),
                false => String::new(),
            };
            let title = format::stream(&stream.id, stream.name.as_deref());
            let title = shortened(&title, name).into_owned();
            let pad = " ".repeat(name.saturating_sub(format::width(&title)));
            let jitter = stream.jitter_ns.map_or_else(|| "–".to_owned(), format::duration);
            let drift = stream.drift_ppm.map_or_else(|| "–".to_owned(), |drift| format!("{drift:+.1} ppm"));
            let role = if stream.lost.is_some_and(|lost| lost > 0) { Role::Warning } else { Role::Plain };
            lines.push(vec![(
                format!(
                    "{title}{pad} {:>9}{} {:>6} {:>5} {:>5}{} {:>4} {jitter:>8} {drift:>9}",
                    grouped(stream.received),
                    wide(stream.expected),
                    count(stream.lost),
                    count(stream.duplicated),
                    count(stream.reordered),
                    wide(stream.restarts),
                    count(stream.longest_gap)
                ),
                role,
            )]);
            if let (Some(at), Some(gap)) = (stream.longest_gap_at, stream.longest_gap.filter(|gap| *gap > 0)) {
                let time = at.time.map_or_else(String::new, |time| app.format.time(time));
                lines.push(vec![(
                    format!("  longest gap {} at frame {}  {time}", grouped(gap), grouped(at.frame)),
                    Role::Faint,
                )]);
            }
            if is_whole {
                facts_of(&stream.measures, 2, columns, &mut lines);
            }
        }
        if encoding.health.streams_not_kept > 0 {
            let more = grouped(encoding.health.streams_not_kept);
            lines.push(vec![(format!("{more} more streams are not kept apart"), Role::Faint)]);
        }
        if is_whole {
            lines.push(Texts::new());
        }
    }
    if lines.is_empty() && is_whole {
        lines.push(vec![(" no streams are told apart here".to_owned(), Role::Faint)]);
    }
    lines
}

/// Metadata of the element, and of a flow its addresses and their changes.
pub(super) fn facts(app: &App, row: &RowRef<'_>, columns: usize) -> Vec<Texts> {
    let mut lines = Vec::new();
    let flow = row.flow();
    if is_flow(row) {
        let time = |time: Option<_>| time.map_or_else(|| "–".to_owned(), |time| app.format.time(time));
        lines.push(heading("Flow"));
        lines.push(plain(format!("  first seen  {}", time(flow.first_seen))));
        lines.push(plain(format!("  last seen   {}", time(flow.last_seen))));
        lines.extend(flow.traffic_type.map(|cast| plain(format!("  {}", cast.name()))));
        for change in &flow.macs {
            let mac = |mac: Option<_>| {
                mac.map_or_else(|| "–".to_owned(), |mac: streamlens_model::MacAddress| mac.to_string())
            };
            let (src, dst) = (mac(change.value.src), mac(change.value.dst));
            lines.push(plain(format!("  MAC  {src} → {dst}  {}", since(change.since_frame, change.packets))));
        }
        for change in &flow.dscp {
            lines.push(plain(format!("  DSCP {}  {}", change.value, since(change.since_frame, change.packets))));
        }
        for change in &flow.ttl {
            lines.push(plain(format!("  TTL  {}  {}", change.value, since(change.since_frame, change.packets))));
        }
    }
    let part = |title: &str, facts: &Metadata, lines: &mut Vec<Texts>| {
        if !facts.is_empty() {
            lines.push(heading(title.to_owned()));
            facts_of(facts, 2, columns, lines);
        }
    };
    match row.element() {
        Element::Flow(flow) => {
            for transport in &flow.transport_protocols {
                part(&transport.protocol_name, &transport.metadata, &mut lines);
                for encoding in &transport.application_encodings {
                    part(&encoding.encoding_name, &encoding.decoder_metadata, &mut lines);
                }
            }
        }
        Element::Transport(transport) => part(&transport.protocol_name, &transport.metadata, &mut lines),
        Element::Encoding(encoding) => part(&encoding.encoding_name, &encoding.decoder_metadata, &mut lines),
        Element::Stream(stream) => part(&stream.id, &stream.measures, &mut lines),
        Element::PacketType(kind) => part(&kind.type_name, &kind.payload_characteristics, &mut lines),
    }
    if lines.is_empty() {
        lines.push(vec![(" nothing is known beside the figures".to_owned(), Role::Faint)]);
    }
    lines
}

fn since(frame: u64, packets: u64) -> String {
    format!("from frame {} on, {}", grouped(frame), streamlens_model::words::counted(packets, "frame"))
}

/// Facts as lines: names, and values or further facts below.
fn facts_of(facts: &Metadata, indent: usize, columns: usize, lines: &mut Vec<Texts>) {
    for (name, value) in facts.iter() {
        add(name, value, indent, columns, lines);
    }
}

fn add(name: &str, value: &Value, indent: usize, columns: usize, lines: &mut Vec<Texts>) {
    // hostile captures may nest deep
    let indent = indent.min(24);
    // durations are written with a unit
    let (name, nanos) = match (name.strip_suffix("_ns"), value) {
        (Some(short), Value::Unsigned(nanos)) => (short, Some(*nanos as f64)),
        (Some(short), Value::Signed(nanos)) => (short, Some(*nanos as f64)),
        (Some(short), Value::Float(nanos)) => (short, Some(*nanos)),
        _ => (name, None),
    };
    let lead = format!("{}{} ", " ".repeat(indent), name.replace('_', " "));
    match value {
        Value::Map(map) if !map.is_empty() => {
            lines.push(vec![(lead, Role::Faint)]);
            facts_of(map, indent + 2, columns, lines);
        }
        Value::List(items) if items.iter().any(|item| matches!(item, Value::Map(_))) => {
            lines.push(vec![(lead, Role::Faint)]);
            for (place, item) in items.iter().enumerate() {
                add(&(place + 1).to_string(), item, indent + 2, columns, lines);
            }
        }
        other => {
            let text = match (nanos, other) {
                (Some(nanos), _) if nanos < 0.0 => format!("-{}", duration(-nanos)),
                (Some(nanos), _) => duration(nanos),
                (None, Value::Float(rate)) if name == "bit_rate" => bit_rate(*rate),
                (None, Value::Float(number)) => significant(*number),
                (None, other) => streamlens_model::text::escaped(&other.to_string()).into_owned(),
            };
            let room = columns.saturating_sub(format::width(&lead) + 1).max(10);
            for (place, line) in wrapped(&text, room).into_iter().enumerate() {
                let lead = if place == 0 { lead.clone() } else { " ".repeat(format::width(&lead)) };
                lines.push(vec![(lead, Role::Faint), (line, Role::Plain)]);
            }
        }
    }
}

/// A figure with six digits, and more where its whole part has more.
fn significant(number: f64) -> String {
    let whole = number.abs().max(1.0).log10() as usize;
    let text = format!("{number:.*}", 5_usize.saturating_sub(whole));
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// What was found at the row or below it.
pub(super) fn findings(app: &App, id: RowId, columns: usize) -> Vec<Texts> {
    let mut found = app.findings_of(id);
    found.sort_by(|one, other| other.severity.cmp(&one.severity).then(one.first.frame.cmp(&other.first.frame)));
    let mut lines = Vec::new();
    for finding in found {
        let (sign, role) = mark(finding.severity);
        let time = finding.first.time.map_or_else(String::new, |time| app.format.time(time));
        let first = format!(
            "{sign} {}  {}×  {time}  frame {}",
            finding.code,
            grouped(finding.count),
            grouped(finding.first.frame)
        );
        lines.push(vec![(first, role)]);
        if let Some(stream) = &finding.place.stream {
            lines.push(vec![(format!("    {stream}"), Role::Faint)]);
        }
        for line in wrapped(&finding.text, columns.saturating_sub(5)) {
            lines.push(plain(format!("    {line}")));
        }
    }
    lines
}

/// How sure it is, why, and what else it may be.
pub(super) fn why(row: &RowRef<'_>, columns: usize) -> Vec<Texts> {
    let mut lines = Vec::new();
    for transport in &row.flow().transport_protocols {
        if row.transport().is_some_and(|own| !std::ptr::eq(own, transport)) {
            continue;
        }
        for encoding in &transport.application_encodings {
            if row.encoding().is_some_and(|own| !std::ptr::eq(own, encoding)) {
                continue;
            }
            let score = confidence(encoding.confidence_score);
            lines.push(heading(format!("{} {score}", encoding.encoding_name)));
            lines.push(vec![(format!("  identified at frame {}", grouped(encoding.identified_at_frame)), Role::Faint)]);
            for reason in &encoding.reasons {
                for (place, line) in wrapped(reason, columns.saturating_sub(6)).into_iter().enumerate() {
                    lines.push(plain(format!("  {} {line}", if place == 0 { "–" } else { " " })));
                }
            }
        }
        if !transport.candidates.is_empty() {
            lines.push(heading("May also be"));
        }
        for candidate in &transport.candidates {
            let score = confidence(candidate.confidence_score);
            let text = format!("{} {score}: {}", candidate.encoding_name, candidate.reason);
            lines.extend(wrapped(&text, columns.saturating_sub(4)).into_iter().map(|line| plain(format!("  {line}"))));
        }
    }
    if lines.is_empty() {
        lines.push(vec![(" nothing was identified, and nothing comes near".to_owned(), Role::Faint)]);
    }
    lines
}
