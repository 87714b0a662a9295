//! Where flows are found by the hash of their key.

use hashbrown::HashTable;

/// Places of flows. With each stands half of the hash of its key: so a table that grows need not look at the flows, whose
/// memory no cache holds where there are very many, and hardly ever is a wrong one looked at.
#[derive(Default)]
pub(crate) struct Index {
    table: HashTable<Slot>,
}

struct Slot {
    half: u32,
    place: u32,
}

/// What the table works with, made of what is kept.
#[inline]
fn spread(half: u32) -> u64 {
    u64::from(half) << 32 | u64::from(half)
}

impl Index {
    /// The place that has this hash and of which `is_it` says that it is the one.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let half = hash as u32;
        self.table.find(spread(half), |slot| slot.half == half && is_it(slot.place)).map(|slot| slot.place)
    }

    /// Adds a place.
    pub(crate) fn insert(&mut self, hash: u64, place: u32) {
        let half = hash as u32;
        self.table.insert_unique(spread(half), Slot { half, place }, |slot| spread(slot.half));
    }

    /// Takes a place out.
    pub(crate) fn remove(&mut self, hash: u64, place: u32) {
        if let Ok(entry) = self.table.find_entry(spread(hash as u32), |slot| slot.place == place) {
            entry.remove();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.table.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few hashes, so that many places share one.
        #[test]
        fn places_are_found_where_they_were_put(steps in proptest::collection::vec((0..3_u32, 0..5_u64, 0..40_u32), 0..200)) {
            let (mut index, mut known) = (Index::default(), BTreeMap::new());
            for (step, hash, place) in steps {
                let hash = hash << 30 | hash;
                let before = known.get(&place).copied();
                match (step, before) {
                    (0 | 1, None) => {
                        index.insert(hash, place);
                        known.insert(place, hash);
                    }
                    (2, Some(hash)) => {
                        index.remove(hash, place);
                        known.remove(&place);
                    }
                    _ => {}
                }
                for (&place, &hash) in &known {
                    prop_assert_eq!(index.find(hash, |found| found == place), Some(place));
                    prop_assert_eq!(index.find(hash ^ 1 << 29, |found| found == place), None);
                }
            }
            index.clear();
            prop_assert!(known.iter().all(|(&place, &hash)| index.find(hash, |found| found == place).is_none()));
        }
    }
}
