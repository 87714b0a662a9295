//! Files with what passed around each new finding.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;

use streamlens_model::row::{Delta, FindingState};
use streamlens_model::{Finding, Severity, Timestamp, Warning};

use crate::moments::{Moments, not_written};
use crate::written_file::WrittenFile;

/// The most files of one capture.
const MOST_FILES: u32 = 20;
/// A code gets a file at most once in so many nanoseconds of capture time.
const PAUSE_NS: i64 = 30_000_000_000;
/// So many names are tried for a file, where older ones are in the folder.
const NAMES: u32 = 10_000;

/// Which findings get a file, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnFindingOptions {
    /// The least severity.
    pub severity: Severity,
    /// What the code begins with; empty for every code.
    pub prefix: String,
    /// The folder of the files, `CODE-TIME-N.pcapng`.
    pub folder: PathBuf,
    /// Nanoseconds before the finding.
    pub before_ns: u64,
    /// Nanoseconds behind the finding.
    pub after_ns: u64,
}

impl Default for OnFindingOptions {
    /// Every warning and error, from 10 s before to 5 s after, into the working folder.
    fn default() -> Self {
        Self {
            severity: Severity::Warning,
            prefix: String::new(),
            folder: PathBuf::from("."),
            before_ns: 10_000_000_000,
            after_ns: 5_000_000_000,
        }
    }
}

/// Writes a file around each new finding: twenty at most, and each code at most once in 30 s of capture time.
#[derive(Debug)]
pub struct OnFinding {
    options: OnFindingOptions,
    moments: Moments,
    files: u32,
    /// Those that could not be begun. They are none of the files, for a disk that is full may have room again.
    failed: u32,
    /// Of all that failed, how many were told.
    told: usize,
    /// Number of the last file's name.
    number: u32,
    /// When each code had its last file.
    codes: BTreeMap<String, Timestamp>,
    has_told_end: bool,
    /// Capture time of the last look.
    seen: Option<Timestamp>,
}

impl OnFinding {
    /// Files are written from these moments.
    #[must_use]
    pub fn new(options: OnFindingOptions, moments: Moments) -> Self {
        Self {
            options,
            moments,
            files: 0,
            failed: 0,
            told: 0,
            number: 0,
            codes: BTreeMap::new(),
            has_told_end: false,
            seen: None,
        }
    }

    /// Begins a file for each new finding of a look. The moment of a finding is its first occurrence, or the last one where the
    /// first is no longer in memory. Files go on while the source is read; what fails there is one of its warnings.
    ///
    /// Returns what there is to say, in sentences.
    pub fn look(&mut self, delta: &Delta) -> Vec<String> {
        let mut said = self.newly_failed();
        // a whole state names all findings as new; those from before the last look were known by then
        let known = self.seen.filter(|_| delta.since.is_none());
        let OnFindingOptions { severity, prefix, .. } = self.options.clone();
        for change in delta.findings.iter().filter(|change| change.state == FindingState::New) {
            let finding = &*change.finding;
            if finding.severity < severity || !finding.code.starts_with(prefix.as_str()) {
                continue;
            }
            let Some(at) = self.moment(finding, delta) else { continue };
            let is_known = known.is_some_and(|known| at <= known);
            let last = self.codes.get(&*finding.code);
            let is_soon = last.is_some_and(|last| at.as_nanos().saturating_sub(last.as_nanos()) < PAUSE_NS);
            if is_known || is_soon {
                continue;
            }
            if self.files >= MOST_FILES {
                if !std::mem::replace(&mut self.has_told_end, true) {
                    said.push(format!("{MOST_FILES} files were written around findings, and there will be no more"));
                }
                continue;
            }
            self.codes.insert(finding.code.to_string(), at);
            said.extend(self.write(finding, at));
        }
        self.seen = self.seen.max(delta.now);
        said
    }

    fn moment(&self, finding: &Finding, delta: &Delta) -> Option<Timestamp> {
        let oldest = self.moments.oldest()?;
        let first = finding.first.time.filter(|first| *first >= oldest);
        first.or(finding.last.time).or(delta.now)
    }

    /// What failed since the last look of files that were begun.
    fn newly_failed(&mut self) -> Vec<String> {
        let failed = self.moments.failed();
        let name = |warning: &Warning| warning.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let said = failed.iter().skip(std::mem::replace(&mut self.told, failed.len()));
        said.map(|warning| format!("{}: {}", name(warning), warning.text)).collect()
    }

    /// Begins a file; what there is to say of it.
    fn write(&mut self, finding: &Finding, at: Timestamp) -> Option<String> {
        let (path, made) = self.make(finding, at);
        let span = moved(at, self.options.before_ns, -1)..=moved(at, self.options.after_ns, 1);
        let begun = made.and_then(|file| {
            let begun = self.moments.follow(span, path.clone(), Box::new(WrittenFile::new(file)));
            if begun.is_err() {
                // a capture that breaks off where it begins is of no use, and the disk may be full
                let _ = std::fs::remove_file(&path);
            }
            begun
        });
        let (name, code) = (path.display(), &finding.code);
        match begun {
            Ok(written) => {
                self.files += 1;
                let seconds = |ns: u64| ns as f64 / 1e9;
                let (before, after) = (seconds(self.options.before_ns), seconds(self.options.after_ns));
                let back = written.oldest.map_or(0, |oldest| at.as_nanos().saturating_sub(oldest.as_nanos()).max(0));
                let cut = if written.is_cut {
                    format!("; the buffer went back {:.1} s only", back as f64 / 1e9)
                } else {
                    String::new()
                };
                Some(format!("{code}: {before} s before to {after} s after go to {name}{cut}"))
            }
            Err(error) => {
                self.failed += 1;
                let mut warning = not_written(path.clone(), &error);
                match self.failed.cmp(&MOST_FILES) {
                    Ordering::Less => {}
                    Ordering::Equal => warning.text.push_str("; others that can't be written are not told of"),
                    Ordering::Greater => return None,
                }
                let text = format!("{code}: {name}: {}", warning.text);
                self.moments.fail(warning);
                self.told = self.moments.failed().len();
                Some(text)
            }
        }
    }

    /// A file that was not there before.
    fn make(&mut self, finding: &Finding, at: Timestamp) -> (PathBuf, io::Result<std::fs::File>) {
        let is_plain = |byte: char| byte.is_ascii_alphanumeric() || matches!(byte, '.' | '-' | '_');
        let code: String = finding.code.chars().map(|one| if is_plain(one) { one } else { '_' }).collect();
        // 2026-11-22T21:43:05.123456789Z
        let digits: String = at.to_string().chars().take(19).filter(char::is_ascii_digit).collect();
        let first = self.number + 1;
        loop {
            self.number += 1;
            let path = self.options.folder.join(format!("{code}-{digits}-{}.pcapng", self.number));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.number < first + NAMES => {}
                made => return (path, made),
            }
        }
    }
}

fn moved(time: Timestamp, by: u64, sign: i64) -> Timestamp {
    let by = i64::try_from(by).unwrap_or(i64::MAX);
    Timestamp::from_nanos(time.as_nanos().saturating_add(by.saturating_mul(sign)))
}

#[cfg(test)]
mod tests;
