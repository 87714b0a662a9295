//! What of the spool is sent when: what has just come at once, earlier ones behind it, at most a quarter of the time of the link.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::spool::Spool;

/// Bytes of one message of earlier aggregates.
const FILL_BYTES: usize = 16 << 10;
/// Bytes of one message of live ones.
const LIVE_BYTES: usize = 64 << 10;
/// Live ones that may wait: where the link is slower than they come, all but the latest are earlier ones.
const MOST_LIVE: u64 = 4;
/// Messages that wait for an answer.
const MOST_SENT: usize = 64;

/// What is on the way, and what is still to be sent.
#[derive(Debug)]
pub(super) struct Filling {
    /// The next live one.
    pub(super) live: u64,
    ranges: VecDeque<(u64, u64)>,
    /// First and last number of messages that were not answered.
    sent: VecDeque<(u64, u64)>,
    /// The last number of the earlier ones on the way, and since when.
    on_the_way: Option<(u64, Instant)>,
    not_before: Option<Instant>,
}

impl Filling {
    pub(super) fn new(next: u64) -> Self {
        Self { live: next, ranges: VecDeque::new(), sent: VecDeque::new(), on_the_way: None, not_before: None }
    }

    /// What the hub lacks.
    pub(super) fn ask(&mut self, ranges: &[(u64, u64)]) {
        let below = self.live;
        self.ranges = ranges
            .iter()
            .filter(|(from, to)| from <= to && *from < below)
            .map(|(from, to)| (*from, (*to).min(below - 1)))
            .take(64)
            .collect();
        self.on_the_way = None;
    }

    /// When the next earlier ones may be sent; `None` where there are none, or some are on the way.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let waits = !self.ranges.is_empty() && self.on_the_way.is_none();
        waits.then(|| self.not_before.unwrap_or(now))
    }

    /// The next message of live ones.
    pub(super) fn live(&mut self, spool: &Spool) -> Option<Vec<u8>> {
        let next = spool.state().next;
        if next.saturating_sub(self.live) > MOST_LIVE {
            self.ranges.push_back((self.live, next - 2));
            self.live = next - 1;
        }
        let (texts, behind) = spool.texts(self.live, next.saturating_sub(1), LIVE_BYTES);
        let from = self.live;
        self.live = from.max(behind);
        (!texts.is_empty()).then(|| self.message(true, &texts, (from, behind - 1)))
    }

    /// The next message of earlier ones.
    pub(super) fn earlier(&mut self, spool: &Spool, now: Instant) -> Option<Vec<u8>> {
        while let Some((from, to)) = self.ranges.pop_front() {
            let (texts, behind) = spool.texts(from, to, FILL_BYTES);
            if texts.is_empty() {
                // none of them is kept any more
                continue;
            }
            if behind <= to {
                self.ranges.push_front((behind, to));
            }
            self.on_the_way = Some((behind - 1, now));
            return Some(self.message(false, &texts, (from, behind - 1)));
        }
        None
    }

    fn message(&mut self, is_live: bool, texts: &[Vec<u8>], numbers: (u64, u64)) -> Vec<u8> {
        self.sent.push_back(numbers);
        while self.sent.len() > MOST_SENT {
            self.sent.pop_front();
        }
        let mut out = format!("{{\"type\":\"aggregates\",\"live\":{is_live},\"aggregates\":[").into_bytes();
        for (place, text) in texts.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            out.extend_from_slice(text);
        }
        out.extend_from_slice(b"]}");
        out
    }

    /// The hub has the message that ends with this number.
    pub(super) fn acknowledged(&mut self, number: u64, spool: &Spool, now: Instant) {
        if let Some(place) = self.sent.iter().position(|(_, last)| *last == number)
            && let Some((from, to)) = self.sent.remove(place)
        {
            spool.acknowledge(from, to);
        }
        if let Some((_, since)) = self.on_the_way.take_if(|(last, _)| *last == number) {
            // they had the link for so long: the next three times that are the others'
            self.not_before = Some(now + (now.saturating_duration_since(since) * 3).min(Duration::from_secs(60)));
        }
    }
}

#[cfg(test)]
mod tests {
    use streamlens_protocol::{Aggregate, Aggregates, ProbeMessage};

    use super::*;

    fn spool(count: usize) -> Spool {
        let spool = Spool::new(64 << 20, None);
        let rows: Vec<_> = (0..100).map(|flow| (format!("10.0.0.{flow}:1 -> 10.0.0.1:2"), 1, 100, None)).collect();
        (0..count).for_each(|_| spool.push(Aggregate { rows: rows.clone(), ..Aggregate::default() }));
        spool
    }

    fn numbers(message: Option<Vec<u8>>) -> (bool, Vec<u64>) {
        let message = serde_json::from_slice(&message.unwrap()).unwrap();
        let ProbeMessage::Aggregates(Aggregates { live, aggregates }) = message else { panic!("{message:?}") };
        (live, aggregates.iter().map(|aggregate| aggregate.number).collect())
    }

    #[test]
    fn earlier_ones_take_a_quarter_of_the_time() {
        let spool = spool(40);
        let mut filling = Filling::new(41);
        let begin = crate::clock::instant();
        assert_eq!(filling.due(begin), None);
        filling.ask(&[(1, 12), (30, u64::MAX)]);
        assert_eq!(filling.due(begin), Some(begin));
        let (is_live, first) = numbers(filling.earlier(&spool, begin));
        assert!(!is_live && first[0] == 1 && first.len() < 12, "{first:?}");
        assert_eq!(filling.due(begin), None, "some are on the way");
        let took = Duration::from_millis(400);
        filling.acknowledged(*first.last().unwrap(), &spool, begin + took);
        assert_eq!(filling.due(begin), Some(begin + took * 4));
        let mut all = first;
        while filling.due(begin).is_some() {
            let (_, more) = numbers(filling.earlier(&spool, begin));
            filling.acknowledged(*more.last().unwrap(), &spool, begin);
            all.extend(more);
        }
        assert_eq!(all, (1..=12).chain(30..=40).collect::<Vec<_>>());
        spool.push(Aggregate::default());
        assert_eq!(numbers(filling.live(&spool)), (true, vec![41]));
        assert!(filling.live(&spool).is_none());
    }

    #[test]
    fn where_live_ones_wait_the_latest_goes_first() {
        let spool = spool(3);
        let mut filling = Filling::new(4);
        (0..20).for_each(|_| spool.push(Aggregate::default()));
        assert_eq!(numbers(filling.live(&spool)), (true, vec![23]));
        assert_eq!(numbers(filling.earlier(&spool, crate::clock::instant())).1[0], 4);
    }
}
