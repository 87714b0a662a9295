//! The clock of the server. What is analysed has the time of its frames; only the server's own doings go by this one.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use streamlens_model::Timestamp;

/// The time now, as messages have it.
#[expect(clippy::disallowed_methods, reason = "when a message is sent is no capture time")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// A moment, to measure waiting by.
#[expect(clippy::disallowed_methods, reason = "a server waits by the clock")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}
