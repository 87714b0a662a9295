//! How long a probe waits before it dials again.

use std::time::Duration;

/// The shortest wait.
const LEAST: Duration = Duration::from_millis(500);
/// The longest.
const MOST: Duration = Duration::from_secs(30);

/// Waits that double, each drawn between its half and its whole, so that probes that a hub has lost together don't come back
/// together.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: LEAST * 2 }
    }
}

impl Backoff {
    /// The next wait; `random` is any number.
    pub fn wait(&mut self, random: u64) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(MOST);
        let half = whole / 2;
        half + half.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_thirty_seconds_and_are_spread() {
        for random in [0, u64::MAX / 2, u64::MAX] {
            let mut backoff = Backoff::default();
            let waits: Vec<Duration> = (0..12).map(|_| backoff.wait(random)).collect();
            assert!(waits.iter().all(|wait| (LEAST..=MOST).contains(wait)), "{waits:?}");
            assert!(waits.first() <= Some(&(LEAST * 2)) && waits.last() >= Some(&(MOST / 2)), "{waits:?}");
            assert!(waits.is_sorted());
        }
        let waits = [0, u64::MAX].map(|random| Backoff::default().wait(random));
        assert!(waits[1] - waits[0] > LEAST / 2, "{waits:?}");
    }
}
