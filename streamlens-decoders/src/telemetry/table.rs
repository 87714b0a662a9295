//! A table of the streams of one flow, with a bound.

use smallvec::SmallVec;
use streamlens_model::Occurrence;

/// The streams of one flow by their identifier, in a fixed bound; packets of streams beyond it are counted.
///
/// A flow holds one stream mostly, a few often and thousands hardly ever: that of the packet before is at hand, recently used
/// ones are found in a small direct-mapped cache, others by binary search.
#[derive(Clone, Debug)]
pub(crate) struct StreamTable<T> {
    /// Identifier and place of each stream, ordered by identifier.
    index: SmallVec<[(u32, u32); 2]>,
    streams: Vec<T>,
    recent: [(u32, u32); 16],
    /// Identifier and place of the stream that the last packet belonged to; before the first one no identifier.
    last: (u64, u32),
    beyond: u64,
    first_beyond: Option<Occurrence>,
}

impl<T> Default for StreamTable<T> {
    fn default() -> Self {
        let recent = [(0, u32::MAX); 16];
        let last = (u64::MAX, 0);
        Self { index: SmallVec::new(), streams: Vec::new(), recent, last, beyond: 0, first_beyond: None }
    }
}

impl<T> StreamTable<T> {
    /// The most streams that are kept of one flow.
    pub(crate) const MAX: usize = 4096;

    /// The stream, where it is known already.
    #[inline]
    pub(crate) fn get(&mut self, id: u32) -> Option<&mut T> {
        let cached = &mut self.recent[line(id)];
        if cached.0 != id || cached.1 == u32::MAX {
            let found = self.index.binary_search_by_key(&id, |entry| entry.0).ok()?;
            *cached = *self.index.get(found)?;
        }
        self.streams.get_mut(cached.1 as usize)
    }

    /// The stream, made where it is new; `None`, and counted, where there is no room for another one.
    #[inline]
    pub(crate) fn entry(&mut self, id: u32, at: Occurrence, make: impl FnOnce() -> T) -> Option<&mut T> {
        if self.last.0 != u64::from(id) {
            let cached = self.recent[line(id)];
            if cached.0 != id || cached.1 == u32::MAX {
                self.find_or_add(id, at, make)?;
            }
            self.last = (id.into(), self.recent[line(id)].1);
        }
        self.streams.get_mut(self.last.1 as usize)
    }

    #[inline(never)]
    fn find_or_add(&mut self, id: u32, at: Occurrence, make: impl FnOnce() -> T) -> Option<()> {
        let place = match self.index.binary_search_by_key(&id, |entry| entry.0) {
            Ok(found) => self.index.get(found)?.1,
            Err(_) if self.streams.len() >= Self::MAX => {
                self.beyond += 1;
                self.first_beyond.get_or_insert(at);
                return None;
            }
            Err(position) => {
                let place = self.streams.len() as u32;
                self.index.insert(position, (id, place));
                // most flows have one stream
                if self.streams.is_empty() {
                    self.streams.reserve_exact(1);
                }
                self.streams.push(make());
                place
            }
        };
        self.recent[line(id)] = (id, place);
        Some(())
    }

    /// The stream with an identifier.
    pub(crate) fn find(&self, id: u32) -> Option<&T> {
        let place = self.index.binary_search_by_key(&id, |entry| entry.0).ok()?;
        self.streams.get(self.index.get(place)?.1 as usize)
    }

    /// The streams, ordered by identifier.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.index.iter().filter_map(|&(id, place)| Some((id, self.streams.get(place as usize)?)))
    }

    /// How many streams there are.
    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }

    /// Packets of streams that found no room.
    pub(crate) fn beyond(&self) -> u64 {
        self.beyond
    }

    /// The first packet that found no room.
    pub(crate) fn first_beyond(&self) -> Option<Occurrence> {
        self.first_beyond
    }
}

/// The line of the cache for an identifier; makers number their streams in the low bits of each byte.
#[inline]
fn line(id: u32) -> usize {
    ((id ^ id >> 4 ^ id >> 8 ^ id >> 12) & 0xF) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Occurrence = Occurrence { frame: 7, time: None };

    #[test]
    fn finds_streams_again_whatever_the_order_they_came_in() {
        let mut table = StreamTable::default();
        for id in [9, 3, 0x1003, 3, 0xFFFF_FFFF, 0, 9] {
            *table.entry(id, AT, || 0).unwrap() += 1;
        }
        let all: Vec<_> = table.iter().map(|(id, n)| (id, *n)).collect();
        assert_eq!(all, [(0, 1), (3, 2), (9, 2), (0x1003, 1), (0xFFFF_FFFF, 1)]);
        assert_eq!(table.get(3), Some(&mut 2));
        assert_eq!(table.get(4), None);
    }

    #[test]
    fn counts_what_finds_no_room() {
        let mut table = StreamTable::default();
        for id in 0..StreamTable::<()>::MAX as u32 + 2 {
            table.entry(id, AT, || ());
        }
        assert_eq!((table.len(), table.beyond(), table.first_beyond()), (4096, 2, Some(AT)));
        assert!(table.get(4095).is_some() && table.get(4096).is_none());
    }
}
