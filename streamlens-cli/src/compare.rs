//! `streamlens compare GOOD BAD`: what appeared, vanished, got worse or better from one capture of a network to another, stream by
//! stream.

mod spanning;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::Serialize;
use streamlens::model::row::{FindingIndex, Level, Row, RowContext, RowRef};
use streamlens::model::words::{bit_rate, counted, duration, grouped, packet_rate};
use streamlens::model::{Analysis, Severity, Value};

use streamlens_filter::Filter;

use self::spanning::Found;
use crate::args::CompareFormat;
use crate::text::escaped;

/// A figure has to grow by this share before it counts as another one: no two captures of a network are alike.
const JITTER_GROWS: f64 = 0.5;
const GAP_GROWS: f64 = 0.5;
const RATE_CHANGES: f64 = 0.05;
const SHARE_GROWS: f64 = 0.1;
/// And by so many nanoseconds at least.
const LEAST_JITTER_NS: f64 = 10_000.0;
const LEAST_GAP_NS: f64 = 1_000_000.0;

/// What became of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Vanished,
    Worse,
    Appeared,
    Better,
    Same,
}

impl Verdict {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Vanished, "vanished"),
        (Self::Worse, "worse"),
        (Self::Appeared, "appeared"),
        (Self::Better, "better"),
        (Self::Same, "same"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(verdict, _)| *verdict == self).map_or("", |(_, name)| name)
    }
}

/// What tells streams apart: the flow, and below it the names of the document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Key {
    flow: String,
    transport: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
}

/// The figures of a stream, or of the encoding or transport where nothing is told apart below.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Figures {
    packets: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bit_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packet_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicated: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reordered: Option<u64>,
    /// Frames that the capture has twice; of encodings alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    copies: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jitter_ns: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longest_interval_ns: Option<u64>,
    /// Codes of warnings and errors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<String>,
}

/// A stream in both captures.
#[derive(Clone, Debug, Serialize)]
struct Compared {
    verdict: Verdict,
    #[serde(flatten)]
    key: Key,
    /// In words, what is other than before.
    reasons: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    good: Option<Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bad: Option<Figures>,
}

/// One of the captures.
#[derive(Serialize)]
struct Side {
    path: String,
    packets: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ns: Option<i64>,
}

/// The whole comparison.
#[derive(Serialize)]
pub(crate) struct Comparison {
    schema: &'static str,
    good: Side,
    bad: Side,
    /// What the streams had to match in one of the captures.
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<String>,
    counts: BTreeMap<&'static str, usize>,
    streams: Vec<Compared>,
    /// What is found in one of the captures alone of that which spans flows.
    findings: Vec<Found>,
}

impl Comparison {
    /// Of the streams that a filter shows of either.
    pub(crate) fn of(good: &Analysis, bad: &Analysis, filter: Option<&Filter>) -> Self {
        let (mut before, mut after) = (figures(good), figures(bad));
        if let Some(filter) = filter {
            let shown: BTreeSet<_> = [good, bad].into_iter().flat_map(|of| shown(of, filter)).collect();
            before.retain(|key, _| shown.contains(key));
            after.retain(|key, _| shown.contains(key));
        }
        let keys: Vec<_> = before.keys().chain(after.keys()).cloned().collect();
        let mut streams: Vec<_> = keys
            .into_iter()
            .filter_map(|key| {
                let (good, bad) = (before.remove(&key), after.remove(&key));
                // a key of both stands in the list twice
                (good.is_some() || bad.is_some()).then(|| judged(key, good, bad))
            })
            .collect();
        streams.sort_by(|one, other| (one.verdict, &one.key).cmp(&(other.verdict, &other.key)));
        let mut counts: BTreeMap<_, _> = Verdict::ALL.iter().map(|(_, name)| (*name, 0)).collect();
        streams.iter().for_each(|one| *counts.entry(one.verdict.name()).or_default() += 1);
        let encodings = streams.iter().filter_map(|one| one.key.encoding.as_deref()).collect();
        let findings = spanning::found(good, bad, filter.map(|_| &encodings));
        let filter = filter.map(Filter::to_string);
        Self { schema: "streamlens.comparison/1", good: side(good), bad: side(bad), filter, counts, streams, findings }
    }

    /// Whether anything vanished or got worse.
    pub(crate) fn is_worse(&self) -> bool {
        let mut verdicts =
            self.streams.iter().map(|one| one.verdict).chain(self.findings.iter().map(|found| found.verdict));
        verdicts.any(|verdict| matches!(verdict, Verdict::Vanished | Verdict::Worse))
    }

    pub(crate) fn write(&self, out: &mut impl Write, format: CompareFormat) -> io::Result<()> {
        match format {
            CompareFormat::Table => self.write_table(out),
            CompareFormat::Csv => self.write_csv(out),
            CompareFormat::Json => {
                serde_json::to_writer(&mut *out, self)?;
                out.write_all(b"\n")
            }
        }
    }

    fn write_table(&self, out: &mut impl Write) -> io::Result<()> {
        for (title, side) in [("Good", &self.good), ("Bad", &self.bad)] {
            let time = side.duration_ns.map_or_else(String::new, |nanos| format!(", {}", duration(nanos as f64)));
            writeln!(out, "{title:<10}{}; {}{time}", escaped(&side.path), counted(side.packets, "frame"))?;
        }
        if let Some(filter) = &self.filter {
            writeln!(out, "Filter    {}", escaped(filter))?;
        }
        let counts: Vec<_> = Verdict::ALL.iter().map(|(_, name)| format!("{} {name}", self.counts[*name])).collect();
        writeln!(out, "Streams   {}", counts.join(", "))?;
        for one in self.streams.iter().filter(|one| one.verdict != Verdict::Same) {
            writeln!(out, "\n{:<10}{}", one.verdict.name(), escaped(&one.key.text()))?;
            for reason in &one.reasons {
                writeln!(out, "{:<10}{}", "", escaped(reason))?;
            }
            if let (Some(good), Some(bad)) = (&one.good, &one.bad) {
                writeln!(out, "{:<10}{:<28}{:>14}  {:>14}", "", "", "good", "bad")?;
                for ((name, good), (_, bad)) in good.texts().into_iter().zip(bad.texts()) {
                    if good.is_some() || bad.is_some() {
                        let [good, bad] = [good, bad].map(|text| text.unwrap_or_else(|| "-".to_owned()));
                        writeln!(out, "{:<10}{name:<28}{good:>14}  {bad:>14}", "")?;
                    }
                }
            }
        }
        self.findings.iter().try_for_each(|found| found.write(out))
    }

    fn write_csv(&self, out: &mut impl Write) -> io::Result<()> {
        const FIGURES: [&str; 10] = [
            "packets",
            "bit_rate",
            "packet_rate",
            "expected",
            "lost",
            "duplicated",
            "reordered",
            "copies",
            "jitter_ns",
            "longest_interval_ns",
        ];
        let sides = ["good", "bad"].map(|side| FIGURES.map(|name| format!("{side}_{name}")).join(","));
        writeln!(out, "verdict,flow,transport,encoding,stream,reasons,{}", sides.join(","))?;
        for one in &self.streams {
            let Key { flow, transport, encoding, stream } = &one.key;
            let texts = [
                one.verdict.name(),
                flow,
                transport,
                encoding.as_deref().unwrap_or_default(),
                stream.as_deref().unwrap_or_default(),
                &one.reasons.join("; "),
            ]
            .map(quoted);
            let figures = [&one.good, &one.bad].map(|side| {
                let of = side.as_ref();
                let count = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
                let number = |number: Option<f64>| number.map_or_else(String::new, |number| number.to_string());
                [
                    count(of.map(|of| of.packets)),
                    number(of.and_then(|of| of.bit_rate)),
                    number(of.and_then(|of| of.packet_rate)),
                    count(of.and_then(|of| of.expected)),
                    count(of.and_then(|of| of.lost)),
                    count(of.and_then(|of| of.duplicated)),
                    count(of.and_then(|of| of.reordered)),
                    count(of.and_then(|of| of.copies)),
                    number(of.and_then(|of| of.jitter_ns)),
                    count(of.and_then(|of| of.longest_interval_ns)),
                ]
                .join(",")
            });
            writeln!(out, "{},{}", texts.join(","), figures.join(","))?;
        }
        self.findings.iter().try_for_each(|found| found.write_csv(out, 2 * FIGURES.len()))
    }
}

/// A field of CSV.
fn quoted(text: &str) -> String {
    let text = escaped(text);
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into_owned() }
}

impl Key {
    fn text(&self) -> String {
        let stream =
            self.stream.as_ref().map(|id| if id.starts_with("stream ") { id.clone() } else { format!("stream {id}") });
        let parts = [Some(&self.flow), Some(&self.transport), self.encoding.as_ref(), stream.as_ref()];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

impl Figures {
    /// For people, with their names.
    fn texts(&self) -> [(&'static str, Option<String>); 10] {
        [
            ("packets", Some(grouped(self.packets))),
            ("bit rate", self.bit_rate.map(bit_rate)),
            ("packets a second", self.packet_rate.map(packet_rate)),
            ("expected", self.expected.map(grouped)),
            ("lost", self.lost.map(grouped)),
            ("duplicated", self.duplicated.map(grouped)),
            ("reordered", self.reordered.map(grouped)),
            ("copies", self.copies.map(grouped)),
            ("jitter", self.jitter_ns.map(duration)),
            ("longest time between packets", self.longest_interval_ns.map(|nanos| duration(nanos as f64))),
        ]
    }
}

fn side(of: &Analysis) -> Side {
    let capture = &of.capture;
    let duration_ns = capture.last_seen.zip(capture.first_seen).map(|(last, first)| last.since(first));
    Side { path: capture.path.clone().unwrap_or_default(), packets: capture.packets, duration_ns }
}

/// The figures of all streams, of encodings and of transports in which nothing was identified.
fn figures(of: &Analysis) -> BTreeMap<Key, Figures> {
    let (mut all, mut named) = (BTreeMap::new(), BTreeMap::new());
    for row in of.rows(RowContext::default()) {
        let Some(key) = key_of(&row) else { continue };
        if let Some(name) = row.stream().and_then(|of| of.name.clone()) {
            named.insert(Key { stream: Some(name), ..key.clone() }, key.clone());
        }
        let Row { packets, bit_rate, packet_rate, timing, health, .. } = row.figures();
        let figures = Figures {
            packets,
            bit_rate,
            packet_rate,
            expected: health.expected,
            lost: health.lost,
            duplicated: health.duplicated,
            reordered: health.reordered,
            copies: copies(&row),
            jitter_ns: health.media_jitter_ns,
            longest_interval_ns: timing.max_ns,
            findings: Vec::new(),
        };
        all.insert(key, figures);
    }
    for finding in of.findings.iter().filter(|finding| finding.severity >= Severity::Warning) {
        let place = &finding.place;
        let Some((flow, transport)) = place.flow.clone().zip(place.transport.clone()) else { continue };
        // where it names a stream it is one of the stream and of the encoding
        let whole = Key { flow, transport, encoding: place.encoding.clone(), stream: None };
        let own = place.stream.clone().map(|stream| Key { stream: Some(stream), ..whole.clone() });
        let own = own.map(|key| named.get(&key).cloned().unwrap_or(key));
        for key in [Some(whole), own].into_iter().flatten() {
            let Some(figures) = all.get_mut(&key) else { continue };
            let code = finding.code.to_string();
            if !figures.findings.contains(&code) {
                figures.findings.push(code);
            }
        }
    }
    all
}

/// The streams that a filter shows.
fn shown(of: &Analysis, filter: &Filter) -> Vec<Key> {
    let index = filter.asks_for_findings().then(|| FindingIndex::new(&of.findings));
    let context = RowContext { now: of.capture.last_seen, findings: index.as_ref(), live: None };
    let rows = of.flows.iter().flat_map(|flow| filter.shown(flow, context));
    rows.filter_map(|row| key_of(&row)).collect()
}

/// The frames of an encoding that the capture has twice.
fn copies(row: &RowRef<'_>) -> Option<u64> {
    let encoding = row.encoding().filter(|_| row.level() == Level::Encoding)?;
    encoding.decoder_metadata.get("copies").and_then(Value::as_u64)
}

fn key_of(row: &RowRef<'_>) -> Option<Key> {
    let transport = row.transport()?;
    let is_shown = match row.level() {
        Level::Transport => transport.application_encodings.is_empty(),
        Level::Encoding | Level::Stream => true,
        Level::Flow | Level::PacketType => false,
    };
    is_shown.then(|| Key {
        flow: row.flow().key.to_string(),
        transport: transport.protocol_name.to_string(),
        encoding: row.encoding().map(|of| of.encoding_name.to_string()),
        stream: row.stream().map(|of| of.id.clone()),
    })
}

/// Whether a figure got worse, better, or neither, and how that is said.
type Change = (Option<bool>, String);

fn judged(key: Key, good: Option<Figures>, bad: Option<Figures>) -> Compared {
    let (verdict, reasons) = match (&good, &bad) {
        (Some(before), Some(after)) => {
            let changes = changes(before, after);
            let verdict = match () {
                () if changes.iter().any(|(is_worse, _)| *is_worse == Some(true)) => Verdict::Worse,
                () if changes.iter().any(|(is_worse, _)| *is_worse == Some(false)) => Verdict::Better,
                () => Verdict::Same,
            };
            (verdict, changes.into_iter().filter(|(is_worse, _)| is_worse.is_some()).map(|(_, text)| text).collect())
        }
        (Some(before), None) => (Verdict::Vanished, vec![format!("it had {}", counted(before.packets, "packet"))]),
        (_, after) => {
            let packets = after.as_ref().map_or(0, |after| after.packets);
            (Verdict::Appeared, vec![format!("it has {}", counted(packets, "packet"))])
        }
    };
    Compared { verdict, key, reasons, good, bad }
}

fn changes(before: &Figures, after: &Figures) -> Vec<Change> {
    let share = |of: &Figures, count: Option<u64>| {
        let all = of.expected.unwrap_or(of.packets).max(1);
        count.map(|count| count as f64 / all as f64)
    };
    let said = |of: &Figures, count: Option<u64>| {
        let percent = share(of, count).unwrap_or(0.0) * 100.0;
        format!("{} ({percent:.3} %)", grouped(count.unwrap_or(0)))
    };
    let shares = [
        ("lost", before.lost, after.lost),
        ("duplicated", before.duplicated, after.duplicated),
        ("reordered", before.reordered, after.reordered),
        ("copies", before.copies, after.copies),
    ];
    // where as many are expected, the traffic is the same: then no difference is chance
    let grown_by = if before.expected.is_some() && before.expected == after.expected { 0.0 } else { SHARE_GROWS };
    let mut changes: Vec<Change> = shares
        .into_iter()
        .map(|(name, old, new)| {
            let (was, is) = (share(before, old).unwrap_or(0.0), share(after, new).unwrap_or(0.0));
            (grows(was, is, grown_by, 0.0), format!("{name} {}, was {}", said(after, new), said(before, old)))
        })
        .collect();
    let times = [
        ("jitter", before.jitter_ns, after.jitter_ns, JITTER_GROWS, LEAST_JITTER_NS),
        (
            "longest time between packets",
            before.longest_interval_ns.map(|ns| ns as f64),
            after.longest_interval_ns.map(|ns| ns as f64),
            GAP_GROWS,
            LEAST_GAP_NS,
        ),
    ];
    for (name, old, new, share, least) in times {
        if let (Some(was), Some(is)) = (old, new) {
            let text = format!("{name} {}, was {}", duration(is), duration(was));
            changes.push((grows(was, is, share, least), text));
        }
    }
    if let (Some(was), Some(is)) = (before.bit_rate, after.bit_rate) {
        let change = match () {
            () if is < was * (1.0 - RATE_CHANGES) => Some(true),
            () if is > was * (1.0 + RATE_CHANGES) => Some(false),
            () => None,
        };
        changes.push((change, format!("rate {}, was {}", bit_rate(is), bit_rate(was))));
    }
    let only = |of: &Figures, other: &Figures| {
        let codes = of.findings.iter().filter(|code| !other.findings.contains(code));
        codes.map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    let (new, gone) = (only(after, before), only(before, after));
    changes.push((Some(true).filter(|_| !new.is_empty()), format!("new findings: {new}")));
    changes.push((Some(false).filter(|_| !gone.is_empty()), format!("findings that are gone: {gone}")));
    changes
}

/// Whether a figure that should be small grew (`true`) or fell, by a share and by so much at least.
fn grows(was: f64, is: f64, share: f64, least: f64) -> Option<bool> {
    let by = |small: f64, large: f64| large > small * (1.0 + share) && large - small > least;
    match () {
        () if by(was, is) => Some(true),
        () if by(is, was) => Some(false),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One more packet lost of the same traffic is worse, however many were; in other traffic it may be chance.
    #[test]
    fn every_loss_of_the_same_traffic_counts() {
        let of = |lost, expected| Figures { lost: Some(lost), expected: Some(expected), ..Figures::default() };
        let is_worse = |before: &Figures, after: &Figures| changes(before, after).iter().any(|of| of.0 == Some(true));
        assert!(is_worse(&of(48, 12_000), &of(49, 12_000)));
        assert!(!is_worse(&of(48, 12_000), &of(49, 12_001)));
        assert!(is_worse(&Figures::default(), &Figures { copies: Some(3), ..Figures::default() }));
    }

    #[test]
    fn small_figures_that_grow_are_worse_and_noise_is_neither() {
        assert_eq!(grows(0.0, 0.001, SHARE_GROWS, 0.0), Some(true));
        assert_eq!(grows(0.001, 0.0, SHARE_GROWS, 0.0), Some(false));
        assert_eq!(grows(20_000.0, 25_000.0, JITTER_GROWS, LEAST_JITTER_NS), None);
        assert_eq!(grows(100.0, 9_000.0, JITTER_GROWS, LEAST_JITTER_NS), None, "both are small");
        assert_eq!(grows(20_000.0, 40_000.0, JITTER_GROWS, LEAST_JITTER_NS), Some(true));
    }
}
