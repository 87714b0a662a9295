//! What stands below the table: totals, the capture, and the findings.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use anstyle::Style;
use streamlens::model::words::Times;
use streamlens::model::{Analysis, CaptureSummary, DroppedBy, Finding, Occurrence, Severity, Timestamp};

use super::{ERROR, FAINT, INFO, Look, TITLE, WARNING, bursts, networks};
use crate::text::{self, counted, escaped, grouped};

/// Columns of the titles.
const INDENT: usize = 10;
/// Sentences are broken at this width where nothing says how wide the output is.
const WIDTH: usize = 120;
/// Captures that are named; more of them are counted.
const MOST_PATHS: usize = 4;
/// Lines that are shown of what spans flows, of each kind, unless all are asked for.
const MOST_OF_NETWORK: usize = 6;
/// Findings that are written out; the rest is counted.
pub(crate) const MOST_FINDINGS: usize = 200;

pub(super) fn write(
    out: &mut impl Write,
    analysis: &Analysis,
    matched: Option<usize>,
    has_all_networks: bool,
    look: Look,
) -> io::Result<()> {
    let capture = &analysis.capture;
    let mut part = Part { out, look };
    part.networks(analysis, has_all_networks)?;
    for line in bursts::lines(analysis) {
        part.write(line.0, TITLE, &line.1)?;
    }
    part.write("Total", TITLE, &totals(analysis, matched))?;
    part.write("Capture", TITLE, &source(capture))?;
    if let Some(time) = time(capture) {
        part.write("Time", TITLE, &time)?;
    }
    part.write("Stamps", TITLE, &stamps(capture))?;
    if let Some(counters) = counters(&capture.not_in_flows) {
        part.write("No flow", TITLE, &format!("{counters}: frames that are in no flow"))?;
    }
    if let Some(dropped) = dropped_by(capture) {
        part.write("Dropped", drop_style(capture), &dropped)?;
    } else if !capture.dropped.is_empty() {
        let of_interface = |(name, count): (&String, &u64)| {
            let number = if name.parse::<u32>().is_ok() { "interface " } else { "" };
            format!("{number}{name}: {}", counted(*count, "frame"))
        };
        let all: Vec<_> = capture.dropped.iter().map(of_interface).collect();
        part.write("Dropped", drop_style(capture), &format!("{} lost by the capture itself", all.join("; ")))?;
    }
    for warning in &capture.warnings {
        let path = warning.path.as_ref().map_or_else(String::new, |path| format!("{}: ", path.display()));
        part.write("Warning", if warning.incomplete { ERROR } else { WARNING }, &format!("{path}{}", warning.text))?;
    }
    part.findings(analysis)
}

/// Yellow, where anything was dropped at all.
fn drop_style(capture: &CaptureSummary) -> Style {
    let by_ring = capture.dropped_by.values().map(|by| by.ring + by.adapter.unwrap_or(0)).sum::<u64>();
    let is_none = by_ring == 0 && capture.dropped.values().all(|count| *count == 0);
    if is_none { TITLE } else { WARNING }
}

/// Frames that a live capture lost, by interface and by whom; `None` where it is no live capture.
fn dropped_by(capture: &CaptureSummary) -> Option<String> {
    let one = |(name, dropped): (&String, &DroppedBy)| {
        let adapter =
            dropped.adapter.map_or_else(String::new, |adapter| format!(", {} by the adapter", grouped(adapter)));
        format!("{name}: {} by the ring{adapter}", grouped(dropped.ring))
    };
    let parts: Vec<String> = capture.dropped_by.iter().map(one).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn totals(analysis: &Analysis, matched: Option<usize>) -> String {
    let capture = &analysis.capture;
    let shown = analysis.flows.len();
    let of_total =
        |count: usize| format!("{} of {}", grouped(count as u64), counted(analysis.total_flows as u64, "flow"));
    let flows = match analysis.total_flows {
        _ if matched == Some(shown) => of_total(shown),
        _ if matched.is_some() => format!("{}, {} shown", of_total(matched.unwrap_or(shown)), grouped(shown as u64)),
        total if total == shown => counted(total as u64, "flow"),
        total => format!("{} of {} shown", grouped(shown as u64), counted(total as u64, "flow")),
    };
    let mut text =
        format!("{flows}; {}, {} on the wire", counted(capture.packets, "frame"), counted(capture.bytes, "byte"));
    if capture.captured_bytes != capture.bytes {
        text += &format!(", {} captured", grouped(capture.captured_bytes));
    }
    if capture.outer_bytes > 0 {
        text += &format!(", {} of them around the frames", grouped(capture.outer_bytes));
    }
    if let Some(rate) = capture.bit_rate() {
        text += &format!(", {} on average", text::bit_rate(rate));
    }
    text
}

fn source(capture: &CaptureSummary) -> String {
    let formats: Vec<_> = capture.format.iter().flat_map(|formats| formats.split(", ")).collect();
    let (formats, captures) = (formats.iter().collect::<BTreeSet<_>>(), formats.len());
    let path = match &capture.path {
        Some(path) if captures <= MOST_PATHS => path.clone(),
        _ => counted(captures as u64, "capture"),
    };
    let parts = [path, formats.into_iter().copied().collect::<Vec<_>>().join(", "), capture.link_types.join(", ")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

fn span(capture: &CaptureSummary) -> Option<i64> {
    capture.last_seen.zip(capture.first_seen).map(|(last, first)| last.since(first))
}

fn time(capture: &CaptureSummary) -> Option<String> {
    let (first, last) = capture.first_seen.zip(capture.last_seen)?;
    let span = span(capture)?;
    Some(format!("{} to {} ({})", instant(first), instant(last), text::duration(span as f64)))
}

/// How far the times can be leaned on.
fn stamps(capture: &CaptureSummary) -> String {
    let quality = &capture.timestamps;
    let mut parts = Vec::new();
    parts.push(match quality.resolution_ns {
        Some(step) => format!("resolution {}", text::exact_duration(step)),
        None => "no time stamps".to_owned(),
    });
    parts.push(format!("source {}", quality.source));
    if quality.backward_steps > 0 {
        let most = quality
            .largest_backward_step_ns
            .map_or_else(String::new, |most| format!(" (by {} at most)", text::duration(most as f64)));
        parts.push(format!("{} backwards{most}", counted(quality.backward_steps, "step")));
    }
    if quality.without_time > 0 {
        parts.push(format!("{} without a time", counted(quality.without_time, "frame")));
    }
    parts.join(", ")
}

fn counters(counters: &BTreeMap<String, u64>) -> Option<String> {
    let parts: Vec<_> = counters.iter().map(|(name, count)| format!("{} {name}", grouped(*count))).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `2026-11-22 21:31:59.691546397 UTC`.
pub(super) fn instant(time: Timestamp) -> String {
    time.to_string().replacen('T', " ", 1).replacen('Z', " UTC", 1)
}

/// Writes titled paragraphs.
struct Part<'a, W> {
    out: &'a mut W,
    look: Look,
}

impl<W: Write> Part<'_, W> {
    fn write(&mut self, title: &str, style: Style, text: &str) -> io::Result<()> {
        self.write_indented(title, style, text, 0)
    }

    /// With so many more spaces in front of the text.
    fn write_indented(&mut self, title: &str, style: Style, text: &str, more: usize) -> io::Result<()> {
        let text = escaped(text);
        let indent = INDENT + more;
        let limit = self.look.width.unwrap_or(WIDTH).saturating_sub(indent).max(20);
        for (index, line) in text::wrapped(&text, limit).iter().enumerate() {
            let title = if index == 0 { title } else { "" };
            let pad = " ".repeat(indent.saturating_sub(text::width(title)).max(1));
            writeln!(self.out, "{}{pad}{line}", self.look.paint(style, title))?;
        }
        Ok(())
    }

    /// What spans flows: all of it, or the front of each kind.
    fn networks(&mut self, analysis: &Analysis, has_all: bool) -> io::Result<()> {
        let most = if has_all { usize::MAX } else { MOST_OF_NETWORK };
        let groups = networks::groups(analysis);
        for networks::Group { title, lines } in &groups {
            for (place, line) in lines.iter().take(most).enumerate() {
                let text = line.trim_start();
                let title = if place == 0 { title } else { "" };
                self.write_indented(title, TITLE, text, line.len() - text.len())?;
            }
            if let Some(more @ 1..) = lines.len().checked_sub(most) {
                self.write("", FAINT, &format!("{}; --networks shows all", counted(more as u64, "more line")))?;
            }
        }
        if groups.is_empty() { Ok(()) } else { writeln!(self.out) }
    }

    fn findings(&mut self, analysis: &Analysis) -> io::Result<()> {
        let number = |severity| analysis.total_findings.get(&severity).copied().unwrap_or(0);
        let (errors, warnings, infos) = (number(Severity::Error), number(Severity::Warning), number(Severity::Info));
        let parts = [counted(errors, "error"), counted(warnings, "warning"), format!("{} info", grouped(infos))];
        let parts = parts.into_iter().zip([errors, warnings, infos]).filter(|(_, count)| *count > 0);
        let parts: Vec<_> = parts.map(|(part, _)| part).collect();
        self.write("Findings", TITLE, &if parts.is_empty() { "none".to_owned() } else { parts.join(", ") })?;
        let shown = analysis.findings.get(..MOST_FINDINGS).unwrap_or(&analysis.findings);
        for finding in shown {
            self.finding(finding)?;
        }
        match (errors + warnings + infos).saturating_sub(shown.len() as u64) {
            0 => Ok(()),
            more => self.write("", FAINT, &format!("and {} more; --format json has all", grouped(more))),
        }
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let (title, style) = match finding.severity {
            Severity::Error => ("error", ERROR),
            Severity::Warning => ("warning", WARNING),
            Severity::Info => ("info", INFO),
        };
        writeln!(self.out)?;
        let times = if finding.count == 1 {
            at(&finding.first)
        } else {
            let last = format!("last at frame {}", grouped(finding.last.frame));
            let gaps = finding.packets.map(|_| counted(finding.count, "gap"));
            let often = gaps.unwrap_or_else(|| Times(finding.count).to_string());
            format!("{often}, first {}, {last}", at(&finding.first))
        };
        self.write(title, style, &format!("{}: {times}", finding.code))?;
        let place = &finding.place;
        let stream = place.stream.as_ref().map(|stream| format!("stream {stream}"));
        let parts = [&place.flow, &place.transport, &place.encoding, &stream];
        let parts: Vec<_> = parts.into_iter().flatten().map(String::as_str).collect();
        if !parts.is_empty() {
            self.write("", style, &parts.join(", "))?;
        }
        self.write("", style, &finding.text)
    }
}

fn at(occurrence: &Occurrence) -> String {
    if occurrence.frame == 0 {
        return "in the whole capture".to_owned();
    }
    let time = occurrence.time.map_or_else(String::new, |time| format!(", {}", instant(time)));
    format!("at frame {}{time}", grouped(occurrence.frame))
}
