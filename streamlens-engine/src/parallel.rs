//! Work on many items by several threads.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::slice::ChunksMut;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Items that a thread takes at a time.
const RUN: usize = 64;
/// Runs for each thread that may be made and not taken yet.
const RUNS: usize = 8;

/// What the threads tell each other.
struct Board<T> {
    /// The next run to be made, and the next to be handed on.
    next: usize,
    taken: usize,
    /// What was made of a run, by its number.
    made: BTreeMap<usize, T>,
    /// What was handed on; its memory is used again.
    spare: Vec<T>,
    /// Threads that wait for something to change: to wake nobody takes a system call too.
    waiting: usize,
    is_over: bool,
}

/// The runs of one call.
struct Runs<T> {
    count: usize,
    /// How many may be made and not taken yet.
    most: usize,
    board: Mutex<Board<T>>,
    has_changed: Condvar,
}

impl<T> Runs<T> {
    /// Makes a run; waits where there is none that may be made now.
    fn make<'b>(
        &'b self,
        mut board: MutexGuard<'b, Board<T>>,
        blank: impl FnOnce() -> T,
        make: impl FnOnce(usize, &mut T),
    ) -> MutexGuard<'b, Board<T>> {
        if !self.has_more(&board) || board.next >= board.taken + self.most {
            board.waiting += 1;
            board = self.has_changed.wait(board).unwrap_or_else(PoisonError::into_inner);
            board.waiting -= 1;
            return board;
        }
        let run = board.next;
        board.next += 1;
        let piece = board.spare.pop();
        drop(board);
        let mut piece = piece.unwrap_or_else(blank);
        make(run, &mut piece);
        board = self.board();
        board.made.insert(run, piece);
        self.wake(&board);
        board
    }
}

impl<T> Runs<T> {
    fn board(&self) -> MutexGuard<'_, Board<T>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those that wait that something has changed.
    fn wake(&self, board: &Board<T>) {
        if board.waiting > 0 {
            self.has_changed.notify_all();
        }
    }

    /// Whether there is another run to be made, now or later.
    fn has_more(&self, board: &Board<T>) -> bool {
        !board.is_over && board.next < self.count
    }
}

/// Lets the others go when a thread ends, be it by a panic.
struct Over<'r, T>(&'r Runs<T>);

impl<T> Drop for Over<'_, T> {
    fn drop(&mut self) {
        let mut board = self.0.board();
        board.is_over |= std::thread::panicking() || board.taken == self.0.count;
        self.0.wake(&board);
    }
}

/// Makes chunks of items, with a state for each thread: `make` adds some items to a chunk (which `blank` returns empty), and
/// `take` gets the chunks in the order of the items, and empties them. Returns the states.
pub(crate) fn map_chunks_ordered<I: Sync, S: Send, T: Send>(
    threads: usize,
    items: &[I],
    state: impl Fn() -> S,
    blank: impl Fn() -> T + Sync,
    make: impl Fn(&mut S, &mut T, &[I]) + Sync,
    mut take: impl FnMut(&mut T),
) -> Vec<S> {
    let count = items.len().div_ceil(RUN);
    let threads = threads.clamp(1, count.max(1));
    let mut states: Vec<S> = (0..threads).map(|_| state()).collect();
    let board = Board { next: 0, taken: 0, made: BTreeMap::new(), spare: Vec::new(), waiting: 0, is_over: false };
    let runs = Runs { count, most: RUNS * threads, board: Mutex::new(board), has_changed: Condvar::new() };
    let work = |state: &mut S, run: usize, piece: &mut T| {
        make(state, piece, items.chunks(RUN).nth(run).unwrap_or_default());
    };
    std::thread::scope(|scope| {
        let Some((own, others)) = states.split_first_mut() else { return };
        for state in others {
            scope.spawn(|| {
                let _over = Over(&runs);
                let mut board = runs.board();
                while runs.has_more(&board) {
                    board = runs.make(board, &blank, |run, piece| work(state, run, piece));
                }
            });
        }
        let _over = Over(&runs);
        let mut board = runs.board();
        while board.taken < count && !board.is_over {
            let next = board.taken;
            let Some(mut made) = board.made.remove(&next) else {
                board = runs.make(board, &blank, |run, piece| work(own, run, piece));
                continue;
            };
            drop(board);
            take(&mut made);
            board = runs.board();
            board.spare.push(made);
            board.taken += 1;
            runs.wake(&board);
        }
    });
    states
}

/// A part of a list for each thread.
fn shares<I>(threads: usize, items: &mut [I]) -> ChunksMut<'_, I> {
    items.chunks_mut(items.len().div_ceil(threads.max(1)).max(1))
}

/// Works on each item of a list, on several threads.
pub(crate) fn each<I: Send>(threads: usize, items: &mut [I], work: impl Fn(&mut I) + Sync) {
    let threads = threads.clamp(1, items.len().max(1));
    let items = Mutex::new(items.iter_mut());
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work_on = || std::iter::from_fn(next).for_each(&work);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work_on);
        }
        work_on();
    });
}

/// Sorts a list in parts, on several threads.
pub(crate) fn sort<I: Send>(threads: usize, items: &mut [I], compare: impl Fn(&I, &I) -> Ordering + Sync) {
    let mut shares: Vec<_> = shares(threads, items).collect();
    // a stable sort sees where parts are in order already, and merges them
    each(threads, &mut shares, |share| share.sort_by(&compare));
    items.sort_by(compare);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_every_item_is_worked_on_once() {
        let items: Vec<u32> = (0..10_000).collect();
        for threads in [1, 2, 7] {
            let mut made = Vec::new();
            let make = |count: &mut usize, piece: &mut Vec<u32>, items: &[u32]| {
                *count += items.len();
                piece.extend(items.iter().map(|item| item * 2));
            };
            let counts = map_chunks_ordered(threads, &items, || 0, Vec::new, make, |piece| made.append(piece));
            assert_eq!(counts.iter().sum::<usize>(), items.len());
            assert!(made.iter().zip(&items).all(|(made, item)| *made == item * 2));
            assert_eq!(made.len(), items.len());
        }
    }

    #[test]
    fn a_panic_ends_the_others_too() {
        let items: Vec<u32> = (0..100_000).collect();
        for (bad, is_taking) in [(70, false), (99_999, false), (70, true)] {
            let make = |(): &mut (), piece: &mut Vec<u32>, items: &[u32]| {
                assert!(is_taking || !items.contains(&bad), "made to fail");
                piece.extend(items);
            };
            let take = |piece: &mut Vec<u32>| {
                piece.drain(..).for_each(|item| assert!(!is_taking || item != bad, "made to fail"))
            };
            let run = std::panic::AssertUnwindSafe(|| map_chunks_ordered(3, &items, || (), Vec::new, make, take));
            assert!(std::panic::catch_unwind(run).is_err(), "{bad} {is_taking}");
        }
    }

    #[test]
    fn a_list_is_sorted_by_any_number_of_threads() {
        for (threads, count) in [(1, 100), (2, 101), (3, 2), (4, 0)] {
            let mut items: Vec<u32> = (0..count).map(|number| number * 7919 % 101).collect();
            let mut wanted = items.clone();
            wanted.sort_unstable();
            sort(threads, &mut items, u32::cmp);
            assert_eq!(items, wanted);
        }
    }

    #[test]
    fn every_item_of_a_list_is_worked_on() {
        for (threads, count) in [(1, 5), (2, 5), (3, 2), (4, 0)] {
            let mut items: Vec<u32> = (0..count).collect();
            each(threads, &mut items, |item| *item += 1);
            assert!(items.into_iter().eq(1..=count), "{threads}");
        }
    }
}
