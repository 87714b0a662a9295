//! Working values out.

use streamlens_model::row::{Cell, RowRef};

use crate::program::Calc;

impl Calc {
    pub(super) fn is_single(&self) -> bool {
        matches!(self, Self::Field(field) if field.is_single())
    }

    /// Shows all values that it comes to, until one is enough; whether it was.
    pub(super) fn each<'a>(&self, row: &RowRef<'a>, see: &mut dyn FnMut(Cell<'a>) -> bool) -> bool {
        match self {
            Self::Field(field) => field.read(row, see),
            Self::Number(number) => see(Cell::Number(*number)),
            Self::Instant(nanos) => see(Cell::Time(streamlens_model::Timestamp::from_nanos(*nanos))),
            Self::Sum(first, rest) => first.each(row, &mut |cell| folded_over(row, cell, rest, add, see)),
            Self::Product(first, rest) => first.each(row, &mut |cell| folded_over(row, cell, rest, multiply, see)),
            Self::Negative(inner) => inner.each(row, &mut |cell| number(cell).is_some_and(|value| show(-value, see))),
            Self::Abs(inner) => inner.each(row, &mut |cell| number(cell).is_some_and(|value| show(value.abs(), see))),
            Self::Extreme { greatest, of } => {
                let mut best: Option<Cell<'a>> = None;
                for calc in of {
                    calc.each(row, &mut |cell| {
                        let is_better = best.is_none_or(|best| {
                            order(cell, best).is_some_and(|order| if *greatest { order.is_gt() } else { order.is_lt() })
                        });
                        if is_better && (number(cell).is_some() || matches!(cell, Cell::Time(_))) {
                            best = Some(cell);
                        }
                        false
                    });
                }
                best.is_some_and(see)
            }
            Self::Count(inner) => {
                let mut count = 0;
                inner.each(row, &mut |_| {
                    count += 1;
                    false
                });
                see(Cell::Count(count))
            }
            Self::Len(inner) => inner.each(row, &mut |cell| {
                let length = match cell {
                    Cell::Text(text) => text.chars().count(),
                    Cell::Key(key) => key.with_text(|text| text.chars().count()),
                    _ => return false,
                };
                see(Cell::Count(length as u64))
            }),
        }
    }
}

/// Shows a number; one that is none, as what is divided by 0, is no value.
fn show<'a>(value: f64, see: &mut dyn FnMut(Cell<'a>) -> bool) -> bool {
    value.is_finite() && see(Cell::Number(value))
}

type Step = for<'a> fn(Cell<'a>, Cell<'a>, bool) -> Option<Cell<'a>>;

/// All that the rest of a sum or product can make of a value.
fn folded_over<'a>(
    row: &RowRef<'a>,
    sofar: Cell<'a>,
    rest: &[(bool, Calc)],
    step: Step,
    see: &mut dyn FnMut(Cell<'a>) -> bool,
) -> bool {
    // single values need no depth, and most are
    let Some(((flag, next), rest)) = rest.split_first() else { return see(sofar) };
    next.each(row, &mut |cell| step(sofar, cell, *flag).is_some_and(|cell| folded_over(row, cell, rest, step, see)))
}

fn add<'a>(one: Cell<'a>, other: Cell<'a>, is_minus: bool) -> Option<Cell<'a>> {
    let sign = if is_minus { -1.0 } else { 1.0 };
    match (one, other) {
        (Cell::Time(one), Cell::Time(other)) => {
            Some(Cell::Number((i128::from(one.as_nanos()) - i128::from(other.as_nanos())) as f64))
        }
        (Cell::Time(time), other) => {
            let nanos = number(other)? * sign;
            Some(Cell::Time(streamlens_model::Timestamp::from_nanos(time.as_nanos().saturating_add(nanos as i64))))
        }
        (one, other) => Some(number(one)? + sign * number(other)?).filter(|sum| sum.is_finite()).map(Cell::Number),
    }
}

fn multiply<'a>(one: Cell<'a>, other: Cell<'a>, is_by: bool) -> Option<Cell<'a>> {
    let (one, other) = (number(one)?, number(other)?);
    let result = if is_by { one / other } else { one * other };
    result.is_finite().then_some(Cell::Number(result))
}

pub(super) fn number(cell: Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Count(count) => Some(count as f64),
        Cell::Number(number) => Some(number),
        _ => None,
    }
}

/// The order of two numbers or two instants.
pub(super) fn order(one: Cell<'_>, other: Cell<'_>) -> Option<std::cmp::Ordering> {
    match (one, other) {
        (Cell::Count(one), Cell::Count(other)) => Some(one.cmp(&other)),
        (Cell::Time(one), Cell::Time(other)) => Some(one.cmp(&other)),
        (one, other) => number(one)?.partial_cmp(&number(other)?),
    }
}
