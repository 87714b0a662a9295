//! `streamlens fields`: the columns, which are the fields of filters.

use std::io::{self, Write};

use serde::Serialize;
use streamlens::model::row::{COLUMNS, Column, Level};

use super::args::ListFormat;
use super::text;

/// Columns of the list where nothing says how wide the output is.
const WIDTH: usize = 120;
/// Columns in front of the meanings.
const LEAD: usize = 40;

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    /// The levels whose rows have it for their own.
    levels: Vec<&'static str>,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    unit: &'static str,
    /// Whether a row may have several values.
    many: bool,
    /// The header in CSV.
    csv: &'a str,
    /// The key in the JSON document, from the element of its level on.
    #[serde(skip_serializing_if = "str::is_empty")]
    json: &'static str,
    meaning: &'static str,
}

impl From<&'static Column> for Entry<'_> {
    fn from(column: &'static Column) -> Self {
        Self {
            name: column.name,
            levels: column.levels.iter().map(|level| level.name()).collect(),
            kind: column.kind.name(),
            unit: column.unit(),
            many: column.is_many,
            csv: column.header.unwrap_or(column.name),
            json: column.key,
            meaning: column.meaning,
        }
    }
}

/// The fields that are no columns of the table: metadata by its keys.
const BY_KEY: [(&str, &[Level], &str, &str); 2] = [
    (
        "meta.KEY",
        &[Level::Transport, Level::Encoding, Level::PacketType],
        "metadata.KEY, decoder_metadata.KEY, payload_characteristics.KEY",
        "metadata of the row, or of the nearest row above that has it; maps are gone down with dots, lists have several \
         values; a key that ends in _ns is a duration",
    ),
    ("measure.KEY", &[Level::Stream], "health.streams.*.measures.KEY", "measures of streams, likewise"),
];

pub(crate) fn write(out: &mut impl Write, format: ListFormat) -> io::Result<()> {
    let columns = COLUMNS.iter().map(Entry::from);
    let by_key = BY_KEY.iter().map(|(name, levels, json, meaning)| Entry {
        name,
        levels: levels.iter().map(|level| level.name()).collect(),
        kind: "any",
        unit: "",
        many: true,
        csv: name,
        json,
        meaning,
    });
    let entries: Vec<_> = columns.chain(by_key).collect();
    match format {
        ListFormat::Json => {
            serde_json::to_writer(&mut *out, &entries)?;
            out.write_all(b"\n")
        }
        ListFormat::Table => write_table(out, &entries),
    }
}

fn write_table(out: &mut impl Write, entries: &[Entry<'_>]) -> io::Result<()> {
    let mut levels: &[&str] = &[];
    for entry in entries {
        if levels != entry.levels {
            let gap = if levels.is_empty() { "" } else { "\n" };
            writeln!(out, "{gap}{}:", entry.levels.join(", "))?;
            levels = &entry.levels;
        }
        let kind = if entry.many { format!("{} (many)", entry.kind) } else { entry.kind.to_owned() };
        for (index, line) in text::wrapped(entry.meaning, WIDTH - LEAD).iter().enumerate() {
            let (name, kind) = if index == 0 { (entry.name, kind.as_str()) } else { ("", "") };
            writeln!(out, "  {name:<18} {kind:<18} {line}")?;
        }
    }
    writeln!(
        out,
        "\nflow., transport., encoding. and type. in front of a field ask the row of that level: flow.jitter > 5ms"
    )
}
