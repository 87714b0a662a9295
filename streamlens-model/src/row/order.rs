//! What flows are ordered by: one rule for the table, the terminal and the web.

use std::cmp::Ordering;

use super::{Cell, Field, Gather, Kind, Level, Names, RowRef};
use crate::{Endpoint, MacAddress, Severity};

/// What a flow is ordered by.
#[derive(Clone, Debug, PartialEq)]
pub enum SortKey {
    /// Any number; never NaN.
    Number(f64),
    /// Nanoseconds since the epoch.
    Instant(i64),
    /// An address with its port.
    Endpoint(Endpoint),
    /// An address of the link layer.
    Mac(MacAddress),
    /// Text, in lower case.
    Text(String),
}

impl SortKey {
    /// The flow's own value of a field, or what the values of the rows below come to; `None` where it has none. `rows` are those
    /// of the flow (see [`rows`](super::rows)).
    #[must_use]
    pub fn of<'a>(rows: impl Iterator<Item = RowRef<'a>>, field: &Field) -> Option<Self> {
        let mut key = None;
        // of levels that have it, the highest: those below add up to it
        let level = Level::ALL.into_iter().find(|level| field.is_at(*level));
        let is_meta = matches!(field, Field::Meta(_));
        // each finding is at one of these, and at the rows below as well
        let own_findings = |row: &RowRef<'_>| field.is_of_findings() && row.level() <= Level::Encoding;
        for row in rows.filter(|row| is_meta || Some(row.level()) == level || own_findings(row)) {
            field.read_own(&row, &mut |cell| {
                let next = Self::of_cell(cell, field.kind());
                key = Some(match key.take() {
                    Some(known) => Self::gathered(known, next, field.gather()),
                    None => next,
                });
                false
            });
        }
        key
    }

    fn of_cell(cell: Cell<'_>, kind: Kind) -> Self {
        match cell {
            Cell::Count(count) => Self::Number(count as f64),
            Cell::Number(number) => Self::Number(number),
            Cell::Bool(answer) => Self::Number(f64::from(u8::from(answer))),
            Cell::Time(time) => Self::Instant(time.as_nanos()),
            Cell::Endpoint(end) => Self::Endpoint(end),
            Cell::Mac(mac) => Self::Mac(mac),
            Cell::Text(name) if kind == Kind::Name(Names::Severity) => {
                let grave = Severity::ALL.iter().position(|severity| severity.name() == name);
                Self::Number(grave.unwrap_or(0) as f64)
            }
            Cell::Text(_) | Cell::Key(_) => Self::Text(cell.to_string().to_lowercase()),
        }
    }

    /// The order of two flows by their keys of a field: figures descending, times and names ascending. What is
    /// undefined comes last.
    #[must_use]
    pub fn compare(one: Option<&Self>, other: Option<&Self>, gather: Gather) -> Ordering {
        match (one, other) {
            (Some(one), Some(other)) if gather == Gather::Least => one.order(other),
            (Some(one), Some(other)) => other.order(one),
            (one, other) => other.is_some().cmp(&one.is_some()),
        }
    }

    /// The lesser first. Keys of different kinds, which metadata may have, come one kind after the other.
    fn order(&self, other: &Self) -> Ordering {
        let kind = |key: &Self| match key {
            Self::Number(_) => 0,
            Self::Instant(_) => 1,
            Self::Endpoint(_) => 2,
            Self::Mac(_) => 3,
            Self::Text(_) => 4,
        };
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.total_cmp(other),
            (Self::Instant(one), Self::Instant(other)) => one.cmp(other),
            (Self::Endpoint(one), Self::Endpoint(other)) => one.cmp(other),
            (Self::Mac(one), Self::Mac(other)) => one.cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            _ => kind(self).cmp(&kind(other)),
        }
    }

    /// The one of two that stands for both.
    fn gathered(self, other: Self, gather: Gather) -> Self {
        match (self, other, gather) {
            (Self::Number(one), Self::Number(other), Gather::Sum) => Self::Number(one + other),
            (one, other, Gather::Least) => {
                if other.order(&one).is_lt() {
                    other
                } else {
                    one
                }
            }
            (one, other, _) => {
                if other.order(&one).is_gt() {
                    other
                } else {
                    one
                }
            }
        }
    }
}
