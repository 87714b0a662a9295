//! A list that grows in chunks.

/// Items in the order in which they were added, allocated so many at a time: growing never moves them, nor leaves memory
/// behind, which counts where there are a million.
pub(crate) struct ChunkedVec<T, const SIZE: usize> {
    chunks: Vec<Vec<T>>,
    length: usize,
}

impl<T, const SIZE: usize> Default for ChunkedVec<T, SIZE> {
    fn default() -> Self {
        Self { chunks: Vec::new(), length: 0 }
    }
}

impl<T, const SIZE: usize> ChunkedVec<T, SIZE> {
    /// Adds an item and returns its index.
    pub(crate) fn push(&mut self, item: T) -> usize {
        if self.length == self.chunks.len() * SIZE {
            // the first chunk grows as it is needed: most lists are short
            self.chunks.push(if self.length == 0 { Vec::new() } else { Vec::with_capacity(SIZE) });
        }
        if let Some(last) = self.chunks.last_mut() {
            last.push(item);
            self.length += 1;
        }
        self.length - 1
    }

    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.chunks.get(place / SIZE)?.get(place % SIZE)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.chunks.get_mut(place / SIZE)?.get_mut(place % SIZE)
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.chunks.iter_mut().flatten()
    }

    /// Takes all items out, and keeps some of their memory.
    pub(crate) fn clear(&mut self) {
        self.chunks.truncate(1);
        self.chunks.iter_mut().for_each(Vec::clear);
        self.length = 0;
    }
}
