//! The clocks of the system, for capture on interfaces. The engine reads no clock: it goes by the times of frames.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use streamlens_model::Timestamp;

/// System time.
#[expect(clippy::disallowed_methods, reason = "an interface tells nothing of time while no frame comes")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    Timestamp::from_nanos(i64::try_from(since).unwrap_or(i64::MAX))
}

/// A clock that never steps, for what is due after a while.
#[expect(clippy::disallowed_methods, reason = "waiting and stopping are by real time, not by that of frames")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}
