//! Work on many items by several threads, with the results in the order of the items.

use std::collections::BTreeMap;
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
    /// Runs that were made, by number.
    made: BTreeMap<usize, Vec<T>>,
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
    fn board(&self) -> MutexGuard<'_, Board<T>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is another run to be made, now or later.
    fn has_more(&self, board: &Board<T>) -> bool {
        !board.is_over && board.next < self.count
    }

    /// Makes a run; waits where there is none that may be made now.
    fn make<'b>(
        &'b self,
        mut board: MutexGuard<'b, Board<T>>,
        make: impl FnOnce(usize) -> Vec<T>,
    ) -> MutexGuard<'b, Board<T>> {
        if !self.has_more(&board) || board.next >= board.taken + self.most {
            return self.has_changed.wait(board).unwrap_or_else(PoisonError::into_inner);
        }
        let run = board.next;
        board.next += 1;
        drop(board);
        let made = make(run);
        board = self.board();
        board.made.insert(run, made);
        self.has_changed.notify_all();
        board
    }
}

/// Lets the others go when a thread ends, be it by a panic.
struct Over<'r, T>(&'r Runs<T>);

impl<T> Drop for Over<'_, T> {
    fn drop(&mut self) {
        let mut board = self.0.board();
        board.is_over |= std::thread::panicking() || board.taken == self.0.count;
        self.0.has_changed.notify_all();
    }
}

/// Makes something of every item, with a state for each thread, and hands the results on, in the order of the items, until
/// `take` says that it wants no more. Gives the states back.
pub(super) fn in_order<I: Sync, S: Send, T: Send>(
    threads: usize,
    items: &[I],
    state: impl Fn() -> S,
    make: impl Fn(&mut S, &I) -> T + Sync,
    mut take: impl FnMut(T) -> bool,
) -> Vec<S> {
    let count = items.len().div_ceil(RUN);
    let threads = threads.clamp(1, count.max(1));
    let mut states: Vec<S> = (0..threads).map(|_| state()).collect();
    let board = Mutex::new(Board { next: 0, taken: 0, made: BTreeMap::new(), is_over: false });
    let runs = Runs { count, most: RUNS * threads, board, has_changed: Condvar::new() };
    let work = |state: &mut S, run: usize| {
        let items = items.chunks(RUN).nth(run).unwrap_or_default();
        items.iter().map(|item| make(state, item)).collect()
    };
    std::thread::scope(|scope| {
        let Some((own, others)) = states.split_first_mut() else { return };
        for state in others {
            scope.spawn(|| {
                let _over = Over(&runs);
                let mut board = runs.board();
                while runs.has_more(&board) {
                    board = runs.make(board, |run| work(state, run));
                }
            });
        }
        let _over = Over(&runs);
        let mut board = runs.board();
        while board.taken < count && !board.is_over {
            let next = board.taken;
            let Some(made) = board.made.remove(&next) else {
                board = runs.make(board, |run| work(own, run));
                continue;
            };
            drop(board);
            let wants_more = made.into_iter().all(&mut take);
            board = runs.board();
            board.taken += 1;
            board.is_over |= !wants_more;
            runs.has_changed.notify_all();
        }
    });
    states
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_every_item_is_worked_on_once() {
        let items: Vec<u32> = (0..10_000).collect();
        for threads in [1, 2, 7] {
            let mut made = Vec::new();
            let counts = in_order(
                threads,
                &items,
                || 0_usize,
                |count, item| {
                    *count += 1;
                    item * 2
                },
                |result| {
                    made.push(result);
                    true
                },
            );
            assert_eq!(counts.iter().sum::<usize>(), items.len());
            assert!(made.iter().zip(&items).all(|(made, item)| *made == item * 2));
            assert_eq!(made.len(), items.len());
        }
    }

    #[test]
    fn a_panic_ends_the_others_too() {
        let items: Vec<u32> = (0..100_000).collect();
        for (bad, is_taking) in [(70, false), (99_999, false), (70, true)] {
            let make = |(): &mut (), item: &u32| {
                assert!(is_taking || *item != bad, "made to fail");
                *item
            };
            let take = |item: u32| {
                assert!(!is_taking || item != bad, "made to fail");
                true
            };
            let run = std::panic::AssertUnwindSafe(|| in_order(3, &items, || (), make, take));
            assert!(std::panic::catch_unwind(run).is_err(), "{bad} {is_taking}");
        }
    }

    #[test]
    fn nothing_is_handed_on_when_no_more_is_wanted() {
        let mut taken = 0;
        in_order(
            2,
            &[(); 5000],
            || (),
            |(), ()| (),
            |()| {
                taken += 1;
                taken < 100
            },
        );
        assert_eq!(taken, 100);
    }
}
