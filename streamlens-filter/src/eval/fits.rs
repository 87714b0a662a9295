//! Whether a value is what it has to be.

use std::fmt::Write;
use std::net::IpAddr;

use streamlens_model::row::{Cell, RowRef};
use streamlens_model::{Address, Endpoint, Severity, Value};

use super::calc::{number, order};
use crate::ast::Compare;
use crate::catalogue::folded;
use crate::program::{Calc, Fits};

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
    pub(super) fn fit(&self, cell: Cell<'_>, all: bool, row: &RowRef<'_>) -> bool {
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
            Self::Encoding { name: wanted, refined_by } => {
                let Cell::Text(name) = cell else { return false };
                let base = || row.encoding().and_then(|encoding| encoding.decoder_metadata.get("base_encoding"));
                let is_live = || row.context().live.is_some();
                name == wanted
                    || base().and_then(Value::as_str) == Some(wanted)
                    || (is_live() && refined_by.iter().any(|refining| refining == name))
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
