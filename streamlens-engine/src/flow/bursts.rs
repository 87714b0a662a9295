//! The most bytes and frames within any short time, where that is asked for.
//!
//! Exact: the frames of the longest window are kept, and each window has a place in them from which on it counts.

use std::collections::VecDeque;

use streamlens_model::{Burst, Timestamp};

/// Frames that are followed at most: those of 17 ms on a link of 10 Gbit/s full of the shortest ones.
const MOST: usize = 1 << 18;
/// Preamble, check sequence and gap of Ethernet, which no capture has.
const AROUND: u64 = 24;

/// What windows of one length have held.
#[derive(Clone, Debug)]
struct Window {
    length: i64,
    /// Number of its first frame, counted over all.
    first: u64,
    bytes: u64,
    frames: u64,
    most_bytes: (u64, i64),
    most_frames: (u64, i64),
    most_on_link: u64,
}

/// Follows the frames of a flow or an interface.
#[derive(Clone, Debug)]
pub(crate) struct Bursts {
    /// Time and bytes of the frames in the longest window.
    frames: VecDeque<(i64, u32)>,
    /// Number of the first of them.
    base: u64,
    windows: Vec<Window>,
    is_at_least: bool,
}

impl Bursts {
    pub(crate) fn new(windows_ns: &[u64]) -> Self {
        let window = |length: &u64| Window {
            length: i64::try_from(*length).unwrap_or(i64::MAX),
            first: 0,
            bytes: 0,
            frames: 0,
            most_bytes: (0, 0),
            most_frames: (0, 0),
            most_on_link: 0,
        };
        Self { frames: VecDeque::new(), base: 0, windows: windows_ns.iter().map(window).collect(), is_at_least: false }
    }

    /// Records a frame. One that is earlier than the one before it counts at the time of that.
    pub(crate) fn push(&mut self, time: Timestamp, bytes: u32) {
        let last = self.frames.back().map_or(i64::MIN, |(last, _)| *last);
        let time = time.as_nanos().max(last);
        self.frames.push_back((time, bytes));
        let Self { frames, base, windows, .. } = self;
        let mut oldest = u64::MAX;
        for window in windows {
            window.bytes += u64::from(bytes);
            window.frames += 1;
            let mut begin = time;
            while let Some(&(at, bytes)) = frames.get((window.first - *base) as usize) {
                begin = at;
                if time.saturating_sub(at) < window.length {
                    break;
                }
                window.leave(bytes);
            }
            window.note(begin);
            oldest = oldest.min(window.first);
        }
        let unused = oldest.saturating_sub(*base) as usize;
        frames.drain(..unused.min(frames.len()));
        *base += unused as u64;
        if frames.len() > MOST {
            self.forget();
        }
    }

    /// Lets the oldest frame go before its time.
    #[cold]
    fn forget(&mut self) {
        let Some((_, bytes)) = self.frames.pop_front() else { return };
        self.is_at_least = true;
        let first = self.base;
        self.windows.iter_mut().filter(|window| window.first == first).for_each(|window| window.leave(bytes));
        self.base += 1;
    }

    /// The figures so far. `link_speed` is in bits per second.
    pub(crate) fn figures(&self, link_speed: Option<u64>) -> Vec<Burst> {
        let seen = self.windows.iter().filter(|window| window.most_frames.0 > 0);
        let figures = seen.map(|window| Burst {
            window_ns: window.length.unsigned_abs(),
            bytes: window.most_bytes.0,
            bytes_since: Timestamp::from_nanos(window.most_bytes.1),
            frames: window.most_frames.0,
            frames_since: Timestamp::from_nanos(window.most_frames.1),
            link_use: link_speed
                .map(|speed| window.most_on_link as f64 * 8.0 / (speed as f64 * window.length as f64 / 1e9)),
            is_at_least: self.is_at_least,
        });
        figures.collect()
    }
}

impl Window {
    fn leave(&mut self, bytes: u32) {
        self.bytes -= u64::from(bytes);
        self.frames -= 1;
        self.first += 1;
    }

    fn note(&mut self, begin: i64) {
        if self.bytes > self.most_bytes.0 || self.most_frames.0 == 0 {
            self.most_bytes = (self.bytes, begin);
        }
        if self.frames > self.most_frames.0 {
            self.most_frames = (self.frames, begin);
        }
        self.most_on_link = self.most_on_link.max(self.bytes + AROUND * self.frames);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By looking at every window that begins with a frame.
    fn by_hand(frames: &[(i64, u32)], length: i64) -> (u64, u64) {
        let window = |begin: i64| frames.iter().filter(move |(at, _)| (begin..begin + length).contains(at));
        let bytes = frames.iter().map(|(begin, _)| window(*begin).map(|(_, bytes)| u64::from(*bytes)).sum()).max();
        let count = frames.iter().map(|(begin, _)| window(*begin).count() as u64).max();
        (bytes.unwrap_or(0), count.unwrap_or(0))
    }

    proptest! {
        #[test]
        fn every_window_is_looked_at(steps in proptest::collection::vec((0..500_i64, 1..2000_u32), 1..200)) {
            let mut time = 1_000;
            let frames: Vec<_> = steps.iter().map(|(step, bytes)| { time += step; (time, *bytes) }).collect();
            let mut bursts = Bursts::new(&[300, 1000]);
            frames.iter().for_each(|(at, bytes)| bursts.push(Timestamp::from_nanos(*at), *bytes));
            for burst in bursts.figures(None) {
                let want = by_hand(&frames, burst.window_ns as i64);
                prop_assert_eq!((burst.bytes, burst.frames), want);
                let from = burst.frames_since.as_nanos();
                let there = frames.iter().filter(|(at, _)| (from..from + burst.window_ns as i64).contains(at));
                prop_assert_eq!(there.count() as u64, burst.frames);
            }
        }
    }

    #[test]
    fn the_end_of_a_window_is_not_in_it_and_the_use_of_the_link_counts_what_no_capture_has() {
        let mut bursts = Bursts::new(&[1_000_000]);
        // the second comes when the window of the first ends
        for (at, bytes) in [(0, 1000), (1_000_000, 976), (1_000_100, 976)] {
            bursts.push(Timestamp::from_nanos(at), bytes);
        }
        let [burst] = bursts.figures(Some(1_000_000_000))[..] else { panic!() };
        assert_eq!((burst.bytes, burst.frames, burst.bytes_since.as_nanos()), (1952, 2, 1_000_000));
        // 2 x 1,000 bytes of 125,000 that a millisecond has
        assert_eq!(burst.link_use, Some(0.016));
    }

    #[test]
    fn what_is_followed_is_bounded_and_it_is_said() {
        let mut bursts = Bursts::new(&[1_000_000_000]);
        (0..MOST as i64 + 10).for_each(|at| bursts.push(Timestamp::from_nanos(at), 1));
        assert!(bursts.frames.len() <= MOST);
        let [burst] = bursts.figures(None)[..] else { panic!() };
        assert!(burst.is_at_least && burst.frames as usize == MOST + 1);
    }
}
