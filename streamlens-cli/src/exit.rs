//! Exit statuses, and messages on standard error.

use std::io::{self, Write};
use std::process::ExitCode;

use streamlens::model::SourceError;

use super::text;

/// How the command ends. Documented in `--help`; scripts lean on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// All went well.
    Fine = 0,
    /// There are findings at or above `--fail-on`.
    Findings = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Not readable as a capture.
    NotACapture = 3,
    /// No permission, or no such interface.
    NoPermission = 4,
    /// Read, or written, in part. Wins over [`Self::Findings`].
    Partial = 5,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        (status as u8).into()
    }
}

/// Why the command ends early: what to say and how to exit.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn usage(message: String) -> Self {
        Self { status: Status::Usage, message: format!("{message}\n\nFor more information, try '--help'.") }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let status = if error.is_permission_denied() { Status::NoPermission } else { Status::NotACapture };
        Self { status, message: error.to_string() }
    }
}

/// Says something on standard error. Where that is closed, there is nobody to tell.
pub(crate) fn say(message: &str) {
    let lines: Vec<_> = message.split('\n').map(text::escaped).collect();
    let _ = writeln!(io::stderr().lock(), "streamlens: {}", lines.join("\n"));
}

/// The status of what was written to standard output. A reader that has seen enough and closed the pipe is no failure.
pub(crate) fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure {
            status: Status::Partial,
            message: format!("standard output: {error}; the output is not complete, make room or write it elsewhere"),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use streamlens::pcap::CaptureError;

    use super::*;

    #[test]
    fn missing_rights_are_told_apart_from_what_is_no_capture() {
        let source = || io::Error::from(io::ErrorKind::PermissionDenied);
        let denied = CaptureError::PermissionDenied { path: "a".into(), source: source() };
        assert_eq!(Failure::from(SourceError::from(denied)).status, Status::NoPermission);
        let missing = CaptureError::NotFound { path: "a".into(), source: source() };
        assert_eq!(Failure::from(SourceError::from(missing)).status, Status::NotACapture);
    }
}
