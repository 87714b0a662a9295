//! CSV (RFC 4180, but for lines that end in a line feed alone): a line for each row of the hierarchy.
//!
//! Numbers are those of the JSON document, unrounded; what is undefined is empty. Control characters in names are
//! written out, so that a row is always a line.

use std::io::{self, Write};

use streamlens::model::row::{Field, Level, RowRef};
use streamlens::model::{Flow, Interval};

use super::text;
use super::view::View;

/// The columns, where no others are asked for. The header of a column is its older name, where it has one.
const COLUMNS: [&str; 33] = [
    "level",
    "src.addr",
    "src.port",
    "dst.addr",
    "dst.port",
    "vlan",
    "cast",
    "transport",
    "encoding",
    "confidence",
    "type",
    INTERVAL_START,
    "first_seen",
    "last_seen",
    "packets",
    "bytes",
    "rate",
    "intervals",
    "dt.min",
    "dt.max",
    "dt",
    "dt.stddev",
    "jitter",
    "p50",
    "p95",
    "p99",
    "received",
    "expected",
    "lost",
    "duplicated",
    "reordered",
    "restarts",
    "media_jitter",
];
/// Of the lines that follow on a row with its counts per interval of time.
const INTERVAL_START: &str = "interval_start";
/// At depth `stream`, behind the others: only there are rows that it names.
const STREAM: &str = "stream";

/// A column of the output.
enum Column {
    Field(Field),
    /// Only in the rows of flows. Unless other columns are asked for, that is so of the bit rate, as in the JSON document.
    OfFlows(Field),
    IntervalStart,
}

impl Column {
    fn header(&self) -> &str {
        match self {
            Self::Field(field) | Self::OfFlows(field) => field.header(),
            Self::IntervalStart => INTERVAL_START,
        }
    }

    fn write(&self, row: &RowRef<'_>, interval: Option<&Interval>, text: &mut String) {
        let (field, interval) = match (self, interval) {
            (Self::OfFlows(_), _) if row.level() != Level::Flow => return,
            (Self::Field(field) | Self::OfFlows(field), None) => return field.write_own(row, text),
            (Self::Field(field) | Self::OfFlows(field), Some(interval)) => (field, interval),
            (Self::IntervalStart, interval) => {
                return text.push_str(&interval.map_or_else(String::new, |interval| interval.start.to_string()));
            }
        };
        let number = |number: Option<f64>| number.map_or_else(String::new, |number| number.to_string());
        match field.name() {
            "level" => text.push_str(&format!("{}_interval", row.level().name())),
            "packets" => text.push_str(&interval.packets.to_string()),
            "bytes" => text.push_str(&interval.bytes.to_string()),
            "lost" => text.push_str(&interval.lost.map_or_else(String::new, |lost| lost.to_string())),
            "media_jitter" => text.push_str(&number(interval.jitter_ns)),
            "confidence" => field.write_own(row, text),
            _ if field.is_key() => field.write_own(row, text),
            _ => {}
        }
    }
}

/// A column of the usual ones.
fn usual(name: &str) -> Column {
    match Field::find(name) {
        Some(field) if name == "rate" => Column::OfFlows(field),
        Some(field) => Column::Field(field),
        None => Column::IntervalStart,
    }
}

/// Writes a header and the rows of all flows.
pub(crate) fn write<'a>(out: &mut impl Write, flows: &'a [Flow], fields: &[Field], view: View<'a>) -> io::Result<()> {
    let columns: Vec<_> = if fields.is_empty() {
        let streams = view.depth.shows(Level::Stream).then_some(STREAM);
        COLUMNS.into_iter().chain(streams).map(usual).collect()
    } else {
        fields.iter().cloned().map(Column::Field).collect()
    };
    let headers: Vec<_> = columns.iter().map(Column::header).collect();
    writeln!(out, "{}", headers.join(","))?;
    let mut cell = String::new();
    for flow in flows {
        for row in view.rows(flow) {
            write_line(out, &columns, &row, None, &mut cell)?;
            for interval in row.intervals() {
                write_line(out, &columns, &row, Some(interval), &mut cell)?;
            }
        }
    }
    Ok(())
}

/// Writes a row, or an interval of one. `cell` is for its memory alone.
fn write_line(
    out: &mut impl Write,
    columns: &[Column],
    row: &RowRef<'_>,
    interval: Option<&Interval>,
    cell: &mut String,
) -> io::Result<()> {
    for (index, column) in columns.iter().enumerate() {
        cell.clear();
        column.write(row, interval, cell);
        let cell = text::escaped(cell);
        let comma = if index == 0 { "" } else { "," };
        if cell.contains([',', '"']) {
            write!(out, "{comma}\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            write!(out, "{comma}{cell}")?;
        }
    }
    out.write_all(b"\n")
}
