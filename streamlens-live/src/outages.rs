//! When an interface gave nothing, for want of being up or of a carrier.

use std::collections::VecDeque;

use streamlens_model::Timestamp;

use crate::port::State;

/// So many are kept, the latest.
const MOST: usize = 8;

/// Times of an interface without frames, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outages {
    /// In words, and from when until when.
    latest: VecDeque<(&'static str, Timestamp, Timestamp)>,
    /// How many more there were before.
    earlier: u64,
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
            self.earlier += 1;
        }
        self.latest.push_back((what, since, now));
    }

    /// All of them, in words; empty where there was none.
    pub(crate) fn text(&self) -> String {
        let said = self.latest.iter().map(|(what, since, until)| format!("{what} from {since} until {until}"));
        let mut text = said.collect::<Vec<_>>().join(", ");
        if self.earlier > 0 {
            text.push_str(&format!(", and {} times before", self.earlier));
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
        assert_eq!(outages.text(), format!("was down from {one} until {two}, had no carrier from {two} until {four}"));
        (5..1000).for_each(|second| outages.ended(State::Down(at(second)), at(second)));
        assert_eq!((outages.latest.len(), outages.earlier), (8, 989));
        assert!(outages.text().ends_with(", and 989 times before"));
    }
}
