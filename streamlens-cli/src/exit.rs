//! Exit statuses, and messages on standard error.

use std::io::{self, Write};
use std::process::ExitCode;

use streamlens::model::SourceError;

use super::text;

/// How the command ends. `--help` documents the numbers, and scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Nothing failed. Findings alone change nothing about it: without `--fail-on` a result with findings ends so too.
    Fine = 0,
    /// There are findings at or above `--fail-on`.
    Findings = 1,
    /// The command line, or what it names (a filter, a configuration, an address to listen on), is wrong.
    Usage = 2,
    /// A capture is not there, or not readable as one.
    NotACapture = 3,
    /// No permission; or an interface can't be captured on: it is not there, down or of a link type that is not read, or the
    /// system refuses to ask for a multicast group.
    NoPermission = 4,
    /// Captures were read, or output or a recording was written, in part. Wins over [`Self::Findings`].
    Partial = 5,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        (status as u8).into()
    }
}

/// Why the command ends early: the message on standard error, and the exit status.
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

/// Writes a message to standard error. Where standard error is closed, the message is dropped.
pub(crate) fn say(message: &str) {
    let lines: Vec<_> = message.split('\n').map(text::escaped).collect();
    let _ = writeln!(io::stderr().lock(), "streamlens: {}", lines.join("\n"));
}

/// Returns the failure to write to standard output as a failure of the command. A pipe that its reader has closed is none.
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
