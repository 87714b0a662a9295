//! The time stamps of ERSPAN type III, a counter of 32 bits in steps of 100 µs, 100 ns or 1 ns, with whole seconds where the platform
//! gives them; and of EtherCAT Switch Link, nanoseconds in 64 bits.

use std::collections::HashMap;

use streamlens_model::{Address, Timestamp};

use super::layers::Stamp;

/// Sessions whose counters are followed; further ones keep the times of the capture.
const MOST: usize = 1024;
/// How far whole seconds may be from the time of the capture to be believed.
const NEAR_NS: u64 = 30 * 86_400 * 1_000_000_000;

/// Whose counter it is: source, destination and session.
type Session = (Address, Address, Option<u64>);

/// Counters of sessions, each with what it showed at which time of the capture.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    begun: HashMap<Session, (u64, Timestamp)>,
    used: Vec<&'static str>,
}

impl Stamps {
    /// Layers whose stamps were used.
    pub(super) fn used(&self) -> &[&'static str] {
        &self.used
    }

    /// The time that a stamp stands for. A counter without seconds begins at the capture time of the session's first frame, and is
    /// carried past its end by the capture's clock.
    pub(super) fn time(
        &mut self,
        stamp: Stamp,
        captured_at: Timestamp,
        layer: &'static str,
        session: Session,
    ) -> Option<Timestamp> {
        let time = match stamp.seconds {
            Some(seconds) if stamp.value < 1_000_000_000 => {
                let time = Timestamp::from_nanos(i64::from(seconds) * 1_000_000_000 + stamp.value as i64);
                (time.since(captured_at).unsigned_abs() <= NEAR_NS).then_some(time)?
            }
            Some(_) => return None,
            None => self.counted(stamp, captured_at, session)?,
        };
        if !self.used.contains(&layer) {
            self.used.push(layer);
        }
        Some(time)
    }

    fn counted(&mut self, stamp: Stamp, captured_at: Timestamp, session: Session) -> Option<Timestamp> {
        if self.begun.len() >= MOST && !self.begun.contains_key(&session) {
            return None;
        }
        let (first, begin) = *self.begun.entry(session).or_insert((stamp.value, captured_at));
        let (step, range) = (i128::from(stamp.step_ns), 1_i128 << stamp.bits);
        let counted = (i128::from(stamp.value) - i128::from(first)).rem_euclid(range);
        let expected = i128::from(captured_at.since(begin)) / step;
        let rounds = (expected - counted + range / 2).div_euclid(range);
        let nanos = i128::from(begin.as_nanos()) + (counted + rounds * range) * step;
        i64::try_from(nanos).ok().map(Timestamp::from_nanos)
    }
}
