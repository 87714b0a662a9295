//! A map by port whose entries are found without a search where they were found before.

use std::collections::BTreeMap;

use super::super::wire::PortIdentity;

/// How many guesses there are.
const GUESSES: usize = 16;

/// What is kept of each of some ports. Few ports send nearly all messages of a domain, and take turns.
#[derive(Clone, Debug)]
pub(super) struct ByPort<T> {
    /// In order of appearance; none is ever taken out, so that a place stays what it is.
    entries: Vec<(PortIdentity, T)>,
    /// Places in `entries`.
    places: BTreeMap<PortIdentity, usize>,
    /// Where a port was found last, by some bits of its identity: a guess that is checked.
    guesses: [u32; GUESSES],
}

impl<T> Default for ByPort<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), places: BTreeMap::new(), guesses: [0; GUESSES] }
    }
}

impl<T> ByPort<T> {
    /// Where a port stands; `None` where it is not known.
    #[inline]
    pub(super) fn place(&mut self, port: PortIdentity) -> Option<usize> {
        // Makers number clocks in the low bits of their identity.
        let line = (port.clock ^ u64::from(port.port)) as usize % GUESSES;
        let guess = self.guesses[line] as usize;
        if self.entries.get(guess).is_some_and(|(held, _)| *held == port) {
            return Some(guess);
        }
        let place = self.search(port)?;
        self.guesses[line] = place as u32;
        Some(place)
    }

    #[inline(never)]
    fn search(&self, port: PortIdentity) -> Option<usize> {
        self.places.get(&port).copied()
    }

    /// What is kept at a place.
    #[inline]
    pub(super) fn at(&self, place: usize) -> Option<&T> {
        self.entries.get(place).map(|(_, entry)| entry)
    }

    /// What is kept at a place, to be changed.
    #[inline]
    pub(super) fn at_mut(&mut self, place: usize) -> Option<&mut T> {
        self.entries.get_mut(place).map(|(_, entry)| entry)
    }

    /// Adds a port that is not known, and says where it stands.
    #[cold]
    pub(super) fn add(&mut self, port: PortIdentity, entry: T) -> usize {
        let place = self.entries.len();
        self.places.insert(port, place);
        self.entries.push((port, entry));
        place
    }

    pub(super) fn get(&self, port: PortIdentity) -> Option<&T> {
        self.at(self.search(port)?)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, port: PortIdentity) -> Option<&mut T> {
        let place = self.place(port)?;
        self.at_mut(place)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// By port.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (PortIdentity, &T)> {
        // A place is that of an entry, always.
        self.places.iter().map(|(port, place)| (*port, &self.entries[*place].1))
    }

    /// By port.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.iter().map(|(_, entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_found_again_whatever_the_order_they_came_in() {
        let mut table = ByPort::default();
        // the first three share a guess
        let ports = [(0x21, 1), (0x11, 1), (0x10, 0), (7, 0xFFFF)].map(|(clock, port)| PortIdentity { clock, port });
        for (number, port) in ports.into_iter().enumerate() {
            assert_eq!(table.place(port), None);
            assert_eq!(table.add(port, number), number);
        }
        for _ in 0..2 {
            for (number, port) in ports.into_iter().enumerate() {
                assert_eq!((table.place(port), table.get(port)), (Some(number), Some(&number)));
                assert_eq!(table.get_mut(port).copied(), table.at(number).copied());
            }
        }
        assert_eq!(table.get(PortIdentity { clock: 0x31, port: 1 }), None);
        assert_eq!((table.len(), table.iter().map(|(port, _)| port.clock).collect()), (4, vec![7, 0x10, 0x11, 0x21]));
        assert_eq!(table.values().copied().collect::<Vec<_>>(), [3, 2, 1, 0]);
    }
}
