//! A page on every IENA key, Chapter 10 channel and iNetX stream: rate, loss, jitter, time error; as text, or with
//! `--csv` for a spreadsheet.
//!
//! `cargo run --example flight_test_report [--csv] [CAPTURE]`

use std::error::Error;

use streamlens::model::{Analysis, Flow, Metadata, StreamHealth, Value};

/// One stream. What the capture doesn't tell is `None` and printed as `-`.
struct Row {
    encoding: String,
    stream: String,
    kind: String,
    received: u64,
    rate_hz: Option<f64>,
    lost: Option<u64>,
    duplicated: Option<u64>,
    jitter_us: Option<f64>,
    drift_ppm: Option<f64>,
    /// The stream's own time less capture time.
    time_error_us: Option<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (flags, paths): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word == "--csv");
    let path = paths.first().map_or("examples/captures/demo.pcapng", String::as_str);
    let analysis = streamlens::analyze(path)?;
    let rows = rows(&analysis);
    if flags.is_empty() {
        print_text(path, &analysis, &rows)
    } else {
        print_csv(&rows)
    }
    Ok(())
}

fn rows(analysis: &Analysis) -> Vec<Row> {
    let encodings = analysis.flows.iter().flat_map(Flow::encodings);
    let ours = encodings.filter(|one| ["IENA", "Chapter10", "iNetX"].contains(&&*one.encoding_name));
    ours.flat_map(|one| one.health.streams.iter().map(|stream| row(&one.encoding_name, stream))).collect()
}

fn row(encoding: &str, stream: &StreamHealth) -> Row {
    let measures = &stream.measures;
    let number = |name: &str| measures.get(name).and_then(Value::as_f64);
    // Chapter 10: the relative time counter ticks ten million times a second
    let by_counter = number("rtc_last").zip(number("rtc_first")).filter(|(last, first)| last > first);
    let by_counter = by_counter.map(|(last, first)| stream.received.saturating_sub(1) as f64 * 1e7 / (last - first));
    let time_packets = measures.get("time").and_then(|time| time.get("last_less_capture_time_ns"));
    Row {
        encoding: encoding.to_owned(),
        stream: stream.name.clone().unwrap_or_else(|| stream.id.clone()),
        kind: kind(measures),
        received: stream.received,
        rate_hz: number("rate_hz").or(by_counter),
        lost: stream.lost,
        duplicated: stream.duplicated,
        jitter_us: stream.jitter_ns.map(|jitter| jitter / 1e3),
        drift_ppm: stream.drift_ppm,
        time_error_us: number("time_error_mean_ns").or(time_packets.and_then(Value::as_f64)).map(|error| error / 1e3),
    }
}

/// The variant of an IENA key, or the types of a channel.
fn kind(measures: &Metadata) -> String {
    let types = measures.get("types").and_then(Value::as_map);
    let types = types.map(|types| types.keys().map(AsRef::as_ref).collect::<Vec<&str>>().join(", "));
    measures.get("type").and_then(Value::as_str).map(str::to_owned).or(types).unwrap_or_default()
}

fn shown<T>(value: Option<T>, form: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), form)
}

fn print_text(path: &str, analysis: &Analysis, rows: &[Row]) {
    let capture = &analysis.capture;
    println!("Flight test report: {path}");
    let times = (shown(capture.first_seen, |time| time.to_string()), shown(capture.last_seen, |time| time.to_string()));
    println!("{} frames, {} to {}\n", capture.packets, times.0, times.1);
    println!(
        "{:<10} {:<26} {:<28} {:>7} {:>8} {:>5} {:>4} {:>10} {:>8} {:>14}",
        "Encoding", "Stream", "Type", "Packets", "Rate/Hz", "Lost", "Dup", "Jitter/us", "Drift/ppm", "Time error/us"
    );
    for row in rows {
        println!(
            "{:<10} {:<26} {:<28} {:>7} {:>8} {:>5} {:>4} {:>10} {:>8} {:>14}",
            row.encoding,
            row.stream,
            row.kind,
            row.received,
            shown(row.rate_hz, |rate| format!("{rate:.2}")),
            shown(row.lost, |lost| lost.to_string()),
            shown(row.duplicated, |count| count.to_string()),
            shown(row.jitter_us, |jitter| format!("{jitter:.2}")),
            shown(row.drift_ppm, |drift| format!("{drift:.2}")),
            shown(row.time_error_us, |error| format!("{error:.1}")),
        );
    }
    let prefixes = ["iena.", "chapter10.", "inetx.", "ptp.", "telemetry."];
    let findings = analysis.findings.iter().filter(|one| prefixes.iter().any(|prefix| one.code.starts_with(prefix)));
    println!("\nFindings");
    for finding in findings {
        let place = finding.place.stream.as_deref().or(finding.place.flow.as_deref()).unwrap_or("capture");
        println!("  frame {:>6} {:<18} {place}: {}", finding.first.frame, finding.code, finding.text);
    }
}

fn print_csv(rows: &[Row]) {
    println!("encoding,stream,type,packets,rate_hz,lost,duplicated,jitter_us,drift_ppm,time_error_us");
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let count = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    for row in rows {
        let text = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let cells = [
            text(&row.encoding),
            text(&row.stream),
            text(&row.kind),
            row.received.to_string(),
            number(row.rate_hz),
            count(row.lost),
            count(row.duplicated),
            number(row.jitter_us),
            number(row.drift_ppm),
            number(row.time_error_us),
        ];
        println!("{}", cells.join(","));
    }
}
