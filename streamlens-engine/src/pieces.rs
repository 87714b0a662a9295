//! A list that grows in pieces.

/// Items in the order in which they were added, allocated so many at a time: growing never moves them, nor leaves memory
/// behind, which counts where there are a million.
pub(crate) struct Pieces<T, const SIZE: usize> {
    pieces: Vec<Vec<T>>,
    length: usize,
}

impl<T, const SIZE: usize> Default for Pieces<T, SIZE> {
    fn default() -> Self {
        Self { pieces: Vec::new(), length: 0 }
    }
}

impl<T, const SIZE: usize> Pieces<T, SIZE> {
    /// Adds an item, and gives its place.
    pub(crate) fn push(&mut self, item: T) -> usize {
        if self.length == self.pieces.len() * SIZE {
            // the first piece grows as it is needed: most lists are short
            self.pieces.push(if self.length == 0 { Vec::new() } else { Vec::with_capacity(SIZE) });
        }
        if let Some(last) = self.pieces.last_mut() {
            last.push(item);
            self.length += 1;
        }
        self.length - 1
    }

    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.pieces.get(place / SIZE)?.get(place % SIZE)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.pieces.get_mut(place / SIZE)?.get_mut(place % SIZE)
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pieces.iter().flatten()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.pieces.iter_mut().flatten()
    }

    /// Takes all items out, and keeps some of their memory.
    pub(crate) fn clear(&mut self) {
        self.pieces.truncate(1);
        self.pieces.iter_mut().for_each(Vec::clear);
        self.length = 0;
    }
}
