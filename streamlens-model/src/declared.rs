//! What a part of the program declares of its results: codes of findings and names of values, each with its meaning.
//!
//! Declarations are data that nothing reads while frames flow. The reference documentation is made from them, and tests hold
//! results to them.

use std::borrow::Cow;

use serde::Serialize;

use crate::Severity;

/// A list of declarations: put together from parts of the program, or made at run time.
///
/// ```
/// use streamlens_model::{Declared, Term, ValueType};
/// const OWN: &[Term] = &[Term::new("pressure", ValueType::Number, "Pa", "The pressure of the air.")];
/// const SHARED: &[Term] = &[Term::new("packets", ValueType::Integer, "packets", "Packets of the stream.")];
/// let all = Declared::Borrowed(&[SHARED, OWN]);
/// assert!(all.iter().map(|term| &*term.name).eq(["packets", "pressure"]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declared<T: 'static> {
    /// Lists that are part of the program, one after the other: what protocols have in common is declared once.
    Borrowed(&'static [&'static [T]]),
    /// Made at run time.
    Owned(Vec<T>),
}

impl<T> Declared<T> {
    /// No declarations.
    pub const NONE: Self = Self::Borrowed(&[]);

    /// The declarations, in the order of the lists.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let (borrowed, owned): (&[&'static [T]], &[T]) = match self {
            Self::Borrowed(lists) => (lists, &[]),
            Self::Owned(list) => (&[], list),
        };
        borrowed.iter().copied().flatten().chain(owned)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// The type of a value in the JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A number, which may have a fraction.
    Number,
    /// Text.
    Text,
    /// An instant, as RFC 3339 text in UTC with nine digits of a second.
    Time,
    /// Several values.
    List,
    /// Values by name.
    Map,
    /// One of several types; the meaning says when which.
    Any,
}

impl ValueType {
    /// Its name, `integer`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Text => "text",
            Self::Time => "time",
            Self::List => "list",
            Self::Map => "map",
            Self::Any => "any",
        }
    }
}

/// A name under which a result holds a value: a fact, a measure, a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Term {
    /// The name, unique among the terms of its kind and decoder.
    pub name: Cow<'static, str>,
    /// The type of the value.
    #[serde(rename = "type")]
    pub value: ValueType,
    /// The unit: `ns`, `Hz`, `bit/s`, `bytes`, `packets`, `ppm`. Of a list or a map that of the values in it. Empty where there
    /// is none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub unit: Cow<'static, str>,
    /// What the value says, in a sentence or two; of a list or a map what is in it.
    pub meaning: Cow<'static, str>,
}

impl Term {
    /// A term that is part of the program.
    #[must_use]
    pub const fn new(name: &'static str, value: ValueType, unit: &'static str, meaning: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), value, unit: Cow::Borrowed(unit), meaning: Cow::Borrowed(meaning) }
    }
}

/// A code that findings may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindingInfo {
    /// The code, `rtp.padding`.
    pub code: Cow<'static, str>,
    /// The gravest severity that findings with this code have.
    pub severity: Severity,
    /// What was found, in a sentence or two.
    pub meaning: Cow<'static, str>,
}

impl FindingInfo {
    /// A code that is part of the program.
    #[must_use]
    pub const fn new(code: &'static str, severity: Severity, meaning: &'static str) -> Self {
        Self { code: Cow::Borrowed(code), severity, meaning: Cow::Borrowed(meaning) }
    }
}

/// A code that warnings of a capture may have: `capture.warnings` of the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WarningInfo {
    /// The code, `capture.truncated`.
    pub code: Cow<'static, str>,
    /// What there is to say of the capture, in a sentence or two.
    pub meaning: Cow<'static, str>,
}

impl WarningInfo {
    /// A code that is part of the program.
    #[must_use]
    pub const fn new(code: &'static str, meaning: &'static str) -> Self {
        Self { code: Cow::Borrowed(code), meaning: Cow::Borrowed(meaning) }
    }
}
