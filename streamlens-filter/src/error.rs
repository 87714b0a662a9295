//! What is wrong with a filter, and where.

use std::fmt;
use std::ops::Range;

use streamlens_model::text::marked;

/// Bytes of the text that something stands at. All are equal, so that what differs in its places alone is equal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Span(pub(crate) Range<usize>);

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Span {
    /// From the beginning of one to the end of another.
    pub(crate) fn to(&self, end: &Self) -> Self {
        Self(self.0.start..end.0.end.max(self.0.start))
    }
}

/// Why a text is no filter. Its place lies within the text, and at the borders of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The text.
    text: String,
    /// The bytes that are wrong.
    place: Range<usize>,
    /// What is wrong, in half a sentence.
    message: String,
}

impl FilterError {
    pub(crate) fn new(text: &str, place: &Span, message: impl Into<String>) -> Self {
        let border = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let place = border(place.0.start)..border(place.0.end);
        Self { text: text.to_owned(), place, message: message.into() }
    }

    /// Where it is wrong, in bytes of the text.
    #[must_use]
    pub fn place(&self) -> Range<usize> {
        self.place.clone()
    }

    /// What is wrong there.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl std::error::Error for FilterError {}

/// The message, the filter, and marks under what is wrong; of a long filter what is around that place.
impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, place, message } = self;
        write!(f, "the filter is wrong: {message}\n{}", marked(text, place.clone()))
    }
}
