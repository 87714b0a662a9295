//! What rows are called.

use std::fmt::{self, Write};
use std::str::FromStr;

/// The name of a row: the flow's key as displayed, then the parts below it.
///
/// As text the parts stand behind one another with `/` between them; within a part `%` and `/` are written `%25` and `%2F`.
/// So a flow's row is called as its key in messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowPath {
    flow: String,
    parts: Vec<RowPart>,
}

/// A part of a row's name below the flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowPart {
    /// A transport, by its name.
    Transport(String),
    /// An encoding, by its name.
    Encoding(String),
    /// A stream of an encoding, by its identifier.
    Stream(String),
    /// A packet type, by its name; one that lies in another follows on it.
    Type(String),
}

/// Why a text is no name of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPathError(&'static str);

impl fmt::Display for RowPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for RowPathError {}

impl RowPath {
    /// The row of a flow.
    #[must_use]
    pub fn of_flow(key: impl Into<String>) -> Self {
        Self { flow: key.into(), parts: Vec::new() }
    }

    /// The row with another part behind it.
    #[must_use]
    pub fn with(mut self, part: RowPart) -> Self {
        self.parts.push(part);
        self
    }

    /// The flow's key as displayed.
    #[must_use]
    pub fn flow(&self) -> &str {
        &self.flow
    }

    /// The parts below the flow, from the top.
    #[must_use]
    pub fn parts(&self) -> &[RowPart] {
        &self.parts
    }
}

/// Writes a part with what has a meaning of its own between parts encoded.
fn encoded(f: &mut impl Write, part: &str) -> fmt::Result {
    for letter in part.chars() {
        match letter {
            '%' => f.write_str("%25")?,
            '/' => f.write_str("%2F")?,
            other => f.write_char(other)?,
        }
    }
    Ok(())
}

fn decoded(part: &str) -> Result<String, RowPathError> {
    let mut text = String::with_capacity(part.len());
    let mut rest = part;
    while let Some((before, behind)) = rest.split_once('%') {
        text.push_str(before);
        rest = match (behind.get(..2), behind.get(2..)) {
            (Some("25"), Some(more)) => {
                text.push('%');
                more
            }
            (Some("2F" | "2f"), Some(more)) => {
                text.push('/');
                more
            }
            _ => return Err(RowPathError("in the name of a row `%` stands in front of 25 or 2F only")),
        };
    }
    text.push_str(rest);
    Ok(text)
}

impl fmt::Display for RowPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        encoded(f, &self.flow)?;
        for part in &self.parts {
            f.write_char('/')?;
            let (kind, name) = match part {
                RowPart::Transport(name) | RowPart::Encoding(name) => ("", name),
                RowPart::Stream(name) => ("stream:", name),
                RowPart::Type(name) => ("type:", name),
            };
            f.write_str(kind)?;
            encoded(f, name)?;
        }
        Ok(())
    }
}

impl FromStr for RowPath {
    type Err = RowPathError;

    /// # Errors
    ///
    /// Where a part is empty or wrongly encoded, or stands where there is none of its kind.
    fn from_str(text: &str) -> Result<Self, RowPathError> {
        let mut parts = text.split('/');
        let flow = decoded(parts.next().unwrap_or_default())?;
        let mut path = Self::of_flow(flow);
        for (place, part) in parts.enumerate() {
            let is_closed = matches!(path.parts.last(), Some(RowPart::Stream(_)));
            let part = match (place, part.strip_prefix("stream:"), part.strip_prefix("type:")) {
                (0, ..) => RowPart::Transport(decoded(part)?),
                (1, ..) => RowPart::Encoding(decoded(part)?),
                (2, Some(id), _) => RowPart::Stream(decoded(id)?),
                (_, _, Some(name)) if !is_closed => RowPart::Type(decoded(name)?),
                _ => {
                    return Err(RowPathError(
                        "the name of a row is KEY, KEY/TRANSPORT, KEY/TRANSPORT/ENCODING, and behind it type:NAME or stream:ID",
                    ));
                }
            };
            path.parts.push(part);
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_reads_as_it_was_written(flow: String, transport: String, encoding: String, ids in prop::collection::vec(any::<String>(), 0..3)) {
            let mut path = RowPath::of_flow(flow).with(RowPart::Transport(transport)).with(RowPart::Encoding(encoding));
            if let [id] = ids.as_slice() {
                path = path.with(RowPart::Stream(id.clone()));
            } else {
                path = ids.into_iter().fold(path, |path, name| path.with(RowPart::Type(name)));
            }
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }
    }

    #[test]
    fn refuses_what_is_no_name() {
        for text in ["a/b/c/d", "a/b/c/stream:1/type:x", "a%", "a/b%2", "a/b/c/type:%20"] {
            assert!(text.parse::<RowPath>().is_err(), "{text}");
        }
    }
}
