//! What is wrong with a filter, and where.

use std::fmt;
use std::ops::Range;

use streamlens_model::text::escaped;
use unicode_width::UnicodeWidthStr;

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
        const AROUND: usize = 60;
        let all = self.text.get(..self.place.start).unwrap_or_default();
        // as many characters as are shown, from the end
        let from = all.char_indices().rev().take(AROUND).last().map_or(0, |(at, _)| at);
        let of = |text: &str| text.chars().take(AROUND).collect::<String>();
        let before = escaped(all.get(from..).unwrap_or_default());
        let wrong = of(self.text.get(self.place.clone()).unwrap_or_default());
        let behind = of(self.text.get(self.place.end..).unwrap_or_default());
        let (wrong, behind) = (escaped(&wrong), escaped(&behind));
        let lead = if from > 0 { "..." } else { "" };
        let line = format!("{lead}{before}{wrong}{behind}");
        let indent = " ".repeat(lead.width() + before.width());
        let marks = "^".repeat(wrong.width().max(1));
        write!(f, "the filter is wrong: {}\n  {line}\n  {indent}{marks}", self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_below_what_is_wrong_whatever_is_before_it() {
        let told = |text: &str, wrong: &str| {
            let start = text.find(wrong).unwrap();
            FilterError::new(text, &Span(start..start + wrong.len()), "no").to_string()
        };
        // two columns each, and an escape of eight
        assert_eq!(told("中文 x y", "x"), "the filter is wrong: no\n  中文 x y\n       ^");
        assert_eq!(told("a 中文 b", "中文"), "the filter is wrong: no\n  a 中文 b\n    ^^^^");
        assert_eq!(told("a\u{202e} x", "x"), "the filter is wrong: no\n  a\\u{202e} x\n            ^");
    }
}
