//! A filter that is ready to be asked of rows.

use std::net::IpAddr;

use regex::Regex;
use streamlens_model::{Endpoint, MacAddress};

use crate::ast::{Compare, Quantifier};
use crate::field::FieldRef;

/// A condition with three answers.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Everything,
    Or(Vec<Node>),
    And(Vec<Node>),
    Not(Box<Node>),
    /// Whether the field has a value.
    Has(FieldRef),
    /// Whether any, or all, values fit. Tests that take time with the number of streams have a number, by which their answer
    /// at an encoding is kept for the packet types below.
    Test {
        all: bool,
        left: Calc,
        fits: Fits,
        fields: Vec<FieldRef>,
        memo: Option<u8>,
    },
    /// Whether a text of the row or of a row above it has it in it.
    Search {
        pattern: Regex,
        memo: u8,
    },
}

/// A value that is worked out.
#[derive(Clone, Debug)]
pub(crate) enum Calc {
    Field(FieldRef),
    Number(f64),
    Instant(i64),
    Sum(Box<Calc>, Vec<(bool, Calc)>),
    Product(Box<Calc>, Vec<(bool, Calc)>),
    Negative(Box<Calc>),
    Abs(Box<Calc>),
    /// The least, or the greatest, of all values.
    Extreme {
        greatest: bool,
        of: Vec<Calc>,
    },
    Count(Box<Calc>),
    Len(Box<Calc>),
}

/// What a value has to be.
#[derive(Clone, Debug)]
pub(crate) enum Fits {
    /// In this relation to a number or an instant.
    Order(Compare, Calc),
    /// The same as what the other side gives.
    Same(Calc),
    Between(Calc, Calc),
    AnyOf(Vec<Fits>),
    Not(Box<Fits>),
    Endpoint(Endpoint),
    Network(IpAddr, u8),
    Mac(MacAddress),
    /// A name but for letter case and punctuation; folded.
    Name(String),
    /// An encoding, or one that refines it: as its metadata say, or, of live rows, which have none, as the catalogue does.
    Encoding {
        name: String,
        refined_by: Vec<String>,
    },
    /// A text but for letter case; in lower case.
    Text(String),
    Bool(bool),
    /// A severity by its place in the order of severities.
    Severity(Compare, usize),
    Pattern(Regex),
}

impl Quantifier {
    /// Whether all values have to fit. Unless told, any has to; of what must not be equal, all.
    pub(crate) fn all(told: Option<Self>, is_unequal: bool) -> bool {
        told.map_or(is_unequal, |told| told == Self::All)
    }
}
