//! Findings: what an engineer would want pointed out.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::stats::Events;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl StreamId {
    /// Marks the identifier as that of a stream whose packets carry those of other streams of the encoding, as datagrams do
    /// those of channels: what both miss is never added up. Takes the highest bit.
    #[must_use]
    pub const fn carrying(self) -> Self {
        Self(self.0 | Self::CARRIER)
    }

    /// Whether it was marked so.
    #[must_use]
    pub const fn is_carrier(self) -> bool {
        self.0 & Self::CARRIER != 0
    }

    const CARRIER: u128 = 1 << 127;
}

/// Where in the hierarchy a finding stands; the parts that apply.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// One kind of trouble at one place: when first, when last, how often. What its sentence says tells it from others: those
/// that differ in figures alone are one, whose sentence says the range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable code: `ptp.grandmaster-changed`, `rtp.loss`, `iena.size-mismatch`.
    pub code: Cow<'static, str>,
    /// How much it matters.
    pub severity: Severity,
    /// How often it happened there; of a loss in how many gaps.
    pub count: u64,
    /// Of a loss, the packets that are missing in all of these gaps; `None` of other findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets: Option<u64>,
    /// The first time.
    pub first: Occurrence,
    /// The last time.
    pub last: Occurrence,
    /// Where in the hierarchy it occurred.
    #[serde(rename = "where")]
    pub place: Place,
    /// What happened, in a sentence with figures and units.
    pub text: String,
}

/// What the sentence of a finding is about, beside its code and its stream: a function and an exception code, from which
/// state to which. Findings that differ in it are told apart; what only differs in figures is not put into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(pub u128);

impl Subject {
    /// A subject of up to eight small numbers, the first of which orders most.
    #[must_use]
    pub fn of<const N: usize>(parts: [u16; N]) -> Self {
        const { assert!(N <= 8, "a subject has 128 bits") }
        Self(parts.iter().fold(0, |subject, part| subject << 16 | u128::from(*part)))
    }

    /// A subject of two identifiers of 64 bits.
    #[must_use]
    pub fn of_pair(first: u64, second: u64) -> Self {
        Self(u128::from(first) << 64 | u128::from(second))
    }
}

/// The figure in which the occurrences of one finding differ: its range, and how it is written.
#[derive(Clone, Copy, Debug)]
pub struct FigureRange {
    /// The least.
    pub least: i64,
    /// The greatest.
    pub greatest: i64,
    /// Writes a figure with its unit.
    pub write: fn(i64) -> String,
}

/// What a [`FindingLog`] keeps of one code, stream and subject.
#[derive(Clone, Debug)]
pub struct LoggedFinding {
    /// How much it matters: the gravest seen.
    pub severity: Severity,
    /// How often it happened; of a loss in how many gaps.
    pub count: u64,
    /// Of a loss, the packets that are missing in these gaps.
    pub packets: Option<u64>,
    /// The first time.
    pub first: Occurrence,
    /// The last time.
    pub last: Occurrence,
    /// The sentence made at the first time.
    pub text: String,
    /// The range of the figure in that sentence, where one was given.
    pub range: Option<FigureRange>,
    /// Whether it holds a clock in frames against the times of the frames: it is none where those times are moved.
    pub is_against_capture: bool,
}

impl LoggedFinding {
    /// The sentence about all occurrences: that of the first, marked as such and with the range of its figure where the
    /// occurrences differ in it. Allocates only then.
    #[must_use]
    pub fn sentence(&self) -> Cow<'_, str> {
        match self.range {
            Some(FigureRange { least, greatest, write }) if least < greatest => {
                Cow::Owned(format!("first: {}; {} to {} in all", self.text, write(least), write(greatest)))
            }
            _ => Cow::Borrowed(&self.text),
        }
    }
}

/// Collects findings by code, stream and subject, so that a million faults stay a short list and none stands for another.
///
/// It keeps at most [`FindingLog::MAX`] of them; occurrences of others are counted in [`FindingLog::overflow`].
#[derive(Clone, Debug, Default)]
pub struct FindingLog {
    /// In order of identity. Most logs have one entry, and there may be a million logs.
    entries: Vec<(Identity, LoggedFinding)>,
    overflow: Option<Box<Events>>,
}

/// What tells findings of one log apart.
type Identity = (&'static str, Option<StreamId>, Subject);

impl FindingLog {
    /// The most findings that are kept.
    pub const MAX: usize = 256;

    /// Records that something happened at a frame, where code and stream say all that the sentence says. The sentence is
    /// made the first time only.
    pub fn add(
        &mut self,
        code: &'static str,
        severity: Severity,
        stream: Option<StreamId>,
        at: Occurrence,
        text: impl FnOnce() -> String,
    ) {
        self.record((code, stream, Subject::default()), severity, at, text);
    }

    /// Records that something happened at a frame, and which of the things that the code stands for it was. The sentence
    /// is made the first time of each subject only.
    pub fn add_about(
        &mut self,
        code: &'static str,
        severity: Severity,
        stream: Option<StreamId>,
        subject: Subject,
        at: Occurrence,
        text: impl FnOnce() -> String,
    ) {
        self.record((code, stream, subject), severity, at, text);
    }

    /// As [`add_about`](Self::add_about), of a clock in frames that is off the times of the frames.
    pub fn add_against_capture(
        &mut self,
        code: &'static str,
        severity: Severity,
        (stream, subject): (Option<StreamId>, Subject),
        at: Occurrence,
        text: impl FnOnce() -> String,
    ) {
        if let Some(entry) = self.record((code, stream, subject), severity, at, text) {
            entry.is_against_capture = true;
        }
    }

    /// Records that something happened at a frame, and the figure that the sentence ends with or stands on: occurrences
    /// that differ only in it are one finding, which says their range. `write` writes a figure with its unit.
    pub fn add_figure(
        &mut self,
        (code, severity): (&'static str, Severity),
        (stream, subject): (Option<StreamId>, Subject),
        at: Occurrence,
        figure: i64,
        write: fn(i64) -> String,
        text: impl FnOnce() -> String,
    ) {
        if let Some(entry) = self.record((code, stream, subject), severity, at, text) {
            let range = entry.range.get_or_insert(FigureRange { least: figure, greatest: figure, write });
            range.least = range.least.min(figure);
            range.greatest = range.greatest.max(figure);
        }
    }

    /// Records something that was counted elsewhere: how often, first and last.
    pub fn add_counted(
        &mut self,
        (code, severity): (&'static str, Severity),
        (stream, subject): (Option<StreamId>, Subject),
        count: u64,
        (first, last): (Occurrence, Occurrence),
        text: impl FnOnce() -> String,
    ) {
        if count > 0
            && let Some(entry) = self.record((code, stream, subject), severity, first, text)
        {
            entry.count += count - 1;
            entry.last = last;
        }
    }

    /// Records a loss that was counted elsewhere: in how many gaps, how many packets are missing in all of them, first and
    /// last.
    pub fn add_loss(
        &mut self,
        (code, severity): (&'static str, Severity),
        (stream, subject): (Option<StreamId>, Subject),
        (gaps, packets): (u64, u64),
        (first, last): (Occurrence, Occurrence),
        text: impl FnOnce() -> String,
    ) {
        if gaps > 0
            && let Some(entry) = self.record((code, stream, subject), severity, first, text)
        {
            entry.count += gaps - 1;
            entry.packets = Some(entry.packets.unwrap_or(0).saturating_add(packets));
            entry.last = last;
        }
    }

    fn record(
        &mut self,
        key: Identity,
        severity: Severity,
        at: Occurrence,
        text: impl FnOnce() -> String,
    ) -> Option<&mut LoggedFinding> {
        match self.entries.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(found) => {
                let (_, entry) = self.entries.get_mut(found)?;
                entry.count += 1;
                entry.last = at;
                entry.severity = entry.severity.max(severity);
                Some(entry)
            }
            Err(place) if self.entries.len() < Self::MAX => {
                if self.entries.is_empty() {
                    self.entries.reserve_exact(1);
                }
                let first = LoggedFinding {
                    severity,
                    count: 1,
                    packets: None,
                    first: at,
                    last: at,
                    text: text(),
                    range: None,
                    is_against_capture: false,
                };
                self.entries.insert(place, (key, first));
                self.entries.get_mut(place).map(|(_, entry)| entry)
            }
            Err(_) => {
                match &mut self.overflow {
                    Some(events) => events.push(at),
                    None => self.overflow = Some(Box::new(Events::once(at))),
                }
                None
            }
        }
    }

    /// Adds to the ends of the sentences of this code what `end` returns for their streams and subjects: where the thing whose states
    /// were recorded stands now; `None` where the sentence says that already. Called on a copy of the log, when a result is made.
    pub fn conclude(&mut self, code: &str, end: impl Fn(Option<StreamId>, Subject) -> Option<String>) {
        for ((known, stream, subject), entry) in &mut self.entries {
            if *known == code
                && let Some(end) = end(*stream, *subject)
            {
                entry.text.push_str(&end);
            }
        }
    }

    /// The same without their streams, which are not those of where it goes; the subjects keep them apart.
    #[must_use]
    pub fn without_streams(mut self) -> Self {
        self.entries.iter_mut().for_each(|((_, stream, _), _)| *stream = None);
        self.entries.sort_by_key(|(identity, _)| *identity);
        self
    }

    /// What was collected, ordered by code, stream and subject.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Option<StreamId>, &LoggedFinding)> {
        self.entries.iter().map(|((code, stream, _), entry)| (*code, *stream, entry))
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

    fn at(frame: u64) -> Occurrence {
        Occurrence { frame, time: None }
    }

    #[test]
    fn what_the_sentence_says_tells_findings_apart() {
        let mut log = FindingLog::default();
        for frame in 1..=130_u64 {
            let function = u16::try_from(frame % 120).unwrap_or(0);
            let subject = Subject::of([function, 1]);
            log.add_about("a.refusal", Severity::Warning, None, subject, at(frame), || format!("function {function}"));
        }
        let counts: Vec<_> = log.iter().map(|(_, _, entry)| entry.count).collect();
        assert_eq!((counts.len(), counts.iter().sum::<u64>()), (120, 130));
        let (_, _, first) = log.iter().nth(1).expect("there are 120");
        assert_eq!((first.text.as_str(), first.count, first.first.frame, first.last.frame), ("function 1", 2, 1, 121));
    }

    #[test]
    fn what_differs_in_figures_is_one_finding_with_a_range() {
        let mut log = FindingLog::default();
        let write = |ms: i64| format!("{ms} ms");
        for (frame, ms) in [(1, 1_200), (2, 900), (3, 1_500)] {
            log.add_figure(("a.slow", Severity::Warning), (None, Subject::default()), at(frame), ms, write, || {
                format!("took {ms} ms")
            });
            if frame == 1 {
                let (_, _, entry) = log.iter().next().expect("it was added");
                assert_eq!(entry.sentence(), "took 1200 ms", "one occurrence has no range");
            }
        }
        let (_, _, entry) = log.iter().next().expect("it was added");
        assert_eq!((entry.count, &*entry.sentence()), (3, "first: took 1200 ms; 900 ms to 1500 ms in all"));
    }

    #[test]
    fn a_conclusion_stands_at_the_end_of_the_sentences_of_its_stream() {
        let (mut log, stream) = (FindingLog::default(), Some(StreamId(7)));
        for (number, of) in [(1, stream), (2, stream), (3, None)] {
            let subject = Subject::of([number]);
            log.add_about("a.state", Severity::Info, of, subject, at(1), || format!("went to {number}"));
        }
        log.conclude("a.state", |of, subject| {
            (of == stream && subject != Subject::of([2])).then(|| "; now 2".to_owned())
        });
        let texts: Vec<_> = log.iter().map(|(_, _, entry)| entry.text.as_str()).collect();
        assert_eq!(texts, ["went to 3", "went to 1; now 2", "went to 2"]);
    }

    #[test]
    fn the_log_is_bounded_and_says_what_it_let_go() {
        let mut log = FindingLog::default();
        for number in 0..1_000_u64 {
            log.add_about("a.b", Severity::Info, None, Subject::of_pair(number, 0), at(number), String::new);
        }
        let overflow = log.overflow().map(|events| events.count);
        assert_eq!((log.iter().count(), overflow), (FindingLog::MAX, Some(1_000 - FindingLog::MAX as u64)));
    }

    #[test]
    fn what_finds_no_room_is_counted_with_its_frames() {
        let mut log = FindingLog::default();
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
