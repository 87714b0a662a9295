//! Collects warnings, a bounded number of them however broken the capture is.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use streamlens_model::words::Grouped;
use streamlens_model::{Warning, WarningInfo};

/// Warnings kept word for word; what comes after them is only counted.
const MAX_WARNINGS: usize = 32;

/// Stable codes of the warnings of this crate.
pub(crate) mod code {
    /// The capture ends inside a record, or its compressed stream ends early.
    pub(crate) const TRUNCATED: &str = "capture.truncated";
    /// Bytes are not what the format says they should be.
    pub(crate) const DAMAGED: &str = "capture.damaged";
    /// The system failed to read on.
    pub(crate) const UNREADABLE: &str = "capture.unreadable";
    /// A time stamp that is none; its frame is there without a time.
    pub(crate) const BAD_TIME: &str = "capture.bad-time";
    /// Times whose year is not in the capture.
    pub(crate) const UNKNOWN_YEAR: &str = "capture.unknown-year";
    /// Frames of an interface that the capture does not describe.
    pub(crate) const UNKNOWN_INTERFACE: &str = "capture.unknown-interface";
    /// A further file begins where a record should.
    pub(crate) const JOINED: &str = "capture.joined-files";
    /// More interfaces than are kept apart.
    pub(crate) const MANY_INTERFACES: &str = "capture.many-interfaces";
    /// More warnings than are kept.
    pub(crate) const MORE: &str = "capture.more-warnings";
}

/// The codes of the warnings that reading a capture may draw.
pub const WARNINGS: &[WarningInfo] = &[
    WarningInfo::new(code::BAD_TIME, "A time stamp is none; its frame is there without a time."),
    WarningInfo::new(
        code::DAMAGED,
        "Bytes are not what the format says they should be; what can be read behind them is read.",
    ),
    WarningInfo::new(code::JOINED, "A further file begins where a record should: what follows is read as that file."),
    WarningInfo::new(code::MANY_INTERFACES, "There are more interfaces than are kept apart."),
    WarningInfo::new(code::MORE, "More places of the capture drew a warning than are kept."),
    WarningInfo::new(code::TRUNCATED, "The capture ends inside a record, or its compressed stream ends early."),
    WarningInfo::new(code::UNKNOWN_INTERFACE, "Frames are of an interface that the capture does not describe."),
    WarningInfo::new(
        code::UNKNOWN_YEAR,
        "The times of the capture have no year: the one that is shown is from elsewhere, or a stand-in.",
    ),
    WarningInfo::new(code::UNREADABLE, "The system failed to read on."),
];

/// Where a warning belongs.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Byte offset in the uncompressed capture.
    pub(crate) byte: u64,
    /// Frames of this capture read before it.
    pub(crate) frames: u64,
}

/// The warnings of one capture.
#[derive(Debug, Default)]
pub(crate) struct Report {
    path: Option<PathBuf>,
    warnings: Vec<Warning>,
    further: u64,
    bad_times: u64,
}

impl Report {
    pub(crate) fn new(path: Option<PathBuf>) -> Self {
        Self { path, ..Self::default() }
    }

    pub(crate) fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Notes something that could not be read.
    pub(crate) fn incomplete(&mut self, code: &'static str, place: Place, text: fmt::Arguments<'_>) {
        self.push(code, place, text, true);
    }

    /// Notes something odd that costs no frame.
    pub(crate) fn note(&mut self, code: &'static str, place: Place, text: fmt::Arguments<'_>) {
        self.push(code, place, text, false);
    }

    /// Notes a frame whose time stamp is none. Only the first has words of its own.
    #[cold]
    pub(crate) fn bad_time(&mut self, place: Place, fraction: u32, limit: u32) {
        self.bad_times += 1;
        if self.bad_times == 1 {
            self.note(
                code::BAD_TIME,
                place,
                format_args!(
                    "the time stamp says {} of {} parts of a second; this frame, and others like it, are read without a time",
                    Grouped(fraction.into()),
                    Grouped(limit.into())
                ),
            );
        }
    }

    #[cold]
    fn push(&mut self, code: &'static str, place: Place, text: fmt::Arguments<'_>, incomplete: bool) {
        let warning = |code, text| Warning {
            code: Cow::Borrowed(code),
            path: self.path.clone(),
            byte: Some(place.byte),
            after_frame: Some(place.frames),
            text,
            incomplete,
        };
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(warning(code, text.to_string()));
            return;
        }
        self.further += 1;
        let further = self.further;
        let text = format!("{further} more places of this capture drew a warning; the first of them is given here");
        if self.warnings.len() == MAX_WARNINGS {
            self.warnings.push(warning(code::MORE, text));
        } else if let Some(last) = self.warnings.last_mut() {
            last.text = text;
            last.incomplete |= incomplete;
        }
    }
}
