//! How types of the wire are parsed: parsers of nom over what is there of a packet (complete, never waiting for more), whose
//! errors name the field and its place.
//!
//! Integers are read by arrays of a known size, not by nom's own number parsers: of a header of seven words behind [`fixed`], the
//! compiler makes 31 instructions, of one comparison read by hand 27, and of nom's `be_u32` 96 and seven calls (Rust 1.95,
//! `opt-level = 3`). Whole packets are given to functions, not to nom's `Parser`, whose `process` is not inlined and hands each header
//! on through memory.

use nom::error::{ErrorKind, ParseError};
use nom::{Err, IResult};

use crate::DecodeError;

/// What a parser of the wire returns.
pub(crate) type Wire<'a, T> = IResult<&'a [u8], T, Fault<'a>>;

/// Why bytes are not the part that a parser is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault<'a> {
    /// The field, as its standard calls it.
    pub(crate) field: &'static str,
    /// What is there from the field on.
    pub(crate) input: &'a [u8],
    /// What is wrong with it.
    pub(crate) wrong: Wrong,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It takes so many bytes, more than there are.
    Needs(usize),
    /// It says what the protocol does not allow.
    Value(&'static str),
}

impl<'a> Fault<'a> {
    /// The error of a decoder. `whole` is what the parsers began with.
    #[cold]
    pub(crate) fn error(self, protocol: &'static str, whole: &[u8]) -> DecodeError {
        let Self { field, input, wrong } = self;
        let (offset, present) = (whole.len().saturating_sub(input.len()), input.len());
        match wrong {
            Wrong::Needs(needed) => DecodeError::Incomplete { protocol, field, offset, needed, present },
            Wrong::Value(reason) => DecodeError::Malformed { protocol, field, offset, reason },
        }
    }
}

impl<'a> ParseError<&'a [u8]> for Fault<'a> {
    /// For combinators of nom that fail by themselves; those of this module name their field.
    fn from_error_kind(input: &'a [u8], _: ErrorKind) -> Self {
        Self { field: "bytes", input, wrong: Wrong::Value("they do not fit") }
    }

    fn append(_: &'a [u8], _: ErrorKind, inner: Self) -> Self {
        inner
    }
}

/// Runs a parser on the whole of a packet, and makes its fault the decoder's error.
#[inline(always)]
pub(crate) fn parse<'a, T>(
    protocol: &'static str,
    whole: &'a [u8],
    mut parser: impl FnMut(&'a [u8]) -> Wire<'a, T>,
) -> Result<(&'a [u8], T), DecodeError> {
    parser(whole).map_err(|error| match error {
        Err::Error(fault) | Err::Failure(fault) => fault.error(protocol, whole),
        // complete parsers do not ask for more
        Err::Incomplete(_) => DecodeError::Refused { protocol, reason: "bytes are missing" },
    })
}

/// A parser of bytes of a known number.
#[inline(always)]
pub(crate) fn array<'a, const N: usize>(field: &'static str) -> impl Fn(&'a [u8]) -> Wire<'a, [u8; N]> + Copy {
    move |input| match input.split_first_chunk() {
        Some((bytes, rest)) => Ok((rest, *bytes)),
        None => short(field, N, input),
    }
}

/// A parser of as many bytes as an earlier field says.
#[inline(always)]
pub(crate) fn bytes<'a>(field: &'static str, length: usize) -> impl Fn(&'a [u8]) -> Wire<'a, &'a [u8]> + Copy {
    move |input| match input.split_at_checked(length) {
        Some((bytes, rest)) => Ok((rest, bytes)),
        None => short(field, length, input),
    }
}

/// The fault of a part that takes more bytes than there are.
#[cold]
pub(crate) fn short<'a, T>(field: &'static str, needed: usize, input: &'a [u8]) -> Wire<'a, T> {
    Result::Err(Err::Error(Fault { field, input, wrong: Wrong::Needs(needed) }))
}

/// The fault of a field that says what the protocol does not allow; `input` begins with it.
#[cold]
pub(crate) fn refuse<'a, T>(field: &'static str, input: &'a [u8], reason: &'static str) -> Wire<'a, T> {
    Result::Err(Err::Error(Fault { field, input, wrong: Wrong::Value(reason) }))
}

/// A parser of a part of `N` bytes in which `parser` reads every field: they are compared with what is there once. Where there are
/// fewer, the field that does not find its bytes is the one named.
#[inline(always)]
pub(crate) fn fixed<'a, const N: usize, T>(
    mut parser: impl FnMut(&'a [u8]) -> Wire<'a, T>,
) -> impl FnMut(&'a [u8]) -> Wire<'a, T> {
    move |input| match input.split_at_checked(N) {
        Some((part, rest)) => parser(part).map(|(_, read)| (rest, read)),
        None => parser(input),
    }
}

macro_rules! integers {
    ($($name:ident, $of:ty, $size:literal, $from:ident, $what:literal;)*) => {$(
        #[doc = concat!("A parser of ", $what, ".")]
        #[inline(always)]
        pub(crate) fn $name<'a>(field: &'static str) -> impl Fn(&'a [u8]) -> Wire<'a, $of> + Copy {
            move |input| array::<$size>(field)(input).map(|(rest, bytes)| (rest, <$of>::$from(bytes)))
        }
    )*};
}
integers! {
    u8, u8, 1, from_be_bytes, "an octet";
    u16, u16, 2, from_be_bytes, "16 bits in network order";
    u32, u32, 4, from_be_bytes, "32 bits in network order";
    u64, u64, 8, from_be_bytes, "64 bits in network order";
    le_u16, u16, 2, from_le_bytes, "16 bits, the low octet first";
    le_u32, u32, 4, from_le_bytes, "32 bits, the low octet first";
    le_u64, u64, 8, from_le_bytes, "64 bits, the low octet first";
}

/// A parser of 24 bits in network order.
#[inline(always)]
pub(crate) fn u24<'a>(field: &'static str) -> impl Fn(&'a [u8]) -> Wire<'a, u32> + Copy {
    move |input| array(field)(input).map(|(rest, [a, b, c])| (rest, u32::from_be_bytes([0, a, b, c])))
}

/// A parser of 24 bits, the low octet first.
#[inline(always)]
pub(crate) fn le_u24<'a>(field: &'static str) -> impl Fn(&'a [u8]) -> Wire<'a, u32> + Copy {
    move |input| array(field)(input).map(|(rest, [a, b, c])| (rest, u32::from_le_bytes([a, b, c, 0])))
}

/// A parser of 48 bits in network order.
#[inline(always)]
pub(crate) fn u48<'a>(field: &'static str) -> impl Fn(&'a [u8]) -> Wire<'a, u64> + Copy {
    move |input| {
        array(field)(input).map(|(rest, [a, b, c, d, e, f])| (rest, u64::from_be_bytes([0, 0, a, b, c, d, e, f])))
    }
}

/// What a parser reads at an offset; `None` where the bytes end before, or are not what it is for.
#[inline(always)]
pub(crate) fn at<'a, T>(bytes: &'a [u8], offset: usize, mut parser: impl FnMut(&'a [u8]) -> Wire<'a, T>) -> Option<T> {
    parser(bytes.get(offset..)?).ok().map(|(_, read)| read)
}

#[cfg(test)]
mod tests {
    use nom::Parser;

    use super::*;

    fn two(input: &[u8]) -> Wire<'_, (u16, u32)> {
        (u16("first"), u32("second")).parse(input)
    }

    #[test]
    fn a_cut_field_is_named_with_its_place() {
        let bytes = [1, 2, 3, 4, 5, 6, 7];
        assert_eq!(parse("P", &bytes, fixed::<6, _>(two)), Ok((&bytes[6..], (0x0102, 0x0304_0506))));
        for (length, field, offset, needed) in
            [(0, "first", 0, 2), (1, "first", 0, 2), (2, "second", 2, 4), (5, "second", 2, 4)]
        {
            let error = parse("P", &bytes[..length], fixed::<6, _>(two));
            let present = length - offset;
            assert_eq!(error, Err(DecodeError::Incomplete { protocol: "P", field, offset, needed, present }));
        }
    }

    #[test]
    fn a_wrong_value_is_named_with_its_place() {
        let parser = |input| {
            let (rest, _) = u16("first")(input)?;
            if rest.first() == Some(&3) { refuse("second", rest, "it is 3") } else { Ok((rest, ())) }
        };
        let error = DecodeError::Malformed { protocol: "P", field: "second", offset: 2, reason: "it is 3" };
        assert_eq!(parse("P", &[1, 2, 3], parser), Err(error));
        assert_eq!(error.to_string(), "P: second at byte 2: it is 3");
    }

    #[test]
    fn integers_are_in_the_order_of_their_names() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(u8("f")(&bytes), Ok((&bytes[1..], 1)));
        assert_eq!(u24("f")(&bytes), Ok((&bytes[3..], 0x01_0203)));
        assert_eq!(u48("f")(&bytes), Ok((&bytes[6..], 0x0102_0304_0506)));
        assert_eq!(u64("f")(&bytes), Ok((&bytes[8..], 0x0102_0304_0506_0708)));
        assert_eq!(le_u16("f")(&bytes), Ok((&bytes[2..], 0x0201)));
        assert_eq!(le_u24("f")(&bytes), Ok((&bytes[3..], 0x03_0201)));
        assert_eq!(le_u32("f")(&bytes), Ok((&bytes[4..], 0x0403_0201)));
        assert_eq!(le_u64("f")(&bytes), Ok((&bytes[8..], 0x0807_0605_0403_0201)));
        assert_eq!(
            (at(&bytes, 6, u16("f")), at(&bytes, 7, u16("f")), at(&bytes, 9, u8("f"))),
            (Some(0x0708), None, None)
        );
        assert_eq!(bytes_of(&bytes, 9), None);
        assert_eq!(bytes_of(&bytes, 8), Some(&bytes[..]));
    }

    fn bytes_of(input: &[u8], length: usize) -> Option<&[u8]> {
        bytes("f", length)(input).ok().map(|(_, bytes)| bytes)
    }
}
