//! When an interface gave nothing, for want of being up or of a carrier.

use std::collections::VecDeque;

use streamlens_model::Timestamp;
use streamlens_model::words::duration;

use crate::notices::BEFORE_THAT;
use crate::port::State;

/// So many are kept, the latest.
const MOST: usize = 8;

/// Times of an interface without frames, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outages {
    /// In words, and from when until when.
    latest: VecDeque<(&'static str, Timestamp, Timestamp)>,
    /// How many there were, and how long they were together.
    count: u64,
    nanos: u64,
}

impl Outages {
    /// Records that a state has ended; nothing where it was none of these.
    pub(crate) fn ended(&mut self, state: State, now: Timestamp) {
        let (what, since) = match state {
            State::Down(since) => ("was down", since),
            State::NoCarrier(since) => ("had no carrier", since),
            State::Up | State::Gone(_) => return,
        };
        if self.latest.len() >= MOST {
            self.latest.pop_front();
        }
        self.latest.push_back((what, since, now));
        self.count += 1;
        self.nanos = self.nanos.saturating_add(u64::try_from(now.as_nanos() - since.as_nanos()).unwrap_or(0));
    }

    /// All of them, in words, the latest first; empty where there was none.
    pub(crate) fn text(&self) -> String {
        let mut said =
            self.latest.iter().rev().map(|(what, since, until)| format!("{what} from {since} until {until}"));
        let mut text = said.next().unwrap_or_default();
        if self.count > 1 {
            text.push_str(BEFORE_THAT);
            text.push_str(&said.collect::<Vec<_>>().join(", "));
            if let earlier @ 1.. = self.count - self.latest.len() as u64 {
                text.push_str(&format!(", and {earlier} more"));
            }
            text.push_str(&format!("; {} outages, {} in all", self.count, duration(self.nanos as f64)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_told_with_their_times_and_the_others_counted() {
        let at = |second: i64| Timestamp::from_nanos(second * 1_000_000_000);
        let mut outages = Outages::default();
        outages.ended(State::Up, at(0));
        assert_eq!(outages.text(), "");
        outages.ended(State::Down(at(1)), at(2));
        outages.ended(State::NoCarrier(at(2)), at(4));
        let (one, two, four) = (at(1), at(2), at(4));
        let first = format!("had no carrier from {two} until {four}; before that: was down from {one} until {two}");
        assert_eq!(outages.text(), format!("{first}; 2 outages, 3.000 s in all"));
        (5..1000).for_each(|second| outages.ended(State::Down(at(second)), at(second)));
        assert_eq!((outages.latest.len(), outages.count), (8, 997));
        assert!(outages.text().ends_with(", and 989 more; 997 outages, 3.000 s in all"), "{}", outages.text());
    }
}
