//! What went wrong, as RFC 9457 has it.

use serde::{Deserialize, Serialize};

/// A fault: the body of REST's `application/problem+json`, and part of `error` messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Which kind of fault, for ever: `urn:streamlens:problem:filter`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in a few words.
    pub title: String,
    /// The status that HTTP gives, or would give.
    pub status: u16,
    /// What is wrong here and what to do, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Of filters: where it is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<FilterPlace>,
    /// Of limits: the option that sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub option: Option<String>,
}

/// A place in the text of a filter, in UTF-16 code units, as texts of browsers are counted; the end is not part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FilterPlace {
    /// The first unit.
    pub start: u32,
    /// The unit behind the last.
    pub end: u32,
}

impl Problem {
    /// A fault of this kind (the last part of its type), with HTTP's status and what is wrong in a sentence.
    #[must_use]
    pub fn new(kind: &str, title: &str, status: u16, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:streamlens:problem:{kind}"),
            title: title.to_owned(),
            status,
            detail: Some(detail.into()),
            place: None,
            option: None,
        }
    }
}
