//! Findings: what an engineer would want pointed out.

use std::borrow::Cow;

use serde::Serialize;

use crate::Timestamp;
use crate::stats::Events;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// Something is not as it should be, and the data may still be whole.
    Warning,
    /// Data were lost or can't be trusted.
    Error,
}

impl Severity {
    /// All of them, the gravest last.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Error];

    /// `info`, `warning` or `error`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A frame at which something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Occurrence {
    /// Frame number, counted from 1.
    pub frame: u64,
    /// Its capture time, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
}

/// Identifies a stream within its encoding: an SSRC, an IENA key, a channel, a port identity and message type.
/// The decoder that made it knows its name: `StreamDecoder::stream_name` of `streamlens-decoders` returns it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u128);

/// Where in the hierarchy a finding stands; the parts that apply.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The flow, as displayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// The transport's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// The encoding's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// The stream's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
}

/// One kind of trouble at one place: when first, when last, how often.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Stable code: `ptp.grandmaster-changed`, `rtp.loss`, `iena.size-mismatch`.
    pub code: Cow<'static, str>,
    /// How much it matters.
    pub severity: Severity,
    /// How often it happened there.
    pub count: u64,
    /// The first time.
    pub first: Occurrence,
    /// The last time.
    pub last: Occurrence,
    /// Where.
    #[serde(rename = "where")]
    pub place: Place,
    /// What happened, in a sentence with figures and units.
    pub text: String,
}

/// What a [`FindingLog`] keeps of one code and stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedFinding {
    /// How much it matters: the gravest seen.
    pub severity: Severity,
    /// How often it happened.
    pub count: u64,
    /// The first time.
    pub first: Occurrence,
    /// The last time.
    pub last: Occurrence,
    /// The sentence made at the first time.
    pub text: String,
}

/// Collects findings by code and stream, so that a million faults stay a short list.
///
/// It keeps at most [`FindingLog::MAX`] pairs of code and stream; occurrences of others are counted in
/// [`FindingLog::overflow`].
#[derive(Clone, Debug, Default)]
pub struct FindingLog {
    /// In order of code and stream. Most logs have one entry, and there may be a million logs.
    entries: Vec<((&'static str, Option<StreamId>), LoggedFinding)>,
    overflow: Option<Box<Events>>,
}

impl FindingLog {
    /// The most pairs of code and stream that are kept.
    pub const MAX: usize = 256;

    /// Notes that something happened at a frame. The sentence is made the first time only.
    pub fn add(
        &mut self,
        code: &'static str,
        severity: Severity,
        stream: Option<StreamId>,
        at: Occurrence,
        text: impl FnOnce() -> String,
    ) {
        let key = (code, stream);
        match self.entries.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(found) => {
                let Some((_, entry)) = self.entries.get_mut(found) else { return };
                entry.count += 1;
                entry.last = at;
                entry.severity = entry.severity.max(severity);
            }
            Err(place) if self.entries.len() < Self::MAX => {
                if self.entries.is_empty() {
                    self.entries.reserve_exact(1);
                }
                let first = LoggedFinding { severity, count: 1, first: at, last: at, text: text() };
                self.entries.insert(place, (key, first));
            }
            Err(_) => match &mut self.overflow {
                Some(events) => events.push(at),
                None => self.overflow = Some(Box::new(Events::once(at))),
            },
        }
    }

    /// What was collected, ordered by code and stream.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Option<StreamId>, &LoggedFinding)> {
        self.entries.iter().map(|((code, stream), entry)| (*code, *stream, entry))
    }

    /// Occurrences of pairs that found no room: how many, the first, the last. `None` where all did. A result document says
    /// so by a finding `findings.not-kept`.
    #[must_use]
    pub fn overflow(&self) -> Option<Events> {
        self.overflow.as_deref().copied()
    }

    /// Whether nothing was collected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_with_its_frames() {
        let mut log = FindingLog::default();
        let at = |frame| Occurrence { frame, time: None };
        let mut add = |stream: usize, frame| {
            log.add("a.code", Severity::Info, Some(StreamId(stream as u128)), at(frame), String::new);
            log.overflow()
        };
        for stream in 0..FindingLog::MAX {
            assert_eq!(add(stream, 1), None);
        }
        assert_eq!(add(0, 2), None, "one that is kept already");
        assert_eq!(add(FindingLog::MAX, 3), Some(Events { count: 1, first: at(3), last: at(3) }));
        assert_eq!(add(FindingLog::MAX + 1, 5), Some(Events { count: 2, first: at(3), last: at(5) }));
        assert_eq!(log.iter().count(), FindingLog::MAX);
    }
}
