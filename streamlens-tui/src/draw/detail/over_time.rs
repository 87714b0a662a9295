//! Charts of a row over time.

use streamlens_model::Timestamp;
use streamlens_model::words::duration;

use super::{Texts, heading};
use crate::app::{App, Detail};
use crate::draw::charts::{columns, fitted};
use crate::feed::Kind;
use crate::format::{self, TimeFormat, width};
use crate::theme::Role;

/// Lines of a chart.
const CHART_LINES: usize = 3;
/// Charts of this width have times below.
const TIMES_FROM: usize = 50;

/// What is charted: its name, its values, how one is written.
type Chart = (&'static str, Vec<Option<f64>>, fn(f64) -> String);

/// Charts with the times that they span.
struct Charts {
    charts: Vec<Chart>,
    /// Which span it is, in words.
    span: String,
    /// The beginning and the end.
    ends: Option<(Timestamp, Timestamp)>,
}

/// The charts of the row: of files over the whole capture, else over the last minutes.
pub(super) fn charts(app: &App, detail: &Detail, width: usize) -> Vec<Texts> {
    let is_read_again = app.status.kind == Kind::File && !app.status.is_once;
    let found = if is_read_again { whole_capture(detail) } else { Some(last_seconds(app, detail)) };
    let Some(Charts { charts, span, ends }) = found else { return vec![heading("Rate"), waiting(app, detail)] };
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
        if let Some(ends) = ends.filter(|_| room >= TIMES_FROM) {
            lines.push(vec![(times(app, ends, room), Role::Faint)]);
        }
    }
    if lines.is_empty() {
        lines.push(vec![("charts begin with the next second".to_owned(), Role::Faint)]);
    }
    lines
}

/// The line below an axis: when it begins, its middle, its end.
fn times(app: &App, (from, to): (Timestamp, Timestamp), room: usize) -> String {
    let middle = Timestamp::from_nanos(from.as_nanos() + to.since(from) / 2);
    // of a time of day so many digits as the span needs
    let kept = match app.format.times {
        TimeFormat::Day if to.since(from) >= 20_000_000_000 => 8,
        TimeFormat::Day => 12,
        _ => usize::MAX,
    };
    let [from, middle, to] =
        [from, middle, to].map(|time| app.format.time(time).chars().take(kept).collect::<String>());
    let gaps = (room + 1).saturating_sub(width(&from) + width(&middle) + width(&to));
    if gaps < 4 {
        let gap = (room + 1).saturating_sub(width(&from) + width(&to));
        return format!("{:>9}{from}{}{to}", "", " ".repeat(gap.max(1)));
    }
    format!("{:>9}{from}{}{middle}{}{to}", "", " ".repeat(gaps / 2), " ".repeat(gaps - gaps / 2))
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
fn whole_capture(detail: &Detail) -> Option<Charts> {
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
    let end = Timestamp::from_nanos(last.start.as_nanos().saturating_add(step));
    let span = format!("whole capture, {}", duration(end.since(first.start) as f64));
    Some(Charts { charts, span, ends: Some((first.start, end)) })
}

fn bit_rate_short(rate: f64) -> String {
    format!("{}b/s", format::rate(rate))
}

/// The last minute, as it was seen.
fn last_seconds(app: &App, detail: &Detail) -> Charts {
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
    let begin = |now: Timestamp| Timestamp::from_nanos(now.as_nanos().saturating_sub(span as i64 * 1_000_000_000));
    Charts { charts, span: format!("last {span} s"), ends: app.format.now.map(|now| (begin(now), now)) }
}
