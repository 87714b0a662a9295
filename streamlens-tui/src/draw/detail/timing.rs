//! The tab of times: figures, histogram, outliers, and beside them the charts.

use streamlens_model::row::RowRef;
use streamlens_model::stats::Bucket;
use streamlens_model::words::{bit_rate, counted, duration, exact_duration, grouped};
use streamlens_model::{Burst, TimingSummary};

use super::over_time::charts;
use super::{Texts, heading, is_flow, plain, tabs};
use crate::app::{App, Detail};
use crate::draw::charts::bar;
use crate::format::{self, in_lines, width, wrapped};
use crate::theme::Role;

/// Bars of the histogram.
const BARS: usize = 12;
/// From this width on charts stand beside the histogram.
const BESIDE_FROM: usize = 66;
/// From this width on streams and findings stand below, so that all is seen at once.
const BELOW_FROM: usize = 120;

pub(super) fn lines(app: &App, detail: &Detail, row: &RowRef<'_>, columns: usize) -> Vec<Texts> {
    let mut lines = figures(app, detail, row, columns);
    if is_flow(row) {
        lines.extend(bursts(app, detail.bursts(), "", columns));
    }
    lines.push(Texts::new());
    let half = if columns >= BESIDE_FROM { columns * 19 / 40 } else { columns };
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
    if columns >= BELOW_FROM {
        let streams = tabs::streams(app, row, columns, false);
        let findings = tabs::findings(app, detail.id, columns);
        for part in [streams, findings].into_iter().filter(|part| !part.is_empty()) {
            lines.push(Texts::new());
            lines.extend(part);
        }
    }
    lines
}

/// The most that came within short times, a sentence each with something in front.
pub(in crate::draw) fn bursts(app: &App, bursts: &[Burst], lead: &str, columns: usize) -> Vec<Texts> {
    let sentence = |burst: &Burst| {
        let least = if burst.is_at_least { "at least " } else { "" };
        let link = burst.link_use.map_or_else(String::new, |of| format!(" ({:.1} % of the link)", of * 100.0));
        let (window, bytes) = (exact_duration(burst.window_ns), counted(burst.bytes, "byte"));
        let (frames, since) = (counted(burst.frames, "frame"), app.format.time(burst.bytes_since));
        format!(
            "{lead}Most in {window}: {least}{bytes}{link} at {since}, {least}{frames} at {}",
            app.format.time(burst.frames_since)
        )
    };
    bursts.iter().flat_map(|burst| wrapped(&sentence(burst), columns)).map(plain).collect()
}

fn figures(app: &App, detail: &Detail, row: &RowRef<'_>, columns: usize) -> Vec<Texts> {
    let health = row.health();
    let mut first = vec![counted(row.packets(), "packet")];
    if let Some(lost) = health.lost {
        let share = health.loss().filter(|_| lost > 0);
        let share = share.map_or_else(String::new, |loss| format!(" ({})", format::share(loss)));
        first.push(format!("{} lost{share}", grouped(lost)));
    }
    first.extend(row.bytes().map(streamlens_model::words::bytes));
    let live = app.table.rows.get(&detail.id).map(|(row, _)| row);
    first.extend(live.and_then(|row| row.bit_rate).map(bit_rate));
    first.extend(live.and_then(|row| row.packet_rate).map(|rate| format!("{} pkt/s", format::packet_rate(rate))));
    if let Some(encoding) = row.encoding().filter(|encoding| !encoding.counted_from_start) {
        first.push(format!("since frame {}", grouped(encoding.identified_at_frame)));
    }
    let lines = |pieces: &[String]| in_lines(pieces, columns).into_iter().map(plain).collect::<Vec<_>>();
    let mut all = lines(&first);
    let Some(timing) = row.timing() else {
        let text = "times of single streams are not kept; see the Streams tab";
        all.extend(wrapped(text, columns).into_iter().map(|line| vec![(line, Role::Faint)]));
        return all;
    };
    let ns = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), format::duration);
    let whole = |value: Option<u64>| ns(value.map(|value| value as f64));
    all.extend(lines(&[
        format!("ΔT min {}", whole(timing.min_ns)),
        format!("mean {}", ns(timing.mean_ns)),
        format!("σ {}", ns(timing.std_dev_ns)),
        format!("p50 {}", whole(timing.p50_ns)),
        format!("p95 {}", whole(timing.p95_ns)),
        format!("p99 {}", whole(timing.p99_ns)),
        format!("max {}", whole(timing.max_ns)),
    ]));
    let outliers = timing.outliers.as_ref().map_or(0, |outliers| outliers.count);
    all.extend(lines(&[
        format!("Jitter {}", ns(timing.jitter_ns)),
        format!("Outliers {} beyond 3 σ", grouped(outliers)),
        format!("Backwards {}", grouped(timing.backwards)),
    ]));
    all
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
    for (place, outlier) in worst.iter().enumerate() {
        let (mark, role) = match detail.outlier == Some(place) {
            true => ('▸', Role::Selected),
            false => (' ', Role::Plain),
        };
        let time = outlier.at.time.map_or_else(String::new, |time| app.format.time(time));
        let length = duration(outlier.interval_ns as f64);
        let text = format!("{mark}{length:>8}  frame {}  ", grouped(outlier.at.frame));
        // of the time as many digits as there is room for
        let kept = width.saturating_sub(format::width(&text));
        let text = text + &time.chars().take(kept).collect::<String>();
        lines.push(vec![(text, role)]);
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
