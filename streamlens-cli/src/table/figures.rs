//! The columns of figures, and their texts for people.

use streamlens::model::row::{Amount, Cell, Field, Kind, Level, RowRef};

use super::rows::{Lead, Row};
use crate::text::{self, grouped};

/// The columns, where no others are asked for: name, title, and how much each matters.
const COLUMNS: [(&str, &str, Matters); 8] = [
    ("packets", "#Frames", Matters::Always),
    ("bytes", "Bytes", Matters::Always),
    ("rate", "Rate", Matters::WhereRoom(2)),
    ("lost", "Lost", Matters::Always),
    ("loss", "Loss", Matters::WhereRoom(1)),
    ("dt", "\u{394}T", Matters::Always),
    ("p99", "\u{394}T p99", Matters::UntilStep(1)),
    ("jitter", "Jitter or \u{394}", Matters::UntilStep(2)),
];
/// Columns that stay where nothing is in them: everyone looks for these.
const ALWAYS: [&str; 3] = ["packets", "bytes", "dt"];

/// What stands in front of the figures in any case.
const LEAD: [&str; 8] = ["src", "dst", "src.addr", "dst.addr", "src.port", "dst.port", "vlan", "transport"];

/// How much a column matters where the width is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matters {
    /// It stays.
    Always,
    /// It is left out after so many steps of making room.
    UntilStep(usize),
    /// It is there only where the width is known and all else has room; those of lower numbers go first.
    WhereRoom(usize),
}

/// A column of figures.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    pub(super) field: Field,
    pub(super) title: String,
    pub(super) matters: Matters,
    pub(super) is_kept_empty: bool,
    /// Whether it shows the jitter by the media clock where there is one, and that of ΔT, marked, where there is none.
    has_both_jitters: bool,
}

/// The columns of figures.
#[derive(Clone, Debug)]
pub(super) struct Figures(pub(super) Vec<Figure>);

impl Figures {
    /// The columns that are asked for, or the usual ones; and that by which the flows are sorted.
    pub(super) fn new(fields: &[Field], sort: Option<&Field>) -> Self {
        let mut figures = Self::chosen(fields);
        let is_lead = |name: &str| LEAD.contains(&name);
        if let Some(field) = sort.filter(|sort| !is_lead(sort.name())) {
            match figures.0.iter_mut().find(|figure| figure.field.name() == field.name()) {
                // what the flows are ordered by is shown, however narrow the terminal and whatever it holds
                Some(figure) => (figure.matters, figure.is_kept_empty) = (Matters::Always, true),
                None => figures.0.push(Figure::asked(field)),
            }
        }
        figures
    }

    fn chosen(fields: &[Field]) -> Self {
        if fields.is_empty() {
            let usual = COLUMNS.iter().filter_map(|(name, title, matters)| {
                let (title, is_kept_empty) = ((*title).to_owned(), ALWAYS.contains(name));
                let has_both_jitters = *name == "jitter";
                Some(Figure { field: Field::find(name)?, title, matters: *matters, is_kept_empty, has_both_jitters })
            });
            return Self(usual.collect());
        }
        Self(fields.iter().map(Figure::asked).collect())
    }

    /// A row with its figures; its lead is to be filled in.
    pub(super) fn row(&self, row: &RowRef<'_>) -> Row {
        let lead = Lead::Branch {
            stem: String::new(),
            name: String::new(),
            style: anstyle::Style::new(),
            note: String::new(),
        };
        let figures = self.0.iter().map(|figure| figure.text(row)).collect();
        Row { lead, figures, bytes: row.bytes() }
    }
}

impl Figure {
    /// A column that someone asked for: it stays.
    fn asked(field: &Field) -> Self {
        let title = text::escaped(field.name()).into_owned();
        Self { field: field.clone(), title, matters: Matters::Always, is_kept_empty: true, has_both_jitters: false }
    }

    /// What a row says of it.
    fn text(&self, row: &RowRef<'_>) -> Option<String> {
        if !self.has_both_jitters {
            return text_of(&self.field, row);
        }
        let is_media = matches!(row.level(), Level::Encoding | Level::Stream);
        match row.health().media_jitter_ns.filter(|_| is_media) {
            Some(jitter) => Some(text::duration(jitter)),
            None => text_of(&self.field, row).map(|jitter| format!("\u{394}{jitter}")),
        }
    }
}

/// What a row says of a field, several values with commas between; `None` where it says nothing of its own.
fn text_of(field: &Field, row: &RowRef<'_>) -> Option<String> {
    let mut all: Option<String> = None;
    let amount = match field.kind() {
        Kind::Number(amount) => Some(amount),
        _ => None,
    };
    field.read_shown(row, &mut |cell| {
        let next = figure(cell, amount);
        match &mut all {
            Some(all) => {
                all.push(',');
                all.push_str(&next);
            }
            None => all = Some(next),
        }
        false
    });
    all
}

fn figure(cell: Cell<'_>, amount: Option<Amount>) -> String {
    let number = match cell {
        Cell::Count(count) => count as f64,
        Cell::Number(number) => number,
        other => return text::escaped(&other.to_string()).into_owned(),
    };
    match (amount, cell) {
        (Some(Amount::Duration), _) => text::duration(number),
        (Some(Amount::BitRate), _) => text::bit_rate(number),
        (Some(Amount::PacketRate), _) => format!("{number:.1} /s"),
        (Some(Amount::Share), _) => format!("{:.3} %", number * 100.0),
        (Some(Amount::Ppm), _) => format!("{number:.3} ppm"),
        (Some(Amount::Plain | Amount::Size), Cell::Count(count)) => grouped(count),
        _ => cell.to_string(),
    }
}
