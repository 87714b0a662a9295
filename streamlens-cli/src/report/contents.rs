//! What stands in a report: every line names source and flow, every fault its time, and what is unknown its reason.

use streamlens::model::words::{counted, duration, grouped};
use streamlens::model::{Analysis, ApplicationEncoding, Finding, Flow, Interval, Occurrence, StreamHealth, Value};

use super::{Kind, Plot, Report, Section};
use crate::table;

/// Streams that are drawn into one plot.
const MOST_LINES: usize = 8;
/// Occurrences that are listed of each stream's gaps.
const MOST_GAPS: usize = 32;

/// What a trade looks at.
struct Trade {
    title: &'static str,
    encodings: &'static [&'static str],
    findings: &'static [&'static str],
    /// Titles of what spans flows.
    networks: &'static [&'static str],
}

/// The beginnings of codes that matter to every trade.
const OF_ALL: &[&str] = &["capture.", "decode-as.", "findings.", "ip."];

const FLIGHT_TEST: Trade = Trade {
    title: "Flight test report",
    encodings: &["IENA", "Chapter10", "iNetX", "TmNS", "NPD"],
    findings: &["iena.", "chapter10.", "inetx.", "tmns.", "npd.", "ptp.", "telemetry."],
    networks: &["PTP"],
};
const MEDIA: Trade = Trade {
    title: "Media report",
    encodings: &[
        "RTP",
        "RTCP",
        "SRTCP",
        "AES67",
        "ST2110-20",
        "ST2110-22",
        "ST2110-30",
        "ST2110-31",
        "ST2110-40",
        "ST2022-1",
        "ST2022-2",
        "ST2022-5",
        "ST2022-6",
        "MPEG-TS",
        "NDI",
    ],
    findings: &["rtp.", "rtcp.", "sap.", "sdp.", "st2", "audio.", "mpegts.", "ndi.", "ptp."],
    networks: &["PTP", "Sessions", "Pairs", "NDI"],
};
const PLANT: Trade = Trade {
    title: "Plant report",
    encodings: &["PROFINET", "EtherCAT", "ModbusTCP", "ModbusRTU"],
    findings: &["profinet.", "ethercat.", "modbus."],
    networks: &["PROFINET", "EtherCAT", "Modbus"],
};

/// How figures are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Figures {
    /// With marks between thousands, and the unit that fits the figure.
    ForPeople,
    /// Numbers alone, so that a spreadsheet sorts them and counts with them; the unit stands in the title of the column.
    Plain,
}

impl Figures {
    fn count(self, count: u64) -> String {
        if self == Self::Plain { count.to_string() } else { grouped(count) }
    }

    fn nanos(self, nanos: f64) -> String {
        match self {
            Self::Plain => format!("{nanos:.1}"),
            Self::ForPeople => format!("{}{}", if nanos < 0.0 { "-" } else { "" }, duration(nanos.abs())),
        }
    }

    fn title(self, for_people: &'static str, plain: &'static str) -> &'static str {
        if self == Self::Plain { plain } else { for_people }
    }
}

pub(super) fn of(kind: Kind, analysis: &Analysis, figures: Figures) -> Report {
    let trade = match kind {
        Kind::FlightTest => &FLIGHT_TEST,
        Kind::Media => &MEDIA,
        Kind::Plant => &PLANT,
    };
    let encodings: Vec<_> = encodings(analysis, trade).collect();
    let mut sections = vec![streams(&encodings, figures)];
    if kind == Kind::Media {
        sections.push(timing(&encodings));
    }
    for (title, lines) in table::networks_of(analysis) {
        if trade.networks.contains(&title) {
            sections.push(Section {
                title,
                columns: vec![title],
                rows: lines.into_iter().map(|line| vec![line]).collect(),
            });
        }
    }
    let is_ours = |finding: &&Finding| {
        let of = finding.place.encoding.as_deref();
        let is_of_encoding = of.is_some_and(|of| trade.encodings.contains(&of));
        is_of_encoding || trade.findings.iter().chain(OF_ALL).any(|start| finding.code.starts_with(start))
    };
    let ours: Vec<_> = analysis.findings.iter().filter(is_ours).collect();
    sections.push(gaps(&encodings, &ours, figures));
    sections.push(findings(&ours, figures));
    let capture = &analysis.capture;
    let time = capture.first_seen.zip(capture.last_seen).map_or_else(
        || "no time stamps".to_owned(),
        |(first, last)| format!("{first} to {last} ({})", duration(last.since(first) as f64)),
    );
    let about = vec![
        ("Capture", capture.path.clone().unwrap_or_default()),
        ("Frames", format!("{}, {}", counted(capture.packets, "frame"), counted(capture.bytes, "byte"))),
        ("Time", time),
    ];
    Report { title: trade.title, about, sections, plots: plots(&encodings) }
}

type Encodings<'a> = [(&'a Flow, &'a ApplicationEncoding)];

fn encodings<'a>(
    analysis: &'a Analysis,
    trade: &'a Trade,
) -> impl Iterator<Item = (&'a Flow, &'a ApplicationEncoding)> {
    let all = analysis.flows.iter().flat_map(|flow| flow.encodings().map(move |encoding| (flow, encoding)));
    all.filter(|(_, encoding)| trade.encodings.contains(&&*encoding.encoding_name))
}

/// Name and identifier of a stream.
fn name_of(stream: &StreamHealth) -> String {
    match &stream.name {
        Some(name) if !name.contains(&stream.id) => format!("{name} ({})", stream.id),
        Some(name) => name.clone(),
        None => stream.id.clone(),
    }
}

/// A figure, or why there is none.
fn or_why<T>(value: Option<T>, form: impl FnOnce(T) -> String, why: &str) -> String {
    value.map_or_else(|| format!("({why})"), form)
}

fn streams(encodings: &Encodings<'_>, figures: Figures) -> Section {
    let columns = vec![
        "Source",
        "Destination",
        "Encoding",
        "Stream",
        "What",
        "Received",
        "Expected",
        "Lost",
        "Lost/%",
        "Duplicated",
        "Rate/Hz",
        figures.title("Jitter", "Jitter/ns"),
        "Drift/ppm",
        figures.title("Clock less capture", "Clock less capture/ns"),
    ];
    let mut rows = Vec::new();
    for (flow, encoding) in encodings {
        rows.extend(encoding.health.streams.iter().map(|stream| row(flow, encoding, stream, figures)));
        if encoding.encoding_name == "EtherCAT" {
            rows.push(ethercat(flow, encoding, figures));
        }
    }
    Section { title: "Streams", columns, rows }
}

fn row(flow: &Flow, encoding: &ApplicationEncoding, stream: &StreamHealth, figures: Figures) -> Vec<String> {
    let measures = &stream.measures;
    let number = |name: &str| measures.get(name).and_then(Value::as_f64);
    // Chapter 10: the relative time counter ticks ten million times a second
    let by_counter = number("rtc_last").zip(number("rtc_first")).filter(|(last, first)| last > first);
    let by_counter = by_counter.map(|(last, first)| stream.received.saturating_sub(1) as f64 * 1e7 / (last - first));
    // as the table's, over the time of the encoding
    let by_frames = encoding.timing_stats.span_seconds().filter(|_| stream.received > 1);
    let by_frames = by_frames.map(|seconds| (stream.received - 1) as f64 / seconds);
    let rate = number("rate_hz").or(by_counter).or(by_frames);
    let time_packets = measures.get("time").and_then(|time| time.get("last_less_capture_time_ns"));
    let time_error = number("time_error_mean_ns").or(time_packets.and_then(Value::as_f64));
    let share = stream.lost.zip(stream.expected).filter(|(_, expected)| *expected > 0);
    let numbered = "not numbered";
    vec![
        flow.key.src.to_string(),
        flow.key.dst.to_string(),
        encoding.encoding_name.to_string(),
        name_of(stream),
        what(stream),
        figures.count(stream.received),
        or_why(stream.expected, |count| figures.count(count), numbered),
        or_why(stream.lost, |count| figures.count(count), numbered),
        or_why(share, |(lost, expected)| format!("{:.4}", lost as f64 * 100.0 / expected as f64), numbered),
        or_why(stream.duplicated, |count| figures.count(count), numbered),
        or_why(rate, |rate| format!("{rate:.2}"), "too few packets"),
        or_why(stream.jitter_ns, |jitter| figures.nanos(jitter), without_jitter(stream)),
        or_why(stream.drift_ppm, |drift| format!("{drift:.2}"), without_drift(stream)),
        or_why(time_error, |error| figures.nanos(error), "no time of day in its packets"),
    ]
}

/// The frames of an EtherCAT segment, which have no numbers but come back: received are those that did.
fn ethercat(flow: &Flow, encoding: &ApplicationEncoding, figures: Figures) -> Vec<String> {
    let facts = &encoding.decoder_metadata;
    let number = |of: Option<&Value>, name: &str| of.and_then(|of| of.get(name)).and_then(Value::as_u64);
    let frames = facts.get("frames");
    let of_frames = |name: &str| number(frames, name);
    let expected = of_frames("sent").map(|sent| sent.saturating_sub(of_frames("open_at_end").unwrap_or(0)));
    let lost = of_frames("lost");
    let share = lost.zip(expected).filter(|(_, expected)| *expected > 0);
    let returned = of_frames("matched").or_else(|| facts.get("frames_returned").and_then(Value::as_u64));
    let list = |name: &str| facts.get(name).map(Value::items).unwrap_or_default();
    let cycles = list("cycles").iter().filter(|of| of.get("process_data").and_then(Value::as_bool) == Some(true));
    let cycle =
        cycles.max_by_key(|of| number(Some(of), "sent")).and_then(|of| of.get("interval")?.get("mean_ns")?.as_f64());
    let below: u64 = list("working_counters").iter().filter_map(|of| number(Some(of), "below")).sum();
    let what = match frames {
        None => "frames that came back".to_owned(),
        Some(_) => {
            let parts = [
                cycle.map(|cycle| format!("cycle {}", duration(cycle))),
                facts.get("station_count").and_then(Value::as_u64).map(|stations| counted(stations, "station")),
                Some(format!("{} too low", counted(below, "working counter"))),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
    };
    let rate =
        encoding.timing_stats.span_seconds().map(|seconds| (encoding.packet_count.saturating_sub(1)) as f64 / seconds);
    let (sent, clock) = ("counted with the frames sent", "no clock in its packets");
    vec![
        flow.key.src.to_string(),
        flow.key.dst.to_string(),
        encoding.encoding_name.to_string(),
        "segment".to_owned(),
        what,
        figures.count(returned.unwrap_or(encoding.packet_count)),
        or_why(expected, |count| figures.count(count), sent),
        or_why(lost, |count| figures.count(count), sent),
        or_why(share, |(lost, expected)| format!("{:.4}", lost as f64 * 100.0 / expected as f64), sent),
        or_why(of_frames("copies").or(frames.map(|_| 0)), |count| figures.count(count), sent),
        or_why(rate, |rate| format!("{rate:.2}"), "too few packets"),
        format!("({clock})"),
        format!("({clock})"),
        "(no time of day in its packets)".to_owned(),
    ]
}

/// Why a stream has no jitter. Packets may bear media timestamps whose rate is unknown.
fn without_jitter(stream: &StreamHealth) -> &'static str {
    let has_timestamps = stream.measures.contains_key("timestamp_changes");
    if has_timestamps { "rate of its clock unknown" } else { "no clock in its packets" }
}

/// Why a stream has no drift.
fn without_drift(stream: &StreamHealth) -> &'static str {
    let span_ns = stream.latest.zip(stream.first.and_then(|first| first.time)).map(|(last, first)| last.since(first));
    match (stream.jitter_ns, span_ns) {
        (None, _) => without_jitter(stream),
        (Some(_), None) => "too few packets",
        (Some(_), Some(span_ns)) if span_ns < 1_000_000_000 => "less than 1 s",
        (Some(_), Some(_)) if stream.received < 9 => "too few packets",
        (Some(_), Some(_)) => "no line fits, or packets scatter too much",
    }
}

/// Variant of a key, types of a channel, format of a medium, nominal cycle of a device.
fn what(stream: &StreamHealth) -> String {
    let measures = &stream.measures;
    let word = |name: &str| measures.get(name).and_then(Value::as_str).map(str::to_owned);
    let types = measures.get("types").and_then(Value::as_map);
    let types = types.map(|types| types.keys().map(AsRef::as_ref).collect::<Vec<&str>>().join(", "));
    let cycle = measures.get("nominal_update_time_ns").and_then(Value::as_f64);
    let cycle = cycle.map(|cycle| format!("cycle {}", duration(cycle)));
    word("type").or_else(|| word("format")).or(types).or(cycle).unwrap_or_default()
}

/// Verdicts of ST 2110-21 and of audio, with limits and worst cases.
fn timing(encodings: &Encodings<'_>) -> Section {
    let mut rows = Vec::new();
    for (flow, encoding) in encodings {
        for stream in &encoding.health.streams {
            let mut add = |what: String, passes: Option<bool>, figures: String| {
                let verdict = passes.map_or("stated", |passes| if passes { "pass" } else { "FAIL" });
                rows.push(vec![
                    flow.key.src.to_string(),
                    flow.key.dst.to_string(),
                    name_of(stream),
                    what,
                    verdict.to_owned(),
                    figures,
                ]);
            };
            let measures = &stream.measures;
            if let Some(factor) = measures.get("ts_df") {
                let verdict = factor.get("verdict").and_then(Value::as_str);
                add(
                    "audio delay factor".to_owned(),
                    verdict.map(|verdict| verdict != "not compliant"),
                    delay_factor(factor),
                );
            }
            let Some(timing) = measures.get("st2110_21") else { continue };
            for (class, models) in timing.get("verdicts").and_then(Value::as_map).into_iter().flatten() {
                for (model, judged) in models.as_map().into_iter().flatten() {
                    let text = |name: &str| judged.get(name).map_or_else(|| "unknown".to_owned(), Value::to_string);
                    let frame = judged
                        .get("at")
                        .and_then(|at| at.get("frame"))
                        .map_or_else(String::new, |frame| format!(", at frame {frame}"));
                    let figures = format!("worst {}, limit {}{frame}", text("worst"), text("limit"));
                    let (class, model) = (class.replace('_', " "), model.to_uppercase());
                    add(format!("ST 2110-21 {class}, {model}"), judged.get("passes").and_then(Value::as_bool), figures);
                }
            }
            if let Some(class) = timing.get("class") {
                add("sender type".to_owned(), None, class.to_string().replace('_', " "));
            }
        }
    }
    Section {
        title: "Timing of senders",
        columns: vec!["Source", "Destination", "Stream", "What", "Verdict", "Figures"],
        rows,
    }
}

/// The time stamp delay factor in words: `19.73 µs at most, 19.72 µs on average, 19.71 µs at least, ...`.
fn delay_factor(factor: &Value) -> String {
    let nanos = |name: &str| factor.get(name).and_then(Value::as_f64).map(duration);
    let parts = [("max_ns", "at most"), ("mean_ns", "on average"), ("min_ns", "at least")];
    let mut parts: Vec<_> =
        parts.into_iter().filter_map(|(name, words)| Some(format!("{} {words}", nanos(name)?))).collect();
    if let Some((wide, narrow)) = nanos("limit_wide_ns").zip(nanos("limit_narrow_ns")) {
        parts.push(format!("limit {wide} (narrow {narrow})"));
    }
    if let Some(frame) = factor.get("worst_frame").and_then(Value::as_u64) {
        parts.push(format!("worst at frame {}", grouped(frame)));
    }
    parts.join(", ")
}

/// Gaps of streams, and holes of the byte streams below, in the order of their times; how many are not listed stands behind.
fn gaps(encodings: &Encodings<'_>, ours: &[&Finding], figures: Figures) -> Section {
    let mut rows = Vec::new();
    for (flow, encoding) in encodings {
        for stream in &encoding.health.streams {
            let of_stream = |time: String, frame, packets| {
                vec![time, frame, flow.key.src.to_string(), flow.key.dst.to_string(), name_of(stream), packets]
            };
            let listed = stream.gaps.get(..MOST_GAPS).unwrap_or(&stream.gaps);
            rows.extend(listed.iter().map(|gap| {
                let time = gap.at.time.map_or_else(|| "no time".to_owned(), |time| time.to_string());
                (gap.at, of_stream(time, figures.count(gap.at.frame), figures.count(gap.packets)))
            }));
            if let Some(more @ 1..) = stream.gap_count.unwrap_or(0).checked_sub(listed.len() as u64) {
                let text = format!("in {} beside the latest and the largest", counted(more, "gap"));
                let packets = stream.lost.unwrap_or(0).saturating_sub(listed.iter().map(|gap| gap.packets).sum());
                let behind = Occurrence { frame: u64::MAX, time: None };
                rows.push((behind, of_stream(text, String::new(), figures.count(packets))));
            }
        }
    }
    rows.extend(ours.iter().filter(|finding| finding.code == table::HOLE).map(|hole| {
        let time = hole.first.time.map_or_else(|| "no time".to_owned(), |time| time.to_string());
        let (src, dst) = hole.place.flow.as_deref().and_then(|flow| flow.split_once(" -> ")).unwrap_or_default();
        let dst = dst.split(" vlan ").next().unwrap_or(dst);
        let more = if hole.count > 1 { format!(", in {} holes", grouped(hole.count)) } else { String::new() };
        let cells = [src, dst, "byte stream"].map(str::to_owned);
        let row =
            [time, figures.count(hole.first.frame)].into_iter().chain(cells).chain([format!("{}{more}", hole.text)]);
        (hole.first, row.collect())
    }));
    rows.sort_by_key(|(at, _)| (at.frame == u64::MAX, at.time, at.frame));
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    Section { title: "Losses", columns: vec!["Time", "Frame", "Source", "Destination", "Stream", "Packets"], rows }
}

fn findings(findings: &[&Finding], figures: Figures) -> Section {
    let row = |finding: &&Finding| {
        // what the user's own description says stands in no frame
        let is_of_frame = finding.first.frame > 0;
        let no_time = if is_of_frame { "no time" } else { "whole capture" };
        let time = finding.first.time.map_or_else(|| no_time.to_owned(), |time| time.to_string());
        let place = &finding.place;
        let stream = place.stream.as_ref().map(|stream| format!("stream {stream}"));
        let place: Vec<&str> =
            [&place.flow, &place.encoding, &stream].into_iter().flatten().map(String::as_str).collect();
        vec![
            format!("{:?}", finding.severity).to_lowercase(),
            time,
            Some(finding.first.frame).filter(|_| is_of_frame).map_or_else(String::new, |frame| figures.count(frame)),
            figures.count(finding.count),
            finding.code.to_string(),
            place.join(", "),
            finding.text.clone(),
        ]
    };
    let columns = vec!["Severity", "First", "Frame", "Count", "Code", "Where", "What"];
    Section { title: "Findings", columns, rows: findings.iter().map(row).collect() }
}

/// Packets, losses and jitter per interval, of the encodings with most packets.
fn plots(encodings: &Encodings<'_>) -> Vec<Plot> {
    let mut drawn: Vec<_> = encodings.iter().filter(|(_, encoding)| encoding.intervals.len() > 1).collect();
    drawn.sort_by_key(|(_, encoding)| std::cmp::Reverse(encoding.packet_count));
    drawn.truncate(MOST_LINES);
    let begin = drawn.iter().filter_map(|(_, encoding)| Some(encoding.intervals.first()?.start)).min();
    let Some(begin) = begin else { return Vec::new() };
    let plot = |title: &str, unit, value: fn(&Interval) -> Option<f64>| {
        let lines = drawn.iter().map(|(flow, encoding)| {
            let points = encoding.intervals.iter();
            let points = points.filter_map(|of| Some((of.start.since(begin) as f64 / 1e9, value(of)?)));
            (format!("{} {}", encoding.encoding_name, flow.key), points.collect())
        });
        Plot { title: title.to_owned(), unit, lines: lines.collect() }
    };
    vec![
        plot("Packets per interval", "", |of| Some(of.packets as f64)),
        plot("Lost per interval", "", |of| of.lost.map(|lost| lost as f64)),
        plot("Jitter", "µs", |of| of.jitter_ns.map(|jitter| jitter / 1e3)),
    ]
}
