//! The five layouts of a payload, how they are declared, and how they are told from structure.

use std::fmt;

use nom::Parser;
use nom::combinator::cond;

use crate::wire::{Wire, bytes, refuse, u16};

/// How the payload is cut into parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IenaVariant {
    /// Positional: the layout is known from configuration only.
    P,
    /// Standard parameters with delay: identifier, delay, a fixed number of words each.
    D,
    /// Standard parameters without delay: identifier, a fixed number of words each.
    N,
    /// Messages with delay: identifier, delay, length in bytes, data, padded to 16 bits.
    M,
    /// Messages without delay: identifier, length in bytes, data, padded to 16 bits.
    Q,
}

impl IenaVariant {
    /// The variants by preference where several fit a structure; P has none.
    pub(crate) const BY_PREFERENCE: [Self; 4] = [Self::M, Self::Q, Self::D, Self::N];

    /// What the key status declares. N sets no bit, just as units do that declare nothing, so it is never declared.
    #[must_use]
    pub const fn declared(key_status: u8) -> Option<Self> {
        if key_status & 0xB0 == 0 {
            return None;
        }
        match key_status & 0xB0 {
            0x10 => Some(Self::D),
            0x20 => Some(Self::Q),
            0x30 => Some(Self::M),
            _ => Some(Self::P),
        }
    }

    /// The name of its packet type, `P-type`.
    #[must_use]
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::P => "P-type",
            Self::D => "D-type",
            Self::N => "N-type",
            Self::M => "M-type",
            Self::Q => "Q-type",
        }
    }

    /// Its letter.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::P => "P",
            Self::D => "D",
            Self::N => "N",
            Self::M => "M",
            Self::Q => "Q",
        }
    }

    /// Whether a payload can be cut into parameters of this variant to its very end. `words` is the number of data words
    /// per parameter. P fits everything.
    #[must_use]
    pub fn fits(self, body: &[u8], words: usize) -> bool {
        match self {
            Self::P => true,
            Self::D => words > 0 && body.len().is_multiple_of(2 * words + 4),
            Self::N => words > 0 && body.len().is_multiple_of(2 * words + 2),
            Self::M => ends_exactly(body, 4),
            Self::Q => ends_exactly(body, 2),
        }
    }
}

impl fmt::Display for IenaVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letter())
    }
}

/// Whether a chain of messages, whose length stands `at` bytes into each, ends exactly with the body. A length of 0 is
/// not allowed, or else zeros would pass.
#[inline]
fn ends_exactly(mut body: &[u8], at: usize) -> bool {
    while !body.is_empty() {
        let Ok((rest, _)) = padded_message(at)(body) else { return false };
        body = rest;
    }
    true
}

/// A message with its padding.
#[inline(always)]
fn padded_message<'a>(at: usize) -> impl Fn(&'a [u8]) -> Wire<'a, &'a [u8]> {
    move |input| {
        let (at_length, _) = bytes("identifier and delay", at)(input)?;
        let (rest, length) = u16("length")(at_length)?;
        if length == 0 {
            return refuse("length", at_length, "it is 0");
        }
        bytes("data", usize::from(length).next_multiple_of(2))(rest)
    }
}

/// The variants that fit the structure of every packet of a key so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidates(u8);

impl Candidates {
    /// Before the first packet.
    pub(crate) const ALL: Self = Self(0b1111);

    /// When no variant fits any more.
    pub(crate) const NONE: Self = Self(0);

    /// Leaves out what does not fit this body.
    pub(crate) fn narrow(&mut self, body: &[u8], words: usize) {
        for (bit, variant) in IenaVariant::BY_PREFERENCE.into_iter().enumerate() {
            if self.0 & 1 << bit != 0 && !variant.fits(body, words) {
                self.0 &= !(1 << bit);
            }
        }
    }

    /// What fits, best first.
    pub(crate) fn iter(self) -> impl Iterator<Item = IenaVariant> {
        let variants = IenaVariant::BY_PREFERENCE.into_iter().enumerate();
        variants.filter(move |(bit, _)| self.0 & 1 << bit != 0).map(|(_, variant)| variant)
    }

    /// Whether a variant fits. P always does.
    #[inline]
    pub(crate) const fn contains(self, variant: IenaVariant) -> bool {
        let bit = match variant {
            IenaVariant::P => return true,
            IenaVariant::M => 0,
            IenaVariant::Q => 1,
            IenaVariant::D => 2,
            IenaVariant::N => 3,
        };
        self.0 & 1 << bit != 0
    }
}

/// One parameter of a D, N, M or Q packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IenaParameter<'a> {
    /// Which parameter; what it means only configuration knows.
    pub id: u16,
    /// Its delay, for D and M, in a unit that only configuration knows.
    pub delay: Option<u16>,
    /// Its data, without padding.
    pub data: &'a [u8],
}

impl IenaVariant {
    /// Cuts a payload into parameters, as far as it has the structure; none for P. `words` is the number of data words
    /// per parameter of D and N.
    pub fn parameters(self, mut body: &[u8], words: usize) -> impl Iterator<Item = IenaParameter<'_>> {
        std::iter::from_fn(move || {
            let (rest, parameter) = parameter(self, words)(body).ok()?;
            body = rest;
            Some(parameter)
        })
    }
}

/// One parameter. The padding of the last one may be missing.
///
/// ```text
/// D | identifier | delay | data: so many words          M | identifier | delay | length | data | padding to 16 bits
/// N | identifier | data: so many words                  Q | identifier | length | data | padding to 16 bits
/// ```
fn parameter<'a>(variant: IenaVariant, words: usize) -> impl Fn(&'a [u8]) -> Wire<'a, IenaParameter<'a>> {
    let has_delay = matches!(variant, IenaVariant::D | IenaVariant::M);
    let has_length = matches!(variant, IenaVariant::M | IenaVariant::Q);
    move |input| {
        if variant == IenaVariant::P {
            return refuse("parameter", input, "the layout is known from configuration only");
        }
        let (at_data, (id, delay, length)) =
            (u16("identifier"), cond(has_delay, u16("delay")), cond(has_length, u16("length"))).parse(input)?;
        let length = length.map_or(words * 2, usize::from);
        if length == 0 {
            return refuse("data", at_data, "there are none");
        }
        let (rest, data) = bytes("data", length)(at_data)?;
        let rest = rest.get(length % 2..).unwrap_or_default();
        Ok((rest, IenaParameter { id, delay, data }))
    }
}
