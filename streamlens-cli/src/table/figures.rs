//! The columns of figures, and their texts for people.

use streamlens::model::row::{Amount, Cell, Field, Kind, RowRef};

use super::rows::{Lead, Row};
use crate::text::{self, grouped};

/// The columns, where no others are asked for: name, title, and after how many steps of making room it is left out.
const COLUMNS: [(&str, &str, Option<usize>); 6] = [
    ("packets", "#Frames", None),
    ("bytes", "Bytes", None),
    ("lost", "Lost", None),
    ("dt", "\u{394}T", None),
    ("p99", "\u{394}T p99", Some(2)),
    ("jitter", "Jitter", Some(1)),
];
/// Columns that stay where nothing is in them: everyone looks for these.
const ALWAYS: [&str; 3] = ["packets", "bytes", "dt"];

/// A column of figures.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    pub(super) field: Field,
    pub(super) title: String,
    /// After how many steps of making room it is left out; `None` where it stays.
    pub(super) leaves_at: Option<usize>,
    pub(super) is_kept_empty: bool,
}

/// The columns of figures.
#[derive(Clone, Debug)]
pub(super) struct Figures(pub(super) Vec<Figure>);

impl Figures {
    /// The columns that are asked for, or the usual ones.
    pub(super) fn new(fields: &[Field]) -> Self {
        if fields.is_empty() {
            let usual = COLUMNS.iter().filter_map(|(name, title, leaves_at)| {
                let (title, is_kept_empty) = ((*title).to_owned(), ALWAYS.contains(name));
                Some(Figure { field: Field::find(name)?, title, leaves_at: *leaves_at, is_kept_empty })
            });
            return Self(usual.collect());
        }
        let asked = fields.iter().map(|field| {
            let title = text::escaped(field.name()).into_owned();
            Figure { field: field.clone(), title, leaves_at: None, is_kept_empty: true }
        });
        Self(asked.collect())
    }

    /// A row with its figures; its lead is to be filled in.
    pub(super) fn row(&self, row: &RowRef<'_>) -> Row {
        let lead = Lead::Branch {
            stem: String::new(),
            name: String::new(),
            style: anstyle::Style::new(),
            note: String::new(),
        };
        let figures = self.0.iter().map(|figure| text_of(&figure.field, row)).collect();
        Row { lead, figures, bytes: row.bytes() }
    }
}

/// What a row says of a field, several values with commas between; `None` where it says nothing of its own.
fn text_of(field: &Field, row: &RowRef<'_>) -> Option<String> {
    let mut all: Option<String> = None;
    let amount = match field.kind() {
        Kind::Number(amount) => Some(amount),
        _ => None,
    };
    field.read_own(row, &mut |cell| {
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
