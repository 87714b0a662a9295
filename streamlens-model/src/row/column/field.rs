//! A column of the table, or metadata by its key.

use std::fmt::Write;

use super::super::{Level, RowRef};
use super::{Cell, Column, Gather, Kind, Path, column};
use crate::row::column::Amount;

/// What can be asked of a row by name: a [`Column`], or metadata by its key.
#[derive(Clone, Debug)]
pub enum Field {
    /// A column of the table.
    Column(&'static Column),
    /// `meta.KEY`: facts of the transport, the encoding and the packet type.
    Meta(Path),
    /// `measure.KEY`: measures of streams.
    Measure(Path),
}

impl Field {
    /// The field of that name: that of a column, its header in CSV, `meta.KEY` or `measure.KEY`.
    ///
    /// ```
    /// use streamlens_model::row::Field;
    /// assert_eq!(Field::find("meta.keys").map(|field| field.name().to_owned()), Some("meta.keys".into()));
    /// assert!(Field::find("meta.").is_none());
    /// ```
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        let path =
            |prefix| name.strip_prefix(prefix).filter(|key| !key.is_empty()).map(|_| Path::of_field(name, prefix));
        let column = column(name).map(Self::Column);
        column.or_else(|| path("meta.").map(Self::Meta)).or_else(|| path("measure.").map(Self::Measure))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Column(column) => column.name,
            Self::Meta(path) | Self::Measure(path) => path.field(),
        }
    }

    /// What it is called in files: the older header where there is one.
    #[must_use]
    pub fn header(&self) -> &str {
        match self {
            Self::Column(column) => column.header.unwrap_or(column.name),
            _ => self.name(),
        }
    }

    /// What its values are.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Column(column) => column.kind,
            Self::Meta(path) | Self::Measure(path) if path.is_duration() => Kind::Number(Amount::Duration),
            Self::Meta(_) | Self::Measure(_) => Kind::Any,
        }
    }

    /// Whether rows of a level have it for their own.
    #[must_use]
    pub fn is_at(&self, level: Level) -> bool {
        match self {
            Self::Column(column) => column.is_at(level),
            Self::Meta(_) => matches!(level, Level::Transport | Level::Encoding | Level::PacketType),
            Self::Measure(_) => level == Level::Stream,
        }
    }

    /// Whether it names the row, so that formats without a hierarchy repeat it in the rows below.
    #[must_use]
    pub fn is_key(&self) -> bool {
        matches!(self, Self::Column(column) if column.is_key)
    }

    /// Shows the values that a row has or knows from above, until `see` says that one is enough; whether it did.
    pub fn read<'a>(&self, row: &RowRef<'a>, see: &mut dyn FnMut(Cell<'a>) -> bool) -> bool {
        match self {
            Self::Column(column) => column.read(row, see),
            Self::Meta(path) => path.read_meta(row, see),
            Self::Measure(path) => path.read_measures(row, see),
        }
    }

    /// Shows the values that stand in the row's own line of a table: of its own level, and those that name the rows above it.
    pub fn read_own<'a>(&self, row: &RowRef<'a>, see: &mut dyn FnMut(Cell<'a>) -> bool) -> bool {
        let is_own = self.is_at(row.level());
        match self {
            _ if !is_own && !self.is_key() => false,
            // the streams of an encoding are rows of their own
            Self::Column(column) if !is_own && column.is_at(Level::Stream) => false,
            Self::Meta(path) => path.read_own_meta(row, see),
            _ => self.read(row, see),
        }
    }

    /// As [`read_own`](Self::read_own), for people: of a stream whose name holds its identifier the name alone.
    pub fn read_shown<'a>(&self, row: &RowRef<'a>, see: &mut dyn FnMut(Cell<'a>) -> bool) -> bool {
        if matches!(self, Self::Column(column) if matches!(column.name, "name" | "stream"))
            && let Some(stream) = row.stream()
            && let Some(name) = stream.name.as_deref().filter(|name| name.contains(&stream.id))
        {
            return see(Cell::Text(name));
        }
        self.read_own(row, see)
    }

    /// Appends those values as text, several with blanks between them. A packet type that lies in another has that one's name in
    /// front of its own; the name of a flow is its ends.
    pub fn write_own(&self, row: &RowRef<'_>, text: &mut String) {
        if matches!(self, Self::Column(column) if column.name == "type") {
            return text.push_str(&row.type_path().join(" > "));
        }
        let mut between = "";
        self.read_shown(row, &mut |cell| {
            // writing to memory doesn't fail
            let _ = write!(text, "{between}{cell}");
            between = " ";
            false
        });
    }

    /// Whether its values are of the findings at a row, which [`RowContext`](crate::row::RowContext) has where they are wanted.
    #[must_use]
    pub fn is_of_findings(&self) -> bool {
        matches!(self.name(), "finding" | "findings" | "severity")
    }

    /// How several values become one for sorting, and which comes first.
    #[must_use]
    pub fn gather(&self) -> Gather {
        match self {
            Self::Column(column) => column.gather,
            _ => Gather::Most,
        }
    }
}
