//! Which requests and responses a function's data can be (Modbus Application Protocol V1.1b3, 6).

use crate::wire::u16;

/// How well data fit a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    /// The length is wrong.
    Misfit,
    /// The function is not a public one: any length may be right.
    Unknown,
    /// The length is right, and a quantity or a value is not legal.
    OutOfRange,
    /// Length and values are legal.
    Exact,
}

pub(super) fn word(data: &[u8], at: usize) -> Option<u16> {
    u16("word")(data.get(at..)?).ok().map(|(_, word)| word)
}

/// Fits where `length` holds; `Exact` where `legal` does too.
fn fit(length: bool, legal: bool) -> Shape {
    match (length, legal) {
        (false, _) => Shape::Misfit,
        (true, false) => Shape::OutOfRange,
        (true, true) => Shape::Exact,
    }
}

fn address_and_quantity(data: &[u8], most: u16) -> Shape {
    fit(data.len() == 4, word(data, 2).is_some_and(|n| (1..=most).contains(&n)))
}

/// A quantity at `at`, then a byte count, then as many bytes; `expected` makes the byte count from the quantity.
fn quantity_and_bytes(data: &[u8], at: usize, most: u16, expected: fn(u16) -> u16) -> Shape {
    let (Some(quantity), Some(&bytes)) = (word(data, at), data.get(at + 2)) else { return Shape::Misfit };
    let whole = data.len() == at + 3 + usize::from(bytes);
    fit(whole, (1..=most).contains(&quantity) && expected(quantity) == u16::from(bytes))
}

/// A byte count, then as many bytes.
fn counted(data: &[u8], legal: impl FnOnce(u8) -> bool) -> Shape {
    let Some(&bytes) = data.first() else { return Shape::Misfit };
    fit(data.len() == 1 + usize::from(bytes), legal(bytes))
}

fn coil(data: &[u8]) -> Shape {
    fit(data.len() == 4, matches!(word(data, 2), Some(0 | 0xFF00)))
}

fn diagnostics(data: &[u8]) -> Shape {
    let known = matches!(word(data, 0), Some(0..=4 | 10..=18 | 20));
    fit(data.len() >= 4 && data.len().is_multiple_of(2), known && (data.len() == 4 || word(data, 0) == Some(0)))
}

/// Groups of (6, file, record, length and as many words), behind a byte count.
fn file_records(data: &[u8], with_data: bool) -> Shape {
    let whole = counted(data, |bytes| bytes >= if with_data { 9 } else { 7 });
    let mut rest = data.get(1..).unwrap_or_default();
    while whole == Shape::Exact && !rest.is_empty() {
        let (Some(6), Some(length)) = (rest.first(), word(rest, 5)) else { return Shape::OutOfRange };
        let group = 7 + if with_data { 2 * usize::from(length) } else { 0 };
        let Some(next) = rest.get(group..) else { return Shape::OutOfRange };
        rest = next;
    }
    whole
}

/// Groups of (length, 6, data), behind a byte count.
fn file_data(data: &[u8]) -> Shape {
    let whole = counted(data, |bytes| bytes >= 3);
    let mut rest = data.get(1..).unwrap_or_default();
    while whole == Shape::Exact && !rest.is_empty() {
        let (Some(&length), Some(6)) = (rest.first(), rest.get(1)) else { return Shape::OutOfRange };
        let Some(next) = rest.get(1 + usize::from(length)..) else { return Shape::OutOfRange };
        rest = next;
    }
    whole
}

/// Read Device Identification: objects of (id, length, text).
fn device_identification(data: &[u8]) -> Shape {
    let [14, code, conformity, more, _next, number, objects @ ..] = data else { return Shape::Misfit };
    let mut rest = objects;
    for _ in 0..*number {
        let Some(next) = rest.get(1).and_then(|length| rest.get(2 + usize::from(*length)..)) else {
            return Shape::Misfit;
        };
        rest = next;
    }
    let legal = (1..=4).contains(code) && (1..=3).contains(&(conformity & 0x7F)) && matches!(more, 0 | 0xFF);
    fit(rest.is_empty(), legal)
}

/// How well the bytes behind the function code fit a request.
pub(super) fn request(function: u8, data: &[u8]) -> Shape {
    match function {
        1 | 2 => address_and_quantity(data, 2000),
        3 | 4 => address_and_quantity(data, 125),
        5 => coil(data),
        6 => fit(data.len() == 4, true),
        7 | 11 | 12 | 17 => fit(data.is_empty(), true),
        8 => diagnostics(data),
        15 => quantity_and_bytes(data, 2, 1968, |n| n.div_ceil(8)),
        16 => quantity_and_bytes(data, 2, 123, |n| 2 * n),
        20 => file_records(data, false),
        21 => file_records(data, true),
        22 => fit(data.len() == 6, true),
        23 => quantity_and_bytes(data, 6, 121, |n| 2 * n)
            .min(fit(true, word(data, 2).is_some_and(|n| (1..=125).contains(&n)))),
        24 => fit(data.len() == 2, true),
        43 => match data {
            [14, code, _object] => fit(true, (1..=4).contains(code)),
            [13, _, ..] => Shape::OutOfRange,
            _ => Shape::Misfit,
        },
        _ => Shape::Unknown,
    }
}

/// How well the bytes behind the function code fit a response that is no exception.
pub(super) fn response(function: u8, data: &[u8]) -> Shape {
    match function {
        1 | 2 => counted(data, |bytes| (1..=250).contains(&bytes)),
        3 | 4 | 23 => counted(data, |bytes| bytes.is_multiple_of(2) && (2..=250).contains(&bytes)),
        5 => coil(data),
        6 => fit(data.len() == 4, true),
        7 => fit(data.len() == 1, true),
        8 => diagnostics(data),
        11 => fit(data.len() == 4, true),
        12 => counted(data, |bytes| bytes >= 6),
        15 => address_and_quantity(data, 1968),
        16 => address_and_quantity(data, 123),
        17 => counted(data, |bytes| bytes >= 1),
        20 => file_data(data),
        21 => file_records(data, true),
        22 => fit(data.len() == 6, true),
        24 => {
            let queue = word(data, 2).filter(|n| *n <= 31);
            let whole = word(data, 0).is_some_and(|bytes| data.len() == 2 + usize::from(bytes));
            fit(whole, queue.is_some_and(|n| word(data, 0) == Some(2 + 2 * n)))
        }
        43 => match data {
            [14, ..] => device_identification(data),
            [13, _, ..] => Shape::OutOfRange,
            _ => Shape::Misfit,
        },
        _ => Shape::Unknown,
    }
}

/// How well the bytes behind the function code fit an exception.
pub(super) fn exception(data: &[u8]) -> Shape {
    fit(data.len() == 1, matches!(data, [1..=11]))
}

/// How many bytes stand behind the function code, as far as the function and these bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// So many.
    Bytes(usize),
    /// A count that says so is not there yet.
    NeedsMore,
    /// The function says nothing of it.
    Unknown,
}

/// A count of one byte at `at`, and as many bytes behind `at` and it.
fn extent_by_count(data: &[u8], at: usize) -> Extent {
    data.get(at).map_or(Extent::NeedsMore, |count| Extent::Bytes(at + 1 + usize::from(*count)))
}

/// How long the data of a request are.
pub(super) fn request_extent(function: u8, data: &[u8]) -> Extent {
    match function {
        1..=6 => Extent::Bytes(4),
        7 | 11 | 12 | 17 => Extent::Bytes(0),
        15 | 16 => extent_by_count(data, 4),
        20 | 21 => extent_by_count(data, 0),
        22 => Extent::Bytes(6),
        23 => extent_by_count(data, 8),
        24 => Extent::Bytes(2),
        43 => Extent::Bytes(3),
        _ => Extent::Unknown,
    }
}

/// How long the data of a response are that is no exception.
pub(super) fn response_extent(function: u8, data: &[u8]) -> Extent {
    match function {
        1..=4 | 12 | 17 | 20 | 21 | 23 => extent_by_count(data, 0),
        5 | 6 | 11 | 15 | 16 => Extent::Bytes(4),
        7 => Extent::Bytes(1),
        22 => Extent::Bytes(6),
        24 => word(data, 0).map_or(Extent::NeedsMore, |bytes| Extent::Bytes(2 + usize::from(bytes))),
        43 => identification_extent(data),
        _ => Extent::Unknown,
    }
}

/// The data of a response of Read Device Identification end behind the last of its objects, which are walked.
fn identification_extent(data: &[u8]) -> Extent {
    let Some(number) = data.get(5) else { return Extent::NeedsMore };
    let mut end = 6;
    for _ in 0..*number {
        let Some(length) = data.get(end + 1) else { return Extent::NeedsMore };
        end += 2 + usize::from(*length);
    }
    Extent::Bytes(end)
}

/// Whether vendors are known to use this function: user-defined ones (65 to 72, 100 to 110), those of older editions
/// and Schneider's UMAS (90).
pub(super) fn is_vendor_function(function: u8) -> bool {
    matches!(function, 65..=72 | 100..=110 | 9 | 10 | 13 | 14 | 18 | 19 | 40 | 41 | 90 | 91 | 125..=127)
}
