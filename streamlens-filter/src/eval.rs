//! Asking a row.

use std::fmt::Write;
use std::net::IpAddr;

use streamlens_model::row::{Cell, Element, Level, RowRef};
use streamlens_model::{Address, Endpoint, Metadata, Severity, Value};

use crate::ast::Compare;
use crate::catalogue::folded;
use crate::field::Known;
use crate::program::{Calc, Fits, Node};

/// What a row answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It matches.
    True,
    /// It doesn't.
    False,
    /// Rows below decide.
    Undecided,
}

impl Truth {
    fn of(answer: bool) -> Self {
        if answer { Self::True } else { Self::False }
    }
}

/// Answers of one encoding to the tests that take time with the number of its streams. They are those of its packet types, so
/// that a flow takes time with streams and types, and not with their product.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memo {
    /// Where the encoding is.
    encoding: usize,
    known: u64,
    yes: u64,
}

impl Memo {
    /// The answer that was kept for the encoding of a row.
    fn get(&self, row: &RowRef<'_>, bit: u8) -> Option<bool> {
        let mask = 1 << bit;
        (self.encoding == address(row) && self.known & mask != 0).then_some(self.yes & mask != 0)
    }

    fn set(&mut self, row: &RowRef<'_>, bit: u8, answer: bool) {
        let encoding = address(row);
        if self.encoding != encoding {
            *self = Self { encoding, known: 0, yes: 0 };
        }
        self.known |= 1 << bit;
        self.yes |= u64::from(answer) << bit;
    }
}

fn address(row: &RowRef<'_>) -> usize {
    row.encoding().map_or(0, |encoding| std::ptr::from_ref(encoding).addr())
}

impl Node {
    pub(crate) fn ask(&self, row: &RowRef<'_>, memo: &mut Memo) -> Truth {
        match self {
            Self::Everything => Truth::True,
            Self::Or(items) => {
                let mut truth = Truth::False;
                for item in items {
                    match item.ask(row, memo) {
                        Truth::True => return Truth::True,
                        Truth::Undecided => truth = Truth::Undecided,
                        Truth::False => {}
                    }
                }
                truth
            }
            Self::And(items) => {
                let mut truth = Truth::True;
                for item in items {
                    match item.ask(row, memo) {
                        Truth::False => return Truth::False,
                        Truth::Undecided => truth = Truth::Undecided,
                        Truth::True => {}
                    }
                }
                truth
            }
            Self::Not(inner) => match inner.ask(row, memo) {
                Truth::True => Truth::False,
                Truth::False => Truth::True,
                Truth::Undecided => Truth::Undecided,
            },
            Self::Has(field) => match field.known(row) {
                Known::Below => Truth::Undecided,
                Known::Absent => Truth::False,
                Known::Yes => Truth::of(field.read(row, &mut |_| true)),
            },
            Self::Test { all, left, fits, fields, memo: kept } => {
                if fields.iter().any(|field| field.known(row) == Known::Below) {
                    return Truth::Undecided;
                }
                // packet types have the streams of their encoding
                let kept = kept
                    .filter(|_| row.level() == Level::PacketType && fields.iter().all(|field| field.is_of_streams()));
                if let Some(answer) = kept.and_then(|bit| memo.get(row, bit)) {
                    return Truth::of(answer);
                }
                let answer = test(*all, left, fits, row);
                if let Some(bit) = kept {
                    memo.set(row, bit, answer);
                }
                Truth::of(answer)
            }
            Self::Search { pattern, memo: kept } => {
                let is_found = |text: &str| pattern.is_match(text);
                let found = match (row.level(), row.at(Level::Encoding)) {
                    (Level::PacketType | Level::Stream, Some(encoding)) => {
                        own_texts(row, &is_found) || {
                            let is_type = row.level() == Level::PacketType;
                            let kept = kept.filter(|_| is_type);
                            match kept.and_then(|bit| memo.get(row, bit)) {
                                Some(answer) => answer,
                                None => {
                                    // a stream row has its own name, and not those of the others
                                    let answer = above_and_own(&encoding, is_type, &is_found);
                                    if let Some(bit) = kept {
                                        memo.set(row, bit, answer);
                                    }
                                    answer
                                }
                            }
                        }
                    }
                    _ => above_and_own(row, true, &is_found),
                };
                let has_below = || {
                    let below = [Level::Transport, Level::Encoding, Level::Stream, Level::PacketType];
                    below.iter().any(|level| row.has_below(*level))
                };
                match found {
                    true => Truth::True,
                    false if has_below() => Truth::Undecided,
                    false => Truth::False,
                }
            }
        }
    }
}

/// Whether any, or all and at least one, of the values fit.
fn test(all: bool, left: &Calc, fits: &Fits, row: &RowRef<'_>) -> bool {
    if let (Calc::Field(field), true) = (left, left.is_single()) {
        return field.first(row).is_some_and(|cell| fits.fit(cell, all, row));
    }
    if !all {
        return left.each(row, &mut |cell| fits.fit(cell, false, row));
    }
    let mut has_any = false;
    let is_refuted = left.each(row, &mut |cell| {
        has_any = true;
        !fits.fit(cell, true, row)
    });
    has_any && !is_refuted
}

/// Texts of a row down from its flow, to its own. Names of streams are those of the encoding.
fn above_and_own(row: &RowRef<'_>, with_streams: bool, is_found: &dyn Fn(&str) -> bool) -> bool {
    let above = [Level::Flow, Level::Transport, Level::Encoding].into_iter().filter(|level| *level <= row.level());
    let found = above.filter_map(|level| row.at(level)).any(|row| own_texts(&row, is_found));
    found || (with_streams && row.level() == Level::Encoding && streams_texts(row, is_found))
}

fn streams_texts(row: &RowRef<'_>, is_found: &dyn Fn(&str) -> bool) -> bool {
    let streams = row.encoding().map_or(&[][..], |encoding| &encoding.health.streams);
    streams.iter().any(|stream| is_found(&stream.id) || stream.name.as_deref().is_some_and(is_found))
}

/// The texts of the row itself: endpoints, names, identifiers, metadata, codes of findings.
fn own_texts(row: &RowRef<'_>, is_found: &dyn Fn(&str) -> bool) -> bool {
    let is_named = match row.element() {
        Element::Flow(flow) => {
            let ends = [flow.key.src, flow.key.dst].into_iter().filter(|end| end.address != Address::None);
            ends.into_iter().any(|end| end.with_text(is_found))
        }
        Element::Transport(transport) => {
            is_found(&transport.protocol_name) || in_metadata(&transport.metadata, is_found)
        }
        Element::Encoding(encoding) => {
            is_found(&encoding.encoding_name) || in_metadata(&encoding.decoder_metadata, is_found)
        }
        Element::Stream(stream) => is_found(&stream.id) || stream.name.as_deref().is_some_and(is_found),
        Element::PacketType(kind) => is_found(&kind.type_name) || in_metadata(&kind.payload_characteristics, is_found),
    };
    is_named || row.findings().any(|(code, _)| is_found(code))
}

/// Whether any text in metadata has it.
fn in_metadata(facts: &Metadata, is_found: &dyn Fn(&str) -> bool) -> bool {
    facts.values().any(|value| in_value(value, is_found))
}

fn in_value(value: &Value, is_found: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Text(text) => is_found(text),
        Value::List(items) => items.iter().any(|item| in_value(item, is_found)),
        Value::Map(map) => in_metadata(map, is_found),
        _ => false,
    }
}

impl Calc {
    fn is_single(&self) -> bool {
        matches!(self, Self::Field(field) if field.is_single())
    }

    /// Shows all values that it comes to, until one is enough; whether it was.
    fn each<'a>(&self, row: &RowRef<'a>, see: &mut dyn FnMut(Cell<'a>) -> bool) -> bool {
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

fn number(cell: Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Count(count) => Some(count as f64),
        Cell::Number(number) => Some(number),
        _ => None,
    }
}

/// The order of two numbers or two instants.
fn order(one: Cell<'_>, other: Cell<'_>) -> Option<std::cmp::Ordering> {
    match (one, other) {
        (Cell::Count(one), Cell::Count(other)) => Some(one.cmp(&other)),
        (Cell::Time(one), Cell::Time(other)) => Some(one.cmp(&other)),
        (one, other) => number(one)?.partial_cmp(&number(other)?),
    }
}

impl Compare {
    fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Eq => order.is_eq(),
            Self::Ne => order.is_ne(),
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
        }
    }
}

impl Fits {
    /// Whether a value fits: where the other side has several, with any, or with all and at least one.
    fn fit(&self, cell: Cell<'_>, all: bool, row: &RowRef<'_>) -> bool {
        match self {
            Self::Order(compare, Calc::Number(right)) => {
                number(cell).and_then(|left| left.partial_cmp(right)).is_some_and(|order| compare.holds(order))
            }
            Self::Order(compare, right) => {
                against(right, all, row, |other| order(cell, other).is_some_and(|order| compare.holds(order)))
            }
            Self::Same(right) => against(right, false, row, |other| is_same(cell, other)),
            Self::Between(from, to) => {
                against(from, all, row, |from| order(cell, from).is_some_and(|order| order.is_ge()))
                    && against(to, all, row, |to| order(cell, to).is_some_and(|order| order.is_le()))
            }
            Self::AnyOf(items) => items.iter().any(|item| item.fit(cell, all, row)),
            Self::Not(inner) => !inner.fit(cell, false, row),
            Self::Endpoint(wanted) => matches!(cell, Cell::Endpoint(end) if is_endpoint(end, *wanted)),
            Self::Network(network, bits) => matches!(cell, Cell::Endpoint(end) if is_in(end.address, *network, *bits)),
            Self::Mac(wanted) => match cell {
                Cell::Mac(mac) => mac == *wanted,
                Cell::Endpoint(end) => end.address == Address::Mac(*wanted),
                _ => false,
            },
            Self::Name(wanted) => match cell {
                Cell::Text(text) => folded(text).eq(wanted.chars()),
                _ => false,
            },
            Self::Encoding(wanted) => {
                let is_it = matches!(cell, Cell::Text(name) if name == wanted);
                let base = || row.encoding().and_then(|encoding| encoding.decoder_metadata.get("base_encoding"));
                is_it || base().and_then(Value::as_str) == Some(wanted)
            }
            Self::Text(wanted) => with_text(cell, |text| text.chars().flat_map(char::to_lowercase).eq(wanted.chars())),
            Self::Bool(wanted) => cell == Cell::Bool(*wanted),
            Self::Severity(compare, wanted) => {
                let Cell::Text(name) = cell else { return false };
                let place = Severity::ALL.iter().position(|severity| severity.name() == name);
                place.is_some_and(|place| compare.holds(place.cmp(wanted)))
            }
            Self::Pattern(pattern) => with_text(cell, |text| pattern.is_match(text)),
        }
    }
}

/// Whether any of the values, or all and at least one, are in a relation.
fn against<'a>(calc: &Calc, all: bool, row: &RowRef<'a>, holds: impl Fn(Cell<'a>) -> bool) -> bool {
    if !all {
        return calc.each(row, &mut |cell| holds(cell));
    }
    let mut has_any = false;
    let is_refuted = calc.each(row, &mut |cell| {
        has_any = true;
        !holds(cell)
    });
    has_any && !is_refuted
}

/// Whether two values are one: endpoints without a port are those of any port.
fn is_same(one: Cell<'_>, other: Cell<'_>) -> bool {
    match (one, other) {
        (Cell::Endpoint(one), Cell::Endpoint(other)) => is_endpoint(one, other) || is_endpoint(other, one),
        (Cell::Endpoint(end), Cell::Mac(mac)) | (Cell::Mac(mac), Cell::Endpoint(end)) => {
            end.address == Address::Mac(mac)
        }
        (Cell::Mac(one), Cell::Mac(other)) => one == other,
        (Cell::Text(one), Cell::Text(other)) => folded(one).eq(folded(other)),
        (Cell::Bool(one), Cell::Bool(other)) => one == other,
        (one, other) => order(one, other).is_some_and(|order| order.is_eq()),
    }
}

fn is_endpoint(end: Endpoint, wanted: Endpoint) -> bool {
    end.address == wanted.address && (wanted.port.is_none() || end.port == wanted.port)
}

fn is_in(address: Address, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (Address::V4(address), IpAddr::V4(network)) => {
            let shift = 32_u32.saturating_sub(bits.into());
            (address.to_bits() ^ network.to_bits()).checked_shr(shift).unwrap_or(0) == 0
        }
        (Address::V6(address), IpAddr::V6(network)) => {
            let shift = 128_u32.saturating_sub(bits.into());
            (address.to_bits() ^ network.to_bits()).checked_shr(shift).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Calls with the text of a value; false where it is too long to be one. Allocates nothing.
fn with_text(cell: Cell<'_>, see: impl FnOnce(&str) -> bool) -> bool {
    match cell {
        Cell::Text(text) => see(text),
        Cell::Key(key) => key.with_text(see),
        Cell::Endpoint(end) => end.with_text(see),
        other => {
            let mut room = Room { text: [0; 64], length: 0 };
            write!(room, "{other}").is_ok()
                && room.text.get(..room.length).and_then(|text| str::from_utf8(text).ok()).is_some_and(see)
        }
    }
}

/// Room for the text of any number.
struct Room {
    text: [u8; 64],
    length: usize,
}

impl Write for Room {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        self.text.get_mut(self.length..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
