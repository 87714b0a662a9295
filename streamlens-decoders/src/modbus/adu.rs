//! The application data unit: MBAP header and PDU. Of streams, so a short buffer means to wait.

use super::shape::{self, Shape};

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
    let [t0, t1, p0, p1, l0, l1, unit, function, data @ ..] = bytes else { return Err(prefix(bytes)) };
    let length = u16::from_be_bytes([*l0, *l1]);
    if (*p0, *p1) != (0, 0) {
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
        transaction: u16::from_be_bytes([*t0, *t1]),
        unit: *unit,
        function: *function,
        data: data.get(..behind).unwrap_or(data),
        length: HEADER + usize::from(length),
    })
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

    /// The better of both.
    pub(super) fn shape(&self) -> Shape {
        self.as_request().max(self.as_response())
    }
}
