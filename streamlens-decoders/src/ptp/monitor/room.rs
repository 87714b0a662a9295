//! The memory that the tables of all domains may take together.

/// Bytes of all tables: a million port identities of one hostile flow take no more.
const MOST: usize = 48 << 20;

/// What is left of it.
#[derive(Debug)]
pub(super) struct Room {
    left: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { left: MOST }
    }
}

impl Room {
    /// Takes so many bytes; false, and nothing taken, where they are not left.
    #[cold]
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }
}
