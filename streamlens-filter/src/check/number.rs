//! Numbers with their units, and what may be added and multiplied.

use streamlens_model::row::{Amount, Kind};

use super::Checker;
use crate::ast::{Compare, Function, Product, Sum, Value, ValueKind};
use crate::error::FilterError;
use crate::program::{Calc, Fits};
use crate::token::Token;

/// Units: what they are an amount of, and how many of its own unit (nanoseconds, bits per second, bytes, ...) they are.
pub(crate) const UNITS: [(&str, Option<Amount>, f64); 29] = [
    ("", None, 1.0),
    ("k", None, 1e3),
    ("M", None, 1e6),
    ("G", None, 1e9),
    ("%", Some(Amount::Share), 0.01),
    ("ns", Some(Amount::Duration), 1.0),
    ("us", Some(Amount::Duration), 1e3),
    ("\u{b5}s", Some(Amount::Duration), 1e3),
    ("\u{3bc}s", Some(Amount::Duration), 1e3),
    ("ms", Some(Amount::Duration), 1e6),
    ("s", Some(Amount::Duration), 1e9),
    ("min", Some(Amount::Duration), 60e9),
    ("h", Some(Amount::Duration), 3600e9),
    ("bps", Some(Amount::BitRate), 1.0),
    ("kbps", Some(Amount::BitRate), 1e3),
    ("Mbps", Some(Amount::BitRate), 1e6),
    ("Gbps", Some(Amount::BitRate), 1e9),
    ("pps", Some(Amount::PacketRate), 1.0),
    ("kpps", Some(Amount::PacketRate), 1e3),
    ("Mpps", Some(Amount::PacketRate), 1e6),
    ("B", Some(Amount::Size), 1.0),
    ("kB", Some(Amount::Size), 1e3),
    ("MB", Some(Amount::Size), 1e6),
    ("GB", Some(Amount::Size), 1e9),
    ("KiB", Some(Amount::Size), 1024.0),
    ("MiB", Some(Amount::Size), 1_048_576.0),
    ("GiB", Some(Amount::Size), 1_073_741_824.0),
    ("ppm", Some(Amount::Ppm), 1.0),
    ("bit/s", Some(Amount::BitRate), 1.0),
];

/// The units of an amount, for people.
fn units_of(amount: Amount) -> String {
    let of_it = UNITS.iter().filter(|(name, of, _)| *of == Some(amount) && name.is_ascii() && !name.contains('/'));
    let names: Vec<_> = of_it.map(|(name, ..)| *name).collect();
    match amount {
        Amount::Plain => "k, M, G".to_owned(),
        _ => names.join(", "),
    }
}

/// What to say of a unit that is none.
fn no_unit(unit: &str) -> String {
    if unit.starts_with(['x', 'X']) {
        return "is no hexadecimal number up to 2^53".to_owned();
    }
    let meant =
        UNITS.iter().map(|(known, ..)| *known).find(|known| known.len() > 1 && known.eq_ignore_ascii_case(unit));
    let meant =
        meant.or_else(|| ["min", "s", "h"].into_iter().find(|known| !unit.is_empty() && known.starts_with(unit)));
    let meant = meant.or_else(|| unit.starts_with("sec").then_some("s"));
    match meant {
        Some(meant) => format!("{unit} is no unit; did you mean {meant}?"),
        None => format!("{unit} is no unit; durations have {}", units_of(Amount::Duration)),
    }
}

/// Whether two kinds are compared and added; `None` is a number without a unit, which is no duration.
fn agree(one: Option<Kind>, other: Option<Kind>) -> bool {
    let is_plain = |kind| matches!(kind, Some(Kind::Number(Amount::Plain | Amount::Share)));
    let takes_bare = |kind| matches!(kind, Some(Kind::Number(amount)) if amount != Amount::Duration);
    match (one, other) {
        (None, None) => true,
        (Some(Kind::Any), Some(Kind::Number(_) | Kind::Instant | Kind::Any) | None) => true,
        (Some(Kind::Number(_) | Kind::Instant) | None, Some(Kind::Any)) => true,
        (None, kind) | (kind, None) => takes_bare(kind),
        (one, other) => one == other || (is_plain(one) && is_plain(other)),
    }
}

/// With `a` or `an`.
pub(super) fn a(name: &str) -> String {
    if name.starts_with(['a', 'i']) { format!("an {name}") } else { format!("a {name}") }
}

fn name_of(kind: Option<Kind>) -> &'static str {
    kind.map_or("number", Kind::name)
}

impl Checker<'_> {
    /// A sum with what it comes to.
    pub(super) fn sum(&self, sum: &Sum) -> Result<(Calc, Option<Kind>), FilterError> {
        let (first, mut kind) = self.product(&sum.first)?;
        if sum.rest.is_empty() {
            return Ok((first, kind));
        }
        let mut rest = Vec::with_capacity(sum.rest.len());
        for (is_minus, product) in &sum.rest {
            let (calc, next) = self.product(product)?;
            kind = match (kind, next) {
                (Some(Kind::Instant), Some(Kind::Instant)) if *is_minus => Some(Kind::Number(Amount::Duration)),
                (Some(Kind::Instant), Some(Kind::Number(Amount::Duration))) => Some(Kind::Instant),
                (one, other) if agree(one, other) && one != Some(Kind::Instant) => one.or(other),
                (one, other) => {
                    let (one, other) = (a(name_of(one)), a(name_of(other)));
                    let verb = if *is_minus { "subtracted from" } else { "added to" };
                    return Err(self.wrong(&sum.place(), format!("{other} can't be {verb} {one}")));
                }
            };
            rest.push((*is_minus, calc));
        }
        Ok((Calc::Sum(Box::new(first), rest), kind))
    }

    fn product(&self, product: &Product) -> Result<(Calc, Option<Kind>), FilterError> {
        let (first, mut kind) = self.value(&product.first)?;
        if Self::is_alone(product) {
            return Ok((first, kind));
        }
        let is_factor = |kind| matches!(kind, None | Some(Kind::Number(Amount::Plain | Amount::Share) | Kind::Any));
        let mut rest = Vec::with_capacity(product.rest.len());
        for (is_by, value) in &product.rest {
            let (calc, next) = self.value(value)?;
            kind = match (kind, next) {
                (one, other) if is_factor(other) && matches!(one, None | Some(Kind::Number(_) | Kind::Any)) => {
                    one.or(other)
                }
                (one, other @ Some(Kind::Number(_))) if is_factor(one) && !is_by => other,
                (Some(Kind::Number(one)), Some(Kind::Number(other))) if *is_by && one == other => {
                    Some(Kind::Number(Amount::Plain))
                }
                (one, other) => {
                    let (one, other) = (a(name_of(one)), a(name_of(other)));
                    let verb = if *is_by { "divided by" } else { "multiplied by" };
                    let place = product.first.place.to(&value.place);
                    return Err(self.wrong(&place, format!("{one} can't be {verb} {other}")));
                }
            };
            rest.push((*is_by, calc));
        }
        Ok((Calc::Product(Box::new(first), rest), kind))
    }

    fn value(&self, value: &Value) -> Result<(Calc, Option<Kind>), FilterError> {
        let (calc, kind) = match &value.kind {
            ValueKind::Call(function, arguments) => self.call(*function, arguments, value)?,
            ValueKind::Literal(Token::Word(name)) => {
                let field = self.field(name, value)?;
                let kind = field.kind();
                (Calc::Field(field), Some(kind))
            }
            ValueKind::Literal(Token::Number { value: number, unit, .. }) => {
                let Some((_, amount, factor)) = UNITS.iter().find(|(name, ..)| name == unit) else {
                    return Err(self.wrong(&value.place, no_unit(unit)));
                };
                (Calc::Number(number * factor), amount.map(Kind::Number))
            }
            ValueKind::Literal(Token::Instant(time)) => (Calc::Instant(time.as_nanos()), Some(Kind::Instant)),
            ValueKind::Literal(_) => {
                return Err(self.wrong(&value.place, "a field must stand here, to be compared with it"));
            }
        };
        match kind {
            _ if !value.is_negative => Ok((calc, kind)),
            None | Some(Kind::Number(_) | Kind::Any) => Ok((Calc::Negative(Box::new(calc)), kind)),
            Some(other) => Err(self.wrong(&value.place, format!("{} can't be negative", a(other.name())))),
        }
    }

    fn call(&self, function: Function, arguments: &[Sum], value: &Value) -> Result<(Calc, Option<Kind>), FilterError> {
        let name = function.name();
        let made: Vec<_> = arguments.iter().map(|argument| self.sum(argument)).collect::<Result<_, _>>()?;
        let only = || match (made.as_slice(), function) {
            ([only], _) => Ok(only.clone()),
            _ => Err(self.wrong(&value.place, format!("{name} takes one value"))),
        };
        let plain = Some(Kind::Number(Amount::Plain));
        let is_number = |kind| matches!(kind, None | Some(Kind::Number(_) | Kind::Any));
        match function {
            Function::Count => Ok((Calc::Count(Box::new(only()?.0)), plain)),
            Function::Len => match only()? {
                (calc, Some(Kind::Text | Kind::Name(_) | Kind::Any)) => Ok((Calc::Len(Box::new(calc)), plain)),
                (_, kind) => Err(self.wrong(&value.place, format!("len needs a text, not {}", a(name_of(kind))))),
            },
            Function::Abs => match only()? {
                (calc, kind) if is_number(kind) => Ok((Calc::Abs(Box::new(calc)), kind)),
                (_, kind) => Err(self.wrong(&value.place, format!("abs needs a number, not {}", a(name_of(kind))))),
            },
            Function::Min | Function::Max => {
                let mut kind = made.first().and_then(|(_, kind)| *kind);
                for (_, next) in &made {
                    let is_one = is_number(*next) || *next == Some(Kind::Instant);
                    if !is_one || !agree(kind, *next) {
                        return Err(self.wrong(&value.place, format!("the values of {name} are not of one kind")));
                    }
                    kind = kind.or(*next);
                }
                let of = made.into_iter().map(|(calc, _)| calc).collect();
                Ok((Calc::Extreme { greatest: function == Function::Max, of }, kind))
            }
        }
    }

    /// A comparison of numbers or instants.
    pub(super) fn ordered(&self, left: &Sum, kind: Kind, compare: Compare, right: &Sum) -> Result<Fits, FilterError> {
        Ok(Fits::Order(compare, self.right(left, kind, right)?))
    }

    /// The other side of a comparison of numbers or instants.
    pub(super) fn right(&self, left: &Sum, kind: Kind, right: &Sum) -> Result<Calc, FilterError> {
        let place = right.place();
        let no_such = |kind: Kind| match kind {
            Kind::Number(Amount::Plain) => match (left.only().and_then(Value::as_word), unit_of(right)) {
                (Some(field), Some(_)) => format!("has a unit, and {field} is a number without one"),
                _ => "is no number".to_owned(),
            },
            Kind::Number(Amount::Share) => "is no share such as 0.8 or 80%".to_owned(),
            Kind::Number(amount) => format!("is no {}; units: {}", kind.name(), units_of(amount)),
            _ => "is no instant such as 2026-03-02T09:00:00.5Z".to_owned(),
        };
        let is_other_literal = right.only().is_some_and(|value| match &value.kind {
            ValueKind::Literal(Token::Word(word)) => self.field(word, value).is_err() && !word.contains('.'),
            ValueKind::Literal(token) => !matches!(token, Token::Number { .. } | Token::Instant(_)),
            ValueKind::Call(..) => false,
        });
        if is_other_literal {
            return Err(self.wrong(&place, no_such(kind)));
        }
        let (calc, found) = self.sum(right)?;
        let is_plain = !matches!(found, Some(Kind::Number(amount)) if !matches!(amount, Amount::Plain | Amount::Share));
        if let Some(message) = self.field_of(left).filter(|_| is_plain).and_then(|field| field.beyond(calc.constant()?))
        {
            return Err(self.wrong(&place, message));
        }
        let bare = |side: &Sum| match side.only().map(|value| &value.kind) {
            Some(ValueKind::Literal(Token::Number { value, unit, text })) if unit.is_empty() => {
                Some((*value == 0.0, text.clone()))
            }
            _ => None,
        };
        let needs_unit = |text: &str| format!("a duration needs a unit: {text}ms, {text}us, {text}s?");
        match (kind, found) {
            (Kind::Number(Amount::Duration), None) => match bare(right) {
                Some((true, _)) => Ok(calc),
                Some((false, text)) => Err(self.wrong(&place, needs_unit(&text))),
                None => Err(self.wrong(&place, no_such(kind))),
            },
            (Kind::Number(Amount::Plain), Some(Kind::Number(other))) if bare(left).is_some() => match bare(left) {
                Some((false, text)) if other == Amount::Duration => Err(self.wrong(&left.place(), needs_unit(&text))),
                _ => Ok(calc),
            },
            (kind, found) if agree(Some(kind), found) => Ok(calc),
            (kind, _) => Err(self.wrong(&place, no_such(kind))),
        }
    }

    /// A range; where both ends are known now, it holds something.
    pub(super) fn between(&self, from: &Sum, to: &Sum, (first, last): (Calc, Calc)) -> Result<Fits, FilterError> {
        let is_empty = first.constant().zip(last.constant()).is_some_and(|(first, last)| first > last);
        if is_empty {
            let written = |side: &Sum| self.text.get(side.place().0).unwrap_or_default().trim();
            let message = format!("nothing is in this range: write {{{}..{}}}", written(to), written(from));
            return Err(self.wrong(&from.place().to(&to.place()), message));
        }
        Ok(Fits::Between(first, last))
    }
}

/// The unit that a number is written with.
fn unit_of(side: &Sum) -> Option<&str> {
    match &side.only()?.kind {
        ValueKind::Literal(Token::Number { unit, .. }) => Some(&**unit).filter(|unit| !unit.is_empty()),
        _ => None,
    }
}

impl Calc {
    /// What a literal stands for; nothing else is known before rows are.
    fn constant(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            // a tenth of a microsecond is lost, which no range is empty for
            Self::Instant(nanos) => Some(*nanos as f64),
            Self::Negative(inner) => inner.constant().map(|number| -number),
            _ => None,
        }
    }
}
