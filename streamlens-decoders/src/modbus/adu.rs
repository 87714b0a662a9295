//! The application data unit: MBAP header and PDU. Of streams, so a short buffer means to wait.

//!
//! ```text
//! | transaction identifier 2 | protocol identifier 2, 0 | length 2 | unit identifier 1 | function code 1 | data .. |
//! ```

use nom::Parser;

use super::function::Kind;
use super::shape::{self, Extent, Shape};
use crate::wire::{Wire, u8, u16};

/// Bytes of the MBAP header without the unit identifier, which its length field counts.
pub(super) const HEADER: usize = 6;

/// The longest ADU by the specification: length field 254.
const MAX_LENGTH: u16 = 254;

/// Schneider's UMAS (function 90) goes beyond the 253 bytes of a PDU.
const MAX_VENDOR_LENGTH: u16 = 1024;

/// One ADU at the front of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Adu<'a> {
    pub(super) transaction: u16,
    pub(super) unit: u8,
    /// Function code with its exception bit.
    pub(super) function: u8,
    /// What follows the function code, as far as it is there.
    pub(super) data: &'a [u8],
    /// Bytes of the whole ADU on the wire.
    pub(super) length: usize,
}

/// Why no ADU could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAdu {
    /// What is there may begin an ADU; this many bytes are needed to go on.
    Needs(usize),
    /// It is none.
    Not(&'static str),
}

/// Reads the ADU at the front. Where the header is whole and the rest is not, `data` is short: compare
/// [`Adu::length`] with the buffer.
pub(super) fn parse(bytes: &[u8]) -> Result<Adu<'_>, NoAdu> {
    let Ok((data, Header { transaction, protocol, length, unit, function })) = header(bytes) else {
        return Err(prefix(bytes));
    };
    if protocol != 0 {
        return Err(NoAdu::Not("the protocol identifier is not 0"));
    }
    if length < 2 {
        return Err(NoAdu::Not("the length is below 2"));
    }
    if length > MAX_LENGTH && !(function & 0x7F == 90 && length <= MAX_VENDOR_LENGTH) {
        return Err(NoAdu::Not("the length is above 254"));
    }
    let behind = usize::from(length) - 2;
    Ok(Adu {
        transaction,
        unit,
        function,
        data: data.get(..behind).unwrap_or(data),
        length: HEADER + usize::from(length),
    })
}

/// Reads an ADU that was taken off a stream: all of the bytes are its own, whatever its length field says.
pub(super) fn parse_as_taken(bytes: &[u8]) -> Option<Adu<'_>> {
    let (data, Header { transaction, length, unit, function, .. }) = header(bytes).ok()?;
    let length = HEADER + usize::from(length);
    Some(Adu { transaction, unit, function, data, length: length.max(bytes.len()) })
}

/// The length field of a header that is Modbus's but for a length that is not allowed.
pub(super) fn impossible_length(bytes: &[u8]) -> Option<u16> {
    let (_, Header { protocol, length, .. }) = header(bytes).ok()?;
    (protocol == 0 && !(2..=MAX_LENGTH).contains(&length)).then_some(length)
}

/// MBAP header and function code.
struct Header {
    transaction: u16,
    protocol: u16,
    length: u16,
    unit: u8,
    function: u8,
}

fn header(input: &[u8]) -> Wire<'_, Header> {
    let (rest, (transaction, protocol, length, unit, function)) = (
        u16("transaction identifier"),
        u16("protocol identifier"),
        u16("length"),
        u8("unit identifier"),
        u8("function code"),
    )
        .parse(input)?;
    Ok((rest, Header { transaction, protocol, length, unit, function }))
}

/// A header that is not whole: whether the bytes there can still begin one.
fn prefix(bytes: &[u8]) -> NoAdu {
    if bytes.iter().skip(2).take(2).any(|b| *b != 0) {
        return NoAdu::Not("the protocol identifier is not 0");
    }
    let high = bytes.get(4).copied().unwrap_or(0);
    if high > (MAX_VENDOR_LENGTH >> 8) as u8 || (high == 0 && matches!(bytes.get(5), Some(0 | 1))) {
        return NoAdu::Not("the length is not one of Modbus");
    }
    NoAdu::Needs(HEADER + 2)
}

impl Adu<'_> {
    /// Whether the exception bit is set.
    pub(super) fn is_exception(&self) -> bool {
        self.function & 0x80 != 0
    }

    /// How well it fits a request.
    pub(super) fn as_request(&self) -> Shape {
        if self.is_exception() { Shape::Misfit } else { shape::request(self.function, self.data) }
    }

    /// How well it fits a response, exceptions included.
    pub(super) fn as_response(&self) -> Shape {
        if self.is_exception() { shape::exception(self.data) } else { shape::response(self.function, self.data) }
    }

    /// Bytes of the whole ADU as its function says, in the direction where its flow goes: `None` where that says nothing, or
    /// needs more bytes. An exception is two bytes of PDU, whatever comes.
    pub(super) fn length_by_function(&self, kind: Kind) -> Option<usize> {
        let extent = match kind {
            _ if self.is_exception() => Extent::Bytes(1),
            Kind::Request => shape::request_extent(self.function, self.data),
            Kind::Response | Kind::Exception => shape::response_extent(self.function, self.data),
            Kind::Undecided => Extent::Unknown,
        };
        match extent {
            Extent::Bytes(data) => Some(HEADER + 2 + data),
            Extent::NeedsMore | Extent::Unknown => None,
        }
    }

    /// How well it fits either, judged by its first bytes where the capture has cut the others off.
    pub(super) fn cut_shape(&self) -> Shape {
        let mut filled = [0; MAX_VENDOR_LENGTH as usize];
        let wanted = self.length.saturating_sub(HEADER + 2);
        let Some(data) = filled.get_mut(..wanted) else { return Shape::Misfit };
        for (byte, known) in data.iter_mut().zip(self.data) {
            *byte = *known;
        }
        Adu { data, ..*self }.shape()
    }

    /// The better of both.
    pub(super) fn shape(&self) -> Shape {
        self.as_request().max(self.as_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{done, hex, parser};

    /// Modbus Messaging on TCP/IP, section 3.1.3.
    #[test]
    fn the_header_lies_as_in_the_table() {
        let bytes = hex("1501 0000 0006 ff 03");
        let (rest, read) = header(&bytes).unwrap();
        assert_eq!((read.transaction, read.protocol, read.length, read.unit, read.function), (0x1501, 0, 6, 0xFF, 3));
        assert!(rest.is_empty());
        parser("Modbus", &bytes, |bytes| header(bytes).map(done));
    }
}
