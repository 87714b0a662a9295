//! What rows are ordered by.

use std::cmp::Ordering;

use super::{Cell, Field, Gather, Kind, Level, Names, RowContext, RowRef, rows};
use crate::{Endpoint, Flow, MacAddress, Severity};

/// What a flow is ordered by.
#[derive(Clone, Debug, PartialEq)]
pub enum SortKey {
    /// A number; severities are numbers too, the gravest the greatest.
    Number(f64),
    /// An instant, in nanoseconds since the Unix epoch.
    Instant(i64),
    /// An address, with a port where there is one.
    Endpoint(Endpoint),
    /// An address of the link layer.
    Mac(MacAddress),
    /// A text, without letter case.
    Text(String),
}

impl SortKey {
    fn of(cell: Cell<'_>, kind: Kind) -> Self {
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

    /// Keys of different kinds, which metadata may have, come one kind after the other.
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

    /// The flow's own value, or what the values of the rows below come to; `None` where it has none.
    #[must_use]
    pub fn of_flow(flow: &Flow, field: &Field, context: RowContext<'_>) -> Option<Self> {
        let mut key = None;
        let mut take = |row: &RowRef<'_>| {
            field.read_own(row, &mut |cell| {
                let next = Self::of(cell, field.kind());
                key = Some(match key.take() {
                    Some(known) => Self::gathered(known, next, field.gather()),
                    None => next,
                });
                false
            });
        };
        // of levels that have it, the highest: those below add up to it
        let level = Level::ALL.into_iter().find(|level| field.is_at(*level));
        let is_meta = matches!(field, Field::Meta(_));
        rows(flow, context).filter(|row| is_meta || Some(row.level()) == level).for_each(|row| take(&row));
        key
    }

    /// Which of two comes first in a column; what is undefined comes last.
    #[must_use]
    pub fn compare(one: Option<&Self>, other: Option<&Self>, gather: Gather) -> Ordering {
        match (one, other) {
            (Some(one), Some(other)) if gather == Gather::Least => one.order(other),
            (Some(one), Some(other)) => other.order(one),
            (one, other) => other.is_some().cmp(&one.is_some()),
        }
    }
}
