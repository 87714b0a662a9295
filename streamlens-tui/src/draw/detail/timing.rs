//! The tab of times: figures, histogram, outliers, charts.

use streamlens_model::TimingSummary;
use streamlens_model::row::RowRef;
use streamlens_model::stats::Bucket;
use streamlens_model::words::{bit_rate, counted, duration, grouped};

use super::{Texts, heading, plain};
use crate::app::{App, Detail};
use crate::draw::charts::{bar, columns, fitted};
use crate::feed::Kind;
use crate::format::{self, width};
use crate::theme::Role;

/// Bars of the histogram.
const BARS: usize = 12;
/// Lines of a chart.
const CHART_LINES: usize = 3;
/// From this width on charts stand beside the histogram.
const BESIDE_FROM: usize = 66;

pub(super) fn lines(app: &App, detail: &Detail, row: &RowRef<'_>, columns: usize) -> Vec<Texts> {
    let mut lines = figures(app, detail, row);
    lines.push(Texts::new());
    let half = if columns >= BESIDE_FROM { columns * 9 / 20 } else { columns };
    let left = distribution(app, detail, row, half.saturating_sub(2));
    let right = charts(app, detail, if columns >= BESIDE_FROM { columns - half } else { columns });
    if columns < BESIDE_FROM {
        lines.extend(left);
        lines.push(Texts::new());
        lines.extend(right);
        return lines;
    }
    for place in 0..left.len().max(right.len()) {
        let mut line = left.get(place).cloned().unwrap_or_default();
        let used: usize = line.iter().map(|(text, _)| width(text)).sum();
        line.push((" ".repeat(half.saturating_sub(used)), Role::Plain));
        line.extend(right.get(place).cloned().unwrap_or_default());
        lines.push(line);
    }
    lines
}

fn figures(app: &App, detail: &Detail, row: &RowRef<'_>) -> Vec<Texts> {
    let health = row.health();
    let mut first = counted(row.packets(), "packet");
    if let Some(lost) = health.lost {
        first.push_str(&format!(", {} lost", grouped(lost)));
        if let (Some(loss), true) = (health.loss(), lost > 0) {
            first.push_str(&format!(" ({})", format::share(loss)));
        }
    }
    if let Some(bytes) = row.bytes() {
        first.push_str(&format!("   {}", streamlens_model::words::bytes(bytes)));
    }
    let live = app.table.rows.get(&detail.id).map(|(row, _)| row);
    if let Some(rate) = live.and_then(|row| row.bit_rate) {
        first.push_str(&format!("   {}", bit_rate(rate)));
    }
    if let Some(rate) = live.and_then(|row| row.packet_rate) {
        first.push_str(&format!("   {} pkt/s", format::packet_rate(rate)));
    }
    if let Some(encoding) = row.encoding().filter(|encoding| !encoding.counted_from_start) {
        first.push_str(&format!("   since frame {}", grouped(encoding.identified_at_frame)));
    }
    let mut lines = vec![plain(first)];
    let Some(timing) = row.timing() else {
        lines.push(vec![("times of single streams are not kept; see the Streams tab".to_owned(), Role::Faint)]);
        return lines;
    };
    let ns = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), format::duration);
    let whole = |value: Option<u64>| ns(value.map(|value| value as f64));
    lines.push(plain(format!(
        "ΔT min {}  mean {}  σ {}  p50 {}  p95 {}  p99 {}  max {}",
        whole(timing.min_ns),
        ns(timing.mean_ns),
        ns(timing.std_dev_ns),
        whole(timing.p50_ns),
        whole(timing.p95_ns),
        whole(timing.p99_ns),
        whole(timing.max_ns)
    )));
    let outliers = timing.outliers.as_ref().map_or(0, |outliers| outliers.count);
    lines.push(plain(format!(
        "Jitter {}   Outliers {} beyond 3 σ   Backwards {}",
        ns(timing.jitter_ns),
        grouped(outliers),
        grouped(timing.backwards)
    )));
    lines
}

/// Histogram and outliers.
fn distribution(app: &App, detail: &Detail, row: &RowRef<'_>, width: usize) -> Vec<Texts> {
    let Some(timing) = row.timing() else { return Vec::new() };
    let mut lines = vec![heading("Intervals")];
    let buckets = timing.histogram.as_deref().unwrap_or_default();
    let bars = bars(buckets, timing, detail.is_zoomed);
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let share = |count: u64| match detail.is_log {
        true => (count as f64 + 1.0).ln() / (most as f64 + 1.0).ln(),
        false => count as f64 / most as f64,
    };
    if bars.is_empty() {
        lines.push(vec![(" none yet: it takes two packets".to_owned(), Role::Faint)]);
    }
    for (bucket, count) in &bars {
        let label = format!("{:>8} ", format::duration(bucket.middle() as f64));
        let number = format!(" {}", grouped(*count));
        let room = width.saturating_sub(10 + number.len());
        lines.push(vec![(label, Role::Plain), (bar(share(*count), room), Role::Chart), (number, Role::Plain)]);
    }
    let scale = match (detail.is_log, detail.is_zoomed) {
        (true, true) => " logarithmic, without the ends",
        (true, false) => " logarithmic",
        (false, true) => " without the ends",
        (false, false) => "",
    };
    if !scale.is_empty() {
        lines.push(vec![(scale.to_owned(), Role::Faint)]);
    }
    let worst = timing.outliers.as_ref().map_or(&[][..], |outliers| &outliers.worst);
    if !worst.is_empty() {
        lines.push(Texts::new());
        lines.push(heading("Outliers"));
    }
    for outlier in worst {
        let time = outlier.at.time.map_or_else(String::new, |time| app.format.time(time));
        let length = duration(outlier.interval_ns as f64);
        lines.push(plain(format!("{length:>9}  frame {}  {time}", grouped(outlier.at.frame))));
    }
    lines
}

/// The buckets as so many bars, of equal ratio of length; those without intervals at the ends are left out.
fn bars(buckets: &[(Bucket, u64)], timing: &TimingSummary, is_zoomed: bool) -> Vec<(Bucket, u64)> {
    let all: u64 = buckets.iter().map(|(_, count)| count).sum();
    let mut seen = 0;
    let within = |seen: u64| !is_zoomed || seen * 100 >= all && seen * 100 <= all * 99;
    let shown: Vec<(Bucket, u64)> = buckets
        .iter()
        .filter(|(_, count)| {
            seen += count;
            within(seen) || (is_zoomed && Some(seen) == timing.p50_ns)
        })
        .copied()
        .collect();
    let shown = if shown.is_empty() { buckets.to_vec() } else { shown };
    if shown.len() <= BARS {
        return shown;
    }
    let (Some((first, _)), Some((last, _))) = (shown.first(), shown.last()) else { return Vec::new() };
    let (low, high) = ((first.low.max(1) as f64).ln(), (last.high.max(1) as f64).ln());
    let step = (high - low) / BARS as f64;
    let mut bars: Vec<(Bucket, u64)> = Vec::new();
    let mut number = usize::MAX;
    for (bucket, count) in shown {
        let place = (((bucket.middle().max(1) as f64).ln() - low) / step.max(f64::MIN_POSITIVE)) as usize;
        let place = place.min(BARS - 1);
        match bars.last_mut().filter(|_| place == number) {
            Some((known, sum)) => {
                known.high = bucket.high;
                *sum += count;
            }
            None => bars.push((bucket, count)),
        }
        number = place;
    }
    bars
}

/// What is charted: its name, its values, how one is written.
type Chart = (&'static str, Vec<Option<f64>>, fn(f64) -> String);

fn charts(app: &App, detail: &Detail, width: usize) -> Vec<Texts> {
    let (charts, span) = match app.status.kind {
        Kind::File => match whole_capture(detail) {
            Some(found) => found,
            None => return vec![heading("Rate"), waiting(app, detail)],
        },
        _ => last_seconds(app, detail),
    };
    let mut lines = Vec::new();
    for (name, values, write) in charts {
        let most = values.iter().flatten().fold(0.0_f64, |most, value| most.max(*value));
        if values.iter().all(Option::is_none) || (name == "Lost" && most == 0.0) {
            continue;
        }
        let label = write(most);
        let last = values.iter().rev().flatten().next().map_or_else(String::new, |last| write(*last));
        let sum: f64 = values.iter().flatten().sum();
        let figure = if name == "Lost" { format!("{sum:.0}") } else { last };
        lines.push(vec![(format!("{name} {figure}"), Role::Heading), (format!(", {span}"), Role::Faint)]);
        let room = width.saturating_sub(11);
        for (place, line) in columns(&fitted(&values, room), most, CHART_LINES).into_iter().enumerate() {
            let axis = match place {
                0 => format!("{label:>9}┤"),
                _ => format!("{:>9}│", ""),
            };
            lines.push(vec![(axis, Role::Faint), (line, Role::Chart)]);
        }
        lines.push(vec![(format!("{:>9}└{}", "", "─".repeat(room)), Role::Faint)]);
    }
    if lines.is_empty() {
        lines.push(vec![("charts begin with the next second".to_owned(), Role::Faint)]);
    }
    lines
}

fn waiting(app: &App, detail: &Detail) -> Texts {
    let text = match &detail.series {
        _ if !app.status.has_ended => "charted when all is read".to_owned(),
        Some(Err(share)) => format!("reading again: {:.0} %", share * 100.0),
        _ => "no times to chart".to_owned(),
    };
    vec![(text, Role::Faint)]
}

/// The whole capture, by a second reading.
fn whole_capture(detail: &Detail) -> Option<(Vec<Chart>, String)> {
    let intervals = detail.intervals()?;
    let (first, last) = (intervals.first()?, intervals.last()?);
    let gaps = intervals.windows(2).map(|pair| pair[1].start.since(pair[0].start)).filter(|gap| *gap > 0);
    let step = gaps.min().unwrap_or(1_000_000_000);
    let count = usize::try_from(last.start.since(first.start) / step).unwrap_or(0).min(100_000) + 1;
    let (mut rate, mut lost, mut jitter) = (vec![Some(0.0); count], vec![None; count], vec![None; count]);
    for interval in intervals {
        let place = usize::try_from(interval.start.since(first.start) / step).unwrap_or(0).min(count - 1);
        rate[place] = Some(interval.bytes as f64 * 8.0 / (step as f64 * 1e-9));
        lost[place] = interval.lost.map(|lost| lost.max(0) as f64);
        jitter[place] = interval.jitter_ns;
    }
    let charts: Vec<Chart> = vec![
        ("Rate", rate, bit_rate_short),
        ("Jitter by the media clock", jitter, format::duration),
        ("Lost", lost, |value| format!("{value:.0}")),
    ];
    let span = duration(last.start.since(first.start) as f64 + step as f64);
    Some((charts, format!("whole capture, {span}")))
}

fn bit_rate_short(rate: f64) -> String {
    format!("{}b/s", format::rate(rate))
}

/// The last minute, as it was seen.
fn last_seconds(app: &App, detail: &Detail) -> (Vec<Chart>, String) {
    let span = detail.span as usize;
    let samples: Vec<_> = app.history.of(detail.id).rev().take(span).copied().collect();
    let padded = |values: Vec<Option<f64>>| {
        let missing = span.saturating_sub(values.len());
        vec![None; missing].into_iter().chain(values.into_iter().rev()).collect::<Vec<_>>()
    };
    let of = |read: fn(&crate::app::Sample) -> Option<f64>| padded(samples.iter().map(read).collect());
    let charts: Vec<Chart> = vec![
        ("Rate", of(|sample| sample.bit_rate), bit_rate_short),
        ("ΔT", of(|sample| sample.mean_ns), format::duration),
        ("Jitter", of(|sample| sample.jitter_ns), format::duration),
        ("Lost", of(|sample| sample.lost.map(|lost| lost as f64)), |value| format!("{value:.0}")),
    ];
    (charts, format!("last {span} s"))
}
