//! Columns: what there is to know of a row, as data.

mod field;
mod read;
mod table;
mod values;

use std::fmt;

use super::{Level, RowRef};
use crate::{Address, Endpoint, FlowKey, MacAddress, Timestamp};

pub use self::field::Field;
pub use self::table::COLUMNS;
pub use self::values::Path;

/// One thing to know of a row. The same list serves the table, CSV, sorting, the filter language and the reference.
pub struct Column {
    /// Its name in filters, `--columns` and `--sort`.
    pub name: &'static str,
    /// Its older name: the header in CSV. Columns without one have their name as the header.
    pub header: Option<&'static str>,
    /// Where the JSON document has it, from the element of its level on; empty where it has to be worked out.
    pub key: &'static str,
    /// The levels whose rows have it for their own.
    pub levels: &'static [Level],
    /// The level whose rows and all below know it; `None` where each row only knows its own.
    pub owner: Option<Level>,
    /// What its values are.
    pub kind: Kind,
    /// Whether a row may have several values.
    pub is_many: bool,
    /// Whether it names the row, so that formats without a hierarchy repeat it in the rows below.
    pub is_key: bool,
    /// What becomes of several values, of a row or of the rows below, where there has to be one: in sorting.
    pub gather: Gather,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// How it is read.
    read: Read,
}

/// How several values become one, and which comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gather {
    /// Their sum, the most first.
    Sum,
    /// The greatest, the most first.
    Most,
    /// The least, the least first.
    Least,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number, with what it is an amount of.
    Number(Amount),
    /// An instant.
    Instant,
    /// An address, with a port where there is one.
    Endpoint,
    /// An address of the link layer.
    Mac,
    /// Any text.
    Text,
    /// A name, which is compared without letter case and punctuation.
    Name(Names),
    /// What each value is: metadata.
    Any,
}

/// What a number is an amount of, with the unit of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Things that are counted, or a plain number.
    Plain,
    /// A share, 0.0 to 1.0.
    Share,
    /// Time, in nanoseconds.
    Duration,
    /// Bits per second.
    BitRate,
    /// Packets per second.
    PacketRate,
    /// Bytes.
    Size,
    /// Parts per million.
    Ppm,
}

/// The sets that names come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Encodings.
    Encoding,
    /// Transports.
    Transport,
    /// Packet types.
    PacketType,
    /// `unicast`, `multicast`, `broadcast`.
    Cast,
    /// `info`, `warning`, `error`, in this order.
    Severity,
    /// Levels.
    Level,
    /// Codes of findings.
    Finding,
}

/// A value of a row, borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// A whole number.
    Count(u64),
    /// Any number; never NaN or infinite.
    Number(f64),
    /// Yes or no.
    Bool(bool),
    /// An instant.
    Time(Timestamp),
    /// An address, with a port where there is one.
    Endpoint(Endpoint),
    /// An address of the link layer.
    Mac(MacAddress),
    /// Both ends of a flow and its VLANs.
    Key(&'a FlowKey),
    /// Text.
    Text(&'a str),
}

/// How a column is read.
#[derive(Clone, Copy)]
enum Read {
    /// At most one value.
    One(for<'r, 'a> fn(&'r RowRef<'a>) -> Option<Cell<'a>>),
    /// Any number of values, until one is enough.
    Many(for<'r, 'a> fn(&'r RowRef<'a>, &mut dyn FnMut(Cell<'a>) -> bool) -> bool),
}

/// The column of that name, or with that header in CSV.
///
/// ```
/// use streamlens_model::row::column;
/// assert_eq!(column("packets").map(|column| column.name), Some("packets"));
/// assert_eq!(column("iat_mean_ns").map(|column| column.name), Some("dt"));
/// assert!(column("jiter").is_none());
/// ```
#[must_use]
pub fn column(name: &str) -> Option<&'static Column> {
    let by_name = COLUMNS.iter().find(|column| column.name == name);
    by_name.or_else(|| COLUMNS.iter().find(|column| column.header == Some(name)))
}

/// Where the JSON document has the elements of a level, as a path; `*` stands for any key or item.
#[must_use]
pub fn json_path(level: Level) -> &'static str {
    match level {
        Level::Flow => "flows.*",
        Level::Transport => "flows.*.transport_protocols.*",
        Level::Encoding => "flows.*.transport_protocols.*.application_encodings.*",
        Level::Stream => "flows.*.transport_protocols.*.application_encodings.*.health.streams.*",
        Level::PacketType => "flows.*.transport_protocols.*.application_encodings.*.packet_types.*",
    }
}

impl Column {
    /// Shows the values that a row has or knows from above, until `see` says that one is enough; whether it did.
    #[inline]
    pub fn read<'a>(&self, row: &RowRef<'a>, see: &mut dyn FnMut(Cell<'a>) -> bool) -> bool {
        match self.read {
            Read::One(read) => read(row).is_some_and(see),
            Read::Many(read) => read(row, see),
        }
    }

    /// The first value that a row has or knows from above.
    #[inline]
    #[must_use]
    pub fn first<'a>(&self, row: &RowRef<'a>) -> Option<Cell<'a>> {
        match self.read {
            Read::One(read) => read(row),
            Read::Many(read) => {
                let mut first = None;
                read(row, &mut |cell| {
                    first = Some(cell);
                    true
                });
                first
            }
        }
    }

    /// Whether rows of a level have it for their own.
    #[must_use]
    pub fn is_at(&self, level: Level) -> bool {
        self.levels.contains(&level)
    }

    /// What its values are amounts of, as people write it: `ns`, `bit/s`, `packets/s`, `bytes`, `ppm`; empty for others.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        match self.kind {
            Kind::Number(amount) => amount.unit(),
            _ => "",
        }
    }
}

impl Amount {
    /// The unit of its values; empty where it has none.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Plain | Self::Share => "",
            Self::Duration => "ns",
            Self::BitRate => "bit/s",
            Self::PacketRate => "packets/s",
            Self::Size => "bytes",
            Self::Ppm => "ppm",
        }
    }
}

impl Kind {
    /// What it is, in a word or two.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number(Amount::Plain) => "number",
            Self::Number(Amount::Share) => "share",
            Self::Number(Amount::Duration) => "duration",
            Self::Number(Amount::BitRate) => "bit rate",
            Self::Number(Amount::PacketRate) => "packet rate",
            Self::Number(Amount::Size) => "size",
            Self::Number(Amount::Ppm) => "drift",
            Self::Instant => "instant",
            Self::Endpoint => "address",
            Self::Mac => "MAC address",
            Self::Text => "text",
            Self::Name(_) => "name",
            Self::Any => "any",
        }
    }
}

/// As the JSON document has it, but for quotation marks.
impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Bool(answer) => answer.fmt(f),
            Self::Time(time) => time.fmt(f),
            Self::Endpoint(Endpoint { address: Address::None, port: None }) => Ok(()),
            Self::Endpoint(endpoint) => endpoint.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
            Self::Key(key) => key.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Column").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests;
