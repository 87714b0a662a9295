//! What a probe keeps for its hub: an aggregate a second, numbered, in so many bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streamlens_protocol::{Aggregate, SpoolState};
use tokio::sync::Notify;

use super::disk::{Place, SpoolFiles};
use crate::text::inflated;

/// Texts of fewer bytes are not compressed.
const WORTH_COMPRESSING: usize = 512;
/// Bytes that one entry takes beside its text.
const ENTRY: usize = size_of::<Entry>();
/// Bytes of the text of one aggregate: a hub takes no longer message.
pub(crate) const MOST_TEXT: usize = 512 << 10;

/// Aggregates by their numbers, the latest ones.
#[derive(Debug)]
pub(super) struct Spool {
    kept: Mutex<Kept>,
    /// Told of each new one.
    news: Notify,
    most_bytes: usize,
    /// Where texts are kept; in memory without.
    files: Option<Arc<SpoolFiles>>,
}

#[derive(Debug)]
struct Kept {
    entries: VecDeque<Entry>,
    /// Number of the next one; those that are kept are the ones right in front of it.
    next: u64,
    bytes: usize,
    dropped: u64,
}

#[derive(Debug)]
struct Entry {
    place: Place,
    is_compressed: bool,
    is_acknowledged: bool,
}

impl Spool {
    pub(super) fn new(most_bytes: usize, files: Option<Arc<SpoolFiles>>) -> Self {
        let kept = Kept { entries: VecDeque::new(), next: 1, bytes: 0, dropped: 0 };
        Self { kept: Mutex::new(kept), news: Notify::new(), most_bytes, files }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an aggregate under the next number. Where there is no room the oldest go.
    pub(super) fn push(&self, mut aggregate: Aggregate) {
        let mut kept = self.kept();
        aggregate.number = kept.next;
        let mut text = serde_json::to_vec(&aggregate).unwrap_or_default();
        if text.len() > MOST_TEXT {
            // the flows with the most packets say more than none
            aggregate.rows.sort_by_key(|row| std::cmp::Reverse(row.1));
            aggregate.rows.truncate(aggregate.rows.len() * (MOST_TEXT / 2) / text.len());
            text = serde_json::to_vec(&aggregate).unwrap_or_default();
        }
        let small = if text.len() >= WORTH_COMPRESSING { streamlens_web::deflated(&text) } else { None };
        let is_compressed = small.is_some();
        let bytes = small.unwrap_or(text);
        kept.next += 1;
        match self.place(&mut kept, bytes) {
            Some(place) => {
                kept.bytes += place.len() + ENTRY;
                kept.entries.push_back(Entry { place, is_compressed, is_acknowledged: false });
            }
            None => {
                // a disk that takes nothing: those in front of the next one are none
                while kept.drop_oldest() {}
                kept.dropped += 1;
            }
        }
        while kept.bytes > self.most_bytes && kept.entries.len() > 1 {
            kept.drop_oldest();
        }
        drop(kept);
        self.news.notify_waiters();
    }

    /// Puts a text where texts are kept; `None` where that can't be.
    fn place(&self, kept: &mut Kept, text: Vec<u8>) -> Option<Place> {
        let Some(files) = &self.files else { return Some(Place::Memory(text.into())) };
        let (place, anew) = files.write(&text, self.most_bytes).ok()?;
        if let Some(anew) = anew {
            while kept.entries.front().is_some_and(|entry| entry.place.is_in(anew)) {
                kept.drop_oldest();
            }
        }
        Some(place)
    }

    fn text(&self, entry: &Entry) -> Option<Vec<u8>> {
        let bytes = match (&entry.place, &self.files) {
            (Place::Memory(bytes), _) => bytes.to_vec(),
            (Place::Disk { file, offset, len }, Some(files)) => files.read(*file, *offset, *len).ok()?,
            (Place::Disk { .. }, None) => return None,
        };
        if entry.is_compressed { inflated(&bytes, MOST_TEXT) } else { Some(bytes) }
    }

    pub(super) fn state(&self) -> SpoolState {
        let kept = self.kept();
        SpoolState { first: kept.first(), next: kept.next, bytes: kept.bytes as u64, dropped: kept.dropped }
    }

    /// Waits until there is one of this number or a higher one.
    pub(super) async fn wait_for(&self, number: u64) {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if self.kept().next > number {
                return;
            }
            news.await;
        }
    }

    /// Texts of aggregates from a number on up to and with another, at least one where there is any, together at most so many
    /// bytes; with the number behind the last of them. Those that are no longer kept are passed over.
    pub(super) fn texts(&self, from: u64, to: u64, most_bytes: usize) -> (Vec<Vec<u8>>, u64) {
        let kept = self.kept();
        let (mut number, mut texts, mut bytes) = (from.max(kept.first()), Vec::new(), 0);
        while number <= to {
            let place = usize::try_from(number - kept.first()).unwrap_or(usize::MAX);
            let Some(entry) = kept.entries.get(place) else { break };
            let Some(text) = self.text(entry) else {
                // a disk that gives nothing back: as if it were not kept
                number += 1;
                continue;
            };
            if bytes > 0 && bytes + text.len() > most_bytes {
                break;
            }
            bytes += text.len();
            texts.push(text);
            number += 1;
        }
        (texts, number)
    }

    /// Marks those that the hub has.
    pub(super) fn acknowledge(&self, from: u64, to: u64) {
        let mut kept = self.kept();
        let first = kept.first();
        let place = |number: u64| usize::try_from(number.saturating_sub(first)).unwrap_or(usize::MAX);
        if to >= first {
            let count = place(to.saturating_add(1)).saturating_sub(place(from));
            kept.entries.iter_mut().skip(place(from)).take(count).for_each(|entry| entry.is_acknowledged = true);
        }
    }
}

impl Kept {
    fn first(&self) -> u64 {
        self.next - self.entries.len() as u64
    }

    /// Lets the oldest go; whether there was one.
    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.entries.pop_front() else { return false };
        self.bytes -= oldest.place.len() + ENTRY;
        self.dropped += u64::from(!oldest.is_acknowledged);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aggregate(flows: usize) -> Aggregate {
        let rows = (0..flows).map(|flow| (format!("10.0.0.{flow}:1 -> 10.0.0.1:2"), 1, 100, None)).collect();
        Aggregate { rows, ..Aggregate::default() }
    }

    fn numbers(texts: &[Vec<u8>]) -> Vec<u64> {
        texts.iter().map(|text| serde_json::from_slice::<Aggregate>(text).unwrap().number).collect()
    }

    #[test]
    fn the_oldest_go_and_are_counted_where_no_hub_had_them() {
        let spool = Spool::new(4_000, None);
        (0..10).for_each(|_| spool.push(aggregate(1)));
        spool.acknowledge(1, 3);
        (0..90).for_each(|_| spool.push(aggregate(1)));
        let state = spool.state();
        assert!(state.bytes <= 4_000 && state.next == 101 && state.first > 4, "{state:?}");
        assert_eq!(state.dropped, state.first - 1 - 3);
        let (texts, next) = spool.texts(1, 100, usize::MAX);
        assert_eq!(numbers(&texts), (state.first..=100).collect::<Vec<_>>());
        assert_eq!(next, 101);
    }

    #[test]
    fn files_keep_the_latest_in_so_many_bytes() {
        let folder = std::env::temp_dir().join(format!("streamlens-spool-{}", std::process::id()));
        let files = Arc::new(SpoolFiles::open(&folder).unwrap());
        let taken = SpoolFiles::open(&folder).unwrap_err();
        assert!(taken.to_string().contains("another probe"), "{taken}");
        let spool = Spool::new(16_000, Some(files));
        (0..400).for_each(|flows| spool.push(aggregate(flows % 20)));
        let on_disk = || -> u64 {
            let files = std::fs::read_dir(&folder).unwrap();
            files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
        };
        assert!((8_000..=16_000).contains(&on_disk()), "{}", on_disk());
        let state = spool.state();
        assert!(state.next == 401 && state.dropped == state.first - 1 && state.first < 395, "{state:?}");
        assert_eq!(numbers(&spool.texts(1, 400, usize::MAX).0), (state.first..=400).collect::<Vec<_>>());
        drop(spool);
        // another start has numbers of its own
        let spool = Spool::new(16_000, Some(Arc::new(SpoolFiles::open(&folder).unwrap())));
        assert_eq!((spool.state().first, on_disk()), (1, 0));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn texts_come_whole_and_in_pieces() {
        let spool = Spool::new(1 << 20, None);
        (0..20).for_each(|_| spool.push(aggregate(100)));
        let (texts, next) = spool.texts(3, 9, 1);
        assert_eq!((numbers(&texts), next), (vec![3], 4));
        let (texts, next) = spool.texts(next, 9, usize::MAX);
        assert_eq!((numbers(&texts), next), ((4..=9).collect(), 10));
        assert_eq!(spool.texts(21, 30, 1_000), (Vec::new(), 21));
    }

    #[test]
    fn an_aggregate_of_very_many_flows_keeps_the_largest() {
        let spool = Spool::new(64 << 20, None);
        let mut large = aggregate(30_000);
        large.rows.last_mut().unwrap().1 = 7;
        spool.push(large);
        let (texts, _) = spool.texts(1, 1, usize::MAX);
        assert!(texts[0].len() <= MOST_TEXT, "{}", texts[0].len());
        let kept: Aggregate = serde_json::from_slice(&texts[0]).unwrap();
        assert!(kept.rows.len() > 1_000 && kept.rows[0].1 == 7);
    }
}
