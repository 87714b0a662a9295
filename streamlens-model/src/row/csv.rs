//! CSV (RFC 4180, but for lines that end in a line feed alone): a line for each row of the hierarchy.
//!
//! Numbers are those of the JSON document, unrounded; what is undefined is empty. Control characters in names are
//! written out, so that a row is always a line.

use super::{Field, Level, RowRef};
use crate::text::escaped;
use crate::{Interval, StreamInterval, Timestamp};

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

/// Counts of an interval, of whatever row.
#[derive(Clone, Copy, Debug)]
struct Counts {
    start: Timestamp,
    packets: u64,
    /// Streams have none: their packets may share a datagram.
    bytes: Option<u64>,
    lost: Option<i64>,
    jitter_ns: Option<f64>,
}

impl From<&Interval> for Counts {
    fn from(of: &Interval) -> Self {
        let &Interval { start, packets, bytes, lost, jitter_ns } = of;
        Self { start, packets, bytes: Some(bytes), lost, jitter_ns }
    }
}

impl From<&StreamInterval> for Counts {
    fn from(of: &StreamInterval) -> Self {
        let &StreamInterval { start, packets, lost, jitter_ns } = of;
        Self { start, packets, bytes: None, lost, jitter_ns }
    }
}

/// A column of the output.
#[derive(Debug)]
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

    fn write(&self, row: &RowRef<'_>, interval: Option<&Counts>, text: &mut String) {
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
            "bytes" => text.push_str(&interval.bytes.map_or_else(String::new, |bytes| bytes.to_string())),
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

/// Writes rows as lines of CSV.
///
/// ```
/// use streamlens_model::row::{Csv, Field, RowContext, RowRef};
/// use streamlens_model::Flow;
/// let (flow, mut text) = (Flow { total_packets: 3, ..Flow::default() }, String::new());
/// let csv = Csv::of(["level", "packets"].into_iter().filter_map(Field::find));
/// csv.header(&mut text);
/// csv.row(&RowRef::of_flow(&flow, RowContext::default()), &mut text);
/// assert_eq!(text, "level,packets\nflow,3\n");
/// ```
#[derive(Debug)]
pub struct Csv(Vec<Column>);

impl Csv {
    /// The usual columns; where streams are shown as rows, with what names them.
    #[must_use]
    pub fn usual(with_streams: bool) -> Self {
        Self(COLUMNS.into_iter().chain(with_streams.then_some(STREAM)).map(usual).collect())
    }

    /// These columns.
    #[must_use]
    pub fn of(fields: impl IntoIterator<Item = Field>) -> Self {
        Self(fields.into_iter().map(Column::Field).collect())
    }

    /// Appends the line of the headers.
    pub fn header(&self, out: &mut String) {
        let headers: Vec<_> = self.0.iter().map(Column::header).collect();
        out.push_str(&headers.join(","));
        out.push('\n');
    }

    /// Appends the line of a row, and those of its intervals where it has any.
    pub fn row(&self, row: &RowRef<'_>, out: &mut String) {
        let mut cell = String::new();
        self.line(row, None, out, &mut cell);
        for interval in row.intervals() {
            self.line(row, Some(&interval.into()), out, &mut cell);
        }
        for interval in row.stream_intervals() {
            self.line(row, Some(&interval.into()), out, &mut cell);
        }
    }

    /// `cell` is for its memory alone.
    fn line(&self, row: &RowRef<'_>, interval: Option<&Counts>, out: &mut String, cell: &mut String) {
        for (index, column) in self.0.iter().enumerate() {
            cell.clear();
            column.write(row, interval, cell);
            let cell = escaped(cell);
            if index > 0 {
                out.push(',');
            }
            if cell.contains([',', '"']) {
                out.push('"');
                out.push_str(&cell.replace('"', "\"\""));
                out.push('"');
            } else {
                out.push_str(&cell);
            }
        }
        out.push('\n');
    }
}
