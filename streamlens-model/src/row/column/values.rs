//! Metadata as columns: `meta.KEY` and `measure.KEY`.

use super::super::{Element, RowRef};
use super::Cell;
use crate::{Metadata, Value};

/// A path into metadata: names of maps, one below the other. Lists are gone through.
///
/// ```
/// use streamlens_model::row::{Cell, Path};
/// use streamlens_model::{Metadata, Value};
/// let facts: Metadata = [("keys_by_variant", Value::map([("P-type", Value::from(1_u64))]))].into();
/// let mut found = Vec::new();
/// Path::new("keys_by_variant.P-type").read(&facts, &mut |cell| {
///     found.push(cell);
///     false
/// });
/// assert_eq!(found, [Cell::Count(1)]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The whole field, and where the path begins in it.
    text: String,
    from: usize,
}

impl Path {
    /// A path; names are separated by dots, and names with dots in them are found as well.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), from: 0 }
    }

    /// The path in a field that begins with a prefix such as `meta.`.
    pub(super) fn of_field(field: &str, prefix: &str) -> Self {
        Self { text: field.to_owned(), from: prefix.len() }
    }

    /// As it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.get(self.from..).unwrap_or_default()
    }

    /// The field that it was given in.
    pub(super) fn field(&self) -> &str {
        &self.text
    }

    /// Whether its values are durations: the last name ends in `_ns`.
    #[must_use]
    pub fn is_duration(&self) -> bool {
        self.text.ends_with("_ns")
    }

    /// Shows the values that are found, until `see` says that one is enough; whether it did.
    pub fn read<'a>(&self, facts: &'a Metadata, see: &mut dyn FnMut(Cell<'a>) -> bool) -> bool {
        read(facts, self.as_str(), see)
    }

    /// Whether there is a value.
    #[must_use]
    pub fn is_in(&self, facts: &Metadata) -> bool {
        self.read(facts, &mut |_| true)
    }

    /// Shows the facts of the row, or, where they have nothing there, of the nearest row above that has.
    pub fn read_meta<'a>(&self, row: &RowRef<'a>, see: &mut dyn FnMut(Cell<'a>) -> bool) -> bool {
        let own = own_facts(row).filter(|facts| self.is_in(facts));
        let encoding = || row.encoding().map(|encoding| &encoding.decoder_metadata).filter(|facts| self.is_in(facts));
        let transport = || row.transport().map(|transport| &transport.metadata);
        own.or_else(encoding).or_else(transport).is_some_and(|facts| self.read(facts, see))
    }

    /// Shows the facts that stand at the row itself.
    pub fn read_own_meta<'a>(&self, row: &RowRef<'a>, see: &mut dyn FnMut(Cell<'a>) -> bool) -> bool {
        own_facts(row).is_some_and(|facts| self.read(facts, see))
    }

    /// Shows the measures of the row's own stream, or of all streams of its encoding.
    pub fn read_measures<'a>(&self, row: &RowRef<'a>, see: &mut dyn FnMut(Cell<'a>) -> bool) -> bool {
        match (row.stream(), row.encoding()) {
            (Some(stream), _) => self.read(&stream.measures, see),
            (_, Some(encoding)) => encoding.health.streams.iter().any(|stream| self.read(&stream.measures, see)),
            _ => false,
        }
    }
}

/// The facts that stand at a row: of transports, encodings and packet types.
fn own_facts<'a>(row: &RowRef<'a>) -> Option<&'a Metadata> {
    match row.element() {
        Element::Transport(transport) => Some(&transport.metadata),
        Element::Encoding(encoding) => Some(&encoding.decoder_metadata),
        Element::PacketType(kind) => Some(&kind.payload_characteristics),
        Element::Flow(_) | Element::Stream(_) => None,
    }
}

/// Goes down by the longest name that the text begins with, so that names with dots in them are found.
fn read<'a>(facts: &'a Metadata, text: &str, see: &mut dyn FnMut(Cell<'a>) -> bool) -> bool {
    if let Some(value) = facts.get(text) {
        return cells(value, see);
    }
    text.char_indices().rev().filter(|(_, letter)| *letter == '.').any(|(at, _)| {
        let (name, below) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
        facts.get(name).is_some_and(|value| below_in(value, below, see))
    })
}

fn below_in<'a>(value: &'a Value, below: &str, see: &mut dyn FnMut(Cell<'a>) -> bool) -> bool {
    match value {
        Value::Map(map) => read(map, below, see),
        Value::List(items) => items.iter().any(|item| below_in(item, below, see)),
        _ => false,
    }
}

/// The values in a value: its own, or those of a list. Maps have none.
fn cells<'a>(value: &'a Value, see: &mut dyn FnMut(Cell<'a>) -> bool) -> bool {
    match value {
        Value::List(items) => items.iter().any(|item| cells(item, see)),
        Value::Map(_) => false,
        Value::Bool(answer) => see(Cell::Bool(*answer)),
        Value::Unsigned(number) => see(Cell::Count(*number)),
        Value::Signed(number) => see(u64::try_from(*number).map_or(Cell::Number(*number as f64), Cell::Count)),
        Value::Float(number) => see(Cell::Number(*number)),
        Value::Text(text) => see(Cell::Text(text)),
        Value::Time(time) => see(Cell::Time(*time)),
    }
}
