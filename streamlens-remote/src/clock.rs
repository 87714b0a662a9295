//! The clocks of probe and hub. What is measured has the time of its frames; only what is said between the two goes by these.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use streamlens_model::Timestamp;

/// The time now, by the clock of this machine.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the clocks of two machines are compared")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// A moment, to measure waiting by.
#[expect(clippy::disallowed_methods, reason = "a connection waits by the clock")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// A random number.
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    // without random numbers all probes come back at the same time, and nothing worse
    let _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes);
    u64::from_le_bytes(bytes)
}
